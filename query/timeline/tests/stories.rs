//! Small stories, each with one difficulty.

use model::{SpanId, TraceId, UnixNanos};
use proptest::prelude::*;
use timeline::{
    Answer, Business, Entity, Explorer, Fact, FactId, Kind, Limits, Question, Seed, Stretch, Told, Vocabulary,
};

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;

/// Facts that answer every question by everything they have: what is not asked for is not needed.
#[derive(Default)]
struct Store(Vec<Fact>);

fn trace(n: u8) -> TraceId {
    TraceId([n; 16])
}

fn span(n: u8) -> SpanId {
    SpanId([n; 8])
}

impl Store {
    fn add(&mut self, kind: Kind, at: i64, edit: impl FnOnce(&mut Fact)) -> u32 {
        let id = self.0.len() as u32;
        let mut fact = Fact::at(kind, "service", UnixNanos(at));
        fact.id = FactId(id);
        edit(&mut fact);
        self.0.push(fact);
        id
    }

    /// A span with keys, alone in its trace.
    fn request(&mut self, at: i64, n: u8, keys: &[(&str, &str)]) -> u32 {
        self.add(Kind::Request, at, |fact| {
            (fact.trace_id, fact.span_id) = (Some(trace(n)), Some(span(n)));
            fact.keys = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        })
    }

    fn answer(&self, question: &Question) -> Answer {
        let of_traces =
            self.0.iter().filter(|fact| fact.trace_id.is_some_and(|trace| question.traces.contains(&trace)));
        let named = |fact: &&Fact| {
            question.keys.iter().any(|(key, value, _)| fact.values(key).any(|v| v == value))
                || question.requests.iter().any(|(id, w)| fact.request_id.as_ref() == Some(id) && w.contains(fact.time))
                || question.messages.iter().any(|(id, _)| fact.message_ids.contains(id))
                || question.mentions.iter().any(|mention| {
                    let text = fact.contexts.contains(&mention.trace.to_string()) && mention.texts.contains(fact.time);
                    let linked = fact.links.iter().any(|(linked, _)| *linked == mention.trace);
                    text || (linked && mention.links.contains(fact.time))
                })
        };
        Answer {
            of_traces: of_traces.cloned().collect(),
            found: self.0.iter().filter(named).cloned().collect(),
            cut: vec![],
        }
    }

    fn tell_within(&self, seed: Seed, limits: Limits) -> Told {
        let vocabulary = Vocabulary::of(&["order.id", "store.id", "user.id"].map(String::from));
        let mut explorer = Explorer::new(seed, vocabulary, limits);
        while let Some(question) = explorer.ask() {
            explorer.tell(self.answer(&question));
        }
        explorer.finish()
    }

    fn tell(&self, seed: Seed) -> Vec<u32> {
        self.tell_within(seed, Limits::default()).members.iter().map(|member| member.fact.0).collect()
    }
}

fn order(id: &str) -> Seed {
    Seed::key("order.id", id, Stretch::ALL)
}

#[test]
fn a_request_id_joins_traces_that_are_near_and_not_those_of_another_hour() {
    let mut store = Store::default();
    let first = store.request(0, 1, &[("order.id", "O1")]);
    let lost = store.request(2 * SECOND, 2, &[]);
    let later = store.request(HOUR, 3, &[]);
    for fact in [first, lost, later] {
        store.0[fact as usize].request_id = Some("r1".into());
    }
    assert_eq!(store.tell(order("O1")), [first, lost]);
    let told = store.tell_within(order("O1"), Limits::default());
    assert_eq!(told.members[1].why, "the same request id r1, 2.000 s apart");
    assert!(told.members[1].confidence > 0.9 && told.members[0].confidence == 1.0);
    assert_eq!((told.trace_ids, told.request_ids), (vec![trace(1), trace(2)], vec!["r1".to_owned()]));
}

#[test]
fn the_same_number_in_another_store_is_another_order_and_is_told_of() {
    let mut store = Store::default();
    let ours = store.request(10 * SECOND, 1, &[("order.id", "7"), ("store.id", "S1")]);
    store.request(0, 2, &[("order.id", "7"), ("store.id", "S2")]);
    let told = store.tell_within(order("7"), Limits::default());
    assert_eq!(told.members.len(), 1);
    assert_eq!(told.members[0].fact.0, ours, "the last one is meant where nobody says");
    assert_eq!(told.others[0].marks, [("store.id".to_owned(), "S2".to_owned())]);
    let given = Seed { given: vec![("store.id".into(), "S2".into())], ..order("7") };
    assert_eq!(store.tell(given), [1]);
    assert_eq!(store.tell(order("7").near(UnixNanos(1))), [1]);
}

