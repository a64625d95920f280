//! Microsoft Teams by a Workflows webhook: an adaptive card. That it was taken (202) is all one learns.

use super::{Channel, Outcome, Parcel, address, by_status, failed};
use crate::config::Teams;
use crate::guard::Guard;
use crate::limits::Limits;
use crate::outbox::Content;
use crate::policy::Faults;
use crate::render::{self, Dialect, Text, fitted, words};
use crate::wire::Wire;
use async_trait::async_trait;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::time::Duration;

/// Cards were seen to be refused from 21 KB on; the written limit is 28 KB.
const BODY_BYTES_MAX: usize = 20_000;

#[derive(Debug)]
struct Flow {
    settings: Teams,
}

pub(super) fn check(settings: &Teams, guard: &Guard, at: &str, faults: &mut Faults) -> Option<Box<dyn Channel>> {
    address(settings.url.reveal(), guard, at, faults)?;
    Some(Box::new(Flow { settings: settings.clone() }))
}

pub(super) fn body(parcel: &Parcel<'_>) -> Vec<u8> {
    fitted(parcel, Dialect::Teams, BODY_BYTES_MAX, |text: &Text| {
        json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": card(parcel, text),
            }],
        })
        .to_string()
        .into_bytes()
    })
}

fn card(parcel: &Parcel<'_>, text: &Text) -> Value {
    let title = Dialect::Teams.escape(&text.title, 1000);
    let mut blocks =
        vec![json!({"type": "TextBlock", "text": title, "weight": "Bolder", "size": "Medium", "wrap": true})];
    let lines = text.body.split(Dialect::Teams.line_end());
    blocks.extend(lines.map(|line| json!({"type": "TextBlock", "text": line, "wrap": true, "spacing": "Small"})));
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
        "msteams": {"width": "Full", "entities": entities(parcel, &text.body)},
    });
    let page = match &parcel.dispatch.content {
        Content::Incident(message) => message.url.as_deref().or(parcel.external_url),
        Content::Digest(_) => parcel.external_url,
    };
    if let (Some(url), Value::Object(card)) = (page.and_then(render::address), &mut card) {
        let open = words(parcel.target.language).open;
        card.insert("actions".to_owned(), json!([{"type": "Action.OpenUrl", "title": open, "url": url}]));
    }
    card
}

/// Each mention in the text stands here again, or the card is refused; and none that the text has lost.
fn entities(parcel: &Parcel<'_>, text: &str) -> Vec<Value> {
    let mut entities = Vec::new();
    for person in &parcel.people {
        let Some((upn, mention)) = person.teams_upn.as_ref().zip(Dialect::Teams.mention(person)) else { continue };
        if text.contains(&mention) {
            entities.push(json!({
                "type": "mention",
                "text": mention,
                "mentioned": {"id": upn, "name": person.name},
            }));
        }
    }
    entities
}

#[async_trait]
impl Channel for Flow {
    fn name(&self) -> &'static str {
        "teams"
    }

    fn identity(&self) -> String {
        format!("teams {}", self.settings.url.reveal())
    }

    fn limits(&self) -> Limits {
        Limits {
            per_minute: 60,
            per_second: 3,
            reserve: 15,
            concurrent: 1,
            penalty: Duration::from_secs(30),
            digest: (40, 150),
        }
    }

    async fn send(&self, parcel: &Parcel<'_>, wire: &Wire) -> Outcome {
        match wire.post(self.settings.url.reveal(), HeaderMap::new(), body(parcel)).await {
            Ok(reply) => by_status(&reply).unwrap_or(Outcome::Delivered { reference: None }),
            Err(failure) => failed(failure),
        }
    }
}
