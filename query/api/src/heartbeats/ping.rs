//! `GET|HEAD|POST /ping/...`: for clients of healthchecks. There is no bearer, the path is the secret.
//!
//! Two forms: a secret of one check (`/ping/SECRET[/start|/fail|/log|/EXIT_STATUS]`), and a ping key with
//! the check's name (`/ping/KEY/NAME[/...]`). A path whose secret is not known is not found, whatever
//! comes after it, and takes as long as one that is nearly right.

use super::tell::{BODY_BYTES_MAX, Beat, hear};
use crate::describe::AnyProblem;
use crate::{Api, Asker, Problem};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use client::AuditLog;
use http::{HeaderName, HeaderValue, StatusCode, Uri};
use model::Workspace;
use std::fmt;
use std::hint::black_box;

/// The secrets by which heartbeats come without a token.
#[derive(Clone, Default)]
pub struct PingSecrets {
    /// For any name: `/ping/KEY/NAME`.
    pub key: Option<String>,
    /// One name each: `/ping/SECRET`.
    pub names: Vec<(String, String)>,
}

impl fmt::Debug for PingSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.names.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("PingSecrets").field("key", &self.key.is_some()).field("names", &names).finish()
    }
}

impl PingSecrets {
    /// Shortest secret that may stand for a token.
    pub const BYTES_MIN: usize = 16;

    /// Which check a path means, and how it stands.
    fn meant<'p>(&'p self, secret: &str, rest: &'p [String]) -> Option<(&'p str, Beat)> {
        let mut found = None;
        for (name, own) in &self.names {
            if same(own, secret) {
                found = Some(name.as_str());
            }
        }
        let keyed = self.key.as_deref().is_some_and(|key| same(key, secret));
        match (found, keyed, rest) {
            (Some(name), _, []) => Some((name, Beat::Ok)),
            (Some(name), _, [state]) => Some((name, Beat::read(Some(state))?)),
            (None, true, [name]) => Some((name, Beat::Ok)),
            (None, true, [name, state]) => Some((name, Beat::read(Some(state))?)),
            _ => None,
        }
    }
}

/// Compares without telling by its time how much was right.
fn same(own: &str, given: &str) -> bool {
    let differ = own.bytes().zip(given.bytes()).fold(0, |differ, (a, b)| black_box(differ | (a ^ b)));
    own.len() == given.len() && differ == 0
}

async fn ping(api: Api, secret: &str, rest: &[String], uri: &Uri, body: &[u8]) -> Result<Response, Problem> {
    let missing = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "There is no such path",
            "no check has this path: it is /ping/SECRET or /ping/KEY/NAME, with /start, /fail, /log or an exit status \
             after it; secrets are set under [heartbeats]",
        )
    };
    let secrets = api.operations.ping_secrets.clone();
    let (name, beat) = secrets.meant(secret, rest).ok_or_else(missing)?;
    // A secret of the settings speaks for the workspace of those without a token.
    let asker = Asker { workspace: Workspace::default(), token: None, audit: AuditLog::Hidden };
    hear(&api, &asker, (name, beat), uri, body, "ping").await?;
    let mut response = (StatusCode::OK, "OK").into_response();
    let limit = HeaderValue::from(BODY_BYTES_MAX);
    response.headers_mut().insert(HeaderName::from_static("ping-body-limit"), limit);
    Ok(response)
}

macro_rules! doors {
    ($($get:ident, $post:ident, $path:literal, $ids:literal + $posted:literal, ($($part:literal),*);)*) => { $(
        /// A heartbeat by its secret path, as clients of healthchecks send it.
        #[utoipa::path(get, path = $path, operation_id = $ids, tag = "operations",
            params($(($part = String, Path, description = "Secret, name, or how it stands: start, fail, log, an exit status."),)*
                ("rid" = Option<String>, Query, description = "Pairs a start with its end.")),
            responses((status = 200, description = "Heard.", body = String, content_type = "text/plain"), (status = "default", response = AnyProblem)))]
        pub(super) async fn $get(State(api): State<Api>, Path(parts): Path<Vec<String>>, uri: Uri) -> Result<Response, Problem> {
            let (secret, rest) = parts.split_first().ok_or_else(|| Problem::internal("a path without parts"))?;
            ping(api, secret, rest, &uri, b"").await
        }

        /// A heartbeat by its secret path; the body is its status text.
        #[utoipa::path(post, path = $path, operation_id = $posted, tag = "operations",
            params($(($part = String, Path, description = "Secret, name, or how it stands: start, fail, log, an exit status."),)*
                ("rid" = Option<String>, Query, description = "Pairs a start with its end.")),
            request_body(content = String, content_type = "text/plain", description = "What it says, at most 10,000 bytes."),
            responses((status = 200, description = "Heard.", body = String, content_type = "text/plain"), (status = "default", response = AnyProblem)))]
        pub(super) async fn $post(State(api): State<Api>, Path(parts): Path<Vec<String>>, uri: Uri, body: Bytes) -> Result<Response, Problem> {
            let (secret, rest) = parts.split_first().ok_or_else(|| Problem::internal("a path without parts"))?;
            ping(api, secret, rest, &uri, &body).await
        }
    )* };
}

doors! {
    get_secret, post_secret, "/ping/{secret}", "ping" + "ping_text", ("secret");
    get_one, post_one, "/ping/{secret}/{name}", "ping_one" + "ping_one_text", ("secret", "name");
    get_two, post_two, "/ping/{secret}/{name}/{state}", "ping_two" + "ping_two_text", ("secret", "name", "state");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> PingSecrets {
        PingSecrets {
            key: Some("key-0123456789abcdef".into()),
            names: vec![("nightly".into(), "f0a1b2c3d4e5f607".into())],
        }
    }

    #[test]
    fn a_path_means_one_check_or_nothing() {
        let secrets = secrets();
        for (path, meant) in [
            ("f0a1b2c3d4e5f607", Some(("nightly", Beat::Ok))),
            ("f0a1b2c3d4e5f607/start", Some(("nightly", Beat::Start))),
            ("f0a1b2c3d4e5f607/3", Some(("nightly", Beat::Exit(3)))),
            ("f0a1b2c3d4e5f607/nonsense", None),
            ("f0a1b2c3d4e5f607/start/x", None),
            ("key-0123456789abcdef", None),
            ("key-0123456789abcdef/backup", Some(("backup", Beat::Ok))),
            ("key-0123456789abcdef/backup/fail", Some(("backup", Beat::Fail))),
            ("f0a1b2c3d4e5f608", None),
            ("", None),
        ] {
            let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
            let (secret, rest) = parts.split_first().unwrap();
            assert_eq!(secrets.meant(secret, rest), meant, "{path}");
        }
        assert_eq!(PingSecrets::default().meant("", &[]), None, "no secret is set: nothing is right");
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", secrets());
        assert!(shown.contains("nightly") && !shown.contains("f0a1") && !shown.contains("0123"), "{shown}");
    }
}
