//! The state of everything that services share and stories run into: pods, hosts, databases, the
//! network, third parties, what is in force in the business.
//!
//! Pure: time is told, randomness is seeded. Faults turn what is here; no symptom is.

pub(crate) mod load;
pub(crate) mod pod;
pub(crate) mod slots;
mod ways;

pub(crate) use ways::Way;

use crate::estate::places::{DEVICES, HOSTS};
use crate::estate::services::{ALL, Pod};
use crate::estate::stores::{CACHES, DATABASES, PARTIES};
use crate::estate::{Operation, Step, stores::GROUPS};
use pod::PodState;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use slots::Slots;

pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const PRODUCTS: &[(&str, &str, i64)] = &[
    ("SKU-1001", "pearl milk tea", 1_600),
    ("SKU-1002", "taro milk tea", 1_800),
    ("SKU-1003", "mango pomelo sago", 2_400),
    ("SKU-1004", "brown sugar boba", 1_900),
    ("SKU-1005", "cheese grape", 2_600),
    ("SKU-1006", "lemon green tea", 1_200),
];
/// How long a collection of a full heap takes, in seconds.
const COLLECTION: f64 = 1.6;
/// Workers of one database: more statements than these wait for each other.
const WORKERS: f64 = 24.0;

#[derive(Debug)]
pub(crate) struct HostState {
    /// Mean time for which the processor is taken away from whoever needs it, in seconds.
    pub(crate) stall: f64,
    /// Share of the disk in use, and how much of it fills in a second.
    pub(crate) disk: f64,
    pub(crate) fills: f64,
    pub(crate) bytes: f64,
}

#[derive(Debug)]
pub(crate) struct DatabaseState {
    pub(crate) workers: Slots,
    /// A statement that has lost its index, and how many times longer it takes.
    pub(crate) scans: Option<(&'static str, f64)>,
    pub(crate) statements: u64,
    pub(crate) slow: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct PartyState {
    /// Probability that it answers 503 at once, and that it does not answer at all.
    pub(crate) refuses: f64,
    pub(crate) hangs: f64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DeviceState {
    /// Probability that a packet is lost in it.
    pub(crate) loses: f64,
    pub(crate) offline: bool,
    pub(crate) packets: u64,
    pub(crate) lost: u64,
}

/// How a caller insists on an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Insists {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) attempts: u32,
    pub(crate) timeout_ms: u64,
}

/// What the business has in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Business {
    /// The configuration of coupons says the wrong year.
    pub(crate) coupons_expired: bool,
    /// Tills of another version are refused.
    pub(crate) protocol: Option<&'static str>,
    /// How many times the usual number of customers come.
    pub(crate) surge: f64,
    /// Whether producers send messages that nobody can read.
    pub(crate) poison: bool,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) random: SmallRng,
    pub(crate) ids: SmallRng,
    pub(crate) pods: Vec<PodState>,
    pub(crate) hosts: Vec<HostState>,
    pub(crate) databases: Vec<DatabaseState>,
    /// Commands of each cache so far.
    pub(crate) commands: Vec<u64>,
    pub(crate) parties: Vec<PartyState>,
    pub(crate) devices: Vec<DeviceState>,
    /// Delay between two services, one way, in nanoseconds.
    pub(crate) delays: Vec<(usize, usize, u64)>,
    pub(crate) insists: Vec<Insists>,
    /// A service whose work takes so many times longer, until then: a short hiccup.
    pub(crate) hiccup: Option<(usize, f64, u64)>,
    pub(crate) business: Business,
    /// Age of what the replica of the orders shows, in seconds, and whether it follows at all.
    pub(crate) lag: f64,
    pub(crate) replica_stuck: bool,
    pub(crate) stock: Vec<i64>,
    pub(crate) speed: f64,
    at: u64,
}

