//! Parts as objects of a bucket: assembled in a local staging directory, then sent whole.

use crate::draft::{Finished, disk};
use crate::retry::RetryStore;
use crate::{ListedFile, PartError, read};
use futures::TryStreamExt;
use model::UnixNanos;
use object_store::path::Path as ObjectPath;
use object_store::{Error, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::PathBuf;

/// Requests that listing a bucket may take the time of: a thousand objects each.
const LIST_REQUESTS: u32 = 100;

#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) store: RetryStore,
    pub(crate) staging: PathBuf,
    /// Objects above this size are sent in pieces of it.
    pub(crate) piece_bytes: usize,
}

impl Bucket {
    /// Sends a finished draft. The name of a part is given out once, so whoever finds the object there
    /// already has sent it before and lost the answer: same bytes, else an error.
    pub(crate) async fn publish(&self, finished: Finished, path: &str) -> Result<(), PartError> {
        let object = object_path(path)?;
        if finished.bytes > self.piece_bytes as u64 {
            return self.send_in_pieces(&finished, &object, path).await;
        }
        let bytes = std::fs::read(finished.path()).map_err(disk("read", finished.path()))?;
        let sent = self.store.put_opts(&object, PutPayload::from(bytes), PutMode::Create.into()).await;
        match sent {
            Ok(_) => Ok(()),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => self.same_bytes(&finished, path).await,
            Err(source) => Err(unavailable(path, source)),
        }
    }

    /// A long object appears whole when its last piece has arrived; sent twice it is the same object.
    async fn send_in_pieces(&self, finished: &Finished, object: &ObjectPath, path: &str) -> Result<(), PartError> {
        let attempt = || async {
            let mut upload = self.store.put_multipart(object).await?;
            let sent = self.send_pieces(finished, upload.as_mut()).await;
            if sent.is_err() {
                // Pieces that stay are removed by the bucket's own rule for abandoned uploads.
                let _ = upload.abort().await;
            }
            sent
        };
        let pieces = (finished.bytes / self.piece_bytes as u64) as u32 + 1;
        self.store.repeat_long(pieces, attempt).await.map_err(|source| unavailable(path, source))
    }

    async fn send_pieces(&self, finished: &Finished, upload: &mut dyn MultipartUpload) -> object_store::Result<()> {
        let io = |source: std::io::Error| Error::Generic { store: "staging", source: Box::new(source) };
        let mut file = File::open(finished.path()).map_err(io)?;
        loop {
            let mut piece = Vec::with_capacity(self.piece_bytes);
            Read::by_ref(&mut file).take(self.piece_bytes as u64).read_to_end(&mut piece).map_err(io)?;
            if piece.is_empty() {
                break;
            }
            upload.put_part(piece.into()).await?;
        }
        upload.complete().await.map(|_| ())
    }

    async fn same_bytes(&self, finished: &Finished, path: &str) -> Result<(), PartError> {
        let there = self.fetch(path).await?;
        let same = read::checksum(&there, path)? == (finished.bytes, finished.crc32);
        if same { Ok(()) } else { Err(PartError::Conflict { path: path.to_owned() }) }
    }

    /// An object as a local file without a name: it is gone when it is closed.
    pub(crate) async fn fetch(&self, path: &str) -> Result<File, PartError> {
        let object = object_path(path)?;
        let failed = |source: Error| match source {
            Error::NotFound { .. } => PartError::Missing { path: path.to_owned() },
            source => unavailable(path, source),
        };
        let staging = |source| PartError::Disk { doing: "write", path: self.staging.display().to_string(), source };
        let mut file = self.nameless().map_err(staging)?;
        let (mut at, mut size) = (0, u64::MAX);
        // Piece by piece: each is repeated by itself, and none is too long for one attempt.
        while at < size {
            let range = GetRange::Bounded(at..at + self.piece_bytes as u64);
            let got = self.store.get_opts(&object, GetOptions::new().with_range(Some(range))).await.map_err(failed)?;
            size = got.meta.size;
            at = got.range.end;
            file.write_all(&got.bytes().await.map_err(failed)?).map_err(staging)?;
        }
        file.rewind().map_err(staging)?;
        Ok(file)
    }

    fn nameless(&self) -> std::io::Result<File> {
        let path = self.staging.join(format!(".fetched-{:032x}.tmp", rand::random::<u128>()));
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    }

    pub(crate) async fn remove(&self, path: &str) -> Result<(), PartError> {
        match self.store.delete(&object_path(path)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(unavailable(path, source)),
        }
    }

    pub(crate) async fn list(&self, below: &str) -> Result<Vec<ListedFile>, PartError> {
        let prefix = ObjectPath::from(below);
        let prefix = (!below.is_empty()).then_some(&prefix);
        let listed = self.store.repeat_long(LIST_REQUESTS, || self.store.list(prefix).try_collect::<Vec<_>>()).await;
        let mut files: Vec<ListedFile> = listed
            .map_err(|source| unavailable(below, source))?
            .into_iter()
            .filter(|object| object.location.extension() == Some("parquet"))
            .map(|object| ListedFile {
                path: object.location.to_string(),
                bytes: object.size,
                modified: UnixNanos(object.last_modified.timestamp_nanos_opt().unwrap_or(i64::MAX)),
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }
}

fn object_path(path: &str) -> Result<ObjectPath, PartError> {
    ObjectPath::parse(path).map_err(|error| PartError::Invalid(format!("{path:?} is no object path: {error}")))
}

fn unavailable(path: &str, source: Error) -> PartError {
    PartError::Unavailable { path: path.to_owned(), source }
}
