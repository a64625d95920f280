//! Days on which nothing is broken: what people would have been told for no reason.
//!
//! Rules are judged all the time. Anomalies are looked for in ten minutes out of every two hours, each minute as the
//! product does: a look reads half an hour back, and to take one in every minute of a week would take days.

use crate::watched::{Rules, SCAN_EVERY, SCAN_WINDOW, STEP, of_anomaly, of_rule};
use crate::{OPENED, estate, late, rows, second, window};
use cause::{Case, Sensitivity, Suspicion, Telemetry, scan};
use demo::{Exported, Rehearsal};
use incident::{Alert, Book, Settings};
use std::collections::VecDeque;

pub const DAY: i64 = 86_400;
/// When anomalies are looked for: the first seconds of each stretch of so many.
const STRETCH: i64 = 7_200;
const LOOKED_FOR: i64 = 600;
/// How far back a search looks for what is usual, seconds.
const USUAL: i64 = 1_800;
/// How long counts are kept: rules ask for less, but for the usual of days, which they keep themselves.
const COUNTS_KEPT: i64 = 7_200;
/// The first search comes when there is something usual.
const YOUNG: i64 = 1_200;

/// What was told in a stretch of quiet time, and what was done to find it.
#[derive(Clone, Debug, Default)]
pub struct Quiet {
    /// `second name entity` of every alert.
    pub alerts: Vec<String>,
    pub incidents: u64,
    pub searches: u64,
    pub spans: u64,
}

/// Lets the company trade, well, for so many seconds from the time of day it opens.
pub fn pass(seed: u64, seconds: i64) -> Quiet {
    let mut company = Rehearsal::open(seed, 1.0, OPENED);
    let mut heard = rows::Heard::new(Telemetry::default());
    let mut recent: VecDeque<(i64, Exported)> = VecDeque::new();
    let (mut rules, mut suspicion, mut book) = (Rules::default(), Suspicion::default(), Book::new(Settings::default()));
    let mut quiet = Quiet::default();
    for at in 1..=seconds {
        let exported = company.pass(second(at), &[]);
        heard.all(&exported);
        heard.telemetry = Telemetry::default();
        quiet.spans += spans(&exported);
        if is_read(at) {
            recent.push_back((at, exported));
            while recent.front().is_some_and(|(oldest, _)| *oldest < at - USUAL - SCAN_WINDOW) {
                recent.pop_front();
            }
        } else {
            recent.clear();
        }
        if at % STEP == 0 {
            rules.judge(at, &heard.counted);
            for transition in std::mem::take(&mut rules.told) {
                hear(&mut book, &mut quiet, at, of_rule(&transition));
            }
            book.step(second(at));
        }
        if at % SCAN_EVERY == 0 && at % STRETCH < LOOKED_FOR && at >= YOUNG {
            quiet.searches += 1;
            let case = case(&recent, &heard, at);
            for anomaly in suspicion.hear(scan(&case, Suspicion::level()), second(at), Sensitivity::default()) {
                hear(&mut book, &mut quiet, at, of_anomaly(&anomaly, second(at)));
            }
        }
        if at % COUNTS_KEPT == 0 {
            heard.counted.forget(second(at - COUNTS_KEPT));
        }
    }
    quiet.incidents = book.counters().opened;
    quiet
}

/// Whether a search yet to come will read what is sent now.
fn is_read(at: i64) -> bool {
    !(LOOKED_FOR..STRETCH - USUAL - SCAN_WINDOW).contains(&(at % STRETCH))
}

fn case(recent: &VecDeque<(i64, Exported)>, heard: &rows::Heard, at: i64) -> Case {
    let mut read = rows::Heard::new(Telemetry::default());
    recent.iter().for_each(|(_, exported)| read.all(exported));
    let now = second(at);
    let mut window = window(second(at - SCAN_WINDOW), now);
    window.reference.iter_mut().for_each(|range| range.from = range.from.max(second(at - SCAN_WINDOW - USUAL)));
    Case {
        records: read.telemetry.finish(),
        window,
        changes: heard.changes.clone(),
        estate: heard.counted.estate(estate()),
        heartbeats: late(&heard.beats, now),
        ..Case::default()
    }
}

fn hear(book: &mut Book, quiet: &mut Quiet, at: i64, told: incident::Told) {
    if !told.resolved {
        let label = |name: &str| told.labels.get(name).cloned().unwrap_or_default();
        quiet.alerts.push(format!("{at} s {} {}", label("alertname"), label("entity")));
    }
    book.hear(Alert::read(told, second(at)), second(at));
}

fn spans(exported: &Exported) -> u64 {
    let scopes = exported.traces.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.map(|scope| scope.spans.len() as u64).sum()
}
