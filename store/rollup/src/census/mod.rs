//! Who called whom, counted at one sitting with all spans at hand.
//!
//! The rules are those of the counts that fill while spans come in (see [`crate::Rollups`]), so that both
//! agree to the last call, copies of spans included. Beyond them it knows what rollups cannot tell: the
//! traces that say something, operations, exact quantiles, and the hops at which a lane was left.
//!
//! It knows no table and no clock. Invariant: the order of rows changes nothing.

mod answer;
mod columns;
mod names;
mod sitting;
mod tally;

pub use answer::{Answer, Astray, Durations, Edge, End, Node, Sums};

use crate::facts::Target;
use crate::keys::Keys;
use arrow::array::StructArray;
use arrow::error::ArrowError;
use columns::Columns;
use hashbrown::HashMap;
use names::Names;
use sitting::Sitting;
use tally::Tallies;

/// Spans that one census takes: what it has memory for, 56 bytes each.
pub const SPANS_MAX: usize = 4_000_000;

/// Spans are kept apart by their trace in this many shards, each small enough for a processor's cache.
const SHARDS: usize = 256;

/// What is counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// Edges between operations instead of services.
    pub by_operation: bool,
    /// Exact quantiles instead of sketches.
    pub exact: bool,
    /// Bits that the spans of a trace must have said together; zero for all traces.
    pub wanted: u16,
    /// Only what is of this lane, by the lane of the callee.
    pub lane: Option<String>,
    /// Only traces of this share of all: part `.0` of `.1` parts.
    pub share: (u32, u32),
    /// Edges that are told, the most travelled first.
    pub edges_max: usize,
}

impl Default for Question {
    fn default() -> Self {
        Self { by_operation: false, exact: false, wanted: 0, lane: None, share: (0, 1), edges_max: usize::MAX }
    }
}

/// A span as it is kept until all are there.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// What its id is known by within all traces.
    key: u64,
    /// Likewise its parent's.
    parent: u64,
    trace: u64,
    time: i64,
    duration: i64,
    series: u32,
    peer: u32,
    lane: u32,
    flags: u16,
}

impl Span {
    /// Its time is in the window, and its place in what is asked about.
    const INSIDE: u16 = 1;
    const ERROR: u16 = 1 << 1;
    const LIMITED: u16 = 1 << 2;
    /// Both of its ids say something.
    const KNOWN: u16 = 1 << 3;
    /// It names a parent other than itself.
    const HAS_PARENT: u16 = 1 << 4;
    /// It names no parent at all.
    const ROOT: u16 = 1 << 5;
    const COPY: u16 = 1 << 6;

    fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

/// A consumer that names a span of another trace.
#[derive(Clone, Copy, Debug)]
struct Link {
    target: u64,
    shard: u8,
    child: Span,
}

/// The spans that have come so far.
#[derive(Debug)]
pub struct Census {
    question: Question,
    keys: Keys,
    names: Names,
    spans: Vec<Vec<Span>>,
    links: Vec<Link>,
    /// What the spans of a trace have said.
    said: HashMap<u64, u16>,
    count: usize,
}

impl Census {
    /// `seed`: a random number, so that nobody can choose ids that meet.
    pub fn new(question: Question, seed: u64) -> Self {
        Self {
            question,
            keys: Keys::new(seed),
            names: Names::default(),
            spans: vec![Vec::new(); SHARDS],
            links: Vec::new(),
            said: HashMap::new(),
            count: 0,
        }
    }

    /// Takes rows in. Fields, by name: `time`, `duration_ns`, `trace_id`, `span_id`, `parent_span_id` (bytes),
    /// `service`, `operation`, `kind`, `status`, `inside` (the span may be counted; others are only parents and
    /// children), and, where they are not there, absent throughout: `outcome`, `db_system`, `db_namespace`,
    /// `messaging_system`, `messaging_destination`, `peer_service`, `server_address`, `server_port`, `lane`,
    /// `says` (bits), `links` (`trace_id` and `span_id` in hexadecimal digits).
    ///
    /// # Errors
    /// When a field is missing or of another type, and beyond [`SPANS_MAX`] spans.
    pub fn add(&mut self, rows: &StructArray) -> Result<(), ArrowError> {
        let columns = Columns::of(rows)?;
        columns::take(&columns, self)?;
        if self.count > SPANS_MAX {
            let text = format!("more than {SPANS_MAX} spans cannot be counted at one sitting: narrow the time");
            return Err(ArrowError::ComputeError(text));
        }
        Ok(())
    }

    /// Roughly what is held in memory.
    pub fn bytes(&self) -> usize {
        let spans: usize = self.spans.iter().map(|shard| shard.capacity() * size_of::<Span>()).sum();
        spans + self.links.capacity() * size_of::<Link>() + self.said.capacity() * 16 + self.names.bytes()
    }

    /// Counts what has come.
    pub fn finish(mut self) -> Answer {
        let mut tallies = Tallies::default();
        self.links.sort_unstable_by_key(|link| link.shard);
        let mut links = self.links.as_slice();
        let mut spans = std::mem::take(&mut self.spans);
        for (shard, spans) in spans.iter_mut().enumerate() {
            let (own, later) = links.split_at(links.partition_point(|link| usize::from(link.shard) <= shard));
            links = later;
            let spans = std::mem::take(spans);
            Sitting::new(&self.question, &self.names, &self.said, spans).count(own, &mut tallies);
        }
        tallies.answer(&self.names, &self.question)
    }

    /// Whether a trace is of the share that is counted.
    fn is_of_share(&self, trace: u64) -> bool {
        let (part, of) = self.question.share;
        of <= 1 || (trace as u32) % of == part
    }

    fn link(&mut self, target: &Target, child: Span) {
        let trace = self.keys.trace(&target.trace);
        if self.is_of_share(trace) {
            let target = self.keys.span(trace, u64::from_le_bytes(target.span));
            self.links.push(Link { target, shard: shard(trace), child });
        }
    }
}

fn shard(trace: u64) -> u8 {
    (trace >> 56) as u8
}
