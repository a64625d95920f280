//! The rules that are on after install. They ask only for telemetry by the names of the semantic conventions, and
//! are silent where there is none.

use crate::{Rule, Rules, read_yaml};

/// The pack as it is read by people: commented YAML.
pub const TEXT: &str = include_str!("pack/default.yaml");

/// The rules of the pack.
pub fn rules() -> Vec<Rule> {
    let Rules { rules, .. } = read_yaml(TEXT);
    rules
}

#[cfg(test)]
mod tests;
