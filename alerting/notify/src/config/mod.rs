//! Receivers, routes, limits: what an operator writes, in YAML or JSON, one model.
//!
//! It refuses to know whether what it holds makes sense: [`crate::Policy::check`] does. Invariant: secrets
//! leave by [`Config::stored`] alone.

mod interval;
mod period;
mod receiver;
mod secrets;

use crate::error::{Error, Fault};
use incident::Severity;
pub(crate) use interval::{Hours, zone};
pub use interval::{Interval, TIME_ZONE};
pub use period::Period;
pub use receiver::{
    DeadMan, DingTalk, Email, Feishu, InDoubt, Language, MailSecurity, Network, Person, Receiver, Slack, Teams, WeCom,
    Webhook,
};
use serde::{Deserialize, Serialize};

use crate::message::Importance;

/// Most bytes of a configuration's text.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;

/// The whole configuration of notification.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub language: Language,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The address people reach this server at, for links in messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_url: Option<String>,
    pub receivers: Vec<Receiver>,
    pub route: Route,
    pub intervals: Vec<Interval>,
    pub inhibitions: Vec<InhibitionRule>,
    pub budgets: Vec<Budget>,
    pub people: Vec<Person>,
    pub network: Network,
    /// Told when a receiver without a fallback of its own fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadman: Option<DeadMan>,
}

/// A node of the tree of routes. A message goes down into the first child that fits (and on to the next one
/// where that child says `continue`); where none fits, this node's receivers are told. What a node leaves out
/// is its parent's.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Any of these; `*` at the end stands for any rest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owner: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub team: Vec<String>,
    /// Any service of the incident, or the cause's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service: Vec<String>,
    /// At least as severe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// At least as important: the most important tenant or service that is hurt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub importance: Option<Importance>,
    /// `env="prod"`, `service=~"pay.*"`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matchers: Vec<String>,
    /// Only in one of these intervals.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub during: Vec<String>,
    /// Quiet: in these intervals messages wait until the interval is over, if they still matter then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quiet: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub receivers: Vec<String>,
    /// How long a message waits besides, so that what changes meanwhile is told with it. Default 0s: an incident has
    /// waited for what belongs to it before it is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_wait: Option<Period>,
    /// Least time between two messages of one incident, unless it resolves or becomes more severe. Default 5m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_interval: Option<Period>,
    /// An open incident that nobody acknowledges is told again after this. Default 4h.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat_interval: Option<Period>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Escalation>,
    #[serde(rename = "continue", skip_serializing_if = "std::ops::Not::not")]
    pub proceed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// Who else is told when nobody acknowledges.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Escalation {
    pub after: Period,
    pub receivers: Vec<String>,
}

/// While an open incident fits `source`, incidents that fit `target` and agree in the labels of `equal` are
/// not told.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InhibitionRule {
    pub source: Vec<String>,
    pub target: Vec<String>,
    pub equal: Vec<String>,
}

/// How many messages a team may get one by one; what is more comes together in a digest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    pub team: String,
    /// Incidents told one by one in every `per`.
    pub pages: u32,
    #[serde(default = "hour")]
    pub per: Period,
    #[serde(default = "quarter")]
    pub digest_every: Period,
    /// Incidents at least this severe are always told one by one.
    #[serde(default = "critical")]
    pub exempt: Severity,
}

fn hour() -> Period {
    Period::seconds(3600)
}

fn quarter() -> Period {
    Period::seconds(900)
}

fn critical() -> Severity {
    Severity::Critical
}

impl Config {
    /// Reads YAML (and so JSON).
    ///
    /// # Errors
    /// Line and column of what cannot be read, and why.
    pub fn read(text: &str) -> Result<Self, Error> {
        if text.len() > CONFIG_BYTES_MAX {
            let says = format!("{} bytes are more than the {CONFIG_BYTES_MAX} allowed", text.len());
            return Err(Error::Config(vec![Fault { at: "the text".to_owned(), says }]));
        }
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_saphyr::from_str(text).map_err(|error| {
            let at = error.location().map_or_else(
                || "the text".to_owned(),
                |location| format!("line {}, column {}", location.line(), location.column()),
            );
            // The first line is what is wrong; a picture of the text would show secrets.
            let says = error.without_snippet().to_string().lines().next().unwrap_or_default().to_owned();
            Error::Config(vec![Fault { at, says }])
        })
    }
}
