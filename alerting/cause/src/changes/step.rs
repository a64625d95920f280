//! When something of a service stepped away from what it was, and stayed away.

use crate::names::Name;
use crate::records::Level;
use crate::scene::Scene;
use crate::statistic::Usual;
use model::Entity;
use std::collections::BTreeMap;

/// Points needed on each side of a step.
const BEFORE_MIN: usize = 4;
const AFTER_MIN: usize = 2;
/// Points looked at on each side.
const BEFORE_MAX: usize = 60;
const AFTER_MAX: usize = 10;
const Z_STEP: f64 = 6.0;
const Z_STAY: f64 = 3.0;
/// Lines of an error that was never seen before.
const LINES_MIN: usize = 3;

/// One series of a service: its times and values.
#[derive(Debug)]
pub(super) struct Track {
    points: Vec<(i64, f64)>,
}

/// All that is known over time of each service: metrics, and error lines by minute.
pub(super) fn tracks(scene: &Scene<'_>) -> BTreeMap<Entity, Vec<Track>> {
    let mut tracks: BTreeMap<Entity, Vec<Track>> = BTreeMap::new();
    for series in &scene.case.records.series {
        let service = if series.key.service.is_none() { series.key.instance } else { series.key.service };
        tracks.entry(Entity::service(scene.text(service))).or_default().push(Track { points: series.points.clone() });
    }
    tracks
}

/// First lines of each error or warning template of each service.
pub(super) fn first_lines(scene: &Scene<'_>) -> BTreeMap<Entity, Vec<i64>> {
    let mut lines: BTreeMap<(Name, Name), Vec<i64>> = BTreeMap::new();
    for log in scene.case.records.logs.iter().filter(|log| log.level > Level::Usual) {
        lines.entry((log.service, log.template)).or_default().push(log.time);
    }
    let mut first: BTreeMap<Entity, Vec<i64>> = BTreeMap::new();
    for ((service, _), times) in lines.into_iter().filter(|(_, times)| times.len() >= LINES_MIN) {
        first.entry(Entity::service(scene.text(service))).or_default().extend(times.into_iter().min());
    }
    first
}

impl Track {
    /// When the track left what it was before `change` for good, if it did so after it (or in the
    /// interval around it).
    pub(super) fn stepped_after(&self, change: i64) -> Option<i64> {
        let at = self.points.partition_point(|(time, _)| *time < change);
        let interval = self.points.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].0)).min().unwrap_or(0);
        // A point that is stamped with the start of its interval may already show the change.
        let known =
            self.points[..at].iter().rev().filter(|(time, _)| time.saturating_add(interval) <= change).take(BEFORE_MAX);
        let before: Vec<f64> = known.map(|(_, value)| *value).collect();
        if before.len() < BEFORE_MIN {
            return None;
        }
        let usual = Usual::of(&before);
        let low = Usual::of(&before.iter().map(|value| -value).collect::<Vec<f64>>());
        let floor = (usual.median.abs() * 0.05).max(1e-3);
        let z = |value: f64| usual.z(value, floor).max(low.z(-value, floor));
        let after = &self.points;
        let from = after.partition_point(|(time, _)| time.saturating_add(interval) <= change);
        (from..after.len())
            .find(|index| {
                let rest = &after[*index..after.len().min(index + AFTER_MAX)];
                z(rest[0].1) >= Z_STEP
                    && rest.len() >= AFTER_MIN
                    && rest.iter().filter(|(_, value)| z(*value) >= Z_STAY).count() * 5 >= rest.len() * 4
            })
            .map(|index| after[index].0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    const MINUTE: i64 = 60_000_000_000;

    fn track(values: &[f64]) -> Track {
        Track { points: values.iter().enumerate().map(|(at, value)| (at as i64 * MINUTE, *value)).collect() }
    }

    #[test]
    fn a_step_is_dated_and_a_single_leap_is_none() {
        let mut values = vec![10.0, 11.0, 10.0, 9.0, 10.0, 11.0, 10.0, 10.0, 50.0, 51.0, 50.0, 52.0];
        assert_eq!(track(&values).stepped_after(5 * MINUTE).unwrap(), 8 * MINUTE);
        values[9..].fill(10.0);
        assert_eq!(track(&values).stepped_after(5 * MINUTE), None);
    }

    #[test]
    fn what_had_stepped_before_a_change_does_not_step_after_it() {
        let values = [10.0, 10.0, 11.0, 10.0, 50.0, 51.0, 50.0, 52.0, 50.0, 51.0, 50.0, 50.0];
        assert_eq!(track(&values).stepped_after(8 * MINUTE), None);
        assert!(track(&values).stepped_after(4 * MINUTE).is_some());
    }
}
