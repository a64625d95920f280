//! Who sends a request: what it shows, where it comes from, and who that turns out to be.

use crate::Role;
use http::request::Parts;
use http::{HeaderMap, Uri, header};
use model::Workspace;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Headers that senders use to name a workspace.
const WORKSPACE_HEADERS: [&str; 2] = ["x-stormglass-workspace", "x-scope-orgid"];
/// The header in which a page of ours proves that it is ours.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// By what somebody was let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Who {
    /// Nobody had to say: liveness, signing in.
    Nobody,
    /// Whoever reaches a loopback on which nothing was ever closed.
    Open,
    /// The holder of the token of this name.
    Token(Arc<str>),
    /// The user of this name, signed in.
    User(Arc<str>),
}

/// Who is allowed in. Put into the request's extensions by the gate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    pub workspace: Workspace,
    pub who: Who,
    /// The highest role that the credential grants; none for one that only sends telemetry.
    pub role: Option<Role>,
}

impl Caller {
    pub(crate) fn nobody() -> Self {
        Self { workspace: Workspace::default(), who: Who::Nobody, role: None }
    }

    /// Name of the token or user; none where nobody had to say.
    pub fn name(&self) -> Option<Arc<str>> {
        match &self.who {
            Who::Token(name) | Who::User(name) => Some(Arc::clone(name)),
            Who::Nobody | Who::Open => None,
        }
    }

    /// What kind of actor this is, in one word.
    pub fn kind(&self) -> &'static str {
        match self.who {
            Who::Nobody => "nobody",
            Who::Open => "open",
            Who::Token(_) => "token",
            Who::User(_) => "user",
        }
    }

    /// An administrator of the default workspace administers the node, any other their own workspace.
    pub fn administers(&self, workspace: &Workspace) -> bool {
        self.role == Some(Role::Admin) && (self.administers_the_node() || self.workspace == *workspace)
    }

    pub fn administers_the_node(&self) -> bool {
        self.role == Some(Role::Admin) && self.workspace == Workspace::default()
    }
}

/// What a request shows of who sends it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Presented<'r> {
    /// The `authorization` header.
    pub authorization: Option<&'r str>,
    /// The session cookie.
    pub session: Option<&'r str>,
    /// What a page of ours says to prove that it is ours.
    pub csrf: Option<&'r str>,
    /// Whether the method is one that may change something.
    pub changes: bool,
    /// A header that names a workspace.
    pub workspace: Option<&'r str>,
    /// The host that the client thinks it speaks to.
    pub host: Option<&'r str>,
    /// The web page, or kind of place, that made a browser send this.
    pub origin: Option<&'r str>,
    pub fetch_site: Option<&'r str>,
}

impl<'r> Presented<'r> {
    pub(crate) fn of(parts: &'r Parts, client: &Client) -> Self {
        Self { changes: !parts.method.is_safe(), ..Self::read(&parts.headers, &parts.uri, client) }
    }

    fn read(headers: &'r HeaderMap, uri: &'r Uri, client: &Client) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            authorization: text(header::AUTHORIZATION.as_str()),
            session: cookie(headers, client.cookie_name()),
            csrf: text(CSRF_HEADER),
            changes: false,
            workspace: WORKSPACE_HEADERS.into_iter().find_map(text),
            host: text(header::HOST.as_str()).or_else(|| uri.authority().map(|a| a.as_str())),
            origin: text(header::ORIGIN.as_str()),
            fetch_site: text("sec-fetch-site"),
        }
    }
}

/// The first cookie of this name. HTTP/2 may bring each in a header of its own.
pub(crate) fn cookie<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Where a request comes from. Put into the request's extensions by the gate.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Client {
    /// None where the connection does not tell (tests).
    pub ip: Option<IpAddr>,
    /// Whether the way to the browser is TLS.
    pub secure: bool,
}

