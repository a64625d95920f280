//! Rows of telemetry as they are handed over, and the records that are kept of them.
//!
//! Any number of rows may come; the bounds hold at every moment. What is kept does not depend on the
//! order of rows: traces are chosen by a hash of their id, series by a hash of what names them.

use crate::names::{Name, Names};
use crate::template;
use hashbrown::HashMap;
use model::UnixNanos;
use std::hash::{Hash, Hasher};

/// A span, with the columns of table `spans`; a value that is not there is an empty text.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanRow<'a> {
    /// Lower-case hex; a row whose trace or span id is not hex is counted as unreadable.
    pub trace_id: &'a str,
    pub span_id: &'a str,
    pub parent_span_id: &'a str,
    pub service: &'a str,
    pub operation: &'a str,
    /// server, client, producer, consumer or internal.
    pub kind: &'a str,
    /// unset, ok or error.
    pub status: &'a str,
    pub start: UnixNanos,
    pub duration_ns: i64,
    /// `service.instance.id`, else `k8s.pod.name`.
    pub instance: &'a str,
    /// `k8s.node.name`, else `host.name`.
    pub node: &'a str,
    /// `service.version`.
    pub version: &'a str,
    /// `db.system.name` (or `db.system`) and `db.namespace` (or `db.name`).
    pub db_system: &'a str,
    pub db_namespace: &'a str,
    /// `db.query.text` (or `db.statement`, `db.query.summary`).
    pub statement: &'a str,
    /// `server.address` (or `net.peer.name`, `peer.service`).
    pub server_address: &'a str,
    pub messaging_system: &'a str,
    pub destination: &'a str,
    /// `resilience.outcome`.
    pub outcome: &'a str,
    /// `error.type`, or `exception.type` of its exception event.
    pub exception: &'a str,
    pub status_message: &'a str,
    /// It repeats an attempt that has failed (`http.request.resend_count` above 0).
    pub resent: bool,
}

/// A log record, with the columns of table `logs`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogRow<'a> {
    pub time: UnixNanos,
    pub trace_id: &'a str,
    pub span_id: &'a str,
    pub service: &'a str,
    pub instance: &'a str,
    pub node: &'a str,
    /// OpenTelemetry's severity number.
    pub severity: i32,
    pub body: &'a str,
}

