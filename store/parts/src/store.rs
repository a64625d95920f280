//! The part store: write, read, list, merge, retire.

use crate::bucket::Bucket;
use crate::draft::Finished;
use crate::local::LocalFiles;
use crate::merge::{self, Shelf};
use crate::retry::{RetryStats, RetryStore};
use crate::write::{PartHead, PartWriter, folder};
use crate::{ListedFile, Location, Merge, NewPart, PartError, Settings, draft, read, s3};
use model::Workspace;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tables::{PartFile, PartMeta};
use tokio::runtime::Handle;

/// Parts on one object store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PartStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    retry: RetryStore,
    place: Place,
    counts: Counts,
}

/// Local files are written past the object store interface, which has no fsync.
#[derive(Debug)]
enum Place {
    Local(LocalFiles),
    Bucket(Bucket),
}

#[derive(Debug, Default)]
struct Counts {
    parts: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
    merges: AtomicU64,
}

/// Counters since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub parts_written: u64,
    pub rows_written: u64,
    pub bytes_written: u64,
    pub merges: u64,
    pub requests: u64,
    pub retries: u64,
    /// Repeats refused because the retry budget was spent.
    pub retries_refused: u64,
}

impl PartStore {
    /// Opens the store, creating its directories. Touches no network.
    ///
    /// # Errors
    /// When a directory cannot be made or the settings cannot work.
    pub fn open(settings: Settings) -> Result<Self, PartError> {
        match settings.location.clone() {
            Location::Local { parquet, replaced } => {
                let files = LocalFiles::open(parquet, replaced)?;
                let reads = LocalFileSystem::new_with_prefix(&files.parquet)
                    .map_err(|source| PartError::Unavailable { path: files.parquet.display().to_string(), source })?;
                Ok(Self::with(Arc::new(reads), Place::Local(files), settings))
            }
            Location::S3 { s3, .. } => {
                let client = s3::connect(&s3, &settings.retry)?;
                Self::over(client, settings)
            }
        }
    }

    /// On a given object store (tests put failing ones here); `settings.location` must be S3 and is
    /// used for its staging directory only.
    ///
    /// # Errors
    /// When the staging directory cannot be made.
    pub fn over(object_store: Arc<dyn ObjectStore>, settings: Settings) -> Result<Self, PartError> {
        let Location::S3 { staging, .. } = settings.location.clone() else {
            return Err(PartError::Invalid("an object store takes the place of S3 only".into()));
        };
        std::fs::create_dir_all(&staging).map_err(draft::disk("create directory", &staging))?;
        let retry = RetryStore::new(object_store.clone(), settings.retry.clone());
        let bucket = Bucket { store: retry, staging, piece_bytes: settings.upload_piece_bytes.max(5 << 20) };
        Ok(Self::with(object_store, Place::Bucket(bucket), settings))
    }

    fn with(object_store: Arc<dyn ObjectStore>, place: Place, settings: Settings) -> Self {
        let retry = match &place {
            Place::Bucket(bucket) => bucket.store.clone(),
            Place::Local(_) => RetryStore::new(object_store, settings.retry.clone()),
        };
        Self { inner: Arc::new(Inner { settings, retry, place, counts: Counts::default() }) }
    }