impl Client {
    /// `peer` is the other end of the connection. A proxy that is trusted speaks for the client behind it:
    /// the last address in its list that is no trusted proxy itself; what stands before that, anybody may
    /// have written.
    pub(crate) fn of(headers: &HeaderMap, peer: Option<SocketAddr>, trusted: &[IpAddr], tls: bool) -> Self {
        let peer = peer.map(|address| address.ip().to_canonical());
        if !peer.is_some_and(|ip| trusted.contains(&ip)) {
            return Self { ip: peer, secure: tls };
        }
        let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
        let named: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
        let read = |text: &&str| text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
        // A word that is no address ends the part that can be believed.
        let told = named.iter().rev().map(read).find(|ip| !ip.is_some_and(|ip| trusted.contains(&ip)));
        let proto = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
        Self { ip: told.flatten().or(peer), secure: tls || proto.is_some_and(|p| p.eq_ignore_ascii_case("https")) }
    }

    /// The prefix makes browsers refuse the cookie from plain text and from neighbouring hosts.
    pub(crate) fn cookie_name(&self) -> &'static str {
        if self.secure { "__Host-stormglass" } else { "stormglass-session" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_cookie_is_found_among_others_and_over_several_lines() {
        let headers = headers(&[("cookie", "a=1; stormglass-session=x=y;b=2"), ("cookie", "__Host-stormglass=z")]);
        for (name, value) in
            [("stormglass-session", Some("x=y")), ("__Host-stormglass", Some("z")), ("b", Some("2")), ("c", None)]
        {
            assert_eq!(cookie(&headers, name), value, "{name}");
        }
    }

    #[test]
    fn only_a_trusted_proxy_speaks_for_the_client_behind_it() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let inner: IpAddr = "10.0.0.2".parse().unwrap();
        for (what, peer, forwarded, proto, ip, secure) in [
            ("no proxy", "203.0.113.9", "", "https", "203.0.113.9", false),
            ("a stranger who claims to be one", "203.0.113.9", "198.51.100.1", "https", "203.0.113.9", false),
            ("a trusted one", "10.0.0.1", "198.51.100.1", "https", "198.51.100.1", true),
            ("what the client wrote itself", "10.0.0.1", "127.0.0.1, 198.51.100.1", "http", "198.51.100.1", false),
            ("two proxies", "10.0.0.1", "198.51.100.1, 10.0.0.2", "HTTPS", "198.51.100.1", true),
            ("nonsense", "10.0.0.1", "198.51.100.1, unknown", "", "10.0.0.1", false),
            ("nothing told", "10.0.0.1", "", "", "10.0.0.1", false),
            ("mapped", "::ffff:10.0.0.1", "198.51.100.1", "", "198.51.100.1", false),
        ] {
            let mut told = HeaderMap::new();
            for (name, value) in [("x-forwarded-for", forwarded), ("x-forwarded-proto", proto)] {
                told.insert(name, HeaderValue::from_static(value));
            }
            let peer = SocketAddr::new(peer.parse().unwrap(), 1);
            let client = Client::of(&told, Some(peer), &[proxy, inner], false);
            assert_eq!(client, Client { ip: Some(ip.parse().unwrap()), secure }, "{what}");
        }
    }

    #[test]
    fn the_administrator_of_the_default_workspace_administers_the_node() {
        let (here, there) = (Workspace::default(), Workspace::new("there").unwrap());
        let caller = |workspace: &Workspace, role| Caller { workspace: workspace.clone(), who: Who::Open, role };
        for (caller, own, other) in [
            (caller(&here, Some(Role::Admin)), true, true),
            (caller(&there, Some(Role::Admin)), true, false),
            (caller(&here, Some(Role::Operator)), false, false),
            (caller(&here, None), false, false),
        ] {
            let elsewhere = if caller.workspace == here { &there } else { &here };
            assert_eq!(caller.administers(&caller.workspace), own, "{caller:?}");
            assert_eq!(caller.administers(elsewhere), other, "{caller:?}");
        }
    }
}
