//! Whole deliveries over HTTP on this machine: the outbox, the deliverer, and robots that keep the rules.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod robot;

use incident::Severity;
use model::{Bilingual, Clock, ManualClock, UnixNanos};
use notify::{
    Config, Content, Deliverer, Dispatch, DocumentKind, EntryId, Message, Occasion, Outbox, Outcome, Policy, Settings,
    Silences, State,
};
use robot::{Bad, KEYWORD, Robots, SECRET, bad};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const START: UnixNanos = UnixNanos(1_795_154_575 * UnixNanos::SECOND);

/// The loop as `watch` runs it, over a store in memory.
struct Loop {
    clock: Arc<ManualClock>,
    policy: Arc<Policy>,
    outbox: Outbox,
    deliverer: Deliverer,
    store: BTreeMap<(DocumentKind, String), Value>,
}

fn provider() {
    // A second test of the process finds it installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Loop {
    fn new(clock: &Arc<ManualClock>, config: &str) -> Self {
        provider();
        Self {
            clock: Arc::clone(clock),
            policy: Arc::new(Policy::read(config).unwrap()),
            outbox: Outbox::new(Settings::default()),
            deliverer: Deliverer::with_timeout(Arc::clone(clock) as Arc<dyn Clock>, Duration::from_millis(1500)),
            store: BTreeMap::new(),
        }
    }

    fn commit(&mut self) {
        for document in self.outbox.changed() {
            match document.body {
                Some(body) => self.store.insert((document.kind, document.key), body),
                None => self.store.remove(&(document.kind, document.key)),
            };
        }
    }

    fn kill(&mut self) {
        let documents = self.store.iter().map(|((kind, key), body)| (*kind, key.clone(), body.clone()));
        let documents: Vec<_> = documents.collect();
        self.outbox = Outbox::restore(Settings::default(), documents, self.clock.now()).unwrap();
    }

    fn tell(&mut self, message: Message) {
        self.outbox.tell(&self.policy, message, self.clock.now());
        self.commit();
    }

    /// What goes now, until nothing goes; the outcomes by receiver.
    async fn settle(&mut self) -> Vec<(String, Outcome)> {
        let mut outcomes = Vec::new();
        loop {
            self.outbox.tick(&self.policy, self.clock.now());
            let dispatches = self.outbox.due(&self.policy, &Silences::default(), self.clock.now());
            self.commit();
            self.deliverer.start(&self.policy, dispatches).unwrap();
            let Some(delivery) = self.deliverer.finished().await else { return outcomes };
            self.outbox.conclude(&self.policy, &delivery.entry, delivery.outcome.clone(), self.clock.now());
            self.commit();
            outcomes.push((delivery.receiver, delivery.outcome));
        }
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

fn message(incident: &str, revision: u64, occasion: Occasion) -> Message {
    let title = Bilingual::new("orders fail", "下单失败 <@all> @all **");
    let mut message = Message::new(incident, title, Severity::High, START);
    message.revision = revision;
    message.occasion = occasion;
    message.owner = Some("zhang".to_owned());
    if occasion == Occasion::Resolved {
        message.state = State::Resolved;
        message.resolved_at = Some(START);
    }
    message
}

fn config(robots: &Robots, receivers: &str, told: &str) -> String {
    let base = &robots.base;
    let receivers = receivers.replace("BASE", base);
    format!(
        "receivers:\n{receivers}\nroute: {{receivers: [{told}], group_wait: 0s}}\nnetwork: {{allow: [127.0.0.1]}}
people: [{{name: zhang, dingtalk_mobile: '13800001111', feishu: ou_1, wecom: zhang, slack: U1}}]\n"
    )
}

fn all_robots() -> String {
    format!(
        "  - {{name: ding, dingtalk: {{url: 'BASE/robot/send?access_token=token-canary', secret: {SECRET}, keyword: {KEYWORD}}}}}
  - {{name: fei, feishu: {{url: 'BASE/open-apis/bot/v2/hook/h', secret: {SECRET}}}}}
  - {{name: we, wecom: {{url: 'BASE/cgi-bin/webhook/send?key=key-canary'}}}}
  - {{name: hook, webhook: {{url: 'BASE/hook', secret: {SECRET}}}}}
  - {{name: teams, teams: {{url: 'BASE/teams'}}}}
  - {{name: slack, slack: {{token: xoxb-canary, channel: C1, api: 'BASE/api'}}}}"
    )
}

#[tokio::test]
async fn every_robot_takes_what_it_is_sent_and_is_told_the_end() {
    let clock = Arc::new(ManualClock::at(START));
    let robots = Robots::start(Arc::clone(&clock)).await;
    let mut world = Loop::new(&clock, &config(&robots, &all_robots(), "ding, fei, we, hook, teams, slack"));
    world.tell(message("I-1", 1, Occasion::Opened));
    for (receiver, outcome) in world.settle().await {
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{receiver}: {outcome:?}");
    }
    world.pass(60);
    world.tell(message("I-1", 2, Occasion::Resolved));
    for (receiver, outcome) in world.settle().await {
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{receiver}: {outcome:?}");
    }
    for robot in ["dingtalk", "feishu", "wecom", "webhook", "teams", "slack"] {
        robots.with(robot, |seen| {
            assert_eq!((seen.taken.len(), seen.over), (2, 0), "{robot}: {:?}", seen.refused);
            let text = seen.taken[0].to_string() + &seen.taken[1].to_string();
            assert!(text.contains("I-1") && text.contains("已恢复") || robot == "webhook", "{robot}: {text}");
            if robot != "webhook" {
                assert!(!text.contains("@all") && !text.contains("<at id=all"), "{robot}: {text}");
            }
        });
    }
    robots.with("slack", |seen| {
        assert_eq!(seen.taken[1]["thread_ts"], "1.1", "the end stands below the beginning");
        assert_eq!(seen.edited[0]["ts"], "1.1", "and the card is brought up to date");
    });
    robots.with("webhook", |seen| {
        assert_eq!(seen.taken[1]["status"], "resolved");
        assert_eq!(seen.taken[1]["notification_reason"], "resolved");
    });
}

#[tokio::test]
async fn a_storm_stays_within_each_robots_limit_and_names_every_incident() {
    const INCIDENTS: usize = 300;
    let clock = Arc::new(ManualClock::at(START));
    let robots = Robots::start(Arc::clone(&clock)).await;
    let mut world = Loop::new(&clock, &config(&robots, &all_robots(), "ding, fei, we"));
    let mut told = 0;
    for second in 0..900 {
        while told < INCIDENTS && told < (second + 1) * 10 {
            world.tell(message(&format!("I-{told:04}"), 1, Occasion::Opened));
            told += 1;
        }
        world.settle().await;
        world.pass(1);
        if told == INCIDENTS && world.outbox.entries().next().is_none() {
            break;
        }
    }
    for robot in ["dingtalk", "feishu", "wecom"] {
        robots.with(robot, |seen| {
            assert_eq!((seen.over, seen.refused.len()), (0, 0), "{robot}: {:?}", seen.refused);
            let text: String = seen.taken.iter().map(Value::to_string).collect();
            let missing = (0..INCIDENTS).filter(|n| !text.contains(&format!("I-{n:04}"))).count();
            assert_eq!(missing, 0, "incidents omitted at {robot}");
            println!("{robot}: {INCIDENTS} incidents in {} messages, over the limit {}", seen.taken.len(), seen.over);
        });
    }
}

#[tokio::test]
async fn a_robot_that_has_been_overrun_by_others_is_left_to_rest_and_then_told_everything() {
    let clock = Arc::new(ManualClock::at(START));
    let robots = Robots::start(Arc::clone(&clock)).await;
    let mut world = Loop::new(&clock, &config(&robots, &all_robots(), "ding"));
    // Somebody else uses the same robot.
    let other = Robots::clone(&robots);
    let mut others = Loop::new(&clock, &config(&other, &all_robots(), "ding"));
    for n in 0..20 {
        others.tell(Message { severity: Severity::Critical, ..message(&format!("O-{n}"), 1, Occasion::Opened) });
    }
    others.settle().await;
    for n in 0..5 {
        world.tell(Message { severity: Severity::Critical, ..message(&format!("I-{n}"), 1, Occasion::Opened) });
    }
    let outcomes = world.settle().await;
    assert!(outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Limited { .. })), "{outcomes:?}");
    let over = robots.with("dingtalk", |seen| seen.over);
    for _ in 0..80 {
        world.pass(10);
        world.settle().await;
    }
    robots.with("dingtalk", |seen| {
        assert_eq!(seen.over, over, "it is not asked again while it is mute");
        let text: String = seen.taken.iter().map(Value::to_string).collect();
        assert!((0..5).all(|n| text.contains(&format!("I-{n}"))), "all are told after the rest");
    });
}

