//! The identity of an alert: 128 bits over the labels that say *what* fires, never over those that say how much.
//!
//! It refuses to know values, times, severities and ids, so that repeats, raised severities and replicated
//! senders are one alert.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// Written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

/// Labels that change while the alert stays the same.
const VOLATILE: &[&str] = &[
    "severity",
    "priority",
    "level",
    "urgency",
    "value",
    "values",
    "valuestring",
    "current_value",
    "threshold",
    "description",
    "summary",
    "message",
    "title",
    "text",
    "timestamp",
    "time",
    "date",
    "starts_at",
    "startsat",
    "ends_at",
    "endsat",
    "id",
    "uid",
    "uuid",
    "alert_id",
    "event_id",
    "incident_id",
    "trace_id",
    "traceid",
    "span_id",
    "spanid",
    "request_id",
    "replica",
    "__replica__",
    "prometheus_replica",
    "thanos_replica",
    "monitor",
    "alertstate",
    "grafana_state_reason",
];

/// Whether a label takes no part in the identity.
pub fn is_volatile(name: &str) -> bool {
    let plain = name.trim_start_matches("__").to_ascii_lowercase();
    VOLATILE.contains(&name)
        || VOLATILE.contains(&plain.as_str())
        || ["_timestamp", "_value", "_uuid", "trace.id", "span.id"].iter().any(|end| plain.ends_with(end))
}

impl Fingerprint {
    /// The identity of these labels. Where nothing but `fallback` tells alerts apart (no labels at all), it does.
    pub fn of(labels: &BTreeMap<String, String>, fallback: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut told = false;
        for (name, value) in labels.iter().filter(|(name, value)| !value.is_empty() && !is_volatile(name)) {
            told = true;
            feed(&mut hasher, name);
            feed(&mut hasher, value);
        }
        if !told {
            fallback.iter().for_each(|part| feed(&mut hasher, part));
        }
        Self::cut(&hasher)
    }

    /// The identity of a few words: what is left when names are too many to be kept apart.
    pub fn of_words(words: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        words.iter().for_each(|word| feed(&mut hasher, word));
        Self::cut(&hasher)
    }

    fn cut(hasher: &blake3::Hasher) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(bytes)
    }

    pub fn read(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

/// Lengths first, so that no two lists of words run together to the same bytes.
fn feed(hasher: &mut blake3::Hasher, word: &str) {
    hasher.update(&(word.len() as u64).to_le_bytes());
    hasher.update(word.as_bytes());
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom("a fingerprint is 32 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use proptest::prelude::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_times_severities_and_replicas_do_not_make_another_alert() {
        let one = labels(&[("alertname", "Slow"), ("service", "order"), ("severity", "warning"), ("value", "1.2")]);
        let two = labels(&[
            ("alertname", "Slow"),
            ("service", "order"),
            ("severity", "critical"),
            ("prometheus_replica", "b"),
            ("Trace_Id", "abc"),
            ("empty", ""),
        ]);
        assert_eq!(Fingerprint::of(&one, &[]), Fingerprint::of(&two, &[]));
        let other = labels(&[("alertname", "Slow"), ("service", "pay")]);
        assert_ne!(Fingerprint::of(&one, &[]), Fingerprint::of(&other, &[]));
    }

    #[test]
    fn without_labels_the_source_tells_alerts_apart() {
        let none = BTreeMap::new();
        assert_ne!(Fingerprint::of(&none, &["a"]), Fingerprint::of(&none, &["b"]));
        assert_eq!(Fingerprint::of(&none, &["a"]), Fingerprint::of(&labels(&[("severity", "low")]), &["a"]));
    }

    proptest! {
        #[test]
        fn a_fingerprint_is_read_as_it_is_written(bytes: [u8; 16]) {
            let fingerprint = Fingerprint(bytes);
            prop_assert_eq!(Fingerprint::read(&fingerprint.to_string()), Some(fingerprint));
            let text = serde_json::to_string(&fingerprint).unwrap();
            prop_assert_eq!(serde_json::from_str::<Fingerprint>(&text).unwrap(), fingerprint);
        }

        #[test]
        fn words_do_not_run_together(a in "[ab]{0,3}", b in "[ab]{0,3}", c in "[ab]{0,3}", d in "[ab]{0,3}") {
            let same = (&a, &b) == (&c, &d);
            prop_assert_eq!(Fingerprint::of_words(&[&a, &b]) == Fingerprint::of_words(&[&c, &d]), same);
        }
    }
}
