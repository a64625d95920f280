//! The company without a stage: its telemetry of a stretch of time at once, as export requests, instead of as
//! time passes. For whoever wants to know what a fault looks like without waiting for it.

use crate::export::{Batch, Parcel};
use crate::faults::{self, Answer};
use crate::trading;
use model::UnixNanos;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

/// Steps in which time passes, in nanoseconds.
const STEP: u64 = 1_000_000_000;

/// What every source sent in a stretch of time.
#[derive(Clone, Debug, Default)]
pub struct Exported {
    pub traces: ExportTraceServiceRequest,
    pub logs: ExportLogsServiceRequest,
    pub metrics: ExportMetricsServiceRequest,
}

/// One fault as the catalogue has it: its name, those it starts together, and the truth about each.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub name: &'static str,
    pub parts: &'static [&'static str],
    pub answers: &'static [Answer],
}

/// Every fault there is.
pub fn catalogue() -> impl Iterator<Item = Known> {
    faults::CATALOGUE.iter().map(|fault| Known {
        name: fault.name,
        parts: fault.parts_or_itself(),
        answers: fault.answers,
    })
}

/// What an operator would declare: `(from, relation, to)`, entities as `kind:name`.
pub fn topology() -> Vec<(String, String, String)> {
    let text = |relation: &serde_json::Value, key: &str| relation[key].as_str().unwrap_or_default().to_owned();
    let relations = crate::topology::relations();
    relations.iter().map(|r| (text(r, "from"), text(r, "relation"), text(r, "to"))).collect()
}

/// The company, with its own time.
#[derive(Debug)]
pub struct Rehearsal(trading::Company);

impl Rehearsal {
    /// `seed` decides everything but the times, which begin at `opened`; see [`crate::Settings`].
    pub fn open(seed: u64, speed: f64, opened: UnixNanos) -> Self {
        Self(trading::Company::open(seed, speed, opened.0.max(0) as u64))
    }

    /// Lets time pass while these faults (names of the catalogue's parts) act; gives what was finished meanwhile.
    pub fn pass(&mut self, until: UnixNanos, acting: &[&'static str]) -> Exported {
        let until = until.0.max(0) as u64;
        let mut parcels = Vec::new();
        while self.0.now < until {
            let items = self.0.advance(until.min(self.0.now + STEP), acting);
            parcels.extend(items.into_iter().map(|item| Parcel { version: self.0.version(item.source()), item }));
        }
        let Batch { traces, logs, metrics, .. } = Batch::of(&self.0.sources, parcels);
        Exported { traces, logs, metrics }
    }
}