#[tokio::test]
async fn a_wrong_secret_is_a_dead_letter_that_tells_no_secret() {
    let clock = Arc::new(ManualClock::at(START));
    let robots = Robots::start(Arc::clone(&clock)).await;
    let wrong = all_robots().replace(SECRET, "SEC-wrong-canary");
    let mut world = Loop::new(&clock, &config(&robots, &wrong, "ding, fei, hook"));
    world.tell(message("I-1", 1, Occasion::Opened));
    let outcomes = world.settle().await;
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, Outcome::Refused { .. })), "{outcomes:?}");
    assert_eq!(world.outbox.dead().count(), 3);
    let policy = &world.policy;
    let rows = world.outbox.ledger();
    let shown = format!(
        "{outcomes:?} {policy:?} {rows:?} {} {}",
        serde_json::to_string(&rows).unwrap(),
        serde_json::to_string(policy.config()).unwrap()
    );
    assert!(!shown.contains("canary"), "{shown}");
    let stored = policy.config().stored();
    assert!(stored.to_string().contains("SEC-wrong-canary"), "the store has them");
    let mut edited: Config = serde_json::from_value(serde_json::to_value(policy.config()).unwrap()).unwrap();
    assert!(Policy::check(edited.clone()).is_err(), "a mask is no secret");
    edited.keep_secrets(policy.config());
    assert_eq!(edited.stored(), stored, "what was shown and sent back changes no secret");
}

