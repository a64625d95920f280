//! The sentence of an alert, in both languages: the rule's own with its gaps filled, or that of its kind.

use crate::condition::{Condition, Measure};
use crate::judge::Verdict;
use crate::units::value_text;
use crate::{Labels, Rule};
use model::Bilingual;
use std::collections::BTreeMap;

/// Letters of one value in a sentence, and of a sentence. Telemetry may be hostile.
const VALUE_LETTERS: usize = 120;
const SENTENCE_LETTERS: usize = 400;

pub(crate) fn summary(
    rule: &Rule,
    labels: &Labels,
    verdict: &Verdict,
    annotations: &BTreeMap<String, String>,
) -> Bilingual {
    let own;
    let template = match &rule.summary {
        Some(summary) => summary,
        None => {
            own = of_kind(&rule.condition, labels, annotations);
            &own
        }
    };
    let gap = |name: &str| -> String {
        match name {
            "value" => value_text(verdict.value, &verdict.unit),
            "threshold" => value_text(verdict.threshold, &verdict.unit),
            "rule" => rule.name.clone(),
            "subject" => subject(labels),
            name => labels.get(name).or_else(|| annotations.get(name)).cloned().unwrap_or_else(|| "-".to_owned()),
        }
    };
    Bilingual::new(fill(&template.en, gap), fill(&template.zh, gap))
}

/// Puts values in place of `{name}`. What is not a name stays as it is.
fn fill(template: &str, gap: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}') {
            Some((name, tail)) if is_name(name) => {
                out.extend(gap(name).chars().map(|c| if c.is_control() { ' ' } else { c }).take(VALUE_LETTERS));
                rest = tail;
            }
            _ => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    if out.chars().count() > SENTENCE_LETTERS {
        out = out.chars().take(SENTENCE_LETTERS).chain(['…']).collect();
    }
    out
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// What an alert is about, shortly.
fn subject(labels: &Labels) -> String {
    let of = |name: &str| labels.get(name).map(String::as_str);
    match (of("service"), of("operation"), of("peer")) {
        (Some(service), Some(operation), _) => format!("{service} {operation}"),
        (Some(service), _, Some(peer)) => format!("{service} -> {peer}"),
        (Some(service), ..) => {
            match ["pool.name", "jvm.memory.pool.name", "k8s.pod.name", "host.name"].iter().find_map(|n| of(n)) {
                Some(part) => format!("{service} ({part})"),
                None => service.to_owned(),
            }
        }
        _ => {
            let hidden = ["alertname", "environment", "namespace", "lane"];
            let shown: Vec<&str> =
                labels.iter().filter(|(name, _)| !hidden.contains(&name.as_str())).map(|(_, v)| v.as_str()).collect();
            if shown.is_empty() { "*".to_owned() } else { shown.join(" ") }
        }
    }
}

fn measure_name(measure: Measure) -> (&'static str, &'static str) {
    match measure {
        Measure::ErrorRate => ("error rate", "错误率"),
        Measure::LatencyP50 => ("median latency", "延迟中位数"),
        Measure::LatencyP95 => ("p95 latency", "P95 延迟"),
        Measure::LatencyP99 => ("p99 latency", "P99 延迟"),
        Measure::Calls => ("calls", "调用数"),
        Measure::Errors => ("failed calls", "失败调用数"),
        Measure::TrafficDrop => ("traffic drop", "流量下跌"),
    }
}

