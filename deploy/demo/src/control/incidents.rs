//! The incidents as the product's own API tells them: asked over HTTP like anybody else would.
//!
//! It reads the fields that the API promises and takes nothing for granted: a field that is absent is absent.

use super::card::{Shown, instant, rfc3339};
use model::UnixNanos;
use serde_json::Value;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);
/// Incidents that are looked at; a demo has a handful.
const INCIDENTS_MAX: usize = 200;
/// An incident may begin a little before its fault: windows are judged from their start.
const SLACK: Duration = Duration::from_secs(60);

/// One incident, reduced to what is compared.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Incident {
    pub(super) shown: Shown,
    pub(super) undetermined: bool,
    pub(super) opened: UnixNanos,
    pub(super) detected: Option<UnixNanos>,
    pub(super) located: Option<UnixNanos>,
    pub(super) mitigated: Option<UnixNanos>,
    pub(super) resolved: Option<UnixNanos>,
}

/// Where the incidents are.
#[derive(Clone, Debug)]
pub(super) struct Incidents {
    client: Option<reqwest::Client>,
    url: String,
    token: Option<String>,
}

impl Incidents {
    pub(super) fn at(url: &str, token: Option<&str>) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().ok();
        Self { client, url: url.trim_end_matches('/').into(), token: token.map(str::to_owned) }
    }

    /// All that were there at `first` or later.
    pub(super) async fn since(&self, first: UnixNanos) -> Result<Vec<Incident>, String> {
        let client = self.client.as_ref().ok_or("no HTTP client")?;
        let from = rfc3339(first.saturating_sub(SLACK));
        let url = format!("{}/api/v1/incidents", self.url);
        let limit = INCIDENTS_MAX.to_string();
        let mut get = client.get(url).query(&[("from", from.as_str()), ("limit", limit.as_str())]);
        if let Some(token) = &self.token {
            get = get.bearer_auth(token);
        }
        let answer = get.send().await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let page: Value = answer.json().await.map_err(|error| format!("HTTP {status}: {error}"))?;
        match page["items"].as_array() {
            Some(items) if status.is_success() => Ok(items.iter().filter_map(read).collect()),
            _ => Err(format!("HTTP {status}: {}", page["detail"].as_str().unwrap_or("no list of items"))),
        }
    }
}

/// One item of the list; `None` where it lacks what every incident has.
fn read(item: &Value) -> Option<Incident> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let time = |name: &str| item["clocks"][name].as_str().and_then(instant);
    let cause = &item["cause"];
    let shown = Shown {
        incident: text(&item["id"])?,
        state: text(&item["state"]).unwrap_or_default(),
        entity: text(&cause["entity"]),
        kind: text(&cause["kind"]),
        confidence: text(&cause["confidence"]),
        alerts: item["alert_count"].as_u64().unwrap_or(0),
    };
    Some(Incident {
        shown,
        undetermined: item["undetermined"] == true,
        opened: item["opened_at"].as_str().and_then(instant)?,
        detected: time("detected_at"),
        located: time("located_at"),
        mitigated: time("mitigated_at"),
        resolved: time("resolved_at").or_else(|| item["resolved_at"].as_str().and_then(instant)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_incident_is_read_from_the_fields_that_the_api_promises() {
        let item = json!({
            "id": "I-20261120-0001", "state": "resolved", "opened_at": "2026-11-20T08:00:05.000000000Z",
            "cause": { "entity": "service:payment-service", "kind": "connection_pool", "score": 9.5, "confidence": "high" },
            "undetermined": false, "alert_count": 214,
            "clocks": { "detected_at": "2026-11-20T08:00:06Z", "located_at": null, "resolved_at": "2026-11-20T08:04:00Z" },
        });
        let incident = read(&item).unwrap();
        assert_eq!(incident.shown.entity.as_deref(), Some("service:payment-service"));
        assert_eq!((incident.shown.alerts, incident.undetermined, incident.located), (214, false, None));
        let seconds = |time: Option<UnixNanos>| time.map(|t| (t.0 - incident.opened.0) / UnixNanos::SECOND);
        assert_eq!((seconds(incident.detected), seconds(incident.resolved)), (Some(1), Some(235)));
        assert_eq!(read(&json!({ "id": "I-1" })), None, "an incident that never began is none");
    }
}
