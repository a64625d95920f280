//! Where parts live and the bounds on working with them.

use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    pub location: Location,
    pub retry: RetrySettings,
    /// Threads that encode the columns of one part side by side. 2.
    pub encode_threads: usize,
    /// Rows of a row group. 131,072.
    pub row_group_rows: usize,
    /// Bytes after which a merge begins its next output. 512 MB.
    pub output_bytes_max: u64,
    /// Rows a merge holds of each of its inputs. 2,048.
    pub merge_batch_rows: usize,
    /// Most files that one merge reads side by side: each holds its batch and a page of every column. 16.
    pub merge_inputs_max: usize,
    /// Most event-time hours that one pass of a merge writes side by side: each holds a row group. 4.
    pub merge_hours_max: usize,
    /// Rows of neighbouring inputs that are sorted together: about two row groups. 262,144.
    pub slice_rows: u64,
    /// Merges of fewer rows than this are not cut at hours. 16,384.
    pub split_rows_min: u64,
    /// Bytes above which an object is sent in pieces of this size. 16 MB.
    pub upload_piece_bytes: usize,
}

impl Settings {
    pub fn at(location: Location) -> Self {
        Self {
            location,
            retry: RetrySettings::default(),
            encode_threads: 2,
            row_group_rows: 131_072,
            output_bytes_max: 512 << 20,
            merge_batch_rows: 2_048,
            merge_inputs_max: 16,
            merge_hours_max: 4,
            slice_rows: 262_144,
            split_rows_min: 16_384,
            upload_piece_bytes: 16 << 20,
        }
    }
}

#[derive(Clone, Debug)]
pub enum Location {
    /// `parquet`: `DATA_DIR/parquet`; `replaced`: `DATA_DIR/replaced`, on the same file system.
    Local { parquet: PathBuf, replaced: PathBuf },
    /// `staging`: a local directory where a part is assembled before it is sent.
    S3 { s3: S3, staging: PathBuf },
}

/// An S3 bucket, of Amazon or of anything that speaks the same protocol.
#[derive(Clone)]
pub struct S3 {
    /// `s3://BUCKET[/PREFIX]`.
    pub url: String,
    /// `http://HOST:PORT` for anything but Amazon.
    pub endpoint: Option<String>,
    pub region: String,
    pub access_key: Option<String>,
    pub secret_key: Option<String>,
    /// Plain http, for an endpoint on the same machine or network.
    pub allow_http: bool,
    /// `ENDPOINT/BUCKET/KEY` (true, what most servers want) or `BUCKET.ENDPOINT/KEY`.
    pub path_style: bool,
}

impl std::fmt::Debug for S3 {
    /// Without the keys: settings are logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { url, endpoint, region, allow_http, path_style, .. } = self;
        f.debug_struct("S3")
            .field("url", url)
            .field("endpoint", endpoint)
            .field("region", region)
            .field("allow_http", allow_http)
            .field("path_style", path_style)
            .finish_non_exhaustive()
    }
}

/// How requests to the object store are repeated.
#[derive(Clone, Debug)]
pub struct RetrySettings {
    /// Attempts of one request, the first included. 6.
    pub attempts_max: u32,
    /// Bounds of the wait before a repeat; each wait is drawn between nothing and twice the last. 100 ms to 10 s.
    pub wait_first: Duration,
    pub wait_max: Duration,
    /// One attempt may last so long. 30 s.
    pub attempt_timeout: Duration,
    /// Repeats that may be owed at once: each repeat costs one, each success gives back a half. 100.
    pub budget: u32,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            attempts_max: 6,
            wait_first: Duration::from_millis(100),
            wait_max: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(30),
            budget: 100,
        }
    }
}
