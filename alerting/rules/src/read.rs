//! Text to checked rules: everything that is wrong is said at once, and what is right beside it is kept.

mod conditions;

use crate::fields::{Fields, LIST_MAX, Problems};
use crate::tree::{self, Node, Value};
use crate::{Glob, Problem, Rule, Selector, Severity};
use model::Bilingual;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Rules of one text.
pub(crate) const RULES_MAX: usize = 1_000;
const NAME_BYTES_MAX: usize = 128;

/// What a text gave.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub rules: Vec<Rule>,
    /// In the order of the text.
    pub problems: Vec<Problem>,
    /// Problems beyond the first 100.
    pub unlisted: usize,
}

impl Rules {
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Reads a YAML file: a map with `rules`, a list of rules, or one rule.
pub fn read_yaml(text: &str) -> Rules {
    match tree::read(text) {
        Ok(root) => read_root(&root),
        Err(problem) => Rules { problems: vec![problem], ..Rules::default() },
    }
}

/// Reads JSON text of the same shape; JSON is YAML, so places are told as well.
pub fn read_json(text: &str) -> Rules {
    read_yaml(text)
}

/// Reads what has been parsed already; problems have no lines then.
pub fn read_value(value: &serde_json::Value) -> Rules {
    read_root(&Node::from_json(value))
}

fn read_root(root: &Node) -> Rules {
    let mut problems = Problems::default();
    let mut rules: Vec<Rule> = Vec::new();
    let mut names = BTreeSet::new();
    for (index, node) in rule_nodes(root, &mut problems).into_iter().enumerate() {
        if index == RULES_MAX {
            problems.add(Some(node), "", format!("more than {RULES_MAX} rules: split the file"));
            break;
        }
        let before = problems.count();
        let rule = rule(node, index, &mut problems);
        if problems.count() > before {
            continue;
        }
        if !names.insert(rule.name.clone()) {
            problems.add(node.get("name"), &rule.name, "is the name of another rule above: names are unique");
            continue;
        }
        rules.push(rule);
    }
    Rules { rules, problems: problems.list, unlisted: problems.unlisted }
}

fn rule_nodes<'n>(root: &'n Node, problems: &mut Problems) -> Vec<&'n Node> {
    match &root.value {
        Value::Nothing => Vec::new(),
        Value::List(items) => items.iter().collect(),
        Value::Map(_) if root.get("kind").is_some() || root.get("name").is_some() => vec![root],
        Value::Map(_) => {
            let mut fields = Fields::of(root, "", problems);
            let listed = match fields.node("rules").map(|node| (node, &node.value)) {
                Some((_, Value::List(items))) => items.iter().collect(),
                Some((_, other)) => {
                    let kind = other.kind();
                    fields.wrong("rules", format!("is {kind}: write a list of rules"));
                    Vec::new()
                }
                None => Vec::new(),
            };
            // Test cases may stand in the same file; `rules test` reads them.
            fields.node("tests");
            fields.finish();
            listed
        }
        other => {
            problems.add(Some(root), "", format!("is {}: write a map with a list named rules", other.kind()));
            Vec::new()
        }
    }
}

fn rule(node: &Node, index: usize, problems: &mut Problems) -> Rule {
    let named = node.get("name").and_then(Node::scalar).filter(|name| !name.is_empty());
    let at = named.map_or_else(|| format!("rules[{index}]"), |name| name.chars().take(64).collect());
    let mut fields = Fields::of(node, at, problems);
    let name = fields.needed("name", "order-errors");
    if name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        fields.wrong("name", format!("is longer than {NAME_BYTES_MAX} bytes or has control characters"));
    }
    let kind = fields.needed("kind", "red");
    let selector = fields.node("selector").map(|node| selector(node, fields.path("selector"), fields.problems));
    let condition = conditions::read(&kind, &mut fields);
    let (hold, keep, every) = conditions::pace(&condition);
    let seconds = Duration::from_secs;
    let rule = Rule {
        name,
        selector: selector.unwrap_or_default(),
        hold: fields.duration("for", hold, "0s", "7d"),
        keep_firing: fields.duration("keep_firing", keep, "0s", "7d"),
        every: fields.duration("every", every, "5s", "1d").max(seconds(5)),
        severity: fields
            .one_of("severity", &Severity::ALL.iter().map(|s| (s.as_str(), *s)).collect::<Vec<_>>())
            .unwrap_or(Severity::Medium),
        labels: labels(&mut fields),
        summary: bilingual(&mut fields, "summary"),
        annotations: fields.map("annotations"),
        runbook: link(&mut fields),
        owner: fields.text("owner"),
        enabled: fields.bool("enabled", true),
        condition,
        written: node.to_json(),
        revision: String::new(),
    };
    fields.finish();
    Rule { revision: Rule::revision_of(&rule.written), ..rule }
}

fn labels(fields: &mut Fields<'_, '_>) -> BTreeMap<String, String> {
    let labels = fields.map("labels");
    for reserved in ["alertname", "severity", "rule"] {
        if labels.contains_key(reserved) {
            fields.wrong("labels", format!("names {reserved}, which the rule sets itself: leave it out"));
        }
    }
    labels
}

fn link(fields: &mut Fields<'_, '_>) -> Option<String> {
    let link = fields.text("runbook")?;
    if link.starts_with("https://") || link.starts_with("http://") {
        return Some(link);
    }
    fields.wrong("runbook", "is not a link: write one that begins with https://");
    None
}

/// One text for both languages, or a map of `en` and `zh`; one of the two stands for the other.
fn bilingual(fields: &mut Fields<'_, '_>, field: &'static str) -> Option<Bilingual> {
    let node = fields.node(field)?;
    if let Some(text) = node.scalar() {
        return Some(Bilingual::new(text.clone(), text));
    }
    let path = fields.path(field);
    let mut inner = Fields::of(node, path, fields.problems);
    let (en, zh) = (inner.text("en"), inner.text("zh"));
    inner.finish();
    let (first, second) = (en.clone().or_else(|| zh.clone())?, zh.or(en)?);
    Some(Bilingual::new(first, second))
}

fn selector(node: &Node, at: String, problems: &mut Problems) -> Selector {
    let mut fields = Fields::of(node, at, problems);
    let selector = Selector {
        environment: fields.globs("environment"),
        namespace: fields.globs("namespace"),
        lane: fields.globs("lane"),
        service: fields.globs("service"),
        operation: fields.globs("operation"),
        peer: fields.globs("peer"),
    };
    fields.finish();
    let lists: [&[Glob]; 6] = [
        &selector.environment,
        &selector.namespace,
        &selector.lane,
        &selector.service,
        &selector.operation,
        &selector.peer,
    ];
    debug_assert!(lists.iter().all(|list| list.len() <= LIST_MAX));
    selector
}

#[cfg(test)]
mod tests;
