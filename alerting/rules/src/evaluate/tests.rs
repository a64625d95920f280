//! Rules over time: restarts, edits, broken queries, storms of short-lived things, and quiet weeks.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use super::*;
use crate::{Answer, Ask, Figure, Glob, pack, read_yaml};
use std::collections::BTreeMap;

const START: UnixNanos = UnixNanos(1_767_600_000 * UnixNanos::SECOND);
const BUCKET: i64 = 10 * UnixNanos::SECOND;

fn at(second: i64) -> UnixNanos {
    UnixNanos(START.0 + second * UnixNanos::SECOND)
}

fn rule(text: &str) -> Rule {
    let read = read_yaml(text);
    assert_eq!(read.problems, []);
    read.rules.into_iter().next().unwrap()
}

fn labels(pairs: &[(&str, &str)]) -> Arc<Labels> {
    Arc::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
}

/// An answer of rows with one value.
fn values(rows: &[(&Arc<Labels>, f64)]) -> Answer {
    let figure = |(labels, value): &(&Arc<Labels>, f64)| Figure {
        labels: Arc::clone(labels),
        time: START,
        values: vec![*value],
    };
    Answer {
        columns: vec!["value".into()],
        rows: rows.iter().map(figure).collect(),
        complete: true,
        incomplete_reason: None,
    }
}

fn answered(answer: Answer) -> Answers {
    [("rows", Ok(Arc::new(answer)))].into()
}

fn step(rule: &Rule, state: &mut RuleState, second: i64, answer: Answer) -> Vec<(What, Why)> {
    let told = evaluate(rule, state, &answered(answer), at(second), &Watermark::default());
    told.into_iter().map(|t| (t.what, t.why)).collect()
}

