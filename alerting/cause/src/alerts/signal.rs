//! What an alert is about: the family of its signal, its direction, and the kind that it shares with others.
//!
//! It refuses to know where the alert is and how bad it says it is. Words are looked for, never products.

use incident::Alert;
use model::{CauseKind, EntityKind};

/// Families of signals. What fires within one is one observation, said in several ways.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Family {
    Cpu,
    Memory,
    Io,
    Space,
    Network,
    /// Latency, errors, success, rate, availability: how a service does.
    Indicator,
    Log,
    /// Single slow or failed calls, told per operation.
    Trace,
}

impl Family {
    /// Whether it speaks of a resource of the entity itself.
    pub(super) fn is_resource(self) -> bool {
        matches!(self, Family::Cpu | Family::Memory | Family::Io | Family::Space | Family::Network)
    }

    pub(super) fn cause(self) -> CauseKind {
        match self {
            Family::Cpu => CauseKind::Cpu,
            Family::Memory => CauseKind::Memory,
            Family::Io | Family::Space => CauseKind::Disk,
            Family::Network => CauseKind::Network,
            Family::Log => CauseKind::Exception,
            Family::Indicator | Family::Trace => CauseKind::Unknown,
        }
    }
}

const WORDS: &[(Family, &[&str])] = &[
    (
        Family::Space,
        &[
            "disk.used",
            "disk.pct",
            "disk_used",
            "diskspace",
            "disk space",
            "disk_space",
            "diskfull",
            "filesystem",
            "inode",
            "volume",
        ],
    ),
    (
        Family::Memory,
        &[
            "memory", "mem.", "mem_", ".mem", "_mem", "memused", "swap", "heap", "oom", "threads", "garbage", "gc_",
            "jvm",
        ],
    ),
    (Family::Cpu, &["cpu", "load1", "load5", "load_", "throttl"]),
    (Family::Io, &["fs_reads", "fs_writes", "fs_", "disk", "iops", "iowait", ".io.", "io_", "diskio"]),
    (
        Family::Network,
        &["network", "net.", "net_", "tcp", "packet", "retrans", "eth0", "bandwidth", "dns", "conntrack"],
    ),
];

/// What the book's alert says, in the terms of the ranking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Signal {
    pub family: Family,
    /// Alerts of one kind are alike at different entities.
    pub kind: String,
    /// A few words for people.
    pub words: String,
}

/// Bytes of a kind: it is made of labels.
const KIND_BYTES: usize = 160;

pub(super) fn signal(alert: &Alert, class: Option<EntityKind>) -> Signal {
    let metric = alert.first_label(&["metric", "metric_name", "__name__", "indicator"]).unwrap_or_default();
    let family = family(alert, metric);
    let direction = alert.first_label(&["direction"]).unwrap_or_default();
    let what = match family {
        Family::Log => alert.first_label(&["template", "pattern", "template_id"]).unwrap_or(&alert.name),
        Family::Trace => alert.first_label(&["status", "status_code"]).unwrap_or_default(),
        _ if metric.is_empty() => &alert.name,
        _ => metric,
    };
    let class = class.map_or("nowhere", class_name);
    let name =
        if metric.is_empty() || matches!(family, Family::Log | Family::Trace) { alert.name.as_str() } else { "" };
    let mut kind = format!("{class} {name} {what} {direction}");
    let mut end = KIND_BYTES.min(kind.len());
    while !kind.is_char_boundary(end) {
        end -= 1;
    }
    kind.truncate(end);
    let words = [if metric.is_empty() { alert.name.as_str() } else { metric }, direction].join(" ");
    Signal { family, kind, words: words.trim().to_owned() }
}

/// Pods and instances, nodes and hosts are one class each.
fn class_name(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Pod => EntityKind::Instance.as_str(),
        EntityKind::Node => EntityKind::Host.as_str(),
        other => other.as_str(),
    }
}

fn family(alert: &Alert, metric: &str) -> Family {
    let said = alert.first_label(&["signal", "signal_type", "source_type"]).unwrap_or_default().to_ascii_lowercase();
    match said.as_str() {
        "log" | "logs" => return Family::Log,
        "trace" | "traces" | "span" => return Family::Trace,
        _ => {}
    }
    let text = format!("{metric} {}", if metric.is_empty() { alert.name.as_str() } else { "" }).to_ascii_lowercase();
    if let Some((family, _)) = WORDS.iter().find(|(_, words)| words.iter().any(|word| text.contains(word))) {
        return *family;
    }
    let name = alert.name.to_ascii_lowercase();
    if metric.is_empty() && (name.starts_with("log") || alert.label("template").is_some()) {
        Family::Log
    } else if metric.is_empty() && name.starts_with("trace") {
        Family::Trace
    } else {
        Family::Indicator
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use incident::Told;
    use model::UnixNanos;

    fn of(labels: &[(&str, &str)]) -> Signal {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let alert = Alert::read(Told { labels, ..Told::default() }, UnixNanos(1_700_000_000 * UnixNanos::SECOND));
        signal(&alert, Some(EntityKind::Pod))
    }

    #[test]
    fn words_tell_the_family() {
        for (name, metric, want) in [
            ("MetricAnomaly", "container_memory_usage_MB", Family::Memory),
            ("MetricAnomaly", "container_threads", Family::Memory),
            ("MetricAnomaly", "system.cpu.pct_usage", Family::Cpu),
            ("MetricAnomaly", "system.io.w_s", Family::Io),
            ("MetricAnomaly", "container_fs_reads./dev/vda", Family::Io),
            ("MetricAnomaly", "system.disk.used", Family::Space),
            ("MetricAnomaly", "container_network_receive_MB.eth0", Family::Network),
            ("MetricAnomaly", "grpc-mrt", Family::Indicator),
            ("HighCPU", "", Family::Cpu),
            ("KubePodOOMKilled", "", Family::Memory),
            ("NodeFilesystemAlmostFull", "", Family::Space),
            ("HighErrorRate", "", Family::Indicator),
            ("LogPattern", "", Family::Log),
            ("TraceLatency", "", Family::Trace),
        ] {
            assert_eq!(of(&[("alertname", name), ("metric", metric)]).family, want, "{name} {metric}");
        }
        assert_eq!(of(&[("alertname", "cpu"), ("signal", "log")]).family, Family::Log);
    }

    #[test]
    fn one_kind_at_different_pods_is_one_kind() {
        let at = |pod| of(&[("alertname", "Anomaly"), ("metric", "cpu"), ("direction", "up"), ("pod", pod)]);
        assert_eq!(at("a").kind, at("b").kind);
        assert_ne!(at("a").kind, of(&[("alertname", "Anomaly"), ("metric", "cpu"), ("direction", "down")]).kind);
    }
}
