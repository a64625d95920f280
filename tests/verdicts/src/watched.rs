//! The company's faults before rules, incidents and the search for causes, as the product's watch brings them
//! together: calls are counted, rules are judged, anomalies looked for, alerts grouped, causes found. Nothing waits.
//!
//! What rules on metrics and logs would tell is left to the search for anomalies, which reads both.

use crate::{Beats, OPENED, Recorded, counted::Counted, late, listen, second};
use cause::{Anomaly, Case, Sensitivity, Window, judge, scan};
use incident::{Alert, Book, Confidence, IncidentId, Settings, Told, Verdict};
use model::{TimeRange, UnixNanos};
use rules::{Answers, Condition, Rule, RuleState, Transition, Watermark, What};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// All is well for so long, then it is broken for so long, seconds.
pub const WELL: i64 = 360;
pub const BROKEN: i64 = 120;
/// How often rules are judged while the company is well, and incidents move on while it is not.
pub(crate) const STEP: i64 = 10;
/// How often anomalies are looked for, and in how long a stretch.
pub(crate) const SCAN_EVERY: i64 = 60;
pub(crate) const SCAN_WINDOW: i64 = 180;
/// A verdict is asked for again after so long, though no alert is new.
const JUDGE_AGAIN: i64 = 60;
/// What came a little before the first alert belongs to an incident.
const BEFORE: Duration = Duration::from_secs(120);

/// Faults that act together, each from a second of its own after the company was well.
pub type Script<'s> = &'s [(&'static str, i64)];

/// One alert and where it ended up.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Grouped {
    /// `name entity`.
    pub what: String,
    pub incident: IncidentId,
}

/// One incident at the end: `(entity, kind)` of its first causes, and whether it says that it is not certain.
#[derive(Clone, Debug)]
pub struct Named {
    pub incident: IncidentId,
    pub causes: Vec<(String, String)>,
    /// Bits of each, and how sure it is.
    pub weights: Vec<(f64, Confidence)>,
    pub undetermined: bool,
}

/// What came of a script.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    pub alerts: Vec<Grouped>,
    pub incidents: Vec<Named>,
}

/// Plays a script to its end and looks at what is held then.
pub fn watch(seed: u64, script: Script<'_>) -> Watched {
    let mut rules = Rules::default();
    let acting = |at: i64| script.iter().filter(|(_, from)| at > WELL + from).map(|(name, _)| *name).collect();
    let recorded = listen(seed, WELL + BROKEN, acting, |at, counted| {
        if at % STEP == 0 {
            rules.judge(at, counted);
        }
    });
    let mut desk = Desk::open(recorded, rules.told);
    for at in (WELL..=WELL + BROKEN).step_by(STEP as usize) {
        desk.instant(at);
    }
    desk.held()
}

/// The rules about calls that are on after install.
pub(crate) struct Rules {
    kept: Vec<(Rule, RuleState)>,
    watermark: Watermark,
    pub(crate) told: Vec<Transition>,
}

impl Default for Rules {
    fn default() -> Self {
        let about_calls = |rule: &Rule| matches!(rule.condition, Condition::Baseline(_));
        let rules = rules::pack::rules().into_iter().filter(about_calls);
        let with_state = |rule: Rule| {
            let state = RuleState::new(&rule.name);
            (rule, state)
        };
        let kept = rules.map(with_state).collect();
        Self { kept, watermark: Watermark::default(), told: Vec::new() }
    }
}

impl Rules {
    pub(crate) fn judge(&mut self, at: i64, counted: &Counted) {
        let now = second(at);
        for (service, bucket) in counted.newest() {
            self.watermark.saw(service, bucket, now);
        }
        for (rule, state) in &mut self.kept {
            if !state.is_due(rule, now) {
                continue;
            }
            let questions = rules::questions(rule, state, now);
            let answers: Answers =
                questions.iter().map(|asked| (asked.name, Ok(Arc::new(counted.answer(asked))))).collect();
            self.told.extend(rules::evaluate(rule, state, &answers, now, &self.watermark));
            state.changed();
        }
    }
}

/// Incidents, and what they are judged by.
struct Desk {
    case: Case,
    beats: Beats,
    book: Book,
    told: Vec<Transition>,
    judged: BTreeMap<IncidentId, UnixNanos>,
}

impl Desk {
    fn open(recorded: Recorded, told: Vec<Transition>) -> Self {
        let mut book = Book::new(Settings::default());
        let estate = recorded.estate().clone();
        book.survey(&estate);
        let (case, beats) = recorded.case(second(WELL), second(WELL));
        Self { case: Case { estate, ..case }, beats, book, told, judged: BTreeMap::new() }
    }