impl World {
    /// `flows` says how often each entry is used in a second at speed 1.
    pub(crate) fn new(seed: u64, opened: u64, speed: f64, flows: &[(&'static Operation, f64)]) -> Self {
        let scale = speed.max(1.0);
        let demand = demand(flows);
        let pods = Pod::all().into_iter().map(|pod| {
            let each = demand[pod.service.id] / pod.service.on.len() as f64;
            // One request alone must not look like load on a service that is seldom asked.
            PodState::new(pod, (each * pod.service.room).max(0.05) * scale, scale)
        });
        let workers = || Slots::new((WORKERS * scale).ceil() as usize);
        Self {
            random: SmallRng::seed_from_u64(seed),
            ids: SmallRng::seed_from_u64(seed ^ opened),
            pods: pods.collect(),
            hosts: HOSTS.iter().map(|_| HostState { stall: 0.0, disk: 0.0, fills: 0.0, bytes: 0.0 }).collect(),
            databases: DATABASES
                .iter()
                .map(|_| DatabaseState { workers: workers(), scans: None, statements: 0, slow: 0 })
                .collect(),
            commands: vec![0; CACHES.len()],
            parties: PARTIES.iter().map(|_| PartyState { refuses: 0.001, hangs: 0.0 }).collect(),
            devices: DEVICES.iter().map(|_| DeviceState::default()).collect(),
            delays: Vec::new(),
            insists: Vec::new(),
            hiccup: None,
            business: Business { coupons_expired: false, protocol: None, surge: 1.0, poison: false },
            lag: 0.02,
            replica_stuck: false,
            stock: vec![20_000; PRODUCTS.len()],
            speed,
            at: opened,
        }
        .with_disks()
    }

    fn with_disks(mut self) -> Self {
        for (at, host) in self.hosts.iter_mut().enumerate() {
            host.disk = 0.44 + 0.03 * (at % 7) as f64;
        }
        self
    }

    /// What changes by itself with time: disks fill, a replica falls behind or catches up.
    pub(crate) fn pass(&mut self, to: u64) {
        let seconds = to.saturating_sub(self.at) as f64 / SECOND as f64;
        self.at = self.at.max(to);
        for host in &mut self.hosts {
            host.disk = (host.disk + host.fills * seconds).clamp(0.0, 1.0);
        }
        self.lag = if self.replica_stuck { self.lag + seconds } else { (self.lag - 4.0 * seconds).max(0.02) };
        if self.hiccup.is_some_and(|(_, _, until)| to >= until) {
            self.hiccup = None;
        }
    }

    pub(crate) fn insists(&self, from: usize, to: &Operation) -> Insists {
        let usual = Insists { from, to: to.service.id, attempts: 1, timeout_ms: to.timeout_ms };
        self.insists.iter().copied().find(|i| i.from == from && i.to == to.service.id).unwrap_or(usual)
    }

    /// How long so much processor time takes on a pod.
    pub(crate) fn work(&mut self, pod: usize, at: u64, us: u64) -> u64 {
        let seconds = self.around(us as f64, 0.35) / 1e6;
        let state = &mut self.pods[pod];
        state.load.ask(at, seconds);
        let stretched = seconds * state.load.stretch(at);
        let collecting = state.collection_share();
        let (host, service) = (state.pod.host(), state.pod.service.id);
        let hiccup =
            self.hiccup.filter(|(of, _, until)| *of == service && at < *until).map_or(1.0, |(_, times, _)| times);
        (stretched * hiccup * 1e9) as u64 + self.stopped(collecting) + self.stalled(host)
    }

    /// The world of a pod stands still while its heap is collected: who comes meanwhile waits for the rest.
    fn stopped(&mut self, share: f64) -> u64 {
        if !self.one_in(share) {
            return 0;
        }
        (self.random.random_range(0.0..COLLECTION) * 1e9) as u64
    }

    /// How long a host keeps whoever needs it waiting.
    pub(crate) fn stalled(&mut self, host: usize) -> u64 {
        let mean = self.hosts[host].stall;
        if mean == 0.0 {
            return 0;
        }
        (-self.random.random_range(1e-9_f64..1.0).ln() * mean * 1e9) as u64
    }

    /// Log-normal around a median.
    pub(crate) fn around(&mut self, median: f64, sigma: f64) -> f64 {
        let (u, v): (f64, f64) = (self.random.random_range(1e-9..1.0), self.random.random());
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        median * (sigma * normal).exp()
    }

    pub(crate) fn one_in(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.random.random_bool(probability.min(1.0))
    }
}

/// Seconds of work per second that each service is asked for when trade is as usual.
fn demand(flows: &[(&'static Operation, f64)]) -> Vec<f64> {
    let mut demand = vec![0.0; ALL.len()];
    let mut sent = vec![0.0; GROUPS.len()];
    for (operation, per_second) in flows {
        add(operation.service.id, operation.steps, *per_second, &mut demand, &mut sent);
    }
    for group in GROUPS {
        let per_second = sent[group.topic.id];
        add(group.service.id, group.work.steps, per_second, &mut demand, &mut sent);
    }
    demand
}

fn add(service: usize, steps: &'static [Step], per_second: f64, demand: &mut [f64], sent: &mut [f64]) {
    for step in steps {
        match step {
            Step::Work(us) => demand[service] += per_second * *us as f64 / 1e6,
            Step::Call(operation) => add(operation.service.id, operation.steps, per_second, demand, sent),
            Step::Maybe(probability, steps) => add(service, steps, per_second * probability, demand, sent),
            Step::WithCoupon(steps) => add(service, steps, per_second * 0.4, demand, sent),
            Step::Try(steps, _) => add(service, steps, per_second, demand, sent),
            Step::Send(topic) => sent[topic.id] += per_second,
            _ => {}
        }
    }
}
