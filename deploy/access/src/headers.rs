//! What every answer tells a browser not to do with it.

use axum::Router;
use axum::response::Response;
use http::header::{CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderValue, header};

/// An answer that is no page of ours runs, loads and frames nothing. A page brings a policy of its own.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const ALWAYS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, NOTHING),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// Sets the headers where a handler has not said otherwise. An answer of the API is in no cache.
pub fn headers(router: Router) -> Router {
    router.layer(axum::middleware::map_response(protected))
}

async fn protected(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::get;
    use http::Request;
    use tower::ServiceExt;

    #[tokio::test]
    async fn every_answer_is_protected_and_a_page_brings_its_own_policy() {
        let page = [(CONTENT_SECURITY_POLICY, "default-src 'self'"), (header::CACHE_CONTROL, "no-cache")];
        let router =
            Router::new().route("/json", get(|| async { "{}" })).route("/page", get(move || async move { (page, "") }));
        let router = headers(router);
        for (path, status, policy, cache) in [
            ("/json", 200, NOTHING, "no-store"),
            ("/page", 200, "default-src 'self'", "no-cache"),
            ("/nowhere", 404, NOTHING, "no-store"),
        ] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            assert_eq!(response.headers()[CONTENT_SECURITY_POLICY], policy, "{path}");
            assert_eq!(response.headers()[header::CACHE_CONTROL], cache, "{path}");
            assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
            assert_eq!(response.headers()[X_FRAME_OPTIONS], "DENY", "{path}");
            assert_eq!(response.headers()[REFERRER_POLICY], "same-origin", "{path}");
        }
    }
}
