//! Decompression with a limit that no declared length can move.
//!
//! Lengths that a stream states about itself are never believed: output is counted as it appears,
//! and refused the moment it passes the limit. What grows beyond [`KEPT_AT_ONCE`] is first only
//! counted, not kept, so that a bomb costs no memory; an honest giant is unpacked twice, which is rare.

use bytes::Bytes;
use std::io::{self, Read};

/// How a body is compressed. The discriminant is written into WAL records: never renumbered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Compression {
    None = 0,
    Gzip = 1,
    Zstd = 2,
    /// zlib, which HTTP calls `deflate`. Not kept in the WAL: such a body is stored unpacked.
    Deflate = 3,
}

impl Compression {
    /// Reads an HTTP `Content-Encoding` or gRPC `grpc-encoding` value.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.trim() {
            "" | "identity" | "none" => Self::None,
            "gzip" | "x-gzip" => Self::Gzip,
            "zstd" => Self::Zstd,
            "deflate" | "zlib" => Self::Deflate,
            _ => return None,
        })
    }

    /// What a WAL record's compression byte means.
    pub fn from_stored(byte: u8) -> Option<Self> {
        [Self::None, Self::Gzip, Self::Zstd].into_iter().find(|c| *c as u8 == byte)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error("the body is larger than {max} bytes after decompression")]
    TooLarge { max: usize },
    #[error("the body is not valid {compression:?} data: {source}")]
    Damaged { compression: Compression, source: io::Error },
}

const KEPT_AT_ONCE: usize = 8 << 20;

/// The decompressed body, at most `max` bytes of it; zstd windows above `2^window_log_max` are refused.
pub fn unpack(compression: Compression, body: &Bytes, max: usize, window_log_max: u32) -> Result<Bytes, UnpackError> {
    if compression == Compression::None {
        return if body.len() > max { Err(UnpackError::TooLarge { max }) } else { Ok(body.clone()) };
    }
    let damaged = |source| UnpackError::Damaged { compression, source };
    let mut reader = decoder(compression, body, window_log_max).map_err(damaged)?;
    let first = KEPT_AT_ONCE.min(max);
    let mut out = Vec::with_capacity(body.len().saturating_mul(4).min(first));
    if read_up_to(&mut reader, &mut out, first).map_err(damaged)? {
        return Ok(out.into());
    }
    let size = first.saturating_add(1).saturating_add(count_rest(&mut reader, max - first).map_err(damaged)?);
    if size > max {
        return Err(UnpackError::TooLarge { max });
    }
    drop(out);
    let mut out = Vec::with_capacity(size);
    decoder(compression, body, window_log_max).map_err(damaged)?.read_to_end(&mut out).map_err(damaged)?;
    Ok(out.into())
}

fn decoder<'b>(compression: Compression, body: &'b Bytes, window_log_max: u32) -> io::Result<Box<dyn Read + 'b>> {
    Ok(match compression {
        Compression::None => Box::new(&body[..]),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(&body[..])),
        Compression::Deflate => Box::new(flate2::bufread::ZlibDecoder::new(&body[..])),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(&body[..])?;
            decoder.window_log_max(window_log_max)?;
            Box::new(decoder)
        }
    })
}

/// Appends output to `out` until its end (true), or until one byte more than `max` was there (false).
fn read_up_to(reader: &mut dyn Read, out: &mut Vec<u8>, max: usize) -> io::Result<bool> {
    reader.take(max as u64).read_to_end(out)?;
    if out.len() < max {
        return Ok(true);
    }
    let mut next = [0];
    Ok(read_some(reader, &mut next)? == 0)
}

/// How many bytes still come, counted only until they are more than `max`.
fn count_rest(reader: &mut dyn Read, max: usize) -> io::Result<usize> {
    let mut scratch = vec![0; 64 << 10];
    let mut size = 0;
    while size <= max {
        match read_some(reader, &mut scratch)? {
            0 => break,
            n => size += n,
        }
    }
    Ok(size)
}