#[tokio::test]
async fn a_message_sent_before_a_kill_is_sent_again_with_its_key_and_taken_once() {
    let clock = Arc::new(ManualClock::at(START));
    let robots = Robots::start(Arc::clone(&clock)).await;
    let mut world = Loop::new(&clock, &config(&robots, &all_robots(), "hook, ding"));
    world.tell(message("I-1", 1, Occasion::Opened));
    let dispatches = world.outbox.due(&world.policy, &Silences::default(), clock.now());
    world.commit();
    world.deliverer.start(&world.policy, dispatches).unwrap();
    while world.deliverer.finished().await.is_some() {}
    // The answers have come, and nobody wrote them down.
    world.kill();
    world.pass(30);
    world.settle().await;
    robots.with("webhook", |seen| {
        assert_eq!((seen.taken.len(), seen.keys.values().sum::<usize>()), (1, 2), "sent twice, taken once");
    });
    robots.with("dingtalk", |seen| {
        assert_eq!(seen.taken.len(), 2);
        assert!(seen.taken[1].to_string().contains("可能重复"), "a robot is told that it may be a repetition");
    });
    assert_eq!(world.outbox.entries().count(), 0);
}

fn dispatch(receiver: &str) -> Dispatch {
    Dispatch {
        entry: EntryId(format!("N-{receiver}")),
        receiver: receiver.to_owned(),
        attempt: 1,
        occasion: Occasion::Opened,
        content: Content::Incident(Box::new(message("I-1", 1, Occasion::Opened))),
        reference: None,
        doubt: false,
        plain: false,
        stands_for: None,
    }
}

