//! The oracle: seeded load whose every span is known in advance, and the comparison of what SQL
//! shows with what the ledger allows.
//!
//! `lost` = acknowledged and not seen; `dup` = seen more than once; `phantom` = refused for good and
//! seen; `altered` = seen with another content than was sent; `torn` = a request of which only some
//! spans are seen.

use crate::content::{self, Any, attribute, label};
use crate::environment;
use crate::ledger::{Batch, Ledger, Verdict};
use crate::random;
use crate::rows::{Rows, integer, text};
use crate::sender::{Compression, Reply, Request, Sender, Wire};
use crate::server::Server;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use rand::Rng;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// How the load behaves.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub producers: u32,
    pub spans_per_request_max: u64,
    /// Pause between two requests of one producer.
    pub pace: Duration,
}

impl Default for Load {
    fn default() -> Self {
        Self { producers: 4, spans_per_request_max: 40, pace: Duration::from_millis(5) }
    }
}

/// One run of the oracle over the lives of one data directory.
#[derive(Clone, Debug)]
pub struct Oracle {
    run: u64,
    seed: u64,
    load: Load,
    ledger: Arc<Mutex<Ledger>>,
    next: Arc<Mutex<HashMap<u32, u64>>>,
}

/// The differences between what was said and what is seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    pub acknowledged: u64,
    pub refused: u64,
    pub unknown: u64,
    pub seen: u64,
    pub lost: u64,
    pub dup: u64,
    pub phantom: u64,
    pub altered: u64,
    pub torn: u64,
}

impl Findings {
    pub fn is_clean(&self) -> bool {
        (self.lost, self.dup, self.phantom, self.altered, self.torn) == (0, 0, 0, 0, 0)
    }

    fn add(&mut self, other: &Findings) {
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.seen += other.seen;
        self.lost += other.lost;
        self.dup += other.dup;
        self.phantom += other.phantom;
        self.altered += other.altered;
        self.torn += other.torn;
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "acknowledged {} refused {} unknown {} seen {}: lost {} dup {} phantom {} altered {} torn {}",
            self.acknowledged,
            self.refused,
            self.unknown,
            self.seen,
            self.lost,
            self.dup,
            self.phantom,
            self.altered,
            self.torn
        )
    }
}

/// What was found, over how many cycles, and what that allows to say.
pub fn statement(test: &str, cycles: u64, findings: &Findings) -> String {
    format!(
        "{test}: {findings}; {cycles} cycles, so at 95 % confidence at most {:.4} failures a cycle (3/N)",
        3.0 / cycles.max(1) as f64
    )
}

impl Oracle {
    pub fn new(seed: u64, load: Load) -> Self {
        let run = environment::now() ^ seed.rotate_left(17);
        Self { run, seed, load, ledger: Arc::new(Mutex::new(Ledger::create(run))), next: Arc::default() }
    }

    /// Sends until `stop` turns true or the server is gone; each producer first sends again, byte for
    /// byte, what it has no answer to (but one in four, which it gives up, as real exporters do).
    pub async fn produce(&self, server: &Server, cycle: u64, stop: watch::Receiver<bool>) {
        let sender = Sender::to(server);
        let producers = (0..self.load.producers).map(|p| {
            let (oracle, sender, stop) = (self.clone(), sender.clone(), stop.clone());
            tokio::spawn(async move { oracle.producer(p, cycle, sender, stop).await })
        });
        for producer in producers.collect::<Vec<_>>() {
            producer.await.expect("a producer does not panic");
        }
    }

    async fn producer(self, producer: u32, cycle: u64, sender: Sender, stop: watch::Receiver<bool>) {
        let wire = if producer.is_multiple_of(2) { Wire::HttpProtobuf } else { Wire::Grpc };
        let again = self.unanswered(producer);
        let mut fresh = std::iter::repeat_with(|| self.next_batch(producer, cycle));
        let mut again = again.into_iter();
        while !*stop.borrow() {
            let (batch, repeated) = match again.next() {
                Some(batch) => (batch, true),
                None => (fresh.next().expect("an endless iterator"), false),
            };
            if !self.exchange(&sender, wire, batch, repeated, &stop).await {
                return;
            }
            tokio::time::sleep(self.load.pace).await;
        }
    }

    /// One batch until it is answered for good; `false` when the server is gone.
    async fn exchange(
        &self,
        sender: &Sender,
        wire: Wire,
        batch: Batch,
        repeated: bool,
        stop: &watch::Receiver<bool>,
    ) -> bool {
        let request = self.request(batch);
        if !repeated {
            self.ledger().sent(batch);
        }
        loop {
            let compression = if batch.first.is_multiple_of(3) { Compression::Gzip } else { Compression::None };
            let reply = sender.send_compressed(wire, compression, &request).await;
            let verdict = match &reply {
                Reply::Accepted { rejected: 0, .. } => Verdict::Ok,
                Reply::Accepted { .. } | Reply::Refused { .. } => Verdict::Fail,
                Reply::Busy { .. } if !*stop.borrow() => {
                    tokio::time::sleep(self.load.pace).await;
                    continue;
                }
                Reply::Busy { .. } | Reply::Unknown(_) => Verdict::Unknown,
            };
            self.ledger().answered(batch, verdict);
            return verdict != Verdict::Unknown;
        }
    }

