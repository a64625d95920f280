//! What the tables of one request share while it is read: the texts, the keys, the clock.

use super::input::Value;
use super::keys::{KeyUse, Keys};
use super::layout::Layout;
use super::pool::{Text, TextCheck, TextPool};
use super::text::push_scalar;
use crate::flags::RowFlags;
use model::UnixNanos;

#[derive(Debug)]
pub(super) struct Context<'l> {
    pub(super) layout: &'l Layout,
    pub(super) received: UnixNanos,
    /// The size of the request, to allocate by.
    pub(super) bytes_expected: usize,
    pub(super) pool: TextPool,
    pub(super) keys: Keys,
    /// The keys of the list at hand; kept for its allocation.
    pub(super) uses: Vec<KeyUse>,
    scratch: String,
    flag_texts: Vec<(RowFlags, Text)>,
}

impl<'l> Context<'l> {
    pub(super) fn new(layout: &'l Layout, received: UnixNanos, bytes_expected: usize, check: TextCheck) -> Self {
        Self {
            layout,
            received,
            bytes_expected,
            pool: TextPool::new(check, bytes_expected),
            keys: Keys::new(),
            uses: Vec::new(),
            scratch: String::new(),
            flag_texts: Vec::new(),
        }
    }

    /// Canonical text of a value, which probably is `last`; null for an empty value.
    #[inline]
    pub(super) fn value_text(&mut self, last: Text, value: &Value<'_>) -> Text {
        match value {
            Value::String(raw) => self.pool.intern_after(last, raw),
            Value::Text(_, text) => self.pool.intern_after(last, text.as_bytes()),
            Value::Empty => Text::NULL,
            Value::Bool(_) | Value::Int(_) | Value::Double(_) => {
                self.scratch.clear();
                push_scalar(&mut self.scratch, value);
                self.pool.intern_after(last, self.scratch.as_bytes())
            }
        }
    }

    /// The text of a `flags` cell, null where there is nothing to say.
    #[inline]
    pub(super) fn flags_text(&mut self, flags: RowFlags) -> Text {
        if flags.is_empty() {
            return Text::NULL;
        }
        if let Some((_, text)) = self.flag_texts.iter().find(|(known, _)| *known == flags) {
            return *text;
        }
        let text = self.pool.intern(flags.to_string().as_bytes());
        self.flag_texts.push((flags, text));
        text
    }

    /// [`RowFlags::INVALID_UTF8`] if text was repaired since this was last asked.
    #[inline]
    pub(super) fn repair_flag(&mut self) -> RowFlags {
        if self.pool.take_repaired() { RowFlags::INVALID_UTF8 } else { RowFlags::default() }
    }
}

/// Nanoseconds as sent, as stored, and whether they had to be cut to what a timestamp holds.
#[inline]
pub(super) fn stored_time(sent: u64) -> (i64, bool) {
    match i64::try_from(sent) {
        Ok(time) => (time, false),
        Err(_) => (i64::MAX, true),
    }
}

/// Dropped by the sender and cut here.
pub(super) fn dropped(sent: u32, beyond: u64) -> Option<i64> {
    let total = i64::from(sent).saturating_add(i64::try_from(beyond).unwrap_or(i64::MAX));
    (total > 0).then_some(total)
}

/// Least and greatest event time of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeSpan {
    pub(super) min: i64,
    pub(super) max: i64,
}

impl Default for TimeSpan {
    fn default() -> Self {
        Self { min: i64::MAX, max: i64::MIN }
    }
}

impl TimeSpan {
    #[inline]
    pub(super) fn add(&mut self, time: i64) {
        self.min = self.min.min(time);
        self.max = self.max.max(time);
    }
}
