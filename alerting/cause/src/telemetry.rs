//! Telemetry on its way in: rows become records.
//!
//! Any number of rows may come; the bounds hold at every moment. What is kept does not depend on the
//! order of rows: traces are chosen by a hash of their id, series by a hash of what names them.

use crate::choice::{HALVINGS_MAX, kept, key_hash, log_choice, mixed, series_hash};
use crate::names::{Name, Names};
use crate::records::{
    LeftOut, Level, Log, Records, Series, SeriesKey, Span, SpanKind, key_names, log_names, settled, span_names,
};
use crate::rows::{LogRow, PointRow, SpanRow};
use crate::template;
use hashbrown::HashMap;

/// How many rows are kept. Beyond, whole traces (with their logs) and whole series are left out by hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    pub spans_max: usize,
    pub logs_max: usize,
    pub points_max: usize,
    /// Distinct texts (services, operations, templates, statements); when there are more, traces and series are halved.
    pub names_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { spans_max: 500_000, logs_max: 500_000, points_max: 1_000_000, names_max: 200_000 }
    }
}

/// A larger value is no measurement, and its square would be no number.
const VALUE_MAX: f64 = 1e100;

/// Rows on their way in.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    bounds: Bounds,
    names: Names,
    spans: Vec<Span>,
    logs: Vec<Log>,
    series: HashMap<SeriesKey, (bool, Vec<(i64, f64)>)>,
    points: usize,
    left_out: LeftOut,
}

/// Whose a log record or a data point is: what a machine tells without naming a service is the machine's, not one
/// more service's, whatever name stands there for want of one (OpenTelemetry's `unknown_service[:process]`).
fn speaker<'r>(service: &'r str, node: &str) -> &'r str {
    let is_nobody =
        service.strip_prefix("unknown_service").is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    if is_nobody && !node.is_empty() { "" } else { service }
}

impl Telemetry {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    pub fn span(&mut self, row: &SpanRow<'_>) {
        let (Some(trace), Some(id)) = (trace_id(row.trace_id), span_id(row.span_id)) else {
            self.left_out.unreadable += 1;
            return;
        };
        if !kept(mixed(trace), self.left_out.trace_halvings) {
            return;
        }
        let peer = crate::peer::of(row).map(|peer| self.names.id(&peer)).unwrap_or_default();
        let statement = template::statement(row.statement);
        let message = template::masked(row.status_message);
        let exception = if row.exception.is_empty() { message.as_str() } else { row.exception };
        let mut name = |text: &str| self.names.id(text);
        self.spans.push(Span {
            trace,
            start: row.start.0,
            id,
            parent: span_id(row.parent_span_id).unwrap_or(0),
            duration: row.duration_ns.max(0),
            kind: SpanKind::read(row.kind),
            failed: row.status == "error",
            resent: row.resent,
            service: name(row.service),
            operation: name(row.operation),
            instance: name(row.instance),
            node: name(row.node),
            version: name(row.version),
            peer,
            statement: name(&statement),
            outcome: name(row.outcome),
            exception: name(exception),
            record: template::id(row.message_id),
        });
        self.hold_bounds();
    }

    pub fn log(&mut self, row: &LogRow<'_>) {
        let trace = trace_id(row.trace_id).unwrap_or(0);
        if !kept(log_choice(trace, row.time.0), self.left_out.trace_halvings) {
            return;
        }
        let text = template::log(row.body);
        let mut name = |text: &str| self.names.id(text);
        self.logs.push(Log {
            trace,
            span: span_id(row.span_id).unwrap_or(0),
            time: row.time.0,
            service: name(speaker(row.service, row.node)),
            instance: name(row.instance),
            node: name(row.node),
            template: name(&text),
            record: template::record(row.body),
            level: match row.severity {
                17.. => Level::Error,
                13..=16 => Level::Warning,
                _ => Level::Usual,
            },
        });
        self.hold_bounds();
    }

