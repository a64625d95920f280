//! The decision about one request, pure: what was presented, what is known, what the route needs.

use crate::{Grant, Need, TokenText};
use metastore::{TokenId, TokenRow};
use model::{UnixNanos, Workspace};
use std::collections::HashMap;
use std::sync::Arc;

/// Who is allowed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    pub workspace: Workspace,
    /// Name of the token; none on an open loopback.
    pub token: Option<Arc<str>>,
}

/// What a request shows of who sends it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Presented<'r> {
    /// The `authorization` header.
    pub authorization: Option<&'r str>,
    /// A header that names a workspace.
    pub workspace: Option<&'r str>,
    /// The host that the client thinks it speaks to.
    pub host: Option<&'r str>,
    /// The web page, or kind of place, that made a browser send this.
    pub origin: Option<&'r str>,
    pub fetch_site: Option<&'r str>,
}

/// Why a request is not let in.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("there is nothing at this path")]
    NotFound,
    #[error("this path takes {} only", .0.join(", "))]
    Method(Vec<&'static str>),
    #[error("a token is needed: send `Authorization: Bearer sg_...`")]
    NoToken,
    /// Unknown and revoked look alike on purpose.
    #[error("the token is not valid")]
    BadToken,
    #[error("the token has expired: ask for a new one")]
    Expired,
    #[error("the token does not grant `{0}`")]
    Lacks(String),
    #[error("the token belongs to another workspace than the one that the request names")]
    OtherWorkspace,
    #[error("host {0:?} is not this machine: use 127.0.0.1 or localhost, or make a token")]
    ForeignHost(String),
    #[error("a web page of another origin may not do this")]
    CrossSite,
}

/// The tokens as last read.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) by_prefix: HashMap<String, Vec<TokenRow>>,
}

impl Known {
    pub(crate) fn new(rows: Vec<TokenRow>) -> Self {
        let mut by_prefix: HashMap<String, Vec<TokenRow>> = HashMap::new();
        for row in rows {
            by_prefix.entry(row.prefix.clone()).or_default().push(row);
        }
        Self { by_prefix }
    }

    /// While no token was ever made, who can reach the port (loopback only) may do all.
    pub(crate) fn is_open(&self) -> bool {
        self.by_prefix.is_empty()
    }

    /// Decides; on success also which token was used.
    pub(crate) fn check(
        &self,
        needs: Need,
        presented: &Presented<'_>,
        now: UnixNanos,
    ) -> Result<(Caller, Option<TokenId>), Refusal> {
        if needs != Need::Nothing && self.is_open() {
            return open(presented).map(|caller| (caller, None));
        }
        if needs == Need::Nothing {
            return Ok((Caller { workspace: Workspace::default(), token: None }, None));
        }
        let row = self.token(presented.authorization)?;
        if row.expires.is_some_and(|at| at <= now) {
            return Err(Refusal::Expired);
        }
        let grants: Vec<Grant> = row.scopes.iter().filter_map(|s| Grant::parse(s).ok()).flatten().collect();
        if !needs.met_by(&grants) {
            return Err(Refusal::Lacks(match needs {
                Need::Role(role) => Grant::Role(role).to_string(),
                Need::Ingest(signal) => Grant::Ingest(signal).to_string(),
                Need::Nothing => String::new(),
            }));
        }
        if presented.workspace.is_some_and(|named| named != row.workspace.as_str()) {
            return Err(Refusal::OtherWorkspace);
        }
        Ok((Caller { workspace: row.workspace.clone(), token: Some(row.name.as_str().into()) }, Some(row.id)))
    }

    fn token(&self, authorization: Option<&str>) -> Result<&TokenRow, Refusal> {
        let authorization = authorization.ok_or(Refusal::NoToken)?;
        let (scheme, text) = authorization.trim().split_once(' ').ok_or(Refusal::NoToken)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::NoToken);
        }
        let presented = TokenText::parse(text.trim()).ok_or(Refusal::BadToken)?;
        let rows = self.by_prefix.get(&presented.prefix).map_or(&[][..], Vec::as_slice);
        rows.iter()
            .find(|row| presented.secret.matches(&row.hash))
            .filter(|row| row.revoked.is_none())
            .ok_or(Refusal::BadToken)
    }
}

