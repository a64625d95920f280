//! Faults of places: a node that hangs, a disk that fills, packets that are late or lost, a region without
//! its gateway.

use crate::estate::places::{GATEWAY_SOUTH, SWITCH};
use crate::estate::services::{INVENTORY, ORDER};
use crate::trading::Company;

const NODE_3: usize = 2;
const NODE_5: usize = 4;
/// For how long the processor is taken away on average, in seconds.
const STALL: f64 = 0.18;
/// Share of the disk that fills in a second.
const FILLS: f64 = 0.06;
/// One way, in nanoseconds.
const DELAY: u64 = 400_000_000;
const LOSES: f64 = 0.42;

pub(super) fn hang(company: &mut Company) {
    company.world.hosts[NODE_3].stall = STALL;
}

pub(super) fn recover(company: &mut Company) {
    company.world.hosts[NODE_3].stall = 0.0;
}

pub(super) fn delay(company: &mut Company) {
    company.world.delays.push((ORDER.id, INVENTORY.id, DELAY));
}

pub(super) fn stop_delaying(company: &mut Company) {
    company.world.delays.clear();
}

pub(super) fn fill_disk(company: &mut Company) {
    company.world.hosts[NODE_5].fills = FILLS;
}

/// Somebody deletes what filled it.
pub(super) fn empty_disk(company: &mut Company) {
    company.world.hosts[NODE_5].fills = 0.0;
    company.world.hosts[NODE_5].disk = 0.55;
}

pub(super) fn gateway_offline(company: &mut Company) {
    company.world.devices[GATEWAY_SOUTH].offline = true;
}

pub(super) fn gateway_online(company: &mut Company) {
    company.world.devices[GATEWAY_SOUTH].offline = false;
}

pub(super) fn lose_packets(company: &mut Company) {
    company.world.devices[SWITCH].loses = LOSES;
}

pub(super) fn keep_packets(company: &mut Company) {
    company.world.devices[SWITCH].loses = 0.0;
}
