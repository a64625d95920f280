//! C7, C8, D14: odd ids, doubles, cycles and endless keys.

use e2e::content::{self, label};
use e2e::{Reply, Sender, Server, Wire, environment, random};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};

#[tokio::test(flavor = "multi_thread")]
async fn c7_ids_of_the_wrong_length_are_refused_one_by_one_and_the_rest_is_kept() {
    let server = Server::default().await;
    let mut random = random::generator(9);
    let mut spans: Vec<_> =
        (0..6).map(|i| content::span(&mut random, &format!("s{i}"), environment::now(), 1)).collect();
    spans[0].trace_id = vec![7; 15];
    spans[1].trace_id = vec![7; 17];
    spans[2].span_id = vec![7; 1_000_000];
    spans[3].trace_id = vec![0; 16];
    spans[4].parent_span_id = spans[4].span_id.clone();
    let reply = Sender::to(&server).send(Wire::HttpProtobuf, &content::traces("shop", spans)).await;
    assert!(matches!(reply, Reply::Accepted { rejected: 3, .. }), "{reply:?}");
    let rows = server.sql("SELECT operation, flags FROM spans ORDER BY operation").await;
    assert_eq!(rows.texts("operation"), ["s3", "s4", "s5"]);
    assert_eq!(rows.texts("flags"), ["zero_id", "self_parent", ""]);
    let refused = server.sql("SELECT CAST(sum(refused) AS BIGINT) FROM ledger").await.count();
    assert_eq!(refused, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_ten_thousand_events_and_links_of_one_span_are_kept() {
    let server = Server::default().await;
    let mut random = random::generator(10);
    let now = environment::now();
    let mut span = content::span(&mut random, "busy", now, 1);
    span.events =
        (0..10_000).map(|i| Event { time_unix_nano: now + i, name: format!("e{i}"), ..Event::default() }).collect();
    span.links = (0..10_000)
        .map(|_| Link {
            trace_id: random::id::<16>(&mut random),
            span_id: random::id::<8>(&mut random),
            ..Link::default()
        })
        .collect();
    Sender::to(&server).send(Wire::Grpc, &content::traces("shop", vec![span])).await.expect_accepted();
    server.flush().await;
    let rows = server.sql("SELECT cardinality(events) AS e, cardinality(links) AS l FROM spans").await;
    assert_eq!((rows.texts("e"), rows.texts("l")), (vec!["10000".to_owned()], vec!["10000".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn c8_a_span_id_with_two_contents_is_kept_twice() {
    let server = Server::default().await;
    let mut span = content::span(&mut random::generator(11), "first", environment::now(), 1);
    let mut spans = vec![span.clone()];
    span.name = "second".into();
    spans.push(span);
    Sender::to(&server).send(Wire::Grpc, &content::traces("shop", spans)).await.expect_accepted();
    let rows = server.sql("SELECT operation, flags FROM spans ORDER BY operation").await;
    assert_eq!(rows.texts("operation"), ["first", "second"]);
    assert_eq!(rows.texts("flags"), ["", "duplicate"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn d14_new_keys_and_services_without_end_add_no_column_and_lose_nothing() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    let mut random = random::generator(12);
    let columns = server.sql("SELECT * FROM spans LIMIT 0").await.columns.len();
    for round in 0..20 {
        let spans = (0..500)
            .map(|i| {
                let mut span = content::span(&mut random, &format!("op-{round}-{i}"), environment::now(), 1);
                span.attributes = (0..10).map(|k| label(&format!("key.{round}.{i}.{k}"), format!("{k}"))).collect();
                span
            })
            .collect();
        sender.send(Wire::HttpProtobuf, &content::traces(&format!("service-{round}"), spans)).await.expect_accepted();
    }
    let services = (0..2_000)
        .map(|i| content::traces(&format!("one-{i}"), vec![content::span(&mut random, "op", environment::now(), 1)]));
    for request in services {
        sender.send(Wire::HttpProtobuf, &request).await.expect_accepted();
    }
    server.flush().await;
    assert_eq!(server.sql("SELECT count(*) FROM spans").await.count(), 12_000);
    assert_eq!(server.sql("SELECT count(DISTINCT service) FROM spans").await.count(), 2_020);
    let rows = server.sql("SELECT operation FROM spans WHERE attributes['key.19.499.9'] = '9'").await;
    assert_eq!(rows.one(), "op-19-499");
    assert_eq!(server.sql("SELECT * FROM spans LIMIT 0").await.columns.len(), columns);
}
