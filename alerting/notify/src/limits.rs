//! How much a channel bears, and how its digests are shaped.

use std::time::Duration;

/// What one robot or endpoint takes. The figures stay below what the platforms publish, since a platform
/// counts arrivals and we count departures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    /// Messages in any minute.
    pub(crate) per_minute: u32,
    /// Messages in any second.
    pub(crate) per_second: u32,
    /// Of the minute's messages, those kept for what is critical or over.
    pub(crate) reserve: u32,
    /// Deliveries at the same time.
    pub(crate) concurrent: usize,
    /// How long nothing is sent after the platform has said "too fast".
    pub(crate) penalty: Duration,
    /// Incidents in one digest with a sentence each, and with the least each. 0: never a digest.
    pub(crate) digest: (usize, usize),
}

/// The window that a minute's messages are counted in: a little more, for clocks that differ.
pub(crate) const MINUTE: Duration = Duration::from_secs(61);
pub(crate) const SECOND: Duration = Duration::from_millis(1050);

impl Limits {
    /// The same with a lower limit of one's own.
    pub(crate) fn at_most(self, per_minute: Option<u32>) -> Self {
        let per_minute = per_minute.unwrap_or(self.per_minute).clamp(1, self.per_minute);
        Self { per_minute, reserve: self.reserve.min(per_minute / 4), ..self }
    }
}
