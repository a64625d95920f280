//! Sending OTLP as a client does: three encodings, optional compression, and the whole answer kept.

use crate::environment::PATIENCE;
use crate::json;
use crate::server::{Server, http_client};
use bytes::{Buf, BufMut, Bytes};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;
use serde_json::Value;
use std::io::Write;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// How a request travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wire {
    Grpc,
    HttpProtobuf,
    HttpJson,
}

impl Wire {
    pub const ALL: [Wire; 3] = [Wire::Grpc, Wire::HttpProtobuf, Wire::HttpJson];
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// An export request of any signal.
#[derive(Clone, Debug)]
pub enum Request {
    Traces(ExportTraceServiceRequest),
    Logs(ExportLogsServiceRequest),
    Metrics(ExportMetricsServiceRequest),
}

impl Request {
    pub fn path(&self) -> &'static str {
        match self {
            Request::Traces(_) => "/v1/traces",
            Request::Logs(_) => "/v1/logs",
            Request::Metrics(_) => "/v1/metrics",
        }
    }

    fn method(&self) -> &'static str {
        match self {
            Request::Traces(_) => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Request::Logs(_) => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            Request::Metrics(_) => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }

    pub fn protobuf(&self) -> Vec<u8> {
        match self {
            Request::Traces(r) => r.encode_to_vec(),
            Request::Logs(r) => r.encode_to_vec(),
            Request::Metrics(r) => r.encode_to_vec(),
        }
    }

    pub fn json(&self) -> Value {
        match self {
            Request::Traces(r) => json::traces(r),
            Request::Logs(r) => json::logs(r),
            Request::Metrics(r) => json::metrics(r),
        }
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Acknowledged; `rejected` items are named by `message` (partial success).
    Accepted { rejected: i64, message: String },
    /// Refused for good: the code (HTTP status or gRPC code) says not to send it again.
    Refused { code: u16, message: String },
    /// Refused for now; the server says after how many seconds to come back, if it says.
    Busy { code: u16, retry_after: Option<String> },
    /// No answer: whether it was stored is not known.
    Unknown(String),
}

impl Reply {
    pub fn accepted(&self) -> bool {
        matches!(self, Reply::Accepted { rejected: 0, .. })
    }

    #[track_caller]
    pub fn expect_accepted(&self) {
        assert!(self.accepted(), "{self:?}");
    }
}

/// A client of one server's OTLP ports.
#[derive(Clone, Debug)]
pub struct Sender {
    grpc: tonic::transport::Channel,
    http: reqwest::Client,
    http_base: String,
    pub token: Option<String>,
}

impl Sender {
    pub fn to(server: &Server) -> Self {
        Self::at(server.address("otlp_grpc"), server.address("otlp_http"))
    }

    /// A client of any two addresses that speak OTLP.
    pub fn at(grpc: &str, http: &str) -> Self {
        let endpoint =
            tonic::transport::Endpoint::from_shared(format!("http://{grpc}")).expect("an address").timeout(PATIENCE);
        Self { grpc: endpoint.connect_lazy(), http: http_client(), http_base: format!("http://{http}"), token: None }
    }

    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub async fn send(&self, wire: Wire, request: &Request) -> Reply {
        self.send_compressed(wire, Compression::None, request).await
    }

    /// Compression is of HTTP bodies; gRPC messages go plain here, the real SDKs compress them.
    pub async fn send_compressed(&self, wire: Wire, compression: Compression, request: &Request) -> Reply {
        match wire {
            Wire::Grpc => self.send_grpc(request.method(), request.protobuf().into()).await,
            Wire::HttpProtobuf => {
                self.post(request.path(), "application/x-protobuf", compression, request.protobuf()).await
            }
            Wire::HttpJson => {
                self.post(request.path(), "application/json", compression, request.json().to_string().into_bytes())
                    .await
            }
        }
    }

    /// Any bytes under any content type, for requests that are not well-formed.
    pub async fn post(&self, path: &str, content_type: &str, compression: Compression, body: Vec<u8>) -> Reply {
        let body = match compression {
            Compression::None => body,
            Compression::Gzip => gzip(&body),
            Compression::Zstd => zstd::encode_all(&body[..], 1).expect("zstd to memory"),
        };
        let encoding = match compression {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
        };
        self.post_encoded(path, content_type, encoding, body).await
    }

