//! The table that a measurement ends in: axis, goal, figure, verdict.

use serde::Serialize;
use std::fmt;

/// What a figure is held against.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "value")]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// Exactly this (answers, row counts).
    Equal(f64),
    /// A figure without a goal: context for the others.
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Met,
    Missed,
    Context,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Row {
    pub axis: String,
    pub unit: &'static str,
    pub goal: Goal,
    pub figure: f64,
    pub verdict: Verdict,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    pub subject: &'static str,
    /// The workload and the machine, in a sentence.
    pub workload: String,
    pub machine: String,
    pub rows: Vec<Row>,
}

impl Row {
    pub fn new(axis: impl Into<String>, unit: &'static str, goal: Goal, figure: f64) -> Self {
        Self { axis: axis.into(), unit, goal, figure, verdict: goal.verdict(figure) }
    }
}

impl Goal {
    pub fn verdict(self, figure: f64) -> Verdict {
        let met = match self {
            Goal::AtMost(goal) => figure <= goal,
            Goal::AtLeast(goal) => figure >= goal,
            Goal::Equal(goal) => figure == goal,
            Goal::None => return Verdict::Context,
        };
        if met { Verdict::Met } else { Verdict::Missed }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::AtMost(v) => write!(f, "<= {v}"),
            Goal::AtLeast(v) => write!(f, ">= {v}"),
            Goal::Equal(v) => write!(f, "= {v}"),
            Goal::None => Ok(()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "bench {}: {}\n{}\n", self.subject, self.workload, self.machine)?;
        let width = self.rows.iter().map(|r| r.axis.chars().count()).max().unwrap_or(0).max(4);
        writeln!(f, "{:width$}  {:>14}  {:>14}  {:12}  verdict", "axis", "goal", "figure", "unit")?;
        for row in &self.rows {
            let verdict = match row.verdict {
                Verdict::Met => "met",
                Verdict::Missed => "MISSED",
                Verdict::Context => "",
            };
            let line = format!(
                "{:width$}  {:>14}  {:>14}  {:12}  {verdict}",
                row.axis,
                row.goal.to_string(),
                figure_text(row.figure),
                row.unit
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Three significant digits for small figures, whole numbers for large ones.
fn figure_text(v: f64) -> String {
    match v.abs() {
        a if a >= 1000.0 || v.fract() == 0.0 => format!("{v:.0}"),
        a if a >= 10.0 => format!("{v:.1}"),
        a if a >= 0.01 => format!("{v:.3}"),
        _ => format!("{v:.6}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_follows_from_goal_and_figure() {
        for (goal, figure, verdict) in [
            (Goal::AtMost(3.1), 3.1, Verdict::Met),
            (Goal::AtMost(3.1), 3.11, Verdict::Missed),
            (Goal::AtLeast(2.0), 1.9, Verdict::Missed),
            (Goal::Equal(59.0), 59.0, Verdict::Met),
            (Goal::None, 7.0, Verdict::Context),
        ] {
            assert_eq!(goal.verdict(figure), verdict, "{goal} {figure}");
        }
    }

    #[test]
    fn the_table_shows_axis_goal_figure_and_verdict() {
        let report = Report {
            subject: "ingest",
            workload: "10 spans".into(),
            machine: "one core".into(),
            rows: vec![Row::new("spans", "CPU-s/M", Goal::AtMost(3.1), 4.25), Row::new("items", "", Goal::None, 10.0)],
        };
        assert_eq!(
            report.to_string(),
            "bench ingest: 10 spans\none core\n\n\
             axis             goal          figure  unit          verdict\n\
             spans          <= 3.1           4.250  CPU-s/M       MISSED\n\
             items                              10\n"
        );
    }
}
