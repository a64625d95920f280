//! Spans of time as people write them: `30s`, `5m`, `1h30m`, `4h`, `7d`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::Duration;

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A span of whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Period(pub Duration);

impl Period {
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Reads `1h30m`; at most a year.
    pub fn read(text: &str) -> Option<Self> {
        let (mut total, mut digits) = (0_u64, String::new());
        for c in text.trim().chars() {
            if c.is_ascii_digit() {
                digits.push(c);
                continue;
            }
            let unit = UNITS.iter().find(|(unit, _)| *unit == c)?.1;
            total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(unit)?)?;
            digits.clear();
        }
        (digits.is_empty() && !text.trim().is_empty() && total <= 366 * 86_400).then_some(Self::seconds(total))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0.as_secs();
        if left == 0 {
            return f.write_str("0s");
        }
        for (unit, seconds) in UNITS {
            if left >= seconds {
                write!(f, "{}{unit}", left / seconds)?;
                left %= seconds;
            }
        }
        Ok(())
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Period::read(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no span of time: write 30s, 5m, 1h30m or 7d")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_read_as_it_is_written() {
        for (text, seconds) in [("30s", 30), ("1h30m", 5400), ("7d", 604_800), ("0s", 0)] {
            let period = Period::seconds(seconds);
            assert_eq!(Period::read(text), Some(period), "{text}");
            assert_eq!(period.to_string(), text);
        }
        for text in ["", "5", "m", "5x", "-5m", "5 m", "99999999999999999999d", "400d"] {
            assert_eq!(Period::read(text), None, "{text}");
        }
    }
}
