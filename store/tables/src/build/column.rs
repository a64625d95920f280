//! Columns under construction: written row by row, where rows that have nothing cost nothing until
//! the column is closed.

use super::pool::{Closing, Text};
use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, PrimitiveArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef};
use arrow::error::ArrowError;
use std::sync::Arc;

/// Which rows have a value: one bit per row, rows beyond the last word have none.
#[derive(Debug, Default)]
struct Validity {
    words: Vec<u64>,
    count: usize,
}

impl Validity {
    #[inline]
    fn set(&mut self, row: usize) {
        let word = row / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (row % 64);
        self.count += 1;
    }

    fn finish(self, rows: usize) -> Option<NullBuffer> {
        if self.count == rows {
            return None;
        }
        Some(NullBuffer::new(bits(self.words, rows)))
    }
}

fn bits(mut words: Vec<u64>, rows: usize) -> BooleanBuffer {
    words.resize(rows.div_ceil(64), 0);
    BooleanBuffer::new(Buffer::from_vec(words), 0, rows)
}

/// Texts, null where not set.
#[derive(Debug, Default)]
pub(super) struct TextColumn {
    handles: Vec<u32>,
    /// Whether some handle is null.
    gaps: bool,
}

impl TextColumn {
    /// Sets a row, which comes after all rows set before.
    #[inline]
    pub(super) fn set(&mut self, row: usize, text: Text) {
        if self.handles.len() < row {
            self.handles.resize(row, Text::NULL.0);
            self.gaps = true;
        }
        self.gaps |= text == Text::NULL;
        if self.handles.len() == self.handles.capacity() {
            // Most requests have hundreds of rows: fewer steps than by doubling from a few.
            self.handles.reserve(self.handles.len().max(16) * 3);
        }
        self.handles.push(text.0);
    }

    #[inline]
    pub(super) fn set_unless_null(&mut self, row: usize, text: Text) {
        if text != Text::NULL {
            self.set(row, text);
        }
    }

    pub(super) fn has(&self, row: usize) -> bool {
        self.handles.len() > row
    }

    pub(super) fn finish(self, closing: &Closing, rows: usize) -> Result<ArrayRef, ArrowError> {
        if self.handles.len() == rows && !self.gaps {
            return closing.required_column(self.handles);
        }
        closing.column(self.handles, rows)
    }

    /// For columns that were set in every row.
    pub(super) fn finish_required(self, closing: &Closing) -> Result<ArrayRef, ArrowError> {
        closing.required_column(self.handles)
    }
}

/// Numbers, null where not set.
#[derive(Debug)]
pub(super) struct NumberColumn<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    valid: Validity,
}

impl<T: ArrowPrimitiveType> Default for NumberColumn<T> {
    fn default() -> Self {
        Self { values: Vec::new(), valid: Validity::default() }
    }
}

impl<T: ArrowPrimitiveType> NumberColumn<T> {
    #[inline]
    pub(super) fn set(&mut self, row: usize, value: T::Native) {
        if self.values.len() < row {
            self.values.resize(row, T::Native::default());
        }
        self.values.push(value);
        self.valid.set(row);
    }

    pub(super) fn set_some(&mut self, row: usize, value: Option<T::Native>) {
        if let Some(value) = value {
            self.set(row, value);
        }
    }

    pub(super) fn has(&self, row: usize) -> bool {
        self.values.len() > row
    }

    /// The array, in `data_type` where that says more than the bare type (a time zone).
    pub(super) fn finish(mut self, data_type: &DataType, closing: &Closing, rows: usize) -> ArrayRef {
        if self.values.is_empty() {
            return closing.nulls(data_type, rows);
        }
        self.values.resize(rows, T::Native::default());
        let array = PrimitiveArray::<T>::new(ScalarBuffer::from(self.values), self.valid.finish(rows));
        Arc::new(array.with_data_type(data_type.clone()))
    }
}

/// Numbers in every row.
pub(super) fn required_numbers<T: ArrowPrimitiveType>(values: Vec<T::Native>, data_type: &DataType) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), None).with_data_type(data_type.clone()))
}

/// Truth values, null where not set.
#[derive(Debug, Default)]
pub(super) struct BoolColumn {
    values: Validity,
    valid: Validity,
    rows: usize,
}

impl BoolColumn {
    pub(super) fn set(&mut self, row: usize, value: bool) {
        if value {
            self.values.set(row);
        }
        self.valid.set(row);
        self.rows = row + 1;
    }

    pub(super) fn has(&self, row: usize) -> bool {
        self.rows > row
    }

    pub(super) fn finish(self, closing: &Closing, rows: usize) -> ArrayRef {
        if self.rows == 0 {
            return closing.nulls(&DataType::Boolean, rows);
        }
        Arc::new(BooleanArray::new(bits(self.values.words, rows), self.valid.finish(rows)))
    }
}

/// Ids of `N` bytes, null where not set.
#[derive(Debug)]
pub(super) struct IdColumn<const N: usize> {
    bytes: Vec<u8>,
    valid: Validity,
}

