//! One record that fails again and again: the data's fault, no change's.

use crate::names::Name;
use crate::records::{Level, SpanKind};
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::tell::{like, quoted};
use crate::window::Side;
use model::{Bilingual, CauseKind, Entity};
use std::collections::{BTreeMap, BTreeSet};

/// What one record that fails again and again is worth, in bits.
const RECORD_BITS: f64 = 6.0;
/// So often at least.
const TIMES_MIN: usize = 5;

/// The same record that fails again and again is data's fault: a sign against its consumer.
pub(crate) fn one_record(scene: &Scene<'_>) -> Option<Sign> {
    poisoned(scene).or_else(|| failing_line(scene))
}

/// Error lines that all speak of one record.
fn failing_line(scene: &Scene<'_>) -> Option<Sign> {
    let mut failing: BTreeMap<(Name, Name), Vec<u64>> = BTreeMap::new();
    for log in scene.case.records.logs.iter().filter(|log| log.level == Level::Error && log.record != 0) {
        if scene.side(log.time) == Some(Side::Current) {
            failing.entry((log.service, log.template)).or_default().push(log.record);
        }
    }
    let same = |records: &Vec<u64>| records.len() >= TIMES_MIN && records.iter().all(|record| *record == records[0]);
    let ((service, template), records) = failing.into_iter().find(|(_, records)| same(records))?;
    let (name, line, count) = (scene.text(service), scene.text(template), records.len());
    let text = Bilingual::new(
        format!("{name} fails {count} times on one and the same record: \"{line}\""),
        format!("{name} 在同一条记录上失败 {count} 次：“{line}”"),
    );
    let query = format!(
        "SELECT time, body FROM logs WHERE service = {} AND body LIKE {} ORDER BY time",
        quoted(name),
        like(line)
    );
    Some(Sign {
        bits: RECORD_BITS,
        now: Some(count as f64),
        query: Some(query),
        cause: Some(CauseKind::BadData),
        ..Sign::new(Aspect::ErrorLog, Entity::service(name), text)
    })
}

/// What a consumer does with the messages it is given.
#[derive(Debug, Default)]
struct Messages {
    /// How often each failed in the consumer itself.
    failed: BTreeMap<u64, usize>,
    handled: BTreeSet<u64>,
}

/// Few messages that fail each time they are tried, in the consumer itself, while others are handled: poison.
fn poisoned(scene: &Scene<'_>) -> Option<Sign> {
    let trees = &scene.trees;
    let mut consumers: BTreeMap<(Name, Name), Messages> = BTreeMap::new();
    for (index, span) in trees.spans.iter().enumerate() {
        if span.kind != SpanKind::Consumer || span.record == 0 || scene.side(span.start) != Some(Side::Current) {
            continue;
        }
        let messages = consumers.entry((span.service, span.operation)).or_default();
        let own = trees.children(index).all(|child| !trees.spans[child].failed);
        match (span.failed, own) {
            (true, true) => *messages.failed.entry(span.record).or_default() += 1,
            (true, false) => {}
            (false, _) => {
                messages.handled.insert(span.record);
            }
        }
    }
    consumers.retain(|_, messages| {
        // One that was handled in the end was not unreadable.
        messages.failed.retain(|record, times| *times >= TIMES_MIN && !messages.handled.contains(record));
        !messages.failed.is_empty() && messages.failed.len() < messages.handled.len()
    });
    let most = |messages: &Messages| messages.failed.values().copied().max().unwrap_or(0);
    let ((service, operation), messages) = consumers.into_iter().max_by_key(|(_, messages)| most(messages))?;
    let (name, operation) = (scene.text(service), scene.text(operation));
    let (count, times) = (messages.failed.len(), messages.failed.values().sum::<usize>());
    let text = Bilingual::new(
        format!(
            "{name} {operation} fails {times} times on {count} messages that are tried again and again; others are handled"
        ),
        format!("{name} {operation} 在反复重试的 {count} 条消息上失败 {times} 次，其他消息处理正常"),
    );
    Some(Sign {
        bits: RECORD_BITS,
        now: Some(times as f64),
        query: Some(format!(
            "SELECT attributes['messaging.message.id'] AS message, count(*) AS tries, count(*) FILTER (WHERE status = 'error') AS failed \
             FROM spans WHERE service = {} AND kind = 'consumer' GROUP BY 1 ORDER BY failed DESC LIMIT 20",
            quoted(name)
        )),
        cause: Some(CauseKind::PoisonMessage),
        ..Sign::new(Aspect::ErrorOrigin, Entity::service(name), text)
    })
}
