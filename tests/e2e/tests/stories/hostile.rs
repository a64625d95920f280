//! D1, D2, D4, D5, D6, D7: bodies made to harm. The server says what is wrong and serves on.

use e2e::sender::{Compression, gzip};
use e2e::{Reply, Sender, Server, Wire, content, environment, random};

/// What a hostile request leaves behind: nothing, and a server that takes the next good one.
async fn serves_on(server: &Server, sender: &Sender) {
    assert_eq!(server.sql("SELECT count(*) FROM spans WHERE service <> 'good'").await.count(), 0);
    let span = content::span(&mut random::generator(environment::now()), "good", environment::now(), 1);
    sender.send(Wire::Grpc, &content::traces("good", vec![span])).await.expect_accepted();
}

fn refusal(reply: &Reply) -> u16 {
    match reply {
        Reply::Refused { code, message } if !message.is_empty() => *code,
        other => panic!("a refusal with a reason is expected: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_malformed_protobuf_is_refused_for_good_on_both_ports() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    let whole =
        content::traces("shop", vec![content::full_span(&mut random::generator(13), environment::now())]).protobuf();
    let mut cases =
        vec![vec![0xff; 100], vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], b"not protobuf".to_vec(), vec![0x08, 0x96]];
    // A length that says more than there is, at many depths.
    cases.extend((1..40).map(|n| whole[..whole.len() * n / 40].to_vec()));
    for body in cases {
        let http = sender.post("/v1/traces", "application/x-protobuf", Compression::None, body.clone()).await;
        assert_eq!(refusal(&http), 400, "{http:?}");
        let grpc = sender.send_grpc("/opentelemetry.proto.collector.trace.v1.TraceService/Export", body.into()).await;
        assert_eq!(refusal(&grpc), tonic::Code::InvalidArgument as u16, "{grpc:?}");
    }
    serves_on(&server, &sender).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_malformed_json_wrong_types_and_encodings_are_refused_with_their_status() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    for body in
        ["", "{", "[]", "{\"resourceSpans\": 7}", "{\"resourceSpans\": [{]}", "{\"resourceSpans\": [\u{1}]}", "nul"]
    {
        let reply = sender.post("/v1/traces", "application/json", Compression::None, body.into()).await;
        assert_eq!(refusal(&reply), 400, "{body}: {reply:?}");
    }
    let reply = sender.post("/v1/traces", "text/plain", Compression::None, b"x".to_vec()).await;
    assert_eq!(refusal(&reply), 415, "{reply:?}");
    let reply = sender.post_encoded("/v1/traces", "application/json", Some("br"), b"x".to_vec()).await;
    assert_eq!(refusal(&reply), 415, "{reply:?}");
    let reply = sender.post_encoded("/v1/traces", "application/json", Some("gzip"), b"not gzip".to_vec()).await;
    assert_eq!(refusal(&reply), 400, "{reply:?}");
    serves_on(&server, &sender).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d4_text_that_is_not_utf8_is_repaired_flagged_and_kept() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    let mut span = content::span(&mut random::generator(16), "name-torn", environment::now(), 1);
    span.attributes = vec![content::label("key-torn", "value-torn")];
    let mut torn = content::traces("service-torn", vec![span]).protobuf();
    // Each of these texts has a byte that no UTF-8 has.
    for at in 0..torn.len() {
        if torn[at..].starts_with(b"-torn") {
            torn[at] = 0xff;
        }
    }
    sender.post("/v1/traces", "application/x-protobuf", Compression::None, torn).await.expect_accepted();
    for moment in ["hot", "flushed"] {
        let rows = server.sql("SELECT service, operation, attributes['key\u{fffd}torn'] AS v, flags FROM spans").await;
        let shown = ["service", "operation", "v", "flags"].map(|column| rows.texts(column).concat());
        assert_eq!(shown[..3], ["service\u{fffd}torn", "name\u{fffd}torn", "value\u{fffd}torn"], "{moment}");
        assert!(shown[3].contains("utf8"), "{moment}: {shown:?}");
        server.flush().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_bombs_are_refused_without_being_unpacked() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    // 1 GiB of zeros in 1 MB (gzip), in 32 kB (zstd); and a bomb of many members.
    let zeros = vec![0_u8; 16 << 20];
    let member = gzip(&zeros);
    let members = member.repeat(64);
    let mut zst = zstd::Encoder::new(Vec::new(), 1).unwrap();
    for _ in 0..64 {
        std::io::Write::write_all(&mut zst, &zeros).unwrap();
    }
    for (encoding, body) in [("gzip", members), ("zstd", zst.finish().unwrap())] {
        let before = peak_memory(&server);
        let reply = sender.post_encoded("/v1/traces", "application/x-protobuf", Some(encoding), body).await;
        assert_eq!(refusal(&reply), 413, "{encoding}: {reply:?}");
        let grown = peak_memory(&server).saturating_sub(before);
        assert!(grown < 160 << 20, "{encoding}: grew by {grown} bytes, the limit is 64 MiB");
    }
    serves_on(&server, &sender).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d6_values_nested_without_end_are_cut_or_refused_and_the_process_lives() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    for depth in [65, 1_000, 200_000] {
        let json = nested_json(depth);
        let reply = sender.post("/v1/traces", "application/json", Compression::None, json.into_bytes()).await;
        assert!(matches!(reply, Reply::Accepted { .. } | Reply::Refused { code: 400, .. }), "JSON {depth}: {reply:?}");
        let reply =
            sender.post("/v1/traces", "application/x-protobuf", Compression::None, nested_protobuf(depth)).await;
        assert!(
            matches!(reply, Reply::Accepted { .. } | Reply::Refused { code: 400, .. }),
            "protobuf {depth}: {reply:?}"
        );
    }
    let deep =
        server.sql("SELECT count(*) FROM spans WHERE flags NOT LIKE '%too_deep%' OR flags IS NULL").await.count();
    assert_eq!(deep, 0, "what is kept of it says that it was cut");
    let span = content::span(&mut random::generator(14), "good", environment::now(), 1);
    sender.send(Wire::Grpc, &content::traces("good", vec![span])).await.expect_accepted();
}

#[tokio::test(flavor = "multi_thread")]
async fn d7_a_body_over_the_limit_is_refused_and_one_of_tiny_things_is_bounded() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    let reply = sender.post("/v1/traces", "application/x-protobuf", Compression::None, vec![0; (64 << 20) + 1]).await;
    assert_eq!(refusal(&reply), 413, "{reply:?}");
    let reply = sender.post("/v1/traces", "application/x-protobuf", Compression::Gzip, vec![0; (64 << 20) + 1]).await;
    assert_eq!(refusal(&reply), 413, "{reply:?}");
    // A million empty resources are two bytes each and hold no span.
    let before = peak_memory(&server);
    let reply =
        sender.post("/v1/traces", "application/x-protobuf", Compression::None, [0x0a, 0].repeat(1_000_000)).await;
    assert!(matches!(reply, Reply::Accepted { .. } | Reply::Refused { .. }), "{reply:?}");
    assert!(peak_memory(&server).saturating_sub(before) < 200 << 20);
    let mut span = content::span(&mut random::generator(15), "wide", environment::now(), 1);
    span.attributes = (0..500_000).map(|i| content::label(&format!("{i}"), "")).collect();
    let reply = sender.send(Wire::HttpProtobuf, &content::traces("good", vec![span])).await;
    assert!(matches!(reply, Reply::Accepted { .. } | Reply::Refused { .. }), "{reply:?}");
    serves_on(&server, &sender).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d7_a_histogram_of_thirty_million_buckets_is_refused_by_name_and_costs_no_more_than_its_bytes() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    // Packed varints of an exponential histogram's positive counts: a byte each.
    let before = peak_memory(&server);
    let counts = vec![1_u8; 30_000_000];
    let buckets = [head_of(2, counts.len()), counts].concat();
    let point = [head_of(8, buckets.len()), buckets].concat();
    let histogram = [head_of(1, point.len()), point].concat();
    let named = [head_of(1, 4), b"wide".to_vec(), head_of(10, histogram.len()), histogram].concat();
    let body = [2, 2, 1].into_iter().fold(named, |inner, number| [head_of(number, inner.len()), inner].concat());
    let reply = sender.post("/v1/metrics", "application/x-protobuf", Compression::None, body).await;
    let Reply::Accepted { rejected: 1, message } = &reply else { panic!("{reply:?}") };
    assert!(message.contains("dataPoints[0]") && message.contains("buckets"), "{message}");
    let grown = peak_memory(&server).saturating_sub(before);
    assert!(grown < 6 * 30_000_000, "grew by {grown} bytes");
    serves_on(&server, &sender).await;
}

/// Peak resident memory of the process that acknowledges, in bytes.
fn peak_memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

fn nested_json(depth: usize) -> String {
    let value =
        format!("{}{{\"stringValue\":\"deep\"}}{}", "{\"arrayValue\":{\"values\":[".repeat(depth), "]}}".repeat(depth));
    format!(
        "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"traceId\":\"{}\",\"spanId\":\"{}\",\"name\":\"deep\",\
         \"startTimeUnixNano\":\"{}\",\"endTimeUnixNano\":\"{}\",\"attributes\":[{{\"key\":\"k\",\"value\":{value}}}]}}]}}]}}]}}",
        "0a".repeat(16),
        "0b".repeat(8),
        environment::now(),
        environment::now()
    )
}

/// A span whose attribute is arrays within arrays. Only the heads are written, from the innermost out,
/// because no encoder goes so deep.
fn nested_protobuf(depth: usize) -> Vec<u8> {
    let (mut length, mut heads) = (0, Vec::with_capacity(depth * 2));
    for _ in 0..depth {
        // ArrayValue.values = 1 within AnyValue.array_value = 5.
        for number in [1, 5] {
            let head = head_of(number, length);
            length += head.len();
            heads.push(head);
        }
    }
    let value: Vec<u8> = heads.into_iter().rev().flatten().collect();
    let attribute = [head_of(1, 1), b"k".to_vec(), head_of(2, value.len()), value].concat();
    let now = environment::now().to_le_bytes().to_vec();
    let span = [
        head_of(1, 16),
        vec![0x0c; 16],
        head_of(2, 8),
        vec![0x0d; 8],
        vec![(7 << 3) | 1],
        now.clone(),
        vec![(8 << 3) | 1],
        now,
        head_of(9, attribute.len()),
        attribute,
    ]
    .concat();
    // Span within ScopeSpans.spans = 2, ResourceSpans.scope_spans = 2, resource_spans = 1.
    [2, 2, 1].into_iter().fold(span, |inner, number| [head_of(number, inner.len()), inner].concat())
}

/// The head of a length-delimited protobuf field.
fn head_of(number: u8, mut length: usize) -> Vec<u8> {
    let mut out = vec![(number << 3) | 2];
    while length >= 0x80 {
        out.push((length as u8 & 0x7f) | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out
}