    fn instant(&mut self, at: i64) {
        let now = second(at);
        let told = std::mem::take(&mut self.told);
        let (due, later): (Vec<_>, Vec<_>) = told.into_iter().partition(|transition| transition.at <= now);
        self.told = later;
        for transition in &due {
            self.book.hear(Alert::read(of_rule(transition), now), now);
        }
        // The first search after the fault's begin comes at no special moment of it.
        if (at - WELL) % SCAN_EVERY == SCAN_EVERY / 2 {
            let current = TimeRange { from: second(at - SCAN_WINDOW), until: now };
            self.look(current, None, now);
            for anomaly in scan(&self.case, Sensitivity::default()) {
                self.book.hear(Alert::read(of_anomaly(&anomaly, now), now), now);
            }
        }
        self.book.step(now);
        for id in self.to_judge(now) {
            self.find_cause(id, now);
        }
        self.book.step(now);
    }

    fn to_judge(&self, now: UnixNanos) -> Vec<IncidentId> {
        let mut asked = self.book.to_judge(now);
        let again = |id: &IncidentId| {
            let judged = self.judged.get(id);
            judged.is_some_and(|at| now.0 >= at.0 + JUDGE_AGAIN * UnixNanos::SECOND)
        };
        let live = self.book.incidents().filter(|incident| incident.is_live() && incident.merged_into.is_none());
        asked.extend(live.map(|incident| incident.id).filter(again));
        asked.sort_unstable();
        asked.dedup();
        asked
    }

    /// Sets the window: the time of other incidents is no measure of health.
    fn look(&mut self, current: TimeRange, besides: Option<IncidentId>, now: UnixNanos) {
        let others = self.book.incidents().filter(|incident| Some(incident.id) != besides && incident.alerts > 0);
        let well = others.map(|incident| incident.first_at).chain([current.from]).min().unwrap_or(current.from);
        self.case.window = Window { reference: vec![TimeRange { from: OPENED, until: well }], current };
        self.case.heartbeats = late(&self.beats, now);
    }

    fn find_cause(&mut self, id: IncidentId, now: UnixNanos) {
        let Some(first) = self.book.members(id).map(|episode| episode.starts_at).min() else { return };
        self.look(TimeRange { from: first.saturating_sub(BEFORE), until: now }, Some(id), now);
        self.case.suffering = self.book.members(id).filter_map(incident::Episode::suffering).collect();
        self.case.suffering.sort();
        self.case.suffering.dedup();
        let verdict = Verdict { judged_at: now, ..judge(&self.case) };
        self.judged.insert(id, now);
        self.book.judged(id, verdict, now);
    }

    fn held(&self) -> Watched {
        let mut watched = Watched::default();
        for incident in self.book.incidents().filter(|incident| incident.merged_into.is_none() && incident.alerts > 0) {
            let verdict = incident.verdict.clone().unwrap_or_default();
            let named = |cause: &incident::Cause| (cause.entity.to_string(), cause.kind.as_str().to_owned());
            watched.incidents.push(Named {
                incident: incident.id,
                causes: verdict.causes.iter().take(3).map(named).collect(),
                weights: verdict.causes.iter().take(3).map(|cause| (cause.score, cause.confidence)).collect(),
                undetermined: verdict.undetermined.is_some(),
            });
            watched.alerts.extend(self.book.members(incident.id).map(|episode| {
                let place = episode.entity.as_ref().map(ToString::to_string).unwrap_or_default();
                Grouped { what: format!("{} {place}", episode.alert.name), incident: incident.id }
            }));
        }
        watched
    }
}

pub(crate) fn of_rule(transition: &Transition) -> Told {
    let alert = &transition.alert;
    let mut labels = alert.labels.clone();
    labels.insert("severity".into(), alert.severity.as_str().into());
    labels.extend(alert.entity.as_ref().map(|entity| ("entity".to_owned(), entity.to_string())));
    let resolved = transition.what == What::Resolved;
    let ends_at = if resolved { alert.ends_at.or(Some(transition.at)) } else { None };
    Told { labels, starts_at: Some(alert.starts_at), ends_at, resolved, source: "rules".into(), ..Told::default() }
}

pub(crate) fn of_anomaly(anomaly: &Anomaly, now: UnixNanos) -> Told {
    let labels = [
        ("alertname", format!("anomaly-{}", anomaly.evidence.kind)),
        ("entity", anomaly.entity.to_string()),
        ("severity", "medium".into()),
    ];
    Told {
        labels: labels.map(|(name, value)| (name.to_owned(), value)).into(),
        starts_at: anomaly.since.or(Some(now)),
        silent_after: Some(Duration::from_secs(2 * SCAN_EVERY as u64 + 15)),
        source: "scan".into(),
        ..Told::default()
    }
}
