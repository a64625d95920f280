//! A sign: one observation that accuses an entity, before it becomes evidence in a verdict.

use model::{Bilingual, CauseKind, Entity};

/// What kind of observation. The order is that of the texts in verdicts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Aspect {
    Behaviour,
    ErrorOrigin,
    ErrorLog,
    Degraded,
    Gap,
    EdgeMetric,
    SelfTime,
    PeerLatency,
    CallCount,
    Retry,
    Silence,
    Traffic,
    Cpu,
    Memory,
    Disk,
    Io,
    Threads,
    Pool,
    Lag,
    Lock,
    Cache,
    Dns,
    Restart,
    Status,
    Drift,
    Shared,
    Symptom,
    Change,
    Residual,
    Other,
}

impl Aspect {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Behaviour => "behaviour",
            Self::ErrorOrigin => "error_origin",
            Self::ErrorLog => "error_log",
            Self::Degraded => "degraded",
            Self::Gap => "gap",
            Self::EdgeMetric => "edge",
            Self::SelfTime => "self_time",
            Self::PeerLatency => "peer_latency",
            Self::CallCount => "call_count",
            Self::Retry => "retry",
            Self::Silence => "silence",
            Self::Traffic => "traffic",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Io => "io",
            Self::Threads => "threads",
            Self::Pool => "pool",
            Self::Lag => "lag",
            Self::Lock => "lock",
            Self::Cache => "cache",
            Self::Dns => "dns",
            Self::Restart => "restart",
            Self::Status => "status",
            Self::Drift => "version",
            Self::Shared => "shared",
            Self::Symptom => "symptom",
            Self::Change => "change",
            Self::Residual => "residual",
            Self::Other => "finding",
        }
    }
}

/// One observation.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Sign {
    pub(crate) aspect: Aspect,
    pub(crate) accused: Entity,
    /// Bits before fusion; see [`crate::statistic::bits`].
    pub(crate) bits: f64,
    /// Unix nanoseconds; 0 where it is not known.
    pub(crate) since: i64,
    pub(crate) text: Bilingual,
    pub(crate) now: Option<f64>,
    pub(crate) reference: Option<f64>,
    pub(crate) unit: &'static str,
    pub(crate) query: Option<String>,
    pub(crate) points: Vec<(i64, f64)>,
    pub(crate) traces: Vec<u128>,
    /// Words of what was seen (templates, statements, exceptions, metrics), for rules and for changes.
    pub(crate) words: Vec<String>,
    /// The kind of cause that it speaks for by itself.
    pub(crate) cause: Option<CauseKind>,
}

impl Sign {
    /// Worth nothing yet.
    pub(crate) fn new(aspect: Aspect, accused: Entity, text: Bilingual) -> Self {
        Self {
            aspect,
            accused,
            bits: 0.0,
            since: 0,
            text,
            now: None,
            reference: None,
            unit: "1",
            query: None,
            points: Vec::new(),
            traces: Vec::new(),
            words: Vec::new(),
            cause: None,
        }
    }
}
