//! What no body in the log says: how many items were refused or repeated, as a record of its own.
//!
//! A tally is the counts since the one before it. It joins the generation in whose range its record
//! lies, in the moment its record is durable, so that a replay counts it once or not at all, as it does
//! rows. Like a head (see [`crate::envelope`]) it begins with a version that stays readable for ever.

use crate::envelope::{EnvelopeError, get_text, put_text, signal_code, signal_of};
use crate::ledger::{Counts, Deltas, LedgerRow};
use bytes::{Buf, BufMut};
use model::{UnixNanos, Workspace};
use std::time::Duration;

/// The version of a record that is a tally; heads count their versions from 1.
pub(crate) const VERSION: u8 = 128;
/// Tallies are not closer together: what is refused under load is one small record a second.
pub(crate) const EVERY: Duration = Duration::from_secs(1);

/// Whether a record is a tally.
pub(crate) fn is_tally(record: &[u8]) -> bool {
    record.first() == Some(&VERSION)
}

pub(crate) fn encode(counts: &Deltas) -> Vec<u8> {
    let mut out = vec![VERSION];
    for workspace in counts.workspaces() {
        for row in counts.rows(&workspace) {
            put_text(&mut out, Some(workspace.as_str()));
            put_text(&mut out, Some(&row.service));
            put_text(&mut out, row.instance.as_deref());
            put_text(&mut out, row.token.as_deref());
            out.put_u8(signal_code(row.signal));
            out.put_i64_le(row.minute.0);
            row.counts.named().iter().for_each(|(_, count)| out.put_u64_le(*count));
        }
    }
    out
}

/// # Errors
/// `Damaged` for bytes that are no tally.
pub(crate) fn decode(record: &[u8]) -> Result<Deltas, EnvelopeError> {
    let mut at = record.strip_prefix(&[VERSION]).ok_or(EnvelopeError::Damaged("no tally"))?;
    let mut counts = Deltas::default();
    while !at.is_empty() {
        let (workspace, row) = row(&mut at)?;
        counts.add(workspace, row);
    }
    Ok(counts)
}

fn row(at: &mut &[u8]) -> Result<(Workspace, LedgerRow), EnvelopeError> {
    let short = |_| EnvelopeError::Damaged("too short");
    let workspace = get_text(at)?.ok_or(EnvelopeError::Damaged("no workspace"))?;
    let workspace = Workspace::new(workspace).map_err(|_| EnvelopeError::Damaged("workspace name"))?;
    let service = get_text(at)?.ok_or(EnvelopeError::Damaged("no service"))?.to_owned();
    let instance = get_text(at)?.map(str::to_owned);
    let token = get_text(at)?.map(Into::into);
    let signal = signal_of(at.try_get_u8().map_err(short)?)?;
    let minute = UnixNanos(at.try_get_i64_le().map_err(short)?);
    let mut count = || at.try_get_u64_le().map_err(short);
    let counts = Counts {
        received: count()?,
        stored: count()?,
        queryable: count()?,
        refused: count()?,
        repeated: count()?,
        dropped_by_sender: count()?,
    };
    Ok((workspace, LedgerRow { minute, service, instance, token, signal, counts }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use crate::ledger::{Fate, Source};
    use model::Signal;
    use proptest::prelude::*;
    use std::sync::Arc;
    use tables::SenderCount;

    fn counted() -> Deltas {
        let (workspace, token): (_, Arc<str>) = (Workspace::new("shop").unwrap(), "collector".into());
        let mut counts = Deltas::default();
        for (instance, token, fate) in
            [(None, None, Fate::Refused), (Some("cart-1"), Some(&token), Fate::Repeated), (None, None, Fate::Repeated)]
        {
            let from = Source {
                workspace: &workspace,
                token,
                signal: Signal::Logs,
                received: UnixNanos(90 * UnixNanos::SECOND),
            };
            let instance = instance.map(Into::into);
            let sender = SenderCount { service: "cart".into(), instance, accepted: 7, ..SenderCount::default() };
            counts.count(&from, &[sender], fate, 10);
        }
        counts
    }

    #[test]
    fn counts_come_back_as_they_were() {
        let counts = counted();
        let record = encode(&counts);
        let read = decode(&record).unwrap();
        assert!(is_tally(&record));
        assert_eq!(read.workspaces(), counts.workspaces());
        for workspace in counts.workspaces() {
            assert_eq!(read.rows(&workspace), counts.rows(&workspace));
        }
        for cut in 2..record.len() {
            // A cut between two rows is a shorter tally; the log's own checksum tells of it.
            let _ = decode(&record[..cut]);
        }
        assert!(decode(&record[..record.len() - 1]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            let _ = decode(&[&[VERSION], &bytes[..]].concat());
        }
    }
}
