//! One fault in one demo: started, waited for, read off.

use super::robot::Robot;
use crate::child::Server;
use crate::rca::nanos;
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// All is well for so long once the past has been judged, then it is broken for so long.
const WELL: Duration = Duration::from_secs(60);
const BROKEN: Duration = Duration::from_secs(120);
/// So long after the fault's end all its incidents should be over, and told to be.
const OVER_WITHIN: Duration = Duration::from_secs(300);
/// How long nothing is broken where nothing may be told.
pub(super) const QUIET: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The watch has caught up with the past of the company when so much is in and not judged, seconds.
const CAUGHT_UP: f64 = 15.0;
/// A demo that has not caught up by then never will.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(600);

/// One fault with one seed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Played {
    pub fault: String,
    pub seed: u64,
    /// One for each independent fault in it.
    pub asked: Vec<Asked>,
    pub incidents: usize,
    /// Incidents that belong to no fault.
    pub unexplained: usize,
    /// Messages that were delivered.
    pub messages: usize,
    /// Processor time of the whole demo, seconds.
    pub cpu_seconds: f64,
    /// Why it was not played to its end.
    pub failed: Option<String>,
}

/// One question of the answer key, and what was shown for it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Asked {
    /// `kind:name`, any of them.
    pub entities: Vec<String>,
    pub kinds: Vec<String>,
    /// As the scorecard says: right, entity_only, kind_only, wrong, undetermined, missed.
    pub verdict: String,
    pub incident: Option<String>,
    pub entity: Option<String>,
    pub kind: Option<String>,
    /// Seconds from the fault's start until the incident, the right cause, the first message.
    pub detect: Option<f64>,
    pub locate: Option<f64>,
    pub message: Option<f64>,
    /// Seconds from the fault's end until the incident was over.
    pub recover: Option<f64>,
    /// Whether people were told that it is over.
    pub resolved_message: bool,
}

impl Asked {
    pub(super) fn is_seen(&self) -> bool {
        self.incident.is_some()
    }

    pub(super) fn is_entity(&self) -> bool {
        matches!(self.verdict.as_str(), "right" | "entity_only")
    }

    pub(super) fn is_kind(&self) -> bool {
        matches!(self.verdict.as_str(), "right" | "kind_only")
    }

    pub(super) fn is_right(&self) -> bool {
        self.verdict == "right"
    }

    /// The verdict beside the truth, in a line.
    pub(super) fn said(&self) -> String {
        let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".into());
        format!(
            "{}: shown {} ({}), true {} ({})",
            self.verdict,
            shown(&self.entity),
            shown(&self.kind),
            self.entities.join(" or "),
            self.kinds.join(" or ")
        )
    }
}

/// A demo with this seed whose incidents are told to the robot.
async fn company(exe: &Path, seed: u64, robot: &Robot) -> Result<Server> {
    let demo = Server::start_demo(exe, &["--seed".to_owned(), seed.to_string()])?;
    let routes = json!({
        "network": {"allow": ["127.0.0.1"]},
        "receivers": [{"name": "bench", "webhook": {"url": robot.url}}],
        "route": {"receivers": ["bench"]},
    });
    demo.post("/api/v1/routes", &routes).await?;
    let begun = Instant::now();
    // The company opens when its past has been sent; from then on there is a scorecard.
    while demo.fetch("/api/v1/demo/scorecard").await.is_err() || is_behind(&demo).await? {
        anyhow::ensure!(begun.elapsed() < CATCH_UP_WITHIN, "the past of the company was never judged");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(demo)
}

/// Whether the company's past is still being sent, or judged.
async fn is_behind(demo: &Server) -> Result<bool> {
    let live = "SELECT count(*) AS spans FROM spans WHERE time > now() - INTERVAL '10 seconds'";
    let is_live = demo.sql(live).await?["rows"][0][0].as_u64().is_some_and(|spans| spans > 0);
    let is_judged = demo.figure("stormglass_watch_rounds_total").await? > 0.0;
    Ok(!is_live || !is_judged || demo.figure("stormglass_watch_behind_seconds").await? > CAUGHT_UP)
}

/// Plays a fault, to the end of its incidents.
pub(super) async fn play(exe: &Path, fault: &str, seed: u64) -> Result<Played> {
    let robot = Robot::open().await?;
    let demo = company(exe, seed, &robot).await?;
    tokio::time::sleep(WELL).await;
    let lasts = json!({ "duration": format!("{}s", BROKEN.as_secs()) });
    demo.post(&format!("/api/v1/demo/faults/{}", fault.replace('+', "%2B")), &lasts).await?;
    let card = over(&demo).await?;
    read(&demo, fault, seed, &card).await
}

/// Lets the company trade and breaks nothing.
pub(super) async fn quiet(exe: &Path, name: &str, seed: u64) -> Result<Played> {
    let robot = Robot::open().await?;
    let demo = company(exe, seed, &robot).await?;
    tokio::time::sleep(QUIET).await;
    let played = read(&demo, name, seed, &json!({"items": []})).await?;
    Ok(Played { unexplained: played.incidents, ..played })
}

/// The scorecard, when all that the fault brought about is over, or should be.
async fn over(demo: &Server) -> Result<Value> {
    tokio::time::sleep(BROKEN).await;
    let ended = Instant::now();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let card = demo.fetch("/api/v1/demo/scorecard").await?;
        let items = card["items"].as_array().map_or(&[][..], Vec::as_slice);
        anyhow::ensure!(!items.is_empty(), "the fault never acted");
        let acts = items.iter().any(|item| item["acts"] == true);
        if ended.elapsed() >= OVER_WITHIN || (!acts && seen(items) && quiet_again(demo).await?) {
            return Ok(card);
        }
    }
}

