//! Log records searched newest first, with cursors that hold still.

use crate::shop::{MS, hex, id, trace_id};
use e2e::content::{self, label};
use e2e::{Sender, Server, Wire, environment};
use serde_json::{Value, json};

fn bodies(answer: &Value) -> Vec<String> {
    let items = answer["items"].as_array().unwrap_or_else(|| panic!("{answer}"));
    items.iter().map(|i| i["body"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_found_by_text_severity_trace_and_attribute() {
    let server = Server::default().await;
    let base = environment::now() - 1_000 * MS;
    let mut paid = content::record(base, "Order 7 PAID: 50% off_now");
    (paid.trace_id, paid.span_id, paid.attributes) =
        (trace_id(1), id::<8>(3), vec![label("order.id", "7"), label("request.id", "r-1")]);
    let mut failed = content::record(base + 1, "payment failed \\ retry");
    (failed.severity_number, failed.severity_text) = (17, "ERROR".into());
    Sender::to(&server).send(Wire::Grpc, &content::logs("pay", vec![paid, failed])).await.expect_accepted();
    let plain = content::record(base + 2, "cart opened");
    Sender::to(&server).send(Wire::Grpc, &content::logs("cart", vec![plain])).await.expect_accepted();
    let trace = hex(&trace_id(1));
    for (query, found) in [
        ("", vec!["cart opened", "payment failed \\ retry", "Order 7 PAID: 50% off_now"]),
        ("service=pay", vec!["payment failed \\ retry", "Order 7 PAID: 50% off_now"]),
        ("q=order%207", vec!["Order 7 PAID: 50% off_now"]),
        ("q=50%25", vec!["Order 7 PAID: 50% off_now"]),
        ("q=5%25", vec![]),
        ("q=off_now", vec!["Order 7 PAID: 50% off_now"]),
        ("q=pay_ent", vec![]),
        ("q=%5C", vec!["payment failed \\ retry"]),
        ("severity=warn", vec!["payment failed \\ retry"]),
        ("severity=18", vec![]),
        (&format!("trace_id={trace}"), vec!["Order 7 PAID: 50% off_now"]),
        ("span_id=0000000000000003", vec!["Order 7 PAID: 50% off_now"]),
        ("attr.order.id=7", vec!["Order 7 PAID: 50% off_now"]),
        ("request_id=r-1", vec!["Order 7 PAID: 50% off_now"]),
        ("resource.service.instance.id=cart-0", vec!["cart opened"]),
    ] {
        let answer = server.get_json(&format!("/api/v1/logs?{query}")).await;
        assert_eq!(bodies(&answer), found, "{query}");
    }
    let answer = server.get_json("/api/v1/logs?attr.order.id=7").await;
    let record = &answer["items"][0];
    assert_eq!((&record["trace_id"], &record["attributes"]["order.id"]), (&json!(trace), &json!("7")));
    assert_eq!(record["resource"]["service.name"], json!("pay"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_still_even_among_records_of_one_nanosecond() {
    let server = Server::default().await;
    let base = environment::now() - 10_000 * MS;
    // Forty records of one time, and twenty of others.
    let time = |n: u64| if n < 40 { base } else { base - n };
    let records = (0..60).map(|n| content::record(time(n), &format!("record {n:02}"))).collect();
    Sender::to(&server).send(Wire::Grpc, &content::logs("shop", records)).await.expect_accepted();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for page in 0.. {
        let answer = server.get_json(&format!("/api/v1/logs?service=shop&limit=7{cursor}")).await;
        seen.extend(bodies(&answer));
        match answer["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
        let newer = content::record(base + 5_000 * MS, &format!("newer {page}"));
        Sender::to(&server).send(Wire::Grpc, &content::logs("shop", vec![newer])).await.expect_accepted();
        if page == 3 {
            server.flush().await;
        }
    }
    assert_eq!(seen, (0..60).map(|n| format!("record {n:02}")).collect::<Vec<_>>());
}
