//! Likely causes, with evidence for and against each: deterministic, offline, from figures alone.
//!
//! It refuses to know where telemetry comes from, what an incident is for people, and what time it is.
//! Invariant: evidence speaks only above the level that healthy data reaches, and the order in which rows
//! are handed over changes nothing.
//!
//! # How it is used
//!
//! ```
//! use cause::{Case, SpanRow, Telemetry, Window};
//! use model::{TimeRange, UnixNanos};
//!
//! let mut telemetry = Telemetry::default();
//! telemetry.span(&SpanRow { trace_id: "0af7", span_id: "01", service: "shop", operation: "buy", ..Default::default() });
//! let minute = |n: i64| UnixNanos(n * 60 * UnixNanos::SECOND);
//! let window = Window {
//!     reference: vec![TimeRange { from: minute(0), until: minute(30) }],
//!     current: TimeRange { from: minute(30), until: minute(35) },
//! };
//! let case = Case { records: telemetry.finish(), window, ..Case::default() };
//! let verdict = cause::judge(&case);
//! assert!(verdict.undetermined.is_some());
//! ```
//!
//! [`judge`] names causes of an incident; [`scan`] finds what is out of the ordinary in a window, with the
//! same statistics and a stricter level, for alerts where nobody has set a threshold.
//!
//! # What is wanted of the caller
//!
//! All rows of the workspace whose time lies in the window's reference or current range. 30 minutes of
//! reference and the incident's own minutes (from a few minutes before its first alert) are a good choice.
//! Rows that lack a value hand over an empty text.
//!
//! | call | table | columns |
//! |---|---|---|
//! | [`Telemetry::span`] | `spans` | `trace_id, span_id, parent_span_id, service, operation, kind, status, time, duration_ns`, resource `service.instance.id` or `k8s.pod.name`, `k8s.node.name` or `host.name`, `service.version`; attributes `db.system.name`, `db.namespace`, `db.query.text`, `server.address`, `messaging.system`, `messaging.destination.name`, `resilience.outcome`, `error.type` or `exception.type` of its exception event, `status_message`, `http.request.resend_count` |
//! | [`Telemetry::log`] | `logs` | `time, trace_id, span_id, service, severity, body`, the same resource keys |
//! | [`Telemetry::point`] | `metrics` | `time, name, unit, type, value` (histograms: `sum / count`), `service`, the same resource keys, all `attributes` |
//! | [`Case::changes`] | `changes` | every row from a day before the incident on |
//! | [`Case::heartbeats`] | heartbeats | those that are late or have failed |
//! | [`Case::findings`] | alerts, findings | what others have found: a ranking of alerts, a diagnosis |
//!
//! [`Telemetry`] accepts any number of rows and keeps at most [`Bounds`]: of too many spans it keeps whole
//! traces by a hash of the trace id, with their logs, and the verdict says so.

pub mod alerts;
mod case;
mod changes;
mod cover;
mod detect;
mod growth;
mod kind;
mod missing;
mod names;
mod node;
mod path;
mod peer;
mod rank;
mod scan;
mod scene;
mod sign;
mod statistic;
mod suspect;
mod telemetry;
mod tell;
mod template;
mod trees;
mod window;

pub use case::{Case, Change, Finding, Heartbeat};
pub use rank::judge;
pub use scan::{ANOMALIES_MAX, Anomaly, Sensitivity, scan};
pub use telemetry::{Bounds, LeftOut, LogRow, PointRow, Records, SpanRow, Telemetry};
pub use window::Window;
