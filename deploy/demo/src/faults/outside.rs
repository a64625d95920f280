//! Faults that come from outside the programs: a provider, a configuration, too many customers.

use crate::estate::services::COUPON;
use crate::estate::stores::PAY;
use crate::trading::Company;
use crate::world::PartyState;

/// How the provider answers on a bad day.
const DOWN: PartyState = PartyState { refuses: 0.75, hangs: 0.35 };
const UP: PartyState = PartyState { refuses: 0.001, hangs: 0.0 };
const SURGE: f64 = 5.0;

pub(super) fn provider_down(company: &mut Company) {
    company.world.parties[PAY.id] = DOWN;
}

pub(super) fn provider_up(company: &mut Company) {
    company.world.parties[PAY.id] = UP;
}

pub(super) fn expire_coupons(company: &mut Company) {
    company.tell_change(COUPON.name, "config", "118", "119");
    company.world.business.coupons_expired = true;
}

pub(super) fn restore_coupons(company: &mut Company) {
    company.tell_change(COUPON.name, "config", "119", "120");
    company.world.business.coupons_expired = false;
}

pub(super) fn surge(company: &mut Company) {
    company.world.business.surge = SURGE;
}

pub(super) fn stop_surge(company: &mut Company) {
    company.world.business.surge = 1.0;
}
