//! Releases that nobody told of: the first sight of a version of a service that had another before, and
//! the return of an older one (see [`super::rollbacks`]).
//!
//! They are read from resources, each of which stands in its table with the time it was first seen. The
//! first version of a service ever seen is no release but the beginning of watching; so neither a service
//! that was idle nor one whose version never changes makes a marker.

use super::rollbacks::rollbacks;
use super::{Change, Near};
use crate::ask::{Row, literals};
use crate::window::Window;
use crate::{Api, Asker, Problem};
use model::UnixNanos;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// Versions of services looked at; more are cut, and said.
const VERSIONS_MAX: usize = 50_000;
/// Instances listed of one page of releases.
const INSTANCES_MAX: usize = 10_000;

/// A version when it was first seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sight {
    pub(super) service: String,
    pub(super) environment: Option<String>,
    pub(super) version: String,
    pub(super) first: UnixNanos,
}

impl Sight {
    pub(super) fn read(row: Row<'_>) -> Result<Self, Problem> {
        Ok(Self {
            service: row.text("service")?.to_owned(),
            environment: row.opt_string("environment")?,
            version: row.text("version")?.to_owned(),
            first: row.time("first")?,
        })
    }
}

/// Releases within a time, of some services or of all.
pub(super) async fn releases(
    api: &Api,
    asker: &Asker,
    window: &Window,
    services: Option<&BTreeSet<&str>>,
) -> Result<Near, Problem> {
    let of = services.map(|services| format!(" AND service IN {}", literals(services.iter().copied())));
    let sql = format!(
        "SELECT service, attributes['deployment.environment.name'] AS environment, \
         attributes['service.version'] AS version, min(time) AS first FROM resources \
         WHERE attributes['service.version'] IS NOT NULL{} GROUP BY 1, 2, 3 ORDER BY first LIMIT {VERSIONS_MAX}",
        of.unwrap_or_default()
    );
    let rows = api.ask(asker, sql).await?;
    let sights = rows.iter().map(Sight::read).collect::<Result<Vec<_>, _>>()?;
    let cut = (sights.len() == VERSIONS_MAX).then(|| format!("more than {VERSIONS_MAX} versions of services"));
    let back = rollbacks(api, asker, window, &sights).await?;
    let mut changes = found(sights, window);
    changes.extend(back.changes);
    Ok(Near { changes, incomplete_reason: cut.or(rows.incomplete_reason).or(back.incomplete_reason) })
}

/// Every version but the first of its service and environment, with the one that was new before it.
fn found(mut sights: Vec<Sight>, window: &Window) -> Vec<Change> {
    sights.sort_by(|a, b| (a.first, &a.version).cmp(&(b.first, &b.version)));
    let mut newest: BTreeMap<(String, Option<String>), String> = BTreeMap::new();
    let mut releases = Vec::new();
    for sight in sights {
        let place = (sight.service.clone(), sight.environment.clone());
        let Some(previous) = newest.insert(place, sight.version.clone()) else { continue };
        if sight.first < window.from || sight.first >= window.to {
            continue;
        }
        releases.push(Change {
            time: sight.first,
            kind: "release".into(),
            title: Some(format!("{} {} was first seen, after {previous}", sight.service, sight.version)),
            target: sight.service,
            environment: sight.environment,
            version: Some(sight.version),
            previous_version: Some(previous),
            status: Some("succeeded".into()),
            source: "first sight".into(),
            table: "resources",
            ..Change::default()
        });
    }
    releases
}

/// An instance that runs a released version, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Instance {
    /// `service.instance.id`, else the pod, else the host.
    instance: String,
    /// RFC 3339.
    first_seen: String,
}

/// Which instances took up which version when, by service and version.
pub(super) async fn rollout(
    api: &Api,
    asker: &Asker,
    releases: &[&Change],
) -> Result<BTreeMap<(String, String), Vec<Instance>>, Problem> {
    let mut instances: BTreeMap<(String, String), Vec<Instance>> = BTreeMap::new();
    if releases.is_empty() {
        return Ok(instances);
    }
    let sql = format!(
        "SELECT service, attributes['service.version'] AS version, coalesce(attributes['service.instance.id'], \
         attributes['k8s.pod.name'], attributes['host.name']) AS instance, min(time) AS first FROM resources \
         WHERE service IN {} AND attributes['service.version'] IN {} GROUP BY 1, 2, 3 ORDER BY first LIMIT {INSTANCES_MAX}",
        literals(releases.iter().map(|release| release.target.as_str())),
        literals(releases.iter().filter_map(|release| release.version.as_deref()))
    );
    let rows = api.ask(asker, sql).await?;
    for row in rows.iter() {
        let Some(instance) = row.opt_text("instance")? else { continue };
        let of = (row.text("service")?.to_owned(), row.text("version")?.to_owned());
        let first_seen = crate::render::timestamp_text(row.time("first")?.0);
        instances.entry(of).or_default().push(Instance { instance: instance.to_owned(), first_seen });
    }
    Ok(instances)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(service: &str, environment: &str, version: &str, first: i64) -> Sight {
        Sight {
            service: service.into(),
            environment: Some(environment.into()),
            version: version.into(),
            first: UnixNanos(first),
        }
    }

    fn named(sights: Vec<Sight>, from: i64, to: i64) -> Vec<(String, Option<String>, Option<String>)> {
        let window = Window { from: UnixNanos(from), to: UnixNanos(to) };
        let releases = found(sights, &window).into_iter();
        releases.map(|change| (change.target, change.previous_version, change.version)).collect()
    }

    #[test]
    fn a_release_is_a_version_after_another_in_the_same_environment() {
        let some = |text: &str| Some(text.to_owned());
        let sights = vec![
            sight("pay", "production", "2.0", 50),
            sight("pay", "production", "1.0", 10),
            sight("pay", "test", "2.0", 20),
            sight("still", "production", "7", 30),
        ];
        assert_eq!(named(sights.clone(), 0, 100), [("pay".to_owned(), some("1.0"), some("2.0"))]);
        assert!(named(sights.clone(), 51, 100).is_empty(), "outside the window");
        assert!(named(sights, 0, 50).is_empty(), "the end is not inside");
    }

    #[test]
    fn the_first_version_ever_seen_is_no_release() {
        assert!(named(vec![sight("idle", "production", "1.0", 40)], 0, 100).is_empty());
    }
}
