//! Label matchers as Alertmanager understands them: `=`, `!=`, `=~`, `!~`.
//!
//! It refuses to know what a match is for: silences, inhibition and routes all ask it. Invariant: a label
//! that is missing has the empty value, and a regular expression is anchored at both ends.

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Bytes a compiled expression may take: a matcher is short, and whoever writes it may be hostile.
pub const REGEX_BYTES: usize = 1 << 20;
/// Bytes of one matcher's name or value.
pub const MATCHER_BYTES: usize = 4096;
/// Matchers in one set.
pub const MATCHERS: usize = 64;

/// Why a matcher cannot be: the sender has to change it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MatcherError {
    #[error("expected NAME=VALUE, NAME!=VALUE, NAME=~REGEX or NAME!~REGEX, found `{0}`")]
    Syntax(String),
    #[error("a matcher needs the name of a label")]
    NoName,
    #[error("the regular expression `{0}` is not valid: {1}")]
    Regex(String, String),
    #[error("a quoted value does not end in `{0}`")]
    Quote(String),
    #[error("at most {MATCHERS} matchers, each of at most {MATCHER_BYTES} bytes")]
    TooLarge,
}

/// How a label is compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Comparison {
    Equal,
    NotEqual,
    Matches,
    MatchesNot,
}

impl Comparison {
    pub fn as_str(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "!=",
            Comparison::Matches => "=~",
            Comparison::MatchesNot => "!~",
        }
    }

    fn of(is_regex: bool, is_equal: bool) -> Self {
        match (is_regex, is_equal) {
            (false, true) => Comparison::Equal,
            (false, false) => Comparison::NotEqual,
            (true, true) => Comparison::Matches,
            (true, false) => Comparison::MatchesNot,
        }
    }
}

/// One condition on one label. Serialised as Alertmanager's `{name, value, isRegex, isEqual}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Matcher {
    name: String,
    comparison: Comparison,
    value: String,
    regex: Option<Regex>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    name: String,
    value: String,
    #[serde(default)]
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

impl TryFrom<Written> for Matcher {
    type Error = MatcherError;

    fn try_from(written: Written) -> Result<Self, MatcherError> {
        Matcher::new(written.name, Comparison::of(written.is_regex, written.is_equal), written.value)
    }
}

impl From<Matcher> for Written {
    fn from(matcher: Matcher) -> Self {
        Written {
            is_regex: matcher.regex.is_some(),
            is_equal: matches!(matcher.comparison, Comparison::Equal | Comparison::Matches),
            name: matcher.name,
            value: matcher.value,
        }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.comparison, &self.value) == (&other.name, other.comparison, &other.value)
    }
}

impl Eq for Matcher {}

impl Matcher {
    pub fn new(
        name: impl Into<String>,
        comparison: Comparison,
        value: impl Into<String>,
    ) -> Result<Self, MatcherError> {
        let (name, value) = (name.into(), value.into());
        if name.is_empty() {
            return Err(MatcherError::NoName);
        }
        if name.len() > MATCHER_BYTES || value.len() > MATCHER_BYTES {
            return Err(MatcherError::TooLarge);
        }
        let regex = match comparison {
            Comparison::Equal | Comparison::NotEqual => None,
            Comparison::Matches | Comparison::MatchesNot => Some(anchored(&value)?),
        };
        Ok(Self { name, comparison, value, regex })
    }

    /// `name="value"` without a fallible path: an equality always exists unless the name is empty.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Result<Self, MatcherError> {
        Self::new(name, Comparison::Equal, value)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn value(&self) -> &str {
        &self.value
    }

    pub fn comparison(&self) -> Comparison {
        self.comparison
    }

