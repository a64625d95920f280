//! The `condition` of each kind, with its defaults.

use crate::Severity;
use crate::condition::*;
use crate::fields::Fields;
use crate::problem::nearest;
use crate::tree::{Node, Value};
use crate::units;
use regex::Regex;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// What stands where the text was too wrong to give a condition; the rule is not kept then.
const UNREAD: Condition = Condition::Anomaly(Anomaly { sensitivity: Sensitivity::Medium });

pub(super) fn read(kind: &str, rule: &mut Fields<'_, '_>) -> Condition {
    if !Condition::KINDS.contains(&kind) {
        if !kind.is_empty() {
            let near =
                nearest(kind, Condition::KINDS).map(|name| format!("; did you mean {name}?")).unwrap_or_default();
            rule.wrong("kind", format!("is {kind:?}: write one of {}{near}", Condition::KINDS.join(", ")));
        }
        rule.node("condition");
        return UNREAD;
    }
    let empty = Node { value: Value::Nothing, place: None };
    let path = rule.path("condition");
    let node = rule.node("condition").unwrap_or(&empty);
    let mut fields = Fields::of(node, path, rule.problems);
    let f = &mut fields;
    let condition = match kind {
        "red" => red(f),
        "baseline" => baseline(f),
        "slo" => slo(f),
        "sql" => sql(f),
        "log_pattern" => log_pattern(f),
        "heartbeat" => heartbeat(f),
        "absence" => absence(f),
        "precursor" => precursor(f),
        "deadline" => deadline(f),
        "forecast" => forecast(f),
        "threshold" => threshold(f),
        _ => Condition::Anomaly(Anomaly { sensitivity: sensitivity(f) }),
    };
    fields.finish();
    condition
}

/// Defaults of `for`, `keep_firing` and `every`.
pub(super) fn pace(condition: &Condition) -> (Duration, Duration, Duration) {
    let s = Duration::from_secs;
    match condition {
        Condition::Red(_) => (s(0), s(60), s(5)),
        // Evidence adds up over time by itself: no further wait.
        Condition::Baseline(_) | Condition::Anomaly(_) => (s(0), s(30), s(5)),
        Condition::Threshold(_) => (s(60), s(120), s(15)),
        Condition::LogPattern(_) => (s(0), s(120), s(30)),
        Condition::Heartbeat(_) => (s(0), s(0), s(30)),
        Condition::Absence(_) => (s(0), s(0), s(15)),
        Condition::Slo(_) | Condition::Sql(_) | Condition::Deadline(_) => (s(0), s(60), s(60)),
        Condition::Precursor(_) => (s(600), s(600), s(300)),
        Condition::Forecast(_) => (s(0), s(0), s(600)),
    }
}

fn by(f: &mut Fields<'_, '_>) -> By {
    f.one_of("by", By::NAMES).unwrap_or(By::Service)
}

fn sensitivity(f: &mut Fields<'_, '_>) -> Sensitivity {
    f.one_of("sensitivity", Sensitivity::NAMES).unwrap_or(Sensitivity::Medium)
}

fn measure(f: &mut Fields<'_, '_>, allowed: &[Measure]) -> Measure {
    let names: Vec<_> = Measure::NAMES.iter().filter(|(_, measure)| allowed.contains(measure)).copied().collect();
    f.needed("measure", names[0].0);
    f.one_of("measure", &names).unwrap_or(names[0].1)
}

fn red(f: &mut Fields<'_, '_>) -> Condition {
    use Measure::*;
    let measure = measure(f, &[ErrorRate, LatencyP50, LatencyP95, LatencyP99, Calls, Errors, TrafficDrop]);
    let counted = matches!(measure, Calls | Errors);
    f.needed(
        "above",
        if measure.is_latency() {
            "800ms"
        } else if counted {
            "100"
        } else {
            "5%"
        },
    );
    let above = if measure.is_latency() {
        f.optional_duration("above", "1us", "1h").map(|d| d.as_nanos() as f64)
    } else if counted {
        f.number("above")
    } else {
        f.share("above")
    };
    Condition::Red(Red {
        measure,
        above: above.unwrap_or_default(),
        window: f.duration("window", MINUTE, "10s", "1h"),
        by: by(f),
        min_calls: f.number("min_calls").unwrap_or(if counted { 0.0 } else { 20.0 }),
    })
}

