//! Orphans whose parent was found among stored spans: because memory had forgotten it, or a restart had.
//!
//! What is said here lands in the filling counts, beside the row that says the orphan is one no more, so
//! both are kept or lost together; what is lost in a crash is found again by the next search.

use crate::counts::{EdgeKey, Outcome, minute};
use crate::facts::{Owner, Target};
use crate::linker::{Child, Rollups};
use crate::names::{EdgeKind, NodeKind, SpanKind, bounded};
use crate::waiting::Orphan;
use model::{UnixNanos, Workspace};
use std::time::Duration;

/// A row of `edges_pending`, and the parent that was found for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The trace its parent is in, and the parent's id.
    pub trace_id: [u8; 16],
    pub parent_span_id: [u8; 8],
    pub span_id: [u8; 8],
    pub owner: Owner,
    pub kind: SpanKind,
    /// The row's minute, Unix nanoseconds.
    pub minute: i64,
    pub error: bool,
    pub limited: bool,
    pub duration: i64,
    /// When it was received, Unix nanoseconds: the row's time.
    pub received: i64,
    pub parent: Parent,
}

/// A stored span that has a child.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parent {
    pub owner: Owner,
    pub kind: SpanKind,
    /// If it was counted as a call to a third party, and no other child has disproved that.
    pub guess: Option<Guess>,
}

/// A call to a third party that was none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guess {
    pub name: String,
    /// Start of the client span, Unix nanoseconds.
    pub time: i64,
    pub error: bool,
    pub limited: bool,
    pub duration: i64,
}

/// A moment in the life of the counts: see [`Rollups::moment`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment(u64);

/// What became of those found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Resolved {
    pub resolved: u64,
    /// Resolved before, by a search or by memory.
    pub known: u64,
    /// Not looked at: ask again later.
    pub put_off: u64,
}

impl Rollups {
    /// To be taken before a search begins.
    pub fn moment(&self) -> Moment {
        Moment(self.memory.filled())
    }

    /// Counts what a search has found that began at a moment. A row that was resolved meanwhile is not
    /// counted again: for as long as `settled_for`, which has to be longer than a search takes.
    pub fn resolve(
        &mut self,
        workspace: &Workspace,
        mut found: Vec<Found>,
        moment: Moment,
        (now, monotonic): (UnixNanos, Duration),
    ) -> Resolved {
        self.settled.turn(monotonic);
        let mut report = Resolved::default();
        if !self.settled.is_sure() {
            report.put_off = found.len() as u64;
            return report;
        }
        if !self.memory.remembers(moment.0) {
            // A guess may have been disproved in memory and forgotten since.
            let before = found.len();
            found.retain(|one| one.parent.guess.is_none());
            report.put_off = (before - found.len()) as u64;
        }
        self.version += 1;
        self.counts.received = self.counts.received.max(now.0);
        let workspace = self.workspace(workspace);
        for one in found {
            match self.resolve_one(workspace, one) {
                true => report.resolved += 1,
                false => report.known += 1,
            }
        }
        self.stats.reconciled += report.resolved;
        report
    }

    fn resolve_one(&mut self, workspace: u32, found: Found) -> bool {
        let target = Target { trace: found.trace_id, span: found.parent_span_id };
        let orphan = Orphan {
            target,
            span: found.span_id,
            owner: self.owner(workspace, found.owner),
            minute: minute(found.minute),
            kind: found.kind,
            error: found.error,
            limited: found.limited,
            duration: found.duration,
            received: found.received,
        };
        if !self.settled.insert(self.settled.key(workspace, &orphan)) {
            return false;
        }
        let Parent { owner, kind, guess } = found.parent;
        let caller = self.owner(workspace, owner);
        if !self.is_same_service(caller, orphan.owner) {
            self.called(caller, kind, &Child::from(&orphan), 1);
            self.disprove(workspace, caller, &target, guess);
        }
        self.counts.resolve(orphan);
        true
    }

    /// Takes the guess of a client span back, if it stands. Memory knows better than the search, which may
    /// be older.
    fn disprove(&mut self, workspace: u32, caller: u32, target: &Target, guess: Option<Guess>) {
        let known = self.memory.find(self.memory.key(workspace, target));
        if let Some(at) = known.filter(|at| !self.memory.get(*at).awaited) {
            self.take_back_guess(at);
            return;
        }
        if let Some(guess) = guess
            && self.settled.insert(self.settled.key_of_guess(workspace, target))
        {
            let node = self.node(workspace, NodeKind::ThirdParty, bounded(&guess.name));
            let outcome = Outcome { error: guess.error, limited: guess.limited, duration: guess.duration };
            let minute = minute(guess.time);
            let key = EdgeKey { minute, kind: EdgeKind::Peer, a: caller, b: node, owner: caller };
            self.counts.edge(key, &outcome, -1);
        }
    }

    /// Lets go of what was settled long ago. To be called now and then with the monotonic time.
    pub fn tick(&mut self, monotonic: Duration) {
        self.settled.turn(monotonic);
    }
}
