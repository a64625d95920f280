//! A column chunk of text or fixed bytes, written from its numbered words ([`crate::words`]).
//!
//! The general writer hashes and compares every value; here that has been done, and what is left is to
//! pack numbers. The result is an ordinary chunk: data pages of version 2, a dictionary where it pays,
//! a checksum on each page.

use crate::hybrid::{self, varint};
use crate::squeeze::{Squeezer, Squeezers};
use crate::words::{NULL, Words};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type};
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescPtr;

/// Rows of a data page.
const PAGE_ROWS: usize = 20_000;
/// Longest bound of a page or chunk that is kept as it is; longer ones are cut.
const BOUND_BYTES_MAX: usize = 64;

/// Encodes the rows given by the numbers of their words, in order.
pub(crate) fn encode(
    words: &Words,
    rows: &Rows<'_>,
    column: &ColumnDescPtr,
    properties: &WriterProperties,
    squeezers: &Squeezers,
) -> Result<(Bytes, ColumnCloseResult)> {
    let used = Used::of(words, rows);
    let mut chunk = Chunk::new(words, &used, column, properties, squeezers)?;
    if chunk.dictionary {
        chunk.write_dictionary()?;
    }
    // Rows that are all null need but one page.
    let page_rows = if used.words.is_empty() { rows.len().max(1) } else { PAGE_ROWS };
    for from in (0..rows.len()).step_by(page_rows) {
        chunk.write_page(rows, from, rows.len().min(from + page_rows))?;
    }
    chunk.finish(rows.len())
}

/// The rows of a chunk: which word each has.
pub(crate) enum Rows<'a> {
    Nulls(usize),
    Numbers(&'a [u32]),
}

impl Rows<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Nulls(rows) => *rows,
            Self::Numbers(numbers) => numbers.len(),
        }
    }
}

/// The words that occur in the chunk, numbered anew by first appearance.
struct Used {
    words: Vec<u32>,
    /// By number in all words, the number here.
    place: Vec<u32>,
    bytes: usize,
    values: usize,
}

impl Used {
    fn of(words: &Words, rows: &Rows<'_>) -> Self {
        let mut used = Self { words: Vec::new(), place: vec![NULL; words.len()], bytes: 0, values: 0 };
        let Rows::Numbers(numbers) = rows else { return used };
        for number in numbers.iter().filter(|number| **number != NULL) {
            used.values += 1;
            let place = &mut used.place[*number as usize];
            if *place == NULL {
                *place = used.words.len() as u32;
                used.words.push(*number);
                used.bytes += words.word(*number).len() + 4;
            }
        }
        used
    }
}

struct Chunk<'a> {
    words: &'a Words,
    used: &'a Used,
    column: &'a ColumnDescPtr,
    properties: &'a WriterProperties,
    dictionary: bool,
    /// None where nothing is to be compressed.
    squeezer: Option<Squeezer<'a>>,
    out: Vec<u8>,
    /// Bytes that compression saved.
    saved: usize,
    dictionary_bytes: usize,
    offsets: OffsetIndexBuilder,
    bounds: Option<Bounds>,
    nulls: usize,
}

impl<'a> Chunk<'a> {
    fn new(
        words: &'a Words,
        used: &'a Used,
        column: &'a ColumnDescPtr,
        properties: &'a WriterProperties,
        squeezers: &'a Squeezers,
    ) -> Result<Self> {
        let path = column.path();
        // A dictionary of values that hardly repeat is the values once more.
        let small = used.bytes <= properties.column_dictionary_page_size_limit(path);
        let pays = small && used.words.len() * 3 <= used.values * 2;
        let squeezer = match properties.compression(path) {
            Compression::ZSTD(level) if !used.words.is_empty() => Some(squeezers.take(level.compression_level())?),
            _ => None,
        };
        let bounds = (properties.statistics_enabled(path) == EnabledStatistics::Page)
            .then(|| Bounds::new(column.physical_type(), used.words.len()));
        Ok(Self {
            words,
            used,
            column,
            properties,
            dictionary: pays && !used.words.is_empty() && properties.dictionary_enabled(path),
            squeezer,
            out: Vec::new(),
            saved: 0,
            dictionary_bytes: 0,
            offsets: OffsetIndexBuilder::new(),
            bounds,
            nulls: 0,
        })
    }

