//! One OTLP export over loopback, by gRPC or HTTP with protobuf bodies, and what the answer asks for.

use bytes::{Buf, BufMut, Bytes};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use std::time::Duration;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};

const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Traces,
    Logs,
    Metrics,
}

/// What an exporter does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Accepted {
        rejected: u64,
    },
    /// Never to be sent again.
    Refused(String),
    /// To be sent again, after this long if the server said so.
    Later(Option<Duration>),
}

#[derive(Clone, Debug)]
pub(crate) enum Wire {
    /// `None` when the address cannot be one: every export then fails and is retried.
    Grpc {
        channel: Option<Channel>,
        token: Option<String>,
    },
    Http {
        client: Option<reqwest::Client>,
        base: String,
        token: Option<String>,
    },
}

impl Wire {
    pub(crate) fn grpc(url: &str, token: Option<&str>) -> Self {
        let endpoint = Endpoint::from_shared(url.to_owned()).ok();
        let channel = endpoint.map(|e| e.timeout(TIMEOUT).connect_timeout(TIMEOUT).connect_lazy());
        Self::Grpc { channel, token: token.map(str::to_owned) }
    }

    pub(crate) fn http(base: &str, token: Option<&str>) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().ok();
        Self::Http { client, base: base.trim_end_matches('/').to_owned(), token: token.map(str::to_owned) }
    }

    pub(crate) async fn send(&self, kind: Kind, body: Bytes) -> Answer {
        match self {
            Self::Grpc { channel: Some(channel), token } => send_grpc(channel, token.as_deref(), kind, body).await,
            Self::Http { client: Some(client), base, token } => {
                send_http(client, base, token.as_deref(), kind, body).await
            }
            Self::Grpc { channel: None, .. } | Self::Http { client: None, .. } => Answer::Later(None),
        }
    }
}

async fn send_http(client: &reqwest::Client, base: &str, token: Option<&str>, kind: Kind, body: Bytes) -> Answer {
    let path = match kind {
        Kind::Traces => "/v1/traces",
        Kind::Logs => "/v1/logs",
        Kind::Metrics => "/v1/metrics",
    };
    let mut post = client.post(format!("{base}{path}")).header("content-type", "application/x-protobuf").body(body);
    if let Some(token) = token {
        post = post.bearer_auth(token);
    }
    let Ok(response) = post.send().await else { return Answer::Later(None) };
    let status = response.status().as_u16();
    let after =
        response.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok()).map(Duration::from_secs);
    let Ok(body) = response.bytes().await else { return Answer::Later(None) };
    match status {
        200 => Answer::Accepted { rejected: rejected(kind, &body) },
        429 | 502 | 503 | 504 => Answer::Later(after),
        _ => Answer::Refused(format!("HTTP {status}: {}", String::from_utf8_lossy(&body))),
    }
}

async fn send_grpc(channel: &Channel, token: Option<&str>, kind: Kind, body: Bytes) -> Answer {
    let method = match kind {
        Kind::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Kind::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Kind::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    };
    let mut client = tonic::client::Grpc::new(channel.clone());
    if client.ready().await.is_err() {
        return Answer::Later(None);
    }
    let mut request = tonic::Request::new(body);
    if let Some(Ok(value)) = token.map(|t| format!("Bearer {t}").parse()) {
        request.metadata_mut().insert("authorization", value);
    }
    match client.unary(request, http::uri::PathAndQuery::from_static(method), BytesCodec).await {
        Ok(response) => Answer::Accepted { rejected: rejected(kind, response.get_ref()) },
        Err(status) => after_refusal(&status),
    }
}

fn after_refusal(status: &tonic::Status) -> Answer {
    use tonic::Code;
    match status.code() {
        Code::Unavailable
        | Code::ResourceExhausted
        | Code::DeadlineExceeded
        | Code::Cancelled
        | Code::Aborted
        | Code::OutOfRange
        | Code::DataLoss
        | Code::Unknown
        | Code::Internal => Answer::Later(retry_delay(status.details())),
        code => Answer::Refused(format!("gRPC {code:?}: {}", status.message())),
    }
}

/// The delay of a `google.rpc.RetryInfo` among the details of a `google.rpc.Status`.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    #[derive(Message)]
    struct Status {
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }
    #[derive(Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    #[derive(Message)]
    struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        retry_delay: Option<Delay>,
    }
    #[derive(Message)]
    struct Delay {
        #[prost(int64, tag = "1")]
        seconds: i64,
        #[prost(int32, tag = "2")]
        nanos: i32,
    }
    let status = Status::decode(details).ok()?;
    let info = status.details.iter().find(|d| d.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(&info.value[..]).ok()?.retry_delay?;
    Some(Duration::new(u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?))
}

fn rejected(kind: Kind, body: &[u8]) -> u64 {
    let count = match kind {
        Kind::Traces => {
            ExportTraceServiceResponse::decode(body).ok().and_then(|r| r.partial_success).map(|p| p.rejected_spans)
        }
        Kind::Logs => {
            ExportLogsServiceResponse::decode(body).ok().and_then(|r| r.partial_success).map(|p| p.rejected_log_records)
        }
        Kind::Metrics => ExportMetricsServiceResponse::decode(body)
            .ok()
            .and_then(|r| r.partial_success)
            .map(|p| p.rejected_data_points),
    };
    count.and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}

/// Passes encoded messages through.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_say_when_to_come_back() {
        // google.rpc.Status { code: 14, details: [Any { RetryInfo { retry_delay: 2.5 s } }] }
        let delay = [0x0a, 0x08, 0x08, 0x02, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01];
        let url = b"type.googleapis.com/google.rpc.RetryInfo";
        let mut any = vec![0x0a, url.len() as u8];
        any.extend(url);
        any.extend([0x12, delay.len() as u8]);
        any.extend(delay);
        let mut status = vec![0x08, 14, 0x1a, any.len() as u8];
        status.extend(any);
        assert_eq!(retry_delay(&status), Some(Duration::from_millis(2_500)));
        assert_eq!(retry_delay(b"not a status"), None);
    }

    #[test]
    fn codes_that_say_never_are_never_retried() {
        for (code, again) in [
            (tonic::Code::Unavailable, true),
            (tonic::Code::ResourceExhausted, true),
            (tonic::Code::InvalidArgument, false),
            (tonic::Code::Unauthenticated, false),
            (tonic::Code::PermissionDenied, false),
        ] {
            let answer = after_refusal(&tonic::Status::new(code, ""));
            assert_eq!(matches!(answer, Answer::Later(_)), again, "{code:?}");
        }
    }
}