    /// The store itself with retries, for readers; paths are those of [`PartMeta::path`].
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::new(self.inner.retry.clone())
    }

    /// The directory of a local store.
    pub fn local_root(&self) -> Option<PathBuf> {
        match &self.inner.place {
            Place::Local(files) => Some(files.parquet.clone()),
            Place::Bucket(_) => None,
        }
    }

    /// Encodes and stores a part; when it returns, the file is on stable storage under its name.
    ///
    /// # Errors
    /// Nothing is left under the name of the part, or all of it (an answer that was lost): writing it
    /// again with the same id and rows is right in both cases.
    pub async fn write(&self, part: NewPart) -> Result<PartMeta, PartError> {
        let inner = self.inner.clone();
        let handle = Handle::current();
        blocking(move || {
            let head = PartHead {
                id: part.id,
                folder: folder(&part.workspace, &part.spec, part.day),
                workspace: part.workspace,
                spec: part.spec,
                level: part.level,
                received_max: part.received_max,
                wal_from: part.wal_from,
                wal_until: part.wal_until,
                replaces: Vec::new(),
                promoted: part.promoted,
                overflow: part.overflow,
            };
            let path = head.path();
            let mut writer = PartWriter::begin(head, &inner.place.place(&path)?, &inner.settings)?;
            writer.write_all(&part.rows)?;
            let (meta, finished) = writer.finish(part.lineage)?;
            inner.place.publish(&handle, finished, &path)?;
            inner.counts.written(&meta);
            Ok(meta)
        })
        .await
    }

    /// Merges sorted parts into sorted parts: the same rows, cut at `output_bytes_max` and at event-time
    /// hours. The inputs stay; outputs are on stable storage when it returns.
    ///
    /// # Errors
    /// No output is left, but for one that cannot be removed either; the inputs are as they were.
    pub async fn merge(&self, merge: Merge) -> Result<Vec<PartMeta>, PartError> {
        let inner = self.inner.clone();
        let handle = Handle::current();
        let inputs_max = inner.settings.merge_inputs_max;
        if merge.inputs.len() > inputs_max {
            return Err(PartError::Invalid(format!("{} inputs are more than {inputs_max}", merge.inputs.len())));
        }
        blocking(move || {
            let mut shelf = OpenShelf { place: &inner.place, handle: &handle, fetched: Vec::new() };
            let mut outputs = Vec::new();
            if let Err(error) = merge::run(&merge, &inner.settings, &mut shelf, &mut outputs) {
                for output in outputs {
                    if let Err(error) = inner.place.remove(&handle, &output.path) {
                        tracing::warn!(path = output.path, %error, "output of a failed merge stays until the next start");
                    }
                }
                return Err(error);
            }
            outputs.iter().for_each(|output| inner.counts.written(output));
            inner.counts.merges.fetch_add(1, Ordering::Relaxed);
            Ok(outputs)
        })
        .await
    }

    /// Reads what a file tells about itself, its size and its checksum (which reads all of it).
    ///
    /// # Errors
    /// `Damaged` for what is no part, `TooNew` for one of a later version.
    pub async fn read_footer(&self, path: &str) -> Result<PartFile, PartError> {
        self.on_file(path, |file, path| {
            let (bytes, crc32) = read::checksum(file, path)?;
            read::part_file(file, path, bytes, crc32)
        })
        .await
    }

    /// All `.parquet` files of a workspace, or of all.
    ///
    /// # Errors
    /// When the directory or the bucket cannot be listed.
    pub async fn list(&self, workspace: Option<&Workspace>) -> Result<Vec<ListedFile>, PartError> {
        let below = workspace.map(Workspace::to_string).unwrap_or_default();
        match &self.inner.place {
            Place::Bucket(bucket) => bucket.list(&below).await,
            Place::Local(_) => self.on_local(move |files| files.list(&below)).await,
        }
    }

    /// Checks size and checksum of the file and reads every value of it.
    ///
    /// # Errors
    /// `Missing`, or `Damaged` saying how.
    pub async fn verify(&self, meta: &PartMeta) -> Result<(), PartError> {
        let meta = meta.clone();
        let path = meta.path.clone();
        self.on_file(&path, move |file, path| {
            let damaged = |what: String| Err(PartError::Damaged { path: path.to_owned(), what });
            let (bytes, crc32) = read::checksum(file, path)?;
            if bytes != meta.bytes {
                return damaged(format!("it has {bytes} bytes, not {}", meta.bytes));
            }
            if crc32 != meta.crc32 {
                return damaged(format!("its checksum is {crc32:08x}, not {:08x}", meta.crc32));
            }
            let copy = file.try_clone().map_err(|source| read::cannot_read(path, source))?;
            let rows = read::read_through(copy, path)?;
            if rows != meta.rows { damaged(format!("it has {rows} rows, not {}", meta.rows)) } else { Ok(()) }
        })
        .await
    }

    /// Takes a replaced part out of sight: locally it moves to the same path below `DATA_DIR/replaced/`,
    /// where readers that still hold its name look next; on S3 it stays until [`PartStore::remove`].
    /// A part that is not there any more is fine.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn retire(&self, path: &str) -> Result<(), PartError> {
        let path = path.to_owned();
        match &self.inner.place {
            Place::Bucket(_) => Ok(()),
            Place::Local(_) => self.on_local(move |files| files.retire(&path)).await,
        }
    }

    /// Deletes a part, retired or not. A part that is not there any more is fine.
    ///
    /// # Errors
    /// When the disk or the object store refuses.
    pub async fn remove(&self, path: &str) -> Result<(), PartError> {
        match &self.inner.place {
            Place::Bucket(bucket) => bucket.remove(path).await,
            Place::Local(_) => {
                let path = path.to_owned();
                self.on_local(move |files| files.remove(&path)).await
            }
        }
    }

    /// Deletes what writers that were killed left behind; only while no other writer is at work. Says
    /// how many files it were.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn clear_temporary(&self) -> Result<u64, PartError> {
        match &self.inner.place {
            Place::Local(_) => self.on_local(LocalFiles::clear_temporary).await,
            Place::Bucket(bucket) => {
                let staging = bucket.staging.clone();
                blocking(move || crate::local::clear_temporary(&staging)).await
            }
        }
    }

    pub fn stats(&self) -> Stats {
        let RetryStats { requests, retries, refused } = self.inner.retry.stats();
        let counts = &self.inner.counts;
        Stats {
            parts_written: counts.parts.load(Ordering::Relaxed),
            rows_written: counts.rows.load(Ordering::Relaxed),
            bytes_written: counts.bytes.load(Ordering::Relaxed),
            merges: counts.merges.load(Ordering::Relaxed),
            requests,
            retries,
            retries_refused: refused,
        }
    }

    /// Runs `job` on a part as a local file.
    async fn on_file<T: Send + 'static>(
        &self,
        path: &str,
        job: impl FnOnce(&File, &str) -> Result<T, PartError> + Send + 'static,
    ) -> Result<T, PartError> {
        let inner = self.inner.clone();
        let handle = Handle::current();
        let path = path.to_owned();
        blocking(move || {
            let file = inner.place.file(&handle, &path)?;
            job(&file, &path)
        })
        .await
    }

    async fn on_local<T: Send + 'static>(
        &self,
        job: impl FnOnce(&LocalFiles) -> Result<T, PartError> + Send + 'static,
    ) -> Result<T, PartError> {
        let inner = self.inner.clone();
        blocking(move || match &inner.place {
            Place::Local(files) => job(files),
            Place::Bucket(_) => Err(PartError::Invalid("not a local store".into())),
        })
        .await
    }
}

