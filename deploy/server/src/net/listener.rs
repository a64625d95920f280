//! The accept loop of one port, and the life of one connection.

use super::Settings;
use super::idle::{Activity, InFlight, Verdict, Watched};
use super::unread::lend;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

/// What all ports share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    places: Arc<Semaphore>,
    /// Accepted connections.
    pub(crate) accepted: AtomicU64,
    /// Closed at once because there were too many.
    pub(crate) turned_away: AtomicU64,
    /// Given up because they did nothing, or too slowly.
    pub(crate) given_up: AtomicU64,
    /// Bytes of refused bodies that were read and thrown away.
    pub(crate) drained_bytes: AtomicU64,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(settings.connections_max));
        Arc::new(Self {
            settings,
            places,
            accepted: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
            drained_bytes: AtomicU64::new(0),
        })
    }

    /// Connections that are open now.
    pub(crate) fn open(&self) -> usize {
        self.settings.connections_max.saturating_sub(self.places.available_permits())
    }
}

/// Open ports: told to close once, then waited for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ports {
    /// No new connections; those there are end after their requests.
    pub(crate) closing: CancellationToken,
    pub(crate) connections: TaskTracker,
}

impl Ports {
    /// Closes the ports and waits for their connections; false when some were still busy after `drain`.
    pub(crate) async fn close(&self, drain: Duration) -> bool {
        self.closing.cancel();
        self.connections.close();
        tokio::time::timeout(drain, self.connections.wait()).await.is_ok()
    }
}

/// Accepts until the ports are closed.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    ports: Ports,
) {
    loop {
        let accepted = tokio::select! {
            () = ports.closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Usually out of file descriptors: the ones that are open must end first.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&shared.places).try_acquire_owned() else {
            shared.turned_away.fetch_add(1, Relaxed);
            continue;
        };
        shared.accepted.fetch_add(1, Relaxed);
        let connection =
            connect(stream, peer, router.clone(), tls.clone(), Arc::clone(&shared), ports.closing.clone(), place);
        ports.connections.spawn(connection);
    }
}

async fn connect(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    closing: CancellationToken,
    _place: OwnedSemaphorePermit,
) {
    // Answers are small and awaited: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    match tls {
        None => converse(stream, peer, router, shared, closing).await,
        Some(acceptor) => match tokio::time::timeout(shared.settings.header_timeout, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => converse(stream, peer, router, shared, closing).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_elapsed) => {
                shared.given_up.fetch_add(1, Relaxed);
            }
        },
    }
}

/// HTTP over one connection until it ends, rests too long, or the port closes.
async fn converse<Io>(io: Io, peer: SocketAddr, router: Router, shared: Arc<Shared>, closing: CancellationToken)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Activity::new();
    let io = TokioIo::new(Watched { io, activity: Arc::clone(&activity) });
    let (noticed, bounds) = (Arc::clone(&activity), Arc::clone(&shared));
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let in_flight = noticed.request();
        let (mut router, shared) = (router.clone(), Arc::clone(&bounds));
        async move {
            let (request, returned) = lend(request);
            let response = router.call(request).await?;
            if let Some(returned) = returned {
                shared.drained_bytes.fetch_add(returned.drain(&shared.settings).await, Relaxed);
            }
            Ok::<_, Infallible>(response.map(|body| Body::new(Answered { body, _in_flight: in_flight })))
        }
    });
    let builder = protocol(&shared.settings);
    let mut connection = std::pin::pin!(builder.serve_connection(io, service));
    let mut retiring = false;
    let mut look = std::pin::pin!(tokio::time::sleep(shared.settings.header_timeout));
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error = %error, "a connection ended badly");
                }
                return;
            }
            () = closing.cancelled(), if !retiring => {
                retiring = true;
                connection.as_mut().graceful_shutdown();
            }
            () = look.as_mut() => {
                let next = match activity.verdict(&shared.settings) {
                    Verdict::Keep(next) => next,
                    Verdict::Retire if !retiring => {
                        retiring = true;
                        connection.as_mut().graceful_shutdown();
                        shared.settings.header_timeout
                    }
                    Verdict::Retire | Verdict::Cut => {
                        shared.given_up.fetch_add(1, Relaxed);
                        return;
                    }
                };
                look.as_mut().reset(tokio::time::Instant::now() + next.max(Duration::from_millis(10)));
            }
        }
    }
}

/// Windows are wide because a sender with the protocol's default 64 KiB is throttled six-fold.
fn protocol(settings: &Settings) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // The watch over each connection is finer; this is its backstop.
        .header_read_timeout(settings.idle_timeout + settings.header_timeout)
        .max_buf_size(512 << 10);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(8 << 20)
        .initial_connection_window_size(32 << 20)
        .max_frame_size(1 << 20)
        .max_concurrent_streams(settings.streams_max)
        .max_header_list_size(settings.head_bytes_max as u32)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// A response body; the request is in flight until all of it is written or dropped.
struct Answered {
    body: Body,
    _in_flight: InFlight,
}

impl hyper::body::Body for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use axum::routing::post;
    use http::StatusCode;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A port whose one path refuses by the head alone, and what it shares.
    async fn refusing(settings: Settings) -> (SocketAddr, Arc<Shared>, Ports) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", post(|| async { (StatusCode::UNAUTHORIZED, "no token") }));
        let (shared, ports) = (Shared::new(settings), Ports::default());
        tokio::spawn(serve(listener, router, None, Arc::clone(&shared), ports.clone()));
        (address, shared, ports)
    }

    fn head(bytes: usize) -> String {
        format!("POST / HTTP/1.1\r\nhost: here\r\ncontent-length: {bytes}\r\n\r\n")
    }

    #[tokio::test]
    async fn who_reads_the_answer_only_after_writing_a_refused_body_reads_the_refusal_and_may_go_on() {
        let (address, shared, ports) = refusing(Settings::default()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let body = vec![b'x'; 24 << 20];
        for _ in 0..2 {
            stream.write_all(head(body.len()).as_bytes()).await.unwrap();
            stream.write_all(&body).await.expect("nothing breaks while it is written");
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 401");
            let mut rest = Vec::new();
            while !rest.ends_with(b"no token") {
                rest.push(stream.read_u8().await.unwrap());
            }
        }
        assert_eq!(shared.drained_bytes.load(Relaxed), 2 * body.len() as u64);
        drop(stream);
        assert!(ports.close(Duration::from_secs(10)).await);
    }

    #[tokio::test]
    async fn a_refused_body_without_end_is_not_read_for_ever() {
        let settings = Settings { refused_body_bytes_max: 1 << 20, ..Settings::default() };
        let (address, shared, ports) = refusing(settings).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head(usize::MAX >> 8).as_bytes()).await.unwrap();
        let piece = vec![b'x'; 1 << 16];
        while stream.write_all(&piece).await.is_ok() {}
        let drained = shared.drained_bytes.load(Relaxed);
        assert!((1 << 20..4 << 20).contains(&drained), "{drained} bytes");
        assert!(ports.close(Duration::from_secs(10)).await, "the connection is closed");
    }
}
