//! The web UI's files over HTTP. What is no file and no page of the app is answered as a problem.

use api::Problem;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri, header};

/// The two routes under which pages and their files are found.
pub(crate) fn routes() -> Router {
    Router::new().route("/", get(page)).route("/{*path}", get(page))
}

/// The routes as the table of routes names them.
#[cfg(test)]
pub(crate) const MOUNTED: [(&str, &str); 2] = [("GET", "/"), ("GET", "/{*path}")];

async fn page(uri: Uri, headers: HeaderMap) -> Response {
    let header = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(asset) = assets::find(uri.path(), header(header::ACCEPT_ENCODING)) else {
        let detail = format!("There is nothing at {}; the calls are described at /api/v1/openapi.json", uri.path());
        return Problem::new(StatusCode::NOT_FOUND, "not-found", "There is no such path", detail).into_response();
    };
    let mut answer = Response::builder()
        .header(header::CONTENT_TYPE, asset.content_type)
        .header(header::CACHE_CONTROL, asset.cache_control())
        .header(header::ETAG, asset.tag)
        .header(header::VARY, "accept-encoding")
        .header(header::CONTENT_SECURITY_POLICY, assets::CONTENT_SECURITY_POLICY);
    if header(header::IF_NONE_MATCH) == asset.tag {
        answer = answer.status(StatusCode::NOT_MODIFIED);
        return answer.body(axum::body::Body::empty()).unwrap_or_default();
    }
    if let Some(encoding) = asset.encoding {
        answer = answer.header(header::CONTENT_ENCODING, encoding);
    }
    answer.body(axum::body::Body::from(asset.bytes)).unwrap_or_default()
}
