//! An incident: what people see, own, work on and close.
//!
//! It refuses to know how alerts are grouped. Invariant: every list in it has a bound, and what does not fit
//! is counted.

use crate::severity::Severity;
use crate::terrain::Tie;
use crate::verdict::Verdict;
use model::time::date_text;
use model::{Bilingual, Entity, UnixNanos};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// Entries of a timeline; the oldest but the first give way.
pub(crate) const TIMELINE: usize = 300;
/// Services an incident names.
pub(crate) const SERVICES: usize = 500;
/// Causes whose first showing is remembered.
pub(crate) const SHOWN: usize = 64;
/// Comments and feedback of one incident.
pub(crate) const FEEDBACK: usize = 200;
/// Bytes of what a person writes.
pub(crate) const TEXT_BYTES: usize = 4096;

/// The day of the first event and a number: written `I-20261120-0001`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct IncidentId {
    pub day: i32,
    pub number: u32,
}

impl IncidentId {
    pub fn read(text: &str) -> Option<Self> {
        let (date, number) = text.strip_prefix("I-")?.split_once('-')?;
        if date.len() != 8 || number.len() < 4 || !date.bytes().chain(number.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (year, month, day) = (date[..4].parse().ok()?, date[4..6].parse().ok()?, date[6..].parse().ok()?);
        let id = Self { day: day_number(year, month, day), number: number.parse().ok()? };
        (id.to_string() == text).then_some(id)
    }
}

/// Days since 1970-01-01 of a civil date: the inverse of [`date_text`].
fn day_number(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I-{}-{:04}", date_text(self.day).replace('-', ""), self.number)
    }
}

impl Serialize for IncidentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IncidentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom("an incident is named I-YYYYMMDD-NNNN"))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Open,
    Acknowledged,
    /// Nothing fires any more; it may come back.
    Mitigated,
    Resolved,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Acknowledged => "acknowledged",
            State::Mitigated => "mitigated",
            State::Resolved => "resolved",
        }
    }
}

/// Why an alert is in this incident.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinRule {
    /// It opened the incident.
    First,
    SameEntity,
    SameService,
    RunsOn,
    Calls,
    TwoHops,
    SharedDependency,
    /// It names a trace that another alert of the incident names.
    SharedTrace,
    /// Both have often been in one incident.
    CoOccurrence,
    /// Nothing is known of who calls whom: only time speaks.
    Time,
    /// One cause explains this incident and the one the alert was in.
    Merged,
    /// Two causes were needed; the alert went with the one that explains it.
    Split,
    /// The same alert fired here before.
    Refired,
    /// Told late; it began while the incident lasted.
    Late,
    ByHand,
    /// Too many incidents are open to open another.
    Overflow,
}

impl From<Tie> for JoinRule {
    fn from(tie: Tie) -> Self {
        match tie {
            Tie::Same => JoinRule::SameEntity,
            Tie::SameService => JoinRule::SameService,
            Tie::RunsOn => JoinRule::RunsOn,
            Tie::Calls => JoinRule::Calls,
            Tie::TwoHops => JoinRule::TwoHops,
            Tie::SharedDependency => JoinRule::SharedDependency,
        }
    }
}

/// A membership's reason.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reason {
    pub rule: JoinRule,
    pub text: Bilingual,
    /// From the alert's entity to the one it joined by.
    pub via: Vec<Entity>,
    /// 0 to 1.
    pub affinity: f64,
}

/// One line of the story.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub time: UnixNanos,
    /// opened, cause, severity, scope, flapping, merged, split, acknowledged, comment ...
    pub kind: String,
    pub text: Bilingual,
    /// Who did it; `None` where we did.
    pub actor: Option<String>,
}

/// The clocks of 2-5-10. All are event times but `notified_at` and the acts of people, which are told by those
/// who know them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Clocks {
    pub fault_at: Option<UnixNanos>,
    pub detected_at: Option<UnixNanos>,
    pub notified_at: Option<UnixNanos>,
    pub acknowledged_at: Option<UnixNanos>,
    /// When the cause that stands now (or that a person confirmed) was first shown.
    pub located_at: Option<UnixNanos>,
    pub mitigated_at: Option<UnixNanos>,
    pub resolved_at: Option<UnixNanos>,
}

/// What a person says of the verdict or of the grouping.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Feedback {
    pub time: UnixNanos,
    pub actor: String,
    /// right, wrong, comment, helped, split, merge.
    pub verdict: String,
    pub entity: Option<Entity>,
    pub text: Option<String>,
}

