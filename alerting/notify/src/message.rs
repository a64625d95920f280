//! What is told: one incident at one occasion, as plain values.
//!
//! `watch` fills it from an incident; nothing here knows channels. Invariant: [`Message::bounded`] keeps a
//! message small whatever telemetry has put into its texts.

use incident::{Confidence, Severity};
use model::{Bilingual, CauseKind, Entity, UnixNanos};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most bytes of one text of a message.
pub(crate) const TEXT_BYTES_MAX: usize = 2048;
/// Most bytes of an address: longer ones are left out, since a cut one leads nowhere.
pub(crate) const URL_BYTES_MAX: usize = 2048;
/// Most lines of evidence, operations, tenants, advice, candidates.
pub(crate) const LIST_MAX: usize = 20;
/// Most alerts that travel with a message (a webhook's `truncatedAlerts` counts the rest).
pub(crate) const ALERTS_MAX: usize = 50;
/// Most labels of a message or an alert.
pub(crate) const LABELS_MAX: usize = 64;

/// Why people are told now.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    Opened,
    Reopened,
    SeverityRaised,
    CauseChanged,
    ScopeDoubled,
    Resolved,
    /// Still open, nobody has acknowledged it: made by the outbox.
    Repeat,
    /// Nobody has acknowledged it in time: made by the outbox.
    Escalated,
    /// Many incidents in one message: made by the outbox.
    Digest,
    /// Somebody pressed the test button.
    Test,
}

impl Occasion {
    pub fn as_str(self) -> &'static str {
        match self {
            Occasion::Opened => "opened",
            Occasion::Reopened => "reopened",
            Occasion::SeverityRaised => "severity_raised",
            Occasion::CauseChanged => "cause_changed",
            Occasion::ScopeDoubled => "scope_doubled",
            Occasion::Resolved => "resolved",
            Occasion::Repeat => "repeat",
            Occasion::Escalated => "escalated",
            Occasion::Digest => "digest",
            Occasion::Test => "test",
        }
    }

    /// What two occasions are that are told in one message.
    pub(crate) fn merged(self, newer: Occasion) -> Occasion {
        match (self, newer) {
            (_, Occasion::Resolved) => Occasion::Resolved,
            (Occasion::Resolved, newer) => newer,
            (one, other) => one.min(other),
        }
    }
}

/// Where an incident stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    #[default]
    Open,
    Acknowledged,
    Mitigated,
    Resolved,
}

/// How much a service or a tenant matters to the business (the words of the service catalogue).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    Low,
    #[default]
    Normal,
    High,
    Critical,
}

/// A cause or a candidate, with its best evidence.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CauseLine {
    pub entity: Entity,
    pub kind: CauseKind,
    pub confidence: Confidence,
    pub since: Option<UnixNanos>,
    /// Best first: two to four sentences.
    pub evidence: Vec<Bilingual>,
}

/// One operation that suffers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OperationHurt {
    /// `SERVICE/NAME`
    pub operation: String,
    pub calls: u64,
    pub failed: u64,
}

/// What it hurts.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Impact {
    /// Worst first.
    pub operations: Vec<OperationHurt>,
    pub operations_total: u64,
    /// `key=value` of tenants, stores, channels, worst first.
    pub tenants: Vec<String>,
    pub tenants_total: u64,
    pub users: Option<u64>,
    pub business_operations: Option<u64>,
}

/// The change that is suspected.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ChangeLine {
    pub id: String,
    pub time: UnixNanos,
    /// release, config, feature_flag, migration ...
    pub kind: String,
    pub target: String,
    pub version: Option<String>,
    pub previous_version: Option<String>,
    pub author: Option<String>,
    pub title: Option<String>,
    pub reason: Bilingual,
}

/// One thing that may be done.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Advice {
    pub text: Bilingual,
    pub url: Option<String>,
}

/// How many alerts stand behind the one message.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub alerts: u64,
    pub firing: u64,
    /// Symptoms that were not told one by one, because this message explains them.
    pub held_back: u64,
    /// Times it came back; above 1 it is said that it flaps.
    pub episodes: u32,
}

/// When what happened: the clocks of 2-5-10. Event time.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Clocks {
    pub fault_at: Option<UnixNanos>,
    pub detected_at: Option<UnixNanos>,
    pub notified_at: Option<UnixNanos>,
    pub acknowledged_at: Option<UnixNanos>,
    pub located_at: Option<UnixNanos>,
    pub mitigated_at: Option<UnixNanos>,
    pub resolved_at: Option<UnixNanos>,
}

