//! Alert rules: text becomes a checked rule; a rule, its state and figures become transitions of alerts.
//!
//! It refuses to know where figures come from and who is told. Invariant: the same rule, state, figures and
//! time give the same transitions; what is not known (no data, late data) never resolves anything.
//!
//! # The way of a rule
//! 1. [`read_yaml`] / [`read_json`] turn a file or a request body into [`Rule`]s and [`Problem`]s, all at
//!    once; good rules beside bad ones are kept. [`pack::rules`] is what is on after install.
//! 2. Each step, for every rule of which [`RuleState::is_due`] says yes: [`questions`] says which SQL to run.
//!    Rules of one kind ask the same text at the same time, so the caller may run equal texts once.
//! 3. The caller runs the SQL and hands the rows back as [`Answer`]s ([`AnswerBuilder`]: a column `time` is the
//!    time of a row, numeric columns are its values, text and boolean columns its labels).
//! 4. [`evaluate`] moves the series of the rule on and gives [`Transition`]s. [`RuleState::changed`] tells
//!    which documents are to be stored before any of it is told; [`RuleState::restore`] takes them back.
//! 5. [`retire`] resolves what a deleted or disabled rule still has firing.
//!
//! Windows are judged on event time: [`Watermark`] says up to when the data of a service is in.
//!
//! A rule is written as a map; `condition` belongs to the kind ([`Condition`] lists the fields of each):
//!
//! ```yaml
//! rules:
//!   - name: order-errors
//!     kind: red            # baseline slo sql log_pattern heartbeat absence precursor deadline forecast threshold anomaly
//!     selector: {service: "order*", environment: prod}   # lane: load-test to watch other than production
//!     condition: {measure: error_rate, above: 5%, window: 60s}
//!     for: 20s
//!     keep_firing: 60s
//!     every: 5s
//!     severity: high       # critical high medium low
//!     labels: {team: trade}
//!     summary: {en: "{service} fails: {value}", zh: "{service} 错误率 {value}"}
//!     runbook: https://wiki/order
//!     owner: li.wei
//!     enabled: true
//! ```

pub mod backtest;
pub mod cases;
pub mod forecast;
pub mod pack;

mod alert;
mod check;
mod condition;
mod evaluate;
mod fields;
mod figure;
mod judge;
mod learned;
mod life;
mod problem;
mod question;
mod read;
mod robust;
mod rule;
mod selector;
mod sql;
mod state;
mod summary;
mod tree;
mod units;
mod watermark;

pub use alert::{Alert, Transition, What, Why};
pub use check::check;
pub use condition::{
    Absence, Aggregate, Anomaly, Baseline, Burn, By, Condition, Deadline, Forecast, Heartbeat, LogPattern, Measure,
    Precursor, Red, Sensitivity, Slo, Sql, Threshold,
};
pub use evaluate::{evaluate, retire};
pub use figure::{Answer, AnswerBuilder, Answers, Cell, Figure, Labels};
pub use problem::{Problem, RulesError};
pub use question::{Ask, Question, Stream, questions};
pub use read::{Rules, read_json, read_value, read_yaml};
pub use rule::{Rule, Severity};
pub use selector::{Glob, Selector};
pub use state::{Doc, RuleState, Standing};
pub use watermark::Watermark;
