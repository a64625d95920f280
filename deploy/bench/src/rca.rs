//! How often the cause that an incident names is the true one: labelled incidents of others, played through
//! the real server. OTLP, changes and alerts go in by its ports, the verdict comes out by its API.
//!
//! Labels, case names and times of injection are read here, after the fact, and nowhere else. Each case has
//! a fresh server; its baseline is moved in time to end some minutes before it and is sent first.

mod case;
mod otlp;

use crate::Settings;
use crate::progress::Stage;
use anyhow::{Context, Result};
use case::{Answer, Labelled};
use futures::StreamExt;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Cases that are played at a time: each has a server of its own.
const AT_ONCE: usize = 2;

/// Shares of cases whose true root service is among the first causes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Score {
    pub cases: usize,
    pub as1: f64,
    pub as3: f64,
    pub as5: f64,
}

/// One system.
#[derive(Clone, Debug, Serialize)]
pub struct System {
    pub system: String,
    pub cases: usize,
    pub as1: f64,
    pub as3: f64,
    pub as5: f64,
    /// By type of fault.
    pub by_fault: BTreeMap<String, Score>,
    /// Incidents opened on the fault-free baselines.
    pub false_incidents: usize,
    /// Cases without any incident.
    pub missed: usize,
    /// Of changes: innocent ones that were convicted.
    pub innocent_convicted: usize,
    /// Cases that did not come out right, for whoever looks into them.
    pub wrong: Vec<String>,
}

/// All systems that were found in the folder.
#[derive(Clone, Debug, Serialize)]
pub struct RcaReport {
    pub systems: Vec<System>,
}

/// Plays every case of `DIR/nezha` and `DIR/changes`.
///
/// # Errors
/// When there is no such folder, a file does not read, or the server fails.
pub(crate) async fn measure(settings: &Settings) -> Result<RcaReport> {
    let data = settings.data.as_deref().context("name the folder with nezha/ and changes/: --data DIR")?;
    let cases = case::all(data)?;
    let stage = Stage::new(settings.progress, "cases", cases.len() as u64);
    let (exe, bar) = (settings.exe.as_path(), stage.bar());
    let played = futures::stream::iter(&cases)
        .map(|case| async move {
            let answer = case::play(exe, case).await.with_context(|| format!("case {}", case.name));
            bar.inc(1);
            answer.map(|answer| (case, answer))
        })
        .buffer_unordered(AT_ONCE);
    let answers: Vec<Result<(&Labelled, Answer)>> = played.collect().await;
    let mut by_system: BTreeMap<&str, Vec<(&Labelled, Answer)>> = BTreeMap::new();
    for answer in answers {
        let (case, answer) = answer?;
        by_system.entry(&case.system).or_default().push((case, answer));
    }
    Ok(RcaReport { systems: by_system.into_iter().map(|(name, played)| system(name, &played)).collect() })
}

/// Unix nanoseconds of a time as the API writes it.
pub(crate) fn nanos(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let number = |text: &str| text.parse::<i64>().ok();
    let mut date = date.splitn(3, '-').map(number);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut clock = clock.splitn(3, ':').map(number);
    let seconds = clock.next()?? * 3_600 + clock.next()?? * 60 + clock.next()??;
    // Days since 1970 by the Gregorian calendar, years beginning in March.
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days =
        y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (m * 306 + 5) / 10 + day - 1 - 719_468;
    let fraction = format!("{fraction:0<9}");
    Some((days * 86_400 + seconds) * 1_000_000_000 + number(fraction.get(..9)?)?)
}

fn score(ranks: &[Option<usize>]) -> Score {
    let share = |most: usize| {
        let within = ranks.iter().filter(|rank| rank.is_some_and(|rank| rank <= most)).count();
        within as f64 / ranks.len().max(1) as f64
    };
    Score { cases: ranks.len(), as1: share(1), as3: share(3), as5: share(5) }
}

fn system(name: &str, played: &[(&Labelled, Answer)]) -> System {
    let ranks = |of: &dyn Fn(&Labelled) -> bool| -> Vec<Option<usize>> {
        played.iter().filter(|(case, _)| of(case)).map(|(_, answer)| answer.rank).collect()
    };
    let all = score(&ranks(&|_| true));
    let faults: std::collections::BTreeSet<&str> = played.iter().map(|(case, _)| case.fault.as_str()).collect();
    let by_fault = faults.into_iter().map(|fault| (fault.to_owned(), score(&ranks(&|case| case.fault == fault))));
    let wrong = played.iter().filter(|(_, answer)| answer.rank != Some(1));
    let mut wrong: Vec<String> = wrong.map(|(case, answer)| format!("{}: {}", case.name, answer.said)).collect();
    wrong.sort();
    System {
        system: name.to_owned(),
        cases: all.cases,
        as1: all.as1,
        as3: all.as3,
        as5: all.as5,
        by_fault: by_fault.collect(),
        false_incidents: played.iter().map(|(_, answer)| answer.false_incidents).sum(),
        missed: played.iter().filter(|(_, answer)| answer.missed).count(),
        innocent_convicted: played.iter().filter(|(_, answer)| answer.innocent_convicted).count(),
        wrong,
    }
}

impl fmt::Display for RcaReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:16} {:20} {:>5} {:>6} {:>6} {:>6}", "system", "fault", "cases", "AS@1", "AS@3", "AS@5")?;
        for system in &self.systems {
            let line = |f: &mut fmt::Formatter<'_>, fault: &str, score: &Score| {
                let [one, three, five] = [score.as1, score.as3, score.as5].map(|share| share * 100.0);
                writeln!(f, "{:16} {fault:20} {:>5} {one:>6.1} {three:>6.1} {five:>6.1}", system.system, score.cases)
            };
            for (fault, score) in &system.by_fault {
                line(f, fault, score)?;
            }
            let all = Score { cases: system.cases, as1: system.as1, as3: system.as3, as5: system.as5 };
            line(f, "all", &all)?;
            writeln!(
                f,
                "{:16} without an incident {}, incidents on fault-free baselines {}, innocent changes convicted {}",
                system.system, system.missed, system.false_incidents, system.innocent_convicted
            )?;
            for wrong in &system.wrong {
                writeln!(f, "{:16}   {wrong}", "")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_counts_for_every_share_it_is_within_and_no_rank_for_none() {
        let score = score(&[Some(1), Some(2), None, Some(4)]);
        assert_eq!((score.cases, score.as1, score.as3, score.as5), (4, 0.25, 0.5, 0.75));
    }

    #[test]
    fn times_are_read_to_the_nanosecond() {
        assert_eq!(nanos("2022-08-22T03:53:54.000000001Z"), Some(1_661_140_434_000_000_001));
        assert_eq!(nanos("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(nanos("yesterday"), None);
    }
}
