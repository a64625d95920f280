//! What happened around a story to those who took part: changes of services, heartbeats of jobs, alerts.

use super::alerts;
use super::answer::{Item, ValueChangeItem};
use crate::ask::{Row, literals};
use crate::changes;
use crate::render::timestamp_text;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use model::UnixNanos;
use std::collections::BTreeSet;
use std::time::Duration;

/// A change this long before a story may bear on it.
const BEFORE: Duration = Duration::from_secs(3_600);
/// How far from a job's first and last moment its heartbeats are looked for.
const AROUND_JOB: Duration = Duration::from_secs(60);
const HEARTBEATS_MAX: usize = 200;
/// Jobs of one story whose heartbeats are looked for.
const JOBS_MAX: usize = 10;

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
    let (alerts, more) = alerts::around(api, asker, (UnixNanos(from), UnixNanos(to)), &services).await?;
    items.extend(alerts);
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
        change: Some(ValueChangeItem {
            kind: change.kind.clone(),
            target: change.target.clone(),
            version: change.version.clone(),
            previous_version: change.previous_version.clone(),
        }),
        ..Item::default()
    };
    (change.time.0, item)
}

/// A heartbeat of a job that took part.
struct Beat {
    time: i64,
    run: Option<String>,
    item: Item,
}

/// Signs of life of the runs that took part: of each, the one that began nearest to the job itself.
async fn heartbeats(
    api: &Api,
    asker: &Asker,
    story: &[(i64, Item)],
) -> Result<(Vec<(i64, Item)>, Option<String>), Problem> {
    let mut items = Vec::new();
    let mut cut = None;
    for (time, job) in story.iter().filter(|(_, item)| item.kind == "job" && item.source == "spans").take(JOBS_MAX) {
        let until = time.saturating_add(job.duration_ns.unwrap_or_default().max(0));
        let names = BTreeSet::from([Some(job.name.as_str()), job.text.as_deref()]);
        let window = Window { from: UnixNanos(*time), to: UnixNanos(until) }.widened(AROUND_JOB);
        let sql = format!(
            "SELECT time, name, status, run_id, text, service FROM heartbeats WHERE name IN {} AND {} \
             ORDER BY time LIMIT {HEARTBEATS_MAX}",
            literals(names.into_iter().flatten()),
            window.condition("time")
        );
        let rows = api.ask(asker, sql).await?;
        let beats = rows.iter().map(beat).collect::<Result<Vec<_>, _>>()?;
        if beats.len() == HEARTBEATS_MAX {
            cut = Some(format!("more than {HEARTBEATS_MAX} heartbeats around one of its jobs"));
        }
        items.extend(of_run(beats, *time).into_iter().map(|beat| (beat.time, beat.item)));
    }
    Ok((items, cut))
}

fn beat(row: Row<'_>) -> Result<Beat, Problem> {
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
    Ok(Beat { time: time.0, run: row.opt_string("run_id")?, item })
}

/// The heartbeats of the run that began nearest to `time`; of those without a run, the nearest of each state.
fn of_run(beats: Vec<Beat>, time: i64) -> Vec<Beat> {
    let distance = |beat: &Beat| (i128::from(beat.time) - i128::from(time)).abs();
    let nearest = beats.iter().min_by_key(|beat| (distance(beat), beat.time)).map(|beat| beat.run.clone());
    let Some(run) = nearest else { return Vec::new() };
    let mut kept: Vec<Beat> = Vec::new();
    for beat in beats.into_iter().filter(|beat| beat.run == run) {
        match kept.iter_mut().find(|other| run.is_none() && other.item.status == beat.item.status) {
            Some(other) if distance(&beat) < distance(other) => *other = beat,
            Some(_) => {}
            None => kept.push(beat),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(time: i64, run: Option<&str>, status: &str) -> Beat {
        let item = Item { status: Some(status.into()), ..Item::default() };
        Beat { time, run: run.map(str::to_owned), item }
    }

    fn times(beats: Vec<Beat>, time: i64) -> Vec<i64> {
        of_run(beats, time).iter().map(|beat| beat.time).collect()
    }

    #[test]
    fn of_many_runs_the_one_that_took_part_is_told() {
        let runs = || {
            vec![
                beat(0, Some("a"), "start"),
                beat(9, Some("a"), "ok"),
                beat(100, Some("b"), "start"),
                beat(190, Some("b"), "ok"),
            ]
        };
        assert_eq!(times(runs(), 98), [100, 190]);
        assert_eq!(times(runs(), 3), [0, 9]);
        assert!(times(vec![], 3).is_empty());
    }

    #[test]
    fn without_runs_the_nearest_of_each_state_is_told() {
        let beats = vec![beat(0, None, "start"), beat(9, None, "ok"), beat(100, None, "start"), beat(109, None, "ok")];
        assert_eq!(times(beats, 99), [100, 109]);
    }
}
