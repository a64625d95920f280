//! The checked configuration: what deliveries and routing work with.
//!
//! Invariant: every name in it leads somewhere, every address has been looked at, every template compiles.

use crate::config::{Budget, Config, Hours, Period, Person, Receiver, TIME_ZONE, zone};
use crate::error::{Error, Fault};
use crate::guard::Guard;
use crate::receiver::Target;
use crate::routing::Node;
use incident::{Inhibition, Matchers};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most receivers, and so most deliveries at a time (this times the channel's concurrency).
pub const RECEIVERS_MAX: usize = 200;
/// Most routes, and how deep they may stand in each other.
pub(crate) const ROUTES_MAX: usize = 1000;
pub(crate) const ROUTE_DEPTH_MAX: usize = 8;
/// Most intervals, inhibitions, budgets each.
pub(crate) const RULES_MAX: usize = 100;
pub(crate) const PEOPLE_MAX: usize = 2000;
/// Least and usual time between two calls to the outside watchman.
const DEADMAN_EVERY: Period = Period::seconds(10);

/// A configuration that has passed its check. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Policy {
    config: Config,
    receivers: BTreeMap<String, Arc<Target>>,
    root: Node,
    hours: BTreeMap<String, Hours>,
    inhibitions: Vec<Inhibition>,
    guard: Guard,
}

impl Policy {
    /// Checks a configuration.
    ///
    /// # Errors
    /// All that is wrong with it at once, each with its place and what would be right.
    pub fn check(config: Config) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let default_zone = config.time_zone.clone().unwrap_or_else(|| TIME_ZONE.to_owned());
        if let Err(says) = zone(&default_zone) {
            faults.add("time_zone", says);
        }
        for path in config.masked() {
            faults.add(path.trim_start_matches('/').replace('/', "."), "the value itself is wanted, not its mask");
        }
        let guard = Guard::check(&config.network, &mut faults);
        let hours = hours(&config, &default_zone, &mut faults);
        let receivers = receivers(&config, &default_zone, &guard, &mut faults);
        let names: BTreeSet<&str> = config.receivers.iter().map(|receiver| receiver.name.as_str()).collect();
        named(&names, config.fallback.iter(), "fallback", &mut faults);
        let root = Node::check(&config.route, &names, &hours, &mut faults);
        if !names.is_empty() && config.route.receivers.is_empty() {
            faults.add("route.receivers", "name a receiver: what fits no other route goes there");
        }
        let inhibitions = inhibitions(&config, &mut faults);
        budgets(&config.budgets, &mut faults);
        people(&config.people, &mut faults);
        outside(&config, &guard, &mut faults);
        match (faults.0.is_empty(), root) {
            (true, Some(root)) => Ok(Self { config, receivers, root, hours, inhibitions, guard }),
            _ => Err(Error::Config(faults.0)),
        }
    }

    /// Reads and checks a text at once.
    ///
    /// # Errors
    /// As [`Config::read`] and [`Policy::check`].
    pub fn read(text: &str) -> Result<Self, Error> {
        Self::check(Config::read(text)?)
    }

    /// What was written. Serialised, its secrets are masked.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The receivers' names.
    pub fn receivers(&self) -> impl Iterator<Item = &str> {
        self.receivers.keys().map(String::as_str)
    }

    /// Where and how often the outside watchman is called.
    pub fn deadman_every(&self) -> Option<Period> {
        self.config.deadman.as_ref().map(|deadman| deadman.every.unwrap_or(DEADMAN_EVERY))
    }

    pub(crate) fn target(&self, name: &str) -> Option<&Arc<Target>> {
        self.receivers.get(name)
    }

    pub(crate) fn root(&self) -> &Node {
        &self.root
    }

    pub(crate) fn hours(&self, name: &str) -> Option<&Hours> {
        self.hours.get(name)
    }

    pub(crate) fn inhibitions(&self) -> &[Inhibition] {
        &self.inhibitions
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.guard
    }

    pub(crate) fn budget(&self, team: &str) -> Option<&Budget> {
        self.config.budgets.iter().find(|budget| budget.team == team)
    }

    /// Who takes over from a receiver; never itself.
    pub(crate) fn fallback(&self, receiver: &str) -> Option<&str> {
        let own = self.target(receiver).and_then(|target| target.written.fallback.as_deref());
        own.or(self.config.fallback.as_deref()).filter(|fallback| *fallback != receiver)
    }

    /// The people whom a message calls: those named, else those of its team.
    pub(crate) fn called<'a>(
        &'a self,
        owner: Option<&str>,
        team: Option<&str>,
        mentions: &[String],
    ) -> Vec<&'a Person> {
        let named = |person: &&Person| owner == Some(&person.name) || mentions.contains(&person.name);
        let people: Vec<&Person> = self.config.people.iter().filter(named).take(CALLED_MAX).collect();
        if !people.is_empty() {
            return people;
        }
        let of_team = |person: &&Person| team.is_some_and(|team| person.teams.iter().any(|own| own == team));
        self.config.people.iter().filter(of_team).take(CALLED_MAX).collect()
    }
}

