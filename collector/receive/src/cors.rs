//! Which web pages may send telemetry from a browser: an allow-list of origins.
//!
//! Invariant: credentials are allowed only to an origin that was matched by name; the bare `*`
//! lets any page send, but never with credentials.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use std::time::Duration;

/// The allow-list, and what a preflight is told.
#[derive(Clone, Debug)]
pub struct Cors {
    /// Origins such as `https://shop.example.com`; `https://*.example.com` for all below; `*` for any.
    pub origins: Vec<String>,
    /// Request headers beyond the usual ones that pages may set.
    pub headers: Vec<String>,
    /// How long a browser may remember the answer. Default 2 h.
    pub max_age: Duration,
}

impl Default for Cors {
    fn default() -> Self {
        Self { origins: Vec::new(), headers: Vec::new(), max_age: Duration::from_secs(7200) }
    }
}

/// What the list says to an origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Refused,
    /// Any page may, without credentials.
    Anyone,
    /// This origin may, with credentials.
    Named,
}

const USUAL_HEADERS: &str = "content-type, content-encoding, authorization, x-requested-with, traceparent, tracestate";

impl Cors {
    fn judge(&self, origin: &str) -> Verdict {
        if self.origins.iter().any(|pattern| pattern != "*" && matches(pattern, origin)) {
            Verdict::Named
        } else if self.origins.iter().any(|pattern| pattern == "*") {
            Verdict::Anyone
        } else {
            Verdict::Refused
        }
    }

    /// Adds what a browser must see before it lets the page read an answer.
    pub(crate) fn mark(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        answer.append(VARY, HeaderValue::from_static("origin"));
        let Some(origin) = request.get(ORIGIN) else { return };
        match origin.to_str().map_or(Verdict::Refused, |text| self.judge(text)) {
            Verdict::Refused => {}
            Verdict::Anyone => {
                answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Verdict::Named => {
                answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
        }
    }

    /// The answer to a preflight (OPTIONS).
    pub(crate) fn preflight(&self, request: &HeaderMap) -> Response {
        let mut answer = HeaderMap::new();
        self.mark(request, &mut answer);
        if !answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return StatusCode::FORBIDDEN.into_response();
        }
        let headers = [&[USUAL_HEADERS.to_owned()], &self.headers[..]].concat().join(", ");
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
        if let Ok(headers) = HeaderValue::from_str(&headers) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
        }
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(self.max_age.as_secs()));
        (StatusCode::NO_CONTENT, answer).into_response()
    }
}

/// Whether an origin is what a pattern with at most one `*` (any text without a slash) means.
fn matches(pattern: &str, origin: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern.eq_ignore_ascii_case(origin),
        Some((head, tail)) => {
            let (origin, head, tail) =
                (origin.to_ascii_lowercase(), head.to_ascii_lowercase(), tail.to_ascii_lowercase());
            origin.len() > head.len() + tail.len()
                && origin.starts_with(&head)
                && origin.ends_with(&tail)
                && !origin[head.len()..origin.len() - tail.len()].contains('/')
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        Cors { origins: origins.iter().map(|o| (*o).to_owned()).collect(), ..Cors::default() }
    }

    #[test]
    fn an_origin_is_allowed_by_name_by_pattern_or_without_credentials() {
        let named = cors(&["https://shop.example.com", "https://*.team.example"]);
        for (origin, verdict) in [
            ("https://shop.example.com", Verdict::Named),
            ("https://SHOP.example.com", Verdict::Named),
            ("http://shop.example.com", Verdict::Refused),
            ("https://shop.example.com.evil.test", Verdict::Refused),
            ("https://a.team.example", Verdict::Named),
            ("https://evil.test/.team.example", Verdict::Refused),
            ("https://.team.example", Verdict::Refused),
            ("null", Verdict::Refused),
        ] {
            assert_eq!(named.judge(origin), verdict, "{origin}");
        }
        assert_eq!(cors(&["*"]).judge("https://any.test"), Verdict::Anyone);
        assert_eq!(cors(&["*", "https://a.test"]).judge("https://a.test"), Verdict::Named);
        assert_eq!(cors(&[]).judge("https://a.test"), Verdict::Refused);
    }

    #[test]
    fn a_preflight_tells_methods_headers_and_age_and_a_star_never_allows_credentials() {
        let mut request = HeaderMap::new();
        request.insert(ORIGIN, HeaderValue::from_static("https://a.test"));
        let named = cors(&["https://a.test"]).preflight(&request);
        assert_eq!(named.status(), StatusCode::NO_CONTENT);
        assert_eq!(named.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.test");
        assert_eq!(named.headers()[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(named.headers()[ACCESS_CONTROL_ALLOW_METHODS], "POST");
        assert_eq!(named.headers()[ACCESS_CONTROL_MAX_AGE], "7200");
        let star = cors(&["*"]).preflight(&request);
        assert_eq!(star.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!star.headers().contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
        assert_eq!(cors(&["https://b.test"]).preflight(&request).status(), StatusCode::FORBIDDEN);
    }
}
