//! The retail company that `stormglass demo` runs: a bubble-tea chain of thirty services that sends
//! real OTLP over loopback, and whose faults can be switched on.
//!
//! It knows the server only by its addresses, as any sender does, and holds no telemetry beyond what is
//! not finished yet and one bounded queue per collector. The same seed gives the same business: the same
//! customers, orders, calls, failures and values; only ids and times are of the day. It shares nothing
//! with whatever looks for the causes of its faults.

mod catalog;
mod control;
mod counters;
mod estate;
mod export;
mod faults;
mod instruments;
mod rehearsal;
mod sources;
mod story;
mod telemetry;
mod topology;
mod trading;
mod wire;
mod world;

pub use control::{
    Clocks, FaultError, FaultState, Faults, ScoreError, Scorecard, Scored, Shown, Start, Switch, Verdict,
};
pub use counters::{Counters, Totals};
pub use faults::{Answer, Said};
pub use rehearsal::{Exported, Known, Rehearsal, catalogue, topology};

use export::{Exporter, Parcel, QUEUE_MAX};
use instruments::points;
use model::Clock;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use telemetry::Item;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Steps in which the past is caught up with, in nanoseconds.
const HISTORY_STEP: u64 = 1_000_000_000;
/// How often the company looks at the clock.
const TICK: Duration = Duration::from_millis(100);
/// How long exporters may flush once the company closes.
const FLUSH_FOR: Duration = Duration::from_secs(5);

/// What the company is asked to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Decides every customer, order, call and failure.
    pub seed: u64,
    /// How busy the shops are; 1.0 is about 300 spans a second.
    pub speed: f64,
    /// How much past is sent first, at speed 1; of a busier company that much less.
    pub history: Duration,
    /// Base URL of OTLP/HTTP, such as `http://127.0.0.1:4318`.
    pub otlp_http: String,
    /// URL of OTLP/gRPC, such as `http://127.0.0.1:4317`.
    pub otlp_grpc: String,
    /// Base URL of the HTTP API: the scorecard asks there for incidents, and the topology is told there.
    pub http: String,
    /// Bearer token with the scopes ingest and viewer, where the server asks for one.
    pub token: Option<String>,
}

/// The company, ready to open its doors.
#[derive(Debug)]
pub struct Company {
    settings: Settings,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    faults: Faults,
}

impl Company {
    /// Whoever shows the switches to people makes them first and keeps a clone.
    pub fn new(settings: Settings, faults: Faults, clock: Arc<dyn Clock>) -> Self {
        faults.open_at(&settings.http, settings.token.as_deref());
        Self { settings, clock, counters: Arc::default(), faults }
    }

    /// The switches of this company's faults.
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// Live counts of what was made, acknowledged and refused; may be read while [`Company::run`] runs.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Trades until `stop` is ready, then flushes every exporter (for at most five seconds) and returns.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let past = self.settings.history.div_f64(self.settings.speed.max(1.0));
        let opened = self.clock.now().saturating_sub(past).0 as u64;
        let mut trading = trading::Company::open(self.settings.seed, self.settings.speed, opened);
        let mut exporters = JoinSet::new();
        let mut queues = Vec::new();
        for collector in 0..estate::places::COLLECTORS {
            let (queue, parcels) = mpsc::channel(QUEUE_MAX);
            let exporter =
                Exporter::new(collector, &self.settings, trading.sources.clone(), Arc::clone(&self.counters));
            exporters.spawn(exporter.run(parcels));
            queues.push(queue);
        }
        let told = topology::tell(&self.settings);
        tokio::select! {
            () = stop => {}
            ((), ()) = async { tokio::join!(told, self.trade(&mut trading, &queues)) } => {}
        }
        let last = trading.close();
        self.hand_over(&mut trading, last, &queues);
        drop(queues);
        // What is not acknowledged by then is what a real sender loses when it is stopped.
        let _ = tokio::time::timeout(FLUSH_FOR, async { while exporters.join_next().await.is_some() {} }).await;
    }

    /// Lets the past pass as fast as it can be sent, up to now; nothing is broken in it.
    async fn catch_up(&self, trading: &mut trading::Company, queues: &[mpsc::Sender<Parcel>]) {
        while trading.now.saturating_add(HISTORY_STEP) < self.clock.now().0 as u64 {
            let items = trading.advance(trading.now + HISTORY_STEP, &[]);
            self.hand_over(trading, items, queues);
            while queues.iter().any(|queue| queue.capacity() < QUEUE_MAX / 2) {
                tokio::time::sleep(TICK / 10).await;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Lets the company trade as time passes, for ever.
    async fn trade(&self, trading: &mut trading::Company, queues: &[mpsc::Sender<Parcel>]) {
        self.catch_up(trading, queues).await;
        let opened = self.clock.monotonic();
        let first = trading.now;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let passed = self.clock.monotonic().saturating_sub(opened).as_nanos() as u64;
            let items = trading.advance(first + passed, &self.faults.acting());
            self.hand_over(trading, items, queues);
        }
    }

    fn hand_over(&self, trading: &mut trading::Company, items: Vec<Item>, queues: &[mpsc::Sender<Parcel>]) {
        let dropped = trading.dropped();
        self.counters.dropped.fetch_add(dropped, Relaxed);
        for item in items {
            let pieces = if let Item::Metrics(_, metrics) = &item { points(metrics) as u64 } else { 1 };
            self.counters.produced.fetch_add(pieces, Relaxed);
            let source = item.source();
            let parcel = Parcel { version: trading.version(source), item };
            if queues[trading.sources.collector(source)].try_send(parcel).is_err() {
                self.counters.dropped.fetch_add(pieces, Relaxed);
            }
        }
    }
}