/// A way to look closer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Link {
    pub text: Bilingual,
    pub url: String,
}

/// One alert, for webhooks that want them in Alertmanager's form.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AlertLine {
    pub fingerprint: String,
    pub firing: bool,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub starts_at: UnixNanos,
    pub ends_at: Option<UnixNanos>,
    pub generator_url: Option<String>,
}

/// One incident at one occasion.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// `I-20261120-0001`
    pub incident: String,
    /// Rises with every telling of this incident: what was told once is not told again after a restart.
    pub revision: u64,
    /// Counts reopenings: 0 for the first life.
    #[serde(default)]
    pub episode: u32,
    pub occasion: Occasion,
    pub title: Bilingual,
    pub state: State,
    pub severity: Severity,
    /// What is different from the last message, where something is.
    #[serde(default)]
    pub news: Option<Bilingual>,
    #[serde(default)]
    pub cause: Option<CauseLine>,
    /// Why no cause is named. `candidates` are mere candidates then.
    #[serde(default)]
    pub undetermined: Option<Bilingual>,
    #[serde(default)]
    pub candidates: Vec<CauseLine>,
    /// Telemetry that would have helped.
    #[serde(default)]
    pub missing: Vec<Bilingual>,
    #[serde(default)]
    pub impact: Impact,
    #[serde(default)]
    pub change: Option<ChangeLine>,
    /// Changes that were looked at and cleared.
    #[serde(default)]
    pub changes_cleared: u32,
    #[serde(default)]
    pub advice: Vec<Advice>,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub team: Option<String>,
    /// Names of people (of the configuration's `people`) to call by name besides the owner.
    #[serde(default)]
    pub mentions: Vec<String>,
    /// Services that have alerts in it.
    #[serde(default)]
    pub services: Vec<String>,
    /// The most important service or tenant it hurts.
    #[serde(default)]
    pub importance: Importance,
    /// What routes, silences and inhibitions match on, besides [`Message::label`]'s own names.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub alerts: Vec<AlertLine>,
    #[serde(default)]
    pub counts: Counts,
    #[serde(default)]
    pub clocks: Clocks,
    /// The incident's page.
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub links: Vec<Link>,
    /// Event times.
    pub opened_at: UnixNanos,
    #[serde(default)]
    pub resolved_at: Option<UnixNanos>,
}

impl Message {
    /// A message with what every message has; the rest is filled in by field.
    pub fn new(incident: impl Into<String>, title: Bilingual, severity: Severity, opened_at: UnixNanos) -> Self {
        Self {
            incident: incident.into(),
            revision: 1,
            episode: 0,
            occasion: Occasion::Opened,
            title,
            state: State::Open,
            severity,
            news: None,
            cause: None,
            undetermined: None,
            candidates: Vec::new(),
            missing: Vec::new(),
            impact: Impact::default(),
            change: None,
            changes_cleared: 0,
            advice: Vec::new(),
            owner: None,
            team: None,
            mentions: Vec::new(),
            services: Vec::new(),
            importance: Importance::Normal,
            labels: BTreeMap::new(),
            alerts: Vec::new(),
            counts: Counts::default(),
            clocks: Clocks::default(),
            url: None,
            links: Vec::new(),
            opened_at,
            resolved_at: None,
        }
    }

    /// The value of a label. `incident`, `severity`, `owner`, `team`, `entity`, `kind` (of the cause) and
    /// `service` (where all alerts share one) are the message's own, unless `labels` has them.
    pub fn label(&self, name: &str) -> Option<&str> {
        if let Some(value) = self.labels.get(name) {
            return Some(value);
        }
        match name {
            "incident" => Some(&self.incident),
            "severity" => Some(self.severity.as_str()),
            "owner" => self.owner.as_deref(),
            "team" => self.team.as_deref(),
            "kind" => self.cause.as_ref().map(|cause| cause.kind.as_str()),
            "entity" => self.cause.as_ref().map(|cause| cause.entity.name.as_str()),
            "service" => match self.services.as_slice() {
                [one] => Some(one),
                _ => None,
            },
            _ => None,
        }
    }