impl<const N: usize> Default for IdColumn<N> {
    fn default() -> Self {
        Self { bytes: Vec::new(), valid: Validity::default() }
    }
}

impl<const N: usize> IdColumn<N> {
    #[inline]
    pub(super) fn set(&mut self, row: usize, id: [u8; N]) {
        if self.bytes.len() < row * N {
            self.bytes.resize(row * N, 0);
        }
        self.bytes.extend_from_slice(&id);
        self.valid.set(row);
    }

    pub(super) fn finish(mut self, closing: &Closing, rows: usize) -> Result<ArrayRef, ArrowError> {
        if self.bytes.is_empty() {
            return Ok(closing.nulls(&DataType::FixedSizeBinary(N as i32), rows));
        }
        self.bytes.resize(rows * N, 0);
        ids::<N>(self.bytes, self.valid.finish(rows))
    }
}

/// Ids of `N` bytes in every row.
pub(super) fn required_ids<const N: usize>(bytes: Vec<u8>) -> Result<ArrayRef, ArrowError> {
    ids::<N>(bytes, None)
}

fn ids<const N: usize>(bytes: Vec<u8>, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(FixedSizeBinaryArray::try_new(N as i32, Buffer::from_vec(bytes), nulls)?))
}

/// Where the elements of each row end. Rows without any are null.
#[derive(Debug)]
pub(super) struct Offsets {
    ends: Vec<i32>,
    valid: Validity,
}

impl Default for Offsets {
    fn default() -> Self {
        Self { ends: vec![0], valid: Validity::default() }
    }
}

impl Offsets {
    /// Row `row` has the elements from where the row before ended up to `end`.
    #[inline]
    pub(super) fn set(&mut self, row: usize, end: usize) {
        self.pad(row);
        self.ends.push(end as i32);
        self.valid.set(row);
    }

    #[inline]
    fn pad(&mut self, rows: usize) {
        if self.ends.len() <= rows {
            let last = self.last();
            self.ends.resize(rows + 1, last as i32);
        }
    }

    /// Where the last row ended.
    pub(super) fn last(&self) -> usize {
        self.ends[self.ends.len() - 1] as usize
    }

    pub(super) fn is_unused(&self) -> bool {
        self.ends.len() == 1
    }

    pub(super) fn finish(mut self, rows: usize) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
        self.pad(rows);
        (OffsetBuffer::new(ScalarBuffer::from(self.ends)), self.valid.finish(rows))
    }
}

/// Byte strings, null where not set.
#[derive(Debug, Default)]
pub(super) struct BinaryColumn {
    bytes: Vec<u8>,
    offsets: Offsets,
}

impl BinaryColumn {
    pub(super) fn set(&mut self, row: usize, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.offsets.set(row, self.bytes.len());
    }

    pub(super) fn finish(self, closing: &Closing, rows: usize) -> Result<ArrayRef, ArrowError> {
        if self.offsets.is_unused() {
            return Ok(closing.nulls(&DataType::Binary, rows));
        }
        let (offsets, nulls) = self.offsets.finish(rows);
        Ok(Arc::new(BinaryArray::try_new(offsets, Buffer::from_vec(self.bytes), nulls)?))
    }
}

/// Lists of numbers, null where not set.
#[derive(Debug)]
pub(super) struct ListColumn<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    offsets: Offsets,
}

impl<T: ArrowPrimitiveType> Default for ListColumn<T> {
    fn default() -> Self {
        Self { values: Vec::new(), offsets: Offsets::default() }
    }
}

impl<T: ArrowPrimitiveType> ListColumn<T> {
    pub(super) fn set_unless_empty(&mut self, row: usize, values: &[T::Native]) {
        if !values.is_empty() {
            self.values.extend_from_slice(values);
            self.offsets.set(row, self.values.len());
        }
    }

    pub(super) fn finish(self, data_type: &DataType, closing: &Closing, rows: usize) -> Result<ArrayRef, ArrowError> {
        let values = PrimitiveArray::<T>::new(ScalarBuffer::from(self.values), None);
        list(data_type, self.offsets, Arc::new(values), (closing, rows))
    }
}

/// A list column of `data_type` from its elements.
pub(super) fn list(
    data_type: &DataType,
    offsets: Offsets,
    elements: ArrayRef,
    (closing, rows): (&Closing, usize),
) -> Result<ArrayRef, ArrowError> {
    if offsets.is_unused() {
        return Ok(closing.nulls(data_type, rows));
    }
    let (offsets, nulls) = offsets.finish(rows);
    Ok(Arc::new(ListArray::try_new(element_field(data_type)?, offsets, elements, nulls)?))
}

/// The element field of a list or map type.
pub(super) fn element_field(data_type: &DataType) -> Result<FieldRef, ArrowError> {
    match data_type {
        DataType::List(field) | DataType::Map(field, _) => Ok(field.clone()),
        other => Err(ArrowError::SchemaError(format!("{other} is no list"))),
    }
}
