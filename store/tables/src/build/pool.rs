//! The distinct texts of one request, each stored and checked once.
//!
//! Columns hold handles into the pool; at the end each column is gathered from it as `Utf8View`
//! views over one shared buffer. The pool owns its bytes, so that a batch in memory keeps what its
//! columns show and not the whole request body. Invariant: what is in the pool is UTF-8.

use super::text::repaired;
use arrow::array::{ArrayRef, StringViewArray, UInt32Array, make_view, new_null_array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use std::borrow::Cow;
use std::sync::Arc;

/// A handle to a text of the pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Text(pub(super) u32);

impl Text {
    /// SQL NULL.
    pub(super) const NULL: Text = Text(0);
    pub(super) const EMPTY: Text = Text(1);
}

#[derive(Debug)]
pub(super) struct TextPool {
    /// Arrow views, one per handle: length and either the text itself (12 bytes) or where it lies.
    views: Vec<u128>,
    block: Vec<u8>,
    full_blocks: Vec<Vec<u8>>,
    /// Handles by a cheap hash of the text; a newer text takes the place of an older one.
    recent: Vec<u32>,
    /// Whether some text was not UTF-8 since this was last asked.
    repaired: bool,
}

/// Views address their block by 32 bits: a block is closed well before.
const BLOCK_BYTES_MAX: usize = 1 << 30;
const RECENT_BITS: u32 = 12;
const INLINE_MAX: usize = 12;

impl TextPool {
    pub(super) fn new(bytes_expected: usize) -> Self {
        let mut views = Vec::with_capacity(64 + bytes_expected / 64);
        views.extend([0, 0]);
        Self {
            views,
            block: Vec::with_capacity(bytes_expected / 4),
            full_blocks: Vec::new(),
            recent: vec![0; 1 << RECENT_BITS],
            repaired: false,
        }
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
        let view = self.views[text.0 as usize];
        if view as u32 as usize != raw.len() {
            return false;
        }
        if raw.len() <= INLINE_MAX {
            return view == make_view(raw, 0, 0);
        }
        self.long(view) == raw
    }

    pub(super) fn get(&self, text: Text) -> Cow<'_, [u8]> {
        let view = self.views[text.0 as usize];
        let len = view as u32 as usize;
        if len <= INLINE_MAX {
            Cow::Owned(view.to_le_bytes()[4..4 + len].to_vec())
        } else {
            Cow::Borrowed(self.long(view))
        }
    }

    /// Appends a text's bytes to `out`.
    pub(super) fn copy_to(&self, text: Text, out: &mut Vec<u8>) {
        let view = self.views[text.0 as usize];
        let len = view as u32 as usize;
        if len <= INLINE_MAX {
            out.extend_from_slice(&view.to_le_bytes()[4..4 + len]);
        } else {
            out.extend_from_slice(self.long(view));
        }
    }

    /// Whether text was repaired since the last call.
    pub(super) fn take_repaired(&mut self) -> bool {
        std::mem::take(&mut self.repaired)
    }

    /// Says that text which enters as part of another was repaired.
    pub(super) fn note_repair(&mut self) {
        self.repaired = true;
    }

    fn long(&self, view: u128) -> &[u8] {
        let (len, block, offset) = (view as u32 as usize, (view >> 64) as u32 as usize, (view >> 96) as usize);
        let bytes = self.full_blocks.get(block).unwrap_or(&self.block);
        &bytes[offset..offset + len]
    }

    fn add(&mut self, slot: usize, raw: &[u8]) -> Text {
        if raw.is_empty() {
            return Text::EMPTY;
        }
        let (text, was_repaired) = repaired(raw);
        self.repaired |= was_repaired;
        let bytes = text.as_bytes();
        if bytes.len() > INLINE_MAX && self.block.len() + bytes.len() > BLOCK_BYTES_MAX {
            self.full_blocks.push(std::mem::take(&mut self.block));
        }
        self.views.push(make_view(bytes, self.full_blocks.len() as u32, self.block.len() as u32));
        if bytes.len() > INLINE_MAX {
            self.block.extend_from_slice(bytes);
        }
        let handle = self.views.len() as u32 - 1;
        self.recent[slot] = handle;
        Text(handle)
    }

    /// Closes the pool: columns can be gathered now.
    pub(super) fn finish(mut self) -> Result<Texts, ArrowError> {
        if self.block.capacity() > self.block.len() + self.block.len() / 4 {
            self.block.shrink_to_fit();
        }
        let blocks = self.full_blocks.into_iter().chain([self.block]).map(Buffer::from_vec);
        let count = self.views.len() as u32;
        let required = StringViewArray::try_new(ScalarBuffer::from(self.views), blocks.collect::<Vec<_>>(), None)?;
        // The same views again, with handle 0 as null. Gathering does not check the texts a second time.
        let valid: BooleanBuffer = (0..count).map(|handle| handle != Text::NULL.0).collect();
        let all = UInt32Array::new((0..count).collect(), Some(NullBuffer::new(valid)));
        Ok(Texts { nullable: take(&required, &all, None)?, required: Arc::new(required) })
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
