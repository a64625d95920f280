//! A window cut into stretches of time, so that what is over is added up once.
//!
//! The sums of a day, an hour, ten minutes or a minute of the rollups stay what they are until other parts
//! hold its rows. They are kept under the parts they came from; a stretch with rows that are not in a part
//! yet is open and asked for each time. Bounded by [`BYTES_MAX`]: what was not used longest goes first.
//! Invariant: what is answered is what asking for the whole window would give.

use super::sums::{Line, Sums};
use crate::window::Window;
use engine::RollupContent;
use model::{UnixNanos, Workspace};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tables::{PartId, TableId};

const MINUTE: i64 = tables::rollups::EDGE_BUCKET_NS;
/// Lengths of stretches, the longest first.
const LENGTHS: [i64; 4] = [1_440 * MINUTE, 60 * MINUTE, 10 * MINUTE, MINUTE];
/// Most pieces of one window; one that would have more is asked for whole.
const PIECES_MAX: usize = 256;
/// Most ranges that one question names.
const RANGES_MAX: usize = 24;
/// What is kept in memory.
const BYTES_MAX: usize = 32 << 20;

/// Neighbouring stretches of one length; or what is open, as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Range {
    pub(super) window: Window,
    /// None where it is open.
    pub(super) length: Option<i64>,
}

/// The pieces of a window of whole minutes, in order; none where they would be too many.
fn pieces(window: &Window, in_memory: &BTreeSet<i64>) -> Option<Vec<Range>> {
    let (from, to) = (window.from.0, window.to.0);
    let whole = from >= 0 && from % MINUTE == 0 && to % MINUTE == 0;
    let mut pieces: Vec<Range> = Vec::new();
    let mut at = from;
    while at < to {
        let closed = |length: i64| {
            let until = at.saturating_add(length);
            at % length == 0 && until <= to && in_memory.range(at / MINUTE..until / MINUTE).next().is_none()
        };
        let length = LENGTHS.into_iter().find(|length| closed(*length));
        let until = UnixNanos(at.saturating_add(length.unwrap_or(MINUTE)));
        match pieces.last_mut().filter(|last| last.length.is_none() && length.is_none()) {
            Some(open) => open.window.to = until,
            None => pieces.push(Range { window: Window { from: UnixNanos(at), to: until }, length }),
        }
        if !whole || pieces.len() > PIECES_MAX {
            return None;
        }
        at = until.0;
    }
    Some(pieces)
}

/// Neighbours of one length together; none where they are too many.
fn ranges(pieces: impl IntoIterator<Item = Range>) -> Option<Vec<Range>> {
    let mut ranges: Vec<Range> = Vec::new();
    for piece in pieces {
        match ranges.last_mut().filter(|r| r.length == piece.length && r.window.to == piece.window.from) {
            Some(last) => last.window.to = piece.window.to,
            None => ranges.push(piece),
        }
    }
    (ranges.len() <= RANGES_MAX).then_some(ranges)
}

/// The parts that have rows of a stretch.
fn parts_of(content: &RollupContent, table: TableId, window: &Window) -> Vec<PartId> {
    let of = content.parts.iter().filter(|part| part.table == table);
    let within = of.filter(|part| part.time_min < window.to && part.time_max >= window.from);
    let mut ids: Vec<PartId> = within.map(|part| part.id).collect();
    ids.sort_unstable();
    ids
}

/// What is asked, of whom.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Key {
    workspace: Workspace,
    question: Arc<str>,
    from: UnixNanos,
    to: UnixNanos,
}

#[derive(Debug)]
struct Kept {
    parts: Vec<PartId>,
    lines: Vec<Line>,
    bytes: usize,
    used: u64,
}

#[derive(Debug, Default)]
struct Memory {
    kept: HashMap<Key, Kept>,
    bytes: usize,
    /// Grows with every use.
    uses: u64,
    hits: u64,
    misses: u64,
    evictions: u64,
}

