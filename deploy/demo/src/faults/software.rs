//! Faults of programs: releases with a mistake in them, a heap that grows, impatience, a till left behind.

use crate::estate::places::TILLS;
use crate::estate::services::{CART, MEMBER, MENU, PAYMENT, POS_CLIENT, PROMOTION, Service};
use crate::trading::{Company, Rollout};
use crate::world::pod::Defect;
use crate::world::{Insists, SECOND};

/// The till that a release does not reach.
const LEFT_BEHIND: &str = "pos-client-S10005";
/// What a request of the leaking build keeps, in bytes at speed 1.
const KEPT: f64 = 7e6;
/// How long promotion-service stumbles, and how much slower it is then.
const HICCUP: u64 = 12 * SECOND;
const HICCUP_TIMES: f64 = 40.0;
const ATTEMPTS: u32 = 10;
const IMPATIENCE_MS: u64 = 120;

/// Between the pods of a release, and between tills.
const PODS_APART: u64 = 5 * SECOND;
const TILLS_APART: u64 = SECOND;

fn build(version: &'static str, defect: Option<Defect>) -> Rollout {
    Rollout { version, defect, apart: PODS_APART }
}

fn back(company: &mut Company, service: &Service) {
    company.roll_out(service, build(service.version, None), None);
}

pub(super) fn leak_connections(company: &mut Company) {
    company.roll_out(&PAYMENT, build("5.1.0", Some(Defect::LeaksConnections)), None);
}

pub(super) fn stop_leaking(company: &mut Company) {
    back(company, &PAYMENT);
}

pub(super) fn read_row_by_row(company: &mut Company) {
    company.roll_out(&MENU, build("2.8.0", Some(Defect::ReadsRowByRow)), None);
}

pub(super) fn read_in_one(company: &mut Company) {
    back(company, &MENU);
}

/// A stumble of the callee, and a caller that answers it with more of the same.
pub(super) fn insist(company: &mut Company) {
    let insists = Insists { from: CART.id, to: PROMOTION.id, attempts: ATTEMPTS, timeout_ms: IMPATIENCE_MS };
    company.world.insists.push(insists);
    company.world.hiccup = Some((PROMOTION.id, HICCUP_TIMES, company.now + HICCUP));
}

pub(super) fn stop_insisting(company: &mut Company) {
    company.world.insists.retain(|insists| insists.from != CART.id);
}

fn leaking(company: &Company) -> Option<usize> {
    company.world.pods.iter().position(|pod| pod.pod.service.id == MEMBER.id && pod.pod.ordinal == 1)
}

pub(super) fn keep_sessions(company: &mut Company) {
    if let Some(pod) = leaking(company) {
        company.world.pods[pod].keeps = KEPT / company.world.speed;
    }
}

pub(super) fn forget_sessions(company: &mut Company) {
    if let Some(pod) = leaking(company) {
        let now = company.now;
        company.world.pods[pod].keeps = 0.0;
        company.world.pods[pod].restart(now, false);
    }
}

/// Every till is released but one; the gateway wants the new protocol once it has gone round.
pub(super) fn leave_behind(company: &mut Company) {
    let rollout = Rollout { apart: TILLS_APART, ..build("6.9.0", None) };
    company.roll_out(&POS_CLIENT, rollout, Some(LEFT_BEHIND));
    company.require_protocol(rollout.version, TILLS as u64 * TILLS_APART);
}

pub(super) fn catch_up(company: &mut Company) {
    company.world.business.protocol = None;
    back(company, &POS_CLIENT);
}
