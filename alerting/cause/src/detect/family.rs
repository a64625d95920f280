//! Families of metrics, told by what their names contain: how their values are read, and from where on
//! a deviation is worth a look. Names of OpenTelemetry's conventions and their old and common spellings.

use crate::sign::Aspect;
use model::CauseKind;

/// Which way is bad, and how small a deviation is nothing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Scale {
    /// A share of what there is, in percent (shares of one are multiplied); the floor is in points.
    Share(f64),
    /// Like [`Scale::Share`], bad when it falls.
    FallingShare(f64),
    /// Anything else; the floor is this part of the median, and this much at least.
    Amount(f64, f64),
}

#[derive(Debug)]
pub(super) struct Family {
    pub(super) aspect: Aspect,
    pub(super) scale: Scale,
    /// The kind of cause that it speaks for by itself.
    pub(super) cause: Option<CauseKind>,
    /// The name contains all parts of one of these groups.
    names: &'static [&'static [&'static str]],
}

const fn family(
    aspect: Aspect,
    scale: Scale,
    cause: Option<CauseKind>,
    names: &'static [&'static [&'static str]],
) -> Family {
    Family { aspect, scale, cause, names }
}

/// The first that fits counts, so the narrow ones stand first.
const FAMILIES: &[Family] = &[
    family(
        Aspect::Lag,
        Scale::Amount(1.0, 0.5),
        Some(CauseKind::ReplicaLag),
        &[
            &["replica", "lag"],
            &["replication", "lag"],
            &["replica", "delay"],
            &["replication", "delay"],
            &["replica", "behind"],
            &["replication", "behind"],
            &["seconds", "behind"],
        ],
    ),
    family(Aspect::Status, Scale::FallingShare(5.0), None, &[&["hw.status"], &["device", "status"], &["device", "up"]]),
    family(
        Aspect::Status,
        Scale::Amount(1.0, 1.0),
        None,
        &[
            &["hw.errors"],
            &["hw.network", "errors"],
            &["packet", "loss"],
            &["packets", "lost"],
            &["packets", "dropped"],
        ],
    ),
    family(
        Aspect::Dns,
        Scale::Amount(1.0, 0.05),
        Some(CauseKind::Dns),
        &[&["dns", "duration"], &["dns", "failures"], &["dns", "errors"]],
    ),
    family(
        Aspect::Lock,
        Scale::Amount(1.0, 1.0),
        Some(CauseKind::Lock),
        &[&["lock", "wait"], &["deadlock"], &["lock", "time"], &["blocked", "sessions"]],
    ),
    family(
        Aspect::Pool,
        Scale::Amount(1.0, 2.0),
        Some(CauseKind::ConnectionPool),
        &[
            &["connection", "pending"],
            &["connection", "timeouts"],
            &["connection", "wait"],
            &["pool", "pending"],
            &["pool", "wait"],
        ],
    ),
    family(
        Aspect::Pool,
        Scale::Share(10.0),
        Some(CauseKind::ConnectionPool),
        &[&["connection", "utilization"], &["pool", "utilization"], &["connections", "used_pct"]],
    ),
    family(
        Aspect::Threads,
        Scale::Amount(1.0, 5.0),
        Some(CauseKind::ThreadPool),
        &[
            &["thread", "queue"],
            &["threads", "busy"],
            &["thread", "active"],
            &["executor", "queue"],
            &["executor", "active"],
            &["request", "queue", "depth"],
            &["worker", "queue"],
        ],
    ),
    family(
        Aspect::Threads,
        Scale::Amount(0.5, 20.0),
        Some(CauseKind::ThreadPool),
        &[&["thread", "count"], &["goroutine"]],
    ),
    family(
        Aspect::Lag,
        Scale::Amount(1.0, 20.0),
        Some(CauseKind::Queue),
        &[
            &["consumer", "lag"],
            &["messaging", "lag"],
            &["kafka", "lag"],
            &["queue", "depth"],
            &["queue", "length"],
            &["messages", "ready"],
            &["backlog"],
            &["oldest", "age"],
            &["messages", "unacked"],
        ],
    ),
    family(
        Aspect::Cache,
        Scale::FallingShare(5.0),
        Some(CauseKind::Cache),
        &[&["cache", "hit_ratio"], &["cache", "hit", "ratio"], &["cache", "hit", "rate"]],
    ),
    family(Aspect::Cpu, Scale::Amount(1.0, 1.0), Some(CauseKind::Cpu), &[&["cpu", "throttled"], &["cfs", "throttled"]]),
    family(
        Aspect::Cpu,
        Scale::Share(1.0),
        Some(CauseKind::Cpu),
        &[&["cpu", "utilization"], &["cpu", "percent"], &["cpu", "pct"]],
    ),
    family(Aspect::Memory, Scale::Amount(1.0, 1.0), Some(CauseKind::Memory), &[&["oom"], &["memory", "pressure"]]),
    family(
        Aspect::Memory,
        Scale::Amount(2.0, 0.2),
        Some(CauseKind::Memory),
        &[&["gc", "duration"], &["gc", "pause"], &["gc", "time"]],
    ),
    family(
        Aspect::Memory,
        Scale::Share(5.0),
        Some(CauseKind::Memory),
        &[&["memory", "utilization"], &["memory", "percent"], &["memory", "pct"], &["heap", "utilization"]],
    ),
    family(
        Aspect::Memory,
        Scale::Amount(0.25, 64e6),
        Some(CauseKind::Memory),
        &[
            &["jvm.memory.used"],
            &["process.memory.usage"],
            &["container.memory.usage"],
            &["memory", "working_set"],
            &["memory", "rss"],
        ],
    ),
    family(
        Aspect::Disk,
        Scale::Share(5.0),
        Some(CauseKind::Disk),
        &[
            &["filesystem", "utilization"],
            &["disk", "utilization"],
            &["disk", "used", "percent"],
            &["disk", "used", "pct"],
            &["disk", "full"],
        ],
    ),
    family(
        Aspect::Io,
        Scale::Amount(2.0, 0.3),
        Some(CauseKind::Disk),
        &[&["disk", "io_time"], &["disk", "operation_time"], &["disk", "latency"], &["iowait"]],
    ),
    family(Aspect::Restart, Scale::Amount(0.0, 0.1), None, &[&["restart"]]),
    family(
        Aspect::CallCount,
        Scale::Amount(1.0, 2.0),
        Some(CauseKind::NPlusOne),
        &[&["query", "count", "per"], &["queries", "per", "request"]],
    ),
    family(
        Aspect::Traffic,
        Scale::Amount(0.5, 5.0),
        Some(CauseKind::Traffic),
        &[&["requests_per_sec"], &["requests", "per", "second"], &["request", "rate"], &["rps"]],
    ),
    family(
        Aspect::Symptom,
        Scale::FallingShare(2.0),
        None,
        &[&["success", "rate"], &["success", "ratio"], &["availability"]],
    ),
    family(
        Aspect::Symptom,
        Scale::Share(2.0),
        None,
        &[
            &["error", "ratio"],
            &["error", "rate"],
            &["5xx", "ratio"],
            &["5xx", "rate"],
            &["throttle", "ratio"],
            &["cancelled", "rate"],
        ],
    ),
    family(
        Aspect::Symptom,
        Scale::Amount(1.0, 5.0),
        None,
        &[
            &["error"],
            &["failed"],
            &["5xx"],
            &["panic"],
            &["exception"],
            &["duration"],
            &["latency"],
            &["rows_examined"],
            &["consumed"],
        ],
    ),
];

/// The family of a metric, by its lower-case name.
pub(super) fn of(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.names.iter().any(|group| group.iter().all(|part| name.contains(part))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_conventions_and_common_spellings_find_their_family() {
        for (name, aspect) in [
            ("jvm.cpu.recent_utilization", Some(Aspect::Cpu)),
            ("db.client.connection.pending_requests", Some(Aspect::Pool)),
            ("db.client.connections.wait_time", Some(Aspect::Pool)),
            ("system.filesystem.utilization", Some(Aspect::Disk)),
            ("kafka.consumer.lag", Some(Aspect::Lag)),
            ("mysql.replica.lag", Some(Aspect::Lag)),
            ("mysql.replica.time_behind_source", Some(Aspect::Lag)),
            ("hw.status", Some(Aspect::Status)),
            ("hw.errors", Some(Aspect::Status)),
            ("jvm.gc.duration", Some(Aspect::Memory)),
            ("k8s.container.restarts", Some(Aspect::Restart)),
            ("http.server.request.duration", Some(Aspect::Symptom)),
            ("coffee.cups", None),
        ] {
            assert_eq!(of(name).map(|family| family.aspect), aspect, "{name}");
        }
    }
}
