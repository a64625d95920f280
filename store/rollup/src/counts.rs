//! The additive counts of one generation of rows: request rates by operation, edges by minute.
//!
//! Numbers stand for names (see [`crate::interner`]); [`crate::rows`] spells them out. Bounded: operations
//! beyond a service's share, and nodes beyond all room, are counted under one name.

use crate::facts::NONE;
use crate::names::{EdgeKind, SpanKind};
use crate::sketch::Sketch;
use crate::waiting::Orphan;
use hashbrown::{Equivalent, HashMap};
use tables::rollups::{EDGE_BUCKET_NS, OVERFLOW, RED_BUCKET_NS};

/// What is counted of spans and of calls. Durations wrap around as sums of SQL do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) calls: i64,
    pub(crate) errors: i64,
    pub(crate) limited: i64,
    pub(crate) duration: i64,
    pub(crate) sketch: Sketch,
    /// Spans whose parent has not come; of edges only.
    pub(crate) unresolved: i64,
}

/// How one span counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    pub(crate) error: bool,
    pub(crate) limited: bool,
    pub(crate) duration: i64,
}

impl Cell {
    #[inline]
    pub(crate) fn add(&mut self, outcome: &Outcome, times: i64) {
        self.calls += times;
        self.errors += if outcome.error { times } else { 0 };
        self.limited += if outcome.limited { times } else { 0 };
        self.duration = self.duration.wrapping_add(outcome.duration.wrapping_mul(times));
        self.sketch.add(outcome.duration, times);
    }

    /// Without durations: what runs somewhere is counted, not timed.
    fn add_untimed(&mut self, outcome: &Outcome) {
        self.calls += 1;
        self.errors += i64::from(outcome.error);
        self.limited += i64::from(outcome.limited);
    }

    fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct SeriesKey {
    pub(crate) owner: u32,
    pub(crate) kind: SpanKind,
    pub(crate) operation: Box<str>,
}

/// A [`SeriesKey`] in the request's own text.
#[derive(Hash)]
pub(crate) struct SeriesRef<'a> {
    pub(crate) owner: u32,
    pub(crate) kind: SpanKind,
    pub(crate) operation: &'a str,
}

impl Equivalent<SeriesKey> for SeriesRef<'_> {
    fn equivalent(&self, key: &SeriesKey) -> bool {
        self.owner == key.owner && self.kind == key.kind && *self.operation == *key.operation
    }
}

/// Ends of an edge. `a` calls `b`; each is an owner or a node as [`EdgeKind`] says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct EdgeKey {
    pub(crate) minute: i32,
    pub(crate) kind: EdgeKind,
    pub(crate) a: u32,
    pub(crate) b: u32,
    /// Whose environment, namespace and lane it has.
    pub(crate) owner: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    series_numbers: HashMap<SeriesKey, u32>,
    pub(crate) series: Vec<SeriesKey>,
    operations_of: HashMap<u32, usize>,
    red_numbers: HashMap<(u32, i64), u32>,
    /// Series, start of the bucket in nanoseconds.
    pub(crate) red: Vec<((u32, i64), Cell)>,
    edge_numbers: HashMap<EdgeKey, u32>,
    pub(crate) edges: Vec<(EdgeKey, Cell)>,
    /// Orphans that found no room to wait in.
    pub(crate) pending: Vec<Orphan>,
    /// Orphans of earlier generations whose parent has come.
    pub(crate) resolved: Vec<Orphan>,
    /// Latest receipt among what is counted, Unix nanoseconds.
    pub(crate) received: i64,
}

/// The minute of a time, counted from 1970.
pub(crate) fn minute(time: i64) -> i32 {
    time.div_euclid(EDGE_BUCKET_NS) as i32
}

/// The start of a bucket; the first one begins where time does.
pub(crate) fn start(number: i64, width: i64) -> i64 {
    number.saturating_mul(width)
}

pub(crate) fn red_bucket(time: i64) -> i64 {
    start(time.div_euclid(RED_BUCKET_NS), RED_BUCKET_NS)
}

