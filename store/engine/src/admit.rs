//! Whether one more request may come in: a decision from a few gauges, and the permit that counts it.
//!
//! Whoever is refused is told why and when to come again. Bytes are counted from admission to
//! acknowledgement, so what is in memory on its way is bounded whatever the senders do.

use crate::settings::Settings;
use crate::stats::Counters;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Why a request is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RefusalReason {
    /// Too many request bytes wait for their acknowledgement.
    Inflight,
    /// Too many requests wait for the write-ahead log.
    Queue,
    /// Rows in memory are at their bound: writing Parquet does not keep up.
    Flush,
    /// The write-ahead log is at its bound: the object store or the catalog has been failing.
    WalFull,
    /// The last reserve of the disk is not for ingest.
    DiskReserve,
    /// The operator's bound on the disk used is reached.
    DiskUse,
    /// Nothing can be made durable at the moment.
    ReadOnly,
    /// The server is going down.
    Closing,
    /// A single request larger than the bound on all: it will never fit.
    TooLarge,
}

impl RefusalReason {
    pub const ALL: [RefusalReason; 9] = [
        Self::Inflight,
        Self::Queue,
        Self::Flush,
        Self::WalFull,
        Self::DiskReserve,
        Self::DiskUse,
        Self::ReadOnly,
        Self::Closing,
        Self::TooLarge,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inflight => "inflight",
            Self::Queue => "queue",
            Self::Flush => "flush",
            Self::WalFull => "wal_full",
            Self::DiskReserve => "disk_reserve",
            Self::DiskUse => "disk_use",
            Self::ReadOnly => "read_only",
            Self::Closing => "closing",
            Self::TooLarge => "too_large",
        }
    }

    /// When to come again; `None` for what will never fit.
    pub fn retry_after(self) -> Option<Duration> {
        Some(Duration::from_secs(match self {
            Self::Inflight | Self::Queue => 1,
            Self::Flush => 2,
            Self::WalFull | Self::Closing => 5,
            Self::DiskReserve | Self::DiskUse | Self::ReadOnly => 10,
            Self::TooLarge => return None,
        }))
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request that is not taken, with a sentence for its sender.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    pub reason: RefusalReason,
    /// `None`: the same request will never be taken.
    pub retry_after: Option<Duration>,
    pub detail: String,
}

impl Refusal {
    pub(crate) fn new(reason: RefusalReason, detail: impl Into<String>) -> Self {
        Self { reason, retry_after: reason.retry_after(), detail: detail.into() }
    }

    pub(crate) fn closing() -> Self {
        Self::new(RefusalReason::Closing, "the server is shutting down")
    }
}

/// What the decision looks at. All in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pressure {
    /// In flight already, without the request in question.
    pub(crate) inflight: u64,
    pub(crate) memtable: u64,
    pub(crate) wal: u64,
    /// Free in the data directory's file system; `None` if it cannot be told.
    pub(crate) disk_free: Option<u64>,
    /// Used by parts and WAL.
    pub(crate) disk_used: u64,
    pub(crate) read_only: Option<String>,
    pub(crate) closing: bool,
}

