//! Changes: releases that go from pod to pod, configuration that is pushed. Most of them are harmless.

use super::{Company, Event};
use crate::estate::services::{ALL, Service};
use crate::story::{INFO, record};
use crate::telemetry::{Item, text};
use crate::world::SECOND;
use crate::world::pod::Defect;
use opentelemetry_proto::tonic::logs::v1::LogRecord;

/// When the first ordinary change comes, and how far apart they are.
pub(super) const FIRST: u64 = 150 * SECOND;
const APART: u64 = 420 * SECOND;
/// Time between the pods of an ordinary release.
const BETWEEN_PODS: u64 = 6 * SECOND;

/// A build that a pod goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rollout {
    pub(crate) version: &'static str,
    pub(crate) defect: Option<Defect>,
    /// Time between one pod and the next, in nanoseconds.
    pub(crate) apart: u64,
}

/// What is brought out on ordinary days: service, kind, from, to. Nothing of it does harm.
const ORDINARY: &[(&str, &str, &str, &str)] = &[
    ("recommend-service", "release", "0.14.2", "0.15.0"),
    ("delivery-service", "config", "42", "43"),
    ("search-service", "release", "1.8.0", "1.8.1"),
    ("notify-service", "release", "2.2.0", "2.3.0"),
    ("store-service", "config", "17", "18"),
    ("risk-service", "release", "1.3.0", "1.4.0"),
    ("kitchen-service", "release", "3.0.1", "3.1.0"),
];

impl Company {
    /// A release of a service, pod by pod, leaving out those that it cannot reach.
    pub(crate) fn roll_out(&mut self, service: &Service, rollout: Rollout, except: Option<&str>) {
        let pods: Vec<_> = self.world.pods.iter().filter(|p| p.pod.service.id == service.id).map(|p| p.pod).collect();
        let previous = pods.first().map_or("", |pod| self.world.pods[pod.index].version);
        self.tell_change(service.name, "release", previous, rollout.version);
        for (place, pod) in pods.into_iter().filter(|pod| except != Some(pod.name().as_str())).enumerate() {
            let at = self.now + 1 + place as u64 * rollout.apart;
            self.plan(at, Event::Replace { pod: pod.index, rollout });
        }
    }

    /// Tills of another version are refused once so much time has passed.
    pub(crate) fn require_protocol(&mut self, version: &'static str, after: u64) {
        self.plan(self.now + after, Event::Require(version));
    }

    pub(super) fn replace(&mut self, pod: usize, rollout: Rollout) {
        let now = self.now;
        let pod = &mut self.world.pods[pod];
        (pod.version, pod.defect) = (rollout.version, rollout.defect);
        pod.restart(now, false);
    }

    pub(super) fn ordinary_release(&mut self, which: usize) {
        let Some((name, kind, from, to)) = ORDINARY.get(which) else { return };
        match ALL.iter().find(|service| service.name == *name) {
            Some(service) if *kind == "release" => {
                self.roll_out(service, Rollout { version: to, defect: None, apart: BETWEEN_PODS }, None);
            }
            _ => self.tell_change(name, kind, from, to),
        }
        self.plan(self.now + APART, Event::Release(which + 1));
    }

    /// Tells of a change, as a pipeline does.
    pub(crate) fn tell_change(&mut self, target: &str, kind: &str, previous: &str, version: &str) {
        let id = format!("{kind}-{target}-{version}-{}", (self.now - self.opened) / SECOND);
        let attributes = vec![
            text("change.id", id),
            text("change.kind", kind),
            text("change.target", target),
            text("change.version", version),
            text("change.previous_version", previous),
            text("change.status", "succeeded"),
            text("change.source", "release-pipeline"),
            text("change.author", AUTHORS[target.len() % AUTHORS.len()]),
            text("change.title", format!("{target} goes from {previous} to {version}")),
        ];
        let told = record(self.now, INFO, format!("{kind} of {target}: {previous} to {version}"), attributes);
        let told = LogRecord { event_name: "stormglass.change".into(), ..told };
        self.write(self.now, Item::Log(self.sources.pipeline(), told));
    }
}

const AUTHORS: &[&str] = &["li.na", "wang.wei", "zhang.min", "chen.jie"];
