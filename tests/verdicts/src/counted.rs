//! Calls counted as the product's rollups count them: who was served how often, how well and how fast, by bucket of
//! time; whom services call; what runs where.

use cause::SpanRow;
use incident::{Estate, Link, Relation};
use model::{Entity, EntityKind, UnixNanos};
use rules::{Answer, AnswerBuilder, Ask, By, Cell, Question};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Buckets of what is served, and of calls to others, nanoseconds.
const SERVED_NS: i64 = 10 * UnixNanos::SECOND;
const CALLED_NS: i64 = 60 * UnixNanos::SECOND;

/// One bucket of one series.
#[derive(Clone, Debug, Default)]
struct Tally {
    errors: u64,
    durations: Vec<i64>,
}

impl Tally {
    fn take(&mut self, span: &SpanRow<'_>) {
        self.errors += u64::from(span.status == "error");
        self.durations.push(span.duration_ns);
    }

    fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.durations.clone();
        sorted.sort_unstable();
        let at = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(at.saturating_sub(1)).map_or(f64::NAN, |ns| *ns as f64)
    }
}

/// A callee that does not speak for itself.
type Peer = (EntityKind, String);

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// By start of the bucket, service, operation.
    served: BTreeMap<(i64, String, String), Tally>,
    /// By start of the bucket, caller, callee.
    called: BTreeMap<(i64, String, Peer), Tally>,
    /// The service of each span, for its children; and services of children whose parent is not finished.
    services: HashMap<String, String>,
    orphans: HashMap<String, BTreeSet<String>>,
    names: BTreeSet<String>,
    links: BTreeSet<(Entity, &'static str, Entity)>,
}

impl Counted {
    pub(crate) fn take(&mut self, span: &SpanRow<'_>) {
        let (service, start) = (span.service.to_owned(), span.start.0);
        self.names.insert(service.clone());
        self.services.insert(span.span_id.to_owned(), service.clone());
        if matches!(span.kind, "server" | "consumer") {
            let key = (start.div_euclid(SERVED_NS) * SERVED_NS, service.clone(), span.operation.to_owned());
            self.served.entry(key).or_default().take(span);
        }
        if let Some(peer) = peer(span) {
            let key = (start.div_euclid(CALLED_NS) * CALLED_NS, service.clone(), peer.clone());
            self.called.entry(key).or_default().take(span);
            self.link(Entity::service(&service), "calls", Entity::new(peer.0, peer.1));
        }
        match self.services.get(span.parent_span_id).cloned() {
            Some(caller) => self.call(&caller, &service),
            None => {
                self.orphans.entry(span.parent_span_id.to_owned()).or_default().insert(service.clone());
            }
        }
        for callee in self.orphans.remove(span.span_id).unwrap_or_default() {
            self.call(&service, &callee);
        }
        if !span.instance.is_empty() {
            let instance = Entity::new(EntityKind::Instance, span.instance);
            self.link(instance.clone(), "instance_of", Entity::service(&service));
            if !span.node.is_empty() {
                self.link(instance, "runs_on", Entity::new(EntityKind::Node, span.node));
            }
        }
    }

    /// Forgets what was counted before an instant, and whose spans are whose.
    pub(crate) fn forget(&mut self, before: UnixNanos) {
        self.served = self.served.split_off(&(before.0, String::new(), String::new()));
        self.called.retain(|(at, ..), _| *at >= before.0);
        self.services.clear();
        self.orphans.clear();
    }

    fn call(&mut self, caller: &str, callee: &str) {
        if caller != callee {
            self.link(Entity::service(caller), "calls", Entity::service(callee));
        }
    }

    fn link(&mut self, from: Entity, relation: &'static str, to: Entity) {
        self.links.insert((from, relation, to));
    }

    /// Whether somebody who is called is one of the company's own.
    fn is_own(&self, (kind, name): &Peer) -> bool {
        *kind == EntityKind::ThirdParty && self.names.contains(name)
    }

