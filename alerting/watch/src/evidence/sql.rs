//! The questions by which telemetry is read for a cause.

use api::handler::instant;
use model::TimeRange;

/// The share that is everything, see [`spans`].
pub(super) const ALL: u32 = 1 << 16;

const PLACE: &str = "COALESCE(resource['service.instance.id'], resource['k8s.pod.name']) AS instance, \
     COALESCE(resource['k8s.node.name'], resource['host.name']) AS node";

fn within(range: TimeRange) -> String {
    format!("time >= {} AND time < {}", instant(range.from), instant(range.until))
}

/// A condition that holds for a share of all traces, by the first four digits of their ids.
fn sampled(share: u32, or: &str) -> String {
    if share >= ALL { String::new() } else { format!(" AND (trace_id < '{share:04x}'{or})") }
}

pub(super) fn count(table: &str, range: TimeRange) -> String {
    format!("SELECT COUNT(*) AS rows FROM {table} WHERE {}", within(range))
}

pub(super) fn spans(range: TimeRange, share: u32) -> String {
    format!(
        "SELECT trace_id, span_id, parent_span_id, service, operation, kind, status, status_message, time, duration_ns, {PLACE}, \
         resource['service.version'] AS version, attributes['db.system.name'] AS db_system, \
         attributes['db.namespace'] AS db_namespace, \
         COALESCE(attributes['db.query.text'], attributes['db.query.summary']) AS statement, \
         COALESCE(attributes['service.peer.name'], attributes['server.address']) AS server_address, \
         attributes['messaging.system'] AS messaging_system, \
         attributes['messaging.destination.name'] AS destination, attributes['resilience.outcome'] AS outcome, \
         attributes['error.type'] AS exception, attributes['http.request.resend_count'] AS resend, \
         attributes['messaging.message.id'] AS message_id \
         FROM spans WHERE {}{}",
        within(range),
        sampled(share, "")
    )
}

pub(super) fn logs(range: TimeRange, share: u32) -> String {
    format!(
        "SELECT time, trace_id, span_id, service, severity, body, {PLACE} FROM logs WHERE {}{}",
        within(range),
        sampled(share, " OR trace_id IS NULL")
    )
}

/// Points by series and time: a histogram is its mean.
pub(super) fn points(range: TimeRange) -> String {
    format!(
        "SELECT time, name, unit, service, temporality, CAST(monotonic AS TEXT) AS monotonic, {PLACE}, attributes, \
         resource['network.device.name'] AS device, \
         COALESCE(value, sum / NULLIF(count, 0)) AS value FROM metrics WHERE {}",
        within(range)
    )
}

fn of(services: &[String]) -> String {
    let names: Vec<String> = services.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
    format!(" AND service IN ({})", names.join(", "))
}

/// Points of some services.
pub(super) fn points_of(range: TimeRange, services: &[String]) -> String {
    points(range) + &of(services)
}

/// Warnings and errors of some services.
pub(super) fn complaints_of(range: TimeRange, services: &[String]) -> String {
    format!("{}{} AND severity >= 13", logs(range, ALL), of(services))
}

/// Changes from a day before the incident to its end.
pub(super) fn changes(current: TimeRange) -> String {
    let day = std::time::Duration::from_secs(86_400);
    let range = TimeRange { from: current.from.saturating_sub(day), until: current.until };
    format!(
        "SELECT time, kind, target, version, previous_version, author, title, change_id, attributes \
         FROM changes WHERE {} ORDER BY time DESC LIMIT 500",
        within(range)
    )
}

/// How jobs and devices stood at the end: last words within six hours.
pub(super) fn heartbeats(current: TimeRange) -> String {
    let back = std::time::Duration::from_secs(6 * 3_600);
    let range = TimeRange { from: current.from.saturating_sub(back), until: current.until };
    format!(
        "SELECT name, MAX(time) AS last, COUNT(*) AS beats, MIN(time) AS first, \
         last_value(status ORDER BY time) AS status, last_value(text ORDER BY time) AS text, \
         last_value(service ORDER BY time) AS service, \
         last_value(attributes['network.device.name'] ORDER BY time) AS device, \
         last_value(COALESCE(attributes['store.id'], attributes['site.id']) ORDER BY time) AS site, \
         last_value(attributes['cloud.region'] ORDER BY time) AS region \
         FROM heartbeats WHERE {} AND status <> 'log' GROUP BY name ORDER BY name LIMIT 10000",
        within(range)
    )
}

/// Minutes in which services were called, and how often.
pub(super) fn minutes(range: TimeRange) -> String {
    format!(
        "SELECT date_bin(INTERVAL '1 minute', time) AS minute, SUM(calls) AS calls FROM red WHERE {} \
         GROUP BY minute HAVING SUM(calls) > 0 ORDER BY minute",
        within(range)
    )
}
