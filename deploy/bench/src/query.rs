//! What the questions people ask cost, and whether the answers are right.

use crate::Settings;
use crate::child::Server;
use crate::generate::{self, Estate, LARGE, MONTH, SPANS_PER_TRACE};
use crate::progress::Stage;
use crate::replay::replay;
use crate::report::{Goal, Row};
use crate::workload::{ORDER_KEY, Routed, Signal, Truth, Workload};
use anyhow::{Context, Result};
use model::{Clock, SystemClock};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Look-ups are asked this often, so that the clock ticks of `/proc` do not matter.
const LOOKUPS: usize = 60;
const AGGREGATES: usize = 15;
/// After so many refusals a question is not asked again: each may take its whole time.
const REFUSED_MAX: u32 = 2;
const FIVE_MINUTES_NS: i64 = 300_000_000_000;
/// Spans of the large company: in every minute every service is called.
const LARGE_SPANS: u64 = 300_000;
/// What a question about operations is given: no goal but that of the services is written down.
const GRAPH_GOAL_MS: f64 = 700.0;
const ROLLUPS_GOAL_MS: f64 = 10.0;
const STORY_GOAL_MS: f64 = 2_000.0;

/// One question: its texts (asked in turn) and what a right answer to each is.
struct Question {
    axis: &'static str,
    goal_ms: f64,
    times: usize,
    asked: Vec<(Asked, Check)>,
}

/// How it is asked.
enum Asked {
    Sql(String),
    /// A path of the API.
    Get(String),
}

impl Asked {
    async fn of(&self, server: &Server) -> Result<Value> {
        match self {
            Self::Sql(sql) => server.sql(sql).await,
            Self::Get(path) => server.get(path).await,
        }
    }
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
    for question in questions(&truth).into_iter().chain(graphs(&server).await?) {
        rows.extend(ask(&server, &question).await.with_context(|| question.axis.to_owned())?);
    }
    drop(server);
    rows.extend(large(settings).await?);
    rows.extend(month(settings).await?);
    Ok(rows)
}

/// The story of an order, of a company whose orders lie over thirty days.
async fn month(settings: &Settings) -> Result<Vec<Row>> {
    let server = Server::start(&settings.exe)?;
    // A minute ago, so that none lies ahead of the server's clock.
    let end = SystemClock::new().now().0 as u64 - 60_000_000_000;
    let spans = Arc::new(generate::workload_of(MONTH, Signal::Spans, LARGE_SPANS, end));
    let truth = Truth::of(&spans)?;
    let stage = Stage::new(settings.progress, "30 days", spans.items);
    replay(&server, &spans, 0..spans.len(), stage.bar()).await?;
    server.flush(true).await?;
    server.tree().quiet(Duration::from_secs(60)).await?;
    // A number that was used twice has two stories, of which one is told.
    let once = truth.orders.into_iter().filter(|(_, spans)| *spans == SPANS_PER_TRACE);
    let story = |(order, spans): (String, u64)| {
        let whole: Check = Box::new(move |story| {
            let items = story["items"].as_array().into_iter().flatten();
            story["complete"] == true && items.filter(|item| item["source"] == "spans").count() as u64 == spans
        });
        (Asked::Get(format!("/api/v1/operations?key={ORDER_KEY}&value={order}")), whole)
    };
    let asked: Vec<(Asked, Check)> = once.map(story).collect();
    let axis = "story of an order, 30 days of spans";
    ask(&server, &Question { axis, goal_ms: STORY_GOAL_MS, times: AGGREGATES, asked }).await
}

/// The graph of 300 services over an hour, from rollups: of a company of its own.
async fn large(settings: &Settings) -> Result<Vec<Row>> {
    const HOUR_NS: u64 = 3_600_000_000_000;
    let server = Server::start(&settings.exe)?;
    // A whole hour that is over: what is asked begins and ends with it.
    let end = SystemClock::new().now().0 as u64 / HOUR_NS * HOUR_NS;
    let spans = Arc::new(generate::workload_of(LARGE, Signal::Spans, LARGE_SPANS, end));
    let stage = Stage::new(settings.progress, "300 services", spans.items);
    replay(&server, &spans, 0..spans.len(), stage.bar()).await?;
    server.flush(true).await?;
    server.tree().quiet(Duration::from_secs(60)).await?;
    let path = format!("/api/v1/graph?from={}&to={end}&gone_within=0s", end - HOUR_NS);
    let all: Check = Box::new(|graph| {
        let services = graph["nodes"].as_array().into_iter().flatten().filter(|node| node["kind"] == "service");
        services.count() as u64 == LARGE.services && calls(graph) == Estate::calls(LARGE_SPANS)
    });
    let asked = vec![(Asked::Get(path), all)];
    let axis = "graph of 300 services over an hour, from rollups";
    ask(&server, &Question { axis, goal_ms: ROLLUPS_GOAL_MS, times: LOOKUPS, asked }).await
}

