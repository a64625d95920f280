//! How often the verdict on a fault of the demo company equals its answer key: each fault is played by name in
//! a demo of its own, live, and told to a robot on loopback.
//!
//! The answer key is held against the incident by the demo's own scorecard; this only asks for it, for the
//! incidents and for the delivery ledger, as anybody may. A fault that is two at once has two questions.

mod play;
mod robot;

use crate::child::Server;
use crate::progress::Stage;
use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

pub use play::{Asked, Played};

/// The message about a fault is wanted this soon after its start, seconds.
const MESSAGE_GOAL: f64 = 30.0;
/// Faults of the catalogue whose verdict is wanted right in every run.
const RIGHT_GOAL: usize = 15;

/// What to play.
#[derive(Clone, Debug)]
pub struct DemoSettings {
    /// The running executable.
    pub exe: PathBuf,
    /// Names of faults; all of the catalogue where it is empty.
    pub only: Vec<String>,
    /// Each fault is played once with every one of them.
    pub seeds: Vec<u64>,
    /// Demos that run at a time.
    pub jobs: usize,
    /// Draw a progress bar on standard error.
    pub progress: bool,
}

/// All plays, and what they come to.
#[derive(Clone, Debug, Serialize)]
pub struct DemoReport {
    pub machine: String,
    pub seeds: Vec<u64>,
    pub faults: Vec<FaultScore>,
    /// Faults whose verdict was right in every play.
    pub right_always: usize,
    /// Runs of several faults at once in which one had no incident of its own.
    pub hidden: usize,
    /// Incidents that belong to no fault, over all plays.
    pub unexplained: usize,
    /// Plays by fault and seed.
    pub plays: Vec<Played>,
}

/// One fault over all seeds.
#[derive(Clone, Debug, Serialize)]
pub struct FaultScore {
    pub fault: String,
    /// Questions asked: plays, times the independent faults in one.
    pub asked: usize,
    pub seen: usize,
    pub entity: usize,
    pub kind: usize,
    /// Entity and kind.
    pub right: usize,
    /// Medians, seconds from the fault's start.
    pub detect: Option<f64>,
    pub locate: Option<f64>,
    pub message: Option<f64>,
    /// The latest first message.
    pub message_latest: Option<f64>,
    /// Of the questions: those whose incident was told to be over.
    pub resolved: usize,
    /// Means over plays.
    pub incidents: f64,
    pub messages: f64,
}

/// Plays every fault with every seed.
///
/// # Errors
/// When a demo does not start or does not answer, or a name is no fault's.
pub(crate) async fn measure(settings: &DemoSettings) -> Result<DemoReport> {
    ensure!(settings.jobs > 0 && !settings.seeds.is_empty(), "at least one seed and one demo at a time are needed");
    let names = names(settings).await?;
    let tasks: Vec<(u64, &String)> =
        settings.seeds.iter().flat_map(|seed| names.iter().map(move |name| (*seed, name))).collect();
    let stage = Stage::new(settings.progress, "faults", tasks.len() as u64);
    let (exe, bar) = (settings.exe.as_path(), stage.bar());
    let played = futures::stream::iter(tasks)
        .map(|(seed, name)| async move {
            let played = play::play(exe, name, seed).await.with_context(|| format!("fault {name}, seed {seed}"));
            bar.inc(1);
            played
        })
        .buffered(settings.jobs);
    let plays: Vec<Result<Played>> = played.collect().await;
    Ok(report(settings.seeds.clone(), &names, plays.into_iter().collect::<Result<_>>()?))
}

/// The faults to play: those of the catalogue that were asked for, in its order.
async fn names(settings: &DemoSettings) -> Result<Vec<String>> {
    let demo = Server::start_demo(&settings.exe, &["--history".into(), "1s".into()])?;
    let page = demo.fetch("/api/v1/demo/faults").await?;
    let faults = page["items"].as_array().context("the demo lists no faults")?;
    let all: Vec<String> = faults.iter().filter_map(|fault| fault["name"].as_str().map(str::to_owned)).collect();
    for name in &settings.only {
        ensure!(all.contains(name), "there is no fault {name:?}; there are {}", all.join(", "));
    }
    Ok(all.into_iter().filter(|name| settings.only.is_empty() || settings.only.contains(name)).collect())
}

fn report(seeds: Vec<u64>, names: &[String], plays: Vec<Played>) -> DemoReport {
    let mut by_fault: BTreeMap<&str, Vec<&Played>> = BTreeMap::new();
    for played in &plays {
        by_fault.entry(&played.fault).or_default().push(played);
    }
    let faults: Vec<FaultScore> =
        names.iter().filter_map(|name| Some(score(name, by_fault.get(name.as_str())?))).collect();
    DemoReport {
        machine: crate::machine::describe(),
        seeds,
        right_always: faults.iter().filter(|fault| fault.right == fault.asked).count(),
        hidden: plays
            .iter()
            .filter(|played| played.asked.len() > 1 && !played.asked.iter().all(Asked::is_seen))
            .count(),
        unexplained: plays.iter().map(|played| played.unexplained).sum(),
        faults,
        plays,
    }
}

