//! Where messages go: one receiver is one robot, channel, address list or endpoint.
//!
//! Addresses of robots hold their token, so they are secrets as a whole.

use super::period::Period;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The language of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Language {
    #[default]
    #[serde(rename = "zh-CN", alias = "zh")]
    Chinese,
    #[serde(rename = "en")]
    English,
}

impl Language {
    pub fn tag(self) -> &'static str {
        match self {
            Language::Chinese => "zh-CN",
            Language::English => "en",
        }
    }
}

/// What to do with a message of which nobody knows whether it arrived (the process was killed, or the
/// answer did not come), at a receiver that cannot tell a repetition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InDoubt {
    /// Send it again, marked as a possible repetition. Rather twice than never.
    #[default]
    Resend,
    /// Do not; the ledger says `in_doubt`.
    Skip,
}

/// One receiver. Exactly one of the channels is given.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Receiver {
    pub name: String,
    /// Absent: the configuration's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Told when its delivery has failed for good, or for longer than `fallback_after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_resolved: Option<bool>,
    pub in_doubt: InDoubt,
    /// A lower limit than the channel's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
    /// A text template of one's own, in place of the built-in one (minijinja; see `render`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dingtalk: Option<DingTalk>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feishu: Option<Feishu>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wecom: Option<WeCom>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slack: Option<Slack>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teams: Option<Teams>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
}

/// A custom robot of a DingTalk group.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DingTalk {
    /// `https://oapi.dingtalk.com/robot/send?access_token=...`
    pub url: Secret,
    /// The robot's signing secret (`SEC...`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// One of the robot's keywords, where it asks for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyword: Option<String>,
}

/// A custom bot of a Feishu or Lark group.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Feishu {
    /// `https://open.feishu.cn/open-apis/bot/v2/hook/...` (Lark: open.larksuite.com)
    pub url: Secret,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyword: Option<String>,
}

/// A message robot of a WeCom group.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WeCom {
    /// `https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=...`
    pub url: Secret,
}

/// Slack: an incoming webhook (`url`), or a bot (`token` and `channel`) that threads and edits.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slack {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Another base than `https://slack.com/api`, for GovSlack or a gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
}

/// A Workflows webhook of Microsoft Teams.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Teams {
    pub url: Secret,
}

/// An HTTP endpoint that takes Alertmanager's version 4 JSON with our `incident` beside it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhook {
    pub url: Secret,
    /// Signs `TIMESTAMP.BODY` with HMAC-SHA256 in `X-Signature`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// Sent as `Authorization: Bearer ...`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer: Option<Secret>,
    /// More headers, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    /// Alerts in one message; the rest is counted in `truncatedAlerts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_alerts: Option<usize>,
    /// Says that this endpoint does not heed `Idempotency-Key`: it is then treated like a robot.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forgetful: bool,
}

/// How a mail server is spoken to. There is no way to fall back to plain text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailSecurity {
    /// STARTTLS, required. Port 587.
    #[default]
    StartTls,
    /// TLS from the first byte. Port 465.
    Implicit,
}

/// A list of mail addresses, reached through one server.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Email {
    pub host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    pub security: MailSecurity,
    /// No encryption at all: for a server on this machine only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// A certificate authority of one's own, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// `Stormglass <stormglass@example.com>`
    pub from: String,
    pub to: Vec<String>,
}

/// How a person is called in each channel. Absent: the person is named, but nothing rings.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Person {
    /// As in the catalogue's `owner`, or in a message's `mentions`.
    pub name: String,
    /// Teams (the catalogue's `team`) whose messages call this person when the cause has no owner.
    pub teams: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dingtalk_mobile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dingtalk_user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feishu: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wecom: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slack: Option<String>,
    /// User principal name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teams_upn: Option<String>,
}

/// What may be connected to. Public addresses are reached by HTTPS on 443 and 8443; everything else only
/// where it is listed. Link-local addresses (and with them the metadata services of clouds) never.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Address ranges (`10.0.0.0/8`, `127.0.0.1/32`, `fd00::/8`) or host names.
    pub allow: Vec<String>,
}

/// A call to an outside watchman, who raises the alarm when it stays away.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeadMan {
    pub url: Secret,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Period>,
}