/// See the module. The document kind `incident`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Incident {
    pub id: IncidentId,
    pub title: Bilingual,
    pub state: State,
    pub severity: Severity,
    pub opened_at: UnixNanos,
    pub updated_at: UnixNanos,
    pub resolved_at: Option<UnixNanos>,
    /// Event times of the first and of the newest thing that happened in it.
    pub first_at: UnixNanos,
    pub last_at: UnixNanos,
    pub verdict: Option<Verdict>,
    /// Times any of its alerts was told.
    pub told: u64,
    /// Different alerts in it, and how many of them fire.
    pub alerts: u64,
    pub firing: u64,
    pub services: Vec<String>,
    /// Services that did not fit into `services`.
    pub more_services: u64,
    pub owner: Option<String>,
    pub team: Option<String>,
    pub assignee: Option<String>,
    pub reopened: u32,
    pub clocks: Clocks,
    pub timeline: Vec<Entry>,
    pub timeline_dropped: u64,
    pub feedback: Vec<Feedback>,
    /// When an entity was first shown as the cause.
    pub shown: BTreeMap<String, UnixNanos>,
    pub merged_into: Option<IncidentId>,
    pub split_from: Option<IncidentId>,
    /// The share of experience lost, weighted by importance, where somebody measures it.
    pub weighted_loss: Option<f64>,
    /// Whether people were told of it (its event `opened` has been given out).
    pub announced: bool,
    /// How much was told when people were last told.
    pub announced_services: u64,
    pub announced_severity: Severity,
    pub announced_cause: Option<Entity>,
    /// A person split or merged it: the machine leaves its membership alone.
    pub by_hand: bool,
    /// What usually fires has been learnt from it; it is not judged by that any more.
    pub learnt: bool,
}

impl Incident {
    pub fn new(id: IncidentId, first_at: UnixNanos, now: UnixNanos) -> Self {
        Self {
            id,
            title: Bilingual::default(),
            state: State::Open,
            severity: Severity::Low,
            opened_at: now,
            updated_at: now,
            resolved_at: None,
            first_at,
            last_at: first_at,
            verdict: None,
            told: 0,
            alerts: 0,
            firing: 0,
            services: Vec::new(),
            more_services: 0,
            owner: None,
            team: None,
            assignee: None,
            reopened: 0,
            clocks: Clocks { fault_at: Some(first_at), detected_at: Some(now), ..Clocks::default() },
            timeline: Vec::new(),
            timeline_dropped: 0,
            feedback: Vec::new(),
            shown: BTreeMap::new(),
            merged_into: None,
            split_from: None,
            weighted_loss: None,
            announced: false,
            announced_services: 0,
            announced_severity: Severity::Low,
            announced_cause: None,
            by_hand: false,
            learnt: false,
        }
    }

    /// Whether it still concerns anybody.
    pub fn is_live(&self) -> bool {
        self.state != State::Resolved
    }

    /// The cause that stands, determined or not.
    pub fn cause(&self) -> Option<&crate::verdict::Cause> {
        self.verdict.as_ref().and_then(|verdict| verdict.causes.first())
    }

    /// The cause, where the verdict names one.
    pub fn determined(&self) -> Option<&crate::verdict::Cause> {
        self.verdict
            .as_ref()
            .filter(|verdict| verdict.undetermined.is_none())
            .and_then(|verdict| verdict.causes.first())
    }

    pub fn note(&mut self, time: UnixNanos, kind: &str, text: Bilingual, actor: Option<&str>) {
        if self.timeline.len() >= TIMELINE {
            // The opening stays; the story's oldest middle goes.
            self.timeline.remove(1);
            self.timeline_dropped += 1;
        }
        self.timeline.push(Entry { time, kind: kind.to_owned(), text, actor: actor.map(str::to_owned) });
        self.updated_at = self.updated_at.max(time);
    }

    /// Takes in how bad an alert is told to be. Where the loss is measured it counts more: an alert then holds the
    /// severity at one grade below its own at least.
    pub(crate) fn worsen(&mut self, told: Severity) {
        let least = if self.weighted_loss.is_some() { told.lower() } else { told };
        self.severity = self.severity.max(least);
    }

    pub(crate) fn name_service(&mut self, service: &str) {
        if let Err(at) = self.services.binary_search_by(|known| known.as_str().cmp(service)) {
            if self.services.len() < SERVICES {
                self.services.insert(at, service.to_owned());
            } else {
                self.more_services += 1;
            }
        }
    }
}

impl Reason {
    /// The reason of the alert that opened the incident.
    pub fn first() -> Self {
        Self {
            rule: JoinRule::First,
            text: crate::words::joined(JoinRule::First, None, None, None),
            via: Vec::new(),
            affinity: 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_incident_is_named_by_day_and_number() {
        let id = IncidentId { day: 19_052, number: 7 };
        assert_eq!(id.to_string(), "I-20220301-0007");
        assert_eq!(IncidentId { number: 12_345, ..id }.to_string(), "I-20220301-12345");
        for text in ["I-20220301-007", "I-20220231-0001", "20220301-0001", "I-2022030a-0001", "I-20220301-00012"] {
            assert_eq!(IncidentId::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_story_keeps_its_beginning() {
        let mut incident = Incident::new(IncidentId { day: 1, number: 1 }, UnixNanos(0), UnixNanos(0));
        for n in 0..TIMELINE + 10 {
            incident.note(UnixNanos(n as i64), "comment", Bilingual::default(), None);
        }
        assert_eq!((incident.timeline.len(), incident.timeline_dropped), (TIMELINE, 10));
        assert_eq!((incident.timeline[0].time, incident.timeline[1].time), (UnixNanos(0), UnixNanos(11)));
    }

    proptest! {
        #[test]
        fn a_name_is_read_as_it_is_written(day in 0i32..40_000, number in 0u32..2_000_000) {
            let id = IncidentId { day, number };
            prop_assert_eq!(IncidentId::read(&id.to_string()), Some(id));
            let text = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<IncidentId>(&text).unwrap(), id);
        }
    }
}
