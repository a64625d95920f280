//! What was changed before and during an incident, and who did not report.

use super::reference::outside;
use super::{Maps, sql};
use crate::ask::{Ints, Questioner, Texts};
use cause::{Change, Heartbeat, Window};
use client::QueryError;
use model::{Entity, EntityKind, TimeRange, UnixNanos};
use std::collections::BTreeSet;
use std::time::Duration;

/// Beyond so many of its own intervals, a heartbeat is late.
const INTERVALS_LATE: i64 = 3;
/// A heartbeat that came fewer times has no interval of its own yet.
const BEATS_MIN: i64 = 4;
const LATE_MIN: Duration = Duration::from_secs(60);

/// A change may show for so long after it was made before anybody is hurt.
const EFFECT: Duration = Duration::from_secs(3 * 3_600);
/// What is usual is known from so much time before a change.
const USUAL: Duration = Duration::from_secs(30 * 60);
/// Services whose past is read for their changes; of the newest changes.
const TARGETS_MAX: usize = 50;

pub(super) async fn changes(ask: &Questioner, current: TimeRange) -> Result<Vec<Change>, QueryError> {
    let rows = ask.rows(sql::changes(current), 500).await?;
    let mut found = Vec::new();
    for batch in rows.batches() {
        let [kind, target, version, previous, author, title, id] =
            ["kind", "target", "version", "previous_version", "author", "title", "change_id"]
                .map(|name| Texts::of(batch, name));
        let (time, attributes) = (Ints::of(batch, "time"), Maps::of(batch, "attributes"));
        for row in 0..batch.num_rows() {
            let attributes = attributes.at(row);
            let time = UnixNanos(time.at(row));
            let (kind, id) = (kind.at(row), id.at(row));
            // A commit is its own revision, and of no service until a deployment brings it out.
            let is_commit = kind == "commit";
            let revision = first(&attributes, &["vcs.ref.head.revision", "revision"]);
            let revision = revision.unwrap_or(if is_commit { id } else { "" });
            let whole = if is_commit { "" } else { target.at(row) };
            found.push(Change {
                id: named(id, kind, target.at(row), time, revision),
                time,
                kind: kind.to_owned(),
                target: first(&attributes, &["service", "service.name"]).unwrap_or(whole).to_owned(),
                version: version.at(row).to_owned(),
                previous_version: previous.at(row).to_owned(),
                author: author.at(row).to_owned(),
                title: titled(title.at(row), target.at(row), first(&attributes, &["change"])),
                revision: revision.to_owned(),
                files: files(first(&attributes, &["files"]).unwrap_or_default()),
                diff: first(&attributes, &["diff"]).unwrap_or_default().to_owned(),
            });
        }
    }
    Ok(found)
}

/// What is read besides the reference, to tell when something stepped away from what it was before a change, and of
/// which services; nothing where the reference reaches back far enough.
pub(super) fn history(changes: &[Change], window: &Window) -> (Vec<TimeRange>, Vec<String>) {
    let known = known_since(window);
    let oldest = window.current.from.saturating_sub(EFFECT);
    let began = |change: &&Change| {
        let is_before = change.time < known.saturating_add(USUAL);
        change.time >= oldest && is_before && !change.target.is_empty()
    };
    let of: Vec<&Change> = changes.iter().filter(began).take(TARGETS_MAX).collect();
    let Some(first) = of.iter().map(|change| change.time).min() else { return Default::default() };
    let range = TimeRange { from: first.saturating_sub(USUAL), until: known };
    let targets: BTreeSet<String> = of.iter().map(|change| Entity::read(&change.target).name).collect();
    (outside(range, &window.reference), targets.into_iter().collect())
}

/// Since when all is read without a gap, up to the incident.
fn known_since(window: &Window) -> UnixNanos {
    let mut ranges = window.reference.clone();
    ranges.sort_by_key(|range| std::cmp::Reverse(range.until));
    let reach = |known: UnixNanos, range: &TimeRange| if range.until >= known { known.min(range.from) } else { known };
    ranges.iter().fold(window.current.from, reach)
}

/// The sender's id, or a name that stays the same for as long as the change is asked for.
fn named(id: &str, kind: &str, target: &str, time: UnixNanos, revision: &str) -> String {
    match (id, revision) {
        ("", "") => format!("{kind}:{target}@{}", time.0),
        // One deployment may bring out several commits at a time.
        ("", revision) => format!("{kind}:{target}@{}:{revision}", time.0),
        (id, _) => id.to_owned(),
    }
}

/// Its own title, else what it was made to and how.
fn titled(title: &str, target: &str, change: Option<&str>) -> String {
    match change.filter(|_| title.is_empty()) {
        Some(change) => format!("{target} {change}"),
        None => title.to_owned(),
    }
}