impl Memory {
    /// Makes room by a quarter at a time.
    fn bound(&mut self) {
        if self.bytes <= BYTES_MAX {
            return;
        }
        let mut order: Vec<(u64, Key)> = self.kept.iter().map(|(key, kept)| (kept.used, key.clone())).collect();
        order.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in order {
            if self.bytes <= BYTES_MAX / 4 * 3 {
                break;
            }
            self.remove(&key);
            self.evictions += 1;
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(kept) = self.kept.remove(key) {
            self.bytes -= kept.bytes;
        }
    }
}

/// Sums of stretches that are over, for all who ask.
#[derive(Default)]
pub struct Stretches {
    memory: Mutex<Memory>,
}

impl fmt::Debug for Stretches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stretches").finish_non_exhaustive()
    }
}

/// Counts since the start, and what is held now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StretchStats {
    /// Stretches answered from memory.
    pub hits: u64,
    /// Stretches that are over and were asked for.
    pub misses: u64,
    /// Stretches let go for want of room.
    pub evictions: u64,
    pub kept: u64,
    pub bytes: u64,
}

/// What one question has to ask for, after what was kept.
#[derive(Debug)]
pub(super) struct Missing {
    question: (Workspace, Arc<str>, TableId),
    /// Closed stretches with the parts they come from.
    stretches: HashMap<i64, (Window, Vec<PartId>)>,
    /// All that is asked for, open or closed.
    pub(super) ranges: Vec<Range>,
}

impl Stretches {
    /// For `/metrics`.
    pub fn stats(&self) -> StretchStats {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let Memory { hits, misses, evictions, bytes, .. } = *memory;
        StretchStats { hits, misses, evictions, kept: memory.kept.len() as u64, bytes: bytes as u64 }
    }

    /// Adds what is kept of a window to `sums`; gives what is not.
    pub(super) fn add_kept(
        &self,
        (workspace, question, table): (&Workspace, &str, TableId),
        window: &Window,
        content: &RollupContent,
        sums: &mut Sums,
    ) -> Missing {
        let question: Arc<str> = question.into();
        let mut missing = Missing {
            question: (workspace.clone(), Arc::clone(&question), table),
            stretches: HashMap::new(),
            ranges: vec![Range { window: *window, length: None }],
        };
        let Some(pieces) = pieces(window, &content.in_memory).filter(|_| content.complete) else { return missing };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.uses += 1;
        let uses = memory.uses;
        let (mut asked, mut hits) = (Vec::new(), Vec::new());
        for piece in pieces {
            let Window { from, to } = piece.window;
            let key = Key { workspace: workspace.clone(), question: Arc::clone(&question), from, to };
            let parts = piece.length.map(|_| parts_of(content, table, &piece.window));
            let holds = |kept: &Kept| parts.as_ref().is_some_and(|parts| *parts == kept.parts);
            if memory.kept.get(&key).is_some_and(holds) {
                hits.push(key);
                continue;
            }
            asked.push(piece);
            missing.stretches.extend(parts.map(|parts| (from.0, (piece.window, parts))));
        }
        memory.misses += missing.stretches.len() as u64;
        let Some(ranges) = ranges(asked) else {
            missing.stretches.clear();
            return missing;
        };
        memory.hits += hits.len() as u64;
        for key in hits {
            if let Some(kept) = memory.kept.get_mut(&key) {
                kept.used = uses;
                kept.lines.iter().for_each(|line| sums.add(line));
            }
        }
        missing.ranges = ranges;
        missing
    }

    /// Keeps what was asked for, where it is still made of the same parts.
    pub(super) fn keep(&self, missing: Missing, mut lines: HashMap<i64, Vec<Line>>, content: &RollupContent) {
        let (workspace, question, table) = missing.question;
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.uses += 1;
        let used = memory.uses;
        for (start, (window, parts)) in missing.stretches {
            let minutes = window.from.0 / MINUTE..window.to.0 / MINUTE;
            if content.in_memory.range(minutes).next().is_some() || parts_of(content, table, &window) != parts {
                continue;
            }
            let lines = lines.remove(&start).unwrap_or_default();
            let bytes = size_of::<Kept>() + size_of::<Key>() + lines.iter().map(Line::bytes).sum::<usize>();
            let Window { from, to } = window;
            let key = Key { workspace: workspace.clone(), question: Arc::clone(&question), from, to };
            memory.remove(&key);
            memory.bytes += bytes;
            memory.kept.insert(key, Kept { parts, lines, bytes, used });
        }
        memory.bound();
    }
}

#[cfg(test)]
mod tests;
