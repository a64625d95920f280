//! Whom a message reaches: a walk down the tree of routes, and the same walk explained.
//!
//! Invariant: what is explained is what is done; both are one walk.

use crate::config::{Escalation, Hours, Period, Route};
use crate::message::{Importance, Message};
use crate::policy::{Faults, Policy, ROUTE_DEPTH_MAX, ROUTES_MAX, matchers, named};
use incident::{Matchers, Severity};
use model::UnixNanos;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// When messages of a route are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Timing {
    pub group_wait: Period,
    pub group_interval: Period,
    pub repeat_interval: Period,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            // Before an incident is told it has waited for what belongs to it: no second wait.
            group_wait: Period::seconds(0),
            group_interval: Period::seconds(300),
            repeat_interval: Period::seconds(4 * 3600),
        }
    }
}

/// A receiver that a message is meant for, and by which route.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Destination {
    pub receiver: String,
    /// `default / payments / night`
    pub route: String,
    pub timing: Timing,
    /// Names of intervals in which it waits.
    pub quiet: Vec<String>,
    pub escalate: Option<Escalation>,
}

/// A checked route.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    name: String,
    owner: Vec<String>,
    team: Vec<String>,
    service: Vec<String>,
    severity: Option<Severity>,
    importance: Option<Importance>,
    matchers: Matchers,
    during: Vec<String>,
    quiet: Vec<String>,
    receivers: Vec<String>,
    timing: Timing,
    escalate: Option<Escalation>,
    proceed: bool,
    children: Vec<Node>,
}

impl Node {
    /// Checks the root and all below it. `None` when it is too large to look at.
    pub(crate) fn check(
        route: &Route,
        names: &BTreeSet<&str>,
        hours: &BTreeMap<String, Hours>,
        faults: &mut Faults,
    ) -> Option<Node> {
        let mut left = ROUTES_MAX;
        let root = Self::below(route, None, "route", &mut (names, hours, faults, &mut left), 0);
        if left == 0 {
            faults.add("route", format!("more than {ROUTES_MAX} routes, or deeper than {ROUTE_DEPTH_MAX}"));
            return None;
        }
        if !Self::unconditional(route) {
            faults.add("route", "the first route takes every message: move its conditions into `routes`");
        }
        root
    }

    fn unconditional(route: &Route) -> bool {
        let lists = [&route.owner, &route.team, &route.service, &route.matchers, &route.during];
        lists.into_iter().all(Vec::is_empty) && route.severity.is_none() && route.importance.is_none()
    }

    fn below(
        route: &Route,
        parent: Option<&Node>,
        at: &str,
        carried: &mut (&BTreeSet<&str>, &BTreeMap<String, Hours>, &mut Faults, &mut usize),
        depth: usize,
    ) -> Option<Node> {
        let (names, hours, faults, left) = carried;
        if **left <= 1 || depth >= ROUTE_DEPTH_MAX {
            **left = 0;
            return None;
        }
        **left -= 1;
        named(names, route.receivers.iter(), &format!("{at}.receivers"), faults);
        for name in route.during.iter().chain(&route.quiet).filter(|name| !hours.contains_key(*name)) {
            faults.add(at, format!("no interval is called `{name}`; define it under `intervals`"));
        }
        if let Some(escalation) = &route.escalate {
            named(names, escalation.receivers.iter(), &format!("{at}.escalate.receivers"), faults);
            if escalation.receivers.is_empty() || escalation.after < Period::seconds(60) {
                faults.add(format!("{at}.escalate"), "at least one receiver, after a minute at least");
            }
        }
        let own = Node {
            name: route
                .name
                .clone()
                .unwrap_or_else(|| if parent.is_none() { "default".to_owned() } else { at.to_owned() }),
            owner: route.owner.clone(),
            team: route.team.clone(),
            service: route.service.clone(),
            severity: route.severity,
            importance: route.importance,
            matchers: matchers(&route.matchers, &format!("{at}.matchers"), faults),
            during: route.during.clone(),
            quiet: if route.quiet.is_empty() {
                parent.map_or_else(Vec::new, |p| p.quiet.clone())
            } else {
                route.quiet.clone()
            },
            receivers: if route.receivers.is_empty() {
                parent.map_or_else(Vec::new, |p| p.receivers.clone())
            } else {
                route.receivers.clone()
            },
            timing: timing(route, parent, at, faults),
            escalate: route.escalate.clone().or_else(|| parent.and_then(|p| p.escalate.clone())),
            proceed: route.proceed,
            children: Vec::new(),
        };
        let mut children = Vec::new();
        for (index, child) in route.routes.iter().enumerate() {
            children.extend(Self::below(child, Some(&own), &format!("{at}.routes[{index}]"), carried, depth + 1));
        }
        Some(Node { children, ..own })
    }

