//! A message robot of a WeCom group: markdown, since only that calls people; 4096 bytes of it.
//!
//! Twenty messages a minute. It can neither edit nor thread.

use super::{Channel, Outcome, Parcel, address, failed, reason, said};
use crate::config::WeCom;
use crate::guard::Guard;
use crate::limits::Limits;
use crate::policy::Faults;
use crate::render::{Dialect, Text, fitted};
use crate::wire::Wire;
use async_trait::async_trait;
use reqwest::header::HeaderMap;
use serde_json::json;
use std::time::Duration;

/// The platform's limit is 4096 bytes of content; measured with JSON's escapes, ours is never more.
const BODY_BYTES_MAX: usize = 4096;

#[derive(Debug)]
struct Robot {
    settings: WeCom,
}

pub(super) fn check(settings: &WeCom, guard: &Guard, at: &str, faults: &mut Faults) -> Option<Box<dyn Channel>> {
    address(settings.url.reveal(), guard, at, faults)?;
    Some(Box::new(Robot { settings: settings.clone() }))
}

pub(super) fn body(parcel: &Parcel<'_>) -> Vec<u8> {
    fitted(parcel, Dialect::WeCom, BODY_BYTES_MAX, |text: &Text| {
        let content = format!("### {}\n{}", Dialect::WeCom.escape(&text.title, 1000), text.body);
        json!({"msgtype": "markdown", "markdown": {"content": content}}).to_string().into_bytes()
    })
}

#[async_trait]
impl Channel for Robot {
    fn name(&self) -> &'static str {
        "wecom"
    }

    fn identity(&self) -> String {
        format!("wecom {}", self.settings.url.reveal())
    }

    fn limits(&self) -> Limits {
        Limits {
            per_minute: 18,
            per_second: 18,
            reserve: 4,
            concurrent: 1,
            penalty: Duration::from_secs(61),
            digest: (12, 60),
        }
    }

    async fn send(&self, parcel: &Parcel<'_>, wire: &Wire) -> Outcome {
        let reply = match wire.post(self.settings.url.reveal(), HeaderMap::new(), body(parcel)).await {
            Ok(reply) => reply,
            Err(failure) => return failed(failure),
        };
        match said(&reply, "errcode", "errmsg") {
            Err(outcome) => outcome,
            Ok(answer) => match answer.code {
                0 => Outcome::Delivered { reference: None },
                45_009 | 45_033 => Outcome::Limited { after: None, reason: reason(&answer) },
                40_058 if answer.text.contains("exceed") => Outcome::TooLong { reason: reason(&answer) },
                45_002 => Outcome::TooLong { reason: reason(&answer) },
                -1 => Outcome::Retry { after: None, reason: reason(&answer) },
                _ => Outcome::Refused { reason: reason(&answer) },
            },
        }
    }
}
