//! A store in miniature: a log, rows that are kept, counts that are lost in a crash, and a search for
//! parents among all spans.

use crate::company::{self, Span, id, trace};
use crate::reference::{Expected, answers, expected, firsts, named, service};
use crate::sums::{Sums, add_rows, said};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{concat_batches, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use model::{UnixNanos, Workspace};
use proptest::prelude::*;
use rollup::{Found, Guess, Moment, NodeKind, Parent, Reader, Resolved, Rollups, Settings, SpanKind, TABLES, combine};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tables::{PromotedSet, TableId, TableSpec};

pub(crate) struct Store {
    settings: Settings,
    reader: Reader,
    pub(crate) rollups: Rollups,
    workspace: Workspace,
    /// Requests, and how many of them the kept rows tell of.
    log: Vec<Vec<Span>>,
    committed: usize,
    kept: BTreeMap<TableId, Vec<RecordBatch>>,
}

impl Store {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            reader: Reader::new(&settings),
            rollups: Rollups::new(settings.clone(), 1),
            settings,
            workspace: Workspace::default(),
            log: Vec::new(),
            committed: 0,
            kept: BTreeMap::new(),
        }
    }

    pub(crate) fn append(&mut self, spans: &[Span]) {
        self.log.push(spans.to_vec());
        self.count(spans.to_vec());
    }

    fn count(&mut self, spans: Vec<Span>) {
        let facts = self.reader.facts(&company::request(&spans));
        self.rollups.count(&self.workspace, facts, UnixNanos(1_000));
    }

    pub(crate) fn checkpoint(&mut self) {
        let before = self.sums(TableId::ServiceEdges);
        for counted in self.rollups.seal().unwrap() {
            self.kept.entry(counted.batch.table).or_default().push(counted.batch.rows);
        }
        self.committed = self.log.len();
        assert_eq!(self.sums(TableId::ServiceEdges), before, "what was shown is what is kept");
    }

    /// All memory is lost, and what the log has beyond the kept rows is counted again.
    pub(crate) fn crash(&mut self) {
        self.rollups = Rollups::new(self.settings.clone(), 2);
        let uncommitted = self.log[self.committed..].to_vec();
        uncommitted.into_iter().for_each(|spans| self.count(spans));
    }

    pub(crate) fn compact(&mut self) {
        for table in TABLES {
            let Some(batches) = self.kept.remove(&table) else { continue };
            let spec = TableSpec::new(table, &PromotedSet::default());
            let rows = concat_batches(&spec.schema, &batches).unwrap();
            let columns = spec.sort.iter().map(|name| arrow::compute::SortColumn {
                values: rows.column_by_name(name).unwrap().clone(),
                options: None,
            });
            let order = lexsort_to_indices(&columns.collect::<Vec<_>>(), None).unwrap();
            let sorted = take_record_batch(&rows, &order).unwrap();
            self.kept.insert(table, vec![combine(table, &sorted).unwrap()]);
        }
    }

    pub(crate) fn rows(&self, table: TableId) -> Vec<RecordBatch> {
        let hot = self.rollups.preview(&self.workspace, table).unwrap().map(|batch| batch.rows);
        self.kept.get(&table).into_iter().flatten().cloned().chain(hot).collect()
    }

    pub(crate) fn sums(&self, table: TableId) -> Sums {
        let mut sums = Sums::new();
        self.rows(table).iter().for_each(|rows| add_rows(table, rows, &mut sums));
        said(sums)
    }

    /// Rows of `edges_pending` that are not answered: target trace, parent, span, kind.
    pub(crate) fn pending(&self) -> Vec<Pending> {
        let mut open: HashMap<Pending, i64> = HashMap::new();
        for rows in self.rows(TableId::EdgesPending) {
            let ids = |name: &str, row| rows.column_by_name(name).unwrap().as_fixed_size_binary().value(row).to_vec();
            let text = |name: &str, row| rows.column_by_name(name).unwrap().as_string_view().value(row).to_owned();
            let number = |name: &str, row| rows.column_by_name(name).unwrap().as_primitive::<Int64Type>().value(row);
            let time = |name: &str, row| {
                rows.column_by_name(name).unwrap().as_primitive::<TimestampNanosecondType>().value(row)
            };
            for row in 0..rows.num_rows() {
                let pending = Pending {
                    target: (ids("trace_id", row)[15], ids("parent_span_id", row)[7]),
                    span: ids("span_id", row)[7],
                    service: text("service", row),
                    owner: ["environment", "namespace", "lane"].map(|name| text(name, row)),
                    kind: SpanKind::from_text(&text("kind", row)),
                    minute: time("minute", row),
                    error: number("error", row) == 1,
                    limited: number("limited", row) == 1,
                    duration: number("duration_ns", row),
                    received: time("time", row),
                };
                let resolved = rows.column_by_name("resolved").unwrap().as_boolean().value(row);
                *open.entry(pending).or_default() += if resolved { -1 } else { 1 };
            }
        }
        assert!(open.values().all(|n| (0..=1).contains(n)), "each waits once and is resolved once: {open:?}");
        open.into_iter().filter(|(_, n)| *n == 1).map(|(pending, _)| pending).collect()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.log.iter().flatten().cloned().collect()
    }

    /// What a search among all stored spans finds for the pending rows.
    pub(crate) fn search(&self) -> Search {
        Search { found: self.found(), moment: self.rollups.moment() }
    }

    fn found(&self) -> Vec<Found> {
        let all = self.spans();
        let firsts = firsts(&all);
        let pending = self.pending();
        let found = pending.iter().filter_map(|row| {
            let parent = firsts.iter().find(|s| s.is_known() && s.key() == row.target)?;
            let waiting = pending.iter().filter(|p| p.target == row.target && p.service != service(parent)).count();
            let children: usize =
                answers(parent, &firsts).map(|d| named(d).iter().filter(|t| **t == row.target).count()).sum();
            let guess = match parent.peer().node(parent.kind) {
                Some((NodeKind::ThirdParty, name)) if children == waiting => Some(Guess {
                    name,
                    time: parent.time,
                    error: parent.error,
                    limited: parent.limited,
                    duration: parent.duration,
                }),
                _ => None,
            };
            Some(row.found(Parent { owner: parent.owner(), kind: parent.kind, guess }))
        });
        found.collect()
    }

    pub(crate) fn resolve(&mut self, search: Search) -> Resolved {
        let now = (UnixNanos(2_000), Duration::from_secs(1));
        self.rollups.resolve(&self.workspace, search.found, search.moment, now)
    }
}

