//! What the door has seen, in counters with few labels.

use crate::{Answer, Refused};
use engine::{Kind, Metric};
use model::Signal;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tables::SenderCount;

/// How a request came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transport {
    Http,
    Grpc,
}

/// What became of a decoded request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Stored,
    Refused,
    Repeated,
}

const FATES: [&str; 4] = ["received", "stored", "refused", "repeated"];

/// Every word that `Refused::reason` can give.
const REASONS: [&str; 12] = [
    "unauthenticated",
    "forbidden",
    "not_found",
    "method",
    "unsupported_type",
    "unsupported_encoding",
    "too_large",
    "malformed",
    "too_slow",
    "aborted",
    "busy",
    "internal",
];

#[derive(Debug, Default)]
pub struct Counts {
    stored: [[AtomicU64; 2]; 3],
    partial: [AtomicU64; 3],
    /// By signal and fate.
    items: [[AtomicU64; FATES.len()]; 3],
    refused: [AtomicU64; REASONS.len()],
    body_bytes: AtomicU64,
    message_bytes: AtomicU64,
    panics: AtomicU64,
}

impl Counts {
    pub(crate) fn answered(&self, signal: Signal, transport: Transport, answer: &Answer) {
        match answer {
            Answer::Stored { rejected, .. } => {
                self.stored[signal as usize][transport as usize].fetch_add(1, Relaxed);
                if *rejected > 0 {
                    self.partial[signal as usize].fetch_add(1, Relaxed);
                }
            }
            Answer::Refused(refused) => self.refused(refused),
        }
    }

    pub(crate) fn refused(&self, refused: &Refused) {
        if let Some(at) = REASONS.iter().position(|r| *r == refused.reason()) {
            self.refused[at].fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn body(&self, as_sent: usize, unpacked: usize) {
        self.body_bytes.fetch_add(as_sent as u64, Relaxed);
        self.message_bytes.fetch_add(unpacked as u64, Relaxed);
    }

    /// Items of one decoded request, by what became of it.
    pub(crate) fn items(&self, signal: Signal, fate: Fate, senders: &[SenderCount]) {
        let items = &self.items[signal as usize];
        let accepted: u64 = senders.iter().map(|sender| sender.accepted).sum();
        let undecodable: u64 = senders.iter().map(|sender| sender.refused).sum();
        let [received, stored, refused, repeated] = match fate {
            Fate::Stored => [accepted + undecodable, accepted, undecodable, 0],
            Fate::Refused => [accepted + undecodable, 0, accepted + undecodable, 0],
            Fate::Repeated => [0, 0, 0, accepted + undecodable],
        };
        for (counter, more) in items.iter().zip([received, stored, refused, repeated]) {
            counter.fetch_add(more, Relaxed);
        }
    }

    pub(crate) fn panic(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    /// All counters as they stand.
    pub fn metrics(&self) -> Vec<Metric> {
        let mut metrics = Vec::new();
        let mut put = |name, help, labels: &[(&'static str, &'static str)], value: &AtomicU64| {
            let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            metrics.push(Metric { name, help, kind: Kind::Counter, labels, value: value.load(Relaxed) as f64 });
        };
        for signal in Signal::ALL {
            for (transport, name) in [(Transport::Http, "http"), (Transport::Grpc, "grpc")] {
                let labels = [("signal", signal.as_str()), ("transport", name)];
                let value = &self.stored[signal as usize][transport as usize];
                put("stormglass_receive_stored_requests_total", "Export requests acknowledged.", &labels, value);
            }
        }
        for signal in Signal::ALL {
            let labels = [("signal", signal.as_str())];
            let help = "Acknowledged requests of which some items were refused.";
            put("stormglass_receive_partial_requests_total", help, &labels, &self.partial[signal as usize]);
        }
        for (reason, value) in REASONS.iter().zip(&self.refused) {
            let help = "Export requests refused as a whole.";
            put("stormglass_receive_refused_requests_total", help, &[("reason", reason)], value);
        }
        let bytes = "stormglass_receive_body_bytes_total";
        put(bytes, "Request bytes as they travelled.", &[], &self.body_bytes);
        let bytes = "stormglass_receive_message_bytes_total";
        put(bytes, "Request bytes after decompression.", &[], &self.message_bytes);
        let panics = "stormglass_receive_panics_total";
        put(panics, "Requests ended by a fault of ours, each contained.", &[], &self.panics);
        for signal in Signal::ALL {
            for (fate, value) in FATES.iter().zip(&self.items[signal as usize]) {
                let labels = [("signal", signal.as_str()), ("fate", *fate)];
                let help = "Items of decoded requests by what became of them, over all senders.";
                put("stormglass_receive_items_total", help, &labels, value);
            }
        }
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_what_became_of_them() {
        let counts = Counts::default();
        counts.answered(Signal::Logs, Transport::Grpc, &Answer::Stored { rejected: 2, message: Some("x".into()) });
        counts.answered(Signal::Logs, Transport::Http, &Answer::Refused(Refused::Internal));
        let sender = SenderCount { accepted: 5, refused: 2, ..SenderCount::default() };
        for fate in [Fate::Stored, Fate::Refused, Fate::Repeated] {
            counts.items(Signal::Logs, fate, std::slice::from_ref(&sender));
        }
        let shown = |m: &Metric| {
            let labels: Vec<_> = m.labels.iter().map(|(_, value)| value.as_str()).collect();
            format!("{} {} {}", m.name, labels.join(","), m.value)
        };
        let seen: Vec<_> = counts.metrics().iter().filter(|m| m.value > 0.0).map(shown).collect();
        assert_eq!(
            seen,
            [
                "stormglass_receive_stored_requests_total logs,grpc 1",
                "stormglass_receive_partial_requests_total logs 1",
                "stormglass_receive_refused_requests_total internal 1",
                "stormglass_receive_items_total logs,received 14",
                "stormglass_receive_items_total logs,stored 5",
                "stormglass_receive_items_total logs,refused 9",
                "stormglass_receive_items_total logs,repeated 7",
            ]
        );
    }
}
