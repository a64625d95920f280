//! Rollbacks that nobody told of: new instances of an older version, while the newer one falls silent.
//!
//! Instances of an old version come and go beside a canary as well. So the newer version has to have sent
//! nothing any more some minutes after the first of them; only then, and not before, a rollback is told.

use super::releases::Sight;
use super::{Change, Near};
use crate::ask::{instant, literal, literals};
use crate::window::Window;
use crate::{Api, Asker, Problem};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long the newer version may still be heard after instances of the older one have started.
const GRACE: Duration = Duration::from_secs(300);
/// How long it must not be heard after that, where there is so much time yet.
const SILENCE: Duration = Duration::from_secs(1_800);
/// Instances looked at; more are cut, and said.
const INSTANCES_MAX: usize = 10_000;
/// Rollbacks of one question that are looked into.
const CANDIDATES_MAX: usize = 20;

/// An older version that came back.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Return {
    back: Sight,
    /// The version that it may have replaced.
    after: String,
}

/// Rollbacks within a time, given when versions were first seen.
pub(super) async fn rollbacks(api: &Api, asker: &Asker, window: &Window, sights: &[Sight]) -> Result<Near, Problem> {
    let several = of_several_versions(sights);
    if several.is_empty() {
        return Ok(Near { changes: Vec::new(), incomplete_reason: None });
    }
    let sql = format!(
        "SELECT service, attributes['deployment.environment.name'] AS environment, attributes['service.version'] AS version, \
         min(time) AS first FROM resources WHERE service IN {} AND attributes['service.version'] IS NOT NULL \
         GROUP BY 1, 2, 3, coalesce(attributes['service.instance.id'], attributes['k8s.pod.name'], attributes['host.name']) \
         HAVING min(time) >= {} AND min(time) < {} ORDER BY first LIMIT {INSTANCES_MAX}",
        literals(several),
        instant(window.from),
        instant(window.to)
    );
    let rows = api.ask(asker, sql).await?;
    let starts = rows.iter().map(Sight::read).collect::<Result<Vec<_>, _>>()?;
    let returns = returns(sights, &starts);
    let mut cut = rows.incomplete_reason.clone();
    if starts.len() == INSTANCES_MAX || returns.len() > CANDIDATES_MAX {
        cut.get_or_insert_with(|| {
            format!("more than {INSTANCES_MAX} instances or {CANDIDATES_MAX} returns of versions")
        });
    }
    let mut changes = Vec::new();
    for Return { back, after } in returns.into_iter().take(CANDIDATES_MAX) {
        let settled = back.first.saturating_add(GRACE);
        if settled > api.now() || is_heard(api, asker, &back, &after).await? {
            continue;
        }
        changes.push(Change {
            time: back.first,
            kind: "release".into(),
            title: Some(format!("{} went back to {}, after {after}", back.service, back.version)),
            target: back.service,
            environment: back.environment,
            version: Some(back.version),
            previous_version: Some(after),
            status: Some("rolled_back".into()),
            source: "first sight".into(),
            table: "resources",
            ..Change::default()
        });
    }
    Ok(Near { changes, incomplete_reason: cut })
}

/// Services that have had several versions in one environment.
fn of_several_versions(sights: &[Sight]) -> BTreeSet<&str> {
    let mut versions: BTreeMap<(&str, Option<&str>), usize> = BTreeMap::new();
    for sight in sights {
        *versions.entry((&sight.service, sight.environment.as_deref())).or_default() += 1;
    }
    versions.into_iter().filter(|(_, count)| *count > 1).map(|((service, _), _)| service).collect()
}

/// The first start of an older version after each newer one was first seen.
fn returns(sights: &[Sight], starts: &[Sight]) -> Vec<Return> {
    let mut returns: Vec<Return> = Vec::new();
    for start in starts {
        let same = |sight: &&Sight| sight.service == start.service && sight.environment == start.environment;
        let before = sights.iter().filter(same).filter(|sight| sight.first < start.first);
        let Some(newest) = before.max_by_key(|sight| sight.first) else { continue };
        let own = sights.iter().filter(same).find(|sight| sight.version == start.version);
        if newest.version == start.version || own.is_none_or(|own| own.first >= newest.first) {
            continue;
        }
        let known = returns.iter().any(|one| {
            one.after == newest.version
                && (&one.back.service, &one.back.environment) == (&start.service, &start.environment)
        });
        if !known {
            returns.push(Return { back: start.clone(), after: newest.version.clone() });
        }
    }
    returns
}

/// Whether a version still sends spans when it should have been replaced.
async fn is_heard(api: &Api, asker: &Asker, back: &Sight, version: &str) -> Result<bool, Problem> {
    let from = back.first.saturating_add(GRACE);
    let window = Window { from, to: from.saturating_add(SILENCE) };
    let environment = back.environment.as_ref();
    let environment =
        environment.map(|name| format!(" AND resource['deployment.environment.name'] = {}", literal(name)));
    let sql = format!(
        "SELECT time FROM spans WHERE {} AND service = {} AND resource['service.version'] = {}{} LIMIT 1",
        window.condition("time"),
        literal(&back.service),
        literal(version),
        environment.unwrap_or_default()
    );
    Ok(!api.ask(asker, sql).await?.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::UnixNanos;

    fn sight(service: &str, version: &str, first: i64) -> Sight {
        Sight { service: service.into(), environment: None, version: version.into(), first: UnixNanos(first) }
    }

    #[test]
    fn an_older_version_that_starts_after_a_newer_one_has_come_back_once() {
        let sights = [sight("pay", "1", 10), sight("pay", "2", 50), sight("still", "7", 5)];
        let starts = [
            sight("pay", "1", 10),
            sight("pay", "1", 20),
            sight("pay", "2", 50),
            sight("pay", "2", 55),
            sight("pay", "1", 80),
            sight("pay", "1", 81),
            sight("still", "7", 60),
        ];
        let found = returns(&sights, &starts);
        assert_eq!(found, [Return { back: sight("pay", "1", 80), after: "2".into() }]);
        assert_eq!(of_several_versions(&sights), BTreeSet::from(["pay"]));
    }

    #[test]
    fn a_version_that_goes_on_and_another_place_make_no_return() {
        let test = |version: &str, first| Sight { environment: Some("test".into()), ..sight("pay", version, first) };
        let sights = [sight("pay", "1", 10), test("2", 50)];
        assert!(returns(&sights, &[sight("pay", "1", 80), test("2", 90)]).is_empty());
    }
}