fn baseline(f: &mut Fields<'_, '_>) -> Condition {
    use Measure::*;
    let measure = measure(f, &[ErrorRate, LatencyP50, LatencyP95, LatencyP99, TrafficDrop]);
    Condition::Baseline(Baseline { measure, by: by(f), sensitivity: sensitivity(f) })
}

fn slo(f: &mut Fields<'_, '_>) -> Condition {
    f.needed("objective", "99.9%");
    let objective = f.share("objective").unwrap_or(0.999);
    if !(0.5..1.0).contains(&objective) {
        f.wrong("objective", "is not between 50% and just below 100%: without a budget nothing can burn");
    }
    let mut burn = Vec::new();
    match f.node("burn").map(|node| (node, &node.value)) {
        None => {
            let pair =
                |long: Duration, short: Duration, rate, severity| Burn { long, short, rate, severity: Some(severity) };
            burn.push(pair(HOUR, 5 * MINUTE, 14.4, Severity::Critical));
            burn.push(pair(6 * HOUR, 30 * MINUTE, 6.0, Severity::High));
            burn.push(pair(3 * DAY, 6 * HOUR, 1.0, Severity::Low));
        }
        Some((_, Value::List(items))) if !items.is_empty() && items.len() <= 4 => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{}[{index}]", f.path("burn"));
                let pair = burn_pair(&mut Fields::of(item, path, f.problems));
                burn.push(pair);
            }
        }
        Some(_) => f.wrong("burn", "is not a list of 1 to 4 pairs: write - {long: 1h, short: 5m, rate: 14.4}"),
    }
    Condition::Slo(Slo {
        objective,
        by: by(f),
        latency: f.optional_duration("latency", "1us", "1h"),
        burn,
        min_calls: f.number("min_calls").unwrap_or(20.0),
    })
}

fn burn_pair(f: &mut Fields<'_, '_>) -> Burn {
    f.needed("long", "1h");
    f.needed("short", "5m");
    f.needed("rate", "14.4");
    let severities: Vec<_> = Severity::ALL.iter().map(|s| (s.as_str(), *s)).collect();
    let pair = Burn {
        long: f.duration("long", HOUR, "5m", "3d"),
        short: f.duration("short", 5 * MINUTE, "1m", "1d"),
        rate: f.number("rate").unwrap_or(14.4),
        severity: f.one_of("severity", &severities),
    };
    if pair.short >= pair.long {
        f.wrong("short", "is not shorter than long");
    }
    if pair.rate <= 0.0 {
        f.wrong("rate", "is not above 0");
    }
    pair
}

fn sql(f: &mut Fields<'_, '_>) -> Condition {
    Condition::Sql(Sql {
        query: f.needed(
            "query",
            "SELECT service, count(*) AS value FROM logs WHERE time >= $from AND time < $to GROUP BY 1",
        ),
        window: f.duration("window", 5 * MINUTE, "1m", "7d"),
        above: f.number("above"),
        unit: f.text("unit").unwrap_or_else(|| "1".to_owned()),
    })
}

fn log_pattern(f: &mut Fields<'_, '_>) -> Condition {
    let pattern = f.text("pattern");
    if let Some(Err(error)) = pattern.as_ref().map(|pattern| Regex::new(pattern)) {
        let what = error.to_string().lines().last().unwrap_or_default().to_owned();
        f.wrong("pattern", format!("is no regular expression: {what}"));
    }
    let levels = [("trace", 1u8), ("debug", 5), ("info", 9), ("warn", 13), ("error", 17), ("fatal", 21)];
    Condition::LogPattern(LogPattern {
        pattern,
        min_severity: f.one_of("min_severity", &levels).unwrap_or(17),
        above: f.number("above").unwrap_or(0.0),
        window: f.duration("window", 5 * MINUTE, "1m", "1d"),
        new: f.bool("new", false),
    })
}

fn heartbeat(f: &mut Fields<'_, '_>) -> Condition {
    Condition::Heartbeat(Heartbeat {
        names: f.globs("names"),
        expect: f.optional_duration("expect", "10s", "31d"),
        grace: f.duration("grace", 5 * MINUTE, "0s", "7d"),
        failed: f.bool("failed", true),
    })
}