fn score(name: &str, plays: &[&Played]) -> FaultScore {
    let asked: Vec<&Asked> = plays.iter().flat_map(|played| &played.asked).collect();
    let count = |of: fn(&Asked) -> bool| asked.iter().filter(|asked| of(asked)).count();
    let seconds = |of: fn(&Asked) -> Option<f64>| asked.iter().filter_map(|asked| of(asked)).collect::<Vec<f64>>();
    let mean = |of: fn(&Played) -> usize| {
        plays.iter().map(|played| of(played)).sum::<usize>() as f64 / plays.len().max(1) as f64
    };
    FaultScore {
        fault: name.to_owned(),
        asked: asked.len(),
        seen: count(Asked::is_seen),
        entity: count(Asked::is_entity),
        kind: count(Asked::is_kind),
        right: count(Asked::is_right),
        detect: median(seconds(|asked| asked.detect)),
        locate: median(seconds(|asked| asked.locate)),
        message: median(seconds(|asked| asked.message)),
        message_latest: seconds(|asked| asked.message).into_iter().reduce(f64::max),
        resolved: count(|asked| asked.resolved_message),
        incidents: mean(|played| played.incidents),
        messages: mean(|played| played.messages),
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

impl DemoReport {
    /// A table for a document.
    pub fn markdown(&self) -> String {
        let sum = |of: fn(&FaultScore) -> usize| self.faults.iter().map(of).sum::<usize>();
        let (asked, right, resolved) = (sum(|f| f.asked), sum(|f| f.right), sum(|f| f.resolved));
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        let (middle, latest) = (shown(median(self.messages())), shown(self.messages().into_iter().reduce(f64::max)));
        format!(
            "| the demo's {} faults, seeds {} | goal | measured |\n|---|---|---|\n\
             | entity and kind equal the answer key in every run | {RIGHT_GOAL} of 17 | {} of {} |\n\
             | of all questions | | {right} of {asked} |\n\
             | first message after the start of the fault, median / latest | {MESSAGE_GOAL:.0} s | {middle} / {latest} s |\n\
             | a message when it is over | all | {resolved} of {asked} |\n\
             | runs of two faults at once in which one was hidden | 0 | {} |\n",
            self.faults.len(),
            seeds.join(", "),
            self.right_always,
            self.faults.len(),
            self.hidden,
        )
    }

    fn messages(&self) -> Vec<f64> {
        self.plays.iter().flat_map(|played| &played.asked).filter_map(|asked| asked.message).collect()
    }
}

fn shown(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "-".into(), |seconds| format!("{seconds:.0}"))
}

impl fmt::Display for DemoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "bench demo: {} faults, seeds {:?}\n{}\n", self.faults.len(), self.seeds, self.machine)?;
        writeln!(
            f,
            "{:18} {:>5} {:>5} {:>6} {:>5} {:>5} {:>7} {:>7} {:>8} {:>7} {:>9} {:>10} {:>9}",
            "fault",
            "asked",
            "seen",
            "entity",
            "kind",
            "right",
            "detect",
            "locate",
            "message",
            "latest",
            "resolved",
            "incidents",
            "messages"
        )?;
        for fault in &self.faults {
            writeln!(
                f,
                "{:18} {:>5} {:>5} {:>6} {:>5} {:>5} {:>7} {:>7} {:>8} {:>7} {:>9} {:>10.1} {:>9.1}",
                fault.fault,
                fault.asked,
                fault.seen,
                fault.entity,
                fault.kind,
                fault.right,
                shown(fault.detect),
                shown(fault.locate),
                shown(fault.message),
                shown(fault.message_latest),
                fault.resolved,
                fault.incidents,
                fault.messages
            )?;
        }
        writeln!(
            f,
            "\nright in every run: {} of {} (goal {RIGHT_GOAL} of 17); runs of several faults that hid one: {} (goal 0); \
             incidents of no fault: {}",
            self.right_always,
            self.faults.len(),
            self.hidden,
            self.unexplained
        )?;
        for played in &self.plays {
            for asked in played.asked.iter().filter(|asked| !asked.is_right()) {
                writeln!(f, "  {} (seed {}): {}", played.fault, played.seed, asked.said())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(verdict: &str, message: Option<f64>) -> Asked {
        Asked { verdict: verdict.into(), message, incident: message.map(|_| "I-1".into()), ..Asked::default() }
    }

    fn played(fault: &str, asked: Vec<Asked>) -> Played {
        Played { fault: fault.into(), incidents: asked.len(), asked, ..Played::default() }
    }

    #[test]
    fn a_fault_counts_as_right_where_every_one_of_its_plays_was() {
        let names = ["disk".to_owned(), "disk+third_party".to_owned()];
        let report = report(
            vec![1, 2],
            &names,
            vec![
                played("disk", vec![asked("right", Some(12.0))]),
                played("disk", vec![asked("entity_only", Some(40.0))]),
                played("disk+third_party", vec![asked("right", Some(9.0)), asked("missed", None)]),
                played("disk+third_party", vec![asked("right", Some(9.0)), asked("right", Some(21.0))]),
            ],
        );
        assert_eq!((report.right_always, report.hidden), (0, 1));
        let disk = &report.faults[0];
        assert_eq!((disk.asked, disk.seen, disk.entity, disk.kind, disk.right), (2, 2, 2, 1, 1));
        assert_eq!((disk.message, disk.message_latest), (Some(12.0), Some(40.0)));
        assert!(report.markdown().contains("| of all questions | | 4 of 6 |"), "{}", report.markdown());
        assert!(report.to_string().contains("disk (seed 0): entity_only"), "{report}");
    }

    #[test]
    fn the_median_of_nothing_is_nothing() {
        assert_eq!((median(vec![]), median(vec![3.0, 1.0, 2.0]), median(vec![2.0, 1.0])), (None, Some(2.0), Some(1.0)));
    }
}
