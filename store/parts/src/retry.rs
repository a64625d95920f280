//! An object store whose requests are repeated when they fail for a passing reason: bounded attempts,
//! drawn waits, one budget for all, so that an outage is not answered by a flood.
//!
//! A request may have been done although its answer was lost. Reading and deleting again are harmless;
//! creating again is answered by `AlreadyExists`, which the part store settles by comparing content.

use crate::RetrySettings;
use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Bodies up to this many bytes are read within the attempt, so that one that breaks off is read again.
const BODY_BYTES_MAX: u64 = 32 << 20;
/// The budget counts halves.
const RETRY_COST: i64 = 2;

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RetryStore {
    inner: Arc<dyn ObjectStore>,
    settings: RetrySettings,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    owed: AtomicI64,
    requests: AtomicU64,
    retries: AtomicU64,
    refused: AtomicU64,
}

/// Requests sent, of these repeats, and repeats refused because the budget was spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryStats {
    pub requests: u64,
    pub retries: u64,
    pub refused: u64,
}

/// What becomes of a failed attempt.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Again,
    /// Repeating cannot help, or attempts are used up.
    GiveUp,
    /// It might help, but too many repeats are owed already.
    OverBudget,
}

impl RetryStore {
    pub fn new(inner: Arc<dyn ObjectStore>, settings: RetrySettings) -> Self {
        Self { inner, settings, counts: Arc::default() }
    }

    pub fn stats(&self) -> RetryStats {
        RetryStats {
            requests: self.counts.requests.load(Ordering::Relaxed),
            retries: self.counts.retries.load(Ordering::Relaxed),
            refused: self.counts.refused.load(Ordering::Relaxed),
        }
    }

    /// Runs `attempt` until it succeeds or must not be repeated.
    pub(crate) async fn repeat<T, F>(&self, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.repeat_long(1, attempt).await
    }

    /// Likewise for what takes so many requests one after the other, and as much longer.
    pub(crate) async fn repeat_long<T, F>(&self, requests: u32, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let timeout = self.settings.attempt_timeout * requests;
        let mut wait = self.settings.wait_first;
        for number in 1.. {
            self.counts.requests.fetch_add(1, Ordering::Relaxed);
            let answer = tokio::time::timeout(timeout, attempt()).await;
            let error = match answer.unwrap_or_else(|_| Err(timed_out(timeout))) {
                Ok(value) => {
                    self.repay();
                    return Ok(value);
                }
                Err(error) => error,
            };
            match verdict(&error, number, self.owed(), &self.settings) {
                Verdict::Again => {}
                Verdict::GiveUp => return Err(error),
                Verdict::OverBudget => {
                    self.counts.refused.fetch_add(1, Ordering::Relaxed);
                    return Err(error);
                }
            }
            tracing::debug!(number, %error, "object store request failed, to be repeated");
            self.counts.owed.fetch_add(RETRY_COST, Ordering::Relaxed);
            self.counts.retries.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(drawn(wait, self.settings.wait_max)).await;
            wait = (wait * 2).min(self.settings.wait_max);
        }
        Err(timed_out(timeout))
    }

    fn owed(&self) -> i64 {
        self.counts.owed.load(Ordering::Relaxed)
    }

    fn repay(&self) {
        let less = |owed: i64| (owed > 0).then(|| owed - 1);
        // Nothing owed is nothing to repay.
        let _ = self.counts.owed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

fn verdict(error: &Error, number: u32, owed: i64, settings: &RetrySettings) -> Verdict {
    if !is_passing(error) || number >= settings.attempts_max {
        Verdict::GiveUp
    } else if owed + RETRY_COST > i64::from(settings.budget) * RETRY_COST {
        Verdict::OverBudget
    } else {
        Verdict::Again
    }
}

/// Whether the same request may succeed a moment later.
fn is_passing(error: &Error) -> bool {
    matches!(error, Error::Generic { .. } | Error::JoinError { .. })
}

fn timed_out(after: Duration) -> Error {
    let source = std::io::Error::new(std::io::ErrorKind::TimedOut, format!("no answer within {after:?}"));
    Error::Generic { store: "retry", source: Box::new(source) }
}

/// A wait between nothing and `wait`, so that those who failed together do not come back together.
fn drawn(wait: Duration, max: Duration) -> Duration {
    wait.min(max).mul_f64(rand::random::<f64>())
}

impl fmt::Display for RetryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with retries", self.inner)
    }
}

#[async_trait]
impl ObjectStore for RetryStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.repeat(|| self.inner.put_opts(location, payload.clone(), opts.clone())).await
    }

    /// Only the beginning is repeated: an upload in pieces is begun anew by whoever has all its bytes.
    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.repeat(|| self.inner.put_multipart_opts(location, opts.clone())).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let attempt = || async {
            let got = self.inner.get_opts(location, options.clone()).await?;
            let len = got.range.end - got.range.start;
            match got.payload {
                GetResultPayload::Stream(body) if len <= BODY_BYTES_MAX && !options.head => {
                    let body: Vec<_> = body.try_collect().await?;
                    if body.iter().map(|b| b.len() as u64).sum::<u64>() != len {
                        return Err(broken_off(location, len));
                    }
                    let payload = GetResultPayload::Stream(futures::stream::iter(body.into_iter().map(Ok)).boxed());
                    Ok(GetResult { payload, ..got })
                }
                payload => Ok(GetResult { payload, ..got }),
            }
        };
        self.repeat(attempt).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.repeat(|| self.inner.get_ranges(location, ranges)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let delete = move |location: Result<Path>| {
            let this = this.clone();
            async move {
                let location = location?;
                let one = || {
                    let only = futures::stream::iter([Ok(location.clone())]).boxed();
                    let mut deleted = this.inner.delete_stream(only);
                    async move { deleted.next().await.unwrap_or_else(|| Ok(Path::default())) }
                };
                this.repeat(one).await?;
                Ok(location)
            }
        };
        locations.then(delete).boxed()
    }

    /// A listing that breaks off is not repeated in the middle: the caller lists again.
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.repeat(|| self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.repeat(|| self.inner.copy_opts(from, to, options.clone())).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.repeat(|| self.inner.rename_opts(from, to, options.clone())).await
    }
}

fn broken_off(location: &Path, expected: u64) -> Error {
    let what = format!("{location} broke off before its {expected} bytes");
    Error::Generic { store: "retry", source: Box::new(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, what)) }
}

#[cfg(test)]
mod tests;
