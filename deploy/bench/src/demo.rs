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
/// Stands in the place of a fault's name where nothing is broken.
const QUIET: &str = "quiet";

/// What to play.
#[derive(Clone, Debug)]
pub struct DemoSettings {
    /// The running executable.
    pub exe: PathBuf,
    /// Names of faults, or `quiet` for ten minutes without one; all of the catalogue where it is empty.
    pub only: Vec<String>,
    /// Each fault is played once with every one of them.
    pub seeds: Vec<u64>,
    /// Demos that run at a time.
    pub jobs: usize,
    /// Draw a progress bar on standard error.
    pub progress: bool,
    /// Is told each play, as soon as it is over.
    pub tell: fn(&str),
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
    /// Faults right with each seed, in the order of the seeds.
    pub right_by_seed: Vec<usize>,
    /// Incidents that belong to no fault, over all plays of faults.
    pub unexplained: usize,
    /// Incidents while nothing was broken, and the runs in which nothing was.
    pub false_alarms: usize,
    pub quiet_runs: usize,
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
            let played = match name.as_str() {
                QUIET => play::quiet(exe, name, seed).await,
                fault => play::play(exe, fault, seed).await,
            };
            // One demo that does not come up is one play without an answer, not the end of an hour of others.
            let why = |error: anyhow::Error| Some(format!("{error:#}"));
            let played = played.unwrap_or_else(|error| Played {
                fault: name.clone(),
                seed,
                failed: why(error),
                ..Played::default()
            });
            bar.inc(1);
            bar.suspend(|| (settings.tell)(&line(&played)));
            played
        })
        .buffered(settings.jobs);
    let plays: Vec<Played> = played.collect().await;
    Ok(report(settings.seeds.clone(), &names, plays))
}

/// One play, as soon as it is over.
fn line(played: &Played) -> String {
    let head = format!("{} seed {}: {} incidents", played.fault, played.seed, played.incidents);
    let said = |asked: &Asked| {
        format!("; {}; message {} s, over {} s", asked.said(), shown(asked.message), shown(asked.recover))
    };
    let failed = played.failed.as_ref().map_or_else(String::new, |why| format!("; not played: {why}"));
    format!("{head}{}{failed}", played.asked.iter().map(said).collect::<String>())
}