    /// Whether the label's value fits; a missing label is the empty text.
    pub fn fits(&self, value: &str) -> bool {
        let found = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => self.value == value,
        };
        found == matches!(self.comparison, Comparison::Equal | Comparison::Matches)
    }

    /// Reads one matcher: `name="value"`, `name=~value`, quotes optional.
    pub fn read(text: &str) -> Result<Self, MatcherError> {
        let text = text.trim();
        let syntax = || MatcherError::Syntax(text.to_owned());
        let at = text.find(['=', '!']).ok_or_else(syntax)?;
        let (name, rest) = text.split_at(at);
        let (comparison, value) = [
            ("=~", Comparison::Matches),
            ("!~", Comparison::MatchesNot),
            ("!=", Comparison::NotEqual),
            ("=", Comparison::Equal),
        ]
        .into_iter()
        .find_map(|(sign, comparison)| Some((comparison, rest.strip_prefix(sign)?)))
        .ok_or_else(syntax)?;
        Matcher::new(unquoted(name.trim())?, comparison, unquoted(value.trim())?)
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        write!(f, "{}{}\"{value}\"", self.name, self.comparison.as_str())
    }
}

fn anchored(pattern: &str) -> Result<Regex, MatcherError> {
    let wrong = |error: regex::Error| MatcherError::Regex(pattern.to_owned(), error.to_string());
    // Compiled alone first: `a)|(b` would be valid between our anchors only.
    RegexBuilder::new(pattern).size_limit(REGEX_BYTES).build().map_err(wrong)?;
    RegexBuilder::new(&format!("^(?s:{pattern})$")).size_limit(REGEX_BYTES).build().map_err(wrong)
}

fn unquoted(text: &str) -> Result<String, MatcherError> {
    let Some(inner) = text.strip_prefix('"') else { return Ok(text.to_owned()) };
    let mut value = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' if chars.as_str().is_empty() => return Ok(value),
            '"' => return Err(MatcherError::Syntax(text.to_owned())),
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(escaped @ ('"' | '\\')) => value.push(escaped),
                // An unknown escape is kept as it stands: `\.` of a regular expression.
                Some(other) => value.extend(['\\', other]),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err(MatcherError::Quote("\"".to_owned()))
}

/// Conditions that must all hold. The empty set fits everything.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Matchers(pub Vec<Matcher>);

impl Matchers {
    /// Whether all fit the labels that `label` knows.
    pub fn fit<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|matcher| matcher.fits(label(&matcher.name).unwrap_or_default()))
    }

    /// Whether one matcher at least refuses the empty text. A silence without one would silence all.
    pub fn is_selective(&self) -> bool {
        self.0.iter().any(|matcher| !matcher.fits(""))
    }

    /// Reads `{a="b",c=~"d"}` or the same without braces.
    pub fn read(text: &str) -> Result<Self, MatcherError> {
        let text = text.trim();
        let inner = match text.strip_prefix('{') {
            Some(rest) => rest.strip_suffix('}').ok_or_else(|| MatcherError::Syntax(text.to_owned()))?,
            None => text,
        };
        let mut matchers = Vec::new();
        for piece in pieces(inner) {
            if piece.trim().is_empty() {
                continue;
            }
            if matchers.len() == MATCHERS {
                return Err(MatcherError::TooLarge);
            }
            matchers.push(Matcher::read(piece)?);
        }
        Ok(Self(matchers))
    }
}

impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, matcher) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            matcher.fmt(f)?;
        }
        f.write_str("}")
    }
}

/// Splits at commas outside quotes.
fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                pieces.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces
}

/// One inhibition: while an alert that fits `source` fires, alerts that fit `target` and agree with it in the
/// labels of `equal` are held back.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Inhibition {
    pub source: Matchers,
    pub target: Matchers,
    #[serde(default)]
    pub equal: Vec<String>,
}