/// Stores what changed and reads it back, as a restart does.
fn restarted(state: &mut RuleState, store: &mut BTreeMap<(&'static str, String), String>) -> RuleState {
    for doc in state.changed() {
        match doc.body {
            Some(body) => drop(store.insert((doc.kind, doc.key), body)),
            None => drop(store.remove(&(doc.kind, doc.key))),
        }
    }
    RuleState::restore(&state.rule, store.iter().map(|((kind, _), body)| (*kind, body.as_str()))).unwrap()
}

const SQL: &str = "{name: q, kind: sql, condition: {query: 'SELECT 1', above: 10}, for: 2m, keep_firing: 0s}";

#[test]
fn a_restart_at_any_step_changes_nothing() {
    let rule = rule(SQL);
    let a = labels(&[("team", "a")]);
    let played = |restarts: bool| {
        let mut state = RuleState::new("q");
        let mut store = BTreeMap::new();
        let mut told = Vec::new();
        for minute in 0..20 {
            let value = if (3..12).contains(&minute) { 50.0 } else { 1.0 };
            told.extend(step(&rule, &mut state, minute * 60, values(&[(&a, value)])).into_iter().map(|t| (minute, t)));
            if restarts {
                state = restarted(&mut state, &mut store);
            }
        }
        (told, store.len())
    };
    let (told, _) = played(false);
    assert_eq!(told, [(5, (What::Fired, Why::Condition)), (12, (What::Resolved, Why::Recovered))]);
    let (again, documents) = played(true);
    assert_eq!(again, told);
    assert_eq!(documents, 1, "a resolved series leaves only the rule's own document");
}

#[test]
fn a_baseline_survives_a_restart_while_it_fires() {
    let rule = rule("{name: b, kind: baseline, condition: {measure: error_rate}}");
    let played = |restart_at: i64| {
        let mut state = RuleState::new("b");
        let mut store = BTreeMap::new();
        let mut mark = Watermark::default();
        let mut told = Vec::new();
        for tick in 0..300 {
            let now = at(tick * 10 + 5);
            let world = World::steady(&["order"]).with_errors("order", 1_200, 1_800, 0.5);
            let answers = world.answers(&rule, &state, now, &mut mark);
            told.extend(
                evaluate(&rule, &mut state, &answers, now, &mark).into_iter().map(|t| (t.what, t.alert.starts_at)),
            );
            let restored = restarted(&mut state, &mut store);
            if tick == restart_at {
                state = restored;
                mark = Watermark::default();
            }
        }
        told
    };
    let calm = played(10_000);
    assert_eq!(calm.len(), 2, "{calm:?}");
    let interrupted = played(130);
    assert_eq!(interrupted, calm);
}

#[test]
fn a_rule_edited_while_it_fires_goes_on_by_the_new_condition() {
    let a = labels(&[("team", "a")]);
    let first = rule(SQL);
    let mut state = RuleState::new("q");
    step(&first, &mut state, 0, values(&[(&a, 50.0)]));
    assert_eq!(step(&first, &mut state, 120, values(&[(&a, 50.0)])), [(What::Fired, Why::Condition)]);
    // A lower bound: it fires on, and nothing is told.
    let lower = rule("{name: q, kind: sql, condition: {query: 'SELECT 1', above: 5}, for: 2m, keep_firing: 0s}");
    assert_eq!(step(&lower, &mut state, 180, values(&[(&a, 50.0)])), []);
    // Another severity is told as a change, another label as another alert.
    let worse =
        rule("{name: q, kind: sql, condition: {query: 'SELECT 1', above: 5}, keep_firing: 0s, severity: critical}");
    assert_eq!(step(&worse, &mut state, 240, values(&[(&a, 50.0)])), [(What::Changed, Why::Condition)]);
    let labelled = rule(
        "{name: q, kind: sql, condition: {query: 'SELECT 1', above: 5}, keep_firing: 0s, severity: critical, labels: {x: y}}",
    );
    let told = step(&labelled, &mut state, 300, values(&[(&a, 50.0)]));
    assert_eq!(told, [(What::Resolved, Why::RuleChanged), (What::Fired, Why::RuleChanged)]);
    // A bound it does not reach: resolved by the next judgement.
    let higher =
        rule("{name: q, kind: sql, condition: {query: 'SELECT 1', above: 99}, keep_firing: 0s, labels: {x: y}}");
    assert_eq!(step(&higher, &mut state, 360, values(&[(&a, 50.0)])), [(What::Resolved, Why::Recovered)]);
}

#[test]
fn a_rule_that_becomes_another_kind_or_is_deleted_resolves_what_it_had() {
    let a = labels(&[("team", "a")]);
    let first = rule("{name: q, kind: sql, condition: {query: 'SELECT 1', above: 10}}");
    let fired = || {
        let mut state = RuleState::new("q");
        assert_eq!(step(&first, &mut state, 0, values(&[(&a, 50.0)])), [(What::Fired, Why::Condition)]);
        state
    };
    let mut state = fired();
    let other = rule("{name: q, kind: deadline, condition: {above: 99}}");
    assert_eq!(step(&other, &mut state, 60, values(&[])), [(What::Resolved, Why::RuleChanged)]);
    let mut state = fired();
    let removal = state.removal();
    assert_eq!(removal.len(), 2);
    assert!(removal.iter().all(|doc| doc.body.is_none()));
    let told = retire(&mut state, Why::RuleDeleted, at(60));
    assert_eq!(told.iter().map(|t| (t.what, t.why)).collect::<Vec<_>>(), [(What::Resolved, Why::RuleDeleted)]);
    assert_eq!(told[0].alert.ends_at, Some(at(60)));
    assert_eq!(state.standing().firing, 0);
    assert_eq!(retire(&mut state, Why::RuleDeleted, at(61)), []);
}

#[test]
fn a_series_outside_the_edited_selector_is_resolved() {
    let text = |service: &str| {
        format!("{{name: r, kind: red, selector: {{service: '{service}'}}, condition: {{measure: calls, above: 50}}}}")
    };
    let mut state = RuleState::new("r");
    let mut mark = Watermark::default();
    let world = World::steady(&["order", "pay"]);
    let mut told = Vec::new();
    for (tick, service) in [(10, "*"), (11, "*"), (12, "pay"), (13, "pay")] {
        let rule = rule(&text(service));
        let now = at(tick * 10 + 5);
        let answers = world.answers(&rule, &state, now, &mut mark);
        told.extend(
            evaluate(&rule, &mut state, &answers, now, &mark)
                .into_iter()
                .map(|t| (t.what, t.alert.labels["service"].clone())),
        );
    }
    let said = |what, service: &str| (what, service.to_owned());
    assert_eq!(told, [said(What::Fired, "order"), said(What::Fired, "pay"), said(What::Resolved, "order")]);
}

#[test]
fn a_broken_query_hurts_only_its_rule_and_is_an_alert_itself() {
    let rule = rule(SQL);
    let a = labels(&[("team", "a")]);
    let mut state = RuleState::new("q");
    step(&rule, &mut state, 0, values(&[(&a, 50.0)]));
    assert_eq!(step(&rule, &mut state, 120, values(&[(&a, 50.0)])).len(), 1);
    let broken: Answers = [("rows", Err("no such table: x\n".repeat(1_000)))].into();
    let mut told = Vec::new();
    for minute in 3..10 {
        told.extend(evaluate(&rule, &mut state, &broken, at(minute * 60), &Watermark::default()));
    }
    assert_eq!(told.len(), 1, "the third failure in a row, once");
    assert_eq!((told[0].what, told[0].alert.labels["alertname"].as_str()), (What::Fired, "rule_failing"));
    assert!(told[0].alert.summary.en.len() < 1_000);
    assert_eq!(state.standing().firing, 1, "what fired is neither resolved nor told again");
    let told = step(&rule, &mut state, 600, values(&[(&a, 50.0)]));
    assert_eq!(told, [(What::Resolved, Why::RuleFailing)]);
    assert_eq!(state.standing().problem, None);
}

#[test]
fn a_million_rows_are_a_thousand_alerts_and_a_cut_answer_resolves_nothing() {
    let rule = rule("{name: q, kind: sql, condition: {query: 'SELECT 1'}, keep_firing: 0s}");
    let mut state = RuleState::new("q");
    let many: Vec<Arc<Labels>> = (0..50_000).map(|i| labels(&[("id", &i.to_string())])).collect();
    let rows: Vec<_> = many.iter().map(|labels| (labels, 1.0)).collect();
    assert_eq!(step(&rule, &mut state, 0, values(&rows)).len(), 1_000);
    let cut = Answer { complete: false, incomplete_reason: Some("late".into()), ..values(&[]) };
    assert_eq!(step(&rule, &mut state, 60, cut), []);
    assert!(state.standing().problem.unwrap().contains("late"));
    assert_eq!(step(&rule, &mut state, 120, values(&[])).len(), 1_000);
}

#[test]
fn a_new_kind_of_error_is_told_once_and_the_everyday_ones_never() {
    let rule = pack::rules().into_iter().find(|rule| rule.name == "new-errors").unwrap();
    let mut state = RuleState::new("new-errors");
    let mut store = BTreeMap::new();
    let everyday = labels(&[("service", "order"), ("pattern", "stock of <n> is short")]);
    let news = labels(&[("service", "order"), ("pattern", "NullPointerException at <n>")]);
    let mut told = Vec::new();
    for minute in 0..180 {
        let mut rows = vec![(&everyday, 30.0)];
        if (90..95).contains(&minute) || minute >= 150 {
            rows.push((&news, 12.0));
        }
        told.extend(step(&rule, &mut state, minute * 60, values(&rows)).into_iter().map(|(what, _)| (minute, what)));
        state = restarted(&mut state, &mut store);
    }
    assert_eq!(told, [(90, What::Fired), (97, What::Resolved)]);
}

#[test]
fn the_everyday_errors_of_a_service_that_has_just_begun_to_write_are_no_news() {
    let rule = pack::rules().into_iter().find(|rule| rule.name == "new-errors").unwrap();
    let mut state = RuleState::new("new-errors");
    let mut store = BTreeMap::new();
    let of = |service: &str| labels(&[("service", service)]);
    let failing = |service: &str| labels(&[("service", service), ("pattern", "card <n> declined")]);
    let (old, young) = (failing("order"), failing("newcomer"));
    let mut told = Vec::new();
    for minute in 0..240 {
        let (mut rows, mut speakers) = (Vec::new(), vec![(of("order"), 300.0)]);
        if minute >= 90 {
            // Both fail from now on; one of them has written for an hour and a half without.
            rows.extend([(&old, 12.0), (&young, 12.0)]);
            speakers.push((of("newcomer"), 40.0));
        }
        let speakers: Vec<_> = speakers.iter().map(|(labels, value)| (labels, *value)).collect();
        let answers: Answers =
            [("rows", Ok(Arc::new(values(&rows)))), ("speakers", Ok(Arc::new(values(&speakers))))].into();
        let transitions = evaluate(&rule, &mut state, &answers, at(minute * 60), &Watermark::default());
        let fired = transitions.into_iter().filter(|transition| transition.what == What::Fired);
        told.extend(fired.map(|fired| (minute, fired.alert.labels.get("service").cloned().unwrap_or_default())));
        state = restarted(&mut state, &mut store);
    }
    assert_eq!(told, [(90, "order".to_owned())]);
}

#[test]
fn what_was_there_and_is_no_more_rings_and_a_dead_pipeline_rings_once() {
    let rule = rule("{name: gone, kind: absence, condition: {after: 5m}}");
    let seen = |rows: &[(&str, i64)], senders: &[&str]| -> Answers {
        let presence = rows.iter().map(|(service, last)| Figure {
            labels: labels(&[("service", service)]),
            time: at(*last),
            values: vec![at(*last).0 as f64],
        });
        let presence = Answer {
            columns: vec!["last_seen".into()],
            rows: presence.collect(),
            complete: true,
            incomplete_reason: None,
        };
        let senders = senders.iter().map(|service| Figure {
            labels: labels(&[("service", service)]),
            time: at(0),
            values: vec![],
        });
        let senders = Answer { rows: senders.collect(), complete: true, ..Answer::default() };
        [("rows", Ok(Arc::new(presence))), ("senders", Ok(Arc::new(senders)))].into()
    };
    let mut state = RuleState::new("gone");
    let mut step = |second: i64, answers: Answers| -> Vec<(What, String, String)> {
        let told = evaluate(&rule, &mut state, &answers, at(second), &Watermark::default());
        let of = |map: &Labels, name: &str| map.get(name).cloned().unwrap_or_default();
        told.into_iter()
            .map(|t| (t.what, of(&t.alert.labels, "service"), of(&t.alert.annotations, "absence")))
            .collect()
    };
    let said = |what, service: &str, why: &str| (what, service.to_owned(), why.to_owned());
    assert_eq!(step(0, seen(&[("a", 0), ("b", 0), ("c", 0)], &["a", "b", "c"])), []);
    assert_eq!(step(240, seen(&[("a", 240)], &["a", "c"])), []);
    let told = step(310, seen(&[("a", 300)], &["a", "c"]));
    assert_eq!(told, [said(What::Fired, "b", "silent"), said(What::Fired, "c", "no_calls")]);
    assert_eq!(step(320, seen(&[("a", 320), ("b", 320), ("c", 320)], &["a", "b", "c"])).len(), 2, "both are back");
    assert_eq!(step(700, seen(&[], &[])), [said(What::Fired, "", "no_data")], "one alert for all");
    assert_eq!(step(710, seen(&[("a", 710), ("b", 710), ("c", 710)], &["a"])), [said(What::Resolved, "", "no_data")]);
}

#[test]
fn a_business_figure_that_leaves_its_band_rings_with_what_was_expected() {
    let rule =
        rule("{name: sales, kind: forecast, condition: {operation: order.create, by: store.id}, keep_firing: 0s}");
    let day = |i: i64| UnixNanos((START.day() as i64 - 40 + i) * UnixNanos::DAY);
    let stores = [labels(&[("store.id", "s1")]), labels(&[("store.id", "s2")]), labels(&[("store.id", "new")])];
    let mut rows = Vec::new();
    for i in 0..40 {
        let usual = 500.0 + 100.0 * (i % 7) as f64 + (i % 3) as f64;
        let last = i == 39;
        rows.push(Figure {
            labels: Arc::clone(&stores[0]),
            time: day(i),
            values: vec![if last { 120.0 } else { usual }],
        });
        rows.push(Figure { labels: Arc::clone(&stores[1]), time: day(i), values: vec![usual] });
        if i > 30 {
            rows.push(Figure {
                labels: Arc::clone(&stores[2]),
                time: day(i),
                values: vec![if last { 1.0 } else { usual }],
            });
        }
    }
    let answer = Answer { columns: vec!["value".into()], rows, complete: true, incomplete_reason: None };
    let mut state = RuleState::new("sales");
    let told = evaluate(&rule, &mut state, &answered(answer), at(0), &Watermark::default());
    assert_eq!(told.len(), 1, "the shop that is too young to be known is not judged");
    let alert = &told[0].alert;
    assert_eq!((alert.labels["store.id"].as_str(), alert.value), ("s1", 120.0));
    assert_eq!(alert.entity.as_ref().unwrap().to_string(), "site:s1");
    assert!(alert.summary.zh.contains("预测") && alert.annotations.contains_key("band"), "{:?}", alert.summary);
}

#[test]
fn three_thousand_pods_that_come_and_go_within_a_minute_cause_no_alert() {
    let names = [
        "host-memory",
        "container-memory",
        "container-restarts",
        "jvm-heap",
        "db-pool-waiting",
        "disk-fills",
        "thread-pool-full",
    ];
    for name in names {
        let rule = pack::rules().into_iter().find(|rule| rule.name == name).unwrap();
        let mut state = RuleState::new(name);
        let mut told = Vec::new();
        for tick in 0..80 {
            let now = at(tick * 15);
            // They arrive within 30 s at the second minute, busy to the brim, and leave within the next 30 s.
            let alive = match tick * 15 - 120 {
                t @ 0..30 => t * 100,
                t @ 30..60 => (60 - t) * 100,
                _ => 0,
            };
            let pods: Vec<Arc<Labels>> =
                (0..alive).map(|i| labels(&[("service", "burst"), ("k8s.pod.name", &format!("burst-{i}"))])).collect();
            let rows = pods.iter().map(|labels| Figure {
                labels: Arc::clone(labels),
                time: now.saturating_sub(Duration::from_secs(10)),
                values: vec![0.99, 1.0],
            });
            let answer = Answer {
                columns: vec!["value".into(), "of".into()],
                rows: rows.collect(),
                complete: true,
                incomplete_reason: None,
            };
            if state.is_due(&rule, now) {
                told.extend(evaluate(&rule, &mut state, &answered(answer), now, &Watermark::default()));
            }
        }
        assert_eq!(told, [], "{name}");
        let later = at(2 * 3_600);
        evaluate(&rule, &mut state, &answered(values(&[])), later, &Watermark::default());
        assert_eq!(state.standing().series, 0, "{name}: they are forgotten");
    }
}

#[test]
fn a_burst_of_pods_of_their_own_services_is_no_drop_of_traffic() {
    let rule = rule("{name: t, kind: baseline, condition: {measure: traffic_drop}}");
    let mut world = World::steady(&["order"]);
    for i in 0..300 {
        world.services.push(Service {
            name: format!("job-{i}"),
            rate: 200.0,
            from: 600,
            until: 660,
            ..Service::default()
        });
    }
    let told = play(&rule, &world, 0, 3_600, 10);
    assert_eq!(told, []);
}

#[test]
fn a_fault_is_seen_within_25_seconds() {
    for (text, world) in [
        (
            "{name: b, kind: baseline, condition: {measure: error_rate}}",
            World::steady(&["order", "pay"]).with_errors("order", 1_203, 1_800, 0.4),
        ),
        (
            "{name: b, kind: baseline, condition: {measure: latency_p95}}",
            World::steady(&["order", "pay"]).with_latency("order", 1_203, 1_800, 5.0),
        ),
    ] {
        let rule = rule(text);
        let told = play(&rule, &world, 0, 2_400, 5);
        assert_eq!(told.iter().map(|t| t.what).collect::<Vec<_>>(), [What::Fired, What::Resolved], "{text} {told:?}");
        let delay = (told[0].at.0 - at(1_203).0) / UnixNanos::SECOND;
        println!(
            "{}: seen {delay} s after the fault began, over {} s after its end",
            rule.name,
            (told[1].at.0 - at(1_800).0) / UnixNanos::SECOND
        );
        assert!((0..=25).contains(&delay), "{text}: {delay} s");
        assert_eq!(told[0].alert.entity, Some(model::Entity::service("order")));
        assert!(told[0].alert.query.contains("service = 'order'"));
    }
}

#[test]
fn days_without_a_fault_are_days_without_an_alert() {
    let mut total = 0;
    for seed in [1, 2] {
        let world = World::of_a_company(seed);
        for measure in ["error_rate", "latency_p95", "traffic_drop"] {
            let rule = rule(&format!("{{name: b, kind: baseline, condition: {{measure: {measure}}}}}"));
            let told = play(&rule, &world, 0, 7 * 86_400, 60);
            let fired: Vec<_> = told.iter().filter(|t| t.what == What::Fired).collect();
            println!("seven days without a fault, seed {seed}, {measure}: {} false alerts", fired.len());
            for transition in &fired {
                println!(
                    "  {} {} {:?}",
                    (transition.at.0 - START.0) / UnixNanos::SECOND,
                    transition.alert.summary.en,
                    transition.alert.labels
                );
            }
            total += fired.len();
        }
    }
    assert!(total <= 2 * 7, "{total} false alerts in two times seven days: more than one a day");
}

/// A small generator of its own, so that no figure depends on a library's version.
fn unit(seed: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd1b5_4a32_d192_ed03;
    for _ in 0..2 {
        x ^= x >> 30;
        x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x ^= x >> 27;
        x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    }
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

fn normal(seed: u64) -> f64 {
    (0..8).map(|i| unit(seed.wrapping_mul(31).wrapping_add(i))).sum::<f64>() * 1.2247 - 4.899
}

fn poisson(mean: f64, seed: u64) -> f64 {
    if mean > 30.0 {
        return (mean + mean.sqrt() * normal(seed)).round().max(0.0);
    }
    let (limit, mut product, mut count) = ((-mean).exp(), 1.0, 0u64);
    loop {
        product *= unit(seed.wrapping_mul(1_000_003).wrapping_add(count));
        if product <= limit {
            return count as f64;
        }
        count += 1;
    }
}

/// A simulated service. Its figures are a function of the time, so that any window can be asked for.
#[derive(Clone, Debug)]
struct Service {
    name: String,
    /// Calls in ten seconds at the mean of the day.
    rate: f64,
    /// How much the day swings it, 0 to 1.
    season: f64,
    errors: f64,
    latency_ns: f64,
    noise: f64,
    from: i64,
    until: i64,
    /// Start, end, extra share of errors, factor of latency, share of traffic left.
    spells: Vec<(i64, i64, f64, f64, f64)>,
    seed: u64,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            name: String::new(),
            rate: 100.0,
            season: 0.0,
            errors: 0.002,
            latency_ns: 80e6,
            noise: 0.05,
            from: 0,
            until: i64::MAX,
            spells: Vec::new(),
            seed: 1,
        }
    }
}

