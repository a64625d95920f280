//! What the decode targets share: which signal an input is of, and the tables it is poured into.

use model::Signal;
use std::sync::LazyLock;
use tables::PromotedSet;
use tables::build::{BuildSettings, Layout};

/// The default columns and one business key.
pub static LAYOUT: LazyLock<Layout> =
    LazyLock::new(|| Layout::new(BuildSettings::new(PromotedSet::default_with(&["order.id".into()]), &[])));

/// An input is one byte for the signal and the body.
pub fn split(input: &[u8]) -> Option<(Signal, &[u8])> {
    let (first, body) = input.split_first()?;
    Some((Signal::ALL[usize::from(*first) % Signal::ALL.len()], body))
}
