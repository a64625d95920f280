//! Slack: an incoming webhook, or a bot that keeps one card per incident up to date and answers below it.
//!
//! A webhook answers in plain text; the API with `ok` and `error` in HTTP 200.

use super::{Channel, Outcome, Parcel, address, by_status, failed};
use crate::config::Slack;
use crate::guard::Guard;
use crate::limits::Limits;
use crate::message::{Occasion, State};
use crate::outbox::Content;
use crate::policy::Faults;
use crate::render::{Dialect, Text, fitted};
use crate::wire::{Reply, Wire, secret_header};
use async_trait::async_trait;
use incident::Severity;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::time::Duration;

/// All texts of a message together; Slack refuses at about twelve thousand characters.
const BODY_BYTES_MAX: usize = 11_000;
/// Characters of one section.
const SECTION_CHARS_MAX: usize = 2_900;
const API: &str = "https://slack.com/api";

#[derive(Debug)]
struct Workspace {
    settings: Slack,
}

pub(super) fn check(settings: &Slack, guard: &Guard, at: &str, faults: &mut Faults) -> Option<Box<dyn Channel>> {
    match (&settings.url, &settings.token) {
        (Some(url), None) => address(url.reveal(), guard, at, faults)?,
        (None, Some(token)) => {
            let named = settings.channel.as_ref().is_some_and(|channel| !channel.is_empty());
            if !named || secret_header(&format!("Bearer {}", token.reveal())).is_none() {
                faults.add(at, "a bot needs a `token` (xoxb-...) and a `channel`");
                return None;
            }
            address(settings.api.as_deref().unwrap_or(API), guard, at, faults)?;
        }
        _ => {
            faults.add(at, "give either the `url` of an incoming webhook, or `token` and `channel` of a bot");
            return None;
        }
    }
    Some(Box::new(Workspace { settings: settings.clone() }))
}

/// The card: text for notifications, and the same in sections behind a bar of colour.
pub(super) fn body(parcel: &Parcel<'_>, more: &Value) -> Vec<u8> {
    fitted(parcel, Dialect::Slack, BODY_BYTES_MAX, |text: &Text| {
        let title = Dialect::Slack.escape(&text.title, 1000);
        let mut blocks = vec![section(&Dialect::Slack.bold(&title))];
        blocks.extend(sections(&text.body).iter().map(|part| section(part)));
        let mut body = json!({
            "text": title,
            "attachments": [{"color": colour(&parcel.dispatch.content), "blocks": blocks}],
            "link_names": false,
            "unfurl_links": false,
            "unfurl_media": false,
        });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more.clone());
        }
        body.to_string().into_bytes()
    })
}

/// `verbatim` keeps Slack from making links and mentions of what looks like them.
fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}

/// The lines in as few parts as sections hold.
fn sections(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for line in text.lines() {
        let line: String = line.chars().take(SECTION_CHARS_MAX).collect();
        match parts.last_mut() {
            Some(part) if part.chars().count() + line.chars().count() < SECTION_CHARS_MAX => {
                part.push('\n');
                part.push_str(&line);
            }
            _ => parts.push(line),
        }
    }
    parts
}

fn colour(content: &Content) -> &'static str {
    match content {
        Content::Incident(message) if message.state == State::Resolved => "#2eb67d",
        Content::Incident(message) => match message.severity {
            Severity::Critical => "#e01e5a",
            Severity::High => "#ec8b2e",
            Severity::Medium => "#ecb22e",
            Severity::Low => "#36c5f0",
        },
        Content::Digest(_) => "#8a8a8a",
    }
}

impl Workspace {
    /// Posts to the webhook: no reference comes back, so each message stands alone.
    async fn post(&self, url: &str, parcel: &Parcel<'_>, wire: &Wire) -> Outcome {
        let reply = match wire.post(url, HeaderMap::new(), body(parcel, &Value::Null)).await {
            Ok(reply) => reply,
            Err(failure) => return failed(failure),
        };
        let text: String = String::from_utf8_lossy(&reply.body).chars().filter(|c| !c.is_control()).take(200).collect();
        match by_status(&reply) {
            None => Outcome::Delivered { reference: None },
            Some(Outcome::Refused { .. }) if text.contains("too_long") => Outcome::TooLong { reason: text },
            Some(Outcome::Refused { reason }) => Outcome::Refused { reason: format!("{reason}: {text}") },
            Some(other) => other,
        }
    }

