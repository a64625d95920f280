//! Faults of what things are kept in: an index that is gone, a replica that stops, a message nobody can read.

use crate::estate::stores::ORDERS;
use crate::estate::trade::S_ORDER_LIST;
use crate::trading::Company;

/// How many times longer a statement takes that has to look at every row.
const SCAN: f64 = 420.0;

pub(super) fn lose_index(company: &mut Company) {
    company.world.databases[ORDERS.id].scans = Some((S_ORDER_LIST.text, SCAN));
}

pub(super) fn add_index(company: &mut Company) {
    company.world.databases[ORDERS.id].scans = None;
}

pub(super) fn stop_applying(company: &mut Company) {
    company.world.replica_stuck = true;
}

pub(super) fn apply_again(company: &mut Company) {
    company.world.replica_stuck = false;
}

pub(super) fn poison(company: &mut Company) {
    company.world.business.poison = true;
}

pub(super) fn remove_poison(company: &mut Company) {
    company.world.business.poison = false;
    company.remove_poison();
}
