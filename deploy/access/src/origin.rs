//! What a browser tells of the page that made it send a request.

use crate::{Presented, Refusal};

/// On an open loopback the danger is a browser on the same machine that was sent here by a foreign
/// page: by name (DNS rebinding), or across origins.
pub(crate) fn foreign_host(presented: &Presented<'_>) -> Option<Refusal> {
    let host = presented.host.filter(|host| !is_this_machine(host))?;
    Some(Refusal::ForeignHost(host.to_owned()))
}

/// Whether a `Host` value is an address or a loopback name, with or without a port.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => host.rsplit_once(':').map_or(host, |(name, _port)| name),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<std::net::IpAddr>().is_ok()
}

/// Whether a browser sends this on behalf of a page of another origin.
pub(crate) fn is_cross_site(presented: &Presented<'_>) -> bool {
    if let Some(site) = presented.fetch_site {
        return !matches!(site, "same-origin" | "none");
    }
    match (presented.origin, presented.host) {
        (Some(origin), Some(host)) => origin.split_once("://").map_or(origin, |(_, rest)| rest) != host,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_loopback_answers_only_to_its_own_names() {
        for (host, ours) in [
            ("127.0.0.1:8080", true),
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("[::1]:8080", true),
            ("shop.localhost:8080", true),
            ("evil.test:8080", false),
            ("localhost.evil.test", false),
            ("127.0.0.1.evil.test", false),
        ] {
            let presented = Presented { host: Some(host), ..Presented::default() };
            assert_eq!(foreign_host(&presented).is_none(), ours, "{host}");
        }
        assert_eq!(foreign_host(&Presented::default()), None, "a program that names no host");
    }

    #[test]
    fn a_foreign_page_is_told_from_our_own_and_from_programs() {
        let host = Some("127.0.0.1:8080");
        for (origin, fetch_site, cross) in [
            (None, None, false),
            (Some("http://127.0.0.1:8080"), None, false),
            (Some("http://evil.test"), None, true),
            (Some("null"), None, true),
            (Some("http://127.0.0.1:8080"), Some("same-origin"), false),
            (None, Some("none"), false),
            (None, Some("cross-site"), true),
            (None, Some("same-site"), true),
        ] {
            let presented = Presented { host, origin, fetch_site, ..Presented::default() };
            assert_eq!(is_cross_site(&presented), cross, "{origin:?} {fetch_site:?}");
        }
    }
}
