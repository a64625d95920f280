//! What is compared with what: the incident's own time, and times before it that were healthy.

use model::{TimeRange, UnixNanos};

/// Two stretches of event time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    /// Healthy times; may be several, may be empty. What overlaps with `current` counts as current.
    pub reference: Vec<TimeRange>,
    /// The incident, from a little before its first alert to now. Where in it the fault began is found
    /// out, so it may begin too early, not too late.
    pub current: TimeRange,
}

impl Default for Window {
    fn default() -> Self {
        let never = TimeRange { from: UnixNanos(0), until: UnixNanos(0) };
        Self { reference: Vec::new(), current: never }
    }
}

/// Where a time lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Reference,
    Current,
}

impl Window {
    pub(crate) fn side(&self, time: i64) -> Option<Side> {
        let within = |range: &TimeRange| range.from.0 <= time && time < range.until.0;
        if within(&self.current) {
            Some(Side::Current)
        } else if self.reference.iter().any(within) {
            Some(Side::Reference)
        } else {
            None
        }
    }
}

/// Splits are tried at this many places at most, and not closer than [`SLOT_MIN_NS`].
pub(crate) const SLOTS_MAX: usize = 12;
const SLOT_MIN_NS: i64 = 5 * UnixNanos::SECOND;
/// A fault that is no longer seen in the newest stretch is not this incident's. The stretch is this long,
/// or a third of what is seen, if that is less.
const NEWEST_NS: i64 = 60 * UnixNanos::SECOND;

/// The current range cut into slots of equal length; slot 0 is the reference.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    window: Window,
    from: i64,
    slot_ns: i64,
    /// Slots of the current range.
    pub(crate) count: usize,
    /// First slot of the newest stretch.
    pub(crate) newest: usize,
}

/// Counts per slot, the reference first.
pub(crate) type Counts = [u32; SLOTS_MAX + 1];

impl Slots {
    /// Cuts the stretch from `first` to `last` current time that was really seen.
    pub(crate) fn new(window: &Window, first: i64, last: i64) -> Self {
        let extent = last.saturating_sub(first).saturating_add(1).max(1);
        let slot_ns = SLOT_MIN_NS.max((extent - 1) / SLOTS_MAX as i64 + 1);
        let count = (((extent - 1) / slot_ns + 1) as usize).clamp(1, SLOTS_MAX);
        let newest_slots = ((NEWEST_NS.min(extent / 3) + slot_ns / 2) / slot_ns).clamp(1, count as i64) as usize;
        Self { window: window.clone(), from: first, slot_ns, count, newest: count + 1 - newest_slots }
    }

    /// Of the times that were seen, current or not.
    pub(crate) fn over(window: &Window, times: impl Iterator<Item = i64>) -> Self {
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for time in times.filter(|time| window.side(*time) == Some(Side::Current)) {
            first = first.min(time);
            last = last.max(time);
        }
        if first > last { Self::new(window, 0, 0) } else { Self::new(window, first, last) }
    }

    pub(crate) fn of(&self, time: i64) -> Option<usize> {
        match self.window.side(time)? {
            Side::Reference => Some(0),
            Side::Current => {
                Some(1 + (time.saturating_sub(self.from).max(0) / self.slot_ns).min(self.count as i64 - 1) as usize)
            }
        }
    }

    /// Slots that may begin the fault: the first, and all that leave the newest stretch behind them.
    pub(crate) fn splits(&self) -> std::ops::RangeInclusive<usize> {
        1..=self.newest.max(1)
    }

    /// When a slot begins.
    pub(crate) fn start(&self, slot: usize) -> i64 {
        self.from.saturating_add((slot.max(1) as i64 - 1).saturating_mul(self.slot_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = UnixNanos::SECOND;

    fn window() -> Window {
        let range =
            |from: i64, until: i64| TimeRange { from: UnixNanos(from * SECOND), until: UnixNanos(until * SECOND) };
        Window { reference: vec![range(0, 600)], current: range(500, 900) }
    }

    #[test]
    fn where_reference_and_current_overlap_time_is_current() {
        assert_eq!(window().side(499 * SECOND), Some(Side::Reference));
        assert_eq!(window().side(500 * SECOND), Some(Side::Current));
        assert_eq!(window().side(900 * SECOND), None);
    }

    #[test]
    fn three_minutes_are_twelve_slots_and_the_last_four_are_the_newest_minute() {
        let slots = Slots::over(&window(), (510..690).map(|s| s * SECOND));
        assert_eq!((slots.count, slots.newest), (12, 9));
        assert_eq!(slots.of(510 * SECOND), Some(1));
        assert_eq!(slots.of(689 * SECOND), Some(12));
        assert_eq!(slots.of(10 * SECOND), Some(0));
        assert!((slots.start(2) - 525 * SECOND).abs() < SECOND);
    }

    #[test]
    fn without_any_current_row_there_is_one_slot() {
        let slots = Slots::over(&window(), std::iter::empty());
        assert_eq!((slots.count, slots.newest), (1, 1));
    }
}
