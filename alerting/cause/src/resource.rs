//! Metrics: which families there are, what is a surprise in each, and whom a series is about.
//!
//! A surprise is a robust z: the distance from the middle in spreads, with a floor in the family's own
//! unit, so that nothing is made of a tenth of a percent. The second largest minute counts, never the
//! largest: a single point is no fault.

use crate::names::{Name, Names};
use crate::sign::Aspect;
use crate::statistic::Usual;
use crate::telemetry::Series;
use crate::window::{Side, Window};

/// How the values of a family are read.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Scale {
    /// A share of what there is; a unit of `1` is multiplied to percent. The floor is in points.
    Share(f64),
    /// Anything else: the floor is this share of the median, and this much at least.
    Amount { relative: f64, absolute: f64 },
}

/// A family of metrics, by what their names contain.
#[derive(Debug)]
struct Family {
    aspect: Aspect,
    scale: Scale,
    /// All of one of these groups must occur in the name.
    names: &'static [&'static [&'static str]],
}

const SHARE: Scale = Scale::Share(1.0);

/// The first family that fits counts.
const FAMILIES: &[Family] = &[
    Family { aspect: Aspect::Pool, scale: Scale::Amount { relative: 1.0, absolute: 2.0 }, names: &[&["connection", "pending"], &["connection", "timeouts"], &["pool", "wait"], &["pool", "pending"]] },
    Family { aspect: Aspect::Pool, scale: Scale::Share(5.0), names: &[&["connection", "utilization"], &["pool", "utilization"]] },
    Family { aspect: Aspect::Threads, scale: Scale::Amount { relative: 0.5, absolute: 5.0 }, names: &[&["thread", "queue"], &["threads", "active"], &["thread", "count"], &["threads", "busy"]] },
    Family { aspect: Aspect::Lag, scale: Scale::Amount { relative: 1.0, absolute: 20.0 }, names: &[&["lag"], &["queue", "depth"], &["messages", "ready"], &["backlog"]] },
    Family { aspect: Aspect::Disk, scale: Scale::Share(5.0), names: &[&["filesystem", "utilization"], &["disk", "utilization"], &["disk", "used", "percent"]] },
    Family { aspect: Aspect::Cpu, scale: SHARE, names: &[&["cpu", "utilization"], &["cpu", "percent"]] },
    Family { aspect: Aspect::Memory, scale: Scale::Share(5.0), names: &[&["memory", "utilization"], &["memory", "percent"]] },
];

/// A series that surprises.
#[derive(Clone, Debug)]
pub(crate) struct Surprise {
    pub(crate) aspect: Aspect,
    pub(crate) series: usize,
    pub(crate) z: f64,
    pub(crate) now: f64,
    pub(crate) usual: Usual,
    pub(crate) since: i64,
}

fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.names.iter().any(|group| group.iter().all(|part| name.contains(part))))
}

/// Reference points needed before a series may surprise.
const REFERENCE_MIN: usize = 5;

/// All surprises, in the order of the series.
pub(crate) fn surprises(series: &[Series], names: &Names, window: &Window) -> Vec<Surprise> {
    let of = |(index, series): (usize, &Series)| {
        let family = family(&names.text(series.key.metric).to_ascii_lowercase())?;
        let factor = match family.scale {
            Scale::Share(_) if names.text(series.key.unit) == "1" => 100.0,
            _ => 1.0,
        };
        let points = values(series, factor);
        let side = |wanted: Side| points.iter().filter(move |(time, _)| window.side(*time) == Some(wanted));
        let reference: Vec<f64> = side(Side::Reference).map(|(_, value)| *value).collect();
        if reference.len() < REFERENCE_MIN {
            return None;
        }
        let usual = Usual::of(&reference);
        let floor = match family.scale {
            Scale::Share(points) => points,
            Scale::Amount { relative, absolute } => (usual.median.abs() * relative).max(absolute),
        };
        let mut current: Vec<(i64, f64)> = side(Side::Current).copied().collect();
        current.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let now = current.get(1).or(current.first())?.1;
        let z = usual.z(now, floor);
        let since = current.iter().filter(|(_, value)| usual.z(*value, floor) >= z / 2.0).map(|(time, _)| *time).min()?;
        Some(Surprise { aspect: family.aspect, series: index, z, now, usual, since })
    };
    series.iter().enumerate().filter_map(of).collect()
}

/// The values of a series; of a cumulative one its increase per second.
pub(crate) fn values(series: &Series, factor: f64) -> Vec<(i64, f64)> {
    if !series.cumulative {
        return series.points.iter().map(|(time, value)| (*time, value * factor)).collect();
    }
    let rate = |pair: &[(i64, f64)]| {
        let seconds = (pair[1].0 - pair[0].0) as f64 / 1e9;
        // A counter that falls has begun anew.
        let grown = if pair[1].1 >= pair[0].1 { pair[1].1 - pair[0].1 } else { pair[1].1 };
        (seconds > 0.0).then(|| (pair[1].0, grown / seconds))
    };
    series.points.windows(2).filter_map(rate).collect()
}

/// An edge metric: source and destination, and which of the two measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct EdgeSeries {
    pub(crate) source: Name,
    pub(crate) destination: Name,
    pub(crate) by_source: bool,
}

/// Reads a series as measured between two services, as meshes do.
pub(crate) fn edge(series: &Series, names: &Names) -> Option<EdgeSeries> {
    let value = |wanted: &[&str]| series.key.attributes.iter().find(|(key, _)| wanted.contains(&names.text(*key))).map(|(_, value)| *value);
    let source = value(&["source", "source_workload", "source.workload", "client"])?;
    let destination = value(&["destination", "destination_workload", "destination.workload", "server"])?;
    let name = names.text(series.key.metric);
    let latency = ["latency", "duration"].iter().any(|part| name.contains(part));
    let reporter = value(&["reporter"]).map(|reporter| names.text(reporter));
    let by_source = match (reporter, name.rsplit('.').next()) {
        (Some("source"), _) | (None, Some("source")) => true,
        (Some("destination"), _) | (None, Some("destination")) => false,
        _ => return None,
    };
    latency.then_some(EdgeSeries { source, destination, by_source })
}
