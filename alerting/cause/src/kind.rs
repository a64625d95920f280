//! The kind of a cause, by a table of named rules over its signs. The rule that gathers most bits wins;
//! where none speaks the kind is unknown.

use crate::sign::{Aspect, Sign};
use crate::suspect::Candidate;
use model::{CauseKind, EntityKind};

/// What a rule looks at.
#[derive(Debug)]
struct View<'a> {
    candidate: &'a Candidate,
    /// The kind of change that is held to be the culprit.
    change: Option<&'a str>,
    /// What it is that the same record fails time and again.
    record: Option<CauseKind>,
}

impl View<'_> {
    fn signs(&self) -> impl Iterator<Item = &Sign> {
        self.candidate.signs.iter()
    }

    fn bits(&self, aspects: &[Aspect]) -> f64 {
        self.signs().filter(|sign| aspects.contains(&sign.aspect)).map(|sign| sign.bits).fold(0.0, f64::max)
    }

    /// How surely it is seen by what mechanism harm was done.
    fn mechanism(&self) -> f64 {
        let told = |sign: &&Sign| {
            MECHANICAL.contains(&sign.aspect) || sign.cause.is_some_and(|cause| MECHANISMS.contains(&cause))
        };
        self.signs().filter(told).map(|sign| sign.bits).fold(0.0, f64::max)
    }

    /// Bits of signs that name a kind of cause themselves.
    fn told(&self, cause: CauseKind) -> f64 {
        self.signs().filter(|sign| sign.cause == Some(cause)).map(|sign| sign.bits).fold(0.0, f64::max)
    }

    /// Bits of signs that it behaves otherwise or fails.
    fn failure(&self, of: impl Fn(&Sign) -> bool) -> f64 {
        let failures = [Aspect::Behaviour, Aspect::ErrorLog, Aspect::ErrorOrigin];
        self.signs().filter(|s| failures.contains(&s.aspect) && of(s)).map(|sign| sign.bits).fold(0.0, f64::max)
    }

    fn is(&self, kind: EntityKind) -> bool {
        self.candidate.entity.kind == kind
    }
}

/// A name to find it by in discussions, the kind it speaks for, and how many bits it gathers.
struct Rule {
    name: &'static str,
    kind: CauseKind,
    weight: fn(&View<'_>) -> f64,
}

/// What an entity is by itself outweighs what was seen of it.
const BY_NATURE: f64 = 20.0;
/// A convicted change outweighs that something behaves otherwise or fails.
const BY_CHANGE: f64 = 15.0;
/// From so many bits on, the mechanism by which a release did harm (or that it did not reach everybody) is the
/// kind: it says what to look at, and the release stands beside it.
const BY_MECHANISM: f64 = 2.0;
const MECHANISMS: &[CauseKind] = &[
    CauseKind::ConnectionPool,
    CauseKind::ThreadPool,
    CauseKind::NPlusOne,
    CauseKind::SlowSql,
    CauseKind::Memory,
    CauseKind::Disk,
    CauseKind::Lock,
    CauseKind::RetryStorm,
    CauseKind::VersionDrift,
];
const MECHANICAL: &[Aspect] =
    &[Aspect::Pool, Aspect::Threads, Aspect::CallCount, Aspect::Memory, Aspect::Disk, Aspect::Lock, Aspect::Retry];

const fn rule(name: &'static str, kind: CauseKind, weight: fn(&View<'_>) -> f64) -> Rule {
    Rule { name, kind, weight }
}

fn when(condition: bool, weight: f64) -> f64 {
    if condition { weight } else { 0.0 }
}

/// Bits from which on a busy processor explains time lost on the way.
const STARVED: f64 = 3.0;
const NETWORK: &[Aspect] = &[Aspect::Gap, Aspect::EdgeMetric];

/// That nobody answered says that something was wrong, and next to nothing of what.
const UNANSWERED: f64 = 0.3;

fn is_unanswered(sign: &Sign) -> bool {
    const WORDS: [&str; 7] = [
        "connectexception",
        "connecttimeout",
        "connecterror",
        "connection refused",
        "timeout",
        "timed out",
        "unavailable",
    ];
    let says = |word: &String| WORDS.iter().any(|part| word.to_ascii_lowercase().contains(part));
    !sign.words.is_empty() && sign.words.iter().all(says)
}

