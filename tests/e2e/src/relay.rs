//! A relay between a real SDK and the server: it passes every byte on unchanged, and keeps a copy.
//!
//! What it kept, read by a decoder that is not the product's, is the truth that SQL is held against.

use crate::json_read;
use crate::sender::Request;
use crate::server::Server;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prost::Message;
use std::io::Read;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

const BODY_MAX: usize = 64 << 20;

/// Two listeners on loopback that stand for the server's OTLP ports.
#[derive(Debug)]
pub struct Relay {
    pub grpc: String,
    pub http: String,
    kept: Arc<Mutex<Vec<Kept>>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// A request that the server accepted.
#[derive(Clone, Debug)]
struct Kept {
    path: String,
    content_type: String,
    encoding: Option<String>,
    body: Bytes,
}

#[derive(Clone, Debug)]
struct Upstream {
    address: String,
    client: Client<HttpConnector, Full<Bytes>>,
    kept: Arc<Mutex<Vec<Kept>>>,
}

impl Relay {
    pub async fn to(server: &Server) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        let mut listen = async |upstream: &str, http2: bool| {
            let mut builder = Client::builder(TokioExecutor::new());
            let client = builder.http2_only(http2).build_http();
            let upstream = Upstream { address: upstream.to_owned(), client, kept: Arc::clone(&kept) };
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("an address").to_string();
            let router = axum::Router::new().fallback(pass_on).with_state(upstream);
            tasks.push(tokio::spawn(async move { axum::serve(listener, router).await.expect("the relay serves") }));
            address
        };
        let grpc = listen(server.address("otlp_grpc"), true).await;
        let http = listen(server.address("otlp_http"), false).await;
        Self { grpc, http, kept, tasks }
    }

    /// Every accepted request so far, decoded.
    pub fn requests(&self) -> Vec<Request> {
        self.kept.lock().expect("no panic while held").iter().map(decoded).collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

async fn pass_on(State(upstream): State<Upstream>, request: axum::extract::Request) -> Response {
    let (mut head, body) = request.into_parts();
    let body = to_bytes(body, BODY_MAX).await.expect("a whole request body");
    let header = |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let kept = Kept {
        path: head.uri.path().to_owned(),
        content_type: header("content-type").unwrap_or_default(),
        encoding: header("content-encoding").or_else(|| header("grpc-encoding")),
        body: body.clone(),
    };
    let target = format!("http://{}{}", upstream.address, head.uri.path());
    head.uri = target.parse::<Uri>().expect("an address and a path");
    head.version = http::Version::default();
    head.headers.remove("host");
    // Hop-by-hop: the relay's own connections are kept as they like.
    head.headers.remove("connection");
    head.headers.remove("transfer-encoding");
    let answer =
        upstream.client.request(http::Request::from_parts(head, Full::new(body))).await.expect("the server answers");
    if answer.status().is_success() && answer.headers().get("grpc-status").is_none_or(|s| s == "0") {
        upstream.kept.lock().expect("no panic while held").push(kept);
    }
    let (head, body) = answer.into_parts();
    Response::from_parts(head, Body::new(body))
}

fn decoded(kept: &Kept) -> Request {
    let grpc = kept.content_type.starts_with("application/grpc");
    let body = if grpc {
        let compressed = kept.body[0] == 1;
        decompressed(kept.encoding.as_deref().filter(|_| compressed), &kept.body[5..])
    } else {
        decompressed(kept.encoding.as_deref(), &kept.body)
    };
    if kept.content_type.contains("json") {
        return json_read::request(&kept.path, &serde_json::from_slice(&body).expect("JSON was accepted"));
    }
    match kept.path.to_ascii_lowercase() {
        path if path.contains("trace") => Request::Traces(Message::decode(&body[..]).expect("protobuf was accepted")),
        path if path.contains("logs") => Request::Logs(Message::decode(&body[..]).expect("protobuf was accepted")),
        _ => Request::Metrics(Message::decode(&body[..]).expect("protobuf was accepted")),
    }
}

fn decompressed(encoding: Option<&str>, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match encoding {
        Some("gzip") => drop(flate2::read::GzDecoder::new(body).read_to_end(&mut plain).expect("gzip was accepted")),
        Some("zstd") => plain = zstd::decode_all(body).expect("zstd was accepted"),
        _ => plain.extend_from_slice(body),
    }
    plain
}
