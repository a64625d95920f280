//! Our own shape: the columns of `changes` by name.

use super::{NewChange, plain, text, time};
use crate::nearest;
use serde_json::Value;

const FIELDS: [&str; 13] = [
    "kind",
    "target",
    "environment",
    "version",
    "previous_version",
    "status",
    "source",
    "author",
    "title",
    "url",
    "id",
    "time",
    "attributes",
];
/// Changes in one body.
const CHANGES_MAX: usize = 1_000;

/// One change or a list; `None` where it is not ours at all.
pub(super) fn read(value: &Value) -> Result<Option<Vec<NewChange>>, String> {
    match value {
        Value::Array(items) if items.len() > CHANGES_MAX => {
            Err(format!("the list has {} changes: at most {CHANGES_MAX}", items.len()))
        }
        Value::Array(items) if items.is_empty() => Ok(None),
        Value::Array(items) => {
            let read = items.iter().enumerate();
            let read = read.map(|(at, item)| match item.is_object() {
                true => change(item).map_err(|problem| format!("[{at}]: {problem}")),
                false => Err(format!("[{at}] is no object: write kind and target")),
            });
            read.collect::<Result<_, _>>().map(Some)
        }
        Value::Object(fields) if fields.contains_key("kind") || fields.contains_key("target") => {
            Ok(Some(vec![change(value)?]))
        }
        _ => Ok(None),
    }
}

fn change(value: &Value) -> Result<NewChange, String> {
    let value = &Value::Object(value.as_object().map(plain::in_our_words).unwrap_or_default());
    let fields = value.as_object().into_iter().flatten();
    for (name, field) in fields {
        if !FIELDS.contains(&name.as_str()) {
            return Err(match nearest(name, FIELDS) {
                Some(near) => format!("{name:?} is not known: did you mean {near:?}?"),
                None => format!("{name:?} is not known: put it into attributes"),
            });
        }
        let right = if name == "attributes" { field.is_object() } else { field.is_string() || field.is_number() };
        if !right && !field.is_null() {
            let wanted = if name == "attributes" { "an object" } else { "text" };
            return Err(format!("{name} is not {wanted}"));
        }
    }
    let need = |name: &str| text(value, name).ok_or_else(|| format!("{name} is missing: write kind and target"));
    let at = text(value, "time");
    let when = at.as_deref().map(|at| time(at).ok_or_else(|| format!("time is {at:?}: give RFC 3339"))).transpose()?;
    Ok(NewChange {
        time: when,
        kind: need("kind")?,
        target: need("target")?,
        environment: text(value, "environment"),
        version: text(value, "version"),
        previous_version: text(value, "previous_version"),
        status: text(value, "status"),
        source: text(value, "source").unwrap_or_else(|| "api".into()),
        author: text(value, "author"),
        title: text(value, "title"),
        url: text(value, "url"),
        id: text(value, "id"),
        attributes: value.get("attributes").and_then(Value::as_object).cloned().unwrap_or_default(),
    })
}
