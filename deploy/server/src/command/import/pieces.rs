//! A file cut into requests of a size that any server takes.

use super::content::{ObjectEnds, entries, json_signal, protobuf_signal};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use indicatif::ProgressBar;
use model::Signal;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Requests are joined up to this size; an entry that is larger goes alone.
const PIECE_BYTES: usize = 4 << 20;
/// A protobuf file without frames is held in memory: at most this much of it.
const WHOLE_BYTES_MAX: u64 = 2 << 30;
const FRAME_HEAD: usize = 8;

/// One request to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    pub(super) signal: Signal,
    pub(super) json: bool,
    pub(super) body: Bytes,
}

/// A file that holds something else.
#[derive(Debug, thiserror::Error)]
#[error(
    "this is not OTLP: protobuf export requests (plain or in frames) or OTLP/JSON are expected, plain, .gz or .zst"
)]
pub(super) struct NotOtlp;

/// The pieces of one file, read as they are asked for.
pub(super) struct Pieces {
    input: Box<dyn BufRead + Send>,
    kind: Kind,
    /// Pieces that are read already.
    ready: VecDeque<Piece>,
}

enum Kind {
    Json,
    /// `u32 LE` length, `u32 LE` item count, request.
    Frames(Signal),
    Done,
}

impl Pieces {
    /// Opens a file and finds out what it holds.
    pub(super) fn open(path: &Path, progress: ProgressBar) -> Result<Self> {
        let mut input = unpacked(BufReader::with_capacity(1 << 20, progress.wrap_read(File::open(path)?)))?;
        let head = peek(&mut input)?;
        match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => bail!(NotOtlp),
            Some(b'{' | b'[') => {
                let mut pieces = Self { input, kind: Kind::Json, ready: VecDeque::new() };
                let Some(first) = pieces.next_json()? else { bail!(NotOtlp) };
                pieces.ready.push_back(first);
                Ok(pieces)
            }
            Some(_) => Self::protobuf(input),
        }
    }

    fn protobuf(mut input: Box<dyn BufRead + Send>) -> Result<Self> {
        let mut head = [0; FRAME_HEAD];
        if input.read_exact(&mut head).is_err() {
            bail!(NotOtlp);
        }
        let mut bytes = head.to_vec();
        let framed = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if framed <= 256 << 20 {
            (&mut input).take(framed as u64).read_to_end(&mut bytes)?;
            let body = &bytes[FRAME_HEAD..];
            if body.len() == framed
                && let Some(signal) = protobuf_signal(body)
            {
                let first = Piece { signal, json: false, body: Bytes::copy_from_slice(body) };
                return Ok(Self { input, kind: Kind::Frames(signal), ready: VecDeque::from([first]) });
            }
        }
        (&mut input).take(WHOLE_BYTES_MAX).read_to_end(&mut bytes)?;
        if bytes.len() as u64 >= WHOLE_BYTES_MAX {
            bail!("one protobuf request of more than {WHOLE_BYTES_MAX} bytes: write it in frames, or as several files");
        }
        let (Some(lengths), Some(signal)) = (entries(&bytes), protobuf_signal(&bytes)) else { bail!(NotOtlp) };
        let ready = cut(&Bytes::from(bytes), &lengths, PIECE_BYTES);
        let ready = ready.into_iter().map(|body| Piece { signal, json: false, body }).collect();
        Ok(Self { input, kind: Kind::Done, ready })
    }

    fn next_frame(&mut self, signal: Signal) -> Result<Option<Piece>> {
        let mut head = [0; FRAME_HEAD];
        if peek(&mut self.input)?.is_empty() {
            return Ok(None);
        }
        self.input.read_exact(&mut head).context("the last frame is cut off")?;
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let mut body = Vec::new();
        (&mut self.input).take(length as u64).read_to_end(&mut body)?;
        if body.len() != length {
            bail!("the last frame is cut off");
        }
        Ok(Some(Piece { signal, json: false, body: body.into() }))
    }

    fn next_json(&mut self) -> Result<Option<Piece>> {
        let (mut ends, mut object) = (ObjectEnds::default(), Vec::new());
        loop {
            let bytes = peek(&mut self.input)?;
            if bytes.is_empty() {
                if ends.is_inside() {
                    bail!("the last JSON object is cut off");
                }
                return Ok(None);
            }
            let (mut used, mut whole) = (0, false);
            for byte in bytes {
                used += 1;
                let (inside, last) = ends.next(*byte);
                if inside {
                    object.push(*byte);
                }
                if last {
                    whole = true;
                    break;
                }
            }
            self.input.consume(used);
            if whole {
                let signal = json_signal(&object).ok_or(NotOtlp)?;
                return Ok(Some(Piece { signal, json: true, body: object.into() }));
            }
        }
    }
}