    fn write_dictionary(&mut self) -> Result<()> {
        let mut plain = Vec::with_capacity(self.used.bytes);
        self.used.words.iter().for_each(|word| self.push_plain(*word, &mut plain));
        let body = self.squeezed(&plain)?.unwrap_or_else(|| plain.clone());
        let entries = self.used.words.len();
        let mut header = page_header(2, plain.len(), &body);
        // Field 7, a struct: number of values, encoding PLAIN, not sorted.
        header.push(0x3C);
        i32_field(1, entries as i32, &mut header);
        i32_field(1, 0, &mut header);
        header.extend([0x12, 0, 0]);
        self.push_page(&header, &body, plain.len());
        self.dictionary_bytes = self.out.len();
        Ok(())
    }

    fn write_page(&mut self, rows: &Rows<'_>, from: usize, until: usize) -> Result<()> {
        let numbers = match rows {
            Rows::Nulls(_) => &[][..],
            Rows::Numbers(numbers) => &numbers[from..until],
        };
        let present: Vec<u32> = numbers.iter().copied().filter(|number| *number != NULL).collect();
        let nulls = until - from - present.len();
        let levels = self.levels(numbers, nulls, until - from);
        let values = self.values(&present);
        // What does not shrink stays as it is, so that reading it costs nothing.
        let squeezed = self.squeezed(&values)?.filter(|squeezed| squeezed.len() < values.len());
        let shrinks = squeezed.is_some();
        let body = [levels.as_slice(), squeezed.as_deref().unwrap_or(&values)].concat();
        let plain_bytes = levels.len() + values.len();
        let mut header = page_header(3, plain_bytes, &body);
        // Field 8, a struct: values, nulls, rows, encoding, bytes of definition and repetition levels,
        // whether the values are compressed.
        header.push(0x4C);
        let encoding = if self.dictionary { Encoding::RLE_DICTIONARY } else { Encoding::PLAIN };
        let rows = (until - from) as i32;
        for value in [rows, nulls as i32, rows, encoding as i32, levels.len() as i32, 0] {
            i32_field(1, value, &mut header);
        }
        header.extend([if shrinks { 0x11 } else { 0x12 }, 0, 0]);
        self.nulls += nulls;
        if let Some(bounds) = &mut self.bounds {
            bounds.add_page(self.words, self.used, &present, nulls);
        }
        let start = self.out.len();
        self.push_page(&header, &body, plain_bytes);
        self.offsets.append_row_count(i64::from(rows));
        self.offsets.append_offset_and_size(start as i64, (self.out.len() - start) as i32);
        Ok(())
    }

    /// Whether each row has a value, where the column may be null.
    fn levels(&self, numbers: &[u32], nulls: usize, rows: usize) -> Vec<u8> {
        let mut out = Vec::new();
        if self.column.max_def_level() == 0 {
            return out;
        }
        if nulls == 0 || nulls == rows {
            varint((rows as u64) << 1, &mut out);
            out.push(u8::from(nulls == 0));
        } else {
            let levels: Vec<u32> = numbers.iter().map(|number| u32::from(*number != NULL)).collect();
            hybrid::encode(&levels, 1, &mut out);
        }
        out
    }

    fn values(&self, present: &[u32]) -> Vec<u8> {
        // Enough for fixed bytes, a beginning for text.
        let mut out = Vec::with_capacity(if self.dictionary { 0 } else { present.len() * 16 });
        if self.dictionary {
            let places: Vec<u32> = present.iter().map(|number| self.used.place[*number as usize]).collect();
            let width = hybrid::width_of(places.iter().copied().max().unwrap_or_default()).max(1);
            out.push(width);
            hybrid::encode(&places, width, &mut out);
        } else {
            present.iter().for_each(|number| self.push_plain(*number, &mut out));
        }
        out
    }

