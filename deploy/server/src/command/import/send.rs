//! Sending pieces: a few at a time, again when the server is busy, each exactly as it is.

use super::super::remote::Server;
use super::pieces::Piece;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use model::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::Message;
use reqwest::StatusCode;
use std::time::Duration;
use tokio::task::JoinSet;

/// Requests on their way at a time.
const AT_A_TIME: usize = 4;
/// Attempts at one request before giving up, at most this far apart.
const ATTEMPTS: u32 = 60;
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Refusals that are shown; further ones are only counted.
const REFUSALS_SHOWN: usize = 10;

/// What became of everything.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) requests: u64,
    pub(super) bytes: u64,
    /// Items that the server refused for good.
    pub(super) rejected: u64,
    pub(super) refusals: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Sending {
    server: Server,
    under_way: JoinSet<Result<Accepted>>,
    sent: Sent,
}

#[derive(Debug)]
struct Accepted {
    bytes: u64,
    rejected: u64,
    message: String,
}

impl Sending {
    pub(super) fn new(server: Server) -> Self {
        Self { server, under_way: JoinSet::new(), sent: Sent::default() }
    }

    /// Sends a piece, once fewer than [`AT_A_TIME`] are under way.
    pub(super) async fn send(&mut self, piece: Piece) -> Result<()> {
        while self.under_way.len() >= AT_A_TIME {
            self.join().await?;
        }
        self.under_way.spawn(deliver(self.server.clone(), piece));
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<Sent> {
        while !self.under_way.is_empty() {
            self.join().await?;
        }
        Ok(self.sent)
    }

    async fn join(&mut self) -> Result<()> {
        let Some(joined) = self.under_way.join_next().await else { return Ok(()) };
        let accepted = joined.context("sending ended in a fault")??;
        self.sent.requests += 1;
        self.sent.bytes += accepted.bytes;
        self.sent.rejected += accepted.rejected;
        if accepted.rejected > 0 && self.sent.refusals.len() < REFUSALS_SHOWN {
            self.sent.refusals.push(format!("{} items refused: {}", accepted.rejected, accepted.message));
        }
        Ok(())
    }
}

async fn deliver(server: Server, piece: Piece) -> Result<Accepted> {
    let content_type = if piece.json { "application/json" } else { "application/x-protobuf" };
    let path = match piece.signal {
        Signal::Traces => "/v1/traces",
        Signal::Metrics => "/v1/metrics",
        Signal::Logs => "/v1/logs",
    };
    let mut attempt = 1;
    loop {
        let request = server.post(path).header("content-type", content_type).body(piece.body.clone());
        let failed = match request.send().await {
            Ok(response) if response.status().is_success() => {
                let bytes = piece.body.len() as u64;
                let (rejected, message) = partial(piece.json, piece.signal, response.bytes().await?)?;
                return Ok(Accepted { bytes, rejected, message });
            }
            Ok(response) if is_worth_a_retry(response.status()) => {
                let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
                (after.map(Duration::from_secs), format!("{} says it is busy ({})", path, response.status()))
            }
            Ok(response) => {
                let status = response.status();
                let text = response.bytes().await.unwrap_or_default();
                bail!("{path}: {status}: {}", printable(&text));
            }
            Err(error) => (None, format!("{path}: {error}")),
        };
        let (after, why) = failed;
        if attempt == ATTEMPTS {
            bail!("{why}; given up after {ATTEMPTS} attempts");
        }
        tokio::time::sleep(after.unwrap_or(Duration::from_millis(200) * attempt).min(PAUSE_MAX)).await;
        attempt += 1;
    }
}

fn is_worth_a_retry(status: StatusCode) -> bool {
    [429, 502, 503, 504].contains(&status.as_u16())
}

/// The readable part of a refusal, which may be protobuf.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control() && *c != '\u{fffd}').collect()
}

/// Rejected items and why. The three answers are alike on the wire.
fn partial(json: bool, signal: Signal, answer: Bytes) -> Result<(u64, String)> {
    if json {
        let answer: serde_json::Value =
            serde_json::from_slice(&answer).context("the acknowledgement cannot be read")?;
        let name = match signal {
            Signal::Traces => "rejectedSpans",
            Signal::Metrics => "rejectedDataPoints",
            Signal::Logs => "rejectedLogRecords",
        };
        let partial = &answer["partialSuccess"];
        let rejected = &partial[name];
        let count = rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0);
        return Ok((count, partial["errorMessage"].as_str().unwrap_or_default().to_owned()));
    }
    let answer = ExportLogsServiceResponse::decode(answer).context("the acknowledgement cannot be read")?;
    let partial = answer.partial_success.unwrap_or_default();
    Ok((u64::try_from(partial.rejected_log_records).unwrap_or(0), partial.error_message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_items_are_read_from_both_encodings() {
        let json = Bytes::from_static(br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"bad id"}}"#);
        assert_eq!(partial(true, Signal::Traces, json).unwrap(), (3, "bad id".into()));
        assert_eq!(partial(true, Signal::Traces, Bytes::from_static(b"{}")).unwrap(), (0, String::new()));
        let protobuf = Bytes::from_static(b"\x0a\x05\x08\x02\x12\x01x");
        assert_eq!(partial(false, Signal::Traces, protobuf).unwrap(), (2, "x".into()));
        assert_eq!(partial(false, Signal::Logs, Bytes::new()).unwrap(), (0, String::new()));
    }
}