    /// Why this node does not take the message, or `None` where it does.
    fn refuses(&self, message: &Message, policy: &Policy, now: UnixNanos) -> Option<String> {
        if !fits(&self.owner, message.owner.iter()) {
            return Some(format!("owner is {}", shown(message.owner.as_deref())));
        }
        if !fits(&self.team, message.team.iter()) {
            return Some(format!("team is {}", shown(message.team.as_deref())));
        }
        let cause = message.cause.as_ref().map(|cause| &cause.entity.name);
        if !fits(&self.service, message.services.iter().chain(cause)) {
            return Some("none of its services".to_owned());
        }
        if let Some(least) = self.severity.filter(|least| message.severity < *least) {
            return Some(format!("severity {} is below {least}", message.severity));
        }
        if let Some(least) = self.importance.filter(|least| message.importance < *least) {
            return Some(format!("importance {:?} is below {least:?}", message.importance).to_lowercase());
        }
        if let Some(matcher) = self.matchers.0.iter().find(|m| !m.fits(message.label(m.name()).unwrap_or_default())) {
            return Some(format!("{matcher} does not hold: it is {}", shown(message.label(matcher.name()))));
        }
        let inside = |name: &String| policy.hours(name).is_some_and(|hours| hours.holds(now));
        if !self.during.is_empty() && !self.during.iter().any(inside) {
            return Some(format!("it is not {} now", self.during.join(" or ")));
        }
        None
    }

    fn walk(&self, path: &str, message: &Message, policy: &Policy, now: UnixNanos, found: &mut Explanation) -> bool {
        let path = if path.is_empty() { self.name.clone() } else { format!("{path} / {}", self.name) };
        let refused = self.refuses(message, policy, now);
        let takes = refused.is_none();
        found.steps.push(Step { route: path.clone(), refused });
        if !takes {
            return false;
        }
        let mut taken = false;
        for child in &self.children {
            let fits = child.walk(&path, message, policy, now, found);
            taken |= fits;
            if fits && !child.proceed {
                break;
            }
        }
        if !taken {
            for receiver in &self.receivers {
                found.add(receiver, &path, self);
            }
        }
        true
    }
}

fn timing(route: &Route, parent: Option<&Node>, at: &str, faults: &mut Faults) -> Timing {
    let inherited = parent.map_or_else(Timing::default, |parent| parent.timing);
    let timing = Timing {
        group_wait: route.group_wait.unwrap_or(inherited.group_wait),
        group_interval: route.group_interval.unwrap_or(inherited.group_interval),
        repeat_interval: route.repeat_interval.unwrap_or(inherited.repeat_interval),
    };
    if timing.group_wait > Period::seconds(600) {
        faults.add(format!("{at}.group_wait"), "at most 10m: nobody is told before");
    }
    if timing.repeat_interval < Period::seconds(60) {
        faults.add(format!("{at}.repeat_interval"), "at least 1m");
    }
    timing
}

/// Whether any value is one of the names; no names fit all.
fn fits<'a>(names: &[String], mut values: impl Iterator<Item = &'a String>) -> bool {
    names.is_empty()
        || values.any(|value| {
            names.iter().any(|name| match name.strip_suffix('*') {
                Some(prefix) => value.starts_with(prefix),
                None => value == name,
            })
        })
}

fn shown(value: Option<&str>) -> String {
    match value {
        Some(value) => format!("`{}`", value.chars().take(80).collect::<String>()),
        None => "not set".to_owned(),
    }
}

/// One route that was looked at.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Step {
    pub route: String,
    /// Why it did not take the message; absent where it did.
    pub refused: Option<String>,
}