    /// The same, cut to the bounds of this module. What was left out is still counted in the totals.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.impact.operations_total = self.impact.operations_total.max(self.impact.operations.len() as u64);
        self.impact.tenants_total = self.impact.tenants_total.max(self.impact.tenants.len() as u64);
        self.counts.alerts = self.counts.alerts.max(self.alerts.len() as u64);
        cut(&mut self.incident, 128);
        self.title.bound();
        self.news.iter_mut().for_each(Bound::bound);
        self.undetermined.iter_mut().for_each(Bound::bound);
        self.cause.iter_mut().for_each(Bound::bound);
        bound_list(&mut self.candidates, LIST_MAX);
        bound_list(&mut self.missing, LIST_MAX);
        bound_list(&mut self.impact.operations, LIST_MAX);
        bound_list(&mut self.impact.tenants, LIST_MAX);
        self.change.iter_mut().for_each(Bound::bound);
        bound_list(&mut self.advice, LIST_MAX);
        self.owner.iter_mut().for_each(Bound::bound);
        self.team.iter_mut().for_each(Bound::bound);
        bound_list(&mut self.mentions, LIST_MAX);
        bound_list(&mut self.services, LIST_MAX);
        bound_labels(&mut self.labels);
        bound_list(&mut self.alerts, ALERTS_MAX);
        self.url = self.url.filter(|url| url.len() <= URL_BYTES_MAX);
        self.links.retain(|link| link.url.len() <= URL_BYTES_MAX);
        bound_list(&mut self.links, LIST_MAX);
        self
    }
}

/// Cuts a text to at most `max` bytes, between characters.
pub(crate) fn cut(text: &mut String, max: usize) {
    if text.len() > max {
        let end = text.floor_char_boundary(max.saturating_sub("…".len()));
        text.truncate(end);
        text.push('…');
    }
}

fn bound_labels(labels: &mut BTreeMap<String, String>) {
    labels.retain(|name, _| name.len() <= 256);
    while labels.len() > LABELS_MAX {
        labels.pop_last();
    }
    labels.values_mut().for_each(Bound::bound);
}

fn bound_list<T: Bound>(list: &mut Vec<T>, max: usize) {
    list.truncate(max);
    list.iter_mut().for_each(Bound::bound);
}

/// What has texts that may be too long.
trait Bound {
    fn bound(&mut self);
}

impl Bound for String {
    fn bound(&mut self) {
        cut(self, TEXT_BYTES_MAX);
    }
}

impl Bound for Bilingual {
    fn bound(&mut self) {
        self.en.bound();
        self.zh.bound();
    }
}

impl Bound for CauseLine {
    fn bound(&mut self) {
        self.entity.name.bound();
        bound_list(&mut self.evidence, 4);
    }
}

impl Bound for OperationHurt {
    fn bound(&mut self) {
        self.operation.bound();
    }
}

impl Bound for ChangeLine {
    fn bound(&mut self) {
        [&mut self.id, &mut self.kind, &mut self.target].into_iter().for_each(Bound::bound);
        let optional = [&mut self.version, &mut self.previous_version, &mut self.author, &mut self.title];
        optional.into_iter().flatten().for_each(Bound::bound);
        self.reason.bound();
    }
}

impl Bound for Advice {
    fn bound(&mut self) {
        self.text.bound();
        self.url = self.url.take().filter(|url| url.len() <= URL_BYTES_MAX);
    }
}

impl Bound for Link {
    fn bound(&mut self) {
        self.text.bound();
    }
}

impl Bound for AlertLine {
    fn bound(&mut self) {
        self.fingerprint.bound();
        bound_labels(&mut self.labels);
        bound_labels(&mut self.annotations);
        self.generator_url = self.generator_url.take().filter(|url| url.len() <= URL_BYTES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_small_whatever_is_in_it() {
        let long = "面".repeat(1 << 20);
        let mut message = Message::new("I-1", Bilingual::new(&long, &long), Severity::High, UnixNanos(0));
        message.labels = (0..10_000).map(|n| (format!("l{n}"), long[..3000].to_owned())).collect();
        message.impact.operations = vec![OperationHurt { operation: long.clone(), calls: 1, failed: 1 }; 1000];
        message.url = Some(long.clone());
        let message = message.bounded();
        assert_eq!(message.title.zh.len(), 3 * ((TEXT_BYTES_MAX - 3) / 3) + 3);
        assert_eq!((message.labels.len(), message.impact.operations.len()), (LABELS_MAX, LIST_MAX));
        assert_eq!((message.impact.operations_total, message.url), (1000, None));
    }

    #[test]
    fn occasions_that_are_told_together_keep_what_matters_most() {
        use Occasion::{CauseChanged, Opened, Reopened, Resolved, ScopeDoubled, SeverityRaised};
        for (first, second, told) in [
            (Opened, CauseChanged, Opened),
            (ScopeDoubled, SeverityRaised, SeverityRaised),
            (Opened, Resolved, Resolved),
            (Resolved, Reopened, Reopened),
        ] {
            assert_eq!(first.merged(second), told);
        }
    }
}
