//! Bodies that nobody read: a request refused by its head alone.
//!
//! Over HTTP/1.1 hyper closes a connection whose request body is left unread, and a client that reads the
//! answer only after it has written everything sees a broken pipe in place of the reason. So the rest is
//! read and thrown away before the answer goes out, within bounds. HTTP/2 can say it without that.

use super::Settings;
use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a refused body is read on, in all and between two pieces.
const DRAIN_MAX: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// A body lent to whoever answers; it comes back when it is let go before its end.
struct Lent {
    body: Option<Incoming>,
    back: Option<oneshot::Sender<Incoming>>,
}

/// Where an unread body comes back.
pub(super) struct Returned(oneshot::Receiver<Incoming>);

/// The request with its body lent.
pub(super) fn lend(request: hyper::Request<Incoming>) -> (hyper::Request<Body>, Option<Returned>) {
    // Whoever asks before sending has sent nothing, and has only to be told.
    let asks_first = request.headers().contains_key(http::header::EXPECT);
    if request.version() >= http::Version::HTTP_2 || asks_first || request.body().is_end_stream() {
        return (request.map(Body::new), None);
    }
    let (back, returned) = oneshot::channel();
    (request.map(|body| Body::new(Lent { body: Some(body), back: Some(back) })), Some(Returned(returned)))
}

impl Returned {
    /// Reads what was left, if anything; gives how many bytes were thrown away.
    pub(super) async fn drain(mut self, settings: &Settings) -> u64 {
        let Ok(mut body) = self.0.try_recv() else { return 0 };
        let (max, mut read) = (settings.refused_body_bytes_max, 0_u64);
        let reading = async {
            while let Ok(Some(Ok(frame))) = timeout(PAUSE_MAX, body.frame()).await {
                read += frame.data_ref().map_or(0, |data| data.len() as u64);
                if read > max {
                    return;
                }
            }
        };
        // Late or early, the refusal is the same.
        let _ = timeout(DRAIN_MAX, reading).await;
        read
    }
}

impl hyper::body::Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.body.as_mut() {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take())
            && !body.is_end_stream()
        {
            // Nobody waits for it any more when the connection is gone.
            let _ = back.send(body);
        }
    }
}