/// What a search has found, and when it began.
#[derive(Clone)]
pub(crate) struct Search {
    found: Vec<Found>,
    moment: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pending {
    target: (u8, u8),
    span: u8,
    service: String,
    owner: [String; 3],
    kind: SpanKind,
    minute: i64,
    error: bool,
    limited: bool,
    duration: i64,
    received: i64,
}

impl Pending {
    fn found(&self, parent: Parent) -> Found {
        let [environment, namespace, lane] = self.owner.clone().map(Into::into);
        Found {
            trace_id: trace(self.target.0),
            parent_span_id: id(self.target.1),
            span_id: id(self.span),
            owner: rollup::Owner { environment, namespace, lane, service: self.service.as_str().into() },
            kind: self.kind,
            minute: self.minute,
            error: self.error,
            limited: self.limited,
            duration: self.duration,
            received: self.received,
            parent,
        }
    }
}

/// Of one id there is one kind here: two kinds under one id have a test of their own.
fn kind_of(trace: u8, id: u8) -> SpanKind {
    use SpanKind::{Client, Consumer, Internal, Producer, Server};
    [Server, Client, Internal, Consumer, Client, Producer][usize::from(trace.wrapping_mul(31).wrapping_add(id)) % 6]
}

pub(crate) fn a_span() -> impl Strategy<Value = Span> {
    let who = (0..4_u8, 0..30_u8, 0..30_u8, 0..6_u8);
    let what = (0..3_u8, prop::option::weighted(0.2, 0..2_u8), 0..200_i64, -5..5_000_000_i64);
    let how = (any::<bool>(), prop::bool::weighted(0.2), 0..6_u8, prop::option::weighted(0.2, 0..2_u8));
    let links = prop::collection::vec((0..4_u8, 0..30_u8), 0..3);
    (who, what, how, links).prop_map(|(who, what, how, links)| Span {
        trace: who.0,
        id: who.1,
        parent: who.2,
        service: who.3,
        kind: kind_of(who.0, who.1),
        operation: what.0,
        lane: what.1,
        time: what.2 * 1_000_000_000,
        duration: what.3,
        error: how.0,
        limited: how.1,
        peer: how.2,
        site: how.3,
        links,
    })
}

/// What happens beside requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Nothing,
    Checkpoint,
    Compact,
    Crash,
    Reconcile,
}

