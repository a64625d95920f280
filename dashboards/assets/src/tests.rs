#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use super::*;

static BUILD: &[File] = &[
    File { name: "assets/app-1a2b.js", tag: "\"1\"", plain: b"plain", gzip: Some(b"gz"), brotli: Some(b"br") },
    File { name: "favicon.svg", tag: "\"2\"", plain: b"<svg/>", gzip: None, brotli: None },
    File { name: "index.html", tag: "\"3\"", plain: b"<html>", gzip: Some(b"gzipped"), brotli: None },
];

#[test]
fn a_path_finds_its_file_the_app_or_nothing() {
    let cases: &[(&str, Option<&[u8]>)] = &[
        ("/assets/app-1a2b.js", Some(b"plain")),
        ("assets/app-1a2b.js", Some(b"plain")),
        ("/favicon.svg", Some(b"<svg/>")),
        ("/", Some(b"<html>")),
        ("", Some(b"<html>")),
        ("/index.html", Some(b"<html>")),
        ("/services/order-service", Some(b"<html>")),
        ("/services/a.b%2Fc.js", Some(b"<html>")),
        ("/../../etc/passwd", Some(b"<html>")),
        ("/assets/../index.html", None),
        ("/assets/old-9f.js", None),
        ("/api/v1/nothing", None),
        ("/jaeger", None),
        ("/v1/traces", None),
    ];
    for (path, expected) in cases {
        assert_eq!(find_in(BUILD, path, "").map(|asset| asset.bytes), *expected, "{path}");
    }
}

#[test]
fn the_smallest_encoding_that_is_accepted_and_there_is_given() {
    let cases = [
        ("", None),
        ("gzip, deflate, br, zstd", Some("br")),
        ("gzip", Some("gzip")),
        ("GZIP;q=0.5", Some("gzip")),
        ("br;q=0, gzip;q=1.0", Some("gzip")),
        ("*", Some("br")),
        ("*;q=0", None),
        ("br;q=0, *", Some("gzip")),
        ("identity", None),
        (",,;;q=,br;q=oops", Some("br")),
    ];
    for (accept, expected) in cases {
        assert_eq!(find_in(BUILD, "assets/app-1a2b.js", accept).unwrap().encoding, expected, "{accept:?}");
    }
    assert_eq!(find_in(BUILD, "/", "br, gzip").unwrap().encoding, Some("gzip"), "no brotli of this one");
    assert_eq!(find_in(BUILD, "/favicon.svg", "br, gzip").unwrap().encoding, None);
}

#[test]
fn only_names_with_a_hash_are_kept_for_ever() {
    let script = find_in(BUILD, "/assets/app-1a2b.js", "").unwrap();
    assert!(script.immutable && script.cache_control().contains("immutable"));
    assert_eq!(script.content_type, "text/javascript; charset=utf-8");
    let page = find_in(BUILD, "/map", "").unwrap();
    assert!(!page.immutable && page.cache_control() == "no-cache");
    assert_eq!(page.content_type, "text/html; charset=utf-8");
}

#[test]
fn without_a_build_every_page_says_how_to_build_it() {
    let page = find_in(&[], "/map", "br").unwrap();
    assert!(String::from_utf8_lossy(page.bytes).contains("dashboards/web/build"));
    assert_eq!(find_in(&[], "/api/v1/x", ""), None);
}

#[test]
fn the_listed_files_are_sorted_so_that_each_is_found() {
    assert!(FILES.windows(2).all(|pair| pair[0].name < pair[1].name));
    for file in FILES {
        assert_eq!(find(file.name, "").unwrap().bytes, file.plain, "{}", file.name);
    }
    assert_eq!(is_built(), find("/", "").unwrap().tag != UNBUILT.tag);
}

#[test]
fn the_policy_lets_nothing_inline_run() {
    assert!(!CONTENT_SECURITY_POLICY.contains("unsafe"));
    assert!(CONTENT_SECURITY_POLICY.starts_with("default-src 'none';"));
    assert!(!CONTENT_SECURITY_POLICY.contains("  "));
}