#[test]
fn an_order_that_begins_anew_is_another_order() {
    let mut store = Store::default();
    let event = |store: &mut Store, at: i64, n: u8, phase: &str, before: &str, after: &str| {
        let span = store.request(at, n, &[("order.id", "7"), ("store.id", "S1")]);
        let entity = Entity {
            ty: "order".into(),
            id: "7".into(),
            role: None,
            before: Some(before.into()),
            after: Some(after.into()),
        };
        store.0[span as usize].business =
            Some(Business { phase: phase.into(), entities: vec![entity], ..Business::default() });
        span
    };
    let monday = event(&mut store, 0, 1, "create", "", "placed");
    let paid = event(&mut store, HOUR, 2, "complete", "placed", "paid");
    let tuesday = event(&mut store, 20 * HOUR, 3, "create", "", "placed");
    assert_eq!(store.tell(order("7").near(UnixNanos(0))), [monday, paid]);
    assert_eq!(store.tell(order("7")), [tuesday]);
}

#[test]
fn of_a_batch_and_a_job_only_our_part_is_told() {
    let mut store = Store::default();
    let ours = store.request(0, 1, &[("order.id", "O1")]);
    store.request(SECOND, 2, &[("order.id", "O2")]);
    let batch = store.add(Kind::Message, 2 * SECOND, |fact| {
        (fact.trace_id, fact.span_id) = (Some(trace(9)), Some(span(9)));
        fact.links = vec![(trace(1), span(1)), (trace(2), span(2))];
    });
    let mut part = Vec::new();
    for (n, order) in [(10, "O1"), (11, "O2")] {
        part.push(store.add(Kind::Span, 3 * SECOND, |fact| {
            (fact.trace_id, fact.span_id, fact.parent_span_id) = (Some(trace(9)), Some(span(n)), Some(span(9)));
            fact.keys = vec![("order.id".into(), order.into())];
        }));
        part.push(store.add(Kind::Span, 4 * SECOND, |fact| {
            (fact.trace_id, fact.span_id, fact.parent_span_id) = (Some(trace(9)), Some(span(n + 10)), Some(span(n)));
        }));
    }
    assert_eq!(store.tell(order("O1")), [ours, batch, part[0], part[1]]);
}

#[test]
fn a_foreign_context_in_a_record_joins_it() {
    let mut store = Store::default();
    let ours = store.request(0, 1, &[("order.id", "O1")]);
    let record = store.add(Kind::Log, SECOND, |fact| fact.contexts = vec![trace(1).to_string()]);
    assert_eq!(store.tell(order("O1")), [ours, record]);
}

#[test]
fn a_trace_of_many_orders_is_told_as_it_is_when_it_is_asked_for() {
    let mut store = Store::default();
    let root = store.add(Kind::Job, 0, |fact| (fact.trace_id, fact.span_id) = (Some(trace(1)), Some(span(1))));
    let overhead = store.add(Kind::Log, 0, |fact| (fact.trace_id, fact.span_id) = (Some(trace(1)), Some(span(1))));
    let mut all = vec![root, overhead];
    for n in 2..6 {
        all.push(store.add(Kind::Span, SECOND, |fact| {
            (fact.trace_id, fact.span_id, fact.parent_span_id) = (Some(trace(1)), Some(span(n)), Some(span(1)));
            fact.keys = vec![("order.id".into(), format!("O{n}"))];
        }));
    }
    let told = store.tell_within(Seed::trace(trace(1), Stretch::ALL), Limits::default());
    assert_eq!(told.members.iter().map(|member| member.fact.0).collect::<Vec<_>>(), all);
    assert!(told.members.iter().all(|member| member.why == "in the trace that was asked for"));
}

#[test]
fn a_person_is_told_whole_and_followed_nowhere() {
    let mut store = Store::default();
    let orders: Vec<u32> =
        (1..4).map(|n| store.request(i64::from(n) * HOUR, n, &[("user.id", "U1"), ("order.id", "O")])).collect();
    store.request(0, 9, &[("order.id", "O")]);
    assert_eq!(store.tell(Seed::key("user.id", "U1", Stretch::ALL)), orders);
}

