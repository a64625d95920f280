//! Why a request is not let in, and what each reason is over HTTP.

use http::StatusCode;

/// Why a request is not let in.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("there is nothing at this path")]
    NotFound,
    #[error("this path takes {} only", .0.join(", "))]
    Method(Vec<&'static str>),
    #[error("a token is needed: send `Authorization: Bearer sg_...`, or sign in")]
    NoToken,
    /// Unknown and revoked look alike on purpose.
    #[error("the token is not valid")]
    BadToken,
    #[error("the token is not valid, like many before it from this address: come back in {0} s")]
    TooManyGuesses(u64),
    #[error("the token has expired: ask for a new one")]
    Expired,
    #[error("the session has ended: sign in again")]
    SessionEnded,
    #[error("`{0}` is needed, and is not granted")]
    Lacks(String),
    #[error("the credential belongs to another workspace than the one that the request names")]
    OtherWorkspace,
    #[error("host {0:?} is not this machine: use 127.0.0.1 or localhost, or make a token")]
    ForeignHost(String),
    #[error("a web page of another origin may not do this")]
    CrossSite,
    #[error("a change by cookie needs the header X-CSRF-Token: GET /api/v1/session says its value")]
    Csrf,
    /// Nothing was done.
    #[error("the audit log cannot be written, so nothing may be changed: see the server's log")]
    CannotRecord,
    /// It was done.
    #[error("this was done, but the audit log could not be written: see the server's log")]
    NotRecorded,
}

impl Refusal {
    pub fn status(&self) -> StatusCode {
        match self {
            Refusal::NotFound => StatusCode::NOT_FOUND,
            Refusal::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::NoToken | Refusal::BadToken | Refusal::Expired | Refusal::SessionEnded => StatusCode::UNAUTHORIZED,
            Refusal::TooManyGuesses(_) => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Lacks(_)
            | Refusal::OtherWorkspace
            | Refusal::ForeignHost(_)
            | Refusal::CrossSite
            | Refusal::Csrf => StatusCode::FORBIDDEN,
            Refusal::CannotRecord | Refusal::NotRecorded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What programs tell refusals apart by: the last part of a problem's `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Refusal::NotFound => "not-found",
            Refusal::Method(_) => "method",
            Refusal::NoToken | Refusal::BadToken | Refusal::Expired | Refusal::SessionEnded => "unauthenticated",
            Refusal::TooManyGuesses(_) => "too-many-attempts",
            Refusal::Csrf => "csrf",
            Refusal::Lacks(_) | Refusal::OtherWorkspace | Refusal::ForeignHost(_) | Refusal::CrossSite => "forbidden",
            Refusal::CannotRecord | Refusal::NotRecorded => "unrecorded",
        }
    }

    pub fn title(&self) -> &'static str {
        match self {
            Refusal::NotFound => "There is nothing here",
            Refusal::Method(_) => "The method does not fit",
            Refusal::NoToken | Refusal::BadToken | Refusal::Expired | Refusal::SessionEnded => {
                "A valid token or session is needed"
            }
            Refusal::TooManyGuesses(_) => "Too many attempts",
            Refusal::Lacks(_)
            | Refusal::OtherWorkspace
            | Refusal::ForeignHost(_)
            | Refusal::CrossSite
            | Refusal::Csrf => "Not allowed",
            Refusal::CannotRecord | Refusal::NotRecorded => "The audit log cannot be written",
        }
    }

    /// When to come back, in seconds, where that helps.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Refusal::TooManyGuesses(seconds) => Some(*seconds),
            Refusal::CannotRecord => Some(1),
            _ => None,
        }
    }
}
