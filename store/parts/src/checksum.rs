//! Page checksums. The Parquet writer leaves the checksum of a page out; its readers check it where it is
//! there. So every finished page passes through here: its header gets the CRC-32 of its body, and what is
//! known about sizes and offsets is corrected by the bytes that this adds.

use bytes::Bytes;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, PageKey, PageStore, PageStoreArgs, PageStoreFactory};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// The pages of the column chunks of one row group, in the order of the columns.
#[derive(Debug, Default, Clone)]
pub(crate) struct CheckedPages {
    chunks: Arc<Mutex<Vec<Arc<Mutex<ChunkPages>>>>>,
}

/// The finished pages of one column chunk.
#[derive(Debug, Default)]
struct ChunkPages {
    /// A header that waits for its body.
    header: Option<Bytes>,
    pages: Vec<Page>,
}

#[derive(Debug)]
struct Page {
    header: Vec<u8>,
    body: Bytes,
    /// By how much the header grew.
    added: usize,
    dictionary: bool,
}

impl PageStoreFactory for CheckedPages {
    fn create(&self, _: &PageStoreArgs<'_>) -> Result<Box<dyn PageStore>> {
        let chunk = Arc::new(Mutex::new(ChunkPages::default()));
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner).push(chunk.clone());
        Ok(Box::new(Store(chunk)))
    }
}

/// What the writer puts blobs into: a header, then its body, and so on.
struct Store(Arc<Mutex<ChunkPages>>);

impl PageStore for Store {
    fn put(&mut self, blob: Bytes) -> Result<PageKey> {
        let mut chunk = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match chunk.header.take() {
            None => chunk.header = Some(blob),
            Some(header) => {
                let page = checked(&header, blob)?;
                chunk.pages.push(page);
            }
        }
        Ok(PageKey::new(chunk.pages.len() as u64))
    }

    fn take(&mut self, _: PageKey) -> Result<Bytes> {
        Err(ParquetError::General("pages leave through CheckedPages::chunk".into()))
    }

    fn memory_size(&self) -> usize {
        let chunk = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        chunk.pages.iter().map(|page| page.body.len() + page.header.len()).sum()
    }
}

impl CheckedPages {
    /// The bytes of a finished column chunk, the dictionary page first, and its corrected description.
    pub(crate) fn chunk(&self, column: usize, chunk: ArrowColumnChunk) -> Result<(Bytes, ColumnCloseResult)> {
        let mut chunk = chunk;
        let bloom_filter = chunk.close_mut().bloom_filter.take();
        let mut close = chunk.close().clone();
        close.bloom_filter = bloom_filter;
        drop(chunk);
        let pages = {
            let chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
            let chunk =
                chunks.get(column).ok_or_else(|| ParquetError::General(format!("no pages of column {column}")))?;
            std::mem::take(&mut chunk.lock().unwrap_or_else(PoisonError::into_inner).pages)
        };
        let (first, rest): (Vec<Page>, Vec<Page>) = pages.into_iter().partition(|page| page.dictionary);
        let close = corrected(close, &first, &rest)?;
        let total = first.iter().chain(&rest).map(|page| page.header.len() + page.body.len()).sum();
        let mut bytes = Vec::with_capacity(total);
        for page in first.into_iter().chain(rest) {
            bytes.extend_from_slice(&page.header);
            bytes.extend_from_slice(&page.body);
        }
        Ok((bytes.into(), close))
    }
}

/// Sizes and offsets as they are with the grown headers and the dictionary page in front.
fn corrected(mut close: ColumnCloseResult, dictionary: &[Page], data: &[Page]) -> Result<ColumnCloseResult> {
    let added: usize = dictionary.iter().chain(data).map(|page| page.added).sum();
    let dictionary_len: usize = dictionary.iter().map(|page| page.header.len() + page.body.len()).sum();
    let metadata = close.metadata;
    let compressed = metadata.compressed_size() + added as i64;
    let uncompressed = metadata.uncompressed_size() + added as i64;
    close.metadata = metadata
        .into_builder()
        .set_dictionary_page_offset((dictionary_len > 0).then_some(0))
        .set_data_page_offset(dictionary_len as i64)
        .set_total_compressed_size(compressed)
        .set_total_uncompressed_size(uncompressed)
        .build()?;
    close.bytes_written += added as u64;
    if let Some(index) = close.offset_index.as_mut() {
        let mut offset = dictionary_len;
        for (location, page) in index.page_locations.iter_mut().zip(data) {
            let len = page.header.len() + page.body.len();
            location.offset = offset as i64;
            location.compressed_page_size = len as i32;
            offset += len;
        }
    }
    Ok(close)
}

/// A page whose header states the checksum of its body.
fn checked(header: &[u8], body: Bytes) -> Result<Page> {
    let odd = || ParquetError::General("a page header is not as the Parquet writer wrote it before".into());
    // A thrift struct in compact form: fields 1 to 3 are i32 (type, size, compressed size), each one
    // byte of field delta and type, then a varint; the checksum is field 4.
    const I32_NEXT: u8 = 0x15;
    let mut at = 0;
    for _ in 0..3 {
        if header.get(at) != Some(&I32_NEXT) {
            return Err(odd());
        }
        at += 1;
        at += 1 + header.get(at..).and_then(|rest| rest.iter().position(|byte| byte & 0x80 == 0)).ok_or_else(odd)?;
    }
    // The header that follows is field 5 (data), 7 (dictionary) or 8 (data, version 2); its delta now
    // counts from field 4.
    let kind = *header.get(at).ok_or_else(odd)?;
    if !matches!(kind, 0x2C | 0x4C | 0x5C) {
        return Err(odd());
    }
    let mut with = Vec::with_capacity(header.len() + 6);
    with.extend_from_slice(&header[..at]);
    with.push(I32_NEXT);
    push_zigzag(&mut with, crc32(&body) as i32);
    with.push(kind - 0x10);
    with.extend_from_slice(&header[at + 1..]);
    let added = with.len() - header.len();
    Ok(Page { header: with, body, added, dictionary: kind == 0x4C })
}

fn push_zigzag(out: &mut Vec<u8>, value: i32) {
    let mut rest = ((value << 1) ^ (value >> 31)) as u32;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// CRC-32 (ISO-HDLC) as Parquet wants it.
fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}