#[test]
fn limits_are_kept_and_said() {
    let mut store = Store::default();
    for n in 1..20 {
        store.request(i64::from(n) * SECOND, n, &[("order.id", "O1")]);
    }
    let told = store.tell_within(order("O1"), Limits { traces_max: 5, ..Limits::default() });
    assert_eq!((told.trace_ids.len(), told.cut), (5, vec!["looked into 5 traces; there are more".to_owned()]));
    let told = store.tell_within(order("O1"), Limits { facts_max: 7, ..Limits::default() });
    assert_eq!((told.members.len(), told.cut), (7, vec!["more than 7 rows".to_owned()]));
    let told = store.tell_within(order("O1"), Limits { hops_max: 0, ..Limits::default() });
    assert_eq!(told.cut.len(), 1, "{:?}", told.cut);
}

#[test]
fn cycles_and_a_million_levels_do_no_harm() {
    let mut store = Store::default();
    for (n, parent) in [(1, 2), (2, 1), (3, 3)] {
        store.add(Kind::Span, 0, |fact| {
            (fact.trace_id, fact.span_id, fact.parent_span_id) = (Some(trace(1)), Some(span(n)), Some(span(parent)));
        });
    }
    assert_eq!(store.tell(Seed::trace(trace(1), Stretch::ALL)).len(), 3);
    let mut deep = Store::default();
    for level in 0..200_000_u64 {
        deep.add(Kind::Span, level as i64, |fact| {
            fact.trace_id = Some(trace(1));
            fact.span_id = Some(SpanId((level + 1).to_be_bytes()));
            fact.parent_span_id = Some(SpanId(level.to_be_bytes()));
        });
    }
    let told =
        deep.tell_within(Seed::trace(trace(1), Stretch::ALL), Limits { facts_max: 200_000, ..Limits::default() });
    assert_eq!(told.members.len(), 200_000);
}

#[test]
fn nothing_found_is_an_empty_story() {
    let told = Store::default().tell_within(order("O1"), Limits::default());
    assert_eq!(told, Told::default());
}

/// Facts whose ids meet each other in every way: few traces, spans, requests, orders and messages.
fn tangle() -> impl Strategy<Value = Vec<Fact>> {
    let few = || 0..6_u8;
    let fact = (few(), few(), few(), few(), few(), 0..100_i64, any::<[bool; 7]>());
    let fact = fact.prop_map(|(t, s, p, r, o, at, has)| {
        let kind = if has[0] { Kind::Span } else { Kind::Log };
        let mut fact = Fact::at(kind, "s", UnixNanos(at * SECOND));
        fact.trace_id = has[1].then(|| trace(t + 1));
        fact.span_id = has[1].then(|| span(s + 1));
        fact.parent_span_id = has[2].then(|| span(p + 1));
        fact.request_id = has[3].then(|| format!("r{r}"));
        fact.keys = if has[4] { vec![("order.id".into(), format!("O{o}"))] } else { vec![] };
        fact.keys.extend(has[0].then(|| ("store.id".into(), format!("S{}", r % 3))));
        fact.links = if has[5] { vec![(trace(p + 1), span(s + 1)), (trace(r + 1), span(1))] } else { vec![] };
        fact.message_ids = if has[6] { vec![format!("m{s}")] } else { vec![] };
        fact
    });
    proptest::collection::vec(fact, 0..60).prop_map(|mut facts| {
        facts.iter_mut().enumerate().for_each(|(at, fact)| fact.id = FactId(at as u32));
        facts
    })
}

proptest! {
    #[test]
    fn every_tangle_is_followed_to_an_end_and_each_fact_is_told_once(facts in tangle(), by in 0..3, n in 0..6_u8) {
        let store = Store(facts);
        let seed = match by {
            0 => order(&format!("O{n}")),
            1 => Seed::request(&format!("r{n}"), Stretch::ALL),
            _ => Seed::trace(trace(n + 1), Stretch::ALL),
        };
        let vocabulary = Vocabulary::of(&["order.id", "store.id"].map(String::from));
        let mut explorer = Explorer::new(seed, vocabulary, Limits::default());
        let mut asked = 0;
        while let Some(question) = explorer.ask() {
            explorer.tell(store.answer(&question));
            asked += 1;
            prop_assert!(asked < 40, "it asks and asks");
        }
        let told = explorer.finish();
        let mut facts: Vec<u32> = told.members.iter().map(|member| member.fact.0).collect();
        let times: Vec<UnixNanos> = facts.iter().map(|at| store.0[*at as usize].time).collect();
        prop_assert!(times.is_sorted());
        prop_assert!(told.members.iter().all(|member| (0.0..=1.0).contains(&member.confidence) && !member.why.is_empty()));
        facts.sort_unstable();
        prop_assert!(facts.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