fn read_some(reader: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    pub(crate) fn pack(compression: Compression, plain: &[u8]) -> Bytes {
        match compression {
            Compression::None => plain.to_vec(),
            Compression::Gzip => {
                let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                to.write_all(plain).unwrap();
                to.finish().unwrap()
            }
            Compression::Deflate => {
                let mut to = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                to.write_all(plain).unwrap();
                to.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(plain, 1).unwrap(),
        }
        .into()
    }

    const PACKED: [Compression; 3] = [Compression::Gzip, Compression::Deflate, Compression::Zstd];

    #[test]
    fn the_limit_counts_what_comes_out_to_the_byte() {
        let plain = vec![b'x'; 1000];
        for compression in [Compression::None, Compression::Gzip, Compression::Deflate, Compression::Zstd] {
            let packed = pack(compression, &plain);
            assert_eq!(unpack(compression, &packed, 1000, 23).unwrap(), plain, "{compression:?}");
            let refused = unpack(compression, &packed, 999, 23);
            assert!(matches!(refused, Err(UnpackError::TooLarge { max: 999 })), "{compression:?}: {refused:?}");
        }
    }

    #[test]
    fn a_bomb_is_refused_and_an_honest_giant_is_not() {
        let zeros = vec![0; 40 << 20];
        for compression in PACKED {
            let packed = pack(compression, &zeros);
            assert!(zeros.len() > KEPT_AT_ONCE, "both ways are taken");
            let refused = unpack(compression, &packed, 39 << 20, 23);
            assert!(matches!(refused, Err(UnpackError::TooLarge { .. })), "{compression:?}");
            assert_eq!(unpack(compression, &packed, 40 << 20, 23).unwrap().len(), zeros.len(), "{compression:?}");
        }
    }

    #[test]
    fn concatenated_members_count_together() {
        let mut two = pack(Compression::Gzip, b"hello ").to_vec();
        two.extend_from_slice(&pack(Compression::Gzip, b"world"));
        let two = Bytes::from(two);
        assert_eq!(&unpack(Compression::Gzip, &two, 11, 23).unwrap()[..], b"hello world");
        assert!(matches!(unpack(Compression::Gzip, &two, 10, 23), Err(UnpackError::TooLarge { .. })));
    }

    #[test]
    fn a_huge_zstd_window_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.long_distance_matching(true).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(&vec![7; 1 << 20]).unwrap();
        let packed = Bytes::from(encoder.finish().unwrap());
        assert!(matches!(unpack(Compression::Zstd, &packed, 64 << 20, 23), Err(UnpackError::Damaged { .. })));
        assert!(unpack(Compression::Zstd, &packed, 64 << 20, 27).is_ok());
    }

    #[test]
    fn garbage_and_cut_streams_are_damaged_not_empty() {
        for compression in PACKED {
            let packed = pack(compression, &[b'y'; 5000]);
            for bad in [Bytes::from_static(b"not compressed at all"), packed.slice(..packed.len() - 3)] {
                assert!(
                    matches!(unpack(compression, &bad, 1 << 20, 23), Err(UnpackError::Damaged { .. })),
                    "{compression:?}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_out(plain in proptest::collection::vec(any::<u8>(), 0..5000), spare in 0usize..10) {
            for compression in PACKED {
                let packed = pack(compression, &plain);
                prop_assert_eq!(&unpack(compression, &packed, plain.len() + spare, 23).unwrap()[..], &plain[..]);
            }
        }

        #[test]
        fn no_bytes_make_it_panic_or_pass_the_limit(junk in proptest::collection::vec(any::<u8>(), 0..2000)) {
            for compression in PACKED {
                if let Ok(out) = unpack(compression, &Bytes::from(junk.clone()), 100, 23) {
                    prop_assert!(out.len() <= 100);
                }
            }
        }
    }
}