impl Service {
    /// Calls, errors, p95 in the bucket that begins at a second after the start.
    fn bucket(&self, second: i64) -> Option<[f64; 3]> {
        if second < self.from || second >= self.until {
            return None;
        }
        let seed = self.seed.wrapping_mul(0x1000_0000).wrapping_add(second as u64);
        let day = (second as f64 / 86_400.0 + 0.1 * self.seed as f64) * std::f64::consts::TAU;
        let season = 1.0 + self.season * day.sin();
        // The whole company breathes: a slow noise of some minutes on top of each bucket's own.
        let slow = 0.08 * normal(self.seed.wrapping_mul(77).wrapping_add(second as u64 / 300));
        let spell = self.spells.iter().find(|spell| second + 10 > spell.0 && second < spell.1);
        let (errors, factor, left) = spell.map_or((0.0, 1.0, 1.0), |spell| {
            // A bucket is hurt for the part of it that is inside.
            let part = ((spell.1.min(second + 10) - spell.0.max(second)) as f64 / 10.0).clamp(0.0, 1.0);
            (spell.2 * part, if part >= 0.5 { spell.3 } else { 1.0 }, 1.0 - (1.0 - spell.4) * part)
        });
        let calls = poisson(self.rate * season * slow.exp() * left, seed);
        if calls == 0.0 {
            return None;
        }
        let failed = poisson(calls * (self.errors + errors), seed ^ 0xabcd).min(calls);
        // A quantile of few calls is less sure than one of many; busy hours are slower.
        let sure = self.noise + 0.5 / calls.sqrt();
        let latency = self.latency_ns
            * (1.0 + 0.3 * self.season * day.sin())
            * factor
            * (sure * normal(seed ^ 0x77) + 0.3 * slow).exp();
        Some([calls, failed, latency])
    }
}

