//! Which telemetry a rule looks at.
//!
//! Without a lane only production counts: load tests, grey and other lanes never ring unless a rule names them.

use crate::Labels;

/// Names of lanes that are production. Telemetry that names no lane has the empty one.
pub(crate) const PRODUCTION: &[&str] = &["", "production", "prod", "main", "default", "base", "baseline", "stable"];

/// A name, with `*` for any letters and `?` for one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Glob {
    text: String,
    is_plain: bool,
}

impl Glob {
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { is_plain: !text.contains(['*', '?']), text }
    }

    /// This very name, whatever letters it has.
    pub fn exactly(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_plain: true }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Whether a name fits. Linear in both lengths for each star.
    pub fn matches(&self, name: &str) -> bool {
        if self.is_plain {
            return self.text == name;
        }
        let (pattern, name): (Vec<char>, Vec<char>) = (self.text.chars().collect(), name.chars().collect());
        let (mut p, mut n) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while n < name.len() {
            if p < pattern.len() && pattern[p] == '*' {
                star = Some((p, n));
                p += 1;
            } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) {
                (p, n) = (p + 1, n + 1);
            } else if let Some((at, taken)) = star {
                (p, n) = (at + 1, taken + 1);
                star = Some((at, taken + 1));
            } else {
                return false;
            }
        }
        pattern[p..].iter().all(|c| *c == '*')
    }
}

/// Which telemetry: each list is empty (any) or names what may be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selector {
    pub environment: Vec<Glob>,
    pub namespace: Vec<Glob>,
    /// Empty: production. `*`: all.
    pub lane: Vec<Glob>,
    pub service: Vec<Glob>,
    pub operation: Vec<Glob>,
    /// The called side of an edge: database, queue, third party.
    pub peer: Vec<Glob>,
}

impl Selector {
    /// Whether a series belongs. A label that is absent counts as the empty text; a list for a label that the
    /// series of this kind of rule do not have excludes them.
    pub fn matches(&self, labels: &Labels) -> bool {
        let label = |name: &str| labels.get(name).map_or("", String::as_str);
        let fits = |globs: &[Glob], name: &str| globs.is_empty() || globs.iter().any(|glob| glob.matches(label(name)));
        let lane = match self.lane.is_empty() {
            true => PRODUCTION.contains(&label("lane")),
            false => fits(&self.lane, "lane"),
        };
        lane && fits(&self.environment, "environment")
            && fits(&self.namespace, "namespace")
            && fits(&self.service, "service")
            && fits(&self.operation, "operation")
            && fits(&self.peer, "peer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_glob_fits_as_a_shell_would() {
        for (glob, name, fits) in [
            ("order", "order", true),
            ("order", "orders", false),
            ("order*", "orders", true),
            ("*", "", true),
            ("*dlq*", "kafka/orders-dlq-1", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("POST /orders/*", "POST /orders/7", true),
            ("支付*", "支付服务", true),
        ] {
            assert_eq!(Glob::new(glob).matches(name), fits, "{glob} on {name}");
        }
    }

    #[test]
    fn other_lanes_count_only_when_they_are_named() {
        let any = Selector::default();
        assert!(any.matches(&labels(&[("service", "a")])));
        assert!(any.matches(&labels(&[("lane", "prod")])));
        assert!(!any.matches(&labels(&[("lane", "load-test")])));
        assert!(!any.matches(&labels(&[("lane", "true")])), "load_test=true is a lane named true");
        let named = Selector { lane: vec![Glob::new("load-*")], ..Selector::default() };
        assert!(named.matches(&labels(&[("lane", "load-test")])));
        assert!(!named.matches(&labels(&[])));
    }
}
