//! What is wrong with the text of a rule, and what would be right.

use serde::Serialize;
use std::fmt;

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    /// From 1; `None` where the text came without places.
    pub line: Option<u64>,
    pub column: Option<u64>,
    /// Which rule and field: `order-errors.condition.above`.
    pub at: String,
    /// The sentence: what is wrong, what would be right.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "line {line}, column {column}: ")?;
        }
        if !self.at.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        f.write_str(&self.what)
    }
}

/// Why something that was asked of this crate cannot be done. Each asks the caller to fix the input.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error("the stored state of a rule does not read: {0}")]
    State(#[from] serde_json::Error),
    #[error("{0}")]
    Range(String),
}

/// The known name that is nearest to a wrong one, if any is near.
pub(crate) fn nearest<'k>(wrong: &str, known: &[&'k str]) -> Option<&'k str> {
    let best = known.iter().map(|name| (distance(wrong, name), *name)).min()?;
    (best.0 <= wrong.chars().count().max(3) / 3 + 1).then_some(best.1)
}

/// Letters to insert, remove or replace. Names longer than 64 letters are far from everything.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        let known = ["severity", "selector", "summary", "for"];
        assert_eq!(nearest("severty", &known), Some("severity"));
        assert_eq!(nearest("selektor", &known), Some("selector"));
        assert_eq!(nearest("colour_of_the_sky", &known), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), &known), None);
    }
}
