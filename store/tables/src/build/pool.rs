//! The distinct texts of one request, each stored and checked once.
//!
//! Columns hold handles into the pool; at the end each column is gathered from it as `Utf8View`
//! views over one shared buffer. The pool owns its bytes, so that a batch in memory keeps what its
//! columns show and not the whole request body. Invariant: what is in a closed pool is UTF-8.

use arrow::array::{Array, ArrayRef, LargeStringArray, StringViewArray, UInt32Array, new_null_array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use std::cell::RefCell;
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
    /// Where each text ends in `bytes`; it begins where the one before ends. The first is a zero.
    ends: Vec<i64>,
    bytes: Vec<u8>,
    /// Handles by a cheap hash of the text, with another part of that hash, which tells most texts
    /// apart without looking at them. A newer text takes the place of an older one.
    recent: Vec<(u32, Text)>,
    /// Whether some text was not UTF-8 since this was last asked.
    repaired: bool,
}

const RECENT_BITS: u32 = 12;

impl TextPool {
    pub(super) fn new(check: TextCheck, bytes_expected: usize) -> Self {
        let mut ends = Vec::with_capacity(64 + bytes_expected / 64);
        ends.extend([0, 0, 0]);
        Self {
            check,
            ends,
            bytes: Vec::with_capacity(bytes_expected / 3),
            recent: vec![(0, Text::NULL); 1 << RECENT_BITS],
            repaired: false,
        }
    }

    /// Stands where a pool was taken away to be finished.
    pub(super) fn closed() -> Self {
        let (ends, bytes, recent) = (Vec::new(), Vec::new(), Vec::new());
        Self { check: TextCheck::Each, ends, bytes, recent, repaired: false }
    }

    /// The handle of a text, repaired where it is not UTF-8.
    #[inline]
    pub(super) fn intern(&mut self, raw: &[u8]) -> Text {
        let hash = cheap_hash(raw);
        let (tag, candidate) = self.recent[(hash >> (64 - RECENT_BITS)) as usize];
        if tag == hash as u32 && candidate != Text::NULL && self.is(candidate, raw) {
            return candidate;
        }
        self.add(hash, raw)
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

    /// Whether `text` reads `raw`; null reads as the empty text.
    #[inline]
    pub(super) fn is(&self, text: Text, raw: &[u8]) -> bool {
        same(self.get(text), raw)
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
    fn add(&mut self, hash: u64, raw: &[u8]) -> Text {
        if raw.is_empty() {
            return Text::EMPTY;
        }
        if self.check == TextCheck::Each && std::str::from_utf8(raw).is_err() {
            self.repaired = true;
            let repaired = String::from_utf8_lossy(raw);
            return self.push(hash, repaired.as_bytes());
        }
        self.push(hash, raw)
    }

    #[inline]
    fn push(&mut self, hash: u64, bytes: &[u8]) -> Text {
        let text = Text(self.ends.len() as u32 - 1);
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len() as i64);
        self.recent[(hash >> (64 - RECENT_BITS)) as usize] = (hash as u32, text);
        text
    }

    /// Closes the pool: columns can be gathered now. Fails where a text is not UTF-8 and was not
    /// checked as it came in.
    pub(super) fn finish(mut self) -> Result<Closing, ArrowError> {
        if self.bytes.capacity() > self.bytes.len() + self.bytes.len() / 4 {
            self.bytes.shrink_to_fit();
        }
        let ends = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        let texts = LargeStringArray::try_new(ends, Buffer::from_vec(self.bytes), None)?;
        Ok(Closing { texts: Arc::new(StringViewArray::from(&texts)), nulls: RefCell::default() })
    }
}

/// Whether two texts are the same: most are short, and then a call costs more than the comparison.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        0 => true,
        1..4 => a[0] == b[0] && a[a.len() - 1] == b[b.len() - 1] && a[a.len() / 2] == b[b.len() / 2],
        4..8 => ends::<4>(a) == ends::<4>(b),
        8..16 => ends::<8>(a) == ends::<8>(b),
        16..=32 => ends::<16>(a) == ends::<16>(b),
        _ => a == b,
    }
}

