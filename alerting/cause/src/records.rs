//! Rows as they are kept: texts as numbers, sorted, so that nothing tells in which order they came.

use crate::names::{Name, Names};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum SpanKind {
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

impl SpanKind {
    pub(crate) fn read(text: &str) -> Self {
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
    /// The message that it is about; 0 where it names none.
    pub(crate) record: u64,
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

pub(crate) fn span_names(span: &mut Span) -> [&mut Name; 9] {
    let Span { service, operation, instance, node, version, peer, statement, outcome, exception, .. } = span;
    [service, operation, instance, node, version, peer, statement, outcome, exception]
}

pub(crate) fn log_names(log: &mut Log) -> [&mut Name; 4] {
    [&mut log.service, &mut log.instance, &mut log.node, &mut log.template]
}

pub(crate) fn key_names(key: &mut SeriesKey) -> impl Iterator<Item = &mut Name> {
    let SeriesKey { metric, service, instance, node, unit, attributes } = key;
    [metric, service, instance, node, unit]
        .into_iter()
        .chain(attributes.iter_mut().flat_map(|(key, value)| [key, value]))
}

/// A series with its names renewed, its points by time, each time once.
pub(crate) fn settled(
    mut key: SeriesKey,
    cumulative: bool,
    mut points: Vec<(i64, f64)>,
    new: &dyn Fn(Name) -> Name,
) -> Series {
    key_names(&mut key).for_each(|name| *name = new(*name));
    key.attributes.sort_unstable();
    points.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    points.dedup_by_key(|(time, _)| *time);
    Series { key, cumulative, points }
}