/// Calls between services in a graph, or their operations.
fn calls(graph: &Value) -> u64 {
    let edges = graph["edges"].as_array().map(Vec::as_slice).unwrap_or_default();
    let between = edges.iter().filter(|edge| edge["kind"] == "call" || edge["kind"] == "message");
    between.filter_map(|edge| edge["calls"].as_u64()).sum()
}

fn questions(truth: &Truth) -> Vec<Question> {
    let by_trace = truth.traces.iter().map(|(id, spans)| {
        let spans = *spans;
        let check: Check = Box::new(move |answer| answer["row_count"] == spans);
        (Asked::Sql(format!("SELECT * FROM spans WHERE trace_id = '{id}'")), check)
    });
    let by_order = truth.orders.iter().map(|(id, spans)| {
        let spans = *spans;
        let check: Check = Box::new(move |answer| answer["row_count"] == spans);
        let columns = "time, trace_id, span_id, service, operation, duration_ns, status";
        (Asked::Sql(format!("SELECT {columns} FROM spans WHERE attributes['{ORDER_KEY}'] = '{id}'")), check)
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

fn newest(routed: &Routed) -> (Asked, Check) {
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
    (Asked::Sql(sql), check)
}

fn services(truth: &Truth) -> (Asked, Check) {
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
    (Asked::Sql(sql.to_owned()), check)
}

/// The service graph from spans and from rollups, which must be one graph.
async fn graphs(server: &Server) -> Result<Vec<Question>> {
    let counted = "SELECT caller, callee, SUM(calls) AS calls FROM service_edges WHERE kind IN ('call', 'message') \
                   GROUP BY caller, callee HAVING SUM(calls) <> 0 ORDER BY caller, callee";
    let counted = server.sql(counted).await?["rows"].clone();
    let joined = "SELECT p.service AS caller, c.service AS callee, COUNT(*) AS calls FROM spans AS p \
                  JOIN spans AS c ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id \
                  WHERE c.service <> p.service GROUP BY p.service, c.service ORDER BY caller, callee";
    let calls: u64 = counted.as_array().into_iter().flatten().filter_map(|row| row[2].as_u64()).sum();
    let equal: Check = Box::new(move |answer| answer["rows"] == counted);
    let times = "SELECT CAST(MIN(time) AS BIGINT) AS a, CAST(MAX(time) AS BIGINT) + 1 AS b FROM spans";
    let times = server.sql(times).await?["rows"][0].clone();
    let path = format!("/api/v1/graph?from={}&to={}&gone_within=0s", times[0], times[1]);
    let of_api = |axis, goal_ms, times, more: &str| {
        let same: Check = Box::new(move |graph| graph["complete"] == true && self::calls(graph) == calls);
        Question { axis, goal_ms, times, asked: vec![(Asked::Get(format!("{path}{more}")), same)] }
    };
    Ok(vec![
        Question {
            axis: "service graph over everything, self-join in SQL",
            goal_ms: GRAPH_GOAL_MS,
            times: AGGREGATES,
            asked: vec![(Asked::Sql(joined.to_owned()), equal)],
        },
        of_api("service graph over everything, from spans", GRAPH_GOAL_MS, AGGREGATES, "&exact=true"),
        of_api(
            "operation graph over everything, from spans",
            GRAPH_GOAL_MS,
            AGGREGATES,
            "&level=operation&edges_max=50000",
        ),
        of_api("graph of everything from rollups, placed and judged", ROLLUPS_GOAL_MS, AGGREGATES, ""),
    ])
}

/// The exact 99th percentile of sorted values by nearest rank.
fn p99(sorted: &[i64]) -> i64 {
    sorted[(sorted.len() * 99).div_ceil(100).max(1) - 1]
}

async fn ask(server: &Server, question: &Question) -> Result<Vec<Row>> {
    let tree = server.tree();
    let (first, _) = &question.asked[0];
    // The worker process starts and footers are read on the first question: a cost of the first day only.
    let _ = first.of(server).await;
    let (mut times, mut right, mut refused, mut slowest, mut statistics) = (0, 0, 0, 0.0_f64, Value::Null);
    let before = tree.cpu_seconds()?;
    for (how, check) in question.asked.iter().cycle().take(question.times) {
        if refused == REFUSED_MAX {
            break;
        }
        times += 1;
        let asked = Instant::now();
        let answer = how.of(server).await;
        slowest = slowest.max(asked.elapsed().as_secs_f64());
        // What is too much for the server is said by it, and is no right answer; other questions go on.
        let Ok(answer) = answer else {
            refused += 1;
            continue;
        };
        right += u32::from(check(&answer));
        statistics = answer["statistics"].clone();
    }
    let cpu_ms = (tree.cpu_seconds()? - before) * 1_000.0 / f64::from(times);
    let mut rows = vec![
        Row::new(question.axis, "ms CPU", Goal::AtMost(question.goal_ms), cpu_ms),
        Row::new("  right answers", "answers", Goal::Equal(question.times as f64), f64::from(right)),
        Row::new("  slowest, wall time", "ms", Goal::None, slowest * 1_000.0),
    ];
    if refused > 0 {
        rows.push(Row::new("  refused or failed", "answers", Goal::Equal(0.0), f64::from(refused)));
    }
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