    pub fn point(&mut self, row: &PointRow<'_>) {
        if !row.value.is_finite() || row.value.abs() > VALUE_MAX {
            self.left_out.unreadable += 1;
            return;
        }
        if !kept(series_hash(row), self.left_out.series_halvings) {
            return;
        }
        let mut name = |text: &str| self.names.id(text);
        let mut attributes: Vec<_> = row.attributes.iter().map(|(key, value)| (name(key), name(value))).collect();
        attributes.sort_unstable();
        let key = SeriesKey {
            metric: name(row.name),
            service: name(speaker(row.service, row.node)),
            instance: name(row.instance),
            node: name(row.node),
            unit: name(row.unit),
            attributes,
        };
        let series = self.series.entry(key).or_default();
        series.0 |= row.cumulative;
        series.1.push((row.time.0, row.value));
        self.points += 1;
        self.hold_bounds();
    }

    /// Sorts everything, and drops what was sent twice.
    pub fn finish(mut self) -> Records {
        let renamed = self.names.sort();
        let new = |name: Name| renamed[name.0 as usize];
        self.spans.iter_mut().flat_map(span_names).for_each(|name| *name = new(*name));
        self.spans.sort_unstable();
        self.spans.dedup_by_key(|span| (span.trace, span.start, span.id));
        self.logs.iter_mut().flat_map(log_names).for_each(|name| *name = new(*name));
        self.logs.sort_unstable();
        let mut series: Vec<Series> =
            self.series.into_iter().map(|(key, (cumulative, points))| settled(key, cumulative, points, &new)).collect();
        series.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Records { names: self.names, spans: self.spans, logs: self.logs, series, left_out: self.left_out }
    }

    fn hold_bounds(&mut self) {
        if self.spans.len() > self.bounds.spans_max || self.logs.len() > self.bounds.logs_max {
            self.halve_traces();
        }
        if self.points > self.bounds.points_max {
            self.halve_series();
        }
        while self.names.len() > self.bounds.names_max.max(1) && self.left_out.trace_halvings < HALVINGS_MAX {
            self.halve_traces();
            self.halve_series();
            self.forget_names();
        }
    }

    /// Once, and again until what is left is within bounds.
    fn halve_traces(&mut self) {
        while self.left_out.trace_halvings < HALVINGS_MAX {
            self.left_out.trace_halvings += 1;
            let halvings = self.left_out.trace_halvings;
            self.spans.retain(|span| kept(mixed(span.trace), halvings));
            self.logs.retain(|log| kept(log_choice(log.trace, log.time), halvings));
            if self.spans.len() <= self.bounds.spans_max && self.logs.len() <= self.bounds.logs_max {
                break;
            }
        }
    }

    fn halve_series(&mut self) {
        while self.left_out.series_halvings < HALVINGS_MAX {
            self.left_out.series_halvings += 1;
            let (halvings, names) = (self.left_out.series_halvings, &self.names);
            self.series.retain(|key, _| kept(key_hash(key, names), halvings));
            self.points = self.series.values().map(|(_, points)| points.len()).sum();
            if self.points <= self.bounds.points_max {
                break;
            }
        }
    }

    /// Keeps the texts that rows still use.
    fn forget_names(&mut self) {
        let old = std::mem::take(&mut self.names);
        let mut renew = |name: &mut Name| *name = self.names.id(old.text(*name));
        self.spans.iter_mut().flat_map(span_names).for_each(&mut renew);
        self.logs.iter_mut().flat_map(log_names).for_each(&mut renew);
        let series = std::mem::take(&mut self.series);
        self.series = series
            .into_iter()
            .map(|(mut key, points)| {
                key_names(&mut key).for_each(&mut renew);
                key.attributes.sort_unstable();
                (key, points)
            })
            .collect();
    }
}

fn trace_id(hex: &str) -> Option<u128> {
    u128::from_str_radix(hex, 16).ok().filter(|id| *id != 0)
}

fn span_id(hex: &str) -> Option<u64> {
    u64::from_str_radix(hex, 16).ok().filter(|id| *id != 0)
}

#[cfg(test)]
mod tests {
    use super::speaker;

    #[test]
    fn what_a_machine_tells_is_no_services() {
        for (service, node, of) in [
            ("unknown_service", "node-5", ""),
            ("unknown_service:java", "node-5", ""),
            ("unknown_service", "", "unknown_service"),
            ("unknown_services", "node-5", "unknown_services"),
            ("order", "node-5", "order"),
        ] {
            assert_eq!(speaker(service, node), of, "{service} on {node}");
        }
    }
}
