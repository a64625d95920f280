//! The scorecard as it is shown: for each fault that acted, the truth, the verdict and the clocks.

use crate::faults::{Answer, Fault, Said};
use model::UnixNanos;
use serde::Serialize;
use utoipa::ToSchema;

/// Answer of `GET /api/v1/demo/scorecard`.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct Scorecard {
    /// RFC 3339: when this company opened. Another run of the demo is another company.
    pub opened_at: String,
    /// Newest first.
    pub items: Vec<Scored>,
    /// Faults that acted long enough to be judged, or were judged already.
    pub judged: usize,
    /// Of these, with entity and kind as the answer key has them.
    pub right: usize,
    /// Incidents that began while faults acted and belong to none of them.
    pub unexplained: usize,
}

/// One fault that acted.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[schema(as = DemoScored)]
pub struct Scored {
    pub fault: &'static str,
    pub title: Said,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339; absent while it acts without an end.
    pub ended_at: Option<String>,
    pub acts: bool,
    pub truth: &'static Answer,
    pub verdict: Verdict,
    /// What the product showed, if anything.
    pub shown: Option<Shown>,
    pub clocks: Clocks,
}

/// How the first cause of the incident compares with the truth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ToSchema)]
#[schema(as = DemoVerdict)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No incident, and it is too early to call that a miss.
    Waiting,
    /// No incident.
    Missed,
    /// An incident that names no cause.
    Undetermined,
    Wrong,
    /// The kind is right, the entity is not.
    KindOnly,
    /// The entity is right, the kind is not.
    EntityOnly,
    Right,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Missed => "missed",
            Self::Undetermined => "undetermined",
            Self::Wrong => "wrong",
            Self::KindOnly => "kind only",
            Self::EntityOnly => "entity only",
            Self::Right => "right",
        }
    }
}

/// The incident that was held against the truth.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[schema(as = DemoShown)]
pub struct Shown {
    pub incident: String,
    pub state: String,
    /// `kind:name`.
    pub entity: Option<String>,
    pub kind: Option<String>,
    pub confidence: Option<String>,
    pub alerts: u64,
}

/// Durations in nanoseconds, counted from the fault's start or end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
#[schema(as = DemoClocks)]
pub struct Clocks {
    /// From the start until the incident was there.
    pub detect_ns: Option<i64>,
    /// From the start until the right cause was first shown.
    pub locate_ns: Option<i64>,
    /// From the fault's end until the incident saw its impact back in its band, or was resolved.
    pub recover_ns: Option<i64>,
}

/// One time that one fault acted.
#[derive(Clone, Debug)]
pub(super) struct Episode {
    pub(super) fault: &'static Fault,
    pub(super) started: UnixNanos,
    /// When it ended, or will.
    pub(super) ends: Option<UnixNanos>,
}

/// RFC 3339 with nanoseconds, as all times of the API are.
pub(super) fn rfc3339(time: UnixNanos) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(time.0)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{time:.9}")
}

/// The other way round.
pub(super) fn instant(text: &str) -> Option<UnixNanos> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok().map(UnixNanos)
}
