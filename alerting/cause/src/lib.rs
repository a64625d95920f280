//! Likely causes, with evidence for and against each: deterministic, offline, from figures alone.
//!
//! It refuses to know where telemetry comes from, what an incident is for people, and what time it is.
//! Invariant: evidence speaks only above the level that healthy data reaches.
