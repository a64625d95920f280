//! Attributes of two spans that match: what was added, taken away, or changed.

use std::collections::BTreeMap;

/// One key whose value is not the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttributeChange {
    pub key: String,
    /// None where the span does not have the key.
    pub a: Option<String>,
    pub b: Option<String>,
}

/// By key. Of a key that was sent twice the first value counts, as for whoever reads by key.
pub fn changed_attributes<'t>(
    a: impl IntoIterator<Item = (&'t str, &'t str)>,
    b: impl IntoIterator<Item = (&'t str, &'t str)>,
) -> Vec<AttributeChange> {
    let (a, b) = (first_values(a), first_values(b));
    let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
    let mut changes: Vec<AttributeChange> = keys
        .filter(|key| a.get(*key) != b.get(*key))
        .map(|key| {
            let value = |of: &BTreeMap<&str, &str>| of.get(key).map(|v| (*v).to_owned());
            AttributeChange { key: (*key).to_owned(), a: value(&a), b: value(&b) }
        })
        .collect();
    changes.sort_by(|x, y| x.key.cmp(&y.key));
    changes
}

fn first_values<'t>(pairs: impl IntoIterator<Item = (&'t str, &'t str)>) -> BTreeMap<&'t str, &'t str> {
    let mut values = BTreeMap::new();
    for (key, value) in pairs {
        values.entry(key).or_insert(value);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let changes = changed_attributes(
            [("route", "/a"), ("code", "200"), ("gone", "x"), ("code", "500")],
            [("new", "y"), ("code", "200"), ("route", "/b")],
        );
        let drawn: Vec<_> = changes.iter().map(|c| (c.key.as_str(), c.a.as_deref(), c.b.as_deref())).collect();
        assert_eq!(drawn, [("gone", Some("x"), None), ("new", None, Some("y")), ("route", Some("/a"), Some("/b"))]);
    }
}