#[derive(Clone, Debug, Default)]
struct World {
    services: Vec<Service>,
}

impl World {
    fn steady(names: &[&str]) -> Self {
        let service =
            |(i, name): (usize, &&str)| Service { name: (*name).to_owned(), seed: i as u64 + 1, ..Service::default() };
        Self { services: names.iter().enumerate().map(service).collect() }
    }

    fn with_errors(mut self, name: &str, from: i64, until: i64, share: f64) -> Self {
        self.services.iter_mut().filter(|s| s.name == name).for_each(|s| s.spells.push((from, until, share, 1.0, 1.0)));
        self
    }

    fn with_latency(mut self, name: &str, from: i64, until: i64, factor: f64) -> Self {
        self.services
            .iter_mut()
            .filter(|s| s.name == name)
            .for_each(|s| s.spells.push((from, until, 0.0, factor, 1.0)));
        self
    }

    /// Busy and quiet services with a day, noise, and a deployment now and then, which nobody should be woken for.
    fn of_a_company(seed: u64) -> Self {
        let mut services = Vec::new();
        for (i, (name, rate, errors)) in [
            ("gateway", 900.0, 0.004),
            ("order", 250.0, 0.002),
            ("pay", 60.0, 0.008),
            ("stock", 25.0, 0.001),
            ("coupon", 6.0, 0.02),
            ("report", 0.8, 0.05),
            ("admin", 0.05, 0.1),
            ("flaky", 40.0, 0.06),
        ]
        .into_iter()
        .enumerate()
        {
            let seed = seed * 1_000 + i as u64;
            let mut spells = Vec::new();
            for day in 0..7 {
                if unit(seed.wrapping_mul(91).wrapping_add(day)) < 0.7 {
                    let begun = day as i64 * 86_400 + (unit(seed.wrapping_mul(17).wrapping_add(day)) * 80_000.0) as i64;
                    // Thirty seconds of cold start: a few errors, slower, some calls less.
                    spells.push((begun, begun + 30, 0.01, 1.8, 0.7));
                }
            }
            services.push(Service {
                name: name.to_owned(),
                rate,
                errors,
                season: 0.6,
                noise: 0.08,
                spells,
                seed,
                ..Service::default()
            });
        }
        Self { services }
    }

