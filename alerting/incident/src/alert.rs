//! An alert in its checked form, whoever told it: Alertmanager, Grafana, a generic sender, our own rules.
//!
//! It refuses to know protocols and incidents. Invariant: whatever is told becomes an alert; what is too
//! large is cut, what is odd is flagged, nothing is refused.

use crate::fingerprint::Fingerprint;
use crate::severity::Severity;
use model::UnixNanos;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Labels or annotations of one alert; those that say what and where come first.
pub const FIELDS: usize = 64;
/// Bytes of a name.
pub const NAME_BYTES: usize = 128;
/// Bytes of a label's value.
pub const LABEL_BYTES: usize = 1024;
/// Bytes of an annotation's value.
pub const ANNOTATION_BYTES: usize = 4096;
/// Trace ids that are kept of one alert.
pub const TRACES: usize = 8;
/// How far ahead of receipt a start may lie: clocks differ.
pub const AHEAD: Duration = Duration::from_secs(300);

pub type Fields = BTreeMap<String, String>;

/// What a sender says, unchecked.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Told {
    pub labels: Fields,
    pub annotations: Fields,
    /// The sender's start; receipt where it gives none.
    pub starts_at: Option<UnixNanos>,
    /// In the past: resolved. In the future: it counts as resolved then unless it is told again.
    pub ends_at: Option<UnixNanos>,
    /// The sender says that it is over, whatever `ends_at` is.
    pub resolved: bool,
    /// The sender falls silent instead of resolving: without `ends_at` the alert counts as resolved this long
    /// after it was last told. `None` for senders that resolve explicitly.
    pub silent_after: Option<Duration>,
    pub generator_url: Option<String>,
    /// Who told it: `alertmanager`, `grafana`, `webhook`, `rules` ...
    pub source: String,
}

/// What was odd about an alert. It is kept all the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// Labels or annotations were too many or too long.
    Cut,
    NoLabels,
    /// It said it would begin later; the time of receipt stands in.
    Future,
    /// It said it began before 2000; the time of receipt stands in.
    Ancient,
    /// It ended before it began; it has no duration.
    EndsBeforeStart,
    /// It was resolved before it was ever told to fire.
    ResolvedFirst,
}

/// A checked alert.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Alert {
    pub fingerprint: Fingerprint,
    /// `alertname`, or the best there is.
    pub name: String,
    pub labels: Fields,
    pub annotations: Fields,
    pub severity: Severity,
    pub starts_at: UnixNanos,
    /// The sender said when it began: another start is another firing then.
    #[serde(default)]
    pub start_told: bool,
    /// When it ended, if it did.
    pub ended_at: Option<UnixNanos>,
    /// When it counts as ended unless told again.
    pub expires_at: Option<UnixNanos>,
    /// See [`Told::silent_after`].
    pub silent_after: Option<Duration>,
    pub generator_url: Option<String>,
    pub source: String,
    pub told_at: UnixNanos,
    pub traces: Vec<String>,
    pub odd: Vec<Oddity>,
}

impl Alert {
    /// Checks what was told; `received` is the wall clock at receipt.
    pub fn read(told: Told, received: UnixNanos) -> Self {
        let mut odd = Vec::new();
        let url = told.generator_url.as_deref().unwrap_or_default();
        let fingerprint = Fingerprint::of(&told.labels, &[&told.source, url]);
        if told.labels.is_empty() {
            odd.push(Oddity::NoLabels);
        }
        let traces = trace_ids(&told);
        let severity = severity(&told);
        let (labels, cut_labels) = bounded(told.labels, LABEL_BYTES);
        let (annotations, cut_annotations) = bounded(told.annotations, ANNOTATION_BYTES);
        if cut_labels || cut_annotations {
            odd.push(Oddity::Cut);
        }
        let starts_at = start(told.starts_at, received, &mut odd);
        let start_told = told.starts_at == Some(starts_at);
        let (ended_at, expires_at) = end(starts_at, told.ends_at, told.resolved, received, &mut odd);
        Self {
            fingerprint,
            name: name(&labels, &annotations),
            severity,
            labels,
            annotations,
            starts_at,
            start_told,
            ended_at,
            expires_at,
            silent_after: told.silent_after,
            generator_url: told.generator_url.map(|url| cut(url, LABEL_BYTES).0),
            source: cut(told.source, NAME_BYTES).0,
            told_at: received,
            traces,
            odd,
        }
    }

