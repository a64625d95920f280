//! OTLP over HTTP: `POST /v1/traces`, `/v1/metrics`, `/v1/logs`, protobuf and JSON.
//!
//! An answer has the encoding of its request; every refusal has a `google.rpc.Status` body.

use crate::accept::Call;
use crate::answer::{Answer, Refused, whole_seconds};
use crate::counts::Transport;
use crate::unpack::Compression;
use crate::wire::{RpcStatus, partial_to_json, partial_to_protobuf};
use crate::{Receiver, Sender};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use decode::Encoding;
use http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method};
use model::Signal;

/// Paths and the signal each takes.
pub const HTTP_PATHS: [(&str, Signal); 3] =
    [("/v1/traces", Signal::Traces), ("/v1/metrics", Signal::Metrics), ("/v1/logs", Signal::Logs)];

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// The three paths, every method: what is not POST or OPTIONS is answered 405.
pub fn http_router(receiver: Receiver) -> Router {
    HTTP_PATHS
        .into_iter()
        .fold(Router::new(), |router, (path, signal)| {
            let handler = move |State(receiver): State<Receiver>, request: Request| take(receiver, signal, request);
            router.route(path, any(handler))
        })
        .with_state(receiver)
}

async fn take(receiver: Receiver, signal: Signal, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.method == Method::OPTIONS {
        return receiver.settings.cors.preflight(&parts.headers);
    }
    let encoding = answer_encoding(&parts.headers);
    let answer = match call(signal, &parts) {
        Ok(call) => {
            let compression = call.compression;
            receiver.take(&call, body, |_| None, move |body| Ok((body, compression))).await
        }
        Err(refused) => {
            receiver.counts().refused(&refused);
            Answer::Refused(refused)
        }
    };
    let mut response = match answer {
        Answer::Stored { rejected, message } => success(signal, encoding, rejected, message.as_deref()),
        Answer::Refused(refused) => refusal(encoding, &refused),
    };
    receiver.settings.cors.mark(&parts.headers, response.headers_mut());
    response
}

fn call(signal: Signal, parts: &http::request::Parts) -> Result<Call, Refused> {
    if parts.method != Method::POST {
        return Err(Refused::Method { allowed: "POST" });
    }
    let encoding = content_encoding(&parts.headers)?;
    let compression = match parts.headers.get(CONTENT_ENCODING) {
        None => Compression::None,
        Some(value) => value
            .to_str()
            .ok()
            .and_then(Compression::from_name)
            .ok_or_else(|| Refused::UnsupportedEncoding(String::from_utf8_lossy(value.as_bytes()).into_owned()))?,
    };
    let sender = parts.extensions.get::<Sender>().cloned();
    let sender = sender.ok_or_else(|| Refused::Unauthenticated("the sender is not known".into()))?;
    Ok(Call { signal, transport: Transport::Http, sender, encoding, compression })
}

/// The media type without parameters, lower case.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn content_encoding(headers: &HeaderMap) -> Result<Encoding, Refused> {
    match media_type(headers).as_deref() {
        Some(PROTOBUF | "application/protobuf") => Ok(Encoding::Protobuf),
        Some(JSON) => Ok(Encoding::Json),
        Some(other) => Err(Refused::UnsupportedType(format!("content type {other:?}: send {PROTOBUF} or {JSON}"))),
        None => Err(Refused::UnsupportedType(format!("content type is missing: send {PROTOBUF} or {JSON}"))),
    }
}

/// The encoding an answer has: the request's, or JSON when the request's is not known.
pub(crate) fn answer_encoding(headers: &HeaderMap) -> Encoding {
    content_encoding(headers).unwrap_or(Encoding::Json)
}

fn typed(encoding: Encoding, bytes: Vec<u8>) -> Response {
    let media_type = match encoding {
        Encoding::Protobuf => PROTOBUF,
        Encoding::Json => JSON,
    };
    ([(CONTENT_TYPE, media_type)], Body::from(bytes)).into_response()
}

/// `partial_success` is set only when there is something to say.
fn success(signal: Signal, encoding: Encoding, rejected: u64, message: Option<&str>) -> Response {
    let bytes = match (encoding, message) {
        (Encoding::Protobuf, None) => Vec::new(),
        (Encoding::Json, None) => b"{}".to_vec(),
        (Encoding::Protobuf, Some(message)) => partial_to_protobuf(rejected, message),
        (Encoding::Json, Some(message)) => partial_to_json(signal, rejected, message),
    };
    typed(encoding, bytes)
}

/// A refusal with its status, a `google.rpc.Status` body, and the headers that say what would be right.
pub(crate) fn refusal(encoding: Encoding, refused: &Refused) -> Response {
    let message = refused.to_string();
    let status = RpcStatus {
        code: refused.code() as i32,
        message: &message,
        retry_after: refused.retry_after(),
        violation: refused.violation(),
    };
    let bytes = match encoding {
        Encoding::Protobuf => status.to_protobuf(),
        Encoding::Json => status.to_json(),
    };
    let mut response = typed(encoding, bytes);
    *response.status_mut() = refused.http_status();
    let headers = response.headers_mut();
    if let Some(after) = refused.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
    }
    match refused {
        Refused::Method { allowed } => {
            headers.insert(ALLOW, HeaderValue::from_static(allowed));
        }
        Refused::UnsupportedEncoding(_) => {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd, deflate"));
        }
        Refused::Unauthenticated(_) => {
            headers.insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_read_without_parameters_and_in_any_case() {
        for (value, encoding) in [
            (Some("application/x-protobuf"), Some(Encoding::Protobuf)),
            (Some("application/protobuf"), Some(Encoding::Protobuf)),
            (Some("Application/JSON; charset=utf-8"), Some(Encoding::Json)),
            (Some("text/plain"), None),
            (Some(""), None),
            (None, None),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(CONTENT_TYPE, value.parse().unwrap());
            }
            assert_eq!(content_encoding(&headers).ok(), encoding, "{value:?}");
        }
    }
}