fn of_kind(condition: &Condition, labels: &Labels, annotations: &BTreeMap<String, String>) -> Bilingual {
    match condition {
        Condition::Red(c) if c.measure == Measure::TrafficDrop => {
            Bilingual::new("{subject}: traffic fell by {value}", "{subject}:流量下跌 {value}")
        }
        Condition::Red(c) => {
            let (en, zh) = measure_name(c.measure);
            Bilingual::new(
                format!("{{subject}}: {en} {{value}} (above {{threshold}})"),
                format!("{{subject}}:{zh} {{value}}(高于 {{threshold}})"),
            )
        }
        Condition::Baseline(c) if c.measure == Measure::TrafficDrop => Bilingual::new(
            "{subject}: traffic fell by {value}, usually {usual}",
            "{subject}:流量下跌 {value},平时 {usual}",
        ),
        Condition::Baseline(c) => {
            let (en, zh) = measure_name(c.measure);
            Bilingual::new(
                format!("{{subject}}: {en} {{value}}, usually {{usual}}"),
                format!("{{subject}}:{zh} {{value}},平时 {{usual}}"),
            )
        }
        Condition::Slo(_) => Bilingual::new(
            "{subject}: error budget of the {objective} objective burns {value} times too fast ({window})",
            "{subject}:目标 {objective} 的错误预算正以 {value} 倍速度消耗({window})",
        ),
        Condition::Sql(_) => Bilingual::new("{rule}: {subject} {value}", "{rule}:{subject} {value}"),
        Condition::LogPattern(c) if c.new => Bilingual::new(
            "{service}: new kind of error in the logs, {value} times: {pattern}",
            "{service}:日志出现新的错误模式,{value} 次:{pattern}",
        ),
        Condition::LogPattern(_) => Bilingual::new(
            "{service}: {value} matching log records (above {threshold})",
            "{service}:匹配的日志 {value} 条(高于 {threshold})",
        ),
        Condition::Heartbeat(_) if annotations.contains_key("failed") => {
            Bilingual::new("heartbeat {heartbeat} reports a failure {text}", "心跳 {heartbeat} 上报失败 {text}")
        }
        Condition::Heartbeat(_) => Bilingual::new(
            "heartbeat {heartbeat} is missing for {value} (expected within {threshold})",
            "心跳 {heartbeat} 已缺失 {value}(应在 {threshold} 内上报)",
        ),
        Condition::Absence(_) => absence(annotations),
        Condition::Precursor(c) if c.expires => {
            Bilingual::new("{subject}: expires in {value}", "{subject}:将在 {value} 后到期")
        }
        Condition::Precursor(_) => Bilingual::new(
            "{subject}: {metric} will reach its limit in {value} (now {share} of it)",
            "{subject}:{metric} 将在 {value} 后耗尽(目前 {share})",
        ),
        Condition::Deadline(_) => Bilingual::new(
            "{value} operations {business_operation} are past their deadline and not completed",
            "{value} 笔业务操作 {business_operation} 超过时限仍未完成",
        ),
        Condition::Forecast(_) => Bilingual::new(
            "{subject}: {value}, expected {usual} (band {band})",
            "{subject}:{value},预测 {usual}(区间 {band})",
        ),
        Condition::Threshold(c) if c.below.is_some() => Bilingual::new(
            "{subject}: {metric} {value} (below {threshold})",
            "{subject}:{metric} {value}(低于 {threshold})",
        ),
        Condition::Threshold(_) => Bilingual::new(
            "{subject}: {metric} {value} (above {threshold})",
            "{subject}:{metric} {value}(高于 {threshold})",
        ),
        Condition::Anomaly(_) => {
            Bilingual::new(format!("{}: behaves unusually", subject(labels)), format!("{}:行为异常", subject(labels)))
        }
    }
}

fn absence(annotations: &BTreeMap<String, String>) -> Bilingual {
    match annotations.get("absence").map(String::as_str) {
        Some("no_data") => Bilingual::new(
            "no telemetry comes in from any sender for {value}: the pipeline may be down",
            "已 {value} 未收到任何遥测数据:可能是采集链路中断",
        ),
        Some("no_calls") => Bilingual::new(
            "{service}: no calls for {value}, though it still sends other telemetry",
            "{service}:已 {value} 没有调用,但仍在上报其他遥测",
        ),
        _ => Bilingual::new(
            "{service}: silent for {value}: nothing comes from it while others send",
            "{service}:已静默 {value}:其他服务正常上报,只有它没有数据",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_and_what_is_no_gap_stays() {
        let gap = |name: &str| format!("<{name}>");
        assert_eq!(fill("{service} is {value}", gap), "<service> is <value>");
        assert_eq!(fill("a {} b { c } {\"x\": 1} {", gap), "a {} b { c } {\"x\": 1} {");
        assert_eq!(fill("{x", gap), "{x");
    }

    #[test]
    fn a_hostile_value_neither_breaks_lines_nor_floods() {
        let text = fill("{x}", |_| format!("a\n\u{202e}{{x}}{}", "b".repeat(1_000_000)));
        assert!(!text.contains('\n') && text.chars().count() <= VALUE_LETTERS, "{text}");
    }
}
