//! Both doors over a real engine in a temporary folder: every status the protocol knows, exactly.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use catalog::Catalog;
use engine::{Deps, Engine};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use model::{Clock, Signal, SystemClock, Workspace};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use parts::{Location, PartStore};
use prost::Message;
use receive::{Cors, GRPC_PATHS, HTTP_PATHS, Receiver, Sender, Settings, grpc_router, http_router};
use std::io::Write;
use std::sync::Arc;
use tables::build::{BuildSettings, Layout};
use tables::{PromotedSet, TableId};
use tower::ServiceExt;

/// `google.rpc.Status`, as a client has it.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(bytes = "vec", repeated, tag = "3")]
    details: Vec<Vec<u8>>,
}

struct Doors {
    engine: Arc<Engine>,
    receiver: Receiver,
    _dir: tempfile::TempDir,
}

impl Doors {
    async fn open(settings: Settings, adjust: impl FnOnce(&mut engine::Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let lock = wal::DataDirLock::acquire(dir.path()).unwrap();
        let catalog = Catalog::open(&dir.path().join("catalog.sqlite"), catalog::Settings::default()).await.unwrap();
        let location = Location::Local { parquet: dir.path().join("parquet"), replaced: dir.path().join("replaced") };
        let promoted = engine::settle_promoted(&catalog, &PromotedSet::default_with(&[])).await.unwrap();
        let layout = Arc::new(Layout::new(BuildSettings::new(promoted.clone(), &["request.id".to_owned()])));
        let mut store = engine::Settings::new(dir.path());
        adjust(&mut store);
        let deps = Deps {
            lock,
            clock: Arc::clone(&clock),
            disk: Arc::new(wal::RealDisk),
            parts: PartStore::open(parts::Settings::at(location)).unwrap(),
            catalog,
            decode: Arc::new(|_, _| Err("nothing is replayed here".into())),
            promoted,
            disk_free: Arc::new(|_| Ok(1 << 40)),
        };
        let engine = Engine::open(store, deps).await.unwrap();
        let receiver = Receiver::new(Arc::clone(&engine), layout, settings, clock);
        Self { engine, receiver, _dir: dir }
    }

    async fn default() -> Self {
        Self::open(Settings::default(), |_| {}).await
    }

    fn known(router: Router) -> Router {
        router.layer(axum::Extension(Sender { workspace: Workspace::default(), token: None }))
    }

    async fn http(&self, request: Request<Body>) -> Answer {
        Answer::read(Self::known(http_router(self.receiver.clone())).oneshot(request).await.unwrap()).await
    }

    async fn grpc(&self, request: Request<Body>) -> Answer {
        Answer::read(Self::known(grpc_router(self.receiver.clone())).oneshot(request).await.unwrap()).await
    }

    fn spans(&self) -> usize {
        let view = self.engine.view(&Workspace::default(), &[TableId::Spans]);
        view.hot.iter().map(|chunk| chunk.batch.rows.num_rows()).sum()
    }

    fn counted(&self, name: &str, label: &str) -> f64 {
        let metrics = self.receiver.counts().metrics();
        let matching = metrics.iter().filter(|m| m.name == name && m.labels.iter().any(|(_, value)| value == label));
        matching.map(|m| m.value).sum()
    }
}

struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Bytes,
    trailers: http::HeaderMap,
}

