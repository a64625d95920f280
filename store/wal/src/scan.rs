//! Finding the records in the bytes of one segment. Pure: bytes in, places out.
//!
//! Damage never hides what lies behind it: after a place that holds no valid record the search goes
//! on, eight bytes at a time. Three things keep rubbish from passing for a record: both checksums are
//! salted, numbers must rise, and a gap may not miss more records than fit into its bytes.

use crate::Lsn;
use crate::record::{ALIGN, HEAD_BYTES, Head, Salted, framed_bytes};
use crate::segment::RECORDS_AT;
use std::ops::Range;

/// What stands somewhere in a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    Record { lsn: Lsn, payload: Range<usize> },
    Damage { bytes: Range<u64>, missing: Range<Lsn>, was_durable: bool },
}

/// A segment, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Scan {
    pub(crate) found: Vec<Found>,
    /// Where the last valid record ends.
    pub(crate) end_at: u64,
    /// One more than the last valid record's number.
    pub(crate) end: Lsn,
    /// One more than the highest number any head stated, whole or torn.
    pub(crate) seen: Lsn,
    /// All records before it were durable: the latest that a valid record says.
    pub(crate) durable: Lsn,
}

impl Scan {
    /// Where the valid records begin and end that nothing says were durable, `known` included; empty if
    /// there are none.
    pub(crate) fn doubtful(&self, known: Lsn) -> Range<usize> {
        let known = known.max(self.durable);
        let end = usize::try_from(self.end_at).unwrap_or(usize::MAX);
        let first = self.found.iter().find_map(|found| match found {
            Found::Record { lsn, payload } if *lsn >= known => Some(payload.start - HEAD_BYTES as usize),
            _ => None,
        });
        first.unwrap_or(end)..end
    }
}

/// Reads a segment whose first record has number `first`, as far as records below `until`.
/// `durable_later` is what later segments of the same run know to have been durable.
pub(crate) fn scan(bytes: &[u8], salted: &Salted, first: Lsn, until: Lsn, durable_later: Lsn) -> Scan {
    let mut scan = Scan { found: Vec::new(), end_at: RECORDS_AT, end: first, seen: first, durable: Lsn::ZERO };
    // What each find knew to be durable, for the second pass.
    let mut durable = Vec::new();
    let mut at = RECORDS_AT;
    while let Some(rest) = usize::try_from(at).ok().and_then(|at| bytes.get(at..)) {
        if rest.len() < framed_bytes(0) as usize {
            break;
        }
        let Some(head) = scan.head_at(rest, at, salted) else {
            at += ALIGN;
            continue;
        };
        if head.lsn >= until {
            break;
        }
        scan.seen = scan.seen.max(head.lsn.next());
        let next = at + head.framed_bytes();
        if let Some(payload) = head.payload(rest, salted) {
            if head.lsn > scan.end || at > scan.end_at {
                let missing = scan.end..head.lsn;
                scan.found.push(Found::Damage { bytes: scan.end_at..at, missing, was_durable: false });
                durable.push(Lsn::ZERO);
            }
            let start = at as usize + (payload.as_ptr() as usize - rest.as_ptr() as usize);
            scan.found.push(Found::Record { lsn: head.lsn, payload: start..start + payload.len() });
            durable.push(head.durable);
            scan.durable = scan.durable.max(head.durable);
            (scan.end, scan.end_at) = (head.lsn.next(), next);
        }
        at = next;
    }
    scan.judge(&durable, durable_later);
    scan
}

impl Scan {
    /// The head at `at`, if it can follow what was found so far.
    fn head_at(&self, rest: &[u8], at: u64, salted: &Salted) -> Option<Head> {
        if rest[..ALIGN as usize] == [0; ALIGN as usize] {
            return None;
        }
        let head = Head::decode(rest, salted)?;
        let missed = head.lsn.0.checked_sub(self.end.0)?;
        (missed <= (at - self.end_at) / framed_bytes(0)).then_some(head)
    }

    /// A gap was durable if anything behind it says that more than its start was.
    fn judge(&mut self, durable: &[Lsn], durable_later: Lsn) {
        let mut behind = durable_later;
        for (found, durable) in self.found.iter_mut().zip(durable).rev() {
            match found {
                Found::Record { .. } => behind = behind.max(*durable),
                Found::Damage { missing, was_durable, .. } => *was_durable = behind > missing.start,
            }
        }
    }
}
