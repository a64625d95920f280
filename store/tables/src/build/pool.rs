//! The distinct texts of one request, each stored and checked once.
//!
//! Columns hold handles into the pool; at the end each column is gathered from it as `Utf8View`
//! views over one shared buffer. The pool owns its bytes, so that a batch in memory keeps what its
//! columns show and not the whole request body. Invariant: what is in a closed pool is UTF-8.

use arrow::array::{ArrayRef, LargeStringArray, StringViewArray, UInt32Array, make_view, new_null_array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use std::sync::Arc;

/// A handle to a text of the pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Text(pub(super) u32);

impl Text {
    /// SQL NULL.
    pub(super) const NULL: Text = Text(0);
    pub(super) const EMPTY: Text = Text(1);
}

/// When texts are checked to be UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextCheck {
    /// All at once when the pool is closed, which is several times faster; a text that is not UTF-8
    /// then fails the whole pool.
    AtOnce,
    /// Each as it comes in, so that what is not UTF-8 is repaired and its row flagged.
    Each,
}

#[derive(Debug)]
pub(super) struct TextPool {
    check: TextCheck,
    /// What is compared first, by handle: the length and either the text itself (up to 12 bytes) or its first 4 bytes.
    heads: Vec<u128>,
    /// Where each text ends in `bytes`; it begins where the one before ends.
    ends: Vec<i64>,
    bytes: Vec<u8>,
    /// Handles by a cheap hash of the text; a newer text takes the place of an older one.
    recent: Vec<u32>,
    /// Whether some text was not UTF-8 since this was last asked.
    repaired: bool,
}

const RECENT_BITS: u32 = 12;
const INLINE_MAX: usize = 12;

impl TextPool {
    pub(super) fn new(check: TextCheck, bytes_expected: usize) -> Self {
        let mut heads = Vec::with_capacity(64 + bytes_expected / 64);
        let mut ends = Vec::with_capacity(64 + bytes_expected / 64);
        heads.extend([0, 0]);
        ends.extend([0, 0, 0]);
        Self {
            check,
            heads,
            ends,
            bytes: Vec::with_capacity(bytes_expected / 3),
            recent: vec![0; 1 << RECENT_BITS],
            repaired: false,
        }
    }

    /// Stands where a pool was taken away to be finished.
    pub(super) fn closed() -> Self {
        let (heads, ends, bytes, recent) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { check: TextCheck::Each, heads, ends, bytes, recent, repaired: false }
    }

    /// The handle of a text, repaired where it is not UTF-8.
    #[inline]
    pub(super) fn intern(&mut self, raw: &[u8]) -> Text {
        let slot = recent_slot(raw);
        let candidate = Text(self.recent[slot]);
        if candidate != Text::NULL && self.is(candidate, raw) {
            return candidate;
        }
        self.add(slot, raw)
    }

    /// As [`TextPool::intern`], but an empty text is null.
    pub(super) fn intern_or_null(&mut self, raw: &[u8]) -> Text {
        if raw.is_empty() { Text::NULL } else { self.intern(raw) }
    }

    /// The handle of `raw`, which probably is `last`.
    #[inline]
    pub(super) fn intern_after(&mut self, last: Text, raw: &[u8]) -> Text {
        if last != Text::NULL && self.is(last, raw) { last } else { self.intern(raw) }
    }

    /// Whether `text` (not null) reads `raw`.
    #[inline]
    pub(super) fn is(&self, text: Text, raw: &[u8]) -> bool {
        let head = self.heads[text.0 as usize];
        if head as u32 as usize != raw.len() {
            return false;
        }
        if raw.len() <= INLINE_MAX {
            return head == make_view(raw, 0, 0);
        }
        self.get(text) == raw
    }

    #[inline]
    pub(super) fn get(&self, text: Text) -> &[u8] {
        let at = text.0 as usize;
        &self.bytes[self.ends[at] as usize..self.ends[at + 1] as usize]
    }

    /// Whether text was repaired since the last call.
    pub(super) fn take_repaired(&mut self) -> bool {
        std::mem::take(&mut self.repaired)
    }

    /// Says that text which enters as part of another was repaired.
    pub(super) fn note_repair(&mut self) {
        self.repaired = true;
    }

    #[inline]
    fn add(&mut self, slot: usize, raw: &[u8]) -> Text {
        if raw.is_empty() {
            return Text::EMPTY;
        }
        if self.check == TextCheck::Each && std::str::from_utf8(raw).is_err() {
            self.repaired = true;
            let repaired = String::from_utf8_lossy(raw);
            return self.push(slot, repaired.as_bytes());
        }
        self.push(slot, raw)
    }

    #[inline]
    fn push(&mut self, slot: usize, bytes: &[u8]) -> Text {
        let handle = self.heads.len() as u32;
        self.heads.push(make_view(bytes, 0, 0));
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len() as i64);
        self.recent[slot] = handle;
        Text(handle)
    }

    /// Closes the pool: columns can be gathered now. Fails where a text is not UTF-8 and was not
    /// checked as it came in.
    pub(super) fn finish(mut self) -> Result<Texts, ArrowError> {
        if self.bytes.capacity() > self.bytes.len() + self.bytes.len() / 4 {
            self.bytes.shrink_to_fit();
        }
        let count = self.heads.len() as u32;
        let ends = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        let required: ArrayRef = Arc::new(StringViewArray::from(&LargeStringArray::try_new(
            ends,
            Buffer::from_vec(self.bytes),
            None,
        )?));
        // The same texts again, with handle 0 as null.
        let valid: BooleanBuffer = (0..count).map(|handle| handle != Text::NULL.0).collect();
        let all = UInt32Array::new((0..count).collect(), Some(NullBuffer::new(valid)));
        Ok(Texts { nullable: take(&required, &all, None)?, required })
    }
}

/// First and last bytes and the length, mixed: good enough to find what was here a moment ago.
#[inline]
fn recent_slot(raw: &[u8]) -> usize {
    let (head, tail) = match (raw.first_chunk::<8>(), raw.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => match (raw.first_chunk::<4>(), raw.last_chunk::<4>()) {
            (Some(head), Some(tail)) => (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail))),
            _ => (raw.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), 0),
        },
    };
    let mixed = (head ^ tail.rotate_left(23) ^ raw.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> (64 - RECENT_BITS)) as usize
}

/// The closed pool.
#[derive(Debug)]
pub(super) struct Texts {
    nullable: ArrayRef,
    required: ArrayRef,
}

impl Texts {
    /// A column of `rows` rows from handles; rows beyond the handles are null.
    pub(super) fn column(&self, mut handles: Vec<u32>, rows: usize) -> Result<ArrayRef, ArrowError> {
        if handles.is_empty() {
            return Ok(new_null_array(&DataType::Utf8View, rows));
        }
        handles.resize(rows, Text::NULL.0);
        take(&self.nullable, &UInt32Array::from(handles), None)
    }

    /// A column in which every row has a text; a null handle reads as the empty text.
    pub(super) fn required_column(&self, handles: Vec<u32>) -> Result<ArrayRef, ArrowError> {
        if handles.is_empty() {
            return Ok(Arc::new(StringViewArray::new_null(0)));
        }
        take(&self.required, &UInt32Array::from(handles), None)
    }
}
