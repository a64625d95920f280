//! What can go wrong in the company, and the truth about each.
//!
//! A fault turns a cause - a pool that is not given back, an index that is gone, a switch that loses
//! packets - and nothing else: what services, metrics and logs then show follows from the model.

mod catalogue;
mod outside;
mod places;
mod software;
mod stores;

pub(crate) use catalogue::CATALOGUE;

use crate::trading::Company;
use serde::Serialize;
use utoipa::ToSchema;

/// A sentence in both languages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = DemoSaid)]
pub struct Said {
    pub en: &'static str,
    pub zh: &'static str,
}

/// The truth about one cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = DemoAnswer)]
pub struct Answer {
    /// Entities (`kind:name`) that are right to name, best first.
    pub entities: &'static [&'static str],
    /// Kinds of cause that are right to name, best first.
    pub kinds: &'static [&'static str],
    /// Operations (`SERVICE/NAME`) that suffer.
    pub hurts: &'static [&'static str],
    /// Target of the change that did it, if one did.
    pub change: Option<&'static str>,
}

impl Answer {
    /// Whether an entity (`kind:name`) is right to name. An instance or operation stands for its service, a change
    /// for its target, a store may be called without its system, and load has no name of its own.
    pub fn names(&self, entity: &str) -> bool {
        let (kind, name) = entity.split_once(':').unwrap_or(("service", entity));
        self.entities.iter().any(|expected| {
            let (wanted, of) = expected.split_once(':').unwrap_or(("service", expected));
            match (wanted, kind) {
                ("traffic", "traffic") => true,
                ("service", "operation") => name.split_once('/').is_some_and(|(service, _)| service == of),
                ("database" | "queue", _) if wanted == kind => of == name || of.rsplit('/').next() == Some(name),
                ("service", "instance") => name.strip_prefix(of).is_some_and(|rest| rest.starts_with('-')),
                _ => wanted == kind && of == name,
            }
        }) || (kind == "change" && self.change.is_some_and(|target| name.contains(target)))
    }

    /// Whether a kind of cause is right to name.
    pub fn accepts(&self, kind: &str) -> bool {
        self.kinds.contains(&kind)
    }
}

/// One fault of the catalogue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fault {
    /// The kind of its cause; kinds joined by `+` where it is several at once.
    pub(crate) name: &'static str,
    pub(crate) title: Said,
    pub(crate) description: Said,
    pub(crate) parts: &'static [&'static str],
    pub(crate) answers: &'static [Answer],
}

impl Fault {
    pub(crate) fn parts_or_itself(&'static self) -> &'static [&'static str] {
        if self.parts.is_empty() { std::slice::from_ref(&self.name) } else { self.parts }
    }
}

pub(crate) fn named(name: &str) -> Option<&'static Fault> {
    CATALOGUE.iter().find(|fault| fault.name == name)
}

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|fault| fault.name)
}

/// Turns a cause on, or off again.
type Turn = fn(&mut Company);

/// How each fault that is not several begins and ends.
const TURNS: &[(&str, Turn, Turn)] = &[
    ("connection_pool", software::leak_connections, software::stop_leaking),
    ("slow_sql", stores::lose_index, stores::add_index),
    ("n_plus_one", software::read_row_by_row, software::read_in_one),
    ("host", places::hang, places::recover),
    ("network", places::delay, places::stop_delaying),
    ("third_party", outside::provider_down, outside::provider_up),
    ("config", outside::expire_coupons, outside::restore_coupons),
    ("poison_message", stores::poison, stores::remove_poison),
    ("retry_storm", software::insist, software::stop_insisting),
    ("memory", software::keep_sessions, software::forget_sessions),
    ("disk", places::fill_disk, places::empty_disk),
    ("region", places::gateway_offline, places::gateway_online),
    ("traffic", outside::surge, outside::stop_surge),
    ("device", places::lose_packets, places::keep_packets),
    ("version_drift", software::leave_behind, software::catch_up),
    ("replica_lag", stores::stop_applying, stores::apply_again),
];

pub(crate) fn begin(company: &mut Company, name: &str) {
    if let Some((_, begin, _)) = TURNS.iter().find(|(of, _, _)| *of == name) {
        begin(company);
    }
}

pub(crate) fn end(company: &mut Company, name: &str) {
    if let Some((_, _, end)) = TURNS.iter().find(|(of, _, _)| *of == name) {
        end(company);
    }
}

#[cfg(test)]
mod tests;
