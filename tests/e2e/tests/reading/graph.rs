//! G1 to G7, B6: the graph of a small company, from rollups, from spans and in SQL, to the last call.

use crate::shop::{MS, send, story};
use e2e::content::{self, label};
use e2e::{Sender, Server, Wire, environment, random};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const TRACES: u64 = 40;
const MINUTE: u64 = 60_000 * MS;

/// An order as it travels: REST, a database, a cache, a bank, a queue, and a lane that is lost on the way.
fn order(n: u64) -> String {
    let failed = if n.is_multiple_of(10) { "error" } else { "" };
    let fallback = if n.is_multiple_of(5) { "resilience.outcome=fallback" } else { "" };
    let (tenant, user) = (n % 3, n);
    format!(
        "1  - gateway POST/orders server   0  50 tenant.id=t{tenant} user.id=u{user} {failed}
         2  1 gateway POST        client   1  48
         3  2 order   POST/orders server   2  45 {failed}
         4  3 order   work        internal 3  40
         5  4 order   INSERT      client   4  5  db.system.name=mysql db.namespace=orders
         6  4 order   GET         client   10 3  db.system.name=redis
         7  4 order   POST/pay    client   15 10 server.address=api.bank.example
         8  4 order   publish     producer 30 2  messaging.system=kafka messaging.destination.name=paid
         9  8 stock   consume     consumer 35 8  messaging.system=kafka messaging.destination.name=paid {fallback}
         10 4 order   GET/coupon  client   20 5  lane=canary
         11 10 coupon GET/coupon  server   21 3"
    )
}

/// What those orders come to: caller, callee, kind, calls, errors, limited.
fn expected() -> Vec<(String, String, String, u64, u64, u64)> {
    let edge =
        |a: &str, b: &str, kind: &str, errors, limited| (a.into(), b.into(), kind.into(), TRACES, errors, limited);
    vec![
        edge("gateway", "order", "call", 4, 0),
        edge("kafka/paid", "stock", "queue", 0, 8),
        edge("order", "api.bank.example", "third_party", 0, 0),
        edge("order", "coupon", "call", 0, 0),
        edge("order", "kafka/paid", "queue", 0, 0),
        edge("order", "mysql/orders", "database", 0, 0),
        edge("order", "redis", "cache", 0, 0),
        edge("order", "stock", "message", 0, 8),
    ]
}

/// The start of a minute that is over.
fn base() -> u64 {
    environment::now() / MINUTE * MINUTE - 2 * MINUTE
}

async fn company(base: u64) -> Server {
    let server = Server::default().await;
    tell(&server, 1..=TRACES, base).await;
    server
}

/// Sends orders; services come one after the other, so that children come before their parents.
async fn tell(server: &Server, orders: std::ops::RangeInclusive<u64>, base: u64) {
    let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for n in orders {
        for (service, spans) in story(n, base + n * MS, &order(n)) {
            all.entry(service).or_default().extend(spans);
        }
    }
    send(server, all).await;
}

fn window(base: u64) -> String {
    format!("from={base}&to={}", base + MINUTE)
}

fn edges(graph: &Value) -> Vec<(String, String, String, u64, u64, u64)> {
    let text = |edge: &Value, key: &str| edge[key].as_str().unwrap().to_owned();
    let number = |edge: &Value, key: &str| edge[key].as_u64().unwrap();
    let edge = |e: &Value| {
        (
            text(e, "caller"),
            text(e, "callee"),
            text(e, "kind"),
            number(e, "calls"),
            number(e, "errors"),
            number(e, "limited"),
        )
    };
    let mut edges: Vec<_> = graph["edges"].as_array().unwrap().iter().map(edge).collect();
    edges.sort();
    edges
}

fn named<'v>(list: &'v Value, key: &str, name: &str) -> &'v Value {
    let found = list.as_array().unwrap().iter().find(|item| item[key] == name);
    found.unwrap_or_else(|| panic!("no {name} in {list}"))
}

