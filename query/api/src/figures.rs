//! Figures as Prometheus text.

use engine::{Kind, Metric};
use std::fmt::Write;

/// The exposition format, version 0.0.4: samples of one name together, `HELP` and `TYPE` once each.
pub fn prometheus_text(metrics: &[Metric]) -> String {
    let mut out = String::new();
    let mut written: Vec<&str> = Vec::new();
    for metric in metrics {
        if written.contains(&metric.name) {
            continue;
        }
        written.push(metric.name);
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let help = metric.help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(out, "# HELP {} {help}\n# TYPE {} {kind}", metric.name, metric.name);
        for sample in metrics.iter().filter(|m| m.name == metric.name) {
            let _ = writeln!(out, "{}{} {}", sample.name, labels(&sample.labels), sample.value);
        }
    }
    out
}

fn labels(labels: &[(&'static str, String)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_one_name_stand_together_and_label_values_are_escaped() {
        let metric = |name, labels: &[(&'static str, &str)], value| Metric {
            name,
            help: "What it is.",
            kind: Kind::Counter,
            labels: labels.iter().map(|(n, v)| (*n, (*v).to_owned())).collect(),
            value,
        };
        let text = prometheus_text(&[
            metric("stormglass_a_total", &[("k", "x\"y\\z\n")], 1.0),
            metric("stormglass_b_total", &[], 2.5),
            metric("stormglass_a_total", &[("k", "other")], 3.0),
        ]);
        assert_eq!(
            text,
            "# HELP stormglass_a_total What it is.\n# TYPE stormglass_a_total counter\n\
             stormglass_a_total{k=\"x\\\"y\\\\z\\n\"} 1\nstormglass_a_total{k=\"other\"} 3\n\
             # HELP stormglass_b_total What it is.\n# TYPE stormglass_b_total counter\nstormglass_b_total 2.5\n"
        );
    }
}