/// Most people one message calls.
const CALLED_MAX: usize = 10;

/// What has been found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, at: impl Into<String>, says: impl Into<String>) {
        // A configuration that is wrong everywhere is not a configuration: a hundred faults say so.
        if self.0.len() < 100 {
            self.0.push(Fault { at: at.into(), says: says.into() });
        }
    }

    pub(crate) fn at_most(&mut self, at: &str, count: usize, max: usize) {
        if count > max {
            self.add(at, format!("{count} are more than the {max} allowed"));
        }
    }
}

/// Each name must be one of a receiver.
pub(crate) fn named<'a>(
    names: &BTreeSet<&str>,
    asked: impl Iterator<Item = &'a String>,
    at: &str,
    faults: &mut Faults,
) {
    for name in asked.filter(|name| !names.contains(name.as_str())) {
        let known = names.iter().take(10).copied().collect::<Vec<_>>().join(", ");
        faults.add(at, format!("no receiver is called `{name}`; there are: {known}"));
    }
}

/// Matchers as texts.
pub(crate) fn matchers(texts: &[String], at: &str, faults: &mut Faults) -> Matchers {
    let mut set = Matchers::default();
    for text in texts {
        match Matchers::read(text) {
            Ok(read) => set.0.extend(read.0),
            Err(error) => faults.add(at, error.to_string()),
        }
    }
    set
}

fn hours(config: &Config, default_zone: &str, faults: &mut Faults) -> BTreeMap<String, Hours> {
    faults.at_most("intervals", config.intervals.len(), RULES_MAX);
    let mut hours = BTreeMap::new();
    for (index, written) in config.intervals.iter().enumerate() {
        let at = format!("intervals[{index}]");
        if written.name.is_empty() {
            faults.add(&at, "give it a name, by which routes call it");
        }
        match Hours::check(written, default_zone) {
            Ok(checked) => {
                if hours.insert(written.name.clone(), checked).is_some() {
                    faults.add(at, format!("there is another interval `{}`", written.name));
                }
            }
            Err(says) => faults.add(at, says),
        }
    }
    hours
}

fn receivers(config: &Config, default_zone: &str, guard: &Guard, faults: &mut Faults) -> BTreeMap<String, Arc<Target>> {
    faults.at_most("receivers", config.receivers.len(), RECEIVERS_MAX);
    let names: BTreeSet<&str> = config.receivers.iter().map(|receiver| receiver.name.as_str()).collect();
    let mut receivers = BTreeMap::new();
    for (index, written) in config.receivers.iter().enumerate() {
        let at = format!("receivers[{index}]");
        named(&names, written.fallback.iter(), &format!("{at}.fallback"), faults);
        if let Some(target) = receiver(config, written, default_zone, guard, &at, faults)
            && receivers.insert(written.name.clone(), Arc::new(target)).is_some()
        {
            faults.add(at, format!("there is another receiver `{}`", written.name));
        }
    }
    receivers
}

fn receiver(
    config: &Config,
    written: &Receiver,
    default_zone: &str,
    guard: &Guard,
    at: &str,
    faults: &mut Faults,
) -> Option<Target> {
    let language = written.language.unwrap_or(config.language);
    let zone_name = written.time_zone.as_deref().unwrap_or(default_zone);
    let zone: TimeZone = match zone(zone_name) {
        Ok(zone) => zone,
        Err(says) => {
            faults.add(format!("{at}.time_zone"), says);
            return None;
        }
    };
    Target::check(written, language, zone, guard, at, faults)
}

fn inhibitions(config: &Config, faults: &mut Faults) -> Vec<Inhibition> {
    faults.at_most("inhibitions", config.inhibitions.len(), RULES_MAX);
    let mut checked = Vec::new();
    for (index, rule) in config.inhibitions.iter().enumerate() {
        let at = format!("inhibitions[{index}]");
        let source = matchers(&rule.source, &format!("{at}.source"), faults);
        let target = matchers(&rule.target, &format!("{at}.target"), faults);
        if !source.is_selective() || !target.is_selective() {
            faults.add(
                &at,
                "source and target each need a matcher that refuses something, such as severity=\"critical\"",
            );
        }
        checked.push(Inhibition { source, target, equal: rule.equal.clone() });
    }
    checked
}