    /// A label's value; the form matchers ask for.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// The first of these labels that has a value.
    pub fn first_label(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.label(name).filter(|value| !value.is_empty()))
    }

    pub fn is_resolved(&self) -> bool {
        self.ended_at.is_some()
    }
}

fn start(told: Option<UnixNanos>, received: UnixNanos, odd: &mut Vec<Oddity>) -> UnixNanos {
    match told {
        None => received,
        Some(at) if at < UnixNanos::PLAUSIBLE_MIN => {
            // The zero time of a sender's language says "unknown", which is not odd.
            if at.0 > 0 {
                odd.push(Oddity::Ancient);
            }
            received
        }
        Some(at) if at > received.saturating_add(AHEAD) => {
            odd.push(Oddity::Future);
            received
        }
        Some(at) => at,
    }
}

fn end(
    starts_at: UnixNanos,
    told: Option<UnixNanos>,
    resolved: bool,
    received: UnixNanos,
    odd: &mut Vec<Oddity>,
) -> (Option<UnixNanos>, Option<UnixNanos>) {
    let told = told.filter(|at| *at >= UnixNanos::PLAUSIBLE_MIN);
    let over = resolved || told.is_some_and(|at| at <= received);
    if !over {
        return (None, told);
    }
    let at = told.filter(|at| *at <= received).unwrap_or(received);
    if at < starts_at {
        odd.push(Oddity::EndsBeforeStart);
    }
    (Some(at.max(starts_at)), None)
}

fn name(labels: &Fields, annotations: &Fields) -> String {
    ["alertname", "alert_name", "rule", "rulename", "check", "title", "name"]
        .iter()
        .find_map(|key| labels.get(*key).or_else(|| annotations.get(*key)))
        .or_else(|| annotations.get("summary"))
        .filter(|name| !name.trim().is_empty())
        .map_or_else(|| "alert".to_owned(), |name| cut(name.clone(), NAME_BYTES).0)
}

fn severity(told: &Told) -> Severity {
    ["severity", "priority", "level", "urgency"]
        .iter()
        .find_map(|key| told.labels.get(*key).or_else(|| told.annotations.get(*key)))
        .and_then(|text| Severity::read(text))
        .unwrap_or_default()
}

fn trace_ids(told: &Told) -> Vec<String> {
    const NAMES: [&str; 6] = ["trace_id", "traceID", "traceId", "trace.id", "trace_ids", "traces"];
    let is_id = |text: &&str| matches!(text.len(), 16 | 32) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let values = NAMES.iter().flat_map(|name| told.labels.get(*name).into_iter().chain(told.annotations.get(*name)));
    let mut ids: Vec<String> = values
        .flat_map(|value| cut_str(value, ANNOTATION_BYTES).split([',', ' ', ';']))
        .filter(is_id)
        .map(str::to_ascii_lowercase)
        .take(TRACES)
        .collect();
    ids.dedup();
    ids
}

/// Labels that say what and where are kept first when there are too many.
const FIRST: [&str; 10] =
    ["alertname", "entity", "entity_type", "service", "service_name", "instance", "pod", "node", "host", "metric"];

fn bounded(fields: Fields, value_bytes: usize) -> (Fields, bool) {
    let fits = |(name, value): (&String, &String)| name.len() <= NAME_BYTES && value.len() <= value_bytes;
    if fields.len() <= FIELDS && fields.iter().all(fits) {
        return (fields, false);
    }
    let mut fields: Vec<(String, String)> = fields.into_iter().collect();
    fields.sort_by_key(|(name, _)| FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()));
    fields.truncate(FIELDS);
    let kept = fields.into_iter().map(|(name, value)| (cut(name, NAME_BYTES).0, cut(value, value_bytes).0));
    (kept.collect(), true)
}

