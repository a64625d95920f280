//! The way of one request, the same for both transports: admit, read, unpack, ask whether it is a
//! repeat, decode, append, answer.

use crate::body::{self, Meter};
use crate::counts::{Fate, Transport};
use crate::unpack::{Compression, UnpackError, unpack};
use crate::{Answer, Counts, Refused, Sender, Settings};
use bytes::Bytes;
use decode::{DecodeError, Decoded, Encoding};
use engine::{Append, Engine, Permit, RecordHead, Refusal, Repeat, Source};
use futures::FutureExt;
use http_body::Body;
use model::{Clock, ContentHash, Signal};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tables::build::Layout;
use tokio::sync::Semaphore;

/// What a transport has read from a request's head.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) signal: Signal,
    pub(crate) transport: Transport,
    pub(crate) sender: Sender,
    pub(crate) encoding: Encoding,
    pub(crate) compression: Compression,
}

/// The door: everything both transports need. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Receiver {
    engine: Arc<Engine>,
    layout: Arc<Layout>,
    pub(crate) settings: Arc<Settings>,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    /// Places for large bodies to be unpacked and decoded.
    large: Arc<Semaphore>,
}

impl Receiver {
    pub fn new(engine: Arc<Engine>, layout: Arc<Layout>, settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let large = Arc::new(Semaphore::new(settings.large_bodies_max.max(1)));
        Self { engine, layout, settings: Arc::new(settings), clock, counts: Arc::default(), large }
    }

    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Takes in a message that the server itself has written for `sender` (an export request as
    /// protobuf): it is stored, counted and refused as one that came over the wire.
    pub async fn store(&self, sender: Sender, signal: Signal, body: Bytes) -> Answer {
        let (encoding, compression) = (Encoding::Protobuf, Compression::None);
        let call = Call { signal, transport: Transport::Http, sender, encoding, compression };
        let message = |body| Ok((body, Compression::None));
        self.take(&call, http_body_util::Full::new(body), |_| None, message).await
    }

    /// Takes one request in. `message` finds the message in what was read (a transport may frame it)
    /// and says how that is compressed. A panic below ends this request only.
    pub(crate) async fn take<B>(
        &self,
        call: &Call,
        body: B,
        declared: impl Fn(&[u8]) -> Option<usize>,
        message: impl FnOnce(Bytes) -> Result<(Bytes, Compression), Refused>,
    ) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let steps = AssertUnwindSafe(self.steps(call, body, declared, message)).catch_unwind();
        let answer = match steps.await {
            Ok(Ok(stored)) => stored,
            Ok(Err(refused)) => Answer::Refused(refused),
            Err(_panic) => {
                self.counts.panic();
                tracing::error!(signal = %call.signal, "a request ended in a panic; it was not stored and was answered so");
                Answer::Refused(Refused::Internal)
            }
        };
        self.counts.answered(call.signal, call.transport, &answer);
        answer
    }

    async fn steps<B>(
        &self,
        call: &Call,
        body: B,
        declared: impl Fn(&[u8]) -> Option<usize>,
        message: impl FnOnce(Bytes) -> Result<(Bytes, Compression), Refused>,
    ) -> Result<Answer, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let mut permit = self.engine.admit(0).map_err(busy)?;
        let body = body::read(body, &self.settings, self.settings.body_bytes_max, declared, &mut permit).await?;
        let (body, compression) = message(body)?;
        let plain = self.unpacked(compression, &body).await?;
        if compression != Compression::None {
            Meter::grow(&mut permit, plain.len())?;
        }
        self.counts.body(body.len(), plain.len());
        let admitted = plain.len() as u64;

