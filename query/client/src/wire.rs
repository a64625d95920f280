//! Frames on the socket: a length, a kind, the query it belongs to, a payload. Bounded: a longer
//! frame ends the connection.

use bytes::{BufMut, Bytes, BytesMut};
use futures::{SinkExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

/// Longest frame. A chunk of memory or a batch of a result is far smaller; a single row with huge
/// attributes is what needs room.
pub const FRAME_BYTES_MAX: usize = 256 << 20;
const HEAD_BYTES: usize = 5;

/// What a frame is about. The number is the byte on the socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    // client to worker
    Hello = 1,
    Order = 2,
    Cancel = 3,
    /// The asker took a batch; another may be sent.
    Credit = 4,
    ViewHead = 5,
    ViewChunk = 6,
    ViewEnd = 7,
    /// The view cannot be given; payload as [`Kind::Failure`].
    ViewFailure = 8,
    // worker to client
    Ready = 16,
    ViewRequest = 17,
    /// A piece of the result's Arrow IPC stream: the schema first, then one batch each.
    Rows = 18,
    End = 19,
    Failure = 20,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        use Kind::*;
        [
            Hello,
            Order,
            Cancel,
            Credit,
            ViewHead,
            ViewChunk,
            ViewEnd,
            ViewFailure,
            Ready,
            ViewRequest,
            Rows,
            End,
            Failure,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// One message. `query` is 0 where it concerns no query.
#[derive(Clone, Debug)]
pub struct Frame {
    pub kind: Kind,
    pub query: u32,
    pub payload: Bytes,
}

impl Frame {
    pub fn new(kind: Kind, query: u32, payload: impl Into<Bytes>) -> Self {
        Self { kind, query, payload: payload.into() }
    }

    pub fn json<T: Serialize>(kind: Kind, query: u32, body: &T) -> io::Result<Self> {
        Ok(Self::new(kind, query, serde_json::to_vec(body)?))
    }

    pub fn read_json<T: DeserializeOwned>(&self) -> io::Result<T> {
        serde_json::from_slice(&self.payload).map_err(|e| invalid(format!("{:?} frame: {e}", self.kind)))
    }

    /// A frame of a JSON head and raw bytes behind it.
    pub fn json_and_bytes<T: Serialize>(kind: Kind, query: u32, head: &T, bytes: &[u8]) -> io::Result<Self> {
        let head = serde_json::to_vec(head)?;
        let mut payload = BytesMut::with_capacity(4 + head.len() + bytes.len());
        payload.put_u32_le(head.len() as u32);
        payload.put_slice(&head);
        payload.put_slice(bytes);
        Ok(Self::new(kind, query, payload))
    }

    pub fn read_json_and_bytes<T: DeserializeOwned>(&self) -> io::Result<(T, Bytes)> {
        let head_len = self.payload.get(..4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
        let end = head_len.and_then(|len| len.checked_add(4)).filter(|end| *end <= self.payload.len());
        let end = end.ok_or_else(|| invalid(format!("{:?} frame is cut", self.kind)))?;
        let head =
            serde_json::from_slice(&self.payload[4..end]).map_err(|e| invalid(format!("{:?} head: {e}", self.kind)))?;
        Ok((head, self.payload.slice(end..)))
    }
}

fn invalid(detail: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail)
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().little_endian().max_frame_length(FRAME_BYTES_MAX).new_codec()
}

/// Receiving side of a socket.
#[derive(Debug)]
pub struct FrameReader(FramedRead<OwnedReadHalf, LengthDelimitedCodec>);

/// Sending side of a socket.
#[derive(Debug)]
pub struct FrameWriter(FramedWrite<OwnedWriteHalf, LengthDelimitedCodec>);

pub fn framed(stream: UnixStream) -> (FrameReader, FrameWriter) {
    let (read, write) = stream.into_split();
    (FrameReader(FramedRead::new(read, codec())), FrameWriter(FramedWrite::new(write, codec())))
}

impl FrameReader {
    /// The next frame; `None` when the other side has closed.
    pub async fn next(&mut self) -> io::Result<Option<Frame>> {
        let Some(bytes) = self.0.next().await.transpose()? else { return Ok(None) };
        if bytes.len() < HEAD_BYTES {
            return Err(invalid("frame without a head".into()));
        }
        let bytes = bytes.freeze();
        let kind = Kind::from_byte(bytes[0]).ok_or_else(|| invalid(format!("unknown frame kind {}", bytes[0])))?;
        let query = u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]);
        Ok(Some(Frame { kind, query, payload: bytes.slice(HEAD_BYTES..) }))
    }
}

impl FrameWriter {
    pub async fn send(&mut self, frame: Frame) -> io::Result<()> {
        let mut bytes = BytesMut::with_capacity(HEAD_BYTES + frame.payload.len());
        bytes.put_u8(frame.kind as u8);
        bytes.put_u32_le(frame.query);
        bytes.put_slice(&frame.payload);
        self.0.send(bytes.freeze()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_arrive_as_they_were_sent() {
        let (a, b) = UnixStream::pair().unwrap();
        let (_, mut write) = framed(a);
        let (mut read, _) = framed(b);
        write.send(Frame::new(Kind::Rows, 7, &b"abc"[..])).await.unwrap();
        write.send(Frame::json_and_bytes(Kind::ViewChunk, 8, &vec![1, 2], b"xyz").unwrap()).await.unwrap();
        drop(write);
        let first = read.next().await.unwrap().unwrap();
        assert_eq!((first.kind, first.query, &first.payload[..]), (Kind::Rows, 7, &b"abc"[..]));
        let second = read.next().await.unwrap().unwrap();
        let (head, bytes): (Vec<u8>, Bytes) = second.read_json_and_bytes().unwrap();
        assert_eq!((head, &bytes[..]), (vec![1, 2], &b"xyz"[..]));
        assert!(read.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn an_oversized_or_unknown_frame_ends_the_connection() {
        use tokio::io::AsyncWriteExt;
        for bytes in [&u32::MAX.to_le_bytes()[..], &[1, 0, 0, 0, 1][..], &[5, 0, 0, 0, 99, 0, 0, 0, 0][..]] {
            let (mut a, b) = UnixStream::pair().unwrap();
            a.write_all(bytes).await.unwrap();
            drop(a);
            assert!(framed(b).0.next().await.is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_cut_chunk_frame_is_an_error_not_a_panic() {
        for payload in [&b""[..], b"\x05\0\0\0", b"\xff\xff\xff\xff{}", b"\x02\0\0\0no"] {
            assert!(Frame::new(Kind::ViewChunk, 1, payload).read_json_and_bytes::<Vec<u8>>().is_err());
        }
    }
}
