//! What holds messages back: silences, maintenance windows, quiet hours, static inhibition.
//!
//! Nothing held back is forgotten: it is told when the hold is over and it still matters. Invariant: a
//! maintenance window never holds back that something is over.

use crate::message::{Message, Occasion};
use crate::policy::Policy;
use crate::routing::Explanation;
use incident::Matchers;
use model::UnixNanos;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Most silences and windows at a time, expired ones included.
pub const SILENCES_MAX: usize = 10_000;
/// The longest one may last.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(366 * 86_400);
/// How long an expired one stays visible.
pub(crate) const SILENCE_KEPT: Duration = Duration::from_secs(5 * 86_400);

/// What a hold is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilenceKind {
    /// Says nothing at all.
    #[default]
    Silence,
    /// Work that was announced: what ends is still told.
    Maintenance,
}

/// A hold by matchers, with an end, an author and a reason. Wall times.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Silence {
    pub id: String,
    #[serde(default)]
    pub kind: SilenceKind,
    pub matchers: Matchers,
    pub starts_at: UnixNanos,
    pub ends_at: UnixNanos,
    pub created_by: String,
    pub comment: String,
    /// Names of intervals: it holds only within them (every Sunday night until December).
    #[serde(default)]
    pub during: Vec<String>,
    #[serde(default)]
    pub updated_at: UnixNanos,
}

impl Silence {
    /// # Errors
    /// What is wrong and what would be right.
    pub fn check(&self, policy: &Policy) -> Result<(), String> {
        if !self.matchers.is_selective() {
            return Err(
                "it would silence everything: one matcher must refuse an empty label, as service=\"order\" does".into(),
            );
        }
        if self.ends_at <= self.starts_at {
            return Err("it ends before it begins".into());
        }
        if self.ends_at > self.starts_at.saturating_add(SILENCE_MAX) {
            return Err("it may last a year at most".into());
        }
        if self.created_by.trim().is_empty() || self.comment.trim().is_empty() {
            return Err("`created_by` and `comment` are wanted: who silences, and why".into());
        }
        if self.id.len() > 128 || self.created_by.len() > 256 || self.comment.len() > 4096 {
            return Err("at most 256 bytes for the author and 4096 for the comment".into());
        }
        match self.during.iter().find(|name| policy.hours(name).is_none()) {
            Some(name) => Err(format!("no interval is called `{name}`")),
            None => Ok(()),
        }
    }

    /// Whether it holds at this time.
    pub fn is_active(&self, policy: &Policy, now: UnixNanos) -> bool {
        self.starts_at <= now
            && now < self.ends_at
            && (self.during.is_empty()
                || self.during.iter().any(|name| policy.hours(name).is_some_and(|hours| hours.holds(now))))
    }
}

/// All silences and windows of a workspace.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Silences {
    by_id: BTreeMap<String, Silence>,
}

impl Silences {
    pub fn new(silences: impl IntoIterator<Item = Silence>) -> Self {
        Self { by_id: silences.into_iter().map(|silence| (silence.id.clone(), silence)).collect() }
    }

    /// Adds or replaces by id. `false`: there are [`SILENCES_MAX`] already.
    pub fn set(&mut self, silence: Silence) -> bool {
        if self.by_id.len() >= SILENCES_MAX && !self.by_id.contains_key(&silence.id) {
            return false;
        }
        self.by_id.insert(silence.id.clone(), silence);
        true
    }

    pub fn get(&self, id: &str) -> Option<&Silence> {
        self.by_id.get(id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.by_id.values()
    }

    /// Ends it now; it stays visible for [`SILENCE_KEPT`]. `None`: there is none, or it is over already.
    pub fn expire(&mut self, id: &str, now: UnixNanos) -> Option<&Silence> {
        let silence = self.by_id.get_mut(id).filter(|silence| silence.ends_at > now)?;
        silence.ends_at = now;
        silence.starts_at = silence.starts_at.min(now);
        silence.updated_at = now;
        Some(silence)
    }

    /// Removes those that ended long ago, and names them.
    pub fn forget(&mut self, now: UnixNanos) -> Vec<String> {
        let old = |silence: &Silence| silence.ends_at.saturating_add(SILENCE_KEPT) < now;
        let gone: Vec<String> = self.by_id.values().filter(|s| old(s)).map(|s| s.id.clone()).collect();
        for id in &gone {
            self.by_id.remove(id);
        }
        gone
    }

    /// The silences that hold back one alert now, by its labels.
    pub fn holding<'a, 'b>(
        &'a self,
        policy: &Policy,
        now: UnixNanos,
        label: impl Fn(&str) -> Option<&'b str> + Copy,
    ) -> impl Iterator<Item = &'a Silence> {
        self.by_id.values().filter(move |silence| silence.is_active(policy, now) && silence.matchers.fit(label))
    }

