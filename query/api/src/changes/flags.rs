//! Feature flags that nobody told of: a variant that a service evaluates a flag to for the first time.
//!
//! Evaluations are records named `feature_flag.evaluation`. The first variant of a flag that is seen within
//! [`LOOK_BACK`] is what it is, and no change; so neither a flag that is asked rarely makes one, nor a flag
//! that gives several variants at a time, once all of them are known.

use super::{Change, Near};
use crate::ask::literals;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use model::UnixNanos;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long before a window variants are known.
const LOOK_BACK: Duration = Duration::from_secs(86_400);
/// Variants of flags looked at; more are cut, and said.
const VARIANTS_MAX: usize = 10_000;

/// A variant when a service first got it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Sight {
    first: UnixNanos,
    variant: String,
    service: String,
    environment: Option<String>,
    flag: String,
}

/// Flags that changed within a time, as some services saw it, or all.
pub(super) async fn flags(
    api: &Api,
    asker: &Asker,
    window: &Window,
    services: Option<&BTreeSet<&str>>,
) -> Result<Near, Problem> {
    let known = Window { from: window.from.saturating_sub(LOOK_BACK), to: window.to };
    let of = services.map(|services| format!(" AND service IN {}", literals(services.iter().copied())));
    let sql = format!(
        "SELECT service, COALESCE(resource['deployment.environment.name'], '') AS environment, \
         attributes['feature_flag.key'] AS flag, attributes['feature_flag.result.variant'] AS variant, \
         MIN(time) AS first FROM logs WHERE {} AND event_name = 'feature_flag.evaluation' \
         AND attributes['feature_flag.key'] IS NOT NULL AND attributes['feature_flag.result.variant'] IS NOT NULL{} \
         GROUP BY 1, 2, 3, 4 ORDER BY first LIMIT {VARIANTS_MAX}",
        known.condition("time"),
        of.unwrap_or_default()
    );
    let rows = api.ask(asker, sql).await?;
    let mut sights = Vec::with_capacity(rows.len());
    for row in rows.iter() {
        sights.push(Sight {
            service: row.text("service")?.to_owned(),
            environment: row.opt_string("environment")?.filter(|text| !text.is_empty()),
            flag: row.text("flag")?.to_owned(),
            variant: row.text("variant")?.to_owned(),
            first: row.time("first")?,
        });
    }
    let cut = (sights.len() == VARIANTS_MAX).then(|| format!("more than {VARIANTS_MAX} variants of feature flags"));
    Ok(Near { changes: found(sights, window), incomplete_reason: cut.or(rows.incomplete_reason) })
}

/// Every variant but the first of its flag and service; what several services saw is told by the first.
fn found(mut sights: Vec<Sight>, window: &Window) -> Vec<Change> {
    sights.sort();
    let mut newest: BTreeMap<(String, Option<String>, String), String> = BTreeMap::new();
    let mut told: BTreeSet<(String, Option<String>, String)> = BTreeSet::new();
    let mut changes = Vec::new();
    for sight in sights {
        let place = (sight.service.clone(), sight.environment.clone(), sight.flag.clone());
        let Some(previous) = newest.insert(place, sight.variant.clone()) else { continue };
        let is_inside = sight.first >= window.from && sight.first < window.to;
        if !told.insert((sight.flag.clone(), sight.environment.clone(), sight.variant.clone())) || !is_inside {
            continue;
        }
        changes.push(Change {
            time: sight.first,
            kind: "feature_flag".into(),
            title: Some(format!("{} gave {} to {}, after {previous}", sight.flag, sight.variant, sight.service)),
            target: sight.flag,
            environment: sight.environment,
            version: Some(sight.variant),
            previous_version: Some(previous),
            status: Some("succeeded".into()),
            source: "first sight".into(),
            table: "logs",
            ..Change::default()
        });
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(service: &str, flag: &str, variant: &str, first: i64) -> Sight {
        Sight {
            service: service.into(),
            environment: None,
            flag: flag.into(),
            variant: variant.into(),
            first: UnixNanos(first),
        }
    }

    #[test]
    fn a_flag_changed_when_a_service_got_a_variant_it_had_not_had() {
        let sights = vec![
            sight("cart", "fast-checkout", "off", 10),
            sight("cart", "fast-checkout", "on", 50),
            // Another service sees the same change a little later.
            sight("order", "fast-checkout", "off", 11),
            sight("order", "fast-checkout", "on", 52),
            // Never seen before: that is what it is.
            sight("cart", "new-flag", "on", 60),
        ];
        let found = found(sights, &Window { from: UnixNanos(40), to: UnixNanos(100) });
        let told: Vec<_> = found
            .iter()
            .map(|c| (c.time.0, c.target.as_str(), c.version.as_deref(), c.previous_version.as_deref()))
            .collect();
        assert_eq!(told, [(50, "fast-checkout", Some("on"), Some("off"))]);
    }

    #[test]
    fn variants_that_are_known_before_the_window_are_no_change_in_it() {
        let sights = vec![sight("cart", "split", "a", 10), sight("cart", "split", "b", 12)];
        assert!(found(sights, &Window { from: UnixNanos(40), to: UnixNanos(100) }).is_empty());
    }
}