/// The first and the last `N` bytes, which overlap where there are fewer than twice as many.
#[inline]
fn ends<const N: usize>(text: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
    text.first_chunk().zip(text.last_chunk())
}

/// First and last bytes and the length, mixed: good enough to find what was here a moment ago.
#[inline]
fn cheap_hash(raw: &[u8]) -> u64 {
    let (head, tail) = match (raw.first_chunk::<8>(), raw.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => match (raw.first_chunk::<4>(), raw.last_chunk::<4>()) {
            (Some(head), Some(tail)) => (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail))),
            _ => (raw.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), 0),
        },
    };
    let mixed = (head ^ tail.rotate_left(23) ^ raw.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

/// What columns are closed with: the texts, and columns of nothing, which are shared.
#[derive(Debug)]
pub(super) struct Closing {
    texts: ArrayRef,
    nulls: RefCell<Vec<ArrayRef>>,
}

impl Closing {
    /// A column without a value in any row.
    pub(super) fn nulls(&self, data_type: &DataType, rows: usize) -> ArrayRef {
        let mut known = self.nulls.borrow_mut();
        if let Some(column) = known.iter().find(|column| column.len() == rows && column.data_type() == data_type) {
            return column.clone();
        }
        let column = new_null_array(data_type, rows);
        known.push(column.clone());
        column
    }

    /// A column of `rows` rows from handles, of which some are null; rows beyond the handles are null too.
    pub(super) fn column(&self, mut handles: Vec<u32>, rows: usize) -> Result<ArrayRef, ArrowError> {
        if handles.is_empty() {
            return Ok(self.nulls(&DataType::Utf8View, rows));
        }
        handles.resize(rows, Text::NULL.0);
        let valid = BooleanBuffer::collect_bool(rows, |row| handles[row] != Text::NULL.0);
        take(&self.texts, &UInt32Array::new(handles.into(), Some(NullBuffer::new(valid))), None)
    }

    /// A column in which every row has a text; a null handle reads as the empty text.
    pub(super) fn required_column(&self, handles: Vec<u32>) -> Result<ArrayRef, ArrowError> {
        if handles.is_empty() {
            return Ok(Arc::new(StringViewArray::new_null(0)));
        }
        take(&self.texts, &UInt32Array::from(handles), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_are_the_same_when_their_bytes_are(a in "[ab]{0,40}", b in "[ab]{0,40}", at in 0usize..40) {
            prop_assert_eq!(same(a.as_bytes(), b.as_bytes()), a == b);
            prop_assert!(same(a.as_bytes(), a.clone().as_bytes()));
            let mut other = a.clone().into_bytes();
            if let Some(byte) = other.get_mut(at) {
                *byte ^= 1;
                prop_assert!(!same(a.as_bytes(), &other));
            }
        }

        #[test]
        fn a_text_is_read_back_by_its_handle(texts in proptest::collection::vec(".{0,40}", 0..200)) {
            let mut pool = TextPool::new(TextCheck::AtOnce, 0);
            let handles: Vec<Text> = texts.iter().map(|text| pool.intern(text.as_bytes())).collect();
            for (text, handle) in texts.iter().zip(&handles) {
                prop_assert_eq!(pool.get(*handle), text.as_bytes());
            }
            let column = pool.finish().unwrap().required_column(handles.iter().map(|text| text.0).collect()).unwrap();
            let column = column.as_any().downcast_ref::<StringViewArray>().unwrap();
            prop_assert!(column.iter().map(Option::unwrap).eq(texts.iter().map(String::as_str)));
        }
    }

    #[test]
    fn what_is_not_utf8_is_repaired_or_fails_the_pool() {
        let mut pool = TextPool::new(TextCheck::Each, 0);
        let text = pool.intern(b"a\xffb");
        assert_eq!(pool.get(text), "a\u{fffd}b".as_bytes());
        assert!(pool.take_repaired() && !pool.take_repaired());
        assert!(pool.finish().is_ok());

        let mut pool = TextPool::new(TextCheck::AtOnce, 0);
        // Two halves of one character: valid bytes in a row, but no valid texts.
        pool.intern(b"\xc3");
        pool.intern(b"\xa4");
        assert!(pool.finish().is_err());
    }
}
