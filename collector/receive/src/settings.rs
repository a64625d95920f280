//! The bounds at the door. Every one has a refusal that the sender sees and a counter.

use crate::Cors;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    /// Largest request body as it travels (compressed or not); more is 413 / RESOURCE_EXHAUSTED. Default 64 MiB.
    pub body_bytes_max: usize,
    /// Largest request after decompression, likewise. Default 64 MiB, as the protocol recommends.
    pub message_bytes_max: usize,
    /// Largest zstd window, as a power of two. Default 23 (8 MiB), what RFC 8878 asks every decoder to support.
    pub zstd_window_log_max: u32,
    /// A body may pause this long between two pieces. Default 10 s.
    pub body_pause_max: Duration,
    /// After [`Settings::body_grace`], a body must have come at this rate on average. Default 4 KiB/s.
    pub body_bytes_per_second_min: u64,
    /// How long a body may be slower than the minimum rate. Default 10 s.
    pub body_grace: Duration,
    /// How much of a body that is too large is read and thrown away, so that a client that only
    /// reads after writing sees the refusal. Default 64 MiB.
    pub drain_bytes_max: usize,
    /// Bodies up to this size are unpacked and decoded where they are received; larger ones on a
    /// blocking thread, so that other senders are not kept waiting. Default 1 MiB.
    pub inline_bytes_max: usize,
    /// How many large bodies are unpacked and decoded at a time. Default 2.
    pub large_bodies_max: usize,
    /// Which web origins may send. Default: none.
    pub cors: Cors,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 << 20,
            message_bytes_max: 64 << 20,
            zstd_window_log_max: 23,
            body_pause_max: Duration::from_secs(10),
            body_bytes_per_second_min: 4 << 10,
            body_grace: Duration::from_secs(10),
            drain_bytes_max: 64 << 20,
            inline_bytes_max: 1 << 20,
            large_bodies_max: 2,
            cors: Cors::default(),
        }
    }
}