fn budgets(budgets: &[Budget], faults: &mut Faults) {
    faults.at_most("budgets", budgets.len(), RULES_MAX);
    for (index, budget) in budgets.iter().enumerate() {
        let at = format!("budgets[{index}]");
        if budget.pages > 1000 || budget.per < Period::seconds(60) || budget.digest_every < Period::seconds(60) {
            faults.add(&at, "at most 1000 pages, and a minute at least for `per` and `digest_every`");
        }
        if budgets[..index].iter().any(|other| other.team == budget.team) {
            faults.add(at, format!("team `{}` has another budget", budget.team));
        }
    }
}

fn people(people: &[Person], faults: &mut Faults) {
    faults.at_most("people", people.len(), PEOPLE_MAX);
    for (index, person) in people.iter().enumerate() {
        if person.name.is_empty() || person.name.len() > 128 {
            faults.add(format!("people[{index}].name"), "a name of at most 128 bytes is wanted");
        }
        let ids = [
            ("dingtalk_mobile", &person.dingtalk_mobile),
            ("dingtalk_user", &person.dingtalk_user),
            ("feishu", &person.feishu),
            ("wecom", &person.wecom),
            ("slack", &person.slack),
            ("teams_upn", &person.teams_upn),
        ];
        for (field, id) in ids {
            let Some(id) = id else { continue };
            let plain = |c: char| c.is_ascii_alphanumeric() || "_-.+@$".contains(c);
            if id.is_empty() || id.len() > 128 || !id.chars().all(plain) || id.eq_ignore_ascii_case("all") {
                let says = format!("`{id}` is no id of one person: letters, digits and _-.+@$ only, and not `all`");
                faults.add(format!("people[{index}].{field}"), says);
            }
        }
    }
}

fn outside(config: &Config, guard: &Guard, faults: &mut Faults) {
    if let Some(deadman) = &config.deadman {
        if let Err(refused) = guard.check_url(deadman.url.reveal()) {
            faults.add("deadman.url", refused.to_string());
        }
        if deadman.every.is_some_and(|every| every < Period::seconds(5) || every > Period::seconds(3600)) {
            faults.add("deadman.every", "5s to 1h");
        }
    }
    if let Some(url) = &config.external_url
        && !(url.starts_with("http://") || url.starts_with("https://"))
    {
        faults.add("external_url", "write https://stormglass.example.com");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    #[test]
    fn the_example_is_valid_and_is_stored_and_shown_as_it_was_written() {
        let policy = Policy::read(include_str!("../example.yaml")).unwrap();
        assert_eq!(policy.receivers().count(), 7);
        let stored: Config = serde_json::from_value(policy.config().stored()).unwrap();
        assert_eq!(&stored, policy.config());
        let shown = serde_json::to_string(policy.config()).unwrap();
        for secret in
            ["access_token", "SECxxx", "SIGNING_SECRET", "KEY", "xoxb", "sig=", "SHARED", "PASSWORD", "/ping/ID"]
        {
            assert!(!shown.contains(secret), "{secret}");
        }
    }

    #[test]
    fn an_empty_configuration_is_one_that_tells_nobody() {
        assert_eq!(Policy::read("").unwrap().receivers().count(), 0);
        assert_eq!(Policy::read("{}").unwrap().receivers().count(), 0);
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_place_and_without_secrets() {
        let text = "receivers:\n  - name: a\n    dingtalk: {url: token-canary, sekret: x}\n";
        let error = Policy::read(text).unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("sekret") && !error.contains("canary"), "{error}");
    }

    #[test]
    fn people_are_called_by_name_or_by_team_and_never_all() {
        let policy = Policy::read(
            "people: [{name: zhang, teams: [trade], wecom: zhang}, {name: li, teams: [trade], wecom: li}]",
        )
        .unwrap();
        let called = |owner, team| -> Vec<&str> {
            policy.called(owner, team, &[]).iter().map(|person| person.name.as_str()).collect()
        };
        assert_eq!(called(Some("zhang"), Some("trade")), ["zhang"]);
        assert_eq!(called(Some("nobody"), Some("trade")), ["zhang", "li"]);
        assert_eq!(called(None, None), [""; 0]);
        for id in ["all", "ALL", "a b", "x></at><at id=all", ""] {
            let text = format!("people: [{{name: z, wecom: {id:?}}}]");
            assert!(Policy::read(&text).is_err(), "{id}");
        }
    }
}
