//! One record that fails again and again: the data's fault, no change's.

use crate::names::Name;
use crate::records::Level;
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::tell::{like, quoted};
use crate::window::Side;
use model::{Bilingual, CauseKind, Entity};
use std::collections::BTreeMap;

/// What one record that fails again and again is worth, in bits.
const RECORD_BITS: f64 = 6.0;

/// The same record that fails again and again is data's fault: a sign against its consumer.
pub(crate) fn one_record(scene: &Scene<'_>) -> Option<Sign> {
    const LINES_MIN: usize = 5;
    let mut failing: BTreeMap<(Name, Name), Vec<u64>> = BTreeMap::new();
    for log in scene.case.records.logs.iter().filter(|log| log.level == Level::Error && log.record != 0) {
        if scene.side(log.time) == Some(Side::Current) {
            failing.entry((log.service, log.template)).or_default().push(log.record);
        }
    }
    let same = |records: &Vec<u64>| records.len() >= LINES_MIN && records.iter().all(|record| *record == records[0]);
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
