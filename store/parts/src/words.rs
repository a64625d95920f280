//! The distinct values of a column of text or fixed bytes, numbered by first appearance, and which of them
//! each row has: a dictionary in the making.
//!
//! Equal values of one request mostly lie at one place in memory, and neighbours are alike. So a value is
//! first looked for by its view (its length and place, or itself where it is short), and only what is new
//! there is read and hashed.

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, StringViewArray};
use arrow::datatypes::DataType;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// The number of a null.
pub(crate) const NULL: u32 = u32::MAX;
/// Views remembered while a batch is read; a power of two.
const REMEMBERED: usize = 256;

#[derive(Default)]
pub(crate) struct Words {
    bytes: Vec<u8>,
    /// End of each word in `bytes`.
    ends: Vec<usize>,
    /// Hash and number of each word.
    table: HashTable<(u64, u32)>,
    hasher: DefaultHashBuilder,
    /// By row. Empty while all rows are null: their number is `rows`.
    numbers: Vec<u32>,
    rows: usize,
    /// Rows that are to come in all, as far as it is known.
    expected: usize,
    /// Each value counts as new: for random ones, among which nobody would find an equal.
    random: bool,
}

/// Whether [`Words`] can take columns of this type.
pub(crate) fn takes(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8View) || matches!(data_type, DataType::FixedSizeBinary(1..=16))
}

impl Words {
    pub(crate) fn new(random: bool) -> Self {
        Self { random, ..Self::default() }
    }

    /// Memory is laid out once for so many rows in all, when the first value comes.
    pub(crate) fn expect(&mut self, rows: usize) {
        self.expected = rows;
    }

    /// Adds the rows of an array of a type that it [`takes`]; of any other type nothing is added.
    pub(crate) fn push(&mut self, array: &ArrayRef) {
        if array.null_count() < array.len() {
            // The rows so far were all null if there are no numbers yet.
            if self.numbers.is_empty() {
                self.numbers.reserve_exact(self.expected.max(self.rows + array.len()));
            }
            self.numbers.resize(self.rows + array.len(), NULL);
            let first = self.rows;
            if let Some(texts) = array.as_string_view_opt() {
                self.push_texts(texts, first);
            } else if let Some(fixed) = array.as_fixed_size_binary_opt() {
                self.push_fixed(fixed, first);
            }
        } else if !self.numbers.is_empty() {
            self.numbers.resize(self.rows + array.len(), NULL);
        }
        self.rows += array.len();
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Distinct values.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn word(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }

    /// The number of each row's word, rows in order; `None` when all are null.
    pub(crate) fn numbers(&self) -> Option<&[u32]> {
        (!self.numbers.is_empty()).then_some(&self.numbers)
    }

    fn push_texts(&mut self, texts: &StringViewArray, first: usize) {
        let views = texts.views();
        // Places mean something within one array only.
        let mut seen = Seen::new();
        for_each_valid(texts, |i| {
            let view = views[i];
            let number = seen.number(view, || self.number(texts.value(i).as_bytes()));
            self.numbers[first + i] = number;
        });
    }

    fn push_fixed(&mut self, fixed: &FixedSizeBinaryArray, first: usize) {
        if self.random {
            if self.ends.is_empty() {
                self.ends.reserve_exact(self.expected);
                self.bytes.reserve_exact(self.expected * fixed.value_length().max(0) as usize);
            }
            for_each_valid(fixed, |i| {
                self.numbers[first + i] = self.ends.len() as u32;
                self.bytes.extend_from_slice(fixed.value(i));
                self.ends.push(self.bytes.len());
            });
            return;
        }
        let mut seen = Seen::new();
        for_each_valid(fixed, |i| {
            let value = fixed.value(i);
            let mut view = [0; 16];
            view[..value.len()].copy_from_slice(value);
            let number = seen.number(u128::from_le_bytes(view), || self.number(value));
            self.numbers[first + i] = number;
        });
    }

    fn number(&mut self, value: &[u8]) -> u32 {
        let Self { bytes, ends, table, hasher, .. } = self;
        let hash = hasher.hash_one(value);
        let word = |number: u32| {
            let start = if number == 0 { 0 } else { ends[number as usize - 1] };
            &bytes[start..ends[number as usize]]
        };
        if let Some((_, number)) = table.find(hash, |(h, number)| *h == hash && word(*number) == value) {
            return *number;
        }
        let number = ends.len() as u32;
        bytes.extend_from_slice(value);
        ends.push(bytes.len());
        table.insert_unique(hash, (hash, number), |(hash, _)| *hash);
        number
    }
}

fn for_each_valid(array: &dyn Array, each: impl FnMut(usize)) {
    match array.nulls() {
        Some(nulls) => nulls.valid_indices().for_each(each),
        None => (0..array.len()).for_each(each),
    }
}

/// The views seen last, by some of their bits.
struct Seen {
    slots: [(u128, u32); REMEMBERED],
}

impl Seen {
    fn new() -> Self {
        // No number is `NULL`, so an empty slot matches nothing.
        Self { slots: [(0, NULL); REMEMBERED] }
    }

