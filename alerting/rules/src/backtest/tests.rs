//! Replays of the past.
