//! Shares over many cases, as tables for a terminal and for a document.

use super::verdict::{Answer, Outcome, Quiet};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Shares of cases whose true root service is among the first causes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    pub cases: usize,
    pub as1: f64,
    pub as3: f64,
    pub as5: f64,
}

/// One case that was played.
#[derive(Clone, Debug, Serialize)]
pub struct PlayedCase {
    pub case: String,
    pub system: String,
    pub fault: String,
    pub held_back: bool,
    #[serde(flatten)]
    pub answer: Answer,
}

/// One system.
#[derive(Clone, Debug, Serialize)]
pub struct System {
    pub system: String,
    #[serde(flatten)]
    pub all: Score,
    /// The half that rules may be made on, and the half that is held back.
    pub tuned: Score,
    pub held_back: Score,
    /// By type of fault.
    pub by_fault: BTreeMap<String, Score>,
    /// Cases without any incident.
    pub missed: usize,
    /// Of changes: innocent ones that were convicted.
    pub innocent_convicted: usize,
}

/// All systems that were found in the folder.
#[derive(Clone, Debug, Serialize)]
pub struct RcaReport {
    pub systems: Vec<System>,
    /// Baselines that were played by themselves.
    pub baselines: usize,
    /// Incidents opened on them that no labelled fault is behind: when and what.
    pub false_incidents: Vec<String>,
    /// Incidents opened on them in the time of a labelled fault: some baselines hold faults.
    pub baseline_faults: usize,
    pub cases: Vec<PlayedCase>,
}

impl RcaReport {
    pub(super) fn new(mut cases: Vec<PlayedCase>, quiet: Vec<Quiet>) -> Self {
        cases.sort_by(|a, b| (&a.system, &a.case).cmp(&(&b.system, &b.case)));
        let names: BTreeSet<&str> = cases.iter().map(|case| case.system.as_str()).collect();
        let systems = names.into_iter().map(|name| system(name, &cases)).collect();
        Self {
            systems,
            baselines: quiet.len(),
            baseline_faults: quiet.iter().map(|quiet| quiet.of_faults).sum(),
            false_incidents: quiet.into_iter().flat_map(|quiet| quiet.false_incidents).collect(),
            cases,
        }
    }

    /// The table for a document, in Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "| set, through the server: OTLP in, incident out | cases | @1 | @3 | half tuned on, @1 / @3 | half held back, @1 / @3 | no incident |\n|---|---|---|---|---|---|---|\n",
        );
        for system in &self.systems {
            let pair = |score: &Score| format!("{} / {} % of {}", percent(score.as1), percent(score.as3), score.cases);
            text += &format!(
                "| {} | {} | {} % | {} % | {} | {} | {} |\n",
                system.system,
                system.all.cases,
                percent(system.all.as1),
                percent(system.all.as3),
                pair(&system.tuned),
                pair(&system.held_back),
                system.missed
            );
        }
        let innocent: usize = self.systems.iter().map(|system| system.innocent_convicted).sum();
        text += &format!(
            "\nInnocent changes convicted: {innocent}. False incidents on {} baselines: {} (and {} in the time of faults that the labels name).\n",
            self.baselines,
            self.false_incidents.len(),
            self.baseline_faults
        );
        text
    }
}

fn percent(share: f64) -> String {
    let shown = format!("{:.1}", share * 100.0);
    shown.strip_suffix(".0").map(str::to_owned).unwrap_or(shown)
}

fn score<'a>(cases: impl Iterator<Item = &'a PlayedCase>) -> Score {
    let ranks: Vec<Option<usize>> = cases.map(|case| case.answer.rank).collect();
    let share = |most: usize| {
        let within = ranks.iter().filter(|rank| rank.is_some_and(|rank| rank <= most)).count();
        within as f64 / ranks.len().max(1) as f64
    };
    Score { cases: ranks.len(), as1: share(1), as3: share(3), as5: share(5) }
}