    /// A body that is already encoded as `content_encoding` says (or claims).
    pub async fn post_encoded(
        &self,
        path: &str,
        content_type: &str,
        content_encoding: Option<&str>,
        body: Vec<u8>,
    ) -> Reply {
        let mut post = self.http.post(format!("{}{path}", self.http_base)).timeout(PATIENCE);
        post = post.header("content-type", content_type).body(body);
        if let Some(encoding) = content_encoding {
            post = post.header("content-encoding", encoding);
        }
        if let Some(token) = &self.token {
            post = post.bearer_auth(token);
        }
        match post.send().await {
            Ok(response) => http_reply(content_type, response).await,
            Err(e) => Reply::Unknown(format!("{e:?}")),
        }
    }

    /// Any bytes as the message of a unary call.
    pub async fn send_grpc(&self, method: &'static str, message: Bytes) -> Reply {
        let mut client = tonic::client::Grpc::new(self.grpc.clone());
        if let Err(e) = client.ready().await {
            return Reply::Unknown(e.to_string());
        }
        let mut request = tonic::Request::new(message);
        if let Some(token) = &self.token {
            let value = format!("Bearer {token}").parse().expect("a token is ASCII");
            request.metadata_mut().insert("authorization", value);
        }
        match client.unary(request, http::uri::PathAndQuery::from_static(method), BytesCodec).await {
            Ok(response) => partial_success(method, response.get_ref()),
            Err(status) => grpc_refusal(&status),
        }
    }
}

fn grpc_refusal(status: &tonic::Status) -> Reply {
    let code = status.code() as i32 as u16;
    // A broken connection is reported by the client itself, with a source; a refusal by the server has none.
    let broken = std::error::Error::source(status).is_some();
    match status.code() {
        _ if broken => Reply::Unknown(status.to_string()),
        tonic::Code::Unavailable | tonic::Code::ResourceExhausted => {
            let told = !status.details().is_empty();
            Reply::Busy { code, retry_after: told.then(|| "RetryInfo".to_owned()) }
        }
        tonic::Code::Cancelled | tonic::Code::DeadlineExceeded => Reply::Unknown(status.to_string()),
        _ => Reply::Refused { code, message: status.message().to_owned() },
    }
}

async fn http_reply(content_type: &str, response: reqwest::Response) -> Reply {
    let status = response.status();
    let retry_after = response.headers().get("retry-after").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let path = response.url().path().to_owned();
    let body = match response.bytes().await {
        Ok(body) => body,
        Err(e) => return Reply::Unknown(format!("{e:?}")),
    };
    match status.as_u16() {
        200 if content_type.contains("json") => json_success(&body),
        200 => partial_success(&path, &body),
        code @ (429 | 502 | 503 | 504) => Reply::Busy { code, retry_after },
        code => Reply::Refused { code, message: String::from_utf8_lossy(&body).into_owned() },
    }
}

fn partial_success(path_or_method: &str, body: &[u8]) -> Reply {
    let (rejected, message) = if path_or_method.contains("race") {
        let reply = ExportTraceServiceResponse::decode(body).expect("a trace response").partial_success;
        reply.map(|p| (p.rejected_spans, p.error_message)).unwrap_or_default()
    } else if path_or_method.contains("ogs") {
        let reply = ExportLogsServiceResponse::decode(body).expect("a logs response").partial_success;
        reply.map(|p| (p.rejected_log_records, p.error_message)).unwrap_or_default()
    } else {
        let reply = ExportMetricsServiceResponse::decode(body).expect("a metrics response").partial_success;
        reply.map(|p| (p.rejected_data_points, p.error_message)).unwrap_or_default()
    };
    Reply::Accepted { rejected, message }
}

fn json_success(body: &[u8]) -> Reply {
    let value: Value = serde_json::from_slice(body).expect("a JSON response to a JSON request");
    let partial = &value["partialSuccess"];
    let count = ["rejectedSpans", "rejectedLogRecords", "rejectedDataPoints"].iter().find_map(|k| partial.get(*k));
    let rejected = count.and_then(|v| v.as_i64().or_else(|| v.as_str()?.parse().ok())).unwrap_or_default();
    Reply::Accepted { rejected, message: partial["errorMessage"].as_str().unwrap_or_default().to_owned() }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("gzip to memory");
    encoder.finish().expect("gzip to memory")
}

/// Passes message bytes through, so that a test decides every byte.
#[derive(Clone, Copy, Debug)]
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
