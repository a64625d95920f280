//! A running server, as commands that ask one see it.

use crate::Failure;
use crate::cli::Remote;
use anyhow::{Context, Result, anyhow, bail};
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use serde_json::{Value, json};
use std::time::Duration;

/// How long connecting may take; answers take as long as they take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub(super) struct Server {
    http: reqwest::Client,
    url: Url,
    token: Option<String>,
}

impl Server {
    pub(super) fn new(remote: &Remote) -> Result<Self, Failure> {
        let url = Url::parse(&remote.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let wrong = || Failure::Usage(vec![format!("--url {:?} is no URL: write http://127.0.0.1:8080", remote.url)]);
        let url = url.ok_or_else(wrong)?;
        let http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).no_proxy().build();
        let http = http.context("a client cannot be made")?;
        Ok(Self { http, url, token: remote.token.clone() })
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.authorized(self.http.post(self.at(path)))
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.authorized(self.http.get(self.at(path)))
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url.as_str().trim_end_matches('/'))
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends; turns silence and refusals into sentences.
    pub(super) async fn answer(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|error| {
            let hint = if error.is_connect() { "; is `stormglass serve` running there?" } else { "" };
            anyhow!("{} does not answer{hint} ({})", self.url, root(&error))
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        bail!("{}", refusal(status, &response.text().await.unwrap_or_default()))
    }

    /// Rows of a query that must be answered completely.
    pub(super) async fn rows(&self, sql: &str) -> Result<Vec<Vec<Value>>> {
        let answer: Value = self.answer(self.post("/api/v1/sql").json(&json!({ "sql": sql }))).await?.json().await?;
        if answer["complete"] != true {
            bail!("the answer is not complete: {}", answer["incomplete_reason"]);
        }
        serde_json::from_value(answer["rows"].clone()).context("the answer has no rows")
    }
}

/// The innermost reason, which says most.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// What a refusal says: the detail of a problem, the message of a status, or the text as it is.
fn refusal(status: StatusCode, body: &str) -> String {
    let said = serde_json::from_str::<Value>(body).ok().and_then(|problem| {
        [&problem["detail"], &problem["message"]].into_iter().find_map(|text| text.as_str().map(str::to_owned))
    });
    let said = said.unwrap_or_else(|| body.trim().to_owned());
    let hint = match status {
        StatusCode::UNAUTHORIZED => " (--token, or STORMGLASS_TOKEN)",
        _ => "",
    };
    if said.is_empty() { format!("{status}{hint}") } else { format!("{said}{hint}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_servers_own_words() {
        for (status, body, told) in [
            (StatusCode::BAD_REQUEST, r#"{"detail": "no such table"}"#, "no such table"),
            (StatusCode::SERVICE_UNAVAILABLE, r#"{"code": 14, "message": "disk is full"}"#, "disk is full"),
            (
                StatusCode::UNAUTHORIZED,
                r#"{"detail": "a token is needed"}"#,
                "a token is needed (--token, or STORMGLASS_TOKEN)",
            ),
            (StatusCode::BAD_GATEWAY, "", "502 Bad Gateway"),
            (StatusCode::BAD_GATEWAY, "<html>", "<html>"),
        ] {
            assert_eq!(refusal(status, body), told);
        }
    }
}
