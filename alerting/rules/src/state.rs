//! What a rule remembers: one small document for the rule and one for each of its series.
//!
//! Invariant: every change of what decides (a phase, an alert told) marks its document as changed at once;
//! mere learning is stored now and then, so that a thousand quiet series cost nothing.

use crate::judge::Memory;
use crate::{Alert, Labels, Rule, RulesError};
use model::{ContentHash, UnixNanos};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Series of one rule; those beyond are counted, told in [`Standing`] and not judged.
pub(crate) const SERIES_MAX: usize = 20_000;
/// How often what was learned is stored: once in 15 to 30 minutes, each series at its own time. What lives for
/// less is never stored.
const LEARNED_EVERY: Duration = Duration::from_secs(900);
/// How long a quiet series is remembered; one that lived for less than ten minutes only for an hour.
const REMEMBERED: Duration = Duration::from_secs(8 * 86_400);
const SHORT_LIFE: Duration = Duration::from_secs(600);
const SHORT_REMEMBERED: Duration = Duration::from_secs(3_600);

const RULE_DOC: &str = "rule_state";
const SERIES_DOC: &str = "rule_series";

/// Where a series stands.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub(crate) enum Phase {
    #[default]
    Inactive,
    /// The condition holds, not yet for long enough.
    Pending { since: UnixNanos, heard: UnixNanos },
    /// `clear`: since when it holds no more. `heard`: when data last said either.
    Firing { since: UnixNanos, clear: Option<UnixNanos>, heard: UnixNanos },
}

/// One series.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    #[serde(flatten)]
    pub(crate) phase: Phase,
    /// When its data came first and last.
    pub(crate) first: UnixNanos,
    pub(crate) last: UnixNanos,
    /// What was told last, while it fires.
    pub(crate) told: Option<Alert>,
    #[serde(default)]
    pub(crate) memory: Memory,
    #[serde(skip)]
    stored: Option<UnixNanos>,
}

/// Part of [`LEARNED_EVERY`] by which a series is stored later than others.
fn own_delay(labels: &Labels) -> Duration {
    let sum = labels
        .values()
        .flat_map(|value| value.bytes())
        .fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    LEARNED_EVERY.mul_f64(f64::from(sum % 1_000) / 1_000.0)
}

impl Series {
    pub(crate) fn new(at: UnixNanos) -> Self {
        Self { phase: Phase::Inactive, first: at, last: at, told: None, memory: Memory::Nothing, stored: None }
    }

    fn is_worth_keeping(&self, now: UnixNanos) -> bool {
        if self.phase != Phase::Inactive {
            return true;
        }
        if matches!(self.memory, Memory::Nothing) {
            return false;
        }
        let lived = Duration::from_nanos(self.last.0.saturating_sub(self.first.0).max(0) as u64);
        let remembered = if lived < SHORT_LIFE { SHORT_REMEMBERED } else { REMEMBERED };
        self.last.saturating_add(remembered) > now
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) revision: String,
    /// Kind, measure and what makes a series: with another shape nothing learned is worth anything.
    pub(crate) shape: String,
    /// When it was judged first and last.
    #[serde(default)]
    pub(crate) begun: Option<UnixNanos>,
    pub(crate) evaluated: Option<UnixNanos>,
    /// The past was asked for and learned from.
    pub(crate) seeded: bool,
    /// Evaluations in a row that failed, and why.
    pub(crate) failures: u32,
    pub(crate) problem: Option<String>,
    pub(crate) failing: Option<Alert>,
}

/// A document to be stored (`body`) or removed (`None`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Doc {
    pub kind: &'static str,
    pub key: String,
    pub body: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct SeriesDoc<'a> {
    rule: std::borrow::Cow<'a, str>,
    labels: std::borrow::Cow<'a, Labels>,
    series: std::borrow::Cow<'a, Series>,
}

/// How a rule stands, for people.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Standing {
    pub rule: String,
    pub evaluated_at: Option<UnixNanos>,
    pub series: usize,
    pub pending: usize,
    pub firing: usize,
    /// Series that are still learning what is usual, and are not judged yet.
    pub warming_up: usize,
    /// Series beyond [`SERIES_MAX`] that were not judged in the last evaluation.
    pub refused: usize,
    /// Why the last evaluation failed or was not complete.
    pub problem: Option<String>,
}

/// The state of one rule.
#[derive(Clone, Debug, Default)]
pub struct RuleState {
    pub(crate) rule: String,
    pub(crate) head: Head,
    pub(crate) series: BTreeMap<Arc<Labels>, Series>,
    pub(crate) refused: usize,
    changed: BTreeSet<Arc<Labels>>,
    head_changed: bool,
    due: Option<UnixNanos>,
}

impl RuleState {
    pub fn new(rule: &str) -> Self {
        Self { rule: rule.to_owned(), ..Self::default() }
    }