fn absence(f: &mut Fields<'_, '_>) -> Condition {
    let absence = Absence {
        metric: f.text("metric"),
        after: f.duration("after", 5 * MINUTE, "1m", "1d"),
        remember: f.duration("remember", DAY, "10m", "7d"),
    };
    if absence.after >= absence.remember {
        f.wrong("after", "is not shorter than remember");
    }
    Condition::Absence(absence)
}

fn series_of(f: &mut Fields<'_, '_>) -> Vec<String> {
    match f.texts("by") {
        by if by.is_empty() => vec!["service".to_owned(), "host.name".to_owned()],
        by if by.len() > 6 => {
            f.wrong("by", "names more than 6 labels");
            by
        }
        by => by,
    }
}

fn precursor(f: &mut Fields<'_, '_>) -> Condition {
    let metric = f.needed("metric", "system.filesystem.utilization");
    let limit = match f.node("limit").and_then(Node::scalar) {
        Some(text) if text.ends_with('%') => f.share("limit"),
        Some(_) => f.number("limit"),
        None => None,
    };
    let precursor = Precursor {
        metric,
        of: f.text("of"),
        limit: limit.unwrap_or(1.0),
        filter: f.map("filter"),
        of_filter: f.map("of_filter"),
        by: series_of(f),
        expires: f.bool("expires", false),
        within: f.duration("within", 4 * HOUR, "1m", "366d"),
        window: f.duration("window", HOUR, "10m", "14d"),
        min_share: f.share("min_share").unwrap_or(0.6),
    };
    if precursor.limit <= 0.0 {
        f.wrong("limit", "is not above 0");
    }
    Condition::Precursor(precursor)
}

fn deadline(f: &mut Fields<'_, '_>) -> Condition {
    Condition::Deadline(Deadline {
        operations: f.globs("operations"),
        within: f.optional_duration("within", "1s", "31d"),
        above: f.number("above").unwrap_or(0.0),
        look_back: f.duration("look_back", DAY, "10m", "31d"),
    })
}

fn forecast(f: &mut Fields<'_, '_>) -> Condition {
    let forecast = Forecast {
        metric: f.text("metric"),
        operation: f.text("operation"),
        by: f.texts("by"),
        filter: f.map("filter"),
        bucket: f.duration("bucket", DAY, "1h", "1d"),
        band: f.share("band").unwrap_or(0.98),
        min_expected: f.number("min_expected").unwrap_or(20.0),
        both: f.bool("both", false),
    };
    if forecast.metric.is_some() == forecast.operation.is_some() {
        f.wrong("metric", "or operation: exactly one of the two is needed");
    }
    if ![HOUR, DAY].contains(&forecast.bucket) {
        f.wrong("bucket", "is neither 1h nor 1d");
    }
    if !(0.5..=0.999).contains(&forecast.band) {
        f.wrong("band", "is not between 50% and 99.9%");
    }
    Condition::Forecast(forecast)
}

fn bound(f: &mut Fields<'_, '_>, field: &'static str) -> Option<f64> {
    let text = f.node(field)?.scalar().unwrap_or_default();
    if text.ends_with('%') {
        return f.share(field);
    }
    // Metrics of durations are in seconds or milliseconds as their makers like: plain numbers only.
    if units::duration(&text).is_some() && text.parse::<f64>().is_err() {
        f.wrong(field, "is a duration: write a number in the unit of the metric");
        return None;
    }
    f.number(field)
}

fn threshold(f: &mut Fields<'_, '_>) -> Condition {
    let metric = f.needed("metric", "system.memory.utilization");
    let of = f.text("of");
    let unit = f.text("unit").unwrap_or_else(|| if of.is_some() { "%" } else { "1" }.to_owned());
    let threshold = Threshold {
        metric,
        of,
        filter: f.map("filter"),
        of_filter: f.map("of_filter"),
        by: series_of(f),
        aggregate: f.one_of("aggregate", Aggregate::NAMES).unwrap_or(Aggregate::Avg),
        above: bound(f, "above"),
        below: bound(f, "below"),
        window: f.duration("window", MINUTE, "10s", "1d"),
        unit,
        min_age: f.duration("min_age", 3 * MINUTE, "0s", "1d"),
    };
    if threshold.above.is_some() == threshold.below.is_some() {
        f.wrong("above", "or below: exactly one of the two is needed");
    }
    Condition::Threshold(threshold)
}
