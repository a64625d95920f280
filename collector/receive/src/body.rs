//! Reading a request body: bounded in bytes, in pace, and in what all bodies together may hold.

use crate::{Refused, Settings};
use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a refused body is read on, in all and between two pieces.
const DRAIN_MAX: Duration = Duration::from_secs(5);
const DRAIN_PAUSE_MAX: Duration = Duration::from_millis(500);

/// Memory that is laid out at once for a body that says how long it is; the rest grows as it comes, so that a
/// length that is only said costs no more than this.
const LAID_OUT_MAX: usize = 4 << 20;

/// Where the bytes of a body are accounted before they are kept.
pub(crate) trait Meter {
    /// Makes room for `bytes` more, or says why there is none.
    fn grow(&mut self, bytes: usize) -> Result<(), Refused>;
}

/// The whole body, of at most `max` bytes. `declared` is asked once, as soon as it can tell how long the message
/// says it is, so that a giant is refused before it has come; the bytes are counted all the same.
pub(crate) async fn read<B>(
    body: B,
    settings: &Settings,
    max: usize,
    declared: impl Fn(&[u8]) -> Option<usize>,
    meter: &mut impl Meter,
) -> Result<Bytes, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let too_large = || Refused::TooLarge(format!("the request body is larger than {max} bytes"));
    if body.size_hint().lower() > max as u64 {
        drain(body, settings.drain_bytes_max).await;
        return Err(too_large());
    }
    let expected = body.size_hint().exact().unwrap_or_default().min(LAID_OUT_MAX as u64) as usize;
    let mut pieces = Pieces { expected, ..Pieces::default() };
    let mut body = body;
    let started = Instant::now();
    let mut asked = false;
    loop {
        let piece = match timeout(settings.body_pause_max, body.frame()).await {
            Err(_) => return Err(paused(settings.body_pause_max)),
            Ok(None) => return Ok(pieces.join()),
            Ok(Some(Err(_))) => return Err(Refused::Aborted),
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(piece) => piece,
                Err(_trailers) => continue,
            },
        };
        meter.grow(piece.len())?;
        pieces.push(piece);
        if !asked && let Some(length) = declared(pieces.head()) {
            asked = true;
            if length > max {
                drain(body, settings.drain_bytes_max).await;
                return Err(too_large());
            }
        }
        if pieces.len() > max {
            drop(pieces);
            drain(body, settings.drain_bytes_max).await;
            return Err(too_large());
        }
        if !keeps_pace(pieces.len() as u64, started.elapsed(), settings) {
            return Err(too_slow(settings));
        }
    }
}

fn paused(max: Duration) -> Refused {
    Refused::TooSlow(format!("the request body paused for more than {} s", max.as_secs()))
}

fn too_slow(settings: &Settings) -> Refused {
    Refused::TooSlow(format!("the request body came at less than {} bytes/s", settings.body_bytes_per_second_min))
}

/// Whether a body of which `bytes` came in `elapsed` is quick enough to be waited for.
fn keeps_pace(bytes: u64, elapsed: Duration, settings: &Settings) -> bool {
    let late = elapsed.saturating_sub(settings.body_grace);
    late.is_zero() || bytes as f64 >= late.as_secs_f64() * settings.body_bytes_per_second_min as f64
}

/// Reads on and throws away, for a client that reads the answer only after writing.
async fn drain<B: Body<Data = Bytes> + Unpin>(mut body: B, max: usize) {
    let reading = async {
        let mut left = max;
        while let Ok(Some(Ok(frame))) = timeout(DRAIN_PAUSE_MAX, body.frame()).await {
            match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    // Late or early, the refusal is the same.
    let _ = timeout(DRAIN_MAX, reading).await;
}

/// Pieces of a body; one piece is passed on without a copy.
#[derive(Default)]
struct Pieces {
    /// Bytes that are said to come, as far as memory is laid out for them.
    expected: usize,
    first: Bytes,
    joined: BytesMut,
}

impl Pieces {
    fn push(&mut self, piece: Bytes) {
        if self.joined.is_empty() && self.first.is_empty() {
            self.first = piece;
            return;
        }
        if self.joined.is_empty() {
            let there = self.first.len() + piece.len();
            self.joined.reserve(if there <= self.expected { self.expected } else { there * 2 });
            self.joined.extend_from_slice(&self.first);
            self.first = Bytes::new();
        }
        self.joined.extend_from_slice(&piece);
    }

    fn len(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    fn head(&self) -> &[u8] {
        if self.joined.is_empty() { &self.first } else { &self.joined }
    }

    fn join(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.freeze() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use std::convert::Infallible;

    struct Room(usize);

    impl Meter for Room {
        fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
            self.0 = self.0.checked_sub(bytes).ok_or(Refused::Busy { why: "full".into(), after: Duration::ZERO })?;
            Ok(())
        }
    }

    /// A body in pieces that `|` parts; its first character is the length that it declares.
    async fn check(pieces: &'static str, max: usize, room: usize) -> Result<Bytes, &'static str> {
        let frames: Vec<_> = pieces.split('|').map(|piece| Ok::<_, Infallible>(Frame::data(piece.into()))).collect();
        let declared = |head: &[u8]| head.first().map(|first| usize::from(*first - b'0'));
        let body = StreamBody::new(futures::stream::iter(frames));
        read(body, &Settings::default(), max, declared, &mut Room(room)).await.map_err(|refused| refused.reason())
    }

    #[tokio::test]
    async fn a_body_is_joined_and_bounded_by_its_bytes_by_what_it_declares_and_by_the_room_there_is() {
        for (pieces, max, room, outcome) in [
            ("", 9, 9, Ok("")),
            ("1ab", 9, 9, Ok("1ab")),
            ("1ab||cd|e", 6, 9, Ok("1abcde")),
            ("1ab|cde|f", 6, 9, Err("too_large")),
            ("7ab|c", 6, 9, Err("too_large")),
            ("1ab|cd", 9, 4, Err("busy")),
        ] {
            assert_eq!(check(pieces, max, room).await, outcome.map(Bytes::from), "{pieces} {max} {room}");
        }
    }

    #[tokio::test]
    async fn a_body_that_pauses_is_given_up() {
        let settings = Settings { body_pause_max: Duration::from_millis(1), ..Settings::default() };
        let never = StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let refused = read(never, &settings, 100, |_| None, &mut Room(100)).await;
        assert_eq!(refused.unwrap_err().reason(), "too_slow");
    }

    #[test]
    fn a_body_that_drips_is_given_up_after_its_grace() {
        let settings = Settings::default();
        for (bytes, seconds, keeps) in [
            (0, 10, true),
            (0, 11, false),
            (4_096, 11, true),
            (4_095, 11, false),
            (40_960, 20, true),
            (40_960, 21, false),
        ] {
            assert_eq!(
                keeps_pace(bytes, Duration::from_secs(seconds), &settings),
                keeps,
                "{bytes} bytes in {seconds} s"
            );
        }
    }
}
