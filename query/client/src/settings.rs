//! Bounds and places of the query side.

use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Where a worker reads Parquet files. Handed over in the handshake, so that secrets show neither in
/// arguments nor in the environment of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreLocation {
    Local {
        /// `DATA_DIR/parquet`.
        parquet: PathBuf,
        /// `DATA_DIR/replaced`: where compaction moves files that running queries may still read.
        replaced: PathBuf,
    },
    S3 {
        url: String,
        endpoint: Option<String>,
        region: Option<String>,
        access_key: Option<String>,
        secret: Option<String>,
        allow_http: bool,
        path_style: bool,
    },
}

#[derive(Clone, Debug)]
pub struct Settings {
    /// The program to run as a worker, usually `/proc/self/exe`.
    pub worker_exe: PathBuf,
    /// Its first arguments, usually `worker`; `--socket PATH` is added.
    pub worker_args: Vec<OsString>,
    /// Directory of the workers' sockets; made with mode 0700.
    pub run_dir: PathBuf,
    pub store: StoreLocation,
    /// Worker processes; with two or more, the last one serves only [`crate::Lane::Rules`]. Default 2.
    pub workers_max: usize,
    /// Queries running at the same time in one worker. Default 4.
    pub queries_per_worker_max: usize,
    /// Queries waiting for a place; more are refused as busy. Default 64.
    pub waiting_max: usize,
    /// A worker without a query for this long is stopped. Default 60 s.
    pub idle_stop: Duration,
    /// How long a worker may take to start and answer the handshake. Default 20 s.
    pub start_timeout: Duration,
    /// Resident memory of one worker: above it its queries are cancelled, and it is killed if that does
    /// not help within a second. Default 1 GiB.
    pub memory_bytes_max: u64,
    /// Memory that the operators of all queries of one worker may reserve. Default 512 MiB.
    pub pool_bytes_max: u64,
    /// Disk that one worker may spill to, in `run_dir`; 0 disables spilling. Default 1 GiB.
    pub spill_bytes_max: u64,
    /// Threads that run plans in a worker. Default 2.
    pub threads: usize,
    /// Time for a query that asks for none. Default 30 s.
    pub timeout_default: Duration,
    /// The longest time that a query may ask for; replaced files live this long and 60 s more. Default 300 s.
    pub timeout_max: Duration,
    /// What a cancelled query gets to yield before its worker is killed. Default 2 s.
    pub kill_after: Duration,
    /// Longest SQL text. Default 64 KiB.
    pub sql_bytes_max: usize,
    /// Most rows of one result; what lies beyond is cut, and the end says so. Default 1,000,000.
    pub rows_max: u64,
    /// Most bytes of one result (in Arrow), likewise. Default 256 MiB.
    pub bytes_max: u64,
    /// Attribute keys that the request id is read from, as the builders have them.
    pub request_id_keys: Vec<String>,
}

impl Settings {
    /// The documented defaults.
    pub fn new(worker_exe: PathBuf, run_dir: PathBuf, store: StoreLocation) -> Self {
        Self {
            worker_exe,
            worker_args: vec!["worker".into()],
            run_dir,
            store,
            workers_max: 2,
            queries_per_worker_max: 4,
            waiting_max: 64,
            idle_stop: Duration::from_secs(60),
            start_timeout: Duration::from_secs(20),
            memory_bytes_max: 1 << 30,
            pool_bytes_max: 512 << 20,
            spill_bytes_max: 1 << 30,
            threads: 2,
            timeout_default: Duration::from_secs(30),
            timeout_max: Duration::from_secs(300),
            kill_after: Duration::from_secs(2),
            sql_bytes_max: 64 << 10,
            rows_max: 1_000_000,
            bytes_max: 256 << 20,
            request_id_keys: ["request.id", "http.request.header.x-request-id", "user_req_id"].map(String::from).into(),
        }
    }
}
