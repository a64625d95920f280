//! The retail company that `stormglass demo` runs: a bubble-tea chain of a dozen services that
//! sends real OTLP over loopback.
//!
//! It knows the server only by its two OTLP addresses, as any sender does, and holds no telemetry
//! beyond one bounded queue and one batch per pod. The same seed gives the same business: the same
//! customers, orders, calls, failures and values; only ids and times are of the day.

mod control;
mod counters;
mod export;
mod faults;
mod instruments;
mod journey;
mod services;
mod shop;
mod telemetry;
mod wire;

pub use control::{
    Clocks, FaultError, FaultState, Faults, ScoreError, Scorecard, Scored, Shown, Start, Switch, Verdict,
};
pub use counters::{Counters, Totals};
pub use faults::{Answer, Said};

use export::{Exporter, QUEUE_MAX};
use journey::Item;
use model::Clock;
use services::Pod;
use shop::Shop;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Things that happen in a second at speed 1.0; each is about 14 spans.
const HAPPENINGS_PER_SECOND: f64 = 10.0;
/// How often the company looks at the clock.
const TICK: Duration = Duration::from_millis(50);
/// How long exporters may flush once the company closes.
const FLUSH_FOR: Duration = Duration::from_secs(5);

/// What the company is asked to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Decides every customer, order, call and failure.
    pub seed: u64,
    /// How busy the shops are; 1.0 is about 150 spans a second.
    pub speed: f64,
    /// Base URL of OTLP/HTTP, such as `http://127.0.0.1:4318`.
    pub otlp_http: String,
    /// URL of OTLP/gRPC, such as `http://127.0.0.1:4317`.
    pub otlp_grpc: String,
    /// Base URL of the HTTP API, where the scorecard asks for incidents, such as `http://127.0.0.1:8080`.
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
        faults.ask_at(&settings.http, settings.token.as_deref());
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
        let mut exporters = JoinSet::new();
        let mut queues = Vec::new();
        for pod in Pod::all() {
            let (queue, items) = mpsc::channel(QUEUE_MAX);
            let exporter = Exporter::new(pod, &self.settings, Arc::clone(&self.clock), Arc::clone(&self.counters));
            exporters.spawn(exporter.run(items));
            queues.push(queue);
        }
        tokio::select! {
            () = stop => {}
            () = self.trade(&queues) => {}
        }
        drop(queues);
        // What is not acknowledged by then is what a real pod loses when it is stopped.
        let _ = tokio::time::timeout(FLUSH_FOR, async { while exporters.join_next().await.is_some() {} }).await;
    }

    /// Lets things happen as often as `speed` says, for ever.
    async fn trade(&self, queues: &[mpsc::Sender<Item>]) {
        let mut shop = Shop::open(self.settings.seed, self.clock.now().0 as u64);
        let per_second = HAPPENINGS_PER_SECOND * self.settings.speed.max(0.001);
        let opened = self.clock.monotonic().as_secs_f64();
        let mut due = shop.gap(per_second);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let open_for = self.clock.monotonic().as_secs_f64() - opened;
            while due <= open_for {
                self.hand_over(shop.next(self.clock.now().0 as u64), queues);
                due += shop.gap(per_second);
            }
        }
    }

    fn hand_over(&self, items: Vec<Item>, queues: &[mpsc::Sender<Item>]) {
        self.counters.produced.fetch_add(items.len() as u64, Relaxed);
        for item in items {
            let (Item::Span(pod, _) | Item::Log(pod, _)) = &item;
            if queues[pod.index()].try_send(item).is_err() {
                self.counters.dropped.fetch_add(1, Relaxed);
            }
        }
    }
}
