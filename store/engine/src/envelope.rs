//! The head of a WAL record: what is needed to read the body again, years and versions later.
//!
//! A record is `head | body`; the body is the request as received, opaque here. The head begins with
//! its version, and every version ever written stays readable.

use bytes::{Buf, BufMut};
use model::{ContentHash, Signal, UnixNanos, Workspace};
use std::sync::Arc;

/// The version written.
pub const VERSION: u8 = 1;

/// How a body is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Encoding {
    Protobuf = 0,
    Json = 1,
}

/// How a body is compressed, as it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Compression {
    None = 0,
    Gzip = 1,
    Zstd = 2,
}

/// What is known of a request beside its body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordHead {
    pub signal: Signal,
    pub workspace: Workspace,
    /// Name of the ingest token; `None` on an open loopback.
    pub token: Option<Arc<str>>,
    pub encoding: Encoding,
    pub compression: Compression,
    pub received: UnixNanos,
    pub decoder_version: u16,
    /// Over workspace, token, signal and the decompressed body: names the request among its repeats.
    pub body_hash: ContentHash,
}

/// A record whose head does not read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvelopeError {
    #[error(
        "record head has version {0}; this program reads 1 to {VERSION}: use the release that wrote it, or a later one"
    )]
    Version(u8),
    #[error("record head is damaged: {0}")]
    Damaged(&'static str),
}

impl RecordHead {
    /// The bytes before the body.
    pub fn encode(&self) -> Vec<u8> {
        let token = self.token.as_deref().unwrap_or_default();
        let mut out = Vec::with_capacity(40 + self.workspace.as_str().len() + token.len());
        out.put_u8(VERSION);
        out.put_u8(signal_code(self.signal));
        out.put_u8(self.encoding as u8);
        out.put_u8(self.compression as u8);
        out.put_u16_le(self.decoder_version);
        out.put_i64_le(self.received.0);
        out.put_slice(&self.body_hash.0);
        put_text(&mut out, Some(self.workspace.as_str()));
        put_text(&mut out, self.token.as_deref());
        out
    }

    /// Splits a record into head and body.
    pub fn decode(record: &[u8]) -> Result<(Self, &[u8]), EnvelopeError> {
        let mut at = record;
        match at.try_get_u8() {
            Ok(VERSION) => Self::decode_v1(at),
            Ok(version) => Err(EnvelopeError::Version(version)),
            Err(_) => Err(EnvelopeError::Damaged("empty record")),
        }
    }

    fn decode_v1(mut at: &[u8]) -> Result<(Self, &[u8]), EnvelopeError> {
        let short = |_| EnvelopeError::Damaged("too short");
        let signal = signal_of(at.try_get_u8().map_err(short)?)?;
        let encoding = match at.try_get_u8().map_err(short)? {
            0 => Encoding::Protobuf,
            1 => Encoding::Json,
            _ => return Err(EnvelopeError::Damaged("unknown encoding")),
        };
        let compression = match at.try_get_u8().map_err(short)? {
            0 => Compression::None,
            1 => Compression::Gzip,
            2 => Compression::Zstd,
            _ => return Err(EnvelopeError::Damaged("unknown compression")),
        };
        let decoder_version = at.try_get_u16_le().map_err(short)?;
        let received = UnixNanos(at.try_get_i64_le().map_err(short)?);
        let mut hash = [0; 16];
        at.try_copy_to_slice(&mut hash).map_err(short)?;
        let workspace = get_text(&mut at)?.ok_or(EnvelopeError::Damaged("no workspace"))?;
        let workspace = Workspace::new(workspace).map_err(|_| EnvelopeError::Damaged("workspace name"))?;
        let token = get_text(&mut at)?.map(Arc::from);
        let body_hash = ContentHash(hash);
        Ok((Self { signal, workspace, token, encoding, compression, received, decoder_version, body_hash }, at))
    }
}

/// Absent text is length 0xffff.
const ABSENT: u16 = u16::MAX;

pub(crate) fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    let Some(text) = text else { return out.put_u16_le(ABSENT) };
    // Names are far shorter (tokens 128 bytes at most); cut at a character rather than lie about the length.
    let mut len = text.len().min(usize::from(ABSENT) - 1);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    out.put_u16_le(len as u16);
    out.put_slice(&text.as_bytes()[..len]);
}

pub(crate) fn get_text<'a>(at: &mut &'a [u8]) -> Result<Option<&'a str>, EnvelopeError> {
    let len = at.try_get_u16_le().map_err(|_| EnvelopeError::Damaged("too short"))?;
    if len == ABSENT {
        return Ok(None);
    }
    let (text, rest) = at.split_at_checked(usize::from(len)).ok_or(EnvelopeError::Damaged("too short"))?;
    *at = rest;
    std::str::from_utf8(text).map(Some).map_err(|_| EnvelopeError::Damaged("name is not UTF-8"))
}

pub(crate) fn signal_code(signal: Signal) -> u8 {
    match signal {
        Signal::Traces => 0,
        Signal::Metrics => 1,
        Signal::Logs => 2,
    }
}

pub(crate) fn signal_of(code: u8) -> Result<Signal, EnvelopeError> {
    Signal::ALL.into_iter().find(|s| signal_code(*s) == code).ok_or(EnvelopeError::Damaged("unknown signal"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head() -> RecordHead {
        RecordHead {
            signal: Signal::Metrics,
            workspace: Workspace::new("shop").unwrap(),
            token: Some("collector".into()),
            encoding: Encoding::Json,
            compression: Compression::Zstd,
            received: UnixNanos(-5),
            decoder_version: 7,
            body_hash: ContentHash([9; 16]),
        }
    }

    #[test]
    fn a_head_and_its_body_come_back() {
        for token in [None, Some(Arc::from("")), Some(Arc::from("t"))] {
            let head = RecordHead { token, ..head() };
            let mut record = head.encode();
            record.extend_from_slice(b"body");
            assert_eq!(RecordHead::decode(&record), Ok((head, &b"body"[..])));
        }
    }

    /// The layout of version 1, byte for byte: records of today must read in every later release.
    #[test]
    fn version_1_is_what_it_was() {
        let hex: String = head().encode().iter().map(|b| format!("{b:02x}")).collect();
        let hash = "09".repeat(16);
        assert_eq!(hex, format!("010101020700fbffffffffffffff{hash}040073686f700900636f6c6c6563746f72"));
    }

    #[test]
    fn a_later_version_is_refused_by_name() {
        assert_eq!(RecordHead::decode(&[9, 0]), Err(EnvelopeError::Version(9)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..96)) {
            let _ = RecordHead::decode(&bytes);
            let mut as_v1 = bytes.clone();
            as_v1.insert(0, VERSION);
            let _ = RecordHead::decode(&as_v1);
        }
    }
}
