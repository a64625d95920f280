//! D3, C9, C10: the same telemetry by each encoding and compression gives the same rows, exact in every field.

use e2e::compare::{Counts, assert_shown};
use e2e::content::{self, Any, attribute, label};
use e2e::sender::Compression;
use e2e::{Reply, Sender, Server, Wire, environment, random};

#[tokio::test(flavor = "multi_thread")]
async fn d3_every_field_of_every_signal_is_found_by_each_encoding() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    let mut random = random::generator(random::seed("every_field"));
    let mut sent = Vec::new();
    for wire in Wire::ALL {
        let (service, now) = (format!("{wire:?}"), environment::now());
        let span = content::full_span(&mut random, now);
        let requests = [
            content::logs(&service, vec![content::full_record(&span, now + 1), content::record(now + 2, "plain")]),
            content::metrics(&service, content::every_metric(&span, now)),
            content::traces(&service, vec![span]),
        ];
        for request in requests {
            sender.send(wire, &request).await.expect_accepted();
            sent.push(request);
        }
    }
    let each = Counts { spans: 3, logs: 6, points: 15 };
    assert_eq!(assert_shown(&server, &sent).await, each, "from memory");
    server.flush().await;
    assert_eq!(assert_shown(&server, &sent).await, each, "from Parquet");
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_bodies_are_the_same_telemetry() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    let mut random = random::generator(1);
    let mut sent = Vec::new();
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        for wire in [Wire::HttpProtobuf, Wire::HttpJson] {
            let service = format!("{compression:?} {wire:?}");
            let request = content::traces(&service, vec![content::full_span(&mut random, environment::now())]);
            sender.send_compressed(wire, compression, &request).await.expect_accepted();
            sent.push(request);
        }
    }
    assert_eq!(assert_shown(&server, &sent).await.spans, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attribute_reads_as_the_contract_says_whatever_its_type() {
    let server = Server::default().await;
    let span = content::full_span(&mut random::generator(2), environment::now());
    Sender::to(&server).send(Wire::Grpc, &content::traces("shop", vec![span])).await.expect_accepted();
    for (kv, text) in content::every_type() {
        let rows = server.sql(&format!("SELECT attributes['{}'] FROM spans", kv.key)).await;
        assert_eq!(rows.one(), text, "{}", kv.key);
    }
    let rows = server
        .sql("SELECT resource['service.instance.id'] FROM spans WHERE attributes['t.int'] = '-9223372036854775808'")
        .await;
    assert_eq!(rows.one(), "shop-0");
}

#[tokio::test(flavor = "multi_thread")]
async fn c9_odd_values_and_keys_come_back_as_they_went() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    let mut sent = Vec::new();
    for (i, wire) in Wire::ALL.into_iter().enumerate() {
        let mut span = content::span(&mut random::generator(3 + i as u64), "odd", environment::now(), 1);
        span.attributes = vec![
            attribute("inf", Any::DoubleValue(f64::INFINITY)),
            attribute("-inf", Any::DoubleValue(f64::NEG_INFINITY)),
            attribute("-0", Any::DoubleValue(-0.0)),
            attribute("max", Any::IntValue(i64::MAX)),
            label("", "the key is empty"),
            label("nul", "a\0b"),
            label("right-to-left", "\u{202e}evil\u{202c} שלום"),
            label("zalgo", "Z̸̢̛a̷̡l̴g̵o"),
            label("quote'\"]", "'; DROP TABLE spans; --"),
            label("long", "x".repeat(1_000_000)),
        ];
        let request = content::traces(&format!("odd-{i}"), vec![span]);
        sender.send(wire, &request).await.expect_accepted();
        sent.push(request);
    }
    assert_eq!(assert_shown(&server, &sent).await.spans, 3);
    server.flush().await;
    assert_eq!(assert_shown(&server, &sent).await.spans, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn c10_an_attribute_that_changes_its_type_loses_nothing() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    let mut random = random::generator(4);
    let values =
        [content::text("1"), Any::IntValue(1), Any::DoubleValue(1.5), Any::BoolValue(true), Any::BytesValue(vec![1])];
    let mut sent = Vec::new();
    for (i, value) in values.into_iter().enumerate() {
        let mut span = content::span(&mut random, "changes", environment::now(), 1);
        // One key that is a column of its own, one that is not.
        span.attributes = vec![attribute("http.response.status_code", value.clone()), attribute("changing", value)];
        let request = content::traces(&format!("service-{i}"), vec![span]);
        sender.send(Wire::HttpProtobuf, &request).await.expect_accepted();
        sent.push(request);
        server.flush().await;
    }
    assert_eq!(assert_shown(&server, &sent).await.spans, 5);
    for key in ["http.response.status_code", "changing"] {
        let rows = server.sql(&format!("SELECT attributes['{key}'] AS v FROM spans ORDER BY v")).await;
        assert_eq!(rows.texts("v"), ["1", "1", "1.5", "AQ==", "true"], "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_item_is_named_and_the_good_ones_are_kept() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    let mut random = random::generator(5);
    for wire in Wire::ALL {
        let mut spans: Vec<_> = (0..5).map(|_| content::span(&mut random, "half", environment::now(), 1)).collect();
        spans[3].trace_id.pop();
        let reply = sender.send(wire, &content::traces(&format!("{wire:?}"), spans)).await;
        let Reply::Accepted { rejected: 1, message } = &reply else { panic!("{wire:?}: {reply:?}") };
        assert!(message.contains("spans[3]"), "{wire:?}: {message}");
        let count = server.sql(&format!("SELECT count(*) FROM spans WHERE service = '{wire:?}'")).await.count();
        assert_eq!(count, 4, "{wire:?}");
    }
}