/// Whether every question has its answer, or will never have one.
fn seen(items: &[Value]) -> bool {
    items.iter().all(|item| item["verdict"] != "waiting")
}

/// Whether every incident is over and every message about that has been delivered.
async fn quiet_again(demo: &Server) -> Result<bool> {
    let incidents = demo.get("/api/v1/incidents?limit=1000").await?;
    let messages = messages(demo).await?;
    let told = |id: &Value| messages.iter().any(|message| message["incident_id"] == *id && is_resolved(message));
    let over = |incident: &Value| match incident["state"].as_str() {
        Some("merged") => true,
        Some("resolved" | "closed") => told(&incident["id"]),
        _ => false,
    };
    Ok(incidents["items"].as_array().is_some_and(|items| items.iter().all(over)))
}

fn is_resolved(message: &Value) -> bool {
    message["occasion"] == "resolved" && message["state"] == "delivered"
}

async fn messages(demo: &Server) -> Result<Vec<Value>> {
    let page = demo.get("/api/v1/notifications?limit=1000").await?;
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

async fn read(demo: &Server, fault: &str, seed: u64, card: &Value) -> Result<Played> {
    let incidents = demo.get("/api/v1/incidents?limit=1000").await?;
    let messages = messages(demo).await?;
    let mut asked: Vec<Asked> = Vec::new();
    for item in card["items"].as_array().context("the scorecard has no items")? {
        asked.push(question(item, &messages));
    }
    asked.reverse();
    Ok(Played {
        fault: fault.to_owned(),
        seed,
        asked,
        incidents: incidents["items"].as_array().map_or(0, Vec::len),
        unexplained: card["unexplained"].as_u64().unwrap_or_default() as usize,
        messages: messages.iter().filter(|message| message["state"] == "delivered").count(),
        cpu_seconds: demo.tree().cpu_seconds()?,
        failed: None,
    })
}

fn question(item: &Value, messages: &[Value]) -> Asked {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts = |value: &Value| value.as_array().into_iter().flatten().filter_map(text).collect();
    let seconds = |name: &str| item["clocks"][name].as_f64().map(|ns| ns / 1e9);
    let incident = text(&item["shown"]["incident"]);
    let ours = || messages.iter().filter(|message| incident.is_some() && text(&message["incident_id"]) == incident);
    let started = item["started_at"].as_str().and_then(nanos);
    let sent = ours().filter(|message| message["state"] == "delivered");
    let first = sent.filter_map(|message| message["sent_at"].as_str().and_then(nanos)).min();
    Asked {
        entities: texts(&item["truth"]["entities"]),
        kinds: texts(&item["truth"]["kinds"]),
        verdict: text(&item["verdict"]).unwrap_or_default(),
        entity: text(&item["shown"]["entity"]),
        kind: text(&item["shown"]["kind"]),
        detect: seconds("detect_ns"),
        locate: seconds("locate_ns"),
        message: started.zip(first).map(|(started, first)| (first - started) as f64 / 1e9),
        recover: seconds("recover_ns"),
        resolved_message: ours().any(is_resolved),
        incident,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_off_the_scorecard_and_the_ledger() {
        let item = json!({
            "verdict": "kind_only", "started_at": "2026-11-20T08:00:00Z",
            "truth": {"entities": ["host:node-5"], "kinds": ["disk"]},
            "shown": {"incident": "I-1", "entity": "service:invoice-service", "kind": "disk"},
            "clocks": {"detect_ns": 12_000_000_000_u64, "locate_ns": null, "recover_ns": 60_000_000_000_u64},
        });
        let message = |incident: &str, occasion: &str, state: &str, sent: &str| json!({"incident_id": incident, "occasion": occasion, "state": state, "sent_at": sent});
        let messages = [
            message("I-1", "resolved", "delivered", "2026-11-20T08:04:00Z"),
            message("I-1", "opened", "delivered", "2026-11-20T08:00:19.5Z"),
            message("I-2", "opened", "delivered", "2026-11-20T08:00:01Z"),
            message("I-1", "opened", "retrying", "2026-11-20T08:00:02Z"),
        ];
        let asked = question(&item, &messages);
        assert_eq!((asked.detect, asked.locate, asked.recover), (Some(12.0), None, Some(60.0)));
        assert_eq!((asked.message, asked.resolved_message), (Some(19.5), true));
        assert_eq!((asked.is_seen(), asked.is_entity(), asked.is_kind(), asked.is_right()), (true, false, true, false));
        assert!(asked.said().contains("shown service:invoice-service (disk), true host:node-5 (disk)"));
        let nobody = question(&json!({"verdict": "missed", "shown": null}), &messages);
        assert_eq!((nobody.is_seen(), nobody.message, nobody.resolved_message), (false, None, false));
    }
}
