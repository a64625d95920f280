//! How bad: four grades, whatever the sender calls them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Ordered from harmless to worst.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    #[default]
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const ALL: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// One grade less.
    pub fn lower(self) -> Self {
        match self {
            Severity::Critical => Severity::High,
            Severity::High => Severity::Medium,
            Severity::Medium | Severity::Low => Severity::Low,
        }
    }

    /// The grade in Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Severity::Low => "低",
            Severity::Medium => "中",
            Severity::High => "高",
            Severity::Critical => "紧急",
        }
    }

    /// Reads what senders write: Prometheus' customs, P1 and SEV1, Zabbix' and syslog's words.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > 16 {
            return None;
        }
        Some(match text.to_ascii_lowercase().as_str() {
            "critical" | "crit" | "fatal" | "page" | "emergency" | "emerg" | "disaster" | "blocker" | "p0" | "p1"
            | "sev0" | "sev1" | "s1" | "紧急" | "严重" => Severity::Critical,
            "high" | "error" | "err" | "major" | "alert" | "p2" | "sev2" | "s2" | "高" | "重要" => Severity::High,
            "medium" | "warning" | "warn" | "average" | "minor" | "p3" | "sev3" | "s3" | "中" | "警告" => {
                Severity::Medium
            }
            "low" | "info" | "information" | "informational" | "notice" | "none" | "debug" | "ok" | "p4" | "p5"
            | "sev4" | "sev5" | "s4" | "低" | "提示" => Severity::Low,
            _ => return None,
        })
    }

    /// The grade of a loss of experience: the share of calls lost, weighted by the importance of who lost them
    /// (1 is an ordinary customer).
    pub fn of_loss(weighted_share: f64) -> Self {
        match weighted_share {
            loss if loss >= 0.20 => Severity::Critical,
            loss if loss >= 0.05 => Severity::High,
            loss if loss >= 0.005 => Severity::Medium,
            _ => Severity::Low,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_senders_write_is_understood() {
        for (text, want) in [
            ("critical", Some(Severity::Critical)),
            ("Page", Some(Severity::Critical)),
            (" P2 ", Some(Severity::High)),
            ("warning", Some(Severity::Medium)),
            ("严重", Some(Severity::Critical)),
            ("info", Some(Severity::Low)),
            ("", None),
            ("42", None),
        ] {
            assert_eq!(Severity::read(text), want, "{text}");
        }
        for severity in Severity::ALL {
            assert_eq!(Severity::read(severity.as_str()), Some(severity));
        }
    }

    #[test]
    fn more_loss_is_never_less_severe() {
        let grades = [0.0, 0.004, 0.01, 0.06, 0.3, 5.0].map(Severity::of_loss);
        assert!(grades.is_sorted());
        assert_eq!((grades[0], grades[5]), (Severity::Low, Severity::Critical));
        assert_eq!(Severity::of_loss(f64::NAN), Severity::Low);
    }
}