impl Answer {
    async fn read(response: Response) -> Self {
        let (head, body) = response.into_parts();
        let collected = body.collect().await.unwrap();
        let trailers = collected.trailers().cloned().unwrap_or_default();
        Self { status: head.status, headers: head.headers, body: collected.to_bytes(), trailers }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The gRPC status, wherever it stands.
    fn grpc_status(&self) -> i32 {
        let status = self.trailers.get("grpc-status").or_else(|| self.headers.get("grpc-status"));
        status.unwrap().to_str().unwrap().parse().unwrap()
    }

    /// The details of a gRPC refusal.
    fn details(&self) -> Status {
        use base64::Engine as _;
        let text = self.header("grpc-status-details-bin");
        Status::decode(&base64::engine::general_purpose::STANDARD_NO_PAD.decode(text).unwrap()[..]).unwrap()
    }
}

fn request(spans: Vec<Span>) -> Vec<u8> {
    let name = KeyValue {
        key: "service.name".into(),
        value: Some(AnyValue { value: Some(Any::StringValue("shop".into())) }),
        ..KeyValue::default()
    };
    let resource = Some(Resource { attributes: vec![name], ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn span(number: u8) -> Span {
    Span {
        trace_id: vec![number; 16],
        span_id: vec![number; 8],
        name: "place order".into(),
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_000_001_000_000,
        ..Span::default()
    }
}

fn post(content_type: &str, encoding: &str, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post("/v1/traces");
    if !content_type.is_empty() {
        request = request.header("content-type", content_type);
    }
    if !encoding.is_empty() {
        request = request.header("content-encoding", encoding);
    }
    request.body(body.into()).unwrap()
}

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    to.write_all(plain).unwrap();
    to.finish().unwrap()
}

fn framed(compressed: bool, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![u8::from(compressed)];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

fn grpc_call(encoding: &str, frame: Vec<u8>) -> Request<Body> {
    let mut request =
        Request::post(GRPC_PATHS[0].0).header("content-type", "application/grpc").header("te", "trailers");
    if !encoding.is_empty() {
        request = request.header("grpc-encoding", encoding);
    }
    request.body(frame.into()).unwrap()
}

#[tokio::test]
async fn a_stored_request_is_answered_in_its_own_encoding_with_nothing_to_say() {
    let doors = Doors::default().await;
    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0101010101010101010101010101010f","spanId":"010101010101010f","name":"x","startTimeUnixNano":"1700000000000000000"}]}]}]}"#;
    let zstd = zstd::encode_all(&request(vec![span(3)])[..], 1).unwrap();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(&request(vec![span(4)])).unwrap();
    for (content_type, encoding, body, answer_type, answer) in [
        (PROTOBUF, "", request(vec![span(1)]), PROTOBUF, &b""[..]),
        (PROTOBUF, "gzip", gzip(&request(vec![span(2)])), PROTOBUF, b""),
        (PROTOBUF, "zstd", zstd, PROTOBUF, b""),
        (PROTOBUF, "deflate", zlib.finish().unwrap(), PROTOBUF, b""),
        (PROTOBUF, "identity", request(vec![span(5)]), PROTOBUF, b""),
        ("application/json; charset=utf-8", "", json.to_vec(), JSON, b"{}"),
        (PROTOBUF, "", vec![], PROTOBUF, b""),
        (JSON, "", b"{}".to_vec(), JSON, b"{}"),
    ] {
        let got = doors.http(post(content_type, encoding, body)).await;
        assert_eq!(
            (got.status, got.header("content-type"), &got.body[..]),
            (StatusCode::OK, answer_type, answer),
            "{content_type} {encoding}"
        );
    }
    assert_eq!(doors.spans(), 6);
}

#[tokio::test]
async fn every_refusal_over_http_has_its_status_and_a_status_body_in_the_requests_encoding() {
    let doors = Doors::default().await;
    let cut = request(vec![span(1)])[..20].to_vec();
    for (what, request, status, code) in [
        ("another method", Request::get("/v1/traces").body(Body::empty()).unwrap(), 405, 12),
        ("no content type", post("", "", "x"), 415, 3),
        ("an unknown content type", post("text/plain", "", "x"), 415, 3),
        ("an unknown content encoding", post(PROTOBUF, "br", "x"), 415, 12),
        ("JSON that is none", post(JSON, "", "{\"resourceSpans\": [}"), 400, 3),
        ("protobuf that is cut off", post(PROTOBUF, "", cut), 400, 3),
        ("gzip that is none", post(PROTOBUF, "gzip", "not gzip"), 400, 3),
        ("zstd that is none", post(JSON, "zstd", "not zstd"), 400, 3),
    ] {
        let json = request.headers().get("content-type").is_none_or(|value| value != PROTOBUF);
        let got = doors.http(request).await;
        assert_eq!(got.status.as_u16(), status, "{what}");
        let said = if json {
            assert_eq!(got.header("content-type"), JSON, "{what}");
            let body: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
            (body["code"].as_i64().unwrap() as i32, body["message"].as_str().unwrap().to_owned())
        } else {
            assert_eq!(got.header("content-type"), PROTOBUF, "{what}");
            let body = Status::decode(&got.body[..]).unwrap();
            (body.code, body.message)
        };
        assert_eq!(said.0, code, "{what}");
        assert!(!said.1.is_empty(), "{what}");
        assert!(got.headers.get("retry-after").is_none(), "{what}: a retry cannot mend it");
        if status == 405 {
            assert_eq!(got.header("allow"), "POST");
        }
    }
    assert_eq!(doors.spans(), 0);
    assert_eq!(doors.counted("stormglass_receive_refused_requests_total", "malformed"), 4.0);
}

#[tokio::test]
async fn a_request_without_a_known_sender_is_refused() {
    let doors = Doors::default().await;
    let bare = http_router(doors.receiver.clone());
    let got = Answer::read(bare.oneshot(post(PROTOBUF, "", request(vec![span(1)]))).await.unwrap()).await;
    assert_eq!((got.status.as_u16(), got.header("www-authenticate")), (401, "Bearer"));
    assert_eq!(doors.spans(), 0);
}

#[tokio::test]
async fn one_bad_span_is_refused_by_name_and_the_others_are_kept() {
    let doors = Doors::default().await;
    let short = Span { trace_id: vec![1; 15], ..span(9) };
    let body = request(vec![span(1), short, span(2)]);
    let got = doors.http(post(PROTOBUF, "", body.clone())).await;
    let partial = ExportTraceServiceResponse::decode(&got.body[..]).unwrap().partial_success.unwrap();
    assert_eq!((got.status.as_u16(), partial.rejected_spans), (200, 1));
    assert!(partial.error_message.contains("spans[1]"), "{}", partial.error_message);
    assert_eq!(doors.spans(), 2);
    // The same bytes again: the same answer, and no row.
    let again = doors.http(post(PROTOBUF, "gzip", gzip(&body))).await;
    assert_eq!(again.body, got.body);
    assert_eq!(doors.spans(), 2);
    assert_eq!(doors.counted("stormglass_receive_items_total", "repeated"), 3.0);
}

#[tokio::test]
async fn a_request_of_which_nothing_is_left_is_a_partial_success_and_stores_nothing() {
    let doors = Doors::default().await;
    let bad = Span { span_id: vec![1; 7], ..span(1) };
    let got = doors.http(post(PROTOBUF, "", request(vec![bad]))).await;
    let partial = ExportTraceServiceResponse::decode(&got.body[..]).unwrap().partial_success.unwrap();
    assert_eq!((got.status.as_u16(), partial.rejected_spans), (200, 1));
    assert_eq!(doors.spans(), 0);
    assert_eq!(doors.counted("stormglass_receive_items_total", "refused"), 1.0);
}

#[tokio::test]
async fn too_large_is_413_before_and_after_decompression_and_for_chunked_bodies() {
    let settings = Settings { body_bytes_max: 2_000, message_bytes_max: 4_000, ..Settings::default() };
    let doors = Doors::open(settings, |_| {}).await;
    let padded = |bytes: usize| request(vec![Span { name: "x".repeat(bytes), ..span(1) }]);
    let pieces = |body: Vec<u8>| {
        let pieces: Vec<_> =
            body.chunks(100).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
        Body::from_stream(futures::stream::iter(pieces))
    };
    for (what, request, status) in [
        ("just below", post(PROTOBUF, "", padded(1_800)), 200),
        ("a body with its length", post(PROTOBUF, "", padded(3_000)), 413),
        ("a body without its length", post(PROTOBUF, "", pieces(padded(3_000))), 413),
        ("larger once unpacked, and still right", post(PROTOBUF, "gzip", gzip(&padded(3_000))), 200),
        ("a gzip bomb", post(PROTOBUF, "gzip", gzip(&padded(200_000))), 413),
        ("a zstd bomb", post(PROTOBUF, "zstd", zstd::encode_all(&padded(20_000_000)[..], 1).unwrap()), 413),
    ] {
        let got = doors.http(request).await;
        assert_eq!(got.status.as_u16(), status, "{what}");
        if status == 413 {
            assert_eq!(Status::decode(&got.body[..]).unwrap().code, 8, "{what}");
            assert!(got.headers.get("retry-after").is_none(), "{what}: it will never fit");
        }
    }
    let got = doors.grpc(grpc_call("gzip", framed(true, &gzip(&padded(200_000))))).await;
    assert_eq!((got.grpc_status(), got.details().details.len()), (8, 0), "RESOURCE_EXHAUSTED without RetryInfo");
    let got = doors.grpc(grpc_call("", framed(false, &padded(3_000)))).await;
    assert_eq!(got.grpc_status(), 8);
    assert_eq!(doors.spans(), 2);
}

#[tokio::test]
async fn a_full_store_says_when_to_come_back_on_both_transports() {
    let doors = Doors::open(Settings::default(), |store| store.inflight_bytes_max = 300).await;
    let body = || request(vec![Span { name: "x".repeat(200), ..span(1) }]);
    let held = doors.engine.admit(200).unwrap();
    let got = doors.http(post(PROTOBUF, "", body())).await;
    assert_eq!((got.status.as_u16(), got.header("retry-after")), (503, "1"));
    let status = Status::decode(&got.body[..]).unwrap();
    assert_eq!((status.code, status.details.len()), (14, 1));
    let got = doors.grpc(grpc_call("", framed(false, &body()))).await;
    assert_eq!(got.grpc_status(), 14);
    let details = got.details();
    assert!(String::from_utf8_lossy(&details.details[0]).contains("google.rpc.RetryInfo"), "{details:?}");
    assert_eq!(doors.spans(), 0);
    drop(held);
    assert_eq!(doors.http(post(PROTOBUF, "", body())).await.status, StatusCode::OK);
    assert_eq!(doors.spans(), 1);
}

#[tokio::test]
async fn a_grpc_call_is_answered_with_a_message_and_trailers() {
    let doors = Doors::default().await;
    for (encoding, frame) in [
        ("", framed(false, &request(vec![span(1)]))),
        ("identity", framed(false, &request(vec![span(2)]))),
        ("gzip", framed(true, &gzip(&request(vec![span(3)])))),
        ("gzip", framed(false, &request(vec![span(4)]))),
        ("zstd", framed(true, &zstd::encode_all(&request(vec![span(5)])[..], 1).unwrap())),
    ] {
        let got = doors.grpc(grpc_call(encoding, frame)).await;
        assert_eq!((got.status.as_u16(), got.grpc_status()), (200, 0), "{encoding}");
        assert_eq!((got.header("content-type"), &got.body[..]), ("application/grpc", &[0; 5][..]));
    }
    assert_eq!(doors.spans(), 5);
    let short = Span { trace_id: vec![1; 15], ..span(9) };
    let got = doors.grpc(grpc_call("", framed(false, &request(vec![short])))).await;
    let partial = ExportTraceServiceResponse::decode(&got.body[5..]).unwrap().partial_success.unwrap();
    assert_eq!((got.grpc_status(), partial.rejected_spans), (0, 1));
}

#[tokio::test]
async fn a_grpc_call_that_cannot_be_read_is_refused_for_good() {
    let doors = Doors::default().await;
    for (what, encoding, frame, code) in [
        ("no message", "", vec![], 3),
        ("a cut frame", "", framed(false, b"hello")[..7].to_vec(), 3),
        ("undecodable", "", framed(false, b"\x0a\xff"), 3),
        ("compressed, and nobody said how", "", framed(true, b"x"), 3),
        ("damaged gzip", "gzip", framed(true, b"not gzip"), 3),
        ("an unknown encoding", "snappy", framed(true, b"x"), 12),
    ] {
        let got = doors.grpc(grpc_call(encoding, frame)).await;
        assert_eq!((got.status.as_u16(), got.grpc_status()), (200, code), "{what}");
        assert_eq!(got.details().code, code, "{what}");
    }
    let no_grpc = Request::post(GRPC_PATHS[0].0).header("content-type", PROTOBUF).body(Body::empty()).unwrap();
    assert_eq!(doors.grpc(no_grpc).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(doors.spans(), 0);
}

#[tokio::test]
async fn each_signal_has_its_path_on_both_doors() {
    let doors = Doors::default().await;
    assert_eq!(HTTP_PATHS.map(|(_, signal)| signal), Signal::ALL);
    assert_eq!(GRPC_PATHS.map(|(_, signal)| signal), Signal::ALL);
    for (path, signal) in HTTP_PATHS {
        let empty = Request::post(path).header("content-type", PROTOBUF).body(Body::empty()).unwrap();
        assert_eq!(doors.http(empty).await.status, StatusCode::OK);
        assert_eq!(doors.counted("stormglass_receive_stored_requests_total", signal.as_str()), 1.0);
    }
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_send_and_any_other_is_not_told_so() {
    let cors = Cors { origins: vec!["https://shop.test".into()], ..Cors::default() };
    let doors = Doors::open(Settings { cors, ..Settings::default() }, |_| {}).await;
    for (origin, allowed) in [("https://shop.test", "https://shop.test"), ("https://evil.test", "")] {
        let preflight = Request::options("/v1/traces").header("origin", origin).body(Body::empty()).unwrap();
        let got = doors.http(preflight).await;
        assert_eq!(got.status.as_u16(), if allowed.is_empty() { 403 } else { 204 });
        assert_eq!(got.header("access-control-allow-origin"), allowed);
        let mut send = post(JSON, "", "{}");
        send.headers_mut().insert("origin", origin.parse().unwrap());
        let got = doors.http(send).await;
        assert_eq!((got.status.as_u16(), got.header("access-control-allow-origin")), (200, allowed));
        assert_eq!(got.header("vary"), "origin");
    }
}

#[tokio::test]
async fn a_sender_that_hangs_up_stores_nothing_and_gives_its_room_back() {
    let doors = Doors::open(Settings::default(), |store| store.inflight_bytes_max = 2_000).await;
    let broken = futures::stream::iter([Ok(Bytes::from(vec![0; 1_500])), Err(std::io::Error::other("gone"))]);
    let got = doors.http(post(PROTOBUF, "", Body::from_stream(broken))).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(doors.counted("stormglass_receive_refused_requests_total", "aborted"), 1.0);
    assert!(doors.engine.admit(2_000).is_ok(), "nothing is in flight any more");
    assert_eq!(doors.spans(), 0);
}

#[tokio::test]
async fn a_body_larger_than_the_inline_bound_is_decoded_elsewhere_with_the_same_outcome() {
    let settings = Settings { inline_bytes_max: 64, ..Settings::default() };
    let doors = Doors::open(settings, |_| {}).await;
    let body = request((1..40).map(span).collect());
    assert!(body.len() > 64);
    assert_eq!(doors.http(post(PROTOBUF, "gzip", gzip(&body))).await.status, StatusCode::OK);
    assert_eq!(doors.spans(), 39);
}

#[tokio::test]
async fn g4_a_panic_below_ends_one_request_only_and_is_counted() {
    let doors = Doors::default().await;
    let broken =
        Body::from_stream(futures::stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, std::io::Error>>> {
            panic!("a fault of ours, for this test")
        }));
    let got = doors.http(post(PROTOBUF, "", broken)).await;
    assert_eq!((got.status.as_u16(), Status::decode(&got.body[..]).unwrap().code), (500, 13));
    let panics =
        doors.receiver.counts().metrics().iter().find(|m| m.name == "stormglass_receive_panics_total").unwrap().value;
    assert_eq!(panics, 1.0);
    assert_eq!(doors.http(post(PROTOBUF, "", request(vec![span(1)]))).await.status, StatusCode::OK);
    assert_eq!(doors.spans(), 1);
}
