//! Which rows are kept when there are too many: by hashes that are the same on every machine, in every run
//! and for every order of rows.

use crate::names::{Name, Names};
use crate::records::SeriesKey;
use crate::rows::PointRow;
use std::hash::{Hash, Hasher};

/// Beyond this nothing is left to halve.
pub(crate) const HALVINGS_MAX: u32 = 64;

/// Whether a hash is among those that are left after so many halvings.
pub(crate) fn kept(hash: u64, halvings: u32) -> bool {
    halvings == 0 || (halvings < HALVINGS_MAX && hash.leading_zeros() >= halvings)
}

/// A log goes with its trace.
pub(crate) fn log_choice(trace: u128, time: i64) -> u64 {
    mixed(if trace == 0 { time as u128 } else { trace })
}

/// Spreads the bits of an id; ids of tests and of some senders count up.
pub(crate) fn mixed(id: u128) -> u64 {
    let mut hash = (id as u64) ^ ((id >> 64) as u64).rotate_left(32);
    for factor in [0xff51_afd7_ed55_8ccd_u64, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

/// FNV-1a: the same on every machine and in every run.
#[derive(Default)]
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        mixed(u128::from(self.0))
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

pub(crate) fn series_hash(row: &PointRow<'_>) -> u64 {
    let mut hasher = Fnv::default();
    let mut attributes = row.attributes.to_vec();
    attributes.sort_unstable();
    (row.name, row.service, row.instance, row.node, row.unit, attributes).hash(&mut hasher);
    hasher.finish()
}

pub(crate) fn key_hash(key: &SeriesKey, names: &Names) -> u64 {
    let text = |name: Name| names.text(name);
    let mut attributes: Vec<_> = key.attributes.iter().map(|(k, v)| (text(*k), text(*v))).collect();
    attributes.sort_unstable();
    let mut hasher = Fnv::default();
    (text(key.metric), text(key.service), text(key.instance), text(key.node), text(key.unit), attributes)
        .hash(&mut hasher);
    hasher.finish()
}