    fn number(&mut self, view: u128, find: impl FnOnce() -> u32) -> u32 {
        let folded = (view as u64) ^ (view >> 64) as u64;
        let slot = (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize;
        let (seen, number) = &mut self.slots[slot % REMEMBERED];
        if *seen != view || *number == NULL {
            (*seen, *number) = (view, find());
        }
        *number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn rows_have_the_numbers_of_their_values() {
        let long = "a text that is longer than twelve bytes";
        let mut words = Words::default();
        words.push(&(Arc::new(StringViewArray::from(vec![None::<&str>, None])) as ArrayRef));
        assert_eq!((words.rows(), words.numbers()), (2, None));
        let first = StringViewArray::from(vec![Some(long), None, Some(""), Some("b"), Some(long), Some("b")]);
        words.push(&(Arc::new(first) as ArrayRef));
        words.push(&(Arc::new(StringViewArray::from(vec!["another text of more than twelve", long, ""])) as ArrayRef));
        let numbers = words.numbers().unwrap();
        assert_eq!(numbers, [NULL, NULL, 0, NULL, 1, 2, 0, 2, 3, 0, 1]);
        let values: Vec<&[u8]> = (0..words.len()).map(|n| words.word(n as u32)).collect();
        assert_eq!(values, [long.as_bytes(), b"", b"b", b"another text of more than twelve"]);
    }

    #[test]
    fn many_values_keep_their_numbers_apart() {
        let texts: Vec<String> = (0..5_000).map(|i| format!("value number {:>9}", i % 1_700)).collect();
        let mut words = Words::default();
        words.push(&(Arc::new(StringViewArray::from_iter_values(&texts)) as ArrayRef));
        assert_eq!(words.len(), 1_700);
        for (number, text) in words.numbers().unwrap().iter().zip(&texts) {
            assert_eq!(words.word(*number), text.as_bytes());
        }
        let ids: Vec<[u8; 8]> = (0..5_000_u64).map(|i| (i % 900).to_be_bytes()).collect();
        let mut words = Words::default();
        words.push(&(Arc::new(FixedSizeBinaryArray::try_from_iter(ids.iter()).unwrap()) as ArrayRef));
        assert_eq!(words.len(), 900);
        for (number, id) in words.numbers().unwrap().iter().zip(&ids) {
            assert_eq!(words.word(*number), id);
        }
        let mut words = Words::new(true);
        for from in [0, 2_500] {
            let ids = ids[from..from + 2_500].iter();
            words.push(&(Arc::new(FixedSizeBinaryArray::try_from_iter(ids).unwrap()) as ArrayRef));
        }
        assert_eq!(words.numbers().unwrap(), (0..5_000).collect::<Vec<u32>>());
        assert_eq!(words.word(4_999), ids[4_999]);
    }
}
