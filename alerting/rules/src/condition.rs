//! What each kind of rule judges. The fields carry the names they are written with.

use crate::Glob;
use std::collections::BTreeMap;
use std::time::Duration;

/// The condition of a rule; its variant is the kind.
#[derive(Clone, PartialEq, Debug)]
pub enum Condition {
    Red(Red),
    Baseline(Baseline),
    Slo(Slo),
    Sql(Sql),
    LogPattern(LogPattern),
    Heartbeat(Heartbeat),
    Absence(Absence),
    Precursor(Precursor),
    Deadline(Deadline),
    Forecast(Forecast),
    Threshold(Threshold),
    Anomaly(Anomaly),
}

impl Condition {
    pub const KINDS: &'static [&'static str] = &[
        "red",
        "baseline",
        "slo",
        "sql",
        "log_pattern",
        "heartbeat",
        "absence",
        "precursor",
        "deadline",
        "forecast",
        "threshold",
        "anomaly",
    ];

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Red(_) => "red",
            Self::Baseline(_) => "baseline",
            Self::Slo(_) => "slo",
            Self::Sql(_) => "sql",
            Self::LogPattern(_) => "log_pattern",
            Self::Heartbeat(_) => "heartbeat",
            Self::Absence(_) => "absence",
            Self::Precursor(_) => "precursor",
            Self::Deadline(_) => "deadline",
            Self::Forecast(_) => "forecast",
            Self::Threshold(_) => "threshold",
            Self::Anomaly(_) => "anomaly",
        }
    }
}

/// What of calls is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// Share of calls that failed, 0 to 1.
    ErrorRate,
    /// Nanoseconds. Of several buckets: their quantiles weighted by calls.
    LatencyP50,
    LatencyP95,
    LatencyP99,
    /// Calls in the window.
    Calls,
    /// Failed calls in the window.
    Errors,
    /// Share of the usual traffic that is missing, 0 to 1.
    TrafficDrop,
}

impl Measure {
    pub const NAMES: &'static [(&'static str, Measure)] = &[
        ("error_rate", Self::ErrorRate),
        ("latency_p50", Self::LatencyP50),
        ("latency_p95", Self::LatencyP95),
        ("latency_p99", Self::LatencyP99),
        ("calls", Self::Calls),
        ("errors", Self::Errors),
        ("traffic_drop", Self::TrafficDrop),
    ];

    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, measure)| *measure == self).map_or("", |(name, _)| name)
    }

    /// UCUM-like unit of its values; `%` is a share of 1.
    pub fn unit(self) -> &'static str {
        match self {
            Self::ErrorRate | Self::TrafficDrop => "%",
            Self::LatencyP50 | Self::LatencyP95 | Self::LatencyP99 => "ns",
            Self::Calls | Self::Errors => "1",
        }
    }

    pub(crate) fn is_latency(self) -> bool {
        self.unit() == "ns"
    }
}

/// What makes one series of calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    Service,
    Operation,
    /// A service's calls to a peer of one kind.
    Database,
    Cache,
    Queue,
    ThirdParty,
}

impl By {
    pub const NAMES: &'static [(&'static str, By)] = &[
        ("service", Self::Service),
        ("operation", Self::Operation),
        ("database", Self::Database),
        ("cache", Self::Cache),
        ("queue", Self::Queue),
        ("third_party", Self::ThirdParty),
    ];

    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, by)| *by == self).map_or("", |(name, _)| name)
    }

    /// Width of the buckets that are counted, nanoseconds.
    pub(crate) fn bucket_ns(self) -> i64 {
        match self {
            Self::Service | Self::Operation => 10_000_000_000,
            _ => 60_000_000_000,
        }
    }
}

/// Calls against a fixed bound.
#[derive(Clone, PartialEq, Debug)]
pub struct Red {
    pub measure: Measure,
    /// Fires above this. Error rates and drops are shares (`5%`), latencies durations (`800ms`).
    pub above: f64,
    /// 10 s to 1 h; default 60 s.
    pub window: Duration,
    pub by: By,
    /// Fewer calls in the window are not judged. Error rates must be above the bound beyond chance as well
    /// (95 % Wilson interval). Default 20; 0 for `calls` and `errors`.
    pub min_calls: f64,
}

/// How much it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sensitivity {
    Low,
    Medium,
    High,
}

impl Sensitivity {
    pub const NAMES: &'static [(&'static str, Sensitivity)] =
        &[("low", Self::Low), ("medium", Self::Medium), ("high", Self::High)];

    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, sensitivity)| *sensitivity == self).map_or("", |(name, _)| name)
    }
}

/// Calls against what is usual for this very series at this time of day and week. Learns by itself, also from
/// the time before the rule came; learns nothing while something is wrong; warms up for five minutes.
#[derive(Clone, PartialEq, Debug)]
pub struct Baseline {
    pub measure: Measure,
    pub by: By,
    pub sensitivity: Sensitivity,
}

/// One pair of windows of a burn-rate alert.
#[derive(Clone, PartialEq, Debug)]
pub struct Burn {
    pub long: Duration,
    pub short: Duration,
    /// Times the rate that uses up the budget exactly at the end of the period.
    pub rate: f64,
    pub severity: Option<crate::Severity>,
}