    fn push_plain(&self, number: u32, out: &mut Vec<u8>) {
        let word = self.words.word(number);
        if self.column.physical_type() == Type::BYTE_ARRAY {
            out.extend_from_slice(&(word.len() as u32).to_le_bytes());
        }
        // A span id is one store where its length is known.
        match <&[u8; 8]>::try_from(word) {
            Ok(word) => out.extend_from_slice(word),
            Err(_) => out.extend_from_slice(word),
        }
    }

    /// Compressed, where that is wanted.
    fn squeezed(&mut self, plain: &[u8]) -> Result<Option<Vec<u8>>> {
        match &mut self.squeezer {
            Some(squeezer) if !plain.is_empty() => Ok(Some(squeezer.compress(plain)?)),
            _ => Ok(None),
        }
    }

    fn push_page(&mut self, header: &[u8], body: &[u8], plain_bytes: usize) {
        self.saved += plain_bytes.saturating_sub(body.len());
        self.out.extend_from_slice(header);
        self.out.extend_from_slice(body);
    }

    fn finish(self, rows: usize) -> Result<(Bytes, ColumnCloseResult)> {
        let bytes = self.out.len();
        let values = if self.dictionary { Encoding::RLE_DICTIONARY } else { Encoding::PLAIN };
        let mut metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression(self.properties.compression(self.column.path()))
            .set_encodings(vec![Encoding::RLE, Encoding::PLAIN, values])
            .set_num_values(rows as i64)
            .set_total_compressed_size(bytes as i64)
            .set_total_uncompressed_size((bytes + self.saved) as i64)
            .set_dictionary_page_offset(self.dictionary.then_some(0))
            .set_data_page_offset(self.dictionary_bytes as i64);
        let mut column_index = None;
        if let Some(bounds) = self.bounds {
            metadata = metadata.set_statistics(bounds.statistics(self.nulls as u64));
            column_index =
                Some(bounds.index).filter(ColumnIndexBuilder::valid).map(ColumnIndexBuilder::build).transpose()?;
        }
        let bloom = self.properties.bloom_filter_properties(self.column.path());
        let bloom_filter = bloom.map(|bloom| filter(self.words, &self.used.words, bloom.fpp())).transpose()?;
        let close = ColumnCloseResult {
            bytes_written: bytes as u64,
            rows_written: rows as u64,
            metadata: metadata.build()?,
            bloom_filter,
            column_index,
            offset_index: Some(self.offsets.build()),
        };
        Ok((self.out.into(), close))
    }
}

/// A bloom filter of the chunk's words: made for exactly so many.
fn filter(words: &Words, used: &[u32], false_positives: f64) -> Result<Sbbf> {
    let mut filter = Sbbf::new_with_ndv_fpp(used.len().max(1) as u64, false_positives)?;
    used.iter().for_each(|word| filter.insert(words.word(*word)));
    Ok(filter)
}

/// The beginning of a page header, a thrift struct in compact form: kind, sizes, checksum.
fn page_header(kind: i32, plain_bytes: usize, body: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(48);
    for value in [kind, plain_bytes as i32, body.len() as i32, crc32fast::hash(body) as i32] {
        i32_field(1, value, &mut header);
    }
    header
}

/// An i32 field whose number is `delta` after the last.
fn i32_field(delta: u8, value: i32, out: &mut Vec<u8>) {
    out.push(delta << 4 | 5);
    varint(u64::from(((value << 1) ^ (value >> 31)) as u32), out);
}

/// Smallest and largest value of each page and of the chunk.
struct Bounds {
    physical: Type,
    index: ColumnIndexBuilder,
    all: Option<(Vec<u8>, Vec<u8>)>,
    /// By word used, the page it was last seen in.
    seen: Vec<u32>,
    pages: u32,
}

impl Bounds {
    fn new(physical: Type, words: usize) -> Self {
        Self { physical, index: ColumnIndexBuilder::new(physical), all: None, seen: vec![0; words], pages: 0 }
    }