    fn unanswered(&self, producer: u32) -> Vec<Batch> {
        let ledger = self.ledger();
        let unknown = ledger.entries().iter().filter(|(b, v)| b.producer == producer && *v == Verdict::Unknown);
        unknown.map(|(b, _)| *b).filter(|b| b.first % 4 != 3).collect()
    }

    fn next_batch(&self, producer: u32, cycle: u64) -> Batch {
        let mut next = self.next.lock().expect("no panic while held");
        let first = next.entry(producer).or_default();
        let count = random::generator(self.seed ^ *first ^ (u64::from(producer) << 40))
            .random_range(1..=self.load.spans_per_request_max);
        let batch = Batch { cycle, producer, first: *first, count };
        *first += count;
        batch
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("no panic while held")
    }

    fn request(&self, batch: Batch) -> Request {
        let spans = (batch.first..batch.first + batch.count).map(|seq| self.span(batch, seq)).collect();
        content::traces(&format!("oracle-{}", batch.producer), spans)
    }

    /// The span that (seed, run, producer, seq) determine, with the hash of its content in it.
    fn span(&self, batch: Batch, seq: u64) -> Span {
        let mut random =
            random::generator(self.seed ^ self.run ^ (u64::from(batch.producer) << 48) ^ seq.wrapping_mul(0x9e37_79b9));
        // Derived from the run and not from the clock: the same batch is the same bytes each time.
        let start = self.run_start() + seq * 1_000_003 + u64::from(batch.producer);
        let mut span = content::span(&mut random, &format!("op-{}", seq % 17), start, random_duration(seq));
        span.kind = (1 + seq % 5) as i32;
        if seq.is_multiple_of(11) {
            span.status = Some(Status { message: format!("failed {seq}"), code: 2 });
        }
        let note: String =
            (0..random.random_range(0..60)).map(|_| char::from(random.random_range(b' '..=b'~'))).collect();
        let amount: i64 = random.random();
        let hash = content_hash(&Seen {
            operation: span.name.clone(),
            kind: kind_text(span.kind).into(),
            status_message: span.status.as_ref().map(|s| s.message.clone()).unwrap_or_default(),
            duration_ns: i128::from(span.end_time_unix_nano - span.start_time_unix_nano),
            trace_id: hex::encode(&span.trace_id),
            span_id: hex::encode(&span.span_id),
            note: note.clone(),
            amount: amount.to_string(),
        });
        span.attributes = vec![
            label("oracle.run", format!("{:016x}", self.run)),
            attribute("oracle.cycle", Any::IntValue(batch.cycle as i64)),
            attribute("oracle.producer", Any::IntValue(i64::from(batch.producer))),
            attribute("oracle.seq", Any::IntValue(seq as i64)),
            label("oracle.hash", format!("{hash:016x}")),
            label("oracle.note", note),
            attribute("oracle.amount", Any::IntValue(amount)),
        ];
        span
    }

    fn run_start(&self) -> u64 {
        // Within the last hour before the run began.
        (self.run ^ self.seed.rotate_left(17)) - 3_600_000_000_000
    }

    /// Compares everything that was ever sent with what SQL shows, cycle by cycle.
    pub async fn compare(&self, server: &Server) -> Findings {
        let cycles: HashSet<u64> = self.ledger().entries().iter().map(|(b, _)| b.cycle).collect();
        let mut all = Findings::default();
        for cycle in cycles {
            all.add(&self.compare_cycle(server, cycle).await);
        }
        all
    }

    /// Compares what was first sent in one cycle.
    pub async fn compare_cycle(&self, server: &Server, cycle: u64) -> Findings {
        let sql = format!(
            "SELECT attributes['oracle.producer'] AS producer, attributes['oracle.seq'] AS seq, attributes['oracle.hash'] AS hash, \
             operation, kind, status_message, duration_ns, trace_id, span_id, attributes['oracle.note'] AS note, \
             attributes['oracle.amount'] AS amount FROM spans \
             WHERE attributes['oracle.run'] = '{:016x}' AND attributes['oracle.cycle'] = '{cycle}'",
            self.run
        );
        let seen = count_seen(&server.sql(&sql).await);
        let ledger = self.ledger();
        let mut findings = Findings { seen: seen.values().map(|s| s.times).sum(), ..Findings::default() };
        let mut known = HashSet::new();
        for (batch, verdict) in ledger.entries().iter().filter(|(b, _)| b.cycle == cycle) {
            judge(&mut findings, &seen, *batch, *verdict);
            known.extend((batch.first..batch.first + batch.count).map(|seq| (batch.producer, seq)));
        }
        findings.phantom += seen.keys().filter(|k| !known.contains(k)).count() as u64;
        findings.altered += seen.values().filter(|s| s.altered).count() as u64;
        findings
    }
}