    /// The silence that holds back a message: by the message's own labels, or because it fits every alert
    /// that fires (where the message has them all).
    fn holds(&self, policy: &Policy, message: &Message, kind: SilenceKind, now: UnixNanos) -> Option<&Silence> {
        let firing = message.alerts.iter().filter(|alert| alert.firing).count();
        let has_all = firing > 0 && firing as u64 >= message.counts.firing;
        self.by_id.values().filter(|silence| silence.kind == kind && silence.is_active(policy, now)).find(|silence| {
            silence.matchers.fit(|name| message.label(name))
                || (has_all
                    && message
                        .alerts
                        .iter()
                        .filter(|alert| alert.firing)
                        .all(|alert| silence.matchers.fit(|name| alert.labels.get(name).map(String::as_str))))
        })
    }
}

/// Why a message waits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Hold {
    Silence {
        id: String,
        until: UnixNanos,
    },
    Maintenance {
        id: String,
        until: UnixNanos,
    },
    /// An open incident that fits the source of an inhibition.
    Inhibition {
        incident: String,
    },
    Quiet {
        interval: String,
    },
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hold::Silence { id, .. } => write!(f, "silence {id}"),
            Hold::Maintenance { id, .. } => write!(f, "maintenance window {id}"),
            Hold::Inhibition { incident } => write!(f, "inhibited by {incident}"),
            Hold::Quiet { interval } => write!(f, "quiet hours `{interval}`"),
        }
    }
}

/// The sources of one rule: by the values of its equal labels, incidents, and whether each also fits the target.
type Places = BTreeMap<Vec<String>, Vec<(String, bool)>>;

/// The incidents that hold back others, as far as inhibitions ask: made once per step.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// By rule.
    rules: Vec<Places>,
}

/// Sources kept per rule and set of values: one that is not the target itself is enough.
const SOURCES_KEPT: usize = 4;

impl Sources {
    pub(crate) fn of<'a>(policy: &Policy, open: impl Iterator<Item = &'a Message> + Clone) -> Self {
        let mut rules = Vec::new();
        for rule in policy.inhibitions() {
            let mut found = Places::new();
            for message in open.clone().filter(|message| rule.source.fit(|name| message.label(name))) {
                let places = found.entry(values(&rule.equal, message)).or_default();
                if places.len() < SOURCES_KEPT {
                    places.push((message.incident.clone(), rule.target.fit(|name| message.label(name))));
                }
            }
            rules.push(found);
        }
        Self { rules }
    }

    fn holds(&self, policy: &Policy, message: &Message) -> Option<Hold> {
        for (rule, found) in policy.inhibitions().iter().zip(&self.rules) {
            if found.is_empty() || !rule.target.fit(|name| message.label(name)) {
                continue;
            }
            // What fits both sides is not held back by another that does too: each would hold back the other.
            let fits_both = rule.source.fit(|name| message.label(name));
            let Some(sources) = found.get(&values(&rule.equal, message)) else { continue };
            let by = sources.iter().find(|(incident, both)| *incident != message.incident && !(fits_both && *both));
            if let Some((incident, _)) = by {
                return Some(Hold::Inhibition { incident: incident.clone() });
            }
        }
        None
    }
}

fn values(names: &[String], message: &Message) -> Vec<String> {
    names.iter().map(|name| message.label(name).unwrap_or_default().to_owned()).collect()
}

