//! What the questions people ask cost, and whether the answers are right.

use crate::Settings;
use crate::child::Server;
use crate::progress::Stage;
use crate::replay::replay;
use crate::report::{Goal, Row};
use crate::workload::{ORDER_KEY, Routed, Truth, Workload};
use anyhow::{Context, Result};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Look-ups are asked this often, so that the clock ticks of `/proc` do not matter.
const LOOKUPS: usize = 60;
const AGGREGATES: usize = 15;
const FIVE_MINUTES_NS: i64 = 300_000_000_000;

/// One question: its texts (asked in turn) and what a right answer to each is.
struct Question {
    axis: &'static str,
    goal_ms: f64,
    times: usize,
    asked: Vec<(String, Check)>,
}

type Check = Box<dyn Fn(&Value) -> bool>;

pub(crate) async fn measure(settings: &Settings, spans: &Arc<Workload>) -> Result<Vec<Row>> {
    let server = Server::start(&settings.exe)?;
    let truth = Truth::of(spans)?;
    let stage = Stage::new(settings.progress, "spans", spans.items);
    replay(&server, spans, 0..spans.len(), stage.bar()).await?;
    server.flush(true).await?;
    server.tree().quiet(Duration::from_secs(60)).await?;
    let mut rows = Vec::new();
    for question in questions(&truth) {
        rows.extend(ask(&server, &question).await.with_context(|| question.axis.to_owned())?);
    }
    Ok(rows)
}

fn questions(truth: &Truth) -> Vec<Question> {
    let by_trace = truth.traces.iter().map(|(id, spans)| {
        let spans = *spans;
        let check: Check = Box::new(move |answer| answer["row_count"] == spans);
        (format!("SELECT * FROM spans WHERE trace_id = '{id}'"), check)
    });
    let by_order = truth.orders.iter().map(|(id, spans)| {
        let spans = *spans;
        let check: Check = Box::new(move |answer| answer["row_count"] == spans);
        let columns = "time, trace_id, span_id, service, operation, duration_ns, status";
        (format!("SELECT {columns} FROM spans WHERE attributes['{ORDER_KEY}'] = '{id}'"), check)
    });
    let mut questions = vec![
        Question { axis: "trace by id, whole spans", goal_ms: 25.0, times: LOOKUPS, asked: by_trace.collect() },
        Question { axis: "order id over everything", goal_ms: 10.0, times: LOOKUPS, asked: by_order.collect() },
    ];
    if let Some(routed) = &truth.routed {
        let asked = vec![newest(routed)];
        questions.push(Question {
            axis: "service and attribute, 5 minutes, newest 20",
            goal_ms: 10.0,
            times: LOOKUPS,
            asked,
        });
    }
    let asked = vec![services(truth)];
    questions.push(Question {
        axis: "exact p99 and errors per service, everything",
        goal_ms: 55.0,
        times: AGGREGATES,
        asked,
    });
    questions
}

fn newest(routed: &Routed) -> (String, Check) {
    let until = routed.starts.last().copied().unwrap_or_default() + 1;
    let from = until - FIVE_MINUTES_NS;
    let sql = format!(
        "SELECT CAST(time AS BIGINT) AS t, trace_id, operation, duration_ns, status FROM spans \
         WHERE service = '{}' AND attributes['http.route'] = '{}' \
         AND time >= to_timestamp_nanos({from}) AND time < to_timestamp_nanos({until}) ORDER BY time DESC LIMIT 20",
        routed.service, routed.route
    );
    let expected: Vec<i64> = routed.starts.iter().rev().take_while(|t| **t >= from).take(20).copied().collect();
    let check: Check = Box::new(move |answer| {
        let rows = answer["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
        let got = rows.iter().map(|row| row[0].as_i64().or_else(|| row[0].as_str()?.parse().ok()));
        got.eq(expected.iter().copied().map(Some))
    });
    (sql, check)
}

fn services(truth: &Truth) -> (String, Check) {
    let sql = "SELECT service, count(*) AS calls, sum(CASE WHEN status = 'error' THEN 1 ELSE 0 END) AS errors, \
               p99(duration_ns) AS p99 FROM spans GROUP BY service ORDER BY service";
    let expected: Vec<(String, u64, u64, i64)> = truth
        .services
        .iter()
        .map(|(service, (durations, errors))| (service.clone(), durations.len() as u64, *errors, p99(durations)))
        .collect();
    let check: Check = Box::new(move |answer| {
        let rows = answer["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
        rows.len() == expected.len()
            && rows.iter().zip(&expected).all(|(row, (service, calls, errors, p99))| {
                row[0] == *service && row[1] == *calls && row[2] == *errors && row[3] == *p99
            })
    });
    (sql.to_owned(), check)
}

/// The exact 99th percentile of sorted values by nearest rank.
fn p99(sorted: &[i64]) -> i64 {
    sorted[(sorted.len() * 99).div_ceil(100).max(1) - 1]
}

async fn ask(server: &Server, question: &Question) -> Result<Vec<Row>> {
    let tree = server.tree();
    let (first, _) = &question.asked[0];
    // The worker process starts and footers are read on the first question: a cost of the first day only.
    server.sql(first).await?;
    let (mut right, mut slowest, mut statistics) = (0, 0.0_f64, Value::Null);
    let before = tree.cpu_seconds()?;
    for (sql, check) in question.asked.iter().cycle().take(question.times) {
        let asked = Instant::now();
        let answer = server.sql(sql).await?;
        slowest = slowest.max(asked.elapsed().as_secs_f64());
        right += u32::from(check(&answer));
        statistics = answer["statistics"].clone();
    }
    let cpu_ms = (tree.cpu_seconds()? - before) * 1_000.0 / question.times as f64;
    let mut rows = vec![
        Row::new(question.axis, "ms CPU", Goal::AtMost(question.goal_ms), cpu_ms),
        Row::new("  right answers", "answers", Goal::Equal(question.times as f64), f64::from(right)),
        Row::new("  slowest, wall time", "ms", Goal::None, slowest * 1_000.0),
    ];
    for (name, value) in statistics.as_object().into_iter().flatten() {
        if let Some(figure) = value.as_f64().filter(|_| name.contains("scanned") || name.contains("parts")) {
            rows.push(Row::new(format!("  {name}"), "", Goal::None, figure));
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_value_at_its_rank() {
        assert_eq!(p99(&[5]), 5);
        let hundred: Vec<i64> = (1..=100).map(|v| v * 10).collect();
        assert_eq!(p99(&hundred), 990);
        assert_eq!(p99(&[1, 2, 3]), 3);
    }
}
