//! Requests: those that enter the company, those between its services, those to third parties.
//!
//! The caller waits only so long. When it gives up its span ends, while the work it asked for goes on.

use super::{Failure, Outcome, Story, attributes, record};
use crate::estate::services::{ALL, Pod};
use crate::estate::stores::Party;
use crate::estate::{Operation, Protocol};
use crate::telemetry::int;
use crate::world::{SECOND, Way};
use rand::Rng;

/// How long a third party is waited for.
const PARTY_PATIENCE: u64 = 3 * SECOND;
const MILLISECOND: u64 = 1_000_000;

impl Story<'_> {
    /// A request from outside that enters the company; of a till, the sale that it begins itself.
    pub(crate) fn enter(&mut self, operation: &'static Operation) -> Outcome {
        let pod = self.visit.till.unwrap_or_else(|| self.pick(operation.service.id).index);
        let till = self.visit.till.is_some();
        let (kind, attributes) =
            if till { (record::INTERNAL, Vec::new()) } else { (record::SERVER, attributes::server(operation)) };
        self.begin(pod, operation.name.into(), kind, attributes);
        let outcome = self.perform(pod, operation);
        if till {
            self.finish(&outcome)
        } else {
            self.finish_server(pod, operation, &outcome)
        }
        outcome
    }

    /// A call to another service, as often as the caller insists.
    pub(super) fn call(&mut self, from: usize, operation: &'static Operation) -> Outcome {
        let insists = self.world.insists(self.world.pods[from].pod.service.id, operation);
        let mut outcome = Ok(());
        for attempt in 0..insists.attempts {
            outcome = self.attempt(from, operation, attempt, insists.timeout_ms * MILLISECOND);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn attempt(&mut self, from: usize, operation: &'static Operation, attempt: u32, patience: u64) -> Outcome {
        let (caller, callee) = (self.world.pods[from].pod, self.pick(operation.service.id));
        let name = match operation.protocol {
            Protocol::Http => attributes::method_and_route(operation).0,
            Protocol::Dubbo => operation.name,
        };
        let began = self.at;
        self.begin(from, name.into(), record::CLIENT, attributes::client(operation, callee, attempt));
        let answer = self.reach(caller, callee, operation, began + patience);
        self.at += self.world.stalled(caller.host());
        let answer = if self.at > began + patience {
            self.at = began + patience;
            let message =
                format!("{name} {}: read timed out after {} ms", operation.service.name, patience / MILLISECOND);
            Err(Failure::new(504, "java.net.SocketTimeoutException", message))
        } else {
            answer
        };
        self.finish_client(operation, answer)
    }

    /// To the callee, through its threads, and back: its answer, or why there is none.
    fn reach(
        &mut self,
        caller: Pod,
        callee: Pod,
        operation: &'static Operation,
        until: u64,
    ) -> Result<Outcome, Failure> {
        if self.world.pods[callee.index].is_down(self.at) {
            self.at += MILLISECOND;
            let message = format!("connection refused: {}", callee.address());
            return Err(Failure::new(503, "java.net.ConnectException", message));
        }
        let lost = || Failure::new(504, "java.net.SocketTimeoutException", "connection timed out");
        match self.world.way(caller, callee) {
            Way::Takes(takes) => self.at += takes,
            Way::Lost => {
                self.at = until + 1;
                return Err(lost());
            }
        }
        let Ok(from) = self.world.pods[callee.index].threads.take(self.at, until.saturating_sub(self.at)) else {
            self.at = until + 1;
            return Err(Failure::new(503, "java.util.concurrent.RejectedExecutionException", "no thread is free"));
        };
        self.at = from;
        self.begin(callee.index, operation.name.into(), record::SERVER, attributes::server(operation));
        let outcome = self.perform(callee.index, operation);
        self.finish_server(callee.index, operation, &outcome);
        self.world.pods[callee.index].threads.give_back(self.at);
        match self.world.way(callee, caller) {
            Way::Takes(takes) => self.at += takes,
            Way::Lost => self.at = self.at.max(until + 1),
        }
        Ok(outcome)
    }

    /// A request to somebody else's service: only our side is seen.
    pub(super) fn ask(&mut self, from: usize, party: &'static Party, path: &'static str, us: u64) -> Outcome {
        self.begin(from, "POST".into(), record::CLIENT, attributes::party(party, path));
        let state = self.world.parties[party.id];
        let outcome = if self.world.one_in(state.hangs) {
            self.at += PARTY_PATIENCE;
            Err(Failure::new(504, "java.net.SocketTimeoutException", format!("{}: read timed out", party.host)))
        } else {
            self.at += (self.world.around(us as f64, 0.3) * 1e3) as u64;
            match self.world.one_in(state.refuses) {
                true => Err(Failure::new(
                    503,
                    "PartyUnavailable",
                    format!("{} answered 503 Service Unavailable", party.host),
                )),
                false => Ok(()),
            }
        };
        let host = self.world.pods[from].pod.host();
        self.at += self.world.stalled(host);
        let status = outcome.as_ref().err().map_or(200, |failure: &Failure| failure.status);
        // Who waits in vain has no status.
        if status != 504 {
            self.note([int("http.response.status_code", i64::from(status))]);
        }
        self.finish(&outcome);
        outcome
    }

    /// An instance that callers believe in; where there is none, any.
    fn pick(&mut self, service: usize) -> Pod {
        let pods = || self.world.pods.iter().filter(|p| p.pod.service.id == service);
        let listed: Vec<Pod> = pods().filter(|p| p.is_listed(self.at)).map(|p| p.pod).collect();
        let all = if listed.is_empty() { pods().map(|p| p.pod).collect() } else { listed };
        debug_assert!(!all.is_empty(), "{} has pods", ALL[service].name);
        all[self.world.random.random_range(0..all.len())]
    }

    fn finish_server(&mut self, pod: usize, operation: &Operation, outcome: &Outcome) {
        let status = outcome.as_ref().err().map_or(200, |f| f.status);
        if operation.protocol == Protocol::Http {
            self.note([int("http.response.status_code", i64::from(status))]);
        }
        if let Err(failure) = outcome {
            self.log_failure(pod, operation.name, failure);
        }
        self.finish(outcome);
    }

    /// Closes the caller's span; what failed is from here on the caller's own failure.
    fn finish_client(&mut self, operation: &Operation, answer: Result<Outcome, Failure>) -> Outcome {
        let outcome = answer.map(|outcome| {
            let status = outcome.as_ref().err().map_or(200, |f| f.status);
            if operation.protocol == Protocol::Http {
                self.note([int("http.response.status_code", i64::from(status))]);
            }
            outcome.map_err(|_| {
                let message = format!("{} of {} answered {status}", operation.name, operation.service.name);
                Failure::new(status, "com.retail.rpc.RemoteException", message)
            })
        });
        let outcome = outcome.unwrap_or_else(Err);
        if let Err(failure) = &outcome {
            self.fail(failure, false);
        }
        self.close();
        outcome
    }
}