/// A point of a metric, with the columns of table `metrics`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PointRow<'a> {
    pub time: UnixNanos,
    pub name: &'a str,
    /// UCUM, as the sender writes it.
    pub unit: &'a str,
    pub service: &'a str,
    pub instance: &'a str,
    pub node: &'a str,
    pub value: f64,
    /// A cumulative monotonic sum: its increase per second is looked at.
    pub cumulative: bool,
    pub attributes: &'a [(&'a str, &'a str)],
}

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

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum SpanKind {
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

impl SpanKind {
    fn read(text: &str) -> Self {
        match text {
            "server" => Self::Server,
            "client" => Self::Client,
            "producer" => Self::Producer,
            "consumer" => Self::Consumer,
            _ => Self::Internal,
        }
    }

    /// It stands for a call that leaves the service.
    pub(crate) fn leaves(self) -> bool {
        matches!(self, Self::Client | Self::Producer)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Span {
    pub(crate) trace: u128,
    pub(crate) start: i64,
    pub(crate) id: u64,
    pub(crate) parent: u64,
    pub(crate) duration: i64,
    pub(crate) kind: SpanKind,
    pub(crate) failed: bool,
    pub(crate) resent: bool,
    pub(crate) service: Name,
    pub(crate) operation: Name,
    pub(crate) instance: Name,
    pub(crate) node: Name,
    pub(crate) version: Name,
    /// Database, queue or address, as `kind:name`; see [`crate::peer`].
    pub(crate) peer: Name,
    pub(crate) statement: Name,
    pub(crate) outcome: Name,
    pub(crate) exception: Name,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Log {
    pub(crate) trace: u128,
    pub(crate) span: u64,
    pub(crate) time: i64,
    pub(crate) service: Name,
    pub(crate) instance: Name,
    pub(crate) node: Name,
    pub(crate) template: Name,
    pub(crate) level: Level,
    /// The record that it speaks of (an offset, a message or record id); 0 where it names none.
    pub(crate) record: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Level {
    Usual,
    Warning,
    Error,
}

/// What names a series.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct SeriesKey {
    pub(crate) metric: Name,
    pub(crate) service: Name,
    pub(crate) instance: Name,
    pub(crate) node: Name,
    pub(crate) unit: Name,
    pub(crate) attributes: Vec<(Name, Name)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) key: SeriesKey,
    pub(crate) cumulative: bool,
    /// Time and value, by time.
    pub(crate) points: Vec<(i64, f64)>,
}

/// What was left out, for the verdict to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LeftOut {
    /// One trace of `2^halvings` was kept.
    pub trace_halvings: u32,
    pub series_halvings: u32,
    /// Rows whose ids are not hex, or whose value is not a number.
    pub unreadable: u64,
}

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

/// Rows in an order that does not tell in which order they came.
#[derive(Clone, Debug, Default)]
pub struct Records {
    pub(crate) names: Names,
    pub(crate) spans: Vec<Span>,
    pub(crate) logs: Vec<Log>,
    pub(crate) series: Vec<Series>,
    pub(crate) left_out: LeftOut,
}

impl Records {
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }
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
            service: name(row.service),
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
        if !row.value.is_finite() {
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
            service: name(row.service),
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

/// Beyond this nothing is left to halve.
const HALVINGS_MAX: u32 = 64;

fn span_names(span: &mut Span) -> [&mut Name; 9] {
    let Span { service, operation, instance, node, version, peer, statement, outcome, exception, .. } = span;
    [service, operation, instance, node, version, peer, statement, outcome, exception]
}

fn log_names(log: &mut Log) -> [&mut Name; 4] {
    [&mut log.service, &mut log.instance, &mut log.node, &mut log.template]
}

fn key_names(key: &mut SeriesKey) -> impl Iterator<Item = &mut Name> {
    let SeriesKey { metric, service, instance, node, unit, attributes } = key;
    [metric, service, instance, node, unit]
        .into_iter()
        .chain(attributes.iter_mut().flat_map(|(key, value)| [key, value]))
}

fn settled(mut key: SeriesKey, cumulative: bool, mut points: Vec<(i64, f64)>, new: &dyn Fn(Name) -> Name) -> Series {
    key_names(&mut key).for_each(|name| *name = new(*name));
    key.attributes.sort_unstable();
    points.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    points.dedup_by_key(|(time, _)| *time);
    Series { key, cumulative, points }
}

fn trace_id(hex: &str) -> Option<u128> {
    u128::from_str_radix(hex, 16).ok().filter(|id| *id != 0)
}

fn span_id(hex: &str) -> Option<u64> {
    u64::from_str_radix(hex, 16).ok().filter(|id| *id != 0)
}

/// Whether a hash is among those that are left after so many halvings.
fn kept(hash: u64, halvings: u32) -> bool {
    halvings == 0 || (halvings < HALVINGS_MAX && hash.leading_zeros() >= halvings)
}

/// A log goes with its trace.
fn log_choice(trace: u128, time: i64) -> u64 {
    mixed(if trace == 0 { time as u128 } else { trace })
}

/// Spreads the bits of an id; ids of tests and of some senders count up.
fn mixed(id: u128) -> u64 {
    let mut hash = (id as u64) ^ ((id >> 64) as u64).rotate_left(32);
    for factor in [0xff51_afd7_ed55_8ccd_u64, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

/// FNV-1a: the same on every machine and in every run.
#[derive(Default)]
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        mixed(u128::from(self.0))
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn series_hash(row: &PointRow<'_>) -> u64 {
    let mut hasher = Fnv::default();
    let mut attributes = row.attributes.to_vec();
    attributes.sort_unstable();
    (row.name, row.service, row.instance, row.node, row.unit, attributes).hash(&mut hasher);
    hasher.finish()
}

fn key_hash(key: &SeriesKey, names: &Names) -> u64 {
    let text = |name: Name| names.text(name);
    let mut attributes: Vec<_> = key.attributes.iter().map(|(k, v)| (text(*k), text(*v))).collect();
    attributes.sort_unstable();
    let mut hasher = Fnv::default();
    (text(key.metric), text(key.service), text(key.instance), text(key.node), text(key.unit), attributes)
        .hash(&mut hasher);
    hasher.finish()
}