/// The walk of one message through the routes. Its text is what `routes test` prints.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Explanation {
    pub steps: Vec<Step>,
    pub destinations: Vec<Destination>,
    /// Why nothing is sent although there are destinations: a silence, a maintenance window, quiet hours.
    pub held: Option<String>,
}

impl Explanation {
    fn add(&mut self, receiver: &str, path: &str, node: &Node) {
        // One message per receiver, by the first route that leads to it.
        if !self.destinations.iter().any(|known| known.receiver == receiver) {
            self.destinations.push(Destination {
                receiver: receiver.to_owned(),
                route: path.to_owned(),
                timing: node.timing,
                quiet: node.quiet.clone(),
                escalate: node.escalate.clone(),
            });
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            match &step.refused {
                None => writeln!(f, "+ {}", step.route)?,
                Some(why) => writeln!(f, "- {}: {why}", step.route)?,
            }
        }
        for to in &self.destinations {
            let timing = to.timing;
            write!(f, "=> {} (waits {}, ", to.receiver, timing.group_wait)?;
            writeln!(f, "updates every {}, repeats every {})", timing.group_interval, timing.repeat_interval)?;
            if let Some(escalation) = &to.escalate {
                writeln!(f, "   unacknowledged for {}: {}", escalation.after, escalation.receivers.join(", "))?;
            }
        }
        if self.destinations.is_empty() {
            writeln!(f, "=> nobody: no receiver is configured")?;
        }
        if let Some(held) = &self.held {
            writeln!(f, "held back: {held}")?;
        }
        Ok(())
    }
}

impl Policy {
    /// Whom a message reaches at this (wall) time.
    pub fn destinations(&self, message: &Message, now: UnixNanos) -> Vec<Destination> {
        self.walk(message, now).destinations
    }