    /// What was seen of the estate, with what is declared.
    pub fn estate(&self, declared: Estate) -> Estate {
        let relation = |text: &str| match text {
            "instance_of" => Relation::InstanceOf,
            "runs_on" => Relation::RunsOn,
            _ => Relation::Calls,
        };
        let own = |to: &Entity| to.kind == EntityKind::ThirdParty && self.names.contains(&to.name);
        let seen = self.links.iter().filter(|(.., to)| !own(to)).map(|(from, of, to)| Link {
            from: from.clone(),
            relation: relation(of),
            to: to.clone(),
            calls: 1,
            seen: None,
        });
        Estate { links: seen.chain(declared.links).collect() }
    }

    /// The newest bucket of each service that is known at an instant.
    pub fn newest(&self) -> BTreeMap<&str, UnixNanos> {
        self.served.keys().map(|(bucket, service, _)| (service.as_str(), UnixNanos(*bucket))).collect()
    }

    /// The answer to a question about calls; to others nothing is known.
    pub fn answer(&self, question: &Question) -> Answer {
        let Ask::Calls { by, bucket_ns } = question.ask else {
            return complete(AnswerBuilder::new(["time"], question.from));
        };
        let within = |bucket: i64| question.from.0 <= bucket && bucket < question.until.0;
        let mut sums: BTreeMap<(i64, Vec<String>), Tally> = BTreeMap::new();
        let mut add = |bucket: i64, series: Vec<String>, tally: &Tally| {
            let sum = sums.entry((bucket.div_euclid(bucket_ns) * bucket_ns, series)).or_default();
            sum.errors += tally.errors;
            sum.durations.extend(&tally.durations);
        };
        let names: &[&str] = match by {
            By::Service => &["service"],
            By::Operation => &["service", "operation"],
            _ => &["service", "peer", "peer_type"],
        };
        match by {
            By::Service | By::Operation => {
                for ((bucket, service, operation), tally) in self.served.iter().filter(|((at, ..), _)| within(*at)) {
                    let all = [service.clone(), operation.clone()];
                    add(*bucket, all[..names.len()].to_vec(), tally);
                }
            }
            kind => {
                let wanted = self
                    .called
                    .iter()
                    .filter(|((at, _, peer), _)| within(*at) && peer.0.as_str() == kind.as_str() && !self.is_own(peer));
                for ((bucket, service, (kind, name)), tally) in wanted {
                    add(*bucket, vec![service.clone(), name.clone(), kind.as_str().to_owned()], tally);
                }
            }
        }
        table(question, names, sums)
    }
}

fn table(question: &Question, names: &[&str], sums: BTreeMap<(i64, Vec<String>), Tally>) -> Answer {
    let columns = ["time"].into_iter().chain(names.iter().copied());
    let columns = columns.chain(["calls", "errors", "p50_ns", "p95_ns", "p99_ns"]);
    let mut builder = AnswerBuilder::new(columns, question.from);
    for ((bucket, series), tally) in sums {
        let mut cells = vec![Cell::Time(UnixNanos(bucket))];
        cells.extend(series.into_iter().map(Cell::Text));
        cells.extend([tally.durations.len() as f64, tally.errors as f64].map(Cell::Number));
        cells.extend([0.5, 0.95, 0.99].map(|share| Cell::Number(tally.quantile(share))));
        builder.row(cells);
    }
    complete(builder)
}

fn complete(builder: AnswerBuilder) -> Answer {
    builder.finish(true, None)
}

/// Whom a span calls that sends no spans of its own, or may not.
fn peer(span: &SpanRow<'_>) -> Option<Peer> {
    let named = |system: &str, name: &str| if name.is_empty() { system.to_owned() } else { format!("{system}/{name}") };
    match span.kind {
        "producer" => Some((EntityKind::Queue, named(span.messaging_system, span.destination))),
        "client" if span.db_system == "redis" => Some((EntityKind::Cache, named(span.db_system, span.db_namespace))),
        "client" if !span.db_system.is_empty() => {
            Some((EntityKind::Database, named(span.db_system, span.db_namespace)))
        }
        "client" if !span.server_address.is_empty() => Some((EntityKind::ThirdParty, span.server_address.to_owned())),
        _ => None,
    }
}