impl Iterator for Pieces {
    type Item = Result<Piece>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(piece) = self.ready.pop_front() {
            return Some(Ok(piece));
        }
        let next = match self.kind {
            Kind::Json => self.next_json(),
            Kind::Frames(signal) => self.next_frame(signal),
            Kind::Done => Ok(None),
        };
        if !matches!(next, Ok(Some(_))) {
            self.kind = Kind::Done;
        }
        next.transpose()
    }
}

fn peek<R: BufRead + ?Sized>(input: &mut R) -> Result<&[u8]> {
    Ok(input.fill_buf()?)
}

/// Unpacks what begins like gzip or zstd.
fn unpacked(mut input: impl BufRead + Send + 'static) -> Result<Box<dyn BufRead + Send>> {
    let head = peek(&mut input)?;
    Ok(if head.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::with_capacity(1 << 20, flate2::bufread::MultiGzDecoder::new(input)))
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Box::new(BufReader::with_capacity(1 << 20, zstd::stream::read::Decoder::with_buffer(input)?))
    } else {
        Box::new(input)
    })
}

/// Joins neighbouring entries into pieces of at most `max` bytes where they fit.
fn cut(bytes: &Bytes, lengths: &[usize], max: usize) -> Vec<Bytes> {
    let (mut pieces, mut from, mut until) = (Vec::new(), 0, 0);
    for length in lengths {
        if until > from && until - from + length > max {
            pieces.push(bytes.slice(from..until));
            from = until;
        }
        until += length;
    }
    pieces.push(bytes.slice(from..until));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// A request of one log record whose body has `size` bytes.
    fn request(size: usize) -> Vec<u8> {
        let field = |number: u8, content: &[u8]| {
            let mut out = vec![number << 3 | 2];
            let mut length = content.len();
            while length >= 0x80 {
                out.push(length as u8 | 0x80);
                length >>= 7;
            }
            out.push(length as u8);
            out.extend_from_slice(content);
            out
        };
        let mut record = vec![0x09, 1, 0, 0, 0, 0, 0, 0, 0];
        record.extend(field(5, &field(1, &vec![b'x'; size])));
        field(1, &field(2, &field(2, &record)))
    }

    fn pieces_of(bytes: &[u8]) -> Result<Vec<Piece>> {
        let mut file = tempfile();
        file.1.write_all(bytes).unwrap();
        let pieces = Pieces::open(&file.0, ProgressBar::hidden()).and_then(Iterator::collect);
        std::fs::remove_file(&file.0).unwrap();
        pieces
    }

    fn tempfile() -> (std::path::PathBuf, File) {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("stormglass-import-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let file = File::create(&path).unwrap();
        (path, file)
    }

    #[test]
    fn a_request_comes_whole_from_plain_gzip_zstd_and_frames() {
        let plain = request(100);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let mut frames = Vec::new();
        for _ in 0..3 {
            frames.extend_from_slice(&(plain.len() as u32).to_le_bytes());
            frames.extend_from_slice(&1_u32.to_le_bytes());
            frames.extend_from_slice(&plain);
        }
        for (bytes, count) in [
            (plain.clone(), 1),
            (gzip.finish().unwrap(), 1),
            (zstd::encode_all(&plain[..], 1).unwrap(), 1),
            (frames.clone(), 3),
        ] {
            let pieces = pieces_of(&bytes).unwrap();
            assert_eq!(pieces, vec![Piece { signal: Signal::Logs, json: false, body: plain.clone().into() }; count]);
        }
        let cut_off = pieces_of(&frames[..frames.len() - 5]).unwrap_err();
        assert!(cut_off.to_string().contains("cut off"), "{cut_off}");
    }

    #[test]
    fn a_large_request_is_cut_between_its_entries() {
        let mut large = Vec::new();
        for _ in 0..5 {
            large.extend(request(PIECE_BYTES / 2 - 1000));
        }
        let pieces = pieces_of(&large).unwrap();
        assert_eq!(pieces.len(), 3);
        assert!(pieces.iter().all(|piece| piece.body.len() <= PIECE_BYTES && entries(&piece.body).is_some()));
        assert_eq!(pieces.iter().map(|piece| piece.body.len()).sum::<usize>(), large.len());
    }

    #[test]
    fn json_lines_come_one_by_one_and_another_file_is_not_otlp() {
        let pieces = pieces_of(b"{\"resourceSpans\":[]}\n{\"resourceLogs\":[]}\n").unwrap();
        assert_eq!(
            pieces.iter().map(|piece| (piece.signal, piece.json)).collect::<Vec<_>>(),
            [(Signal::Traces, true), (Signal::Logs, true)]
        );
        for other in [&b"{\"labels\": 1}"[..], b"", b"\x89PNG\r\n\x1a\n0000000", b"name,value\nlonger line\n"] {
            assert!(pieces_of(other).unwrap_err().is::<NotOtlp>(), "{other:?}");
        }
    }
}
