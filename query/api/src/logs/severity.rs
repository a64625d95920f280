//! Severities by name and by number, as OpenTelemetry counts them: 1 to 24, four to a name.

use crate::{Problem, nearest};

const NAMES: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];

/// The least severity number of a parameter: `warn`, or a number from 1 to 24.
pub(crate) fn least(text: &str) -> Result<i64, Problem> {
    let name = text.to_ascii_lowercase();
    if let Some(at) = NAMES.iter().position(|n| *n == name) {
        return Ok(at as i64 * 4 + 1);
    }
    match text.parse() {
        Ok(number) if (1..=24).contains(&number) => Ok(number),
        _ => Err(Problem::invalid(match nearest(&name, NAMES) {
            Some(near) => format!("severity is {text:?}: did you mean {near:?}?"),
            None => format!("severity is {text:?}: one of {}, or a number from 1 to 24", NAMES.join(", ")),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_have_names_and_numbers() {
        for (text, number) in [("trace", 1), ("INFO", 9), ("warn", 13), ("Error", 17), ("fatal", 21), ("18", 18)] {
            assert_eq!(least(text), Ok(number), "{text}");
        }
        for text in ["0", "25", "loud", "", "wran"] {
            assert!(least(text).unwrap_err().detail().starts_with("severity"), "{text}");
        }
    }
}
