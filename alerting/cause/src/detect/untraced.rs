//! Error lines that belong to no trace: what a kernel, a runtime or a scheduler says of a place when no
//! request is at hand. Often they are the last words of a process, and said once.

use crate::detect::error;
use crate::names::Name;
use crate::records::{Level, Log};
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::statistic::bits;
use crate::tell::{Teller, like};
use crate::window::Side;
use model::{Bilingual, Entity, EntityKind, UnixNanos};
use std::collections::BTreeMap;

/// What healthy data reaches, nats.
const LEVEL: f64 = 4.0;
/// A line that names a cause by itself is worth so much however seldom it comes, since last words come once; each
/// time as many again add a bit.
const TELLING_BITS: f64 = 2.5;
/// Shorter stretches tell nothing of how often a line comes.
const EXTENT_MIN_S: f64 = 60.0;

/// Service, instance, node and template.
type Key = (Name, Name, Name, Name);

/// Lines of one kind.
#[derive(Debug, Default)]
struct Lines {
    reference: f64,
    current: f64,
    first: i64,
}

pub(super) fn signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let logs = &scene.case.records.logs;
    let extent = |wanted: Side| {
        let mut times = logs.iter().map(|log| log.time).filter(|time| scene.side(*time) == Some(wanted));
        let Some(first) = times.next() else { return 0.0 };
        let (first, last) = times.fold((first, first), |(from, until), time| (from.min(time), until.max(time)));
        last.saturating_sub(first) as f64 / UnixNanos::SECOND as f64
    };
    let (before, now) = (extent(Side::Reference), extent(Side::Current));
    if before < EXTENT_MIN_S {
        return Vec::new();
    }
    let mut lines: BTreeMap<Key, Lines> = BTreeMap::new();
    let has_place = |log: &Log| !(log.service.is_none() && log.instance.is_none() && log.node.is_none());
    for log in logs.iter().filter(|log| log.level == Level::Error && log.trace == 0 && has_place(log)) {
        count(&mut lines, log, scene.side(log.time));
    }
    let sign = |(key, lines): (&Key, &Lines)| {
        let expected = (lines.reference + 0.5) / before * now.max(1.0);
        let surplus = lines.current - expected;
        let nats = if surplus > 0.0 { lines.current * (lines.current / expected).ln() - surplus } else { 0.0 };
        sign(scene, teller, key, lines, nats)
    };
    lines.iter().filter(|(_, lines)| lines.current > 0.0).filter_map(sign).collect()
}

fn count(lines: &mut BTreeMap<Key, Lines>, log: &Log, side: Option<Side>) {
    let lines = lines.entry((log.service, log.instance, log.node, log.template)).or_default();
    match side {
        Some(Side::Reference) => lines.reference += 1.0,
        Some(Side::Current) => {
            lines.first = if lines.current == 0.0 { log.time } else { lines.first.min(log.time) };
            lines.current += 1.0;
        }
        None => {}
    }
}

fn sign(scene: &Scene<'_>, teller: &Teller<'_>, key: &Key, lines: &Lines, nats: f64) -> Option<Sign> {
    let line = scene.text(key.3);
    let cause = error::cause(&[line.to_owned()]);
    let is_telling = cause.is_some() && lines.reference == 0.0;
    let telling = if is_telling { TELLING_BITS + lines.current.log2() } else { 0.0 };
    let bits = bits(nats, LEVEL).max(telling);
    if bits < 1.0 {
        return None;
    }
    let accused = accused(scene, key);
    let (name, count) = (&accused.name, lines.current);
    let text = Bilingual::new(
        format!("the error line \"{line}\" of {name} came {count} times, before {} times", lines.reference),
        format!("{name} 的错误日志“{line}”出现 {count} 次，此前为 {} 次", lines.reference),
    );
    Some(Sign {
        bits,
        since: lines.first,
        now: Some(count),
        reference: Some(lines.reference),
        query: Some(format!(
            "SELECT time, service, body FROM logs WHERE body LIKE {} AND severity >= 17 AND {} ORDER BY time",
            like(line),
            teller.within("time")
        )),
        words: vec![line.to_owned()],
        cause,
        ..Sign::new(Aspect::ErrorLog, accused, text)
    })
}

/// Whom a line is about: the one service that it names, else the instance, host or service that wrote it.
fn accused(scene: &Scene<'_>, key: &Key) -> Entity {
    let (service, instance, node, template) = *key;
    if let Some(named) = super::behaviour::named(scene, template, service) {
        return Entity::service(scene.text(named));
    }
    match (instance.is_none(), service.is_none()) {
        (false, _) => scene.place(instance),
        (true, false) => Entity::service(scene.text(service)),
        (true, true) => Entity::new(EntityKind::Node, scene.text(node)),
    }
}