fn events() -> impl Strategy<Value = Vec<(usize, Event)>> {
    let event = prop_oneof![
        3 => Just(Event::Nothing),
        3 => Just(Event::Checkpoint),
        1 => Just(Event::Compact),
        1 => Just(Event::Crash),
        1 => Just(Event::Reconcile),
    ];
    prop::collection::vec((1..25_usize, event), 1..40)
}

/// Appends spans in batches with events between; the last batch has all that are left.
fn play(store: &mut Store, spans: &[Span], events: &[(usize, Event)], allowed: impl Fn(Event) -> bool) {
    let mut rest = spans;
    let mut stale: Option<Search> = None;
    for (rows, event) in events {
        let (now, later) = rest.split_at((*rows).min(rest.len()));
        rest = later;
        store.append(now);
        match event {
            event if !allowed(*event) => {}
            Event::Nothing => {}
            Event::Checkpoint => store.checkpoint(),
            Event::Compact => store.compact(),
            Event::Crash => {
                store.crash();
                stale = None;
            }
            Event::Reconcile => {
                // What an earlier search found may have been resolved since.
                let search = store.search();
                if let Some(earlier) = stale.replace(search) {
                    store.resolve(earlier);
                }
            }
        }
    }
    store.append(rest);
}

fn assert_equal(store: &Store) {
    let Expected { red, edges } = expected(&store.spans());
    for (table, expected) in [(TableId::Red, said(red)), (TableId::ServiceEdges, said(edges))] {
        let found = store.sums(table);
        let only = |a: &Sums, b: &Sums| -> Sums {
            a.iter().filter(|(key, sum)| b.get(*key) != Some(sum)).map(|(k, s)| (k.clone(), s.clone())).collect()
        };
        let (missing, wrong) = (only(&expected, &found), only(&found, &expected));
        assert!(missing.is_empty() && wrong.is_empty(), "{table}: expected {missing:#?}, found {wrong:#?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn with_memory_enough_the_counts_are_exact_at_any_moment(spans in prop::collection::vec(a_span(), 0..200), events in events()) {
        let mut store = Store::new(Settings::default());
        play(&mut store, &spans, &events, |e| matches!(e, Event::Checkpoint | Event::Compact));
        assert_equal(&store);
        store.checkpoint();
        store.compact();
        assert_equal(&store);
        prop_assert_eq!(store.found(), vec![]);
    }

    #[test]
    fn over_crashes_and_with_little_memory_the_counts_are_exact_after_a_search(spans in prop::collection::vec(a_span(), 0..200), events in events()) {
        // Copies are known by memory alone.
        let spans: Vec<Span> = firsts(&spans).into_iter().filter(|s| s.is_known()).cloned().collect();
        let mut store = Store::new(Settings { spans_max: 32, waiting_max: 6, ..Settings::default() });
        play(&mut store, &spans, &events, |_| true);
        let search = store.search();
        let twice = search.clone();
        prop_assert_eq!(store.resolve(search).put_off, 0);
        assert_equal(&store);
        let again = store.resolve(twice);
        prop_assert_eq!(again.resolved, 0);
        store.checkpoint();
        store.compact();
        assert_equal(&store);
        prop_assert_eq!(store.found(), vec![]);
    }
}