impl Counts {
    fn written(&self, meta: &PartMeta) {
        self.parts.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(meta.rows, Ordering::Relaxed);
        self.bytes.fetch_add(meta.bytes, Ordering::Relaxed);
    }
}

impl Place {
    /// Where to write the draft of a part.
    fn place(&self, path: &str) -> Result<PathBuf, PartError> {
        match self {
            Self::Local(files) => files.place(path),
            Self::Bucket(bucket) => Ok(bucket.staging.join(Path::new(path).file_name().unwrap_or_default())),
        }
    }

    fn publish(&self, handle: &Handle, finished: Finished, path: &str) -> Result<(), PartError> {
        match self {
            Self::Local(files) => files.publish(finished, path),
            Self::Bucket(bucket) => handle.block_on(bucket.publish(finished, path)),
        }
    }

    fn remove(&self, handle: &Handle, path: &str) -> Result<(), PartError> {
        match self {
            Self::Local(files) => files.remove(path),
            Self::Bucket(bucket) => handle.block_on(bucket.remove(path)),
        }
    }

    /// A part for reading; from a bucket it is fetched into a file that has no name any more.
    fn file(&self, handle: &Handle, path: &str) -> Result<File, PartError> {
        match self {
            Self::Local(files) => File::open(files.path(path)).map_err(|source| read::cannot_read(path, source)),
            Self::Bucket(bucket) => handle.block_on(bucket.fetch(path)),
        }
    }
}

/// What a merge reads from and writes to. A fetched input is kept for the passes that follow.
struct OpenShelf<'a> {
    place: &'a Place,
    handle: &'a Handle,
    fetched: Vec<(String, File)>,
}

impl Shelf for OpenShelf<'_> {
    fn input(&mut self, meta: &PartMeta) -> Result<File, PartError> {
        let path = &meta.path;
        if let Some((_, file)) = self.fetched.iter().find(|(fetched, _)| fetched == path) {
            return file.try_clone().map_err(|source| read::cannot_read(path, source));
        }
        let file = self.place.file(self.handle, path)?;
        if let Place::Bucket(_) = self.place {
            let kept = file.try_clone().map_err(|source| read::cannot_read(path, source))?;
            self.fetched.push((path.clone(), kept));
        }
        Ok(file)
    }

    fn place(&self, path: &str) -> Result<PathBuf, PartError> {
        self.place.place(path)
    }

    fn publish(&mut self, finished: Finished, path: &str) -> Result<(), PartError> {
        self.place.publish(self.handle, finished, path)
    }
}

/// Runs CPU and disk work away from the network's threads.
async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, PartError> + Send + 'static,
) -> Result<T, PartError> {
    tokio::task::spawn_blocking(job).await.map_err(|error| PartError::Stopped(error.to_string()))?
}

#[cfg(test)]
mod tests;
