//! An object store that fails on purpose, for tests of everything above it.
//!
//! Failures are drawn from a seed, so a run can be repeated.

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How often what goes wrong, each a share of requests between 0 and 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Toxics {
    /// The request is answered with 503 and not done.
    pub refuse: f64,
    /// The request is done and its answer is lost.
    pub lose_answer: f64,
    /// A body that is read ends early.
    pub truncate: f64,
}

/// An object store that fails as its [`Toxics`] say. Cheap to clone; clones share their state.
#[derive(Clone, Debug)]
pub struct FailingStore {
    inner: Arc<dyn ObjectStore>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    toxics: Mutex<Toxics>,
    random: Mutex<StdRng>,
    out: AtomicBool,
    requests: AtomicU64,
}

impl FailingStore {
    pub fn new(inner: Arc<dyn ObjectStore>, toxics: Toxics, seed: u64) -> Self {
        let state = State {
            toxics: Mutex::new(toxics),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            out: AtomicBool::new(false),
            requests: AtomicU64::new(0),
        };
        Self { inner, state: Arc::new(state) }
    }

    pub fn set_toxics(&self, toxics: Toxics) {
        *self.state.toxics.lock().unwrap_or_else(PoisonError::into_inner) = toxics;
    }

    /// A total outage begins or ends.
    pub fn set_outage(&self, out: bool) {
        self.state.out.store(out, Ordering::SeqCst);
    }

    /// Requests seen, whatever became of them.
    pub fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::SeqCst)
    }

    fn toxics(&self) -> Toxics {
        *self.state.toxics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn strikes(&self, share: f64) -> bool {
        share > 0.0 && self.state.random.lock().unwrap_or_else(PoisonError::into_inner).random_bool(share)
    }

    fn before(&self) -> Result<()> {
        self.state.requests.fetch_add(1, Ordering::SeqCst);
        if self.state.out.load(Ordering::SeqCst) || self.strikes(self.toxics().refuse) {
            return Err(failure("503 SlowDown"));
        }
        Ok(())
    }

    fn after<T>(&self, done: Result<T>) -> Result<T> {
        if done.is_ok() && self.strikes(self.toxics().lose_answer) {
            return Err(failure("connection reset before the answer"));
        }
        done
    }
}

fn failure(what: &str) -> Error {
    Error::Generic { store: "failing", source: what.into() }
}

impl fmt::Display for FailingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failing {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FailingStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.before()?;
        self.after(self.inner.put_opts(location, payload, opts).await)
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.before()?;
        let upload = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(FailingUpload { inner: upload, store: self.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.before()?;
        let got = self.inner.get_opts(location, options).await?;
        if !self.strikes(self.toxics().truncate) {
            return Ok(got);
        }
        let (meta, range, attributes) = (got.meta.clone(), got.range.clone(), got.attributes.clone());
        let body: Vec<_> = got.into_stream().try_collect().await?;
        let whole = body.concat();
        let half = bytes::Bytes::copy_from_slice(&whole[..whole.len() / 2]);
        let payload = GetResultPayload::Stream(futures::stream::iter([Ok(half)]).boxed());
        Ok(GetResult { payload, meta, range, attributes })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let deleted = self.inner.delete_stream(locations);
        deleted.map(move |done| this.before().and_then(|()| this.after(done))).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.before() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => futures::stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.before()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.before()?;
        self.after(self.inner.copy_opts(from, to, options).await)
    }
}

/// Pieces of a long object, each of which may fail.
#[derive(Debug)]
struct FailingUpload {
    inner: Box<dyn MultipartUpload>,
    store: FailingStore,
}

#[async_trait]
impl MultipartUpload for FailingUpload {
    fn put_part(&mut self, data: PutPayload) -> object_store::UploadPart {
        match self.store.before() {
            Ok(()) => self.inner.put_part(data),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.store.before()?;
        let done = self.inner.complete().await;
        self.store.after(done)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