/// Why a message is not sent now, if it is not.
pub(crate) fn hold(
    policy: &Policy,
    silences: &Silences,
    sources: &Sources,
    message: &Message,
    occasion: Occasion,
    quiet: &[String],
    now: UnixNanos,
) -> Option<Hold> {
    if let Some(silence) = silences.holds(policy, message, SilenceKind::Silence, now) {
        return Some(Hold::Silence { id: silence.id.clone(), until: silence.ends_at });
    }
    // What ends is told to those who know that it began.
    if occasion == Occasion::Resolved {
        return None;
    }
    if let Some(window) = silences.holds(policy, message, SilenceKind::Maintenance, now) {
        return Some(Hold::Maintenance { id: window.id.clone(), until: window.ends_at });
    }
    if let Some(inhibited) = sources.holds(policy, message) {
        return Some(inhibited);
    }
    quiet
        .iter()
        .find(|name| policy.hours(name).is_some_and(|hours| hours.holds(now)))
        .map(|name| Hold::Quiet { interval: name.clone() })
}

/// The walk of a message through routes, silences and quiet hours, without sending anything.
pub fn explain(policy: &Policy, silences: &Silences, message: &Message, now: UnixNanos) -> Explanation {
    let mut explanation = policy.walk(message, now);
    let quiet = explanation.destinations.first().map(|to| to.quiet.clone()).unwrap_or_default();
    explanation.held = hold(policy, silences, &Sources::default(), message, message.occasion, &quiet, now)
        .map(|hold| hold.to_string());
    explanation
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use crate::message::AlertLine;
    use incident::Severity;
    use model::Bilingual;

    fn silence(id: &str, matchers: &str) -> Silence {
        Silence {
            id: id.to_owned(),
            kind: SilenceKind::Silence,
            matchers: Matchers::read(matchers).unwrap(),
            starts_at: UnixNanos(10),
            ends_at: UnixNanos(100),
            created_by: "ann".to_owned(),
            comment: "a disk is changed".to_owned(),
            during: Vec::new(),
            updated_at: UnixNanos(0),
        }
    }

    #[test]
    fn a_silence_says_who_why_what_and_until_when() {
        let policy = Policy::read("").unwrap();
        let good = silence("s", "service=order");
        assert_eq!(good.check(&policy), Ok(()));
        for (bad, says) in [
            (silence("s", "{}"), "silence everything"),
            (silence("s", "service=~\".*\""), "silence everything"),
            (Silence { ends_at: UnixNanos(10), ..good.clone() }, "ends before"),
            (Silence { ends_at: UnixNanos(i64::MAX), ..good.clone() }, "a year"),
            (Silence { comment: " ".to_owned(), ..good.clone() }, "who silences, and why"),
            (Silence { during: vec!["night".to_owned()], ..good.clone() }, "no interval"),
        ] {
            assert!(bad.check(&policy).unwrap_err().contains(says), "{says}");
        }
    }

    #[test]
    fn an_incident_is_silent_when_each_of_its_alerts_is() {
        let policy = Policy::read("").unwrap();
        let silences = Silences::new([silence("s", "service=order")]);
        let alert = |service: &str| AlertLine {
            fingerprint: service.to_owned(),
            firing: true,
            labels: BTreeMap::from([("service".to_owned(), service.to_owned())]),
            annotations: BTreeMap::new(),
            starts_at: UnixNanos(0),
            ends_at: None,
            generator_url: None,
        };
        for (services, firing, held, why) in [
            (&["order", "order"][..], 2, true, "all of them are silenced"),
            (&["order", "cart"], 2, false, "one is not"),
            (&["order"], 9, false, "eight more are not known here"),
            (&[], 0, false, "nothing is known of its alerts"),
        ] {
            let mut message = Message::new("I-1", Bilingual::new("t", "t"), Severity::Low, UnixNanos(0));
            message.alerts = services.iter().map(|service| alert(service)).collect();
            message.counts.firing = firing;
            let found = hold(&policy, &silences, &Sources::default(), &message, Occasion::Opened, &[], UnixNanos(50));
            assert_eq!(found.is_some(), held, "{why}");
        }
    }

    #[test]
    fn a_silence_that_was_ended_stays_visible_for_days() {
        let mut silences = Silences::new([silence("s", "service=order")]);
        assert!(silences.expire("s", UnixNanos(20)).is_some());
        assert!(silences.expire("s", UnixNanos(30)).is_none(), "it is over already");
        assert_eq!(silences.forget(UnixNanos(1000)), [""; 0]);
        assert_eq!(silences.forget(UnixNanos(1000).saturating_add(SILENCE_KEPT)), ["s"]);
    }
}
