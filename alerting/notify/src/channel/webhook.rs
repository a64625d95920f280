//! An HTTP endpoint: Alertmanager's version 4 JSON with our `incident` beside it, signed and with a key.
//!
//! `X-Signature: sha256=HEX` is the HMAC of `X-Timestamp`, a dot and the body. `Idempotency-Key` is the same
//! whenever the same message is sent, so an endpoint that heeds it is never told twice.

use super::{Channel, Outcome, Parcel, address, by_status, failed, sign};
use crate::config::Webhook;
use crate::guard::Guard;
use crate::limits::Limits;
use crate::message::{ALERTS_MAX, AlertLine, Message, State};
use crate::outbox::Content;
use crate::policy::Faults;
use crate::render::{said, words};
use crate::wire::{Wire, secret_header};
use async_trait::async_trait;
use jiff::Timestamp;
use model::UnixNanos;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Most bytes of one request; alerts are left out until it fits.
const BODY_BYTES_MAX: usize = 256 * 1024;
const HEADERS_MAX: usize = 20;
/// Headers that belong to the connection or to us.
const RESERVED: [&str; 10] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "x-signature",
    "x-timestamp",
    "idempotency-key",
    "authorization",
    "user-agent",
];

#[derive(Debug)]
struct Endpoint {
    settings: Webhook,
}

pub(super) fn check(settings: &Webhook, guard: &Guard, at: &str, faults: &mut Faults) -> Option<Box<dyn Channel>> {
    address(settings.url.reveal(), guard, at, faults)?;
    faults.at_most(&format!("{at}.headers"), settings.headers.len(), HEADERS_MAX);
    for (name, value) in &settings.headers {
        let known = HeaderName::try_from(name.as_str()).is_ok_and(|name| !RESERVED.contains(&name.as_str()));
        if !known || secret_header(value.reveal()).is_none() {
            faults.add(format!("{at}.headers.{name}"), "not a header that may be set; `bearer` sets the authorization");
        }
    }
    if settings.max_alerts.is_some_and(|max| max > ALERTS_MAX) {
        faults.add(format!("{at}.max_alerts"), format!("at most {ALERTS_MAX}: a message holds no more"));
    }
    let bearer = settings.bearer.as_ref().is_some_and(|token| secret_header(token.reveal()).is_none());
    if bearer {
        faults.add(format!("{at}.bearer"), "no control characters");
    }
    Some(Box::new(Endpoint { settings: settings.clone() }))
}

fn time(at: Option<UnixNanos>) -> String {
    let at = at.and_then(|at| Timestamp::from_nanosecond(i128::from(at.0)).ok());
    // What has no end yet ends in the year 1, as Alertmanager writes it.
    at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| format!("{at:.9}"))
}

fn alert(line: &AlertLine) -> Value {
    json!({
        "status": if line.firing { "firing" } else { "resolved" },
        "labels": line.labels,
        "annotations": line.annotations,
        "startsAt": time(Some(line.starts_at)),
        "endsAt": time(line.ends_at.filter(|_| !line.firing)),
        "generatorURL": line.generator_url.as_deref().unwrap_or_default(),
        "fingerprint": line.fingerprint,
    })
}

/// An incident without alert lines is itself the alert, so that readers of version 4 always find one.
fn stand_in(message: &Message, summary: &str) -> Value {
    let firing = message.state != State::Resolved;
    json!({
        "status": if firing { "firing" } else { "resolved" },
        "labels": {"alertname": "Incident", "incident": message.incident, "severity": message.severity.as_str()},
        "annotations": {"summary": summary},
        "startsAt": time(Some(message.opened_at)),
        "endsAt": time(message.resolved_at.filter(|_| !firing)),
        "generatorURL": message.url.as_deref().unwrap_or_default(),
        "fingerprint": message.incident,
    })
}

/// The times of an incident in JSON, written as the API writes them instead of as numbers.
fn date(about: &mut Value) {
    let candidates = about.get("candidates").and_then(Value::as_array).map_or(0, Vec::len);
    let clocks = ["fault", "detected", "notified", "acknowledged", "located", "mitigated", "resolved"];
    let places = ["/opened_at", "/resolved_at", "/cause/since", "/change/time"].map(str::to_owned).into_iter();
    let places = places.chain(clocks.map(|clock| format!("/clocks/{clock}_at")));
    for place in places.chain((0..candidates).map(|n| format!("/candidates/{n}/since"))) {
        if let Some(value) = about.pointer_mut(&place)
            && let Some(nanos) = value.as_i64()
        {
            *value = time(Some(UnixNanos(nanos))).into();
        }
    }
}

/// Labels that all alerts share.
fn common<'a>(mut maps: impl Iterator<Item = &'a std::collections::BTreeMap<String, String>>) -> Map<String, Value> {
    let Some(first) = maps.next() else { return Map::new() };
    let mut shared = first.clone();
    for map in maps {
        shared.retain(|name, value| map.get(name) == Some(value));
    }
    shared.into_iter().map(|(name, value)| (name, Value::from(value))).collect()
}

