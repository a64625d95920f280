//! The outside world: one small trait, one module per platform.
//!
//! A channel knows its platform's form, signature, sizes and words for "no", and nothing of routes and retries.

mod dingtalk;
mod email;
mod feishu;
mod sign;
mod slack;
mod teams;
mod webhook;
mod wecom;

use crate::config::{Person, Receiver};
use crate::guard::Guard;
use crate::limits::Limits;
use crate::outbox::Dispatch;
use crate::policy::Faults;
use crate::receiver::Target;
use crate::wire::{Failure, Reply, Wire};
use async_trait::async_trait;
use model::UnixNanos;
use std::fmt;
use std::time::Duration;

/// What became of one delivery. Reasons are short and hold no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The platform has said that it took it.
    Delivered {
        /// What it calls the message, where later ones refer to it.
        reference: Option<String>,
    },
    /// It surely did not arrive, and may another time.
    Retry { after: Option<Duration>, reason: String },
    /// Too fast: nothing more for a while.
    Limited { after: Option<Duration>, reason: String },
    /// It was sent, and no answer came.
    InDoubt { reason: String },
    /// It never will.
    Refused { reason: String },
    /// Too many bytes for the platform.
    TooLong { reason: String },
}

/// One delivery as a channel sees it.
pub(crate) struct Parcel<'a> {
    pub(crate) dispatch: &'a Dispatch,
    pub(crate) target: &'a Target,
    /// Whom the message calls.
    pub(crate) people: Vec<&'a Person>,
    pub(crate) external_url: Option<&'a str>,
    /// Wall time.
    pub(crate) now: UnixNanos,
}

/// A way to people.
#[async_trait]
pub(crate) trait Channel: fmt::Debug + Send + Sync {
    fn name(&self) -> &'static str;

    /// What makes it this robot and no other; holds secrets, and is hashed at once.
    fn identity(&self) -> String;

    fn limits(&self) -> Limits;

    /// Whether it knows a repetition by its key.
    fn is_idempotent(&self) -> bool {
        false
    }

    async fn send(&self, parcel: &Parcel<'_>, wire: &Wire) -> Outcome;
}

/// The one channel that a receiver names.
pub(crate) fn check(written: &Receiver, guard: &Guard, at: &str, faults: &mut Faults) -> Option<Box<dyn Channel>> {
    let mut channels: Vec<Option<Box<dyn Channel>>> = Vec::new();
    if let Some(channel) = &written.dingtalk {
        channels.push(dingtalk::check(channel, guard, &format!("{at}.dingtalk"), faults));
    }
    if let Some(channel) = &written.feishu {
        channels.push(feishu::check(channel, guard, &format!("{at}.feishu"), faults));
    }
    if let Some(channel) = &written.wecom {
        channels.push(wecom::check(channel, guard, &format!("{at}.wecom"), faults));
    }
    if let Some(channel) = &written.slack {
        channels.push(slack::check(channel, guard, &format!("{at}.slack"), faults));
    }
    if let Some(channel) = &written.teams {
        channels.push(teams::check(channel, guard, &format!("{at}.teams"), faults));
    }
    if let Some(channel) = &written.webhook {
        channels.push(webhook::check(channel, guard, &format!("{at}.webhook"), faults));
    }
    if let Some(channel) = &written.email {
        channels.push(email::check(channel, &format!("{at}.email"), faults));
    }
    if channels.len() != 1 {
        faults.add(at, "name exactly one of dingtalk, feishu, wecom, slack, teams, webhook, email");
        return None;
    }
    channels.pop().flatten()
}

/// An address of a robot, looked at. `None` after saying what is wrong.
fn address(url: &str, guard: &Guard, at: &str, faults: &mut Faults) -> Option<()> {
    match guard.check_url(url) {
        Ok(_) => Some(()),
        Err(refused) => {
            faults.add(format!("{at}.url"), refused.to_string());
            None
        }
    }
}

/// An answer by status alone: what every platform means by it.
fn by_status(reply: &Reply) -> Option<Outcome> {
    let reason = format!("HTTP {}", reply.status);
    match reply.status {
        200..=299 => None,
        429 => Some(Outcome::Limited { after: reply.retry_after, reason }),
        408 | 425 | 500..=599 => Some(Outcome::Retry { after: reply.retry_after, reason }),
        413 => Some(Outcome::TooLong { reason }),
        300..=399 => Some(Outcome::Refused { reason: format!("{reason}: redirections are not followed") }),
        _ => Some(Outcome::Refused { reason }),
    }
}

fn failed(failure: Failure) -> Outcome {
    match failure {
        Failure::NotSent(reason) => Outcome::Retry { after: None, reason },
        Failure::InDoubt(reason) => Outcome::InDoubt { reason },
        Failure::Refused(refused) => Outcome::Refused { reason: refused.to_string() },
    }
}

/// The answer of a robot: a number in JSON, with HTTP 200 around it.
struct Said {
    code: i64,
    text: String,
}

/// Reads `code` and its text from a robot's answer. One that was cut off, or is no JSON, tells nothing: the
/// message may have been taken.
fn said(reply: &Reply, code: &str, text: &str) -> Result<Said, Outcome> {
    if let Some(outcome) = by_status(reply) {
        return Err(outcome);
    }
    let unclear = || Outcome::InDoubt { reason: format!("HTTP {} and no answer that can be read", reply.status) };
    if !reply.is_whole {
        return Err(unclear());
    }
    let body: serde_json::Value = serde_json::from_slice(&reply.body).map_err(|_| unclear())?;
    let code = body.get(code).and_then(serde_json::Value::as_i64).ok_or_else(unclear)?;
    let text = body.get(text).and_then(serde_json::Value::as_str).unwrap_or_default();
    Ok(Said { code, text: text.chars().filter(|c| !c.is_control()).take(200).collect() })
}

/// A robot's number and words as a reason.
fn reason(said: &Said) -> String {
    format!("{}: {}", said.code, said.text)
}

#[cfg(test)]
mod golden;