        let received = self.clock.now();
        let body_hash = self.hash(call, &plain);
        let repeat = self.engine.repeat_of(&call.sender.workspace, body_hash).await;
        let ticket = match repeat {
            Repeat::New(ticket) => Some(ticket),
            Repeat::Seen => None,
            Repeat::Refused(refusal) => return Err(busy(refusal)),
        };
        let decoded = self.decoded(call, &plain, received).await?;
        let answer = stored(&decoded);
        let Sender { workspace, token } = &call.sender;
        let source = Source { workspace, token: token.as_ref(), signal: call.signal, received };
        let senders = decoded.batches.senders.clone();
        let Some(ticket) = ticket else {
            self.counts.items(call.signal, Fate::Repeated, &senders);
            self.engine.count_repeated(&source, &senders);
            return Ok(answer);
        };
        if senders.iter().all(|sender| sender.accepted == 0) {
            // Nothing to keep: an empty request, or one of which every item was refused.
            self.counts.items(call.signal, Fate::Refused, &senders);
            self.engine.count_refused(&source, &senders);
            return Ok(answer);
        }
        let (body, compression) = match stored_compression(compression) {
            Some(kept) => (body, kept),
            None => (plain, engine::Compression::None),
        };
        let head = RecordHead {
            signal: call.signal,
            workspace: call.sender.workspace.clone(),
            token: call.sender.token.clone(),
            encoding: match call.encoding {
                Encoding::Protobuf => engine::Encoding::Protobuf,
                Encoding::Json => engine::Encoding::Json,
            },
            compression,
            received,
            decoder_version: decode::DECODER_VERSION,
            body_hash,
        };
        let append = Append { head, body, batches: decoded.batches, admitted };
        let appended = self.engine.append(append, ticket, permit).await;
        let fate = if appended.is_ok() { Fate::Stored } else { Fate::Refused };
        self.counts.items(call.signal, fate, &senders);
        appended.map_err(busy)?;
        Ok(answer)
    }

    /// Names a body among those of its sender: exporters compress anew on each attempt, so it is the
    /// decompressed body that counts.
    fn hash(&self, call: &Call, plain: &Bytes) -> ContentHash {
        let token = call.sender.token.as_deref().unwrap_or_default();
        let seed = ContentHash::seed(&[call.sender.workspace.as_str(), token, call.signal.as_str()]);
        ContentHash::of_body(seed, plain)
    }

    async fn unpacked(&self, compression: Compression, body: &Bytes) -> Result<Bytes, Refused> {
        let (max, window_log_max) = (self.settings.message_bytes_max, self.settings.zstd_window_log_max);
        let here = self.settings.inline_bytes_max.min(max);
        // What a packed body becomes is not known before: it is tried here as far as a small one goes.
        let tried = match compression {
            Compression::None => Some(unpack(compression, body, max, window_log_max)),
            _ if body.len() > here / 16 => None,
            _ => match unpack(compression, body, here, window_log_max) {
                Err(UnpackError::TooLarge { .. }) if here < max => None,
                tried => Some(tried),
            },
        };
        let unpacked = match (tried, body.clone()) {
            (Some(unpacked), _) => unpacked,
            (None, body) => self.run(true, move || unpack(compression, &body, max, window_log_max)).await?,
        };
        unpacked.map_err(|error| match error {
            UnpackError::TooLarge { .. } => Refused::TooLarge(error.to_string()),
            UnpackError::Damaged { .. } => Refused::Malformed { at: "body".into(), what: error.to_string() },
        })
    }

    async fn decoded(&self, call: &Call, plain: &Bytes, received: model::UnixNanos) -> Result<Decoded, Refused> {
        let (layout, plain) = (Arc::clone(&self.layout), plain.clone());
        let (signal, encoding) = (call.signal, call.encoding);
        let large = plain.len() > self.settings.inline_bytes_max;
        let decoded = self.run(large, move || decode::decode(&layout, signal, encoding, &plain, received)).await?;
        decoded.map_err(undecodable)
    }

    /// Runs work here, or on a blocking thread when it is large, a few at a time.
    async fn run<T: Send + 'static>(
        &self,
        large: bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        if !large {
            return Ok(work());
        }
        let _place = self.large.acquire().await.map_err(|_closed| Refused::Internal)?;
        tokio::task::spawn_blocking(work).await.map_err(|ended| {
            if ended.is_panic() {
                self.counts.panic();
                tracing::error!("decoding a large request ended in a panic; it was not stored and was answered so");
            }
            Refused::Internal
        })
    }
}

impl Meter for Permit {
    fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        Permit::grow(self, bytes as u64).map_err(busy)
    }
}

/// The store's refusal as the sender hears it: with a time to come back, or as too large for good.
fn busy(refusal: Refusal) -> Refused {
    match refusal.retry_after {
        Some(after) => Refused::Busy { why: refusal.detail, after },
        None => Refused::TooLarge(refusal.detail),
    }
}

/// A fault of the sender's is told to the sender; a fault of ours is logged.
fn undecodable(error: DecodeError) -> Refused {
    match error {
        DecodeError::Malformed { at, what } => Refused::Malformed { at, what },
        DecodeError::Unbuildable(_) => {
            tracing::error!(%error, "a request that reads well gives no rows");
            Refused::Internal
        }
    }
}

/// How a body is kept in the log: as it came, if the log has a name for that.
fn stored_compression(compression: Compression) -> Option<engine::Compression> {
    match compression {
        Compression::None => Some(engine::Compression::None),
        Compression::Gzip => Some(engine::Compression::Gzip),
        Compression::Zstd => Some(engine::Compression::Zstd),
        Compression::Deflate => None,
    }
}

/// What the sender hears about items: refused ones first, then repaired ones.
fn stored(decoded: &Decoded) -> Answer {
    let told: Vec<&str> = decoded.reasons.iter().chain(&decoded.warnings).map(String::as_str).collect();
    Answer::Stored { rejected: decoded.rejected, message: (!told.is_empty()).then(|| told.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::RefusalReason;
    use std::time::Duration;

    #[test]
    fn a_refusal_of_the_store_keeps_its_time_to_come_back() {
        for reason in RefusalReason::ALL {
            let refusal = Refusal { reason, retry_after: reason.retry_after(), detail: "full".into() };
            match busy(refusal) {
                Refused::Busy { why, after } => assert_eq!((why.as_str(), Some(after)), ("full", reason.retry_after())),
                Refused::TooLarge(_) => assert_eq!(reason, RefusalReason::TooLarge),
                other => panic!("{reason}: {other:?}"),
            }
        }
        assert!(RefusalReason::Inflight.retry_after() >= Some(Duration::from_secs(1)));
    }

    #[test]
    fn success_is_silent_and_refused_items_are_named() {
        assert_eq!(stored(&Decoded::default()), Answer::Stored { rejected: 0, message: None });
        let partly = Decoded {
            rejected: 1,
            reasons: vec!["spans[3]: bad id".into()],
            warnings: vec!["1 text repaired".into()],
            ..Decoded::default()
        };
        let message = Some("spans[3]: bad id; 1 text repaired".to_owned());
        assert_eq!(stored(&partly), Answer::Stored { rejected: 1, message });
    }
}