/// An error budget that burns too fast in a long and in a short window.
#[derive(Clone, PartialEq, Debug)]
pub struct Slo {
    /// Share of good calls, e.g. 0.999.
    pub objective: f64,
    pub by: By,
    /// With it, all calls of a 10-second bucket whose p99 is slower count as bad too.
    pub latency: Option<Duration>,
    /// Defaults: 14.4 over 1 h and 5 m, 6 over 6 h and 30 m, 1 over 3 d and 6 h.
    pub burn: Vec<Burn>,
    /// Fewer calls in the short window are not judged. Default 20.
    pub min_calls: f64,
}

/// A query whose rows are alerts: text columns are labels, `value` is the value.
#[derive(Clone, PartialEq, Debug)]
pub struct Sql {
    /// `$from` and `$to` become the bounds of the window.
    pub query: String,
    /// Default 5 m.
    pub window: Duration,
    /// With it, a row is an alert only when its `value` is above.
    pub above: Option<f64>,
    /// UCUM-like, for sentences.
    pub unit: String,
}

/// Log records that match, or patterns of errors that are new.
#[derive(Clone, PartialEq, Debug)]
pub struct LogPattern {
    /// Regular expression on the body. `None`: any.
    pub pattern: Option<String>,
    /// OTel severity number from which records count. Default 17 (error).
    pub min_severity: u8,
    /// Fires above so many in the window (default 0), or, with `new`, when a new pattern came more often.
    pub above: f64,
    pub window: Duration,
    /// Patterns (texts without their numbers and ids) that were not seen before.
    pub new: bool,
}

/// Jobs and devices that say they are alive.
#[derive(Clone, PartialEq, Debug)]
pub struct Heartbeat {
    pub names: Vec<Glob>,
    /// How far apart beats may be. `None`: learned from the gaps so far (three at least).
    pub expect: Option<Duration>,
    /// Added to `expect`. Default 5 m.
    pub grace: Duration,
    /// A run that failed rings too. Default true.
    pub failed: bool,
}

/// Services or metrics that were there and are no more.
#[derive(Clone, PartialEq, Debug)]
pub struct Absence {
    /// Calls of services, without it; samples of this metric by service, with it.
    pub metric: Option<String>,
    /// Silence of this length rings. Default 5 m.
    pub after: Duration,
    /// What was last there before this is forgotten. Default 24 h.
    pub remember: Duration,
}

/// A trend that will reach its limit.
#[derive(Clone, PartialEq, Debug)]
pub struct Precursor {
    pub metric: String,
    /// Metric of the limit; the values become shares of it.
    pub of: Option<String>,
    /// The limit: 1 for shares, else a number in the metric's unit.
    pub limit: f64,
    /// Only points with these attributes or resource attributes.
    pub filter: BTreeMap<String, String>,
    pub of_filter: BTreeMap<String, String>,
    /// What makes a series. Default service, host.name.
    pub by: Vec<String>,
    /// The values are Unix seconds (or seconds left) at which something ends: no trend is needed.
    pub expires: bool,
    /// Rings when the limit will be reached within this time. Default 4 h.
    pub within: Duration,
    /// The trend is that of this window. Default 1 h.
    pub window: Duration,
    /// Below this share of the limit it does not ring. Default 0.6.
    pub min_share: f64,
}

/// Business operations that were begun and not completed in time.
#[derive(Clone, PartialEq, Debug)]
pub struct Deadline {
    pub operations: Vec<Glob>,
    /// For operations whose sender allows no time itself. `None`: those are not judged.
    pub within: Option<Duration>,
    /// More stuck operations than this ring. Default 0.
    pub above: f64,
    /// How far back operations are looked at. Default 24 h.
    pub look_back: Duration,
}

/// A business figure against its seasonal forecast.
#[derive(Clone, PartialEq, Debug)]
pub struct Forecast {
    /// A metric, summed; or count of this business operation.
    pub metric: Option<String>,
    pub operation: Option<String>,
    /// What makes a series, e.g. `store.id`.
    pub by: Vec<String>,
    pub filter: BTreeMap<String, String>,
    /// 1 h or 1 d.
    pub bucket: Duration,
    /// Share of good days inside the band. Default 0.98.
    pub band: f64,
    /// Smaller expectations are not judged. Default 20.
    pub min_expected: f64,
    /// Only figures that are too low ring (default), or also those too high.
    pub both: bool,
}

/// How points of a metric become one value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aggregate {
    Avg,
    Max,
    Min,
    Sum,
    /// Growth of counters in the window, over all series.
    Increase,
}

impl Aggregate {
    pub const NAMES: &'static [(&'static str, Aggregate)] =
        &[("avg", Self::Avg), ("max", Self::Max), ("min", Self::Min), ("sum", Self::Sum), ("increase", Self::Increase)];
}

/// A metric against a fixed bound.
#[derive(Clone, PartialEq, Debug)]
pub struct Threshold {
    pub metric: String,
    /// Metric to divide by: the value is the share of it.
    pub of: Option<String>,
    pub filter: BTreeMap<String, String>,
    pub of_filter: BTreeMap<String, String>,
    pub by: Vec<String>,
    pub aggregate: Aggregate,
    /// Exactly one of the two.
    pub above: Option<f64>,
    pub below: Option<f64>,
    /// Default 60 s.
    pub window: Duration,
    pub unit: String,
    /// Series younger than this are not judged: what has just been started settles first. Default 3 m.
    pub min_age: Duration,
}

/// Alerts that the search for causes finds by itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Anomaly {
    pub sensitivity: Sensitivity,
}