const RULES: &[Rule] = &[
    rule("traffic is traffic", CauseKind::Traffic, |v| when(v.is(EntityKind::Traffic), BY_NATURE)),
    rule("a node or host is a host", CauseKind::Host, |v| {
        when(v.is(EntityKind::Node) || v.is(EntityKind::Host), BY_NATURE)
    }),
    rule("a third party is a third party", CauseKind::ThirdParty, |v| when(v.is(EntityKind::ThirdParty), BY_NATURE)),
    rule("a device is a device", CauseKind::Device, |v| when(v.is(EntityKind::Device), BY_NATURE)),
    rule("a region is a region", CauseKind::Region, |v| when(v.is(EntityKind::Region), BY_NATURE)),
    rule("a cache is a cache", CauseKind::Cache, |v| when(v.is(EntityKind::Cache), BY_NATURE)),
    rule("one message that fails again and again is poison", CauseKind::PoisonMessage, |v| {
        let in_queue = v.record.is_some() && v.is(EntityKind::Queue);
        when(in_queue || v.record == Some(CauseKind::PoisonMessage), BY_NATURE + 1.0)
    }),
    rule("one record that fails again and again is bad data", CauseKind::BadData, |v| {
        when(v.record.is_some(), BY_CHANGE + 1.0)
    }),
    rule("a host whose disk is full is a disk", CauseKind::Disk, |v| {
        let own = v.is(EntityKind::Node) || v.is(EntityKind::Host);
        when(
            own && v.told(CauseKind::Disk) >= 1.0 && v.told(CauseKind::Disk) >= v.bits(&[Aspect::Cpu]),
            BY_NATURE + 1.0,
        )
    }),
    rule("a queue is a queue", CauseKind::Queue, |v| when(v.is(EntityKind::Queue), BY_NATURE)),
    rule("a flag or configuration was changed", CauseKind::Config, |v| {
        when(matches!(v.change, Some("flag" | "feature_flag" | "config" | "configuration")), BY_CHANGE)
    }),
    rule("a release was brought out", CauseKind::Release, |v| {
        let released =
            v.change.is_some_and(|kind| !matches!(kind, "flag" | "feature_flag" | "config" | "configuration"));
        when(released && v.mechanism() < BY_MECHANISM, BY_CHANGE)
    }),
    rule("time is lost between client and server", CauseKind::Network, |v| {
        when(v.bits(&[Aspect::Cpu]) < STARVED, v.bits(NETWORK))
    }),
    rule("the processor is busy, and who has none of it is late everywhere", CauseKind::Cpu, |v| {
        let busy = v.bits(&[Aspect::Cpu]);
        busy + when(busy >= STARVED, v.bits(NETWORK))
    }),
    rule("memory runs out", CauseKind::Memory, |v| v.bits(&[Aspect::Memory])),
    rule("the disk is full or slow", CauseKind::Disk, |v| v.bits(&[Aspect::Disk, Aspect::Io])),
    rule("the same is asked in a loop", CauseKind::NPlusOne, |v| v.bits(&[Aspect::CallCount])),
    rule("failed calls are repeated", CauseKind::RetryStorm, |v| v.bits(&[Aspect::Retry])),
    rule("threads run out", CauseKind::ThreadPool, |v| v.bits(&[Aspect::Threads])),
    rule("connections run out", CauseKind::ConnectionPool, |v| {
        v.bits(&[Aspect::Pool]) + when(v.bits(&[Aspect::Pool]) > 0.0, 0.5)
    }),
    rule("locks are waited for", CauseKind::Lock, |v| v.bits(&[Aspect::Lock])),
    rule("a database is a database", CauseKind::Database, |v| when(v.is(EntityKind::Database), 1.0)),
    rule("it was started and is still slow", CauseKind::ColdStart, |v| {
        when(
            v.bits(&[Aspect::Restart]) > 0.0 && v.bits(&[Aspect::Memory, Aspect::ErrorOrigin]) == 0.0,
            v.bits(&[Aspect::SelfTime, Aspect::Restart]),
        )
    }),
    rule("it behaves otherwise or fails", CauseKind::Exception, |v| {
        (0.9 * v.failure(|sign| !is_unanswered(sign))).max(UNANSWERED * v.failure(|_| true))
    }),
];

/// Names the kind of a candidate.
pub(crate) fn of(candidate: &Candidate, change: Option<&str>, record: Option<CauseKind>) -> CauseKind {
    let view = View { candidate, change, record };
    let mut weights: Vec<(f64, CauseKind, &str)> =
        RULES.iter().map(|rule| ((rule.weight)(&view), rule.kind, rule.name)).collect();
    // A sign that names its kind speaks for it with its own bits, a little before general rules.
    const TELLING: f64 = 1.1;
    weights
        .extend(candidate.signs.iter().filter_map(|sign| Some((sign.bits * TELLING, sign.cause?, "a sign names it"))));
    let best =
        weights.into_iter().filter(|(weight, ..)| *weight > 0.0).max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    best.map_or(CauseKind::Unknown, |(_, kind, _)| kind)
}
