//! Entry point for fuzzing and for property tests: any bytes in, no panic and no false claim out.

use crate::{DecodeError, Decoded, Encoding, decode};
use bytes::Bytes;
use model::{Signal, UnixNanos};
use tables::TableId;
use tables::build::Layout;

/// Decodes arbitrary bytes twice; returns the number of items taken, or `None` where the whole
/// request was refused. Panics if the answer contradicts itself, which is what a fuzzer looks for.
pub fn fuzz_entry(layout: &Layout, signal: Signal, encoding: Encoding, body: &[u8]) -> Option<u64> {
    let body = Bytes::copy_from_slice(body);
    let received = UnixNanos(1_700_000_000 * UnixNanos::SECOND);
    let first = decode(layout, signal, encoding, &body, received);
    let second = decode(layout, signal, encoding, &body, received);
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert_same(&first, &second);
            Some(assert_consistent(signal, &first))
        }
        (Err(first), Err(second)) => {
            assert_eq!(first, second, "the same bytes are refused for the same reason");
            let DecodeError::Malformed { at, what } = first else { panic!("{first}") };
            assert!(!at.is_empty() && !what.is_empty(), "a refusal says where and why");
            None
        }
        (first, second) => panic!("the same bytes were taken and refused: {first:?}, {second:?}"),
    }
}

fn assert_same(first: &Decoded, second: &Decoded) {
    assert_eq!((first.rejected, &first.reasons), (second.rejected, &second.reasons), "same refusals");
    assert_eq!(first.batches.senders, second.batches.senders, "same senders");
    assert_eq!(first.batches.tables.len(), second.batches.tables.len(), "same tables");
    for (a, b) in first.batches.tables.iter().zip(&second.batches.tables) {
        assert!(a.table == b.table && a.rows == b.rows, "the same bytes give the same rows of {}", a.table);
    }
}

/// What is counted is what is there; refusals have reasons, and reasons refusals.
fn assert_consistent(signal: Signal, decoded: &Decoded) -> u64 {
    let items = match signal {
        Signal::Traces => TableId::Spans,
        Signal::Metrics => TableId::Metrics,
        Signal::Logs => TableId::Logs,
    };
    let rows = |table| {
        decoded.batches.tables.iter().filter(move |b| b.table == table).map(|b| b.rows.num_rows()).sum::<usize>()
    };
    let accepted: u64 = decoded.batches.senders.iter().map(|sender| sender.accepted).sum();
    let refused: u64 = decoded.batches.senders.iter().map(|sender| sender.refused).sum();
    assert_eq!(accepted, rows(items) as u64, "every item taken is a row");
    assert_eq!(refused, decoded.rejected, "the ledger hears of every refusal");
    assert_eq!(decoded.rejected > 0, !decoded.reasons.is_empty(), "refusals have reasons");
    assert!(accepted == 0 || rows(TableId::Resources) > 0, "rows refer to a resource");
    for batch in &decoded.batches.tables {
        assert!(batch.rows.num_rows() > 0 && batch.time_min <= batch.time_max, "{} says its times", batch.table);
    }
    accepted
}