fn first<'a>(attributes: &[(&'a str, &'a str)], keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| attributes.iter().find(|(k, v)| k == key && !v.is_empty()).map(|(_, v)| *v))
}

/// A list as attributes hold it: JSON, or one name.
fn files(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|_| if text.is_empty() { vec![] } else { vec![text.to_owned()] })
}

pub(super) async fn heartbeats(ask: &Questioner, current: TimeRange) -> Result<Vec<Heartbeat>, QueryError> {
    let rows = ask.rows(sql::heartbeats(current), 10_000).await?;
    let mut found = Vec::new();
    for batch in rows.batches() {
        let [name, status, service, device, site, region] =
            ["name", "status", "service", "device", "site", "region"].map(|name| Texts::of(batch, name));
        let (first, last, beats) = (Ints::of(batch, "first"), Ints::of(batch, "last"), Ints::of(batch, "beats"));
        for row in 0..batch.num_rows() {
            let since = late(first.at(row), last.at(row), beats.at(row), current.until);
            let failed = status.at(row) == "fail";
            if !failed && since.is_none() {
                continue;
            }
            let (kind, who) = [
                (EntityKind::Device, device.at(row)),
                (EntityKind::Site, site.at(row)),
                (EntityKind::Region, region.at(row)),
                (EntityKind::Service, service.at(row)),
            ]
            .into_iter()
            .find(|(_, who)| !who.is_empty())
            .unwrap_or((EntityKind::Device, name.at(row)));
            found.push(Heartbeat {
                name: name.at(row).to_owned(),
                entity: Entity::new(kind, who),
                since: since.unwrap_or(UnixNanos(last.at(row))),
                status: status.at(row).to_owned(),
            });
        }
    }
    Ok(found)
}

/// Since when the next one is overdue, by the interval that it kept before.
fn late(first: i64, last: i64, beats: i64, now: UnixNanos) -> Option<UnixNanos> {
    if beats < BEATS_MIN {
        return None;
    }
    let interval = (last - first) / (beats - 1);
    let allowed = (interval * INTERVALS_LATE).max(i64::try_from(LATE_MIN.as_nanos()).unwrap_or(i64::MAX));
    (now.0 - last > allowed).then_some(UnixNanos(last + interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_late_by_the_interval_it_kept() {
        let s = UnixNanos::SECOND;
        assert_eq!(late(0, 300 * s, 6, UnixNanos(400 * s)), None);
        assert_eq!(late(0, 300 * s, 6, UnixNanos(500 * s)), Some(UnixNanos(360 * s)));
        assert_eq!(late(0, 300 * s, 3, UnixNanos(5_000 * s)), None, "too few to know");
    }

    #[test]
    fn the_past_of_what_was_changed_before_the_reference_is_read_and_of_nothing_else() {
        let minute = |minute: i64| UnixNanos(minute * 60 * UnixNanos::SECOND);
        let range = |from: i64, until: i64| TimeRange { from: minute(from), until: minute(until) };
        let window = Window { reference: vec![range(400, 460)], current: range(460, 475) };
        let change = |at: i64, target: &str| Change { time: minute(at), target: target.into(), ..Change::default() };
        let all = [change(455, "new"), change(415, "young"), change(300, "shop"), change(290, ""), change(100, "old")];
        let both = vec!["shop".to_owned(), "young".to_owned()];
        assert_eq!(history(&all, &window), (vec![range(270, 400)], both.clone()));
        assert_eq!(history(&all[..1], &window), (vec![], vec![]), "the reference reaches back far enough");
        assert_eq!(history(&all[1..2], &window), (vec![range(385, 400)], vec!["young".to_owned()]));
        let far = Window { reference: vec![range(280, 282), range(400, 460)], ..window };
        let expected = vec![range(270, 280), range(282, 400)];
        assert_eq!(history(&all, &far), (expected, both), "a minute far back leaves a gap, and is not read twice");
    }

    #[test]
    fn a_change_without_an_id_is_named_by_what_it_brought_out_too() {
        let named = |id, revision| named(id, "deploy", "shop", UnixNanos(7), revision);
        assert_eq!((named("", "").as_str(), named("", "ab").as_str()), ("deploy:shop@7", "deploy:shop@7:ab"));
        assert_eq!(named("d-1", "ab"), "d-1");
    }

    #[test]
    fn what_says_nothing_of_itself_is_titled_by_its_change() {
        assert_eq!(titled("", "new_cart", Some("off->on")), "new_cart off->on");
        assert_eq!(titled("fix", "repository", Some("x")), "fix");
        assert_eq!(titled("", "shop", None), "");
    }

    #[test]
    fn files_come_as_a_list_or_as_one_name() {
        assert_eq!(files(r#"["a.rs","b.rs"]"#), ["a.rs", "b.rs"]);
        assert_eq!(files("a.rs"), ["a.rs"]);
        assert!(files("").is_empty());
    }
}