    async fn call(&self, method: &str, token: &str, body: Vec<u8>, wire: &Wire) -> Result<Value, Outcome> {
        let api = self.settings.api.as_deref().unwrap_or(API).trim_end_matches('/');
        let mut headers = HeaderMap::new();
        if let Some(value) = secret_header(&format!("Bearer {token}")) {
            headers.insert("authorization", value);
        }
        let reply = wire.post(&format!("{api}/{method}"), headers, body).await.map_err(failed)?;
        answer(&reply)
    }

    /// The first message of an incident is its card; what comes later stands below it, and the card is edited.
    async fn converse(&self, token: &str, channel: &str, parcel: &Parcel<'_>, wire: &Wire) -> Outcome {
        let dispatch = parcel.dispatch;
        let root = dispatch.reference.as_deref().filter(|_| matches!(dispatch.content, Content::Incident(_)));
        let more = match root {
            None => json!({"channel": channel}),
            Some(root) => {
                let loud =
                    matches!(dispatch.occasion, Occasion::Resolved | Occasion::SeverityRaised | Occasion::Escalated);
                json!({"channel": channel, "thread_ts": root, "reply_broadcast": loud})
            }
        };
        let posted = match self.call("chat.postMessage", token, body(parcel, &more), wire).await {
            Ok(posted) => posted,
            Err(outcome) => return outcome,
        };
        if let Some(root) = root {
            let edit = body(parcel, &json!({"channel": posted.get("channel").unwrap_or(&json!(channel)), "ts": root}));
            // The news has been told; a card that cannot be edited is not worth telling it again.
            if let Err(outcome) = self.call("chat.update", token, edit, wire).await {
                tracing::warn!(receiver = parcel.target.name(), ?outcome, "a card was not brought up to date");
            }
        }
        let is_incident = matches!(dispatch.content, Content::Incident(_));
        let reference = posted.get("ts").and_then(Value::as_str).map(str::to_owned);
        Outcome::Delivered { reference: reference.filter(|_| is_incident) }
    }
}

fn answer(reply: &Reply) -> Result<Value, Outcome> {
    if let Some(outcome) = by_status(reply) {
        return Err(outcome);
    }
    let body = serde_json::from_slice::<Value>(&reply.body).ok().filter(|_| reply.is_whole);
    let Some(body) = body else {
        return Err(Outcome::InDoubt { reason: "no answer that can be read".to_owned() });
    };
    if body.get("ok").and_then(Value::as_bool) == Some(true) {
        return Ok(body);
    }
    let error = body.get("error").and_then(Value::as_str).unwrap_or("unknown error");
    let error: String = error.chars().filter(|c| !c.is_control()).take(200).collect();
    Err(match error.as_str() {
        "ratelimited" | "rate_limited" => Outcome::Limited { after: reply.retry_after, reason: error },
        "msg_too_long" | "msg_blocks_too_long" => Outcome::TooLong { reason: error },
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            Outcome::Retry { after: None, reason: error }
        }
        _ => Outcome::Refused { reason: error },
    })
}

#[async_trait]
impl Channel for Workspace {
    fn name(&self) -> &'static str {
        "slack"
    }

    fn identity(&self) -> String {
        let Slack { url, token, channel, .. } = &self.settings;
        let reveal =
            |secret: &Option<crate::secret::Secret>| secret.as_ref().map_or(String::new(), |s| s.reveal().to_owned());
        format!("slack {} {} {}", reveal(url), reveal(token), channel.as_deref().unwrap_or_default())
    }

    fn limits(&self) -> Limits {
        Limits {
            per_minute: 45,
            per_second: 1,
            reserve: 10,
            concurrent: 1,
            penalty: Duration::from_secs(30),
            digest: (30, 120),
        }
    }

    async fn send(&self, parcel: &Parcel<'_>, wire: &Wire) -> Outcome {
        match (&self.settings.url, &self.settings.token, &self.settings.channel) {
            (Some(url), ..) => self.post(url.reveal(), parcel, wire).await,
            (None, Some(token), Some(channel)) => self.converse(token.reveal(), channel, parcel, wire).await,
            _ => Outcome::Refused { reason: "neither an address nor a bot".to_owned() },
        }
    }
}