fn reason(parcel: &Parcel<'_>) -> &'static str {
    parcel.dispatch.occasion.as_str()
}

/// The request for one incident, with as many alerts as fit.
fn incident(settings: &Webhook, parcel: &Parcel<'_>, message: &Message) -> Value {
    let summary = said(&message.title, parcel.target.language);
    let firing = message.state != State::Resolved;
    let most = settings.max_alerts.unwrap_or(ALERTS_MAX);
    let mut lines = message.alerts.iter().take(most).collect::<Vec<_>>();
    loop {
        let alerts: Vec<Value> = if lines.is_empty() {
            vec![stand_in(message, summary)]
        } else {
            lines.iter().map(|line| alert(line)).collect()
        };
        let shown = lines.len() as u64;
        let mut common_labels = common(lines.iter().map(|line| &line.labels));
        common_labels.insert("severity".to_owned(), message.severity.as_str().into());
        let mut about = serde_json::to_value(message).unwrap_or_default();
        date(&mut about);
        if let Value::Object(about) = &mut about {
            // They stand above, in the form that readers know.
            about.remove("alerts");
        }
        let body = json!({
            "version": "4",
            "groupKey": format!("{{}}:{{incident=\"{}\"}}", message.incident),
            "truncatedAlerts": message.counts.alerts.saturating_sub(shown.max(1)),
            "status": if firing { "firing" } else { "resolved" },
            "receiver": parcel.target.name(),
            "notification_reason": reason(parcel),
            "groupLabels": {"incident": message.incident},
            "commonLabels": common_labels,
            "commonAnnotations": common(lines.iter().map(|line| &line.annotations)),
            "externalURL": parcel.external_url.unwrap_or_default(),
            "alerts": alerts,
            "incident": about,
        });
        if lines.is_empty() || body.to_string().len() <= BODY_BYTES_MAX {
            return body;
        }
        lines.truncate(lines.len() / 2);
    }
}

pub(super) fn body(settings: &Webhook, parcel: &Parcel<'_>) -> Vec<u8> {
    let body = match &parcel.dispatch.content {
        Content::Incident(message) => incident(settings, parcel, message),
        Content::Digest(digest) => json!({
            "version": "4",
            "groupKey": format!("{{}}:{{digest=\"{}\"}}", parcel.dispatch.entry),
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": parcel.target.name(),
            "notification_reason": reason(parcel),
            "groupLabels": {},
            "commonLabels": {},
            "commonAnnotations": {"summary": format!("{} {}", digest.items.len(), words(parcel.target.language).digest)},
            "externalURL": parcel.external_url.unwrap_or_default(),
            "alerts": [],
            "digest": digest,
        }),
    };
    body.to_string().into_bytes()
}

/// The headers that prove who sent what and when.
pub(super) fn headers(settings: &Webhook, parcel: &Parcel<'_>, body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &settings.headers {
        if let (Ok(name), Some(value)) = (HeaderName::try_from(name.as_str()), secret_header(value.reveal())) {
            headers.insert(name, value);
        }
    }
    if let Some(value) = settings.bearer.as_ref().and_then(|token| secret_header(&format!("Bearer {}", token.reveal())))
    {
        headers.insert("authorization", value);
    }
    let timestamp = parcel.now.0 / 1_000_000_000;
    headers.insert("x-timestamp", HeaderValue::from(timestamp));
    if let Ok(key) = HeaderValue::from_str(&parcel.dispatch.entry.0) {
        headers.insert("idempotency-key", key);
    }
    if let Some(secret) = &settings.secret {
        let mut signed = format!("{timestamp}.").into_bytes();
        signed.extend_from_slice(body);
        let signature = format!("sha256={}", sign::hex(secret.reveal().as_bytes(), &signed));
        if let Ok(value) = HeaderValue::from_str(&signature) {
            headers.insert("x-signature", value);
        }
    }
    headers
}

#[async_trait]
impl Channel for Endpoint {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn identity(&self) -> String {
        format!("webhook {}", self.settings.url.reveal())
    }

    fn limits(&self) -> Limits {
        Limits {
            per_minute: 1200,
            per_second: 50,
            reserve: 200,
            concurrent: 4,
            penalty: Duration::from_secs(15),
            // Programs read every message.
            digest: (0, 0),
        }
    }

    fn is_idempotent(&self) -> bool {
        !self.settings.forgetful
    }

    async fn send(&self, parcel: &Parcel<'_>, wire: &Wire) -> Outcome {
        let body = body(&self.settings, parcel);
        let headers = headers(&self.settings, parcel, &body);
        match wire.post(self.settings.url.reveal(), headers, body).await {
            Ok(reply) => by_status(&reply).unwrap_or(Outcome::Delivered { reference: None }),
            Err(failure) => failed(failure),
        }
    }
}