async fn put(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let answer = server.http().put(server.url(path)).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Status and detail of a refusal.
async fn refused(server: &Server, path: &str) -> (u16, String) {
    let answer = server.get(path).await;
    let status = answer.status().as_u16();
    let problem: Value = answer.json().await.unwrap();
    (status, problem["detail"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_the_graph_is_that_of_rollups_of_spans_and_of_sql_to_the_last_call_also_after_kill_9() {
    let base = base();
    let mut server = company(base).await;
    for again in 0..3 {
        let graph = server.get_json(&format!("/api/v1/graph?{}", window(base))).await;
        assert_eq!(edges(&graph), expected(), "{graph:#}");
        assert_eq!((&graph["complete"], &graph["unresolved"]), (&json!(true), &json!(0)));
        assert_eq!((&graph["quantile_method"], &graph["quantile_error"]), (&json!("sketch"), &json!(0.01)));
        let exact = server.get_json(&format!("/api/v1/graph?exact=true&{}", window(base))).await;
        assert_eq!(edges(&exact), expected(), "{exact:#}");
        assert_eq!(exact["quantile_method"], "exact");
        let p95 = named(&exact["edges"], "callee", "mysql/orders")["p95_ns"].as_u64().unwrap();
        assert_eq!(p95, 5 * MS);
        let sql = "SELECT caller, callee, kind, SUM(calls) AS calls FROM service_edges WHERE kind NOT IN ('runs_on', 'unresolved') \
                   GROUP BY caller, callee, kind HAVING SUM(calls) <> 0 ORDER BY caller, callee, kind";
        let rows = server.sql(sql).await;
        let counted: Vec<u64> = rows.texts("calls").iter().map(|n| n.parse().unwrap()).collect();
        assert_eq!(counted, vec![TRACES; expected().len()]);
        match again {
            0 => server.flush().await,
            _ => {
                server.kill9();
                server.restart().await;
            }
        }
    }
}

/// Calls from the gateway to the order service: in the graph of the last hours, and in SQL.
async fn orders_told(server: &Server, base: u64) -> (u64, u64) {
    let hours = format!("from={}&to={}", base - 180 * MINUTE, base + MINUTE);
    let graph = server.get_json(&format!("/api/v1/graph?{hours}")).await;
    assert_eq!(graph["complete"], true, "{graph:#}");
    let edge = graph["edges"].as_array().unwrap().iter().find(|e| e["caller"] == "gateway" && e["callee"] == "order");
    let sql = "SELECT CAST(sum(calls) AS BIGINT) FROM service_edges WHERE caller = 'gateway' AND callee = 'order'";
    (edge.unwrap()["calls"].as_u64().unwrap(), server.sql(sql).await.count())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_the_past_gives_way_to_late_spans_to_flushes_and_to_merges() {
    let base = base();
    let server = company(base).await;
    server.flush().await;
    for _ in 0..2 {
        assert_eq!(orders_told(&server, base).await, (TRACES, TRACES));
    }
    for (late, told) in [(41..=45, 45), (46..=50, 50)] {
        tell(&server, late, base).await;
        assert_eq!(orders_told(&server, base).await, (told, told), "in memory");
        server.flush().await;
        assert_eq!(orders_told(&server, base).await, (told, told), "in a part of its own");
    }
    let merged = server.http().post(server.url("/api/v1/compact")).send().await.unwrap();
    assert!(merged.status().is_success(), "{}", merged.status());
    for _ in 0..2 {
        assert_eq!(orders_told(&server, base).await, (50, 50), "in merged parts");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_nodes_have_counts_quantiles_health_and_a_place() {
    let base = base();
    let server = company(base).await;
    let graph = server.get_json(&format!("/api/v1/graph?{}", window(base))).await;
    let node = |name: &str| named(&graph["nodes"], "name", name).clone();
    let (gateway, order, stock) = (node("gateway"), node("order"), node("stock"));
    assert_eq!((&order["calls"], &order["errors"], &order["health"]), (&json!(TRACES), &json!(4), &json!("failing")));
    assert_eq!((&stock["limited"], &stock["health"]), (&json!(8), &json!("degraded")));
    assert_eq!((&node("redis")["kind"], &node("kafka/paid")["kind"]), (&json!("cache"), &json!("queue")));
    let p50 = order["p50_ns"].as_f64().unwrap();
    assert!((p50 - 45e6).abs() <= 0.01 * 45e6, "{p50}");
    assert!(gateway["x"].as_i64() < order["x"].as_i64() && order["x"].as_i64() < stock["x"].as_i64());
    let again = server.get_json(&format!("/api/v1/graph?{}", window(base))).await;
    assert_eq!(graph["nodes"], again["nodes"], "the picture stays as it is");
    let services = server.get_json(&format!("/api/v1/services?{}", window(base))).await;
    let names: Vec<_> = services["items"].as_array().unwrap().iter().map(|s| s["name"].clone()).collect();
    assert_eq!(names, ["coupon", "gateway", "order", "stock"]);
    let order = named(&services["items"], "name", "order");
    assert_eq!((&order["calls"], &order["spans"]), (&json!(TRACES), &json!(7 * TRACES)));
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_operations_call_operations_and_a_focus_shows_what_is_near() {
    let base = base();
    let server = company(base).await;
    let graph = server.get_json(&format!("/api/v1/graph?level=operation&{}", window(base))).await;
    let found: Vec<_> = edges(&graph).into_iter().map(|(a, b, _, calls, ..)| format!("{a} > {b} {calls}")).collect();
    assert_eq!(
        found,
        [
            "gateway/POST/orders > order/POST/orders 40",
            "kafka/paid > stock/consume 40",
            "order/POST/orders > api.bank.example 40",
            "order/POST/orders > coupon/GET/coupon 40",
            "order/POST/orders > kafka/paid 40",
            "order/POST/orders > mysql/orders 40",
            "order/POST/orders > redis 40",
            "order/POST/orders > stock/consume 40",
        ]
    );
    let near = server.get_json(&format!("/api/v1/graph?focus=coupon&hops=1&{}", window(base))).await;
    assert_eq!(edges(&near).len(), 1);
    let two = server.get_json(&format!("/api/v1/graph?focus=coupon&hops=2&{}", window(base))).await;
    let mut names: Vec<_> = two["nodes"].as_array().unwrap().iter().map(|n| n["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["coupon", "gateway", "order"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn g5_what_came_and_went_between_windows_and_between_cohorts_is_told() {
    let base = base();
    let server = company(base).await;
    // A minute before, order called an old service as well, and no coupon.
    let text = "1 - order POST/orders server 0 20
                2 1 order GET client 1 10
                3 2 legacy GET/price server 2 5";
    for n in 1_001..=1_030 {
        send(&server, story(n, base - MINUTE + n * MS, text)).await;
    }
    let diff = server.get_json(&format!("/api/v1/graph/diff?{}", window(base))).await;
    let legacy = named(&diff["edges"], "callee", "legacy");
    assert_eq!((&legacy["changes"], &legacy["before"]["calls"]), (&json!(["removed"]), &json!(30)));
    assert!(legacy["gone_since"].as_str().unwrap().ends_with("Z"));
    assert_eq!(named(&diff["edges"], "callee", "coupon")["changes"], json!(["added"]));
    let gone = server.get_json(&format!("/api/v1/graph?{}", window(base))).await;
    let legacy = named(&gone["nodes"], "name", "legacy");
    assert!(legacy["gone_since"].is_string() && legacy["calls"] == 0, "{legacy}");
    let now = server.get_json(&format!("/api/v1/graph?gone_within=0s&{}", window(base))).await;
    assert_eq!(edges(&now), expected());
    let cohorts = format!("/api/v1/graph/diff?a.attr.tenant.id=t0&b.attr.tenant.id=t1&{}", window(base));
    let diff = server.get_json(&cohorts).await;
    assert_eq!((diff["edges"].as_array().unwrap().len(), &diff["edges_same"]), (0, &json!(8)), "{diff:#}");
    let one = server.get_json(&format!("/api/v1/graph?attr.tenant.id=t0&{}", window(base))).await;
    assert!(edges(&one).iter().all(|edge| edge.3 == 13), "{one:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_still_go_on_are_no_difference() {
    let base = base();
    let server = Server::default().await;
    let answered = "1 - web  GET/menu  server 0 20
                    2 1 web  GET       client 1 10 server.address=menu
                    3 2 menu GET/menus server 2 5";
    let (asked, _) = answered.rsplit_once('\n').unwrap();
    for n in 1..=30 {
        send(&server, story(n, base - MINUTE + n * MS, answered)).await;
        send(&server, story(100 + n, base + n * MS, if n > 27 { asked } else { answered })).await;
    }
    let graph = server.get_json(&format!("/api/v1/graph?gone_within=0s&{}", window(base))).await;
    let told: Vec<(String, u64)> = edges(&graph).into_iter().map(|edge| (edge.2, edge.3)).collect();
    assert_eq!(told, [("call".to_owned(), 27), ("third_party".to_owned(), 3)], "apart in the graph, as in SQL");
    let diff = server.get_json(&format!("/api/v1/graph/diff?{}", window(base))).await;
    assert_eq!((&diff["edges"], &diff["edges_same"]), (&json!([]), &json!(1)), "{diff:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_who_is_hurt_is_named_and_counted() {
    let base = base();
    let server = company(base).await;
    let hurt = server.get_json(&format!("/api/v1/graph/impact?node=order&{}", window(base))).await;
    assert_eq!(
        (&hurt["basis"], &hurt["traces"], &hurt["errors"]),
        (&json!("errors"), &json!(4), &json!(4)),
        "{hurt:#}"
    );
    assert_eq!(hurt["callers"]["items"][0]["name"], "gateway");
    assert_eq!(hurt["operations"]["items"][0]["operation"], "POST/orders");
    assert_eq!((&hurt["users"]["total"], &hurt["tenants"]["total"]), (&json!(4), &json!(3)));
    let bank = server.get_json(&format!("/api/v1/graph/impact?node=api.bank.example&limit=1&{}", window(base))).await;
    assert_eq!((&bank["basis"], &bank["traces"]), (&json!("touched"), &json!(TRACES)), "{bank:#}");
    assert_eq!((&bank["callers"]["total"], bank["callers"]["items"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!((&bank["users"]["total"], bank["users"]["items"].as_array().unwrap().len()), (&json!(TRACES), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn g7_a_lane_that_is_lost_names_the_hop() {
    let base = base();
    let server = company(base).await;
    let graph = server.get_json(&format!("/api/v1/graph?{}", window(base))).await;
    assert_eq!(
        graph["lanes"],
        json!([{
            "finding": "lost", "caller": "order", "caller_operation": "GET/coupon", "callee": "coupon",
            "callee_operation": "GET/coupon", "caller_lane": "canary", "lane": "", "calls": TRACES,
        }])
    );
    let other = server.get_json(&format!("/api/v1/graph?lane=blue&{}", window(base))).await;
    assert_eq!((other["edges"].as_array().unwrap().len(), &other["lanes"]), (0, &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn b6_experience_is_a_percentage_by_tenant_with_the_worst_first_and_a_cursor_that_goes_on() {
    let base = base();
    let server = company(base).await;
    let path = format!("/api/v1/experience?by=tenant.id&threshold_ns={}&limit=2&{}", 20 * MS, window(base));
    let first = server.get_json(&path).await;
    // 50 ms are tolerated at T = 20 ms: half a mark each, none for the four that failed.
    assert_eq!((&first["total"]["calls"], &first["total"]["errors"]), (&json!(TRACES), &json!(4)), "{first:#}");
    assert_eq!((&first["total"]["score"], &first["groups"]), (&json!(45.0), &json!(3)));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = server.get_json(&format!("{path}&cursor={cursor}")).await;
    let items = [first["items"].as_array().unwrap().as_slice(), second["items"].as_array().unwrap()].concat();
    let scores: Vec<f64> = items.iter().map(|i| i["score"].as_f64().unwrap()).collect();
    assert!(scores.len() == 3 && scores.is_sorted() && second["next_cursor"].is_null(), "{scores:?}");
    let calls: u64 = items.iter().map(|i| i["calls"].as_u64().unwrap()).sum();
    assert_eq!(calls, TRACES);
    let sql = "SELECT attributes['tenant.id'] AS tenant, COUNT(*) AS calls FROM spans \
               WHERE kind IN ('server', 'consumer') AND parent_span_id IS NULL GROUP BY 1 ORDER BY 1";
    let rows = server.sql(sql).await;
    for (tenant, calls) in rows.texts("tenant").iter().zip(rows.texts("calls")) {
        assert_eq!(items.iter().find(|i| i["value"] == *tenant).unwrap()["calls"].to_string(), calls);
    }
    // A critical customer counts four times a normal one in the sum.
    let vip = json!({ "customers": [{ "key": "tenant.id", "value": "t1", "importance": "critical" }] });
    assert_eq!(put(&server, "/api/v1/catalog/customers", &vip).await.0, 200);
    let weighted = server.get_json(&path).await;
    assert_ne!(weighted["total"]["score"], first["total"]["score"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn b6_two_hundred_thousand_tenants_and_seven_thousand_stores_are_summed_up_and_paged() {
    const TENANTS: u64 = 200_000;
    const STORES: u64 = 7_000;
    let base = base();
    let server = Server::default().await;
    let (sender, mut random) = (Sender::to(&server), random::generator(6));
    for first in (0..TENANTS).step_by(4_000) {
        let visit = |n: u64| {
            // Every tenth tenant waits too long.
            let duration = if n.is_multiple_of(10) { 3_000 * MS } else { 100 * MS };
            let mut span = content::span(&mut random, "visit", base + n, duration);
            span.attributes =
                vec![label("tenant.id", format!("t{n:06}")), label("store.id", format!("s{}", n % STORES))];
            span
        };
        let spans = (first..first + 4_000).map(visit).collect();
        sender.send(Wire::Grpc, &content::traces("shop", spans)).await.expect_accepted();
    }
    for (by, groups) in [("tenant.id", TENANTS), ("store.id", STORES)] {
        let path = format!("/api/v1/experience?by={by}&limit=1000&{}", window(base));
        let first = server.get_json(&path).await;
        assert_eq!((&first["groups"], &first["total"]["calls"]), (&json!(groups), &json!(TENANTS)), "{by}");
        assert_eq!(first["total"]["score"], 90.0, "{by}: nine of ten are satisfied, one is frustrated");
        let second = server.get_json(&format!("{path}&cursor={}", first["next_cursor"].as_str().unwrap())).await;
        let worst: Vec<f64> = [&first, &second]
            .iter()
            .flat_map(|page| page["items"].as_array().unwrap())
            .map(|item| item["score"].as_f64().unwrap())
            .collect();
        assert!(worst.len() == 2_000 && worst.is_sorted(), "{by}");
        let in_sql = format!(
            "SELECT count(*), sum(calls), sum(frustrated), 50.0 * sum(2 * satisfied + tolerating) / sum(calls) \
             FROM experience('{by}', now() - INTERVAL '10 minutes', now())"
        );
        let in_sql = server.sql(&in_sql).await.rows;
        assert_eq!(in_sql, [[json!(groups), json!(TENANTS), json!(TENANTS / 10), json!(90.0)]], "{by}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_and_the_topology_are_told_kept_and_shown_in_the_graph() {
    let base = base();
    let mut server = company(base).await;
    let entry = json!({ "owner": "li.wei", "team": "trade", "importance": "critical", "runbook": "https://wiki.example/order" });
    assert_eq!(put(&server, "/api/v1/catalog/services/order", &entry).await.0, 200);
    let relations = json!({ "relations": [{ "from": "device:printer-7", "relation": "at", "to": "site:store-1" }] });
    assert_eq!(put(&server, "/api/v1/catalog/topology", &relations).await.0, 200);
    server.stop().await;
    server.restart().await;
    let order = server.get_json("/api/v1/catalog/services/order").await;
    assert_eq!((&order["team"], &order["source"]), (&json!("trade"), &json!("api")));
    let graph = server.get_json(&format!("/api/v1/graph?{}", window(base))).await;
    let order = named(&graph["nodes"], "name", "order");
    assert_eq!((&order["owner"], &order["importance"]), (&json!("li.wei"), &json!("critical")));
    let places = server.get_json(&format!("/api/v1/graph?level=infrastructure&{}", window(base))).await;
    let printer = named(&places["nodes"], "name", "printer-7");
    assert_eq!((&printer["declared"], &printer["health"]), (&json!(true), &json!("unknown")));
    for (path, body, says) in [
        ("/api/v1/catalog/services/order", json!({ "importance": "vip" }), "critical"),
        ("/api/v1/catalog/services/order", json!([null, null]), "not a JSON object"),
        (
            "/api/v1/catalog/topology",
            json!({ "relations": [{ "from": "printer", "relation": "at", "to": "site:a" }] }),
            "kind:name",
        ),
    ] {
        let (status, problem) = put(&server, path, &body).await;
        assert!(status == 400 && problem["detail"].as_str().unwrap().contains(says), "{path} {body}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_count_once_and_cycles_self_parents_and_lost_parents_are_told() {
    let base = base();
    let server = company(base).await;
    // The same spans in another request: no repeat of its bytes, but copies.
    tell(&server, 1..=TRACES / 2, base).await;
    let graph = server.get_json(&format!("/api/v1/graph?{}", window(base))).await;
    assert_eq!(edges(&graph), expected());
    let spans = server.get_json(&format!("/api/v1/graph?exact=true&{}", window(base))).await;
    assert_eq!((edges(&spans), &spans["complete"]), (expected(), &json!(true)), "{}", spans["incomplete_reason"]);
    let odd = "1 1 loop  self  server 0 5
               2 3 loop  a     server 0 5
               3 2 other b     server 0 5
               4 99 lost child server 0 5";
    send(&server, story(5_000, base, odd)).await;
    let graph = server.get_json(&format!("/api/v1/graph?{}", window(base))).await;
    assert_eq!(graph["unresolved"], 1, "{graph:#}");
    assert_eq!(graph["cycles"], json!([["service:loop", "service:other"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_cannot_be_meant_is_told_what_would_be_right() {
    let server = company(base()).await;
    for (path, status, says) in [
        ("/api/v1/graph?level=servcie", 400, "did you mean \"service\"?"),
        ("/api/v1/graph?hops=2", 400, "focus=SERVICE"),
        ("/api/v1/graph?focus=ordre", 404, "did you mean \"order\"?"),
        ("/api/v1/graph?node_max=5", 400, "did you mean \"nodes_max\"?"),
        ("/api/v1/graph?from=now&to=now-1h", 400, "from must be before to"),
        ("/api/v1/graph/diff?a.attr.lane=x", 400, "b.attr.K=V"),
        ("/api/v1/graph/diff?a.attr.k=x&b.attr.k=y&base_from=1&base_to=2", 400, "give one of the two"),
        ("/api/v1/graph/impact", 400, "node is missing"),
        ("/api/v1/experience", 400, "tenant.id"),
        ("/api/v1/services?exact=maybe", 400, "true or false"),
        ("/api/v1/catalog/services/nobody", 404, "PUT an entry"),
    ] {
        let (found, detail) = refused(&server, path).await;
        assert!(found == status && detail.contains(says), "{path}: {found} {detail}");
    }
}