#[tokio::test]
async fn endpoints_that_behave_badly_are_judged_and_hold_nobody_up() {
    let clock = Arc::new(ManualClock::at(START));
    let robots = Robots::start(Arc::clone(&clock)).await;
    let mut receivers = String::new();
    let mut names = Vec::new();
    let mut add = |name: &str, url: &str| {
        receivers += &format!("  - {{name: {name}, wecom: {{url: '{url}'}}}}\n");
        names.push(name.to_owned());
    };
    for status in [301, 401, 404, 413, 429, 500, 503] {
        add(&format!("s{status}"), &format!("BASE/status/{status}"));
    }
    add("garbage", "BASE/garbage");
    add("huge", "BASE/huge");
    add("good", "BASE/cgi-bin/webhook/send?key=key-canary");
    for kind in [Bad::Hangs, Bad::Drips, Bad::ClosesAfterHeaders, Bad::ClosesAtOnce] {
        let name = format!("{kind:?}");
        add(&name, &bad(kind).await);
    }
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    add("down", &format!("http://{closed}/token-canary"));
    let mut world = Loop::new(&clock, &config(&robots, &receivers, "good"));
    let dispatches = names.iter().map(|name| dispatch(name)).collect();
    world.deliverer.start(&world.policy, dispatches).unwrap();
    let mut order = Vec::new();
    let mut outcomes = BTreeMap::new();
    while let Some(delivery) = world.deliverer.finished().await {
        order.push(delivery.receiver.clone());
        outcomes.insert(delivery.receiver, delivery.outcome);
    }
    for (name, kind) in [
        ("s301", "Refused"),
        ("s401", "Refused"),
        ("s404", "Refused"),
        ("s413", "TooLong"),
        ("s429", "Limited"),
        ("s500", "Retry"),
        ("s503", "Retry"),
        ("garbage", "InDoubt"),
        ("huge", "InDoubt"),
        ("good", "Delivered"),
        ("Hangs", "InDoubt"),
        ("Drips", "InDoubt"),
        ("ClosesAfterHeaders", "InDoubt"),
        ("ClosesAtOnce", "InDoubt"),
        ("down", "Retry"),
    ] {
        let outcome = format!("{:?}", outcomes[name]);
        assert!(outcome.starts_with(kind), "{name}: {outcome}");
        assert!(!outcome.contains("canary") && !outcome.contains("127.0.0.1"), "{name} tells its address: {outcome}");
    }
    assert_eq!(
        outcomes["s429"],
        Outcome::Limited { after: Some(Duration::from_secs(7)), reason: "HTTP 429".to_owned() }
    );
    let last: BTreeSet<&str> = order[order.len() - 2..].iter().map(String::as_str).collect();
    assert_eq!(last, BTreeSet::from(["Hangs", "Drips"]), "who hangs is answered last, and alone");
}

#[tokio::test]
async fn a_receiver_can_be_tested_and_the_watchman_is_called() {
    let clock = Arc::new(ManualClock::at(START));
    let robots = Robots::start(Arc::clone(&clock)).await;
    let text = config(&robots, &all_robots(), "ding") + &format!("deadman: {{url: '{}/beat'}}\n", robots.base);
    let mut world = Loop::new(&clock, &text);
    let policy = Arc::clone(&world.policy);
    let outcome = world.deliverer.test(&policy, "ding").await.unwrap();
    assert_eq!(outcome, Outcome::Delivered { reference: None });
    robots.with("dingtalk", |seen| assert!(seen.taken[0].to_string().contains("测试")));
    assert!(matches!(world.deliverer.test(&policy, "nobody").await, Ok(Outcome::Refused { .. })));
    assert_eq!(world.deliverer.beat(&policy).await, Ok(()));
    assert_eq!(policy.deadman_every().map(|every| every.to_string()).as_deref(), Some("10s"));
    let broken = Policy::read(&text.replace("/beat", "/status/500")).unwrap();
    assert_eq!(world.deliverer.beat(&broken).await, Err("HTTP 500".to_owned()));
}