fn cut_str(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn cut(mut text: String, bytes: usize) -> (String, bool) {
    let kept = cut_str(&text, bytes).len();
    let is_cut = kept < text.len();
    text.truncate(kept);
    if is_cut {
        text.shrink_to_fit();
    }
    (text, is_cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixNanos = UnixNanos(1_700_000_000 * UnixNanos::SECOND);

    fn after(seconds: i64) -> UnixNanos {
        UnixNanos(NOW.0 + seconds * UnixNanos::SECOND)
    }

    fn told(labels: &[(&str, &str)]) -> Told {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Told { labels, source: "webhook".to_owned(), ..Told::default() }
    }

    #[test]
    fn labels_of_a_megabyte_are_cut_and_flagged_but_still_identify() {
        let long = "x".repeat(1 << 20);
        let one = Alert::read(told(&[("alertname", "a"), ("stack", &format!("{long}1"))]), NOW);
        let two = Alert::read(told(&[("alertname", "a"), ("stack", &format!("{long}2"))]), NOW);
        assert_eq!(one.odd, [Oddity::Cut]);
        assert_eq!(one.labels["stack"].len(), LABEL_BYTES);
        assert_ne!(one.fingerprint, two.fingerprint);
        let many: Vec<(String, String)> = (0..500).map(|n| (format!("a{n:04}"), "v".to_owned())).collect();
        let mut many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        many.push(("service", "order"));
        let alert = Alert::read(told(&many), NOW);
        assert_eq!((alert.labels.len(), alert.label("service")), (FIELDS, Some("order")));
    }

    #[test]
    fn an_alert_without_labels_is_an_alert() {
        let alert = Alert::read(told(&[]), NOW);
        assert_eq!((alert.odd.as_slice(), alert.name.as_str()), ([Oddity::NoLabels].as_slice(), "alert"));
        assert_eq!(alert.starts_at, NOW);
    }

    #[test]
    fn impossible_times_become_possible_ones() {
        for (starts, ends, resolved, want_start, want_end, want_expiry, odd) in [
            (None, None, false, NOW, None, None, vec![]),
            (Some(after(-60)), Some(after(240)), false, after(-60), None, Some(after(240)), vec![]),
            (Some(after(-60)), Some(after(-10)), false, after(-60), Some(after(-10)), None, vec![]),
            (Some(after(-60)), None, true, after(-60), Some(NOW), None, vec![]),
            (Some(after(-60)), Some(after(60)), true, after(-60), Some(NOW), None, vec![]),
            (Some(after(3600)), None, false, NOW, None, None, vec![Oddity::Future]),
            (Some(UnixNanos(5)), None, false, NOW, None, None, vec![Oddity::Ancient]),
            (Some(UnixNanos(i64::MIN)), Some(UnixNanos(i64::MIN)), false, NOW, None, None, vec![]),
            (
                Some(after(-10)),
                Some(after(-60)),
                false,
                after(-10),
                Some(after(-10)),
                None,
                vec![Oddity::EndsBeforeStart],
            ),
        ] {
            let alert =
                Alert::read(Told { starts_at: starts, ends_at: ends, resolved, ..told(&[("alertname", "a")]) }, NOW);
            let found = (alert.starts_at, alert.ended_at, alert.expires_at, alert.odd);
            assert_eq!(found, (want_start, want_end, want_expiry, odd), "{starts:?} {ends:?} {resolved}");
        }
    }

    #[test]
    fn trace_ids_are_found_in_labels_and_annotations() {
        let mut told = told(&[("trace_id", "0af7651916cd43dd8448eb211c80319c"), ("traces", "no, 00f067aa0ba902b7")]);
        told.annotations.insert("traceID".to_owned(), "NOT HEX".to_owned());
        let alert = Alert::read(told, NOW);
        assert_eq!(alert.traces, ["0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7"]);
    }
}
