//! The demo company's faults before the cause engine, without a server and without waiting: rehearsed telemetry
//! in, verdict out. It stands outside both, which know nothing of each other.

pub mod counted;
pub mod pairs;
pub mod quiet;
mod rows;
pub mod watched;

use cause::{Case, Change, Heartbeat, Records, Telemetry, Window};
use demo::Rehearsal;
use incident::{Estate, Link, Relation};
use model::{Entity, EntityKind, TimeRange, UnixNanos};
use std::collections::BTreeMap;

/// When the company opens.
pub const OPENED: UnixNanos = UnixNanos(1_800_000_000 * UnixNanos::SECOND);

/// Times of each heartbeat, by its name and who it speaks for.
pub type Beats = BTreeMap<(String, Entity), Vec<UnixNanos>>;

/// One stretch of the company's life.
#[derive(Debug)]
pub struct Recorded {
    records: Records,
    changes: Vec<Change>,
    beats: Beats,
    /// What was seen of the estate, and what is declared.
    estate: Estate,
}

/// So many seconds after the company opened.
pub fn second(second: i64) -> UnixNanos {
    UnixNanos(OPENED.0 + second * UnixNanos::SECOND)
}

/// Lets the company be well, and then lets these faults act to the end.
pub fn record(seed: u64, acting: &[&'static str], well: i64, broken: i64) -> Recorded {
    listen(seed, well + broken, |at| if at > well { acting.to_vec() } else { Vec::new() }, |_, _| {})
}

/// Lets the company trade for so many seconds while what is named for each of them acts; after each, somebody may
/// look at what has been counted so far.
pub fn listen(
    seed: u64,
    seconds: i64,
    acting: impl Fn(i64) -> Vec<&'static str>,
    mut look: impl FnMut(i64, &counted::Counted),
) -> Recorded {
    let mut company = Rehearsal::open(seed, 1.0, OPENED);
    let mut heard = rows::Heard::new(Telemetry::default());
    for at in 1..=seconds {
        heard.all(&company.pass(second(at), &acting(at)));
        look(at, &heard.counted);
    }
    let rows::Heard { telemetry, counted, changes, beats } = heard;
    Recorded { records: telemetry.finish(), changes, beats, estate: counted.estate(estate()) }
}

impl Recorded {
    pub fn estate(&self) -> &Estate {
        &self.estate
    }

    /// The case of an incident that stretches from one instant to another, as the watch would lay it before the
    /// engine; what comes later is not known.
    pub fn case(self, from: UnixNanos, until: UnixNanos) -> (Case, Beats) {
        let case = Case {
            records: self.records,
            window: window(from, until),
            changes: self.changes,
            estate: estate(),
            ..Case::default()
        };
        (case, self.beats)
    }
}

pub fn window(from: UnixNanos, until: UnixNanos) -> Window {
    Window { reference: vec![TimeRange { from: OPENED, until: from }], current: TimeRange { from, until } }
}

/// Heartbeats that were late at an instant, by the interval they kept before.
pub fn late(beats: &Beats, now: UnixNanos) -> Vec<Heartbeat> {
    let is_late = |((name, entity), times): (&(String, Entity), &Vec<UnixNanos>)| {
        let seen: Vec<i64> = times.iter().map(|time| time.0).filter(|time| *time <= now.0).collect();
        let (first, last) = (*seen.first()?, *seen.last()?);
        let interval = (last - first) / (seen.len() as i64 - 1).max(1);
        let allowed = (interval * 3).max(60 * UnixNanos::SECOND);
        (seen.len() >= 4 && now.0 - last > allowed).then(|| Heartbeat {
            name: name.clone(),
            entity: entity.clone(),
            since: UnixNanos(last + interval),
            status: "ok".into(),
        })
    };
    beats.iter().filter_map(is_late).collect()
}

/// What is declared of the estate; who calls whom is read off the spans.
fn estate() -> Estate {
    let relation = |text: &str| match text {
        "runs_on" => Relation::RunsOn,
        "depends_on" => Relation::DependsOn,
        "at" => Relation::At,
        "instance_of" => Relation::InstanceOf,
        _ => Relation::Calls,
    };
    let link = |(from, of, to): (String, String, String)| Link {
        from: Entity::read(&from),
        relation: relation(&of),
        to: Entity::read(&to),
        calls: 0,
        seen: None,
    };
    Estate { links: demo::topology().into_iter().map(link).collect() }
}

/// Who a heartbeat speaks for, by what it says of itself.
fn sender(device: &str, site: &str, name: &str) -> Entity {
    match (device, site) {
        ("", "") => Entity::new(EntityKind::Device, name),
        ("", site) => Entity::new(EntityKind::Site, site),
        (device, _) => Entity::new(EntityKind::Device, device),
    }
}