fn judge(findings: &mut Findings, seen: &HashMap<(u32, u64), Sighting>, batch: Batch, verdict: Verdict) {
    let sightings =
        (batch.first..batch.first + batch.count).map(|seq| seen.get(&(batch.producer, seq)).map_or(0, |s| s.times));
    let (mut present, mut twice) = (0, 0);
    for times in sightings {
        present += u64::from(times > 0);
        twice += times.saturating_sub(1);
    }
    findings.dup += twice;
    match verdict {
        Verdict::Ok => {
            findings.acknowledged += batch.count;
            findings.lost += batch.count - present;
        }
        Verdict::Fail => {
            findings.refused += batch.count;
            findings.phantom += present;
        }
        Verdict::Unknown => {
            findings.unknown += batch.count;
            findings.torn += u64::from(present != 0 && present != batch.count);
        }
    }
}

#[derive(Debug, Default)]
struct Sighting {
    times: u64,
    altered: bool,
}

#[derive(Debug, Hash)]
struct Seen {
    operation: String,
    kind: String,
    status_message: String,
    duration_ns: i128,
    trace_id: String,
    span_id: String,
    note: String,
    amount: String,
}

fn content_hash(seen: &Seen) -> u64 {
    let mut hasher = DefaultHasher::new();
    seen.hash(&mut hasher);
    hasher.finish()
}

fn count_seen(rows: &Rows) -> HashMap<(u32, u64), Sighting> {
    let at: Vec<usize> = [
        "producer",
        "seq",
        "hash",
        "operation",
        "kind",
        "status_message",
        "duration_ns",
        "trace_id",
        "span_id",
        "note",
        "amount",
    ]
    .iter()
    .map(|c| rows.index(c))
    .collect();
    let mut seen: HashMap<(u32, u64), Sighting> = HashMap::new();
    for row in &rows.rows {
        let cell = |i: usize| text(&row[at[i]]);
        let content = Seen {
            operation: cell(3),
            kind: cell(4),
            status_message: cell(5),
            duration_ns: integer(&row[at[6]]).unwrap_or(-1),
            trace_id: cell(7),
            span_id: cell(8),
            note: cell(9),
            amount: cell(10),
        };
        let (producer, seq) = (cell(0).parse().unwrap_or(u32::MAX), cell(1).parse().unwrap_or(u64::MAX));
        let sighting = seen.entry((producer, seq)).or_default();
        sighting.times += 1;
        sighting.altered |= format!("{:016x}", content_hash(&content)) != cell(2);
    }
    seen
}

fn kind_text(kind: i32) -> &'static str {
    match kind {
        2 => "server",
        3 => "client",
        4 => "producer",
        5 => "consumer",
        _ => "internal",
    }
}

fn random_duration(seq: u64) -> u64 {
    1_000 + seq.wrapping_mul(2_654_435_761) % 900_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        Batch { cycle: 1, producer: 0, first: 10, count: 3 }
    }

    fn seen(times: [u64; 3]) -> HashMap<(u32, u64), Sighting> {
        let present = (10..13).zip(times).filter(|(_, t)| *t > 0);
        present.map(|(seq, times)| ((0, seq), Sighting { times, altered: false })).collect()
    }

    #[test]
    fn each_difference_is_told_apart() {
        let of = |times, verdict| {
            let mut findings = Findings::default();
            judge(&mut findings, &seen(times), batch(), verdict);
            (findings.lost, findings.dup, findings.phantom, findings.torn)
        };
        assert_eq!(of([1, 1, 1], Verdict::Ok), (0, 0, 0, 0), "acknowledged and seen");
        assert_eq!(of([1, 0, 1], Verdict::Ok), (1, 0, 0, 0), "acknowledged and lost");
        assert_eq!(of([2, 1, 3], Verdict::Ok), (0, 3, 0, 0), "seen again");
        assert_eq!(of([0, 0, 0], Verdict::Fail), (0, 0, 0, 0), "refused and absent");
        assert_eq!(of([0, 1, 0], Verdict::Fail), (0, 0, 1, 0), "refused and seen");
        assert_eq!(of([0, 0, 0], Verdict::Unknown), (0, 0, 0, 0), "unknown and absent");
        assert_eq!(of([1, 1, 1], Verdict::Unknown), (0, 0, 0, 0), "unknown and seen");
        assert_eq!(of([1, 0, 0], Verdict::Unknown), (0, 0, 0, 1), "unknown and torn");
    }

    #[test]
    fn the_same_batch_is_the_same_bytes() {
        let oracle = Oracle::new(7, Load::default());
        let batch = oracle.next_batch(1, 0);
        assert_eq!(oracle.request(batch).protobuf(), oracle.request(batch).protobuf());
        assert_eq!(oracle.next_batch(1, 0).first, batch.count);
    }
}