/// Whether `bytes` more may come in.
pub(crate) fn decide(settings: &Settings, now: &Pressure, bytes: u64) -> Result<(), Refusal> {
    let refuse = |reason, detail: String| Err(Refusal::new(reason, detail));
    if now.closing {
        return Err(Refusal::closing());
    }
    if let Some(why) = &now.read_only {
        return refuse(RefusalReason::ReadOnly, format!("nothing can be stored at the moment: {why}"));
    }
    if bytes > settings.inflight_bytes_max {
        let max = settings.inflight_bytes_max;
        return refuse(RefusalReason::TooLarge, format!("request of {bytes} bytes; at most {max} bytes fit at a time"));
    }
    let reserve = settings.space.disk_reserve_bytes;
    if let Some(free) = now.disk_free
        && free < reserve.saturating_add(now.inflight).saturating_add(bytes)
    {
        return refuse(
            RefusalReason::DiskReserve,
            format!("disk has {free} bytes free, {reserve} are kept in reserve"),
        );
    }
    if let Some(max) = settings.space.disk_use_max
        && !settings.space.by_space
        && now.disk_used.saturating_add(bytes) > max
    {
        return refuse(RefusalReason::DiskUse, format!("{} bytes are stored, at most {max} may be", now.disk_used));
    }
    if now.wal.saturating_add(now.inflight).saturating_add(bytes) > settings.wal_bytes_max {
        let detail = format!("{} bytes wait to be written to Parquet, at most {} may", now.wal, settings.wal_bytes_max);
        return refuse(RefusalReason::WalFull, detail);
    }
    if now.memtable.saturating_add(bytes) > settings.memtable_bytes_max {
        return refuse(RefusalReason::Flush, "rows in memory are at their bound until some are written".into());
    }
    if now.inflight.saturating_add(bytes) > settings.inflight_bytes_max {
        return refuse(RefusalReason::Inflight, format!("{} request bytes are being taken in already", now.inflight));
    }
    Ok(())
}

/// The figures behind [`Pressure`], kept by those who change them.
#[derive(Debug)]
pub(crate) struct Gauges {
    pub(crate) inflight_bytes: AtomicU64,
    pub(crate) inflight_requests: AtomicU64,
    pub(crate) memtable_bytes: AtomicU64,
    pub(crate) wal_bytes: AtomicU64,
    /// `u64::MAX`: unknown.
    disk_free: AtomicU64,
    pub(crate) disk_used: AtomicU64,
    pub(crate) closing: AtomicBool,
    read_only: Mutex<Option<String>>,
}

impl Default for Gauges {
    fn default() -> Self {
        Self {
            inflight_bytes: AtomicU64::new(0),
            inflight_requests: AtomicU64::new(0),
            memtable_bytes: AtomicU64::new(0),
            wal_bytes: AtomicU64::new(0),
            disk_free: AtomicU64::new(u64::MAX),
            disk_used: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            read_only: Mutex::new(None),
        }
    }
}

impl Gauges {
    pub(crate) fn set_disk_free(&self, free: Option<u64>) {
        self.disk_free.store(free.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn disk_free(&self) -> Option<u64> {
        Some(self.disk_free.load(Ordering::Relaxed)).filter(|free| *free != u64::MAX)
    }

    pub(crate) fn set_read_only(&self, why: Option<String>) {
        *self.read_only.lock() = why;
    }

    pub(crate) fn read_only(&self) -> Option<String> {
        self.read_only.lock().clone()
    }

    fn pressure(&self, inflight: u64) -> Pressure {
        Pressure {
            inflight,
            memtable: self.memtable_bytes.load(Ordering::Relaxed),
            wal: self.wal_bytes.load(Ordering::Relaxed),
            disk_free: self.disk_free(),
            disk_used: self.disk_used.load(Ordering::Relaxed),
            read_only: self.read_only(),
            closing: self.closing.load(Ordering::Relaxed),
        }
    }
}

/// Decides, and counts what it lets in.
#[derive(Debug)]
pub(crate) struct Admission {
    settings: Arc<Settings>,
    pub(crate) gauges: Arc<Gauges>,
    counters: Arc<Counters>,
}

impl Admission {
    pub(crate) fn new(settings: Arc<Settings>, gauges: Arc<Gauges>, counters: Arc<Counters>) -> Self {
        Self { settings, gauges, counters }
    }

    pub(crate) fn admit(self: &Arc<Self>, bytes: u64) -> Result<Permit, Refusal> {
        self.reserve(bytes)?;
        self.gauges.inflight_requests.fetch_add(1, Ordering::Relaxed);
        Ok(Permit { admission: self.clone(), bytes })
    }

    /// Whether anything at all would come in.
    pub(crate) fn verdict(&self) -> Result<(), Refusal> {
        let inflight = self.gauges.inflight_bytes.load(Ordering::Relaxed);
        decide(&self.settings, &self.gauges.pressure(inflight), 0)
    }

    fn reserve(&self, bytes: u64) -> Result<(), Refusal> {
        let before = self.gauges.inflight_bytes.fetch_add(bytes, Ordering::Relaxed);
        let verdict = decide(&self.settings, &self.gauges.pressure(before), bytes);
        if let Err(refusal) = &verdict {
            self.gauges.inflight_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.counters.refused(refusal.reason);
        }
        verdict
    }
}

/// Bytes let in; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    bytes: u64,
}

impl Permit {
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Asks for more: a body turns out larger than announced, or unpacks to more.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Refusal> {
        self.admission.reserve(bytes)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.gauges.inflight_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.admission.gauges.inflight_requests.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let mut settings = Settings::new("/nowhere");
        settings.inflight_bytes_max = 100;
        settings.memtable_bytes_max = 1_000;
        settings.wal_bytes_max = 10_000;
        settings.space.disk_reserve_bytes = 50;
        settings
    }

