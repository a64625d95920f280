//! Named places at which a fault test ends the process or stops the engine dead.
//!
//! A place is passed by `points.hit(Failpoint::X)?`. In production no point is set and a hit is one
//! comparison. After a halt every further hit fails too: nothing moves on as if nothing had happened.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

macro_rules! failpoints {
    ($($name:ident => $text:literal, $doc:literal;)*) => {
        /// A place at which the engine can be made to die.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Place { $(#[doc = $doc] $name),* }

        /// Every place there is: tests kill the engine once at each.
        pub const ALL: &[Place] = &[$(Place::$name),*];

        impl Place {
            /// The name by which settings choose it.
            pub fn as_str(self) -> &'static str {
                match self { $(Place::$name => $text),* }
            }
        }
    };
}

failpoints! {
    WalAppend => "wal.append", "A group of records is about to be written.";
    WalBeforeSync => "wal.before_sync", "The group is written, not yet on stable storage.";
    WalAfterSync => "wal.after_sync", "The group is on stable storage, not yet visible nor acknowledged.";
    WalRotate => "wal.rotate", "A group has begun a new segment.";
    Seal => "checkpoint.seal", "A generation has been sealed.";
    PartWrite => "checkpoint.part_write", "One part of a checkpoint has been written.";
    BeforeCommit => "checkpoint.before_commit", "All parts of a checkpoint are written, the catalog does not know.";
    AfterCommit => "checkpoint.after_commit", "The catalog has the checkpoint, memory has not been let go.";
    WalRelease => "checkpoint.wal_release", "Segments of the WAL are about to be recycled.";
    CompactWrite => "compact.write", "A merged part is written, the catalog does not know.";
    CompactCommit => "compact.commit", "The catalog has the merged part, the replaced files lie where they were.";
    CompactMove => "compact.move", "One replaced file has been moved.";
    RetentionDelete => "retention.delete", "The catalog has let expired parts go, their files are still there.";
    RecoverReplay => "recover.replay", "The WAL is read again after a crash.";
}

impl Place {
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|p| p.as_str() == name)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How to die.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Death {
    /// `abort()`: for tests through the binary.
    Abort,
    /// The engine does nothing more: for tests in one process, which then drop it and open another.
    Halt,
}

/// A place, how often it is passed unharmed before, and what happens then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failpoint {
    pub at: Place,
    pub after: u32,
    pub death: Death,
}

impl Failpoint {
    /// Reads `checkpoint.before_commit` or `checkpoint.before_commit:3` (unharmed three times).
    pub fn aborting(text: &str) -> Option<Self> {
        let (name, after) = match text.split_once(':') {
            Some((name, after)) => (name, after.parse().ok()?),
            None => (text, 0),
        };
        Some(Self { at: Place::from_name(name)?, after, death: Death::Abort })
    }
}

/// The engine has been stopped at a failpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped by a fault test")]
pub struct Halted;

/// The chosen failpoint, if any, of one engine.
#[derive(Debug, Default)]
pub(crate) struct Points {
    chosen: Option<Failpoint>,
    passed: AtomicU32,
    halted: AtomicBool,
}

impl Points {
    pub(crate) fn new(chosen: Option<Failpoint>) -> Self {
        Self { chosen, ..Self::default() }
    }

    /// Passes a place, or dies there.
    pub(crate) fn hit(&self, place: Place) -> Result<(), Halted> {
        let Some(chosen) = self.chosen else { return Ok(()) };
        if self.halted.load(Ordering::SeqCst) {
            return Err(Halted);
        }
        if chosen.at != place || self.passed.fetch_add(1, Ordering::SeqCst) != chosen.after {
            return Ok(());
        }
        match chosen.death {
            Death::Abort => std::process::abort(),
            Death::Halt => {
                self.halted.store(true, Ordering::SeqCst);
                Err(Halted)
            }
        }
    }

    /// Whether the engine has been stopped.
    pub(crate) fn halted(&self) -> bool {
        self.halted.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found_by_its_name() {
        for place in ALL {
            assert_eq!(Place::from_name(place.as_str()), Some(*place));
        }
        assert_eq!(Failpoint::aborting("wal.append:2").map(|f| (f.at, f.after)), Some((Place::WalAppend, 2)));
        assert_eq!(Failpoint::aborting("wal.append:x"), None);
        assert_eq!(Failpoint::aborting("nowhere"), None);
    }

    #[test]
    fn a_halted_engine_stays_halted_at_every_place() {
        let points = Points::new(Some(Failpoint { at: Place::Seal, after: 1, death: Death::Halt }));
        assert_eq!(points.hit(Place::Seal), Ok(()));
        assert_eq!(points.hit(Place::PartWrite), Ok(()));
        assert_eq!(points.hit(Place::Seal), Err(Halted));
        assert_eq!(points.hit(Place::PartWrite), Err(Halted));
        assert!(points.halted());
    }
}
