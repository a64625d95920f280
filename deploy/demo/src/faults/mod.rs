//! What can go wrong in the company, and the truth about each.
//!
//! A fault turns a cause - a pool that is not given back, an index that is gone, a switch that loses
//! packets - and nothing else: what services, metrics and logs then show follows from the model.

mod catalogue;

pub(crate) use catalogue::CATALOGUE;

use serde::Serialize;
use utoipa::ToSchema;

/// A sentence in both languages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Said {
    pub en: &'static str,
    pub zh: &'static str,
}

/// The truth about one cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
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
