//! What happened around a story to those who took part: changes of services, heartbeats of jobs.

use super::answer::{ChangeItem, Item};
use crate::ask::literals;
use crate::changes;
use crate::render::timestamp_text;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use model::UnixNanos;
use std::collections::BTreeSet;
use std::time::Duration;

/// A change this long before a story may bear on it.
const BEFORE: Duration = Duration::from_secs(3_600);
/// How far from a job its heartbeats are looked for.
const AROUND_JOB: Duration = Duration::from_secs(900);
const HEARTBEATS_MAX: usize = 200;

/// Items beside the story, and why there may be more of them.
pub(super) async fn surroundings(
    api: &Api,
    asker: &Asker,
    story: &[(i64, Item)],
) -> Result<(Vec<(i64, Item)>, Vec<String>), Problem> {
    let (Some(from), Some(to)) = (story.iter().map(|(time, _)| *time).min(), story.iter().map(|(time, _)| *time).max())
    else {
        return Ok((Vec::new(), Vec::new()));
    };
    let services: BTreeSet<&str> = story.iter().map(|(_, item)| item.service.as_str()).collect();
    let window = Window { from: UnixNanos(from).saturating_sub(BEFORE), to: UnixNanos(to.saturating_add(1)) };
    let found = changes::of_targets(api, asker, &window, &services).await?;
    let mut incomplete: Vec<String> = found.incomplete_reason.into_iter().collect();
    let mut items: Vec<(i64, Item)> = found.changes.iter().map(|change| change_item(change, from)).collect();
    let (beats, more) = heartbeats(api, asker, story).await?;
    items.extend(beats);
    incomplete.extend(more);
    Ok((items, incomplete))
}

fn change_item(change: &changes::Change, story_from: i64) -> (i64, Item) {
    let minutes = (story_from - change.time.0) as f64 / 60e9;
    let when = if minutes > 0.0 { format!("{minutes:.1} min before the story") } else { "during the story".to_owned() };
    let item = Item {
        time: timestamp_text(change.time.0),
        kind: "change".into(),
        why: format!("{} took part, and was changed {when}", change.target),
        confidence: 1.0,
        source: change.table,
        service: change.target.clone(),
        name: change.kind.clone(),
        status: change.status.clone(),
        text: change.title.clone(),
        change: Some(ChangeItem {
            kind: change.kind.clone(),
            target: change.target.clone(),
            version: change.version.clone(),
            previous_version: change.previous_version.clone(),
        }),
        ..Item::default()
    };
    (change.time.0, item)
}

/// Signs of life of the jobs that took part.
async fn heartbeats(
    api: &Api,
    asker: &Asker,
    story: &[(i64, Item)],
) -> Result<(Vec<(i64, Item)>, Option<String>), Problem> {
    let jobs: Vec<&(i64, Item)> = story.iter().filter(|(_, item)| item.kind == "job").collect();
    let (Some(from), Some(to)) = (jobs.iter().map(|(time, _)| *time).min(), jobs.iter().map(|(time, _)| *time).max())
    else {
        return Ok((Vec::new(), None));
    };
    let names = jobs.iter().flat_map(|(_, item)| [Some(item.name.as_str()), item.text.as_deref()]).flatten();
    let names: BTreeSet<&str> = names.collect();
    let window = Window { from: UnixNanos(from), to: UnixNanos(to) }.widened(AROUND_JOB);
    let sql = format!(
        "SELECT time, name, status, text, service FROM heartbeats WHERE name IN {} AND {} ORDER BY time LIMIT {HEARTBEATS_MAX}",
        literals(names),
        window.condition("time")
    );
    let rows = api.ask(asker, sql).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows.iter() {
        let (time, name) = (row.time("time")?, row.text("name")?);
        let item = Item {
            time: timestamp_text(time.0),
            kind: "job".into(),
            why: format!("heartbeat of the job {name}, which took part"),
            confidence: 1.0,
            source: "heartbeats",
            service: row.text("service")?.to_owned(),
            name: name.to_owned(),
            status: row.opt_string("status")?,
            text: row.opt_string("text")?,
            ..Item::default()
        };
        items.push((time.0, item));
    }
    let cut = (rows.len() == HEARTBEATS_MAX).then(|| format!("more than {HEARTBEATS_MAX} heartbeats of its jobs"));
    Ok((items, cut))
}