    pub(crate) fn walk(&self, message: &Message, now: UnixNanos) -> Explanation {
        let mut found = Explanation::default();
        self.root().walk("", message, self, now, &mut found);
        found
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use crate::message::CauseLine;
    use crate::silence::{Silence, SilenceKind, Silences, explain};
    use expect_test::{Expect, expect};
    use incident::Confidence;
    use model::{Bilingual, CauseKind, Entity};

    const CONFIG: &str = r#"
receivers:
  - {name: ops, wecom: {url: 'https://qyapi.weixin.qq.com/a'}}
  - {name: pay, wecom: {url: 'https://qyapi.weixin.qq.com/b'}}
  - {name: night, wecom: {url: 'https://qyapi.weixin.qq.com/c'}}
  - {name: audit, webhook: {url: 'https://hooks.example.com/x'}}
  - {name: vip, wecom: {url: 'https://qyapi.weixin.qq.com/d'}}
intervals: [{name: nights, time_zone: UTC, times: ['22:00..06:00']}]
route:
  receivers: [ops]
  routes:
    - {name: everything, matchers: ['env=~"prod|staging"'], receivers: [audit], continue: true}
    - name: payments
      team: [pay*]
      receivers: [pay]
      group_wait: 0s
      routes:
        - {name: by night, severity: high, during: [nights], receivers: [night], escalate: {after: 15m, receivers: [ops]}}
    - {name: important, importance: high, receivers: [vip]}
    - {name: shop, service: [cart, order-*], owner: [zhang]}
"#;

    fn message(change: impl FnOnce(&mut Message)) -> Message {
        let mut message = Message::new("I-1", Bilingual::new("t", "t"), Severity::High, UnixNanos(0));
        change(&mut message);
        message
    }

    fn check(message: &Message, hour: i64, expected: Expect) {
        let policy = Policy::read(CONFIG).unwrap();
        let at = UnixNanos(hour * 3600 * UnixNanos::SECOND);
        let explanation = explain(&policy, &Silences::default(), message, at);
        expected.assert_eq(&explanation.to_string());
        assert_eq!(explanation.destinations, policy.destinations(message, at), "what is explained is what is done");
    }

    #[test]
    fn what_fits_nothing_goes_to_the_default() {
        check(
            &message(|_| {}),
            12,
            expect![[r#"
            + default
            - default / everything: env=~"prod|staging" does not hold: it is not set
            - default / payments: team is not set
            - default / important: importance normal is below high
            - default / shop: owner is not set
            => ops (waits 0s, updates every 5m, repeats every 4h)
        "#]],
        );
    }

    #[test]
    fn a_team_has_its_route_and_another_by_night() {
        let payments = message(|message| {
            message.team = Some("payments".to_owned());
            message.labels.insert("env".to_owned(), "prod".to_owned());
        });
        check(
            &payments,
            12,
            expect![[r#"
            + default
            + default / everything
            + default / payments
            - default / payments / by night: it is not nights now
            => audit (waits 0s, updates every 5m, repeats every 4h)
            => pay (waits 0s, updates every 5m, repeats every 4h)
        "#]],
        );
        check(
            &payments,
            23,
            expect![[r#"
            + default
            + default / everything
            + default / payments
            + default / payments / by night
            => audit (waits 0s, updates every 5m, repeats every 4h)
            => night (waits 0s, updates every 5m, repeats every 4h)
               unacknowledged for 15m: ops
        "#]],
        );
    }

    #[test]
    fn importance_severity_service_and_owner_lead_the_way() {
        check(
            &message(|message| message.importance = Importance::Critical),
            12,
            expect![[r#"
            + default
            - default / everything: env=~"prod|staging" does not hold: it is not set
            - default / payments: team is not set
            + default / important
            => vip (waits 0s, updates every 5m, repeats every 4h)
        "#]],
        );
        let by_cause = message(|message| {
            message.owner = Some("zhang".to_owned());
            message.cause = Some(CauseLine {
                entity: Entity::service("order-db"),
                kind: CauseKind::SlowSql,
                confidence: Confidence::High,
                since: None,
                evidence: Vec::new(),
            });
        });
        check(
            &by_cause,
            12,
            expect![[r#"
            + default
            - default / everything: env=~"prod|staging" does not hold: it is not set
            - default / payments: team is not set
            - default / important: importance normal is below high
            + default / shop
            => ops (waits 0s, updates every 5m, repeats every 4h)
        "#]],
        );
    }

    #[test]
    fn what_is_held_back_is_explained_too() {
        let policy = Policy::read(CONFIG).unwrap();
        let silence = Silence {
            id: "s-1".to_owned(),
            kind: SilenceKind::Maintenance,
            matchers: Matchers::read("severity=high").unwrap(),
            starts_at: UnixNanos(0),
            ends_at: UnixNanos(100),
            created_by: "ann".to_owned(),
            comment: "move".to_owned(),
            during: Vec::new(),
            updated_at: UnixNanos(0),
        };
        silence.check(&policy).unwrap();
        let explanation = explain(&policy, &Silences::new([silence]), &message(|_| {}), UnixNanos(50));
        assert_eq!(explanation.held.as_deref(), Some("maintenance window s-1"));
    }

    #[test]
    fn routes_that_lead_nowhere_are_refused_with_what_would_be_right() {
        for (route, says) in [
            ("{receivers: [nobody]}", "no receiver is called `nobody`; there are: ops"),
            ("{receivers: []}", "name a receiver"),
            ("{receivers: [ops], severity: high}", "takes every message"),
            ("{receivers: [ops], routes: [{during: [weekend]}]}", "no interval is called `weekend`"),
            ("{receivers: [ops], routes: [{matchers: ['env~prod']}]}", "expected NAME=VALUE"),
            ("{receivers: [ops], repeat_interval: 5s}", "at least 1m"),
            ("{receivers: [ops], group_wait: 5}", "30s, 5m"),
            ("{receivers: [ops], escalate: {after: 1s, receivers: [ops]}}", "after a minute"),
            ("{receivers: [ops], recievers: [ops]}", "recievers"),
        ] {
            let text = format!("receivers: [{{name: ops, wecom: {{url: 'https://a.example.com'}}}}]\nroute: {route}");
            let error = Policy::read(&text).unwrap_err().to_string();
            assert!(error.contains(says), "{route}: {error}");
        }
        let deep = (0..12).fold("{}".to_owned(), |inner, _| format!("{{routes: [{inner}]}}"));
        let deep = format!(
            "receivers: [{{name: ops, wecom: {{url: 'https://a.example.com'}}}}]\nroute: {{receivers: [ops], routes: [{deep}]}}"
        );
        assert!(Policy::read(&deep).unwrap_err().to_string().contains("deeper than"));
    }
}