fn system(name: &str, cases: &[PlayedCase]) -> System {
    let of: Vec<&PlayedCase> = cases.iter().filter(|case| case.system == name).collect();
    let scored = |keep: &dyn Fn(&PlayedCase) -> bool| score(of.iter().copied().filter(|case| keep(case)));
    let faults: BTreeSet<&str> = of.iter().map(|case| case.fault.as_str()).collect();
    System {
        system: name.to_owned(),
        all: scored(&|_| true),
        tuned: scored(&|case| !case.held_back),
        held_back: scored(&|case| case.held_back),
        by_fault: faults.iter().map(|fault| ((*fault).to_owned(), scored(&|case| case.fault == *fault))).collect(),
        missed: of.iter().filter(|case| case.answer.outcome == Outcome::NoIncident).count(),
        innocent_convicted: of.iter().filter(|case| case.answer.innocent_convicted).count(),
    }
}

impl fmt::Display for RcaReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:16} {:20} {:>5} {:>6} {:>6} {:>6}", "system", "cases of", "", "AS@1", "AS@3", "AS@5")?;
        for system in &self.systems {
            let faults = system.by_fault.iter().map(|(fault, score)| (fault.as_str(), score));
            let halves =
                [("half tuned on", &system.tuned), ("half held back", &system.held_back), ("all", &system.all)];
            for (of, score) in faults.chain(halves).filter(|(_, score)| score.cases > 0) {
                let [one, three, five] = [score.as1, score.as3, score.as5].map(|share| share * 100.0);
                writeln!(f, "{:16} {of:20} {:>5} {one:>6.1} {three:>6.1} {five:>6.1}", system.system, score.cases)?;
            }
            writeln!(
                f,
                "{:16} without an incident {}, innocent changes convicted {}",
                system.system, system.missed, system.innocent_convicted
            )?;
        }
        let (of, none, real) = (self.baselines, self.false_incidents.len(), self.baseline_faults);
        writeln!(
            f,
            "false incidents on {of} baselines: {none}, and {real} in the time of faults that the labels name"
        )?;
        for title in &self.false_incidents {
            writeln!(f, "    {title}")?;
        }
        for case in self.cases.iter().filter(|case| case.answer.outcome != Outcome::Right) {
            let (half, rank) = (if case.held_back { "held back" } else { "tuned" }, case.answer.rank);
            let rank = rank.map_or("-".to_owned(), |rank| format!("@{rank}"));
            writeln!(f, "{} ({}, {half}) {rank}: {}", case.case, case.fault, case.answer.said)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(case: &str, rank: Option<usize>, held_back: bool) -> PlayedCase {
        let outcome = if rank == Some(1) { Outcome::Right } else { Outcome::NoIncident };
        let answer = Answer {
            outcome,
            rank,
            innocent_convicted: false,
            said: String::new(),
            incidents: 1,
            alerts: Vec::new(),
            causes: Vec::new(),
        };
        PlayedCase { case: case.into(), system: "shop".into(), fault: "cpu".into(), held_back, answer }
    }

    fn report() -> RcaReport {
        let cases = [Some(1), Some(2), None, Some(4)].into_iter().enumerate();
        RcaReport::new(cases.map(|(n, rank)| played(&n.to_string(), rank, n == 0)).collect(), vec![Quiet::default()])
    }

    #[test]
    fn a_rank_counts_for_every_share_it_is_within_and_no_rank_for_none() {
        let system = &report().systems[0];
        assert_eq!((system.all.cases, system.all.as1, system.all.as3, system.all.as5), (4, 0.25, 0.5, 0.75));
    }

    #[test]
    fn the_halves_are_scored_by_themselves() {
        let system = &report().systems[0];
        assert_eq!((system.held_back.cases, system.held_back.as1), (1, 1.0));
        assert_eq!((system.tuned.cases, system.tuned.as1), (3, 0.0));
    }

    #[test]
    fn the_document_names_every_system_and_both_halves() {
        let text = report().markdown();
        assert!(text.contains("| shop | 4 | 25 % | 50 % | 0 / 33.3 % of 3 | 100 / 100 % of 1 | 3 |"), "{text}");
    }
}
