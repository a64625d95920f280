//! How well stories are told: every story of a generated company is asked for by order number, by
//! request id and by trace id, and the answer is held against the key.
//!
//! Precision: of what was told, how much belongs. Recall: of what belongs, how much was told.

mod index;
mod world;

use index::Index;
use model::UnixNanos;
use std::collections::{BTreeMap, BTreeSet};
use timeline::{Explorer, Limits, Seed, Stretch, Vocabulary};
use world::{DAYS, Order, STORES, World};

const PRECISION_MIN: f64 = 0.99;
const RECALL_MIN: f64 = 0.98;
const SEEDS: [u64; 3] = [11, 12, 20_261_120];
/// Every so many orders are asked for.
const EVERY: usize = 6;

#[derive(Clone, Copy, Default, Debug)]
struct Score {
    told: usize,
    right: usize,
    belonging: usize,
    stories: usize,
    whole: usize,
}

impl Score {
    fn add(&mut self, told: &BTreeSet<usize>, belonging: &BTreeSet<usize>) {
        self.told += told.len();
        self.right += told.intersection(belonging).count();
        self.belonging += belonging.len();
        self.stories += 1;
        self.whole += usize::from(told == belonging);
    }

    fn precision(&self) -> f64 {
        self.right as f64 / self.told as f64
    }

    fn recall(&self) -> f64 {
        self.right as f64 / self.belonging as f64
    }

    fn line(&self, name: &str) -> String {
        format!(
            "{name:<14} precision {:.4}  recall {:.4}  stories told exactly {} of {}",
            self.precision(),
            self.recall(),
            self.whole,
            self.stories
        )
    }
}

fn told(index: &Index<'_>, seed: Seed) -> BTreeSet<usize> {
    let keys = ["order.id", "user.id", "member.id", "sku.id", "store.id", "tenant.id", "coupon.id", "payment.id"];
    let vocabulary = Vocabulary::of(&keys.map(String::from));
    let mut explorer = Explorer::new(seed, vocabulary, Limits::default());
    while let Some(question) = explorer.ask() {
        explorer.tell(index.answer(&question));
    }
    explorer.finish().members.iter().map(|member| member.fact.0 as usize).collect()
}

/// The ways to ask for one story.
fn seeds(order: &Order) -> [(&'static str, Seed); 3] {
    let placed = UnixNanos(order.placed);
    // A person who pastes an order number knows about when it was placed; all days are searched.
    let within = Stretch::ALL;
    [
        ("order number", Seed::key("order.id", &order.number, within).near(placed)),
        ("request id", Seed::request(&order.first_request, within).near(placed)),
        ("trace id", Seed::trace(order.first_trace, within)),
    ]
}

#[test]
fn links_are_right_and_complete_on_a_company_with_reused_ids_and_lost_context() {
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    for seed in SEEDS {
        let world = World::new(seed);
        let index = Index::new(&world);
        let mut members: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); world.orders.len()];
        for (fact, stories) in world.key.iter().enumerate() {
            stories.iter().for_each(|story| {
                members[*story].insert(fact);
            });
        }
        for (story, order) in world.orders.iter().enumerate().step_by(EVERY) {
            for (way, seed) in seeds(order) {
                scores.entry(way).or_default().add(&told(&index, seed), &members[story]);
            }
        }
    }
    println!("{STORES} stores, {DAYS} days, seeds {SEEDS:?}; order numbers begin anew daily in every store");
    scores.iter().for_each(|(way, score)| println!("{}", score.line(way)));
    for (way, score) in &scores {
        assert!(score.precision() >= PRECISION_MIN, "{}", score.line(way));
        assert!(score.recall() >= RECALL_MIN, "{}", score.line(way));
    }
}

#[test]
fn the_world_is_as_hard_as_it_says() {
    let world = World::new(SEEDS[0]);
    let numbers: BTreeSet<&str> = world.orders.iter().map(|order| order.number.as_str()).collect();
    assert!(world.orders.len() > 50 * numbers.len(), "order numbers are used over and over");
    let mut requests: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (fact, stories) in world.facts.iter().zip(&world.key) {
        if let Some(request) = &fact.request_id {
            requests.entry(request).or_default().extend(stories);
        }
    }
    assert!(requests.values().filter(|stories| stories.len() > 2).count() > 200, "so are request ids");
    let shared = world.key.iter().filter(|stories| stories.len() > 1).count();
    let nobody = world.key.iter().filter(|stories| stories.is_empty()).count();
    assert!(shared > 80 && nobody > 1_000, "some facts are of many stories ({shared}), some of none ({nobody})");
    let again = World::new(SEEDS[0]);
    assert!(again.facts == world.facts && again.key == world.key, "a seed is a world");
}