impl Inhibition {
    /// Whether a firing `source` holds back `target`. Labels missing on both sides agree. An alert that fits
    /// both sides is not held back by one that does too: it could hold back itself.
    pub fn holds<'a, 'b>(
        &self,
        source: impl Fn(&str) -> Option<&'a str> + Copy,
        target: impl Fn(&str) -> Option<&'b str> + Copy,
    ) -> bool {
        self.source.fit(source)
            && self.target.fit(target)
            && !(self.target.fit(source) && self.source.fit(target))
            && self.equal.iter().all(|name| source(name).unwrap_or_default() == target(name).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use proptest::prelude::*;

    type Labels<'a> = &'a [(&'a str, &'a str)];

    fn of<'a>(labels: Labels<'a>) -> impl Fn(&str) -> Option<&'a str> + Copy {
        move |name| labels.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    #[test]
    fn matchers_fit_as_alertmanager_has_it() {
        let labels: Labels<'_> = &[("service", "order"), ("env", "prod")];
        for (text, fits) in [
            (r#"{service="order"}"#, true),
            (r#"service="order", env!="test""#, true),
            ("service=order", true),
            (r#"{service=~"ord"}"#, false),
            (r#"{service=~"ord.*|pay"}"#, true),
            (r#"{service!~"ord.*"}"#, false),
            (r#"{missing=""}"#, true),
            (r#"{missing!=""}"#, false),
            (r#"{missing=~".*"}"#, true),
            (r#"{missing=~".+"}"#, false),
            (r#"{missing!="x"}"#, true),
            ("{}", true),
        ] {
            assert_eq!(Matchers::read(text).unwrap().fit(of(labels)), fits, "{text}");
        }
    }

    #[test]
    fn a_matcher_that_cannot_be_says_why() {
        for (text, want) in [
            ("service", "expected NAME=VALUE"),
            (r#"="x""#, "name of a label"),
            (r#"{a=~"("}"#, "not valid"),
            (r#"{a=~"a)|(b"}"#, "not valid"),
            (r#"{a=~"(x{500}){500}"}"#, "not valid"),
            (r#"{a="b"#, "expected NAME=VALUE"),
            (r#"a="b"#, "does not end"),
        ] {
            let error = Matchers::read(text).unwrap_err().to_string();
            assert!(error.contains(want), "{text}: {error}");
        }
        assert_eq!(Matchers::read(&"a=b,".repeat(MATCHERS + 1)), Err(MatcherError::TooLarge));
    }

    #[test]
    fn a_matcher_is_written_as_alertmanager_writes_it() {
        let matcher = Matcher::new("service", Comparison::MatchesNot, "a|b").unwrap();
        let written = serde_json::json!({"name": "service", "value": "a|b", "isRegex": true, "isEqual": false});
        assert_eq!(serde_json::to_value(&matcher).unwrap(), written);
        assert_eq!(serde_json::from_value::<Matcher>(written).unwrap(), matcher);
        let old = serde_json::json!({"name": "service", "value": "a", "isRegex": false});
        assert_eq!(serde_json::from_value::<Matcher>(old).unwrap().comparison(), Comparison::Equal);
    }

    #[test]
    fn only_a_set_that_refuses_something_is_selective() {
        assert!(Matchers::read(r#"a="b""#).unwrap().is_selective());
        assert!(!Matchers::read(r#"a=~".*",b!="x""#).unwrap().is_selective());
        assert!(!Matchers::default().is_selective());
    }

    #[test]
    fn inhibition_asks_for_equal_labels_and_spares_itself() {
        let rule = Inhibition {
            source: Matchers::read("severity=critical").unwrap(),
            target: Matchers::read("severity=~critical|warning").unwrap(),
            equal: vec!["cluster".to_owned(), "zone".to_owned()],
        };
        let source: Labels<'_> = &[("severity", "critical"), ("cluster", "a")];
        let target: Labels<'_> = &[("severity", "warning"), ("cluster", "a")];
        let other: Labels<'_> = &[("severity", "warning"), ("cluster", "b")];
        assert!(rule.holds(of(source), of(target)));
        assert!(!rule.holds(of(source), of(other)), "cluster differs");
        assert!(!rule.holds(of(source), of(source)), "it fits both sides");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(name in "[a-z_]{1,8}", value in "\\PC{0,20}", negative: bool) {
            let comparison = if negative { Comparison::NotEqual } else { Comparison::Equal };
            let set = Matchers(vec![Matcher::new(name, comparison, value).unwrap()]);
            prop_assert_eq!(Matchers::read(&set.to_string()).unwrap(), set);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = Matchers::read(&text);
        }
    }
}
