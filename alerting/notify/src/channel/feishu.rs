//! A custom bot of a Feishu or Lark group: an interactive card (JSON 2.0), signed in the body.
//!
//! 100 messages a minute and 5 a second. A custom bot can neither edit, thread nor be answered: buttons only
//! open addresses.

use super::{Channel, Outcome, Parcel, address, failed, reason, said, sign};
use crate::config::Feishu;
use crate::guard::Guard;
use crate::limits::Limits;
use crate::message::State;
use crate::outbox::Content;
use crate::policy::Faults;
use crate::render::{self, Dialect, Text, fitted, words};
use crate::wire::Wire;
use async_trait::async_trait;
use incident::Severity;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::time::Duration;

/// The platform's limit is 20 KB of request.
const BODY_BYTES_MAX: usize = 19_000;

#[derive(Debug)]
struct Bot {
    settings: Feishu,
}

pub(super) fn check(settings: &Feishu, guard: &Guard, at: &str, faults: &mut Faults) -> Option<Box<dyn Channel>> {
    address(settings.url.reveal(), guard, at, faults)?;
    if settings.keyword.as_ref().is_some_and(|word| word.is_empty() || word.len() > 64) {
        faults.add(format!("{at}.keyword"), "1 to 64 bytes");
    }
    Some(Box::new(Bot { settings: settings.clone() }))
}

/// The time and its signature: the key holds the time, the message is empty.
pub(super) fn signature(secret: &str, now_s: i64) -> String {
    sign::base64(format!("{now_s}\n{secret}").as_bytes(), b"")
}

pub(super) fn body(settings: &Feishu, parcel: &Parcel<'_>) -> Vec<u8> {
    let now_s = parcel.now.0 / 1_000_000_000;
    fitted(parcel, Dialect::Feishu, BODY_BYTES_MAX, |text: &Text| {
        let mut body = json!({"msg_type": "interactive", "card": card(settings, parcel, text)});
        if let (Some(secret), Value::Object(body)) = (&settings.secret, &mut body) {
            body.insert("timestamp".to_owned(), now_s.to_string().into());
            body.insert("sign".to_owned(), signature(secret.reveal(), now_s).into());
        }
        body.to_string().into_bytes()
    })
}

fn card(settings: &Feishu, parcel: &Parcel<'_>, text: &Text) -> Value {
    let mut shown = text.body.clone();
    if let Some(word) = settings.keyword.as_deref().filter(|word| !shown.contains(*word) && !text.title.contains(*word))
    {
        shown.push('\n');
        shown.push_str(word);
    }
    let mut elements = vec![json!({"tag": "markdown", "content": shown})];
    let page = match &parcel.dispatch.content {
        Content::Incident(message) => message.url.as_deref().or(parcel.external_url),
        Content::Digest(_) => parcel.external_url,
    };
    if let Some(url) = page.and_then(render::address) {
        elements.push(json!({
            "tag": "button",
            "text": {"tag": "plain_text", "content": words(parcel.target.language).open},
            "type": "primary",
            "behaviors": [{"type": "open_url", "default_url": url}],
        }));
    }
    json!({
        "schema": "2.0",
        "config": {"update_multi": true},
        "header": {"title": {"tag": "plain_text", "content": text.title}, "template": colour(&parcel.dispatch.content)},
        "body": {"elements": elements},
    })
}

fn colour(content: &Content) -> &'static str {
    let worst = match content {
        Content::Incident(message) => (message.state != State::Resolved).then_some(message.severity),
        Content::Digest(digest) => {
            digest.items.iter().filter(|item| item.state != State::Resolved).map(|item| item.severity).max()
        }
    };
    match worst {
        None => "green",
        Some(Severity::Critical) => "red",
        Some(Severity::High) => "orange",
        Some(Severity::Medium) => "yellow",
        Some(Severity::Low) => "blue",
    }
}

#[async_trait]
impl Channel for Bot {
    fn name(&self) -> &'static str {
        "feishu"
    }

    fn identity(&self) -> String {
        format!("feishu {}", self.settings.url.reveal())
    }

    fn limits(&self) -> Limits {
        Limits {
            per_minute: 90,
            per_second: 4,
            reserve: 20,
            concurrent: 1,
            penalty: Duration::from_secs(5),
            digest: (40, 150),
        }
    }

    async fn send(&self, parcel: &Parcel<'_>, wire: &Wire) -> Outcome {
        let sent = wire.post(self.settings.url.reveal(), HeaderMap::new(), body(&self.settings, parcel)).await;
        let reply = match sent {
            Ok(reply) => reply,
            Err(failure) => return failed(failure),
        };
        // Errors come with HTTP 400 too; their number says more than the status.
        let judged = crate::wire::Reply { status: if reply.status == 400 { 200 } else { reply.status }, ..reply };
        match said(&judged, "code", "msg") {
            Err(outcome) => outcome,
            Ok(answer) => match answer.code {
                0 => Outcome::Delivered { reference: None },
                11_232 | 11_233 => Outcome::Limited { after: None, reason: reason(&answer) },
                19_036 | 11_246 => Outcome::TooLong { reason: reason(&answer) },
                _ => Outcome::Refused { reason: reason(&answer) },
            },
        }
    }
}
