//! HTTP as deliveries use it: guarded, bounded, without redirections and proxies.
//!
//! Invariant: no error and no answer that leaves this module tells an address or a secret.

use crate::error::Error;
use crate::guard::{Guard, GuardedResolver, Refused};
use reqwest::header::{HeaderMap, HeaderValue};
use std::sync::Arc;
use std::time::Duration;

/// How long one request may take in all, unless the deliverer was told otherwise.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of an answer that are read.
pub(crate) const REPLY_BYTES_MAX: usize = 64 * 1024;
/// Idle connections kept per host.
const IDLE_MAX: usize = 2;
/// The longest rest an endpoint may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
    /// The body was read to its end.
    pub(crate) is_whole: bool,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No byte of the message has left.
    #[error("{0}")]
    NotSent(String),
    /// It may have arrived.
    #[error("{0}")]
    InDoubt(String),
    #[error(transparent)]
    Refused(Refused),
}

/// The client. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    client: reqwest::Client,
    guard: Arc<Guard>,
    timeout: Duration,
}

impl Wire {
    pub(crate) fn new(guard: &Guard, timeout: Duration) -> Result<Self, Error> {
        let guard = Arc::new(guard.clone());
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(timeout)
            .connect_timeout(timeout / 2)
            .pool_max_idle_per_host(IDLE_MAX)
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("Stormglass/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(GuardedResolver(Arc::clone(&guard))))
            .build()
            .map_err(|error| Error::Client(error.without_url().to_string()))?;
        Ok(Self { client, guard, timeout })
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.guard
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Posts a JSON body and reads the answer, at most [`REPLY_BYTES_MAX`] of it.
    pub(crate) async fn post(&self, url: &str, headers: HeaderMap, body: Vec<u8>) -> Result<Reply, Failure> {
        let url = self.guard.check_url(url).map_err(Failure::Refused)?;
        match self.guard.resolve(&url).await {
            Ok(()) => {}
            Err(Refused::Unknown(host)) => return Err(Failure::NotSent(format!("the host `{host}` has no address"))),
            Err(refused) => return Err(Failure::Refused(refused)),
        }
        let request = self.client.post(url).header("content-type", "application/json; charset=utf-8");
        let sent = request.headers(headers).body(body).send().await;
        let mut response = sent.map_err(|error| failure(&error))?;
        let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
        let mut body = Vec::new();
        let is_whole = loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= REPLY_BYTES_MAX => body.extend_from_slice(&chunk),
                Ok(None) => break true,
                Ok(Some(_)) | Err(_) => break false,
            }
        };
        Ok(Reply { status, retry_after, body, is_whole })
    }

    /// A call without content, for the outside watchman.
    pub(crate) async fn call(&self, url: &str) -> Result<u16, Failure> {
        self.post(url, HeaderMap::new(), Vec::new()).await.map(|reply| reply.status)
    }
}

fn failure(error: &reqwest::Error) -> Failure {
    if error.is_builder() {
        return Failure::Refused(Refused::NotAnAddress);
    }
    // Its text would show the address, and with it the token.
    if error.is_connect() {
        return Failure::NotSent(format!("no connection{}", root(error)));
    }
    let what = if error.is_timeout() { "no answer in time" } else { "the connection ended before an answer" };
    Failure::InDoubt(format!("{what}{}", root(error)))
}

/// The innermost reason: the operating system's or TLS's words, which know no address of ours.
fn root(error: &reqwest::Error) -> String {
    let mut source = std::error::Error::source(error);
    let mut last = None;
    while let Some(inner) = source {
        last = Some(inner);
        source = inner.source();
    }
    match last {
        Some(inner) => format!(": {}", inner.to_string().chars().take(200).collect::<String>()),
        None => String::new(),
    }
}

/// `Retry-After` in seconds. The form with a date would need a clock that agrees; it is taken as a minute.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("retry-after")?.to_str().ok()?.trim();
    let seconds = value.parse::<u64>().unwrap_or(60);
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// A header whose value may be a secret; `None` where it cannot be one.
pub(crate) fn secret_header(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    #[test]
    fn an_endpoint_may_ask_for_a_rest_but_not_for_ever() {
        for (value, seconds) in [("7", 7), ("999999", 3600), ("Wed, 21 Oct 2026 07:28:00 GMT", 60)] {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", value.parse().unwrap());
            assert_eq!(retry_after(&headers), Some(Duration::from_secs(seconds)));
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
