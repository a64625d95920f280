//! The built web UI as bytes of the binary, with what a browser needs to know of each file.
//!
//! It refuses to know how files are served. Invariant: a path finds a file of the build or nothing; no
//! path of a request ever reaches a file system.

mod negotiate;

use negotiate::Encoding;

/// What every answer that carries an asset should say besides its type: only our own files may run or style
/// the page, it may ask only us, and nobody may frame it.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
     form-action 'self'";

/// First segments of addresses that are not pages: a wrong path under them finds nothing, so that a client of
/// the API reads a problem and not a page.
const NOT_PAGES: &[&str] =
    &["api", "assets", "v1", "ping", "jaeger", "tempo", "prometheus", "alertmanager", "healthz", "readyz", "metrics"];

/// One file of the build in the encoding that the asker prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    pub bytes: &'static [u8],
    /// Value of `content-encoding`; none for bytes as they are.
    pub encoding: Option<&'static str>,
    /// Value of `content-type`.
    pub content_type: &'static str,
    /// The name carries a hash of the content: may be kept for ever. Else ask again with `tag`.
    pub immutable: bool,
    /// Value of `etag`, the same in every encoding (weak comparison).
    pub tag: &'static str,
}

impl Asset {
    /// Value of `cache-control`.
    pub fn cache_control(&self) -> &'static str {
        if self.immutable { "public, max-age=31536000, immutable" } else { "no-cache" }
    }
}

struct File {
    name: &'static str,
    tag: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));

const UNBUILT: File =
    File { name: "index.html", tag: "\"unbuilt\"", plain: include_bytes!("unbuilt.html"), gzip: None, brotli: None };

/// Whether the web UI was there when this binary was built.
pub fn is_built() -> bool {
    !FILES.is_empty()
}

/// The file at a request's path (with or without the leading slash, without its query), or the app itself for
/// the address of a page. `accept_encoding` is the request's header, empty when it has none.
pub fn find(path: &str, accept_encoding: &str) -> Option<Asset> {
    find_in(FILES, path, accept_encoding)
}

fn find_in(files: &'static [File], path: &str, accept_encoding: &str) -> Option<Asset> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let at = |name: &str| files.binary_search_by(|file| file.name.cmp(name)).ok().map(|place| &files[place]);
    if let Some(file) = at(path) {
        return Some(file.asset(accept_encoding));
    }
    let first = path.split('/').next().unwrap_or_default();
    if NOT_PAGES.contains(&first) {
        return None;
    }
    Some(at("index.html").unwrap_or(&UNBUILT).asset(accept_encoding))
}

impl File {
    fn asset(&self, accept_encoding: &str) -> Asset {
        let (bytes, encoding) = match negotiate::choose(accept_encoding, self.brotli.is_some(), self.gzip.is_some()) {
            Encoding::Brotli => (self.brotli.unwrap_or(self.plain), Some("br")),
            Encoding::Gzip => (self.gzip.unwrap_or(self.plain), Some("gzip")),
            Encoding::Plain => (self.plain, None),
        };
        let immutable = self.name.starts_with("assets/");
        Asset { bytes, encoding, content_type: content_type(self.name), immutable, tag: self.tag }
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json" | "webmanifest") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