/// On an open loopback the danger is a browser on the same machine that was sent here by a foreign
/// page: by name (DNS rebinding), or across origins.
fn open(presented: &Presented<'_>) -> Result<Caller, Refusal> {
    if let Some(host) = presented.host.filter(|host| !is_this_machine(host)) {
        return Err(Refusal::ForeignHost(host.to_owned()));
    }
    let workspace = Workspace::default();
    if presented.workspace.is_some_and(|named| named != workspace.as_str()) {
        return Err(Refusal::OtherWorkspace);
    }
    Ok(Caller { workspace, token: None })
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
    use crate::Role;
    use model::Signal;

    const NOW: UnixNanos = UnixNanos(1_000);

    fn row(token: &TokenText, scopes: &[&str]) -> TokenRow {
        TokenRow {
            id: TokenId(1),
            name: "shop".into(),
            hash: token.secret.hash(),
            prefix: token.prefix.clone(),
            scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
            workspace: Workspace::new("team").unwrap(),
            created: UnixNanos(0),
            expires: None,
            last_used: None,
            revoked: None,
        }
    }

    fn check(
        rows: Vec<TokenRow>,
        needs: Need,
        authorization: Option<&str>,
        workspace: Option<&str>,
    ) -> Result<Caller, Refusal> {
        let presented = Presented { authorization, workspace, ..Presented::default() };
        Known::new(rows).check(needs, &presented, NOW).map(|(caller, _)| caller)
    }

    #[test]
    fn a_token_lets_in_what_it_grants_while_it_is_valid() {
        let token = TokenText::generate().unwrap();
        let other = TokenText::generate().unwrap();
        let bearer = format!("Bearer {}", token.reveal());
        let good = row(&token, &["ingest:traces", "operator"]);
        let traces = Need::Ingest(Signal::Traces);
        let ok = Ok(Caller { workspace: Workspace::new("team").unwrap(), token: Some("shop".into()) });
        let expired = TokenRow { expires: Some(NOW), ..good.clone() };
        let lasting = TokenRow { expires: Some(UnixNanos(NOW.0 + 1)), ..good.clone() };
        let revoked = TokenRow { revoked: Some(UnixNanos(1)), ..good.clone() };
        let impostor = TokenRow { hash: other.secret.hash(), ..good.clone() };
        for (what, stored, needs, authorization, workspace, outcome) in [
            ("its scope", &good, traces, Some(&*bearer), None, ok.clone()),
            ("a lower role", &good, Need::Role(Role::Viewer), Some(&bearer), None, ok.clone()),
            ("scheme in any case", &good, traces, Some(&bearer.replace("Bearer", "bearer")), None, ok.clone()),
            ("the same workspace named", &good, traces, Some(&bearer), Some("team"), ok.clone()),
            ("not yet expired", &lasting, traces, Some(&bearer), None, ok.clone()),
            ("another workspace named", &good, traces, Some(&bearer), Some("default"), Err(Refusal::OtherWorkspace)),
            (
                "another signal",
                &good,
                Need::Ingest(Signal::Logs),
                Some(&bearer),
                None,
                Err(Refusal::Lacks("ingest:logs".into())),
            ),
            ("a higher role", &good, Need::Role(Role::Admin), Some(&bearer), None, Err(Refusal::Lacks("admin".into()))),
            ("nothing presented", &good, traces, None, None, Err(Refusal::NoToken)),
            ("another scheme", &good, traces, Some("Basic abc"), None, Err(Refusal::NoToken)),
            ("no token text", &good, traces, Some("Bearer abc"), None, Err(Refusal::BadToken)),
            ("an unknown token", &row(&other, &["ingest:traces"]), traces, Some(&bearer), None, Err(Refusal::BadToken)),
            ("right id, wrong secret", &impostor, traces, Some(&bearer), None, Err(Refusal::BadToken)),
            ("expired", &expired, traces, Some(&bearer), None, Err(Refusal::Expired)),
            ("revoked", &revoked, traces, Some(&bearer), None, Err(Refusal::BadToken)),
        ] {
            assert_eq!(check(vec![stored.clone()], needs, authorization, workspace), outcome, "{what}");
        }
    }

    #[test]
    fn without_any_token_all_is_open_and_one_revoked_token_is_enough_to_close() {
        let needs = Need::Role(Role::Admin);
        let open = check(vec![], needs, None, None).unwrap();
        assert_eq!(open, Caller { workspace: Workspace::default(), token: None });
        assert_eq!(check(vec![], needs, None, Some("other")), Err(Refusal::OtherWorkspace));
        let token = TokenText::generate().unwrap();
        let revoked = TokenRow { revoked: Some(UnixNanos(1)), ..row(&token, &["admin"]) };
        assert_eq!(check(vec![revoked], needs, None, None), Err(Refusal::NoToken));
    }

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
            let outcome = Known::default().check(Need::Role(Role::Viewer), &presented, NOW);
            assert_eq!(outcome.is_ok(), ours, "{host}");
        }
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
