//! Reads the fields of one map and writes down all that is wrong with them.

use crate::problem::nearest;
use crate::tree::{Node, Value};
use crate::units;
use crate::{Glob, Problem};
use std::collections::BTreeMap;
use std::time::Duration;

/// Problems of one text; more are counted, not listed.
const PROBLEMS_MAX: usize = 100;
/// Entries of one list or map, and bytes of one text.
pub(crate) const LIST_MAX: usize = 64;
pub(crate) const TEXT_MAX: usize = 16_384;

/// All problems so far.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    pub(crate) list: Vec<Problem>,
    pub(crate) unlisted: usize,
}

impl Problems {
    pub(crate) fn add(&mut self, node: Option<&Node>, at: &str, what: impl Into<String>) {
        if self.list.len() >= PROBLEMS_MAX {
            self.unlisted += 1;
            return;
        }
        let (line, column) = node.and_then(|node| node.place).unzip();
        self.list.push(Problem { line, column, at: at.to_owned(), what: what.into() });
    }

    pub(crate) fn count(&self) -> usize {
        self.list.len() + self.unlisted
    }
}

/// One map under reading. Every field that is known is asked for once; [`Fields::finish`] refuses the rest.
#[derive(Debug)]
pub(crate) struct Fields<'n, 'p> {
    node: &'n Node,
    at: String,
    known: Vec<&'static str>,
    pub(crate) problems: &'p mut Problems,
}

impl<'n, 'p> Fields<'n, 'p> {
    /// A node that is no map is a problem and reads as an empty one.
    pub(crate) fn of(node: &'n Node, at: impl Into<String>, problems: &'p mut Problems) -> Self {
        let at = at.into();
        if !matches!(node.value, Value::Map(_) | Value::Nothing) {
            problems.add(Some(node), &at, format!("is {}: write a map of fields", node.value.kind()));
        }
        Self { node, at, known: Vec::new(), problems }
    }

    pub(crate) fn path(&self, field: &str) -> String {
        if self.at.is_empty() { field.to_owned() } else { format!("{}.{field}", self.at) }
    }

