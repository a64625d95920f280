//! How often the cause that an incident names is the true one: labelled incidents of others, played through
//! the real server. OTLP, changes and alerts go in by its ports, the verdict comes out by its API.
//!
//! Labels, case names and times of injection are read here, after the fact, and nowhere else. Each case has
//! a fresh server; its baseline is moved in time to end some minutes before it and is sent first. Baselines
//! are played by themselves too: what opens an incident there is a false one.

mod labels;
mod minutes;
mod otlp;
mod play;
mod score;
mod verdict;

pub use score::{PlayedCase, RcaReport, Score, System};
pub use verdict::{Answer, Outcome};

use crate::Settings;
use crate::progress::Stage;
use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use labels::Labelled;
use std::collections::BTreeSet;
use std::path::PathBuf;
use verdict::Quiet;

/// Which cases are played, and how many at a time.
#[derive(Clone, Debug, Default)]
pub struct Cases {
    /// A case is played whose name, system or fault contains one of these; all where there are none.
    pub only: Vec<String>,
    pub half: Half,
    /// Each has a server of its own; 0: as many as there are processors.
    pub jobs: usize,
}

/// Comparable cases are held back: one half is for making rules, the other for judging them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Half {
    #[default]
    Both,
    Tuned,
    HeldBack,
}

impl Cases {
    fn take(&self, case: &Labelled) -> bool {
        let is_of_half = match self.half {
            Half::Both => true,
            Half::Tuned => !case.is_held_back(),
            Half::HeldBack => case.is_held_back(),
        };
        is_of_half && (self.only.is_empty() || self.only.iter().any(|only| case.matches(only)))
    }

    pub(crate) fn jobs(&self) -> usize {
        match self.jobs {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            jobs => jobs,
        }
    }
}

/// Plays the chosen cases of `DIR/nezha` and `DIR/changes`, and their baselines.
///
/// # Errors
/// When there is no such folder, a file does not read, or the server fails.
pub(crate) async fn measure(settings: &Settings, chosen: &Cases) -> Result<RcaReport> {
    let data = settings.data.as_deref().context("name the folder with nezha/ and changes/: --data DIR")?;
    let all = labels::all(data)?;
    let cases: Vec<&Labelled> = all.iter().filter(|case| chosen.take(case)).collect();
    ensure!(!cases.is_empty(), "no case is of that name");
    let baselines: BTreeSet<&[PathBuf]> =
        cases.iter().map(|case| case.baselines.as_slice()).filter(|files| !files.is_empty()).collect();
    let stage = Stage::new(settings.progress, "cases", (cases.len() + baselines.len()) as u64);
    let (exe, bar, all) = (settings.exe.as_path(), stage.bar(), &all);
    let quiet = futures::stream::iter(&baselines).map(|files| async move {
        let faults: Vec<(i64, i64)> =
            all.iter().filter(|case| case.baselines == *files).map(|case| case.lasted).collect();
        let quiet = play::baseline_alone(exe, files, &faults).await.context("a baseline");
        bar.inc(1);
        quiet
    });
    let quiet: Vec<Result<Quiet>> = quiet.buffer_unordered(chosen.jobs()).collect().await;
    let quiet: Result<Vec<Quiet>> = quiet.into_iter().collect();
    let played = futures::stream::iter(cases).map(|case| async move {
        let answer = play::case(exe, case).await.with_context(|| format!("case {}", case.name))?;
        bar.println(format!("{}: {}", case.name, answer.said));
        bar.inc(1);
        Ok(PlayedCase {
            case: case.name.clone(),
            system: case.system.clone(),
            fault: case.fault.clone(),
            held_back: case.is_held_back(),
            answer,
        })
    });
    let played: Vec<Result<PlayedCase>> = played.buffer_unordered(chosen.jobs()).collect().await;
    let played: Result<Vec<PlayedCase>> = played.into_iter().collect();
    Ok(RcaReport::new(played?, quiet?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_nanosecond() {
        assert_eq!(nanos("2022-08-22T03:53:54.000000001Z"), Some(1_661_140_434_000_000_001));
        assert_eq!(nanos("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(nanos("yesterday"), None);
    }
}
