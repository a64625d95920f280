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
//! same statistics and a stricter level, for alerts where nobody has set a threshold; [`Suspicion`] adds up
//! what consecutive scans find.
//!
//! # What is wanted of the caller
//!
//! All rows of the workspace whose time lies in the window's reference or current range. 30 minutes of
//! reference and the incident's own minutes (from a few minutes before its first alert) are a good choice.
//! Rows that lack a value hand over an empty text.
//!
//! | call | table | columns |
//! |---|---|---|
//! | [`Telemetry::span`] | `spans` | `trace_id, span_id, parent_span_id, service, operation, kind, status, time, duration_ns`, resource `service.instance.id` or `k8s.pod.name`, `k8s.node.name` or `host.name`, `service.version`; attributes `db.system.name`, `db.namespace`, `db.query.text`, `server.address`, `messaging.system`, `messaging.destination.name`, `resilience.outcome`, `error.type` or `exception.type` of its exception event, `status_message`, `http.request.resend_count`, `messaging.message.id` |
//! | [`Telemetry::log`] | `logs` | `time, trace_id, span_id, service, severity, body`, the same resource keys |
//! | [`Telemetry::point`] | `metrics` | `time, name, unit, type, value` (histograms: `sum / count`), `service`, the same resource keys, all `attributes` |
//! | [`Case::changes`] | `changes` | every row from a day before the incident on |
//! | [`Case::heartbeats`] | heartbeats | those that are late or have failed |
//! | [`Case::findings`] | alerts, findings | what others have found: a ranking of alerts, a diagnosis |
//!
//! # How a verdict comes about
//!
//! Rates, durations and counts of the current range are compared with the reference, and with the minutes of
//! the current range before each possible onset; the best onset is kept, less the price of having tried all.
//! Each detector turns what is beyond its false-alarm level into a sign, worth `log2(1 + (statistic /
//! level)^2)` bits against the accused; its `evidence.kind` is one of
//!
//! | kind | what is compared | level |
//! |---|---|---|
//! | `behaviour`, `error_log` | log templates and calls per own invocation of an operation | 4 nats |
//! | `error_origin`, `degraded` | the deepest failed (limited, mocked ...) span of a trace | 4 nats |
//! | `gap` | client minus server duration of an edge, blamed on the fewest places | 5 nats |
//! | `edge` | the same from the metrics of a mesh; edges that fall silent | z of 5 |
//! | `self_time`, `peer_latency` | time spent in an operation itself; in a peer without telemetry | 8, 5 nats |
//! | `call_count`, `retry` | calls of one kind under one span | 6 nats |
//! | `version` | callers of an old version that fail where those of the new one are served | 4 nats |
//! | `silence` | senders that stop while others go on; late heartbeats | 8 nats |
//! | `traffic` | requests that come in from outside | z of 6 |
//! | `cpu`, `memory`, `disk`, `io`, `threads`, `pool`, `lock`, `lag`, `cache`, `dns`, `restart`, `symptom` | metrics by family | z of 6 |
//! | `status` | what a device says of itself: its status, errors, losses | z of 6 |
//! | `shared` | what suffers alike on one node, or behind one device | |
//! | `change` | a change that is held to be the culprit | |
//! | `residual` | (against) what a deeper candidate or a surge explains | |
//! | `finding`, or its own kind | what others have found | |
//!
//! Signs of one family count once and a third, families add up. Instances stand for their service, three
//! quarters of a node's instances for the node; what a deeper candidate, a node or a surge explains counts less.
//! Candidates closer than half a bit are undetermined.
//!
//! One cause is enough unless another explains what the first cannot: each bad call is followed down to where it went
//! bad, and whoever alone is met there is a cause beside the first, unless it may have got its trouble from that one.
//! The causes share out what suffers, failures and delays of one service each by itself; the one that most of it hangs
//! on is named first.
//!
//! [`Telemetry`] accepts any number of rows and keeps at most [`Bounds`]: of too many spans it keeps whole
//! traces by a hash of the trace id, with their logs, and the verdict says so.

mod across;
pub mod alerts;
mod case;
mod changes;
mod choice;
mod cover;
mod dependency;
mod detect;
mod growth;
mod independent;
mod kind;
mod missing;
mod names;
mod node;
mod path;
mod peer;
mod rank;
mod reach;
mod records;
mod rows;
mod scan;
mod scene;
mod sign;
mod statistic;
mod suspect;
mod suspicion;
mod telemetry;
mod tell;
mod template;
mod trees;
mod ways;
mod window;

pub use case::{Case, Change, Finding, Heartbeat};
pub use rank::judge;
pub use records::{LeftOut, Records};
pub use rows::{LogRow, PointRow, SpanRow};
pub use scan::{ANOMALIES_MAX, Anomaly, Sensitivity, scan};
pub use suspicion::{SUSPICIONS_MAX, Suspicion};
pub use telemetry::{Bounds, Telemetry};
pub use window::Window;
