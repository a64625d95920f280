//! A custom robot of a DingTalk group: markdown, signed in the address, "no" in HTTP 200.
//!
//! Twenty messages a minute; more, and the robot is mute for ten minutes. It can neither edit nor thread.

use super::{Channel, Outcome, Parcel, address, failed, reason, said, sign};
use crate::config::DingTalk;
use crate::guard::Guard;
use crate::limits::Limits;
use crate::policy::Faults;
use crate::render::{Dialect, Text, fitted};
use crate::wire::Wire;
use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::time::Duration;

/// The platform's limit is 20,000 bytes of body.
const BODY_BYTES_MAX: usize = 19_500;
/// Bytes of a title, shown in the list of conversations.
const TITLE_BYTES_MAX: usize = 256;

#[derive(Debug)]
struct Robot {
    settings: DingTalk,
}

pub(super) fn check(settings: &DingTalk, guard: &Guard, at: &str, faults: &mut Faults) -> Option<Box<dyn Channel>> {
    address(settings.url.reveal(), guard, at, faults)?;
    if settings.keyword.as_ref().is_some_and(|word| word.is_empty() || word.len() > 64) {
        faults.add(format!("{at}.keyword"), "1 to 64 bytes");
    }
    Some(Box::new(Robot { settings: settings.clone() }))
}

/// The address of one request: signed anew each time, since a signature holds for an hour.
pub(super) fn signed(settings: &DingTalk, now_ms: i64) -> Option<String> {
    let mut url = Url::parse(settings.url.reveal()).ok()?;
    if let Some(secret) = &settings.secret {
        let secret = secret.reveal();
        let signature = sign::base64(secret.as_bytes(), format!("{now_ms}\n{secret}").as_bytes());
        url.query_pairs_mut().append_pair("timestamp", &now_ms.to_string()).append_pair("sign", &signature);
    }
    Some(url.into())
}

/// The request. People are called twice: in `at`, and in the text, or nothing rings.
pub(super) fn body(settings: &DingTalk, parcel: &Parcel<'_>) -> Vec<u8> {
    let mobiles: Vec<&str> = parcel.people.iter().filter_map(|person| person.dingtalk_mobile.as_deref()).collect();
    let users: Vec<&str> = parcel
        .people
        .iter()
        .filter(|person| person.dingtalk_mobile.is_none())
        .filter_map(|person| person.dingtalk_user.as_deref())
        .collect();
    let keyword = settings.keyword.as_deref();
    fitted(parcel, Dialect::DingTalk, BODY_BYTES_MAX, |text: &Text| {
        let mut title = text.title.clone();
        crate::message::cut(&mut title, TITLE_BYTES_MAX);
        let mut shown = format!("### {}\n\n{}", Dialect::DingTalk.escape(&text.title, 1000), text.body);
        if let Some(word) = keyword.filter(|word| !shown.contains(*word)) {
            shown.push_str("\n\n");
            shown.push_str(word);
        }
        let body: Value = json!({
            "msgtype": "markdown",
            "markdown": {"title": title, "text": shown},
            "at": {"atMobiles": mobiles, "atUserIds": users, "isAtAll": false},
        });
        body.to_string().into_bytes()
    })
}

#[async_trait]
impl Channel for Robot {
    fn name(&self) -> &'static str {
        "dingtalk"
    }

    fn identity(&self) -> String {
        format!("dingtalk {}", self.settings.url.reveal())
    }

    fn limits(&self) -> Limits {
        Limits {
            per_minute: 18,
            per_second: 18,
            reserve: 4,
            concurrent: 1,
            penalty: Duration::from_secs(605),
            digest: (45, 200),
        }
    }

    async fn send(&self, parcel: &Parcel<'_>, wire: &Wire) -> Outcome {
        let Some(url) = signed(&self.settings, parcel.now.0 / 1_000_000) else {
            return Outcome::Refused { reason: "the address cannot be read".to_owned() };
        };
        let reply = match wire.post(&url, HeaderMap::new(), body(&self.settings, parcel)).await {
            Ok(reply) => reply,
            Err(failure) => return failed(failure),
        };
        match said(&reply, "errcode", "errmsg") {
            Err(outcome) => outcome,
            Ok(answer) => match answer.code {
                0 => Outcome::Delivered { reference: None },
                130_101 | 130_102 => Outcome::Limited { after: None, reason: reason(&answer) },
                460_101 | 101_002 | 400_102 => Outcome::TooLong { reason: reason(&answer) },
                // -1: "system busy".
                -1 => Outcome::Retry { after: None, reason: reason(&answer) },
                _ => Outcome::Refused { reason: reason(&answer) },
            },
        }
    }
}
