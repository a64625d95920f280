//! What became of a request, and which code says so on each transport. Pure tables.
//!
//! The protocol's senders retry 429, 502, 503 and 504, and drop on anything else; so a refusal that
//! a retry could mend is always one of those (503: some SDKs drop on 429), and never a partial success.

use http::StatusCode;
use std::time::Duration;
use tonic::Code;

/// The end of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// On stable storage, all of it or all but what is named.
    Stored {
        rejected: u64,
        /// Which items were refused or repaired, and why; none when there is nothing to say.
        message: Option<String>,
    },
    Refused(Refused),
}

/// Why a request was refused as a whole.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    #[error("{0}")]
    Unauthenticated(String),
    #[error("{0}")]
    Forbidden(String),
    #[error("{0}")]
    NotFound(String),
    #[error("this path takes {allowed} only")]
    Method { allowed: &'static str },
    #[error("{0}")]
    UnsupportedType(String),
    #[error("content encoding {0:?} is not supported: send gzip, zstd, deflate or none")]
    UnsupportedEncoding(String),
    #[error("{0}")]
    TooLarge(String),
    /// The request as a whole cannot be read; `at` names the place.
    #[error("{at}: {what}")]
    Malformed { at: String, what: String },
    /// The body came too slowly.
    #[error("{0}")]
    TooSlow(String),
    /// The sender hung up before its body was whole.
    #[error("the connection ended before the request did")]
    Aborted,
    /// There is no room now.
    #[error("{why}")]
    Busy { why: String, after: Duration },
    /// A fault of ours.
    #[error("internal error; the request was not stored")]
    Internal,
}

impl Refused {
    /// One word for counters.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unauthenticated(_) => "unauthenticated",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::Method { .. } => "method",
            Self::UnsupportedType(_) => "unsupported_type",
            Self::UnsupportedEncoding(_) => "unsupported_encoding",
            Self::TooLarge(_) => "too_large",
            Self::Malformed { .. } => "malformed",
            Self::TooSlow(_) => "too_slow",
            Self::Aborted => "aborted",
            Self::Busy { .. } => "busy",
            Self::Internal => "internal",
        }
    }

    pub(crate) fn http_status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedType(_) | Self::UnsupportedEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Malformed { .. } => StatusCode::BAD_REQUEST,
            Self::TooSlow(_) | Self::Aborted | Self::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The gRPC code, which also stands in the `google.rpc.Status` body of an HTTP answer.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Unauthenticated(_) => Code::Unauthenticated,
            Self::Forbidden(_) => Code::PermissionDenied,
            Self::NotFound(_) | Self::Method { .. } | Self::UnsupportedEncoding(_) => Code::Unimplemented,
            Self::UnsupportedType(_) | Self::Malformed { .. } => Code::InvalidArgument,
            // Without RetryInfo, so that nobody sends the same giant again.
            Self::TooLarge(_) => Code::ResourceExhausted,
            Self::TooSlow(_) | Self::Aborted | Self::Busy { .. } => Code::Unavailable,
            Self::Internal => Code::Internal,
        }
    }

    /// When to come back, for refusals that a retry can mend.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { after, .. } => Some((*after).max(Duration::from_millis(1))),
            Self::TooSlow(_) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    pub(crate) fn violation(&self) -> Option<(&str, &str)> {
        match self {
            Self::Malformed { at, what } => Some((at, what)),
            _ => None,
        }
    }
}

/// `Retry-After` in whole seconds, rounded up.
pub(crate) fn whole_seconds(after: Duration) -> u64 {
    after.as_secs() + u64::from(after.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_code_on_both_transports_and_only_mendable_ones_say_when() {
        let busy = Refused::Busy { why: "x".into(), after: Duration::from_millis(200) };
        let malformed = Refused::Malformed { at: "body".into(), what: "cut".into() };
        for (refused, status, code, retry) in [
            (Refused::Unauthenticated("x".into()), 401, Code::Unauthenticated, false),
            (Refused::Forbidden("x".into()), 403, Code::PermissionDenied, false),
            (Refused::NotFound("x".into()), 404, Code::Unimplemented, false),
            (Refused::Method { allowed: "POST" }, 405, Code::Unimplemented, false),
            (Refused::UnsupportedType("x".into()), 415, Code::InvalidArgument, false),
            (Refused::UnsupportedEncoding("br".into()), 415, Code::Unimplemented, false),
            (Refused::TooLarge("x".into()), 413, Code::ResourceExhausted, false),
            (malformed, 400, Code::InvalidArgument, false),
            (Refused::TooSlow("x".into()), 503, Code::Unavailable, true),
            (busy, 503, Code::Unavailable, true),
            (Refused::Internal, 500, Code::Internal, false),
        ] {
            assert_eq!(refused.http_status().as_u16(), status, "{refused:?}");
            assert_eq!(refused.code(), code, "{refused:?}");
            assert_eq!(refused.retry_after().is_some(), retry, "{refused:?}");
            assert_ne!(status, 429, "some SDKs drop on 429");
        }
    }

    #[test]
    fn seconds_are_rounded_up_so_that_nobody_returns_early() {
        for (millis, seconds) in [(0, 0), (1, 1), (1000, 1), (1001, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }
}