    /// Takes back what was stored of one rule. Documents of other rules are passed over.
    ///
    /// # Errors
    /// A document does not read; what was restored before it is lost with it.
    pub fn restore<'d>(rule: &str, docs: impl IntoIterator<Item = (&'d str, &'d str)>) -> Result<Self, RulesError> {
        let mut state = Self::new(rule);
        // Of many thousand documents only its own are parsed.
        let own = format!("{{\"rule\":{},", serde_json::to_string(rule)?);
        for (kind, body) in docs {
            match kind {
                RULE_DOC => {
                    let (name, head): (String, Head) = serde_json::from_str(body)?;
                    if name == rule {
                        state.head = head;
                        // Not everything that was learned is in the documents: the past is asked again, and
                        // what is known already is not learned twice. Patterns of logs are stored at once.
                        state.head.seeded &= state.head.shape.starts_with("log_pattern");
                    }
                }
                SERIES_DOC if body.starts_with(&own) => {
                    let doc: SeriesDoc<'_> = serde_json::from_str(body)?;
                    if doc.rule == rule {
                        let mut series = doc.series.into_owned();
                        series.stored = Some(series.last);
                        state.series.insert(Arc::new(doc.labels.into_owned()), series);
                    }
                }
                _ => {}
            }
        }
        Ok(state)
    }

    /// What has changed since it was asked last: to be stored in one transaction.
    pub fn changed(&mut self) -> Vec<Doc> {
        let mut docs = Vec::new();
        if std::mem::take(&mut self.head_changed) {
            let body = serde_json::to_string(&(&self.rule, &self.head)).ok();
            docs.push(Doc { kind: RULE_DOC, key: self.rule.clone(), body });
        }
        for labels in std::mem::take(&mut self.changed) {
            let key = self.series_key(&labels);
            let body = self.series.get(&labels).and_then(|series| self.series_body(&labels, series));
            docs.push(Doc { kind: SERIES_DOC, key, body });
        }
        docs
    }

    /// Documents that remove everything of this rule from the store.
    pub fn removal(&self) -> Vec<Doc> {
        let series =
            self.series.keys().map(|labels| Doc { kind: SERIES_DOC, key: self.series_key(labels), body: None });
        series.chain([Doc { kind: RULE_DOC, key: self.rule.clone(), body: None }]).collect()
    }

    /// Whether the rule is to be judged now.
    pub fn is_due(&self, rule: &Rule, now: UnixNanos) -> bool {
        let is_early = self.due.is_some_and(|due| now < due);
        // A clock that was set back must not stop a rule.
        let was_set_back = self.due.is_some_and(|due| due > now.saturating_add(rule.every));
        rule.enabled && (!is_early || was_set_back)
    }

    /// Alerts that fire now.
    pub fn firing(&self) -> impl Iterator<Item = &Alert> {
        self.series.values().filter_map(|series| series.told.as_ref()).chain(&self.head.failing)
    }

    pub fn standing(&self) -> Standing {
        let count = |is: fn(&Series) -> bool| self.series.values().filter(|series| is(series)).count();
        Standing {
            rule: self.rule.clone(),
            evaluated_at: self.head.evaluated,
            series: self.series.len(),
            pending: count(|series| matches!(series.phase, Phase::Pending { .. })),
            firing: count(|series| matches!(series.phase, Phase::Firing { .. })),
            warming_up: count(|series| series.memory.is_warming_up()),
            refused: self.refused,
            problem: self.head.problem.clone(),
        }
    }

    pub(crate) fn evaluated(&mut self, rule: &Rule, now: UnixNanos) {
        // The start of the next interval, so that rules do not drift apart.
        let every = i64::try_from(rule.every.as_nanos()).unwrap_or(i64::MAX).max(1);
        self.due = Some(UnixNanos(crate::watermark::floor_to(now, every).0.saturating_add(every)));
        if self.head.begun.is_none() {
            self.head.begun = Some(now);
            self.head_changed = true;
        }
        self.head.evaluated = Some(now);
    }

    pub(crate) fn head_changed(&mut self) {
        self.head_changed = true;
    }

    /// The series with these labels; `None` when there are too many.
    pub(crate) fn entry(&mut self, labels: &Arc<Labels>, now: UnixNanos) -> Option<&mut Series> {
        if self.series.len() >= SERIES_MAX && !self.series.contains_key(labels) {
            self.refused += 1;
            return None;
        }
        Some(self.series.entry(Arc::clone(labels)).or_insert_with(|| Series::new(now)))
    }

    pub(crate) fn series_changed(&mut self, labels: &Arc<Labels>) {
        self.changed.insert(Arc::clone(labels));
    }

    /// Forgets quiet series and marks what has learned for storing.
    pub(crate) fn sweep(&mut self, now: UnixNanos) {
        let changed = &mut self.changed;
        self.series.retain(|labels, series| {
            if !series.is_worth_keeping(now) {
                // Only what was ever stored needs to be removed from the store.
                if series.stored.is_some() || changed.contains(labels) {
                    changed.insert(Arc::clone(labels));
                }
                return false;
            }
            let since_stored = series.stored.unwrap_or(series.first);
            let is_stale = since_stored.saturating_add(LEARNED_EVERY + own_delay(labels)) <= now;
            let lives = series.last.saturating_add(LEARNED_EVERY * 2) > now;
            if is_stale && lives && !matches!(series.memory, Memory::Nothing) {
                changed.insert(Arc::clone(labels));
                series.stored = Some(now);
            }
            if changed.contains(labels) {
                series.stored.get_or_insert(now);
            }
            true
        });
    }

    fn series_key(&self, labels: &Labels) -> String {
        let canonical: String = labels.iter().flat_map(|(name, value)| [name, "\u{1f}", value, "\u{1e}"]).collect();
        format!("{}/{}", self.rule, ContentHash::of_identity(canonical.as_bytes()))
    }

    fn series_body(&self, labels: &Labels, series: &Series) -> Option<String> {
        use std::borrow::Cow;
        let doc =
            SeriesDoc { rule: Cow::Borrowed(&self.rule), labels: Cow::Borrowed(labels), series: Cow::Borrowed(series) };
        serde_json::to_string(&doc).ok()
    }
}