    fn add_page(&mut self, words: &Words, used: &Used, present: &[u32], nulls: usize) {
        self.pages += 1;
        let mut bounds: Option<(&[u8], &[u8])> = None;
        for number in present {
            let seen = &mut self.seen[used.place[*number as usize] as usize];
            if *seen != self.pages {
                *seen = self.pages;
                let word = words.word(*number);
                bounds = Some(bounds.map_or((word, word), |(min, max)| (min.min(word), max.max(word))));
            }
        }
        let Some((min, max)) = bounds else {
            self.index.append(true, Vec::new(), Vec::new(), nulls as i64);
            return;
        };
        match upper_bound(max) {
            Some(upper) => self.index.append(false, lower_bound(min).to_vec(), upper, nulls as i64),
            None => self.index.to_invalid(),
        }
        self.all = Some(match self.all.take() {
            Some((all_min, all_max)) => (all_min.min(min.to_vec()), all_max.max(max.to_vec())),
            None => (min.to_vec(), max.to_vec()),
        });
    }

    fn statistics(&self, nulls: u64) -> Statistics {
        let bounds = self.all.as_ref().and_then(|(min, max)| {
            let exact = (min.len() <= BOUND_BYTES_MAX, max.len() <= BOUND_BYTES_MAX);
            Some((ByteArray::from(lower_bound(min).to_vec()), ByteArray::from(upper_bound(max)?), exact))
        });
        let (min, max, exact) = match bounds {
            Some((min, max, exact)) => (Some(min), Some(max), exact),
            None => (None, None, (false, false)),
        };
        if self.physical == Type::FIXED_LEN_BYTE_ARRAY {
            let fixed = |bound: Option<ByteArray>| bound.map(FixedLenByteArray::from);
            return Statistics::FixedLenByteArray(ValueStatistics::new(
                fixed(min),
                fixed(max),
                None,
                Some(nulls),
                false,
            ));
        }
        let values = ValueStatistics::new(min, max, None, Some(nulls), false);
        Statistics::ByteArray(values.with_min_is_exact(exact.0).with_max_is_exact(exact.1))
    }
}

/// A value not above `min`, of bounded length.
fn lower_bound(min: &[u8]) -> &[u8] {
    &min[..whole_characters(min)]
}

/// A value not below `max`, of bounded length, if there is one.
fn upper_bound(max: &[u8]) -> Option<Vec<u8>> {
    if max.len() <= BOUND_BYTES_MAX {
        return Some(max.to_vec());
    }
    let text = std::str::from_utf8(lower_bound(max)).ok()?;
    let (at, next) = text.char_indices().rev().find_map(|(at, last)| Some((at, char_after(last)?)))?;
    Some(format!("{}{next}", &text[..at]).into_bytes())
}

fn char_after(last: char) -> Option<char> {
    // Between these two lie the surrogates, which are no characters.
    if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(last as u32 + 1) }
}

/// Length of the longest beginning of at most [`BOUND_BYTES_MAX`] bytes that cuts no character.
fn whole_characters(text: &[u8]) -> usize {
    let is_start = |at: &usize| text.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80);
    (0..=text.len().min(BOUND_BYTES_MAX)).rev().find(is_start).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cut_bounds_are_bounds_still(text in "(\u{d7ff}|\u{10ffff}|a|é|z){0,60}") {
            let text = text.as_bytes();
            let lower = lower_bound(text);
            prop_assert!(lower <= text && lower.len() <= BOUND_BYTES_MAX && std::str::from_utf8(lower).is_ok());
            if let Some(upper) = upper_bound(text) {
                prop_assert!(upper.as_slice() >= text && upper.len() <= BOUND_BYTES_MAX + 4);
                prop_assert!(std::str::from_utf8(&upper).is_ok());
            }
        }
    }

    #[test]
    fn the_largest_of_all_texts_has_no_shorter_bound_above_it() {
        assert_eq!(upper_bound("\u{10ffff}".repeat(20).as_bytes()), None);
    }
}
