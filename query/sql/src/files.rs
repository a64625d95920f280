//! The worker's eyes on Parquet files: an object store that can only read.
//!
//! Paths come from views, never from statements. A file that compaction has just replaced is read from
//! where it was moved to; there it outlives every query that can still name it.

use async_trait::async_trait;
use bytes::Bytes;
use client::StoreLocation;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the files of all workspaces are. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Files {
    /// Local files are read in place: the page cache answers sooner than another thread would.
    Local {
        live: Arc<PathBuf>,
        replaced: Arc<PathBuf>,
    },
    Remote(Arc<dyn ObjectStore>),
}

impl Files {
    /// `scratch`: a directory of the worker's own.
    pub fn open(location: &StoreLocation, scratch: &std::path::Path) -> std::result::Result<Self, parts::PartError> {
        Ok(match location {
            StoreLocation::Local { parquet, replaced } => {
                Self::Local { live: Arc::new(parquet.clone()), replaced: Arc::new(replaced.clone()) }
            }
            StoreLocation::S3 { url, endpoint, region, access_key, secret, allow_http, path_style } => {
                let s3 = parts::S3 {
                    url: url.clone(),
                    endpoint: endpoint.clone(),
                    region: region.clone().unwrap_or_else(|| "us-east-1".into()),
                    access_key: access_key.clone(),
                    secret_key: secret.clone(),
                    allow_http: *allow_http,
                    path_style: *path_style,
                };
                let location = parts::Location::S3 { s3, staging: scratch.to_owned() };
                Self::Remote(parts::PartStore::open(parts::Settings::at(location))?.object_store())
            }
        })
    }
}

impl std::fmt::Display for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("parts")
    }
}

/// Opens a live file, or one replaced a moment ago.
fn open(live: &std::path::Path, replaced: &std::path::Path, location: &Path) -> Result<File> {
    let opened = match File::open(live.join(location.as_ref())) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => File::open(replaced.join(location.as_ref())),
        other => other,
    };
    opened.map_err(|error| of_io(location, error))
}

fn of_io(location: &Path, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        Error::NotFound { path: location.to_string(), source: Box::new(error) }
    } else {
        Error::Generic { store: "parts", source: Box::new(error) }
    }
}

fn read(file: &File, location: &Path, range: &Range<u64>) -> Result<Bytes> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    file.read_exact_at(&mut bytes, range.start).map_err(|error| of_io(location, error))?;
    Ok(bytes.into())
}

fn get(file: &File, location: &Path, options: &GetOptions) -> Result<GetResult> {
    let size = file.metadata().map_err(|error| of_io(location, error))?.len();
    let out_of_range = |error| Error::Generic { store: "parts", source: Box::new(error) };
    let range = match &options.range {
        Some(range) => range.as_range(size).map_err(out_of_range)?,
        None => 0..size,
    };
    let bytes = if options.head { Bytes::new() } else { read(file, location, &range)? };
    // Parts never change: any fixed time will do.
    let meta =
        ObjectMeta { location: location.clone(), last_modified: Default::default(), size, e_tag: None, version: None };
    Ok(GetResult {
        payload: GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed()),
        meta,
        range,
        attributes: Default::default(),
    })
}

fn read_only(what: &str) -> Error {
    Error::NotSupported { source: format!("a query worker cannot {what}").into() }
}

#[async_trait]
impl ObjectStore for Files {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self {
            Self::Local { live, replaced } => get(&open(live, replaced, location)?, location, &options),
            Self::Remote(store) => store.get_opts(location, options).await,
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match self {
            Self::Local { live, replaced } => {
                let file = open(live, replaced, location)?;
                ranges.iter().map(|range| read(&file, location, range)).collect()
            }
            Self::Remote(store) => store.get_ranges(location, ranges).await,
        }
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only("write"))
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only("write"))
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.and_then(|_| async { Err(read_only("delete")) }).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::iter([Err(read_only("list files"))]).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(read_only("list files"))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only("copy"))
    }
}