    #[test]
    fn each_bound_refuses_for_its_own_reason() {
        use RefusalReason::*;
        let bounded = |max| {
            let mut s = settings();
            s.space.disk_use_max = Some(max);
            s
        };
        let idle = Pressure::default;
        for (name, settings, pressure, bytes, expected) in [
            ("an idle engine takes it", settings(), idle(), 100, None),
            ("more than ever fits", settings(), idle(), 101, Some(TooLarge)),
            ("others are on their way", settings(), Pressure { inflight: 1, ..idle() }, 100, Some(Inflight)),
            ("memory is at its bound", settings(), Pressure { memtable: 990, ..idle() }, 11, Some(Flush)),
            ("memory just fits", settings(), Pressure { memtable: 990, ..idle() }, 10, None),
            ("the log is at its bound", settings(), Pressure { wal: 9_990, ..idle() }, 11, Some(WalFull)),
            ("the reserve is near", settings(), Pressure { disk_free: Some(60), ..idle() }, 11, Some(DiskReserve)),
            (
                "what is on its way counts too",
                settings(),
                Pressure { disk_free: Some(60), inflight: 5, ..idle() },
                6,
                Some(DiskReserve),
            ),
            ("the reserve is not touched", settings(), Pressure { disk_free: Some(60), ..idle() }, 10, None),
            ("the operator's bound", bounded(500), Pressure { disk_used: 495, ..idle() }, 6, Some(DiskUse)),
            ("under the operator's bound", bounded(500), Pressure { disk_used: 494, ..idle() }, 6, None),
            (
                "a log that cannot write",
                settings(),
                Pressure { read_only: Some("EIO".into()), ..idle() },
                1,
                Some(ReadOnly),
            ),
            ("going down", settings(), Pressure { closing: true, ..idle() }, 1, Some(Closing)),
        ] {
            let got = decide(&settings, &pressure, bytes).err().map(|r| r.reason);
            assert_eq!(got, expected, "{name}");
        }
    }

    #[test]
    fn where_deleting_by_space_is_on_the_bound_on_use_does_not_refuse() {
        let mut settings = settings();
        settings.space.disk_use_max = Some(10);
        settings.space.by_space = true;
        assert_eq!(decide(&settings, &Pressure { disk_used: 11, ..Pressure::default() }, 1), Ok(()));
    }

    #[test]
    fn permits_grow_and_give_back() {
        let gauges = Arc::new(Gauges::default());
        let counters = Arc::new(Counters::default());
        let admission = Arc::new(Admission::new(Arc::new(settings()), gauges.clone(), counters));
        let mut permit = admission.admit(60).unwrap();
        assert_eq!(admission.admit(41).unwrap_err().reason, RefusalReason::Inflight);
        assert_eq!(permit.grow(41).unwrap_err().reason, RefusalReason::Inflight);
        permit.grow(40).unwrap();
        assert_eq!(gauges.inflight_bytes.load(Ordering::Relaxed), 100);
        drop(permit);
        assert_eq!(gauges.inflight_bytes.load(Ordering::Relaxed), 0);
        assert_eq!(gauges.inflight_requests.load(Ordering::Relaxed), 0);
    }
}