impl Counts {
    /// The number of a series, and whether its operation was beyond the bound.
    pub(crate) fn series(&mut self, key: SeriesRef<'_>, operations_max: usize) -> (u32, bool) {
        if let Some(number) = self.series_numbers.get(&key) {
            return (*number, false);
        }
        let key = SeriesKey { owner: key.owner, kind: key.kind, operation: key.operation.into() };
        let operations = self.operations_of.entry(key.owner).or_default();
        let beyond = *operations >= operations_max;
        let key = if beyond { SeriesKey { operation: OVERFLOW.into(), ..key } } else { key };
        *operations += usize::from(!beyond);
        let next = self.series.len() as u32;
        let number = *self.series_numbers.entry(key.clone()).or_insert(next);
        if number == next {
            self.series.push(key);
        }
        (number, beyond)
    }

    /// The cell of a series in a bucket.
    pub(crate) fn red_cell(&mut self, series: u32, bucket: i64) -> u32 {
        let next = self.red.len() as u32;
        let number = *self.red_numbers.entry((series, bucket)).or_insert(next);
        if number == next {
            self.red.push(((series, bucket), Cell::default()));
        }
        number
    }

    #[inline]
    pub(crate) fn red(&mut self, cell: u32, outcome: &Outcome) {
        self.red[cell as usize].1.add(outcome, 1);
    }

    pub(crate) fn edge_cell(&mut self, key: EdgeKey) -> u32 {
        let next = self.edges.len() as u32;
        let number = *self.edge_numbers.entry(key).or_insert(next);
        if number == next {
            self.edges.push((key, Cell::default()));
        }
        number
    }

    /// Whether an edge would be one too many: there are `max`, and it is not among them.
    pub(crate) fn is_beyond(&self, key: &EdgeKey, max: usize) -> bool {
        self.edges.len() >= max && !self.edge_numbers.contains_key(key)
    }

    pub(crate) fn edge(&mut self, key: EdgeKey, outcome: &Outcome, times: i64) {
        let cell = self.edge_cell(key);
        self.edges[cell as usize].1.add(outcome, times);
    }

    pub(crate) fn placed(&mut self, cell: u32, outcome: &Outcome) {
        self.edges[cell as usize].1.add_untimed(outcome);
    }

    /// Notes that an orphan of an earlier generation is one no more.
    pub(crate) fn resolve(&mut self, orphan: Orphan) {
        let cell = self.edge_cell(unresolved(&orphan));
        self.edges[cell as usize].1.unresolved -= 1;
        self.resolved.push(orphan);
    }

    /// Begins anew, in the same memory: the next generation is much like this one.
    pub(crate) fn clear(&mut self) {
        let Self { series_numbers, series, operations_of, red_numbers, red, edge_numbers, edges, .. } = self;
        series_numbers.clear();
        series.clear();
        operations_of.clear();
        red_numbers.clear();
        red.clear();
        edge_numbers.clear();
        edges.clear();
        self.pending = Vec::new();
        self.resolved = Vec::new();
        self.received = 0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.red.is_empty() && self.edges.is_empty() && self.pending.is_empty() && self.resolved.is_empty()
    }

    /// What it costs in memory, roughly, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let cells = self.red.len() + self.edges.len();
        let orphans = self.pending.len() + self.resolved.len();
        cells * (2 * size_of::<Cell>() + 64) + orphans * size_of::<Orphan>() + self.series.len() * 128
    }

    /// Edges that say something, each with the orphans that wait added.
    pub(crate) fn edges_with(&self, waiting: &[Orphan]) -> Vec<(EdgeKey, Cell)> {
        let mut edges: Vec<(EdgeKey, Cell)> = self.edges.clone();
        let mut extra: HashMap<EdgeKey, i64> = HashMap::new();
        waiting.iter().for_each(|orphan| *extra.entry(unresolved(orphan)).or_default() += 1);
        for (key, count) in extra {
            match self.edge_numbers.get(&key) {
                Some(at) => edges[*at as usize].1.unresolved += count,
                None => edges.push((key, Cell { unresolved: count, ..Cell::default() })),
            }
        }
        edges.retain(|(_, cell)| !cell.is_zero());
        edges
    }
}

/// The edge under which an orphan is counted until its parent is known.
fn unresolved(orphan: &Orphan) -> EdgeKey {
    EdgeKey { minute: orphan.minute, kind: EdgeKind::Unresolved, a: NONE, b: orphan.owner, owner: orphan.owner }
}