/// The faults to play: those of the catalogue that were asked for, in its order.
async fn names(settings: &DemoSettings) -> Result<Vec<String>> {
    let demo = Server::start_demo(&settings.exe, &["--history".into(), "1s".into()])?;
    let page = demo.fetch("/api/v1/demo/faults").await?;
    let faults = page["items"].as_array().context("the demo lists no faults")?;
    let named = faults.iter().filter_map(|fault| fault["name"].as_str().map(str::to_owned));
    let all: Vec<String> = named.chain([QUIET.to_owned()]).collect();
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
    let played = names.iter().filter(|name| *name != QUIET);
    let faults: Vec<FaultScore> = played.filter_map(|name| Some(score(name, by_fault.get(name.as_str())?))).collect();
    let right =
        |play: &&Played| play.failed.is_none() && !play.asked.is_empty() && play.asked.iter().all(Asked::is_right);
    let by_seed = |seed: &u64| plays.iter().filter(|play| play.seed == *seed).filter(right).count();
    let quiet: Vec<&Played> = plays.iter().filter(|play| play.fault == QUIET && play.failed.is_none()).collect();
    DemoReport {
        machine: crate::machine::describe(),
        right_by_seed: seeds.iter().map(by_seed).collect(),
        false_alarms: quiet.iter().map(|play| play.incidents).sum(),
        quiet_runs: quiet.len(),
        seeds,
        right_always: faults.iter().filter(|fault| fault.asked > 0 && fault.right == fault.asked).count(),
        hidden: plays
            .iter()
            .filter(|played| played.asked.len() > 1 && !played.asked.iter().all(Asked::is_seen))
            .count(),
        unexplained: plays.iter().filter(|play| play.fault != QUIET).map(|play| play.unexplained).sum(),
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

fn median(values: Vec<f64>) -> Option<f64> {
    percentile(values, 50)
}

/// The smallest value that so many of a hundred do not exceed.
fn percentile(mut values: Vec<f64>, of_hundred: usize) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get((values.len() * of_hundred).div_ceil(100).checked_sub(1)?).copied()
}

impl DemoReport {
    /// A table for a document.
    pub fn markdown(&self) -> String {
        let sum = |of: fn(&FaultScore) -> usize| self.faults.iter().map(of).sum::<usize>();
        let (asked, right, resolved) = (sum(|f| f.asked), sum(|f| f.right), sum(|f| f.resolved));
        let list = |numbers: Vec<String>| numbers.join(", ");
        let seeds = list(self.seeds.iter().map(u64::to_string).collect());
        let by_seed = list(self.right_by_seed.iter().map(usize::to_string).collect());
        let (middle, late) = (shown(median(self.messages())), shown(percentile(self.messages(), 95)));
        let told = self.messages().len();
        format!(
            "| the demo's {faults} faults, live, seeds {seeds} | goal | measured |\n|---|---|---|\n\
             | entity and kind equal the answer key, by seed | {RIGHT_GOAL} of 17 | {by_seed} of {faults} |\n\
             | of all questions (a run of two faults asks two) | | {right} of {asked} |\n\
             | first message after the start of the fault, median / p95 of {told} | {MESSAGE_GOAL:.0} s | {middle} / {late} s |\n\
             | told when it is over | all | {resolved} of {asked} |\n\
             | runs of two faults at once in which one was hidden | 0 | {} |\n\
             | incidents in ten quiet minutes, of {} runs | 0 | {} |\n",
            self.hidden,
            self.quiet_runs,
            self.false_alarms,
            faults = self.faults.len(),
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
            "\nright by seed: {:?} of {} (goal {RIGHT_GOAL} of 17), in every run {}; first message p95 {} s (goal \
             {MESSAGE_GOAL:.0}); runs of several faults that hid one: {} (goal 0); incidents of no fault: {}; while \
             nothing was broken: {} in {} runs (goal 0)",
            self.right_by_seed,
            self.faults.len(),
            self.right_always,
            shown(percentile(self.messages(), 95)),
            self.hidden,
            self.unexplained,
            self.false_alarms,
            self.quiet_runs
        )?;
        for played in &self.plays {
            if let Some(why) = &played.failed {
                writeln!(f, "  {} (seed {}) was not played: {why}", played.fault, played.seed)?;
            }
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
        assert_eq!(report.right_by_seed, [0, 0], "the plays are of no seed that was asked for");
        let disk = &report.faults[0];
        assert_eq!((disk.asked, disk.seen, disk.entity, disk.kind, disk.right), (2, 2, 2, 1, 1));
        assert_eq!((disk.message, disk.message_latest), (Some(12.0), Some(40.0)));
        assert!(
            report.markdown().contains("| of all questions (a run of two faults asks two) | | 4 of 6 |"),
            "{}",
            report.markdown()
        );
        assert!(report.to_string().contains("disk (seed 0): entity_only"), "{report}");
    }

    #[test]
    fn what_could_not_be_played_is_not_right_and_quiet_minutes_are_no_fault() {
        let names = ["disk".to_owned(), QUIET.to_owned()];
        let failed = Played { failed: Some("it never came up".into()), ..played("disk", vec![]) };
        let of_seed = |seed, played: Played| Played { seed, ..played };
        let plays = vec![
            of_seed(1, played("disk", vec![asked("right", Some(12.0))])),
            of_seed(1, Played { incidents: 1, unexplained: 1, ..played(QUIET, vec![]) }),
            of_seed(2, failed),
            of_seed(2, played(QUIET, vec![])),
        ];
        let report = report(vec![1, 2], &names, plays);
        assert_eq!((report.right_by_seed.clone(), report.faults.len()), (vec![1, 0], 1));
        assert_eq!((report.false_alarms, report.quiet_runs, report.unexplained), (1, 2, 0));
        assert!(report.to_string().contains("disk (seed 2) was not played: it never came up"), "{report}");
        assert!(
            line(&report.plays[0]).starts_with("disk seed 1: 1 incidents; right: shown"),
            "{}",
            line(&report.plays[0])
        );
    }

    #[test]
    fn of_twenty_the_ninety_fifth_of_a_hundred_is_the_last_but_one() {
        assert_eq!(percentile((1..=20).map(f64::from).collect(), 95), Some(19.0));
        assert_eq!(percentile(vec![7.0], 95), Some(7.0));
    }

    #[test]
    fn the_median_of_nothing_is_nothing() {
        assert_eq!((median(vec![]), median(vec![3.0, 1.0, 2.0]), median(vec![2.0, 1.0])), (None, Some(2.0), Some(1.0)));
    }
}
