//! The words that scripts around version control use for commits, deployments and flags, as ours.

use serde_json::{Map, Value, json};

/// Their word and ours.
const RENAMED: [(&str, &str); 5] =
    [("timestamp", "time"), ("actor", "author"), ("message", "title"), ("sha", "id"), ("flag", "target")];
/// Their word and the attribute it is kept as.
const KEPT: [(&str, &str); 5] = [
    ("service", "service"),
    ("commit_sha", "vcs.ref.head.revision"),
    ("files_changed", "files"),
    ("diff", "diff"),
    ("change", "change"),
];

/// The change with our words in place of theirs; ours win where both are there. What belongs to no
/// service in particular is a change of the repository.
pub(super) fn in_our_words(fields: &Map<String, Value>) -> Map<String, Value> {
    let mut ours = fields.clone();
    let mut attributes = fields.get("attributes").and_then(Value::as_object).cloned().unwrap_or_default();
    for (theirs, own) in RENAMED {
        if let Some(value) = ours.remove(theirs) {
            ours.entry(own).or_insert(value);
        }
    }
    for (theirs, key) in KEPT {
        if let Some(value) = ours.remove(theirs).filter(|value| !value.is_null()) {
            attributes.entry(key).or_insert(value);
        }
    }
    if !ours.contains_key("target") && ours.len() + attributes.len() > 1 {
        let service = attributes.get("service").filter(|service| service.is_string()).cloned();
        let of_commit = || (ours.get("kind") == Some(&json!("commit"))).then(|| json!("repository"));
        if let Some(target) = service.or_else(of_commit) {
            ours.insert("target".into(), target);
        }
    }
    if !attributes.is_empty() {
        ours.insert("attributes".into(), Value::Object(attributes));
    }
    ours
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Value {
        Value::Object(in_our_words(value.as_object().unwrap_or(&Map::new())))
    }

    #[test]
    fn commits_deployments_and_flags_are_said_in_our_words() {
        for (theirs, ours) in [
            (
                json!({"kind": "commit", "timestamp": "t", "sha": "27", "author": "j", "message": "fix", "files_changed": ["a"], "diff": null}),
                json!({"kind": "commit", "time": "t", "id": "27", "author": "j", "title": "fix", "target": "repository", "attributes": {"files": ["a"]}}),
            ),
            (
                json!({"kind": "deploy", "time": "t", "service": "cart", "version": "v2", "commit_sha": "27"}),
                json!({"kind": "deploy", "time": "t", "target": "cart", "version": "v2", "attributes": {"service": "cart", "vcs.ref.head.revision": "27"}}),
            ),
            (
                json!({"kind": "flag", "flag": "persist", "service": "cart", "change": "off->on", "actor": "a"}),
                json!({"kind": "flag", "target": "persist", "author": "a", "attributes": {"service": "cart", "change": "off->on"}}),
            ),
            (
                json!({"kind": "release", "target": "a", "title": "x"}),
                json!({"kind": "release", "target": "a", "title": "x"}),
            ),
            (json!({"kind": "release"}), json!({"kind": "release"})),
        ] {
            assert_eq!(read(theirs.clone()), ours, "{theirs}");
        }
    }
}
