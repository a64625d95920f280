//! OTLP over gRPC: the three `Export` methods, unary.
//!
//! Messages pass through as bytes: `decode` walks them, so no generated code stands between. The
//! one frame of a unary call is taken apart here rather than by tonic's codec for three reasons:
//! a giant must be answered RESOURCE_EXHAUSTED (senders retry OUT_OF_RANGE, which tonic says), a
//! compressed message must reach the log as it came, and unpacking must be bounded like anywhere else.

use crate::accept::Call;
use crate::answer::{Answer, Refused};
use crate::counts::Transport;
use crate::unpack::Compression;
use crate::wire::{RpcStatus, binary_metadata, partial_to_protobuf};
use crate::{Receiver, Sender};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::{BufMut, Bytes};
use decode::Encoding;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use model::Signal;

/// Paths and the signal each takes.
pub const GRPC_PATHS: [(&str, Signal); 3] = [
    ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", Signal::Traces),
    ("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", Signal::Metrics),
    ("/opentelemetry.proto.collector.logs.v1.LogsService/Export", Signal::Logs),
];

const GRPC: &str = "application/grpc";
/// One byte of flags, four of length.
const FRAME_HEAD: usize = 5;

/// The three methods; another path is UNIMPLEMENTED.
pub fn grpc_router(receiver: Receiver) -> Router {
    GRPC_PATHS
        .into_iter()
        .fold(Router::new(), |router, (path, signal)| {
            let handler = move |State(receiver): State<Receiver>, request: Request| take(receiver, signal, request);
            router.route(path, any(handler))
        })
        .with_state(receiver)
}

/// Whether a request speaks gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.strip_prefix(GRPC).is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

async fn take(receiver: Receiver, signal: Signal, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST || !is_grpc(&parts.headers) {
        let refused = Refused::UnsupportedType(format!("this port speaks gRPC: POST with content type {GRPC}"));
        receiver.counts().refused(&refused);
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, refused.to_string()).into_response();
    }
    let answer = match call(signal, &parts) {
        Ok(call) => {
            let compression = call.compression;
            receiver.take(&call, body, declared_length, move |body| message(&body, compression)).await
        }
        Err(refused) => {
            receiver.counts().refused(&refused);
            Answer::Refused(refused)
        }
    };
    match answer {
        Answer::Stored { rejected, message } => success(rejected, message.as_deref()),
        Answer::Refused(refused) => refusal(&refused),
    }
}

fn call(signal: Signal, parts: &http::request::Parts) -> Result<Call, Refused> {
    let compression = match parts.headers.get("grpc-encoding") {
        None => Compression::None,
        Some(value) => value
            .to_str()
            .ok()
            .and_then(Compression::from_name)
            .ok_or_else(|| Refused::UnsupportedEncoding(String::from_utf8_lossy(value.as_bytes()).into_owned()))?,
    };
    let sender = parts.extensions.get::<Sender>().cloned();
    let sender = sender.ok_or_else(|| Refused::Unauthenticated("the sender is not known".into()))?;
    Ok(Call { signal, transport: Transport::Grpc, sender, encoding: Encoding::Protobuf, compression })
}

/// The length that the frame's head states, once it is there.
fn declared_length(head: &[u8]) -> Option<usize> {
    let length = head.get(1..FRAME_HEAD)?;
    Some(u32::from_be_bytes(length.try_into().ok()?) as usize)
}

/// Takes the one message out of its frame.
fn message(body: &Bytes, encoding: Compression) -> Result<(Bytes, Compression), Refused> {
    let malformed = |what: &str| Refused::Malformed { at: "gRPC frame".into(), what: what.into() };
    let length = declared_length(body).ok_or_else(|| malformed("no message"))?;
    let compression = match (body[0], encoding) {
        (0, _) => Compression::None,
        (1, Compression::None) => {
            return Err(malformed("the message is marked compressed, and grpc-encoding is not set"));
        }
        (1, encoding) => encoding,
        _ => return Err(malformed("the compression flag is neither 0 nor 1")),
    };
    match (body.len() - FRAME_HEAD).cmp(&length) {
        std::cmp::Ordering::Less => Err(malformed("the message ends before its stated length")),
        std::cmp::Ordering::Greater => Err(malformed("a unary call has one message")),
        std::cmp::Ordering::Equal => Ok((body.slice(FRAME_HEAD..), compression)),
    }
}

fn success(rejected: u64, message: Option<&str>) -> Response {
    let payload = message.map_or_else(Vec::new, |message| partial_to_protobuf(rejected, message));
    let mut frame = Vec::with_capacity(FRAME_HEAD + payload.len());
    frame.put_u8(0);
    frame.put_u32(payload.len() as u32);
    frame.put_slice(&payload);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from(frame)).with_trailers(async { Some(Ok(trailers)) });
    ([(CONTENT_TYPE, GRPC)], Body::new(body)).into_response()
}

/// A refusal: no message, the status in the head (`Trailers-Only`), details as `google.rpc.Status`.
pub(crate) fn refusal(refused: &Refused) -> Response {
    let message = refused.to_string();
    let (code, retry_after) = (refused.code(), refused.retry_after());
    let details =
        RpcStatus { code: code as i32, message: &message, retry_after, violation: refused.violation() }.to_protobuf();
    let mut response = tonic::Status::new(code, message).into_http::<Body>();
    let headers = response.headers_mut();
    if let Ok(details) = HeaderValue::from_str(&binary_metadata(&details)) {
        headers.insert("grpc-status-details-bin", details);
    }
    if matches!(refused, Refused::UnsupportedEncoding(_)) {
        headers.insert("grpc-accept-encoding", HeaderValue::from_static("identity,gzip,zstd,deflate"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_gives_its_one_message_or_says_what_is_wrong() {
        let gzip = Compression::Gzip;
        for (frame, encoding, outcome) in [
            (&b"\0\0\0\0\0"[..], Compression::None, Ok((&b""[..], Compression::None))),
            (b"\0\0\0\0\x02hi", gzip, Ok((b"hi", Compression::None))),
            (b"\x01\0\0\0\x02hi", gzip, Ok((b"hi", gzip))),
            (b"", gzip, Err("no message")),
            (b"\0\0\0\0", gzip, Err("no message")),
            (b"\x01\0\0\0\x02hi", Compression::None, Err("not set")),
            (b"\x07\0\0\0\x02hi", gzip, Err("neither 0 nor 1")),
            (b"\0\0\0\0\x03hi", gzip, Err("before its stated length")),
            (b"\0\0\0\0\x02hi\0\0\0\0\0", gzip, Err("one message")),
        ] {
            let got = message(&Bytes::copy_from_slice(frame), encoding);
            match (got, outcome) {
                (Ok((bytes, compression)), Ok(expected)) => assert_eq!((&bytes[..], compression), expected),
                (Err(refused), Err(part)) => assert!(refused.to_string().contains(part), "{refused}"),
                (got, outcome) => panic!("{frame:?}: {got:?}, not {outcome:?}"),
            }
        }
    }

    #[test]
    fn grpc_is_known_by_its_content_type() {
        for (value, is) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc-web", false),
            ("application/x-protobuf", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, value.parse().unwrap());
            assert_eq!(is_grpc(&headers), is, "{value}");
        }
    }
}
