//! Oddities of a row: kept, and said in its `flags` column.

use std::fmt;

macro_rules! row_flags {
    ($($name:ident = $bit:literal => $text:literal, $doc:literal;)*) => {
        /// A set of oddities. In memory bits, in the table comma-separated names (null when none).
        #[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
        pub struct RowFlags(pub u16);

        impl RowFlags {
            $(#[doc = $doc] pub const $name: RowFlags = RowFlags(1 << $bit);)*
            const NAMES: &'static [(RowFlags, &'static str)] = &[$((RowFlags::$name, $text)),*];
        }
    };
}

row_flags! {
    ZERO_ID = 0 => "zero_id", "Trace or span id is absent or all zero.";
    TIME_IMPLAUSIBLE = 1 => "time_implausible", "Before 2000, more than a day ahead of receipt, or outside 1677 to 2262.";
    ENDS_BEFORE_START = 2 => "ends_before_start", "End time lies before start time; the duration is negative.";
    INVALID_UTF8 = 3 => "invalid_utf8", "Text was not UTF-8 and was repaired with U+FFFD.";
    TIME_MISSING = 4 => "time_missing", "No event time was sent; observed or receive time stands in.";
    DUPLICATE = 5 => "duplicate", "The same span id came before in this request with another content.";
    TOO_DEEP = 6 => "too_deep", "A value was nested deeper than 64 levels and was cut there.";
    SELF_PARENT = 7 => "self_parent", "The span names itself as its parent.";
    DUPLICATE_KEY = 8 => "duplicate_key", "A key was sent twice; reading by key gives the first value.";
    ATTRIBUTES_CUT = 9 => "attributes_cut", "More attributes were sent than are kept; the rest are counted as dropped.";
    NESTED_CUT = 10 => "nested_cut", "More events, links or exemplars were sent than are kept; the rest of events and links are counted as dropped.";
    ENTITIES_CUT = 11 => "entities_cut", "A business event named more entities than are kept.";
    VALUE_CUT = 12 => "value_cut", "A text of a business event, change or heartbeat was longer than is kept and was cut.";
    EVENT_MALFORMED = 13 => "event_malformed", "Part of a business event, change or heartbeat is missing or could not be read; the rest stands.";
    SCOPE_CUT = 14 => "scope_cut", "The sender has dropped attributes of the instrumentation scope; how many is not kept.";
}

impl RowFlags {
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn insert(&mut self, other: RowFlags) {
        self.0 |= other.0;
    }

    pub fn contains(self, other: RowFlags) -> bool {
        self.0 & other.0 == other.0
    }
}

impl fmt::Display for RowFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (_, name) in Self::NAMES.iter().filter(|(flag, _)| self.contains(*flag)) {
            if !std::mem::take(&mut first) {
                f.write_str(",")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for RowFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