    /// What the questions of a rule are answered at a time; data is there three seconds after it happened.
    fn answers(&self, rule: &Rule, state: &RuleState, now: UnixNanos, mark: &mut Watermark) -> Answers {
        let known = now.0 - 3 * UnixNanos::SECOND;
        let mut newest = Vec::new();
        for service in &self.services {
            let last = crate::watermark::floor(UnixNanos(known)).0;
            let bucket =
                (0..6).map(|i| last - i * BUCKET).find(|t| service.bucket((t - START.0) / UnixNanos::SECOND).is_some());
            let figure =
                |time| Figure { labels: labels(&[("service", &service.name)]), time: UnixNanos(time), values: vec![] };
            newest.extend(bucket.map(figure));
        }
        mark.observe(&Answer { rows: newest, complete: true, ..Answer::default() }, now);
        questions(rule, state, now)
            .into_iter()
            .map(|q| (q.name, Ok(Arc::new(self.answer(&q.ask, q.name, q.from.0, q.until.0.min(known))))))
            .collect()
    }

    fn answer(&self, ask: &Ask, name: &str, from: i64, until: i64) -> Answer {
        let columns = ["calls", "errors", "p50_ns", "p95_ns", "p99_ns"].map(String::from).to_vec();
        let mut rows = Vec::new();
        if matches!(ask, Ask::Calls { .. }) && name == "calls" {
            for service in &self.services {
                let labels = labels(&[("service", &service.name)]);
                let mut time = crate::watermark::floor(UnixNanos(from)).0.max(START.0);
                while time < until {
                    if let Some([calls, errors, p95]) = service.bucket((time - START.0) / UnixNanos::SECOND) {
                        let values = vec![calls, errors, p95 / 3.0, p95, p95 * 1.5];
                        rows.push(Figure { labels: Arc::clone(&labels), time: UnixNanos(time), values });
                    }
                    time += BUCKET;
                }
            }
        }
        Answer { columns, rows, complete: true, incomplete_reason: None }
    }
}

fn play(rule: &Rule, world: &World, from: i64, until: i64, every: i64) -> Vec<Transition> {
    let mut state = RuleState::new(&rule.name);
    let mut mark = Watermark::default();
    let mut told = Vec::new();
    let mut second = from;
    while second < until {
        let now = at(second);
        let answers = world.answers(rule, &state, now, &mut mark);
        told.extend(evaluate(rule, &mut state, &answers, now, &mark));
        second += every;
    }
    told
}

#[test]
fn what_is_told_can_be_asked_for_again_whatever_the_names_are() {
    let hostile = labels(&[("service", "a' OR '1'='1*"), ("lane", "prod")]);
    let rule = rule("{name: r, kind: red, condition: {measure: calls, above: 50}}");
    let sql = reproduce(&rule, &hostile, at(0));
    assert!(sql.contains("service = 'a'' OR ''1''=''1*'"), "{sql}");
    assert!(!Glob::exactly("a*").matches("ab"));
}
