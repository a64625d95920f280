//! When to give a connection up: a pure decision, and the gauges it is made from.

use super::Settings;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Whatever happens, a connection on which no byte moves for this long is cut (twice the longest query).
const STALL_MAX: Duration = Duration::from_secs(600);

/// What has happened on a connection; times are milliseconds since it was opened.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    last_byte: AtomicU64,
    /// When the head that is being read began; 0 for none.
    head_began: AtomicU64,
    requests: AtomicU64,
    in_flight: AtomicUsize,
    http2: AtomicBool,
}

/// A reading of [`Activity`].
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    age: Duration,
    since_byte: Duration,
    since_head_began: Option<Duration>,
    requests: u64,
    in_flight: usize,
    http2: bool,
}

/// What to do with a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Look again after this long.
    Keep(Duration),
    /// Tell the client to come with a new connection.
    Retire,
    /// Close it now.
    Cut,
}

fn judge(seen: Seen, settings: &Settings) -> Verdict {
    let (header, idle) = (settings.header_timeout, settings.idle_timeout);
    if seen.since_byte >= STALL_MAX {
        return Verdict::Cut;
    }
    if seen.in_flight > 0 {
        return Verdict::Keep(header);
    }
    let head = if seen.requests == 0 { Some(seen.age) } else { seen.since_head_began.filter(|_| !seen.http2) };
    match head {
        Some(since) if since >= header => Verdict::Cut,
        Some(since) => Verdict::Keep(header - since),
        None if seen.since_byte >= idle => Verdict::Retire,
        None => Verdict::Keep((idle - seen.since_byte).min(header)),
    }
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            last_byte: AtomicU64::new(0),
            head_began: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            http2: AtomicBool::new(false),
        })
    }

    fn now(&self) -> u64 {
        self.opened.elapsed().as_millis().max(1) as u64
    }

    fn read(&self, bytes: &[u8]) {
        let now = self.now();
        if self.last_byte.swap(now, Relaxed) == 0 && bytes.starts_with(b"PRI") {
            self.http2.store(true, Relaxed);
        }
        if self.in_flight.load(Relaxed) == 0 && self.head_began.load(Relaxed) == 0 {
            self.head_began.store(now, Relaxed);
        }
    }

    /// A request's head is whole; in flight until the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> InFlight {
        self.requests.fetch_add(1, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        self.head_began.store(0, Relaxed);
        InFlight(Arc::clone(self))
    }

    pub(super) fn verdict(&self, settings: &Settings) -> Verdict {
        let now = self.now();
        let since = |at: u64| Duration::from_millis(now.saturating_sub(at));
        let head_began = self.head_began.load(Relaxed);
        let seen = Seen {
            age: Duration::from_millis(now),
            since_byte: since(self.last_byte.load(Relaxed)),
            since_head_began: (head_began != 0).then(|| since(head_began)),
            requests: self.requests.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            http2: self.http2.load(Relaxed),
        };
        judge(seen, settings)
    }
}

/// One request that is being answered.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
        self.0.last_byte.store(self.0.now(), Relaxed);
    }
}

/// A connection whose bytes are noticed.
#[derive(Debug)]
pub(super) struct Watched<Io> {
    pub(super) io: Io,
    pub(super) activity: Arc<Activity>,
}

impl<Io: AsyncRead + Unpin> AsyncRead for Watched<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if let Some(bytes) = buf.filled().get(before..).filter(|bytes| !bytes.is_empty()) {
            self.activity.read(bytes);
        }
        polled
    }
}

impl<Io: AsyncWrite + Unpin> Watched<Io> {
    fn wrote(&self, polled: &Poll<std::io::Result<usize>>) {
        if matches!(polled, Poll::Ready(Ok(n)) if *n > 0) {
            self.activity.last_byte.store(self.activity.now(), Relaxed);
        }
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Watched<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wrote(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.wrote(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_given_up_when_it_owes_a_head_or_rests_too_long() {
        let settings = Settings::default();
        let s = Duration::from_secs;
        let rests = |age, since_byte| Seen { age: s(age), since_byte: s(since_byte), requests: 3, ..Seen::default() };
        for (what, seen, verdict) in [
            ("just opened", Seen { age: s(1), ..Seen::default() }, Verdict::Keep(s(4))),
            ("opened and silent", Seen { age: s(5), since_byte: s(5), ..Seen::default() }, Verdict::Cut),
            ("its first head drips", Seen { age: s(6), since_byte: s(1), ..Seen::default() }, Verdict::Cut),
            ("a request is being answered", Seen { in_flight: 1, ..rests(900, 400) }, Verdict::Keep(s(5))),
            ("an answer that nobody reads", Seen { in_flight: 1, ..rests(900, 600) }, Verdict::Cut),
            ("resting", rests(900, 10), Verdict::Keep(s(5))),
            ("about to have rested too long", rests(900, 73), Verdict::Keep(s(2))),
            ("rested too long", rests(900, 75), Verdict::Retire),
            ("its next head drips", Seen { since_head_began: Some(s(5)), ..rests(900, 1) }, Verdict::Cut),
            ("its next head is coming", Seen { since_head_began: Some(s(2)), ..rests(900, 1) }, Verdict::Keep(s(3))),
            (
                "http/2 pings between requests",
                Seen { since_head_began: Some(s(60)), http2: true, ..rests(900, 1) },
                Verdict::Keep(s(5)),
            ),
        ] {
            assert_eq!(judge(seen, &settings), verdict, "{what}");
        }
    }

    #[test]
    fn a_request_in_flight_keeps_its_connection_and_its_end_starts_the_rest() {
        let impatient =
            Settings { header_timeout: Duration::ZERO, idle_timeout: Duration::ZERO, ..Settings::default() };
        let activity = Activity::new();
        assert_eq!(activity.verdict(&impatient), Verdict::Cut, "it owes its first request");
        activity.read(b"POST /v1");
        let request = activity.request();
        assert_eq!(activity.verdict(&impatient), Verdict::Keep(Duration::ZERO));
        drop(request);
        assert_eq!(activity.verdict(&impatient), Verdict::Retire);
        activity.read(b"POST /v1");
        assert_eq!(activity.verdict(&impatient), Verdict::Cut, "it owes the rest of a head");
    }
}