    pub(crate) fn node(&mut self, field: &'static str) -> Option<&'n Node> {
        self.known.push(field);
        self.node.get(field).filter(|node| !matches!(node.value, Value::Nothing))
    }

    pub(crate) fn wrong(&mut self, field: &str, what: impl Into<String>) {
        let path = self.path(field);
        let node = self.node.get(field).unwrap_or(self.node);
        self.problems.add(Some(node), &path, what);
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Option<String> {
        let node = self.node(field)?;
        match node.scalar() {
            Some(text) if text.len() <= TEXT_MAX && !text.trim().is_empty() => Some(text),
            Some(text) if text.len() > TEXT_MAX => {
                self.wrong(field, format!("{} bytes long; at most {TEXT_MAX}", text.len()));
                None
            }
            Some(_) => {
                self.wrong(field, "is empty: leave it out or write something");
                None
            }
            None => {
                self.wrong(field, format!("is {}: write a text", node.value.kind()));
                None
            }
        }
    }

    pub(crate) fn needed(&mut self, field: &'static str, example: &str) -> String {
        let is_there = self.node.get(field).is_some_and(|node| !matches!(node.value, Value::Nothing));
        if !is_there {
            let path = self.path(field);
            self.problems.add(Some(self.node), &path, format!("is missing: write {field}: {example}"));
        }
        self.text(field).unwrap_or_default()
    }

    pub(crate) fn bool(&mut self, field: &'static str, default: bool) -> bool {
        match self.node(field).map(|node| &node.value) {
            None => default,
            Some(Value::Bool(bool)) => *bool,
            Some(other) => {
                let kind = other.kind();
                self.wrong(field, format!("is {kind}: write true or false"));
                default
            }
        }
    }

    /// A plain number.
    pub(crate) fn number(&mut self, field: &'static str) -> Option<f64> {
        let node = self.node(field)?;
        match &node.value {
            Value::Number(number) if number.is_finite() => Some(*number),
            other => {
                let kind = other.kind();
                self.wrong(field, format!("is {kind}: write a number"));
                None
            }
        }
    }

    /// `5%` or 0.05.
    pub(crate) fn share(&mut self, field: &'static str) -> Option<f64> {
        let node = self.node(field)?;
        let share = match &node.value {
            Value::Number(number) => Some(*number),
            Value::Text(text) => {
                text.trim().strip_suffix('%').and_then(|n| n.trim().parse().ok()).map(|n: f64| n / 100.0)
            }
            _ => None,
        };
        match share {
            Some(share) if (0.0..=1.0).contains(&share) => Some(share),
            Some(_) => {
                self.wrong(field, "is not between 0 and 1: write a share such as 5% or 0.05");
                None
            }
            None => {
                self.wrong(field, "is not a share: write 5% or 0.05");
                None
            }
        }
    }

    /// A duration between two bounds.
    pub(crate) fn duration(&mut self, field: &'static str, default: Duration, from: &str, to: &str) -> Duration {
        self.optional_duration(field, from, to).unwrap_or(default)
    }

    pub(crate) fn optional_duration(&mut self, field: &'static str, from: &str, to: &str) -> Option<Duration> {
        let node = self.node(field)?;
        let Some(duration) = node.scalar().and_then(|text| units::duration(&text)) else {
            self.wrong(field, format!("is not a duration: write a number and a unit, such as {from}"));
            return None;
        };
        let (least, most) = (units::duration(from).unwrap_or_default(), units::duration(to).unwrap_or(Duration::MAX));
        if duration < least || duration > most {
            self.wrong(field, format!("is not between {from} and {to}"));
            return None;
        }
        Some(duration)
    }

    /// One of the given names.
    pub(crate) fn one_of<T: Copy>(&mut self, field: &'static str, names: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(field)?;
        if let Some((_, value)) = names.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        let near = nearest(&text, &known).map(|name| format!("; did you mean {name}?")).unwrap_or_default();
        self.wrong(field, format!("is {text:?}: write one of {}{near}", known.join(", ")));
        None
    }

    /// One text or a list of texts.
    pub(crate) fn texts(&mut self, field: &'static str) -> Vec<String> {
        let Some(node) = self.node(field) else { return Vec::new() };
        let nodes: Vec<&Node> = match &node.value {
            Value::List(items) => items.iter().collect(),
            _ => vec![node],
        };
        if nodes.len() > LIST_MAX {
            self.wrong(field, format!("has {} entries; at most {LIST_MAX}", nodes.len()));
            return Vec::new();
        }
        let mut texts = Vec::new();
        for node in nodes {
            match node.scalar() {
                Some(text) if text.len() <= 256 => texts.push(text),
                _ => {
                    let path = self.path(field);
                    self.problems.add(Some(node), &path, "is not a text of at most 256 bytes, or a list of such");
                }
            }
        }
        texts
    }

    pub(crate) fn globs(&mut self, field: &'static str) -> Vec<Glob> {
        self.texts(field).into_iter().map(Glob::new).collect()
    }

    /// A map of texts.
    pub(crate) fn map(&mut self, field: &'static str) -> BTreeMap<String, String> {
        let Some(node) = self.node(field) else { return BTreeMap::new() };
        let Value::Map(entries) = &node.value else {
            self.wrong(field, format!("is {}: write a map of names and texts", node.value.kind()));
            return BTreeMap::new();
        };
        if entries.len() > LIST_MAX {
            self.wrong(field, format!("has {} entries; at most {LIST_MAX}", entries.len()));
            return BTreeMap::new();
        }
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            match (key.scalar(), value.scalar()) {
                (Some(name), Some(text)) if !name.is_empty() && name.len() <= 128 && text.len() <= 4_096 => {
                    map.insert(name, text);
                }
                _ => {
                    let path = self.path(field);
                    self.problems.add(Some(key), &path, "an entry is not a name of 1 to 128 bytes and a text");
                }
            }
        }
        map
    }

    /// Refuses every field that was not asked for.
    pub(crate) fn finish(mut self) {
        self.refuse_unknown();
    }

    /// Likewise, for a reader that was only lent the fields.
    pub(crate) fn refuse_unknown(&mut self) {
        let Value::Map(entries) = &self.node.value else { return };
        for (key, _) in entries {
            let name = key.scalar().unwrap_or_default();
            if self.known.iter().any(|known| *known == name) {
                continue;
            }
            let what = match nearest(&name, &self.known) {
                Some(near) => format!("is not known; did you mean {near}?"),
                None => format!("is not known; known are {}", self.known.join(", ")),
            };
            let path = self.path(&name.chars().take(64).collect::<String>());
            self.problems.add(Some(key), &path, what);
        }
    }
}
