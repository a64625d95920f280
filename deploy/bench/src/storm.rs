//! How well alerts alone are grouped and explained: labelled alerts of others, played through the
//! Alertmanager API of the real server; and what a storm of 100,000 alerts costs.
//!
//! Truth is read here, after the fact. Alerts are sent in the order of their times, a minute at a time, as
//! their source told them.

mod estate;
mod score;
mod truth;

use crate::Settings;
use crate::child::Server;
use crate::progress::Stage;
use anyhow::{Context, Result, ensure};
use estate::{ALERTS, SERVICES};
use model::{Clock, SystemClock};
use score::{Messages, score};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;
use truth::Told;

const CONFIG: &str = "[alerting]\nstep = \"1s\"\nlateness = \"1s\"\nidle = \"1s\"\n";
const BATCH: usize = 500;
const MINUTE: i64 = 60_000;

/// One set of labelled alerts.
#[derive(Clone, Debug, Serialize)]
pub struct StormSystem {
    pub system: String,
    pub faults: usize,
    /// Shares of faults whose root is the first, or among the first three, causes of the incident that holds
    /// most of its alerts.
    pub hit1: f64,
    pub hit3: f64,
    /// Of pairs of alerts: whether those of one fault are in one incident, and no others.
    pub pair_f1: f64,
    /// Incidents that hold alerts of several faults; faults whose alerts are in several incidents.
    pub merged: usize,
    pub split: usize,
    /// Faults whose root is in no incident's first three.
    pub missed: usize,
    /// Incidents of which people were told that they begin.
    pub notifications_per_fault: f64,
    /// The same with every later message but the last: a new cause, more severe, twice as large.
    pub messages_per_fault: f64,
    /// Share of alerts that nobody was told one by one.
    pub reduction: f64,
}

/// What the generated storm cost.
#[derive(Clone, Debug, Serialize)]
pub struct StormCost {
    pub what: &'static str,
    pub alerts: usize,
    pub services: usize,
    pub cpu_seconds: f64,
    /// Of the whole process tree: after a tenth of the alerts, and after the last.
    pub memory_early_mib: f64,
    pub memory_mib: f64,
    pub incidents: usize,
    /// Alerts that the server does not show.
    pub lost: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct StormReport {
    pub systems: Vec<StormSystem>,
    pub storms: Vec<StormCost>,
}

/// Plays every set below `DIR/alerts`, then the generated storms.
///
/// # Errors
/// When a file does not read, or the server fails.
pub(crate) async fn measure(settings: &Settings) -> Result<StormReport> {
    let mut systems = Vec::new();
    if let Some(data) = settings.data.as_deref() {
        let folder = data.join("alerts");
        let mut sets: Vec<_> =
            std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?.flatten().collect();
        sets.sort_by_key(std::fs::DirEntry::file_name);
        for set in sets.iter().filter(|set| set.path().join("alerts.jsonl.gz").is_file()) {
            systems.push(play(settings, &set.path()).await.with_context(|| set.path().display().to_string())?);
        }
    }
    let (system, ten_minutes) = ten_minutes(settings).await?;
    systems.push(system);
    Ok(StormReport { systems, storms: vec![ten_minutes, one_minute(settings).await?] })
}

/// Who calls whom, what is an instance of what, what runs where, as the set knows it.
struct Topology {
    relations: Vec<Value>,
    instances: BTreeMap<String, Vec<String>>,
}

fn topology(folder: &Path) -> Result<Topology> {
    let mut file = folder.join("topology.json");
    if !file.is_file() {
        // Overlays are of the system they are named after.
        let name = folder.file_name().unwrap_or_default().to_string_lossy().replace("overlay-", "");
        file = folder.with_file_name(name).join("topology.json");
    }
    let known: Value =
        serde_json::from_str(&std::fs::read_to_string(&file).with_context(|| file.display().to_string())?)?;
    let kind = |name: &str| match known["nodes"][name].as_str() {
        Some("Service_Instance" | "Cache_Instance") => "instance",
        Some("Database") => "database",
        Some("Host" | "Node") => "node",
        _ => "service",
    };
    let mut found = Topology { relations: Vec::new(), instances: BTreeMap::new() };
    for relation in ["calls", "instance_of", "runs_on"] {
        let pairs: Vec<(&str, &str)> = match &known[relation] {
            Value::Array(pairs) => {
                pairs.iter().filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?))).collect()
            }
            Value::Object(pairs) => pairs.iter().filter_map(|(from, to)| Some((from.as_str(), to.as_str()?))).collect(),
            _ => Vec::new(),
        };
        for (from, to) in pairs {
            let written = |name: &str| format!("{}:{name}", kind(name));
            found.relations.push(json!({"from": written(from), "relation": relation, "to": written(to)}));
            if relation == "instance_of" {
                found.instances.entry(to.to_owned()).or_default().push(from.to_owned());
            }
        }
    }
    Ok(found)
}

/// A server that knows the estate.
async fn server(settings: &Settings, relations: &[Value]) -> Result<Server> {
    let server = Server::start_with(&settings.exe, CONFIG)?;
    server.put("/api/v1/catalog/topology", &json!({ "relations": relations })).await?;
    Ok(server)
}

/// Plays one labelled set.
async fn play(settings: &Settings, folder: &Path) -> Result<StormSystem> {
    let known = topology(folder)?;
    let (truth, told) = truth::read(folder, &known.instances)?;
    let server = server(settings, &known.relations).await?;
    let stage = Stage::new(settings.progress, "alerts", told.len() as u64);
    let mut minutes: BTreeMap<i64, Vec<&Told>> = BTreeMap::new();
    for alert in &told {
        minutes.entry(alert.millis / MINUTE).or_default().push(alert);
    }
    let mut sent = 0;
    for alerts in minutes.values() {
        send(&server, alerts.iter().map(|alert| alert.body())).await?;
        sent += alerts.len();
        taken(&server, sent).await?;
        stage.bar().inc(alerts.len() as u64);
    }
    settled(&server).await?;
    let incidents = truth::incidents(&server).await?;
    let system = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(score(&system, &truth, (&told, told.len()), &incidents, messages(&server).await?))
}

async fn messages(server: &Server) -> Result<Messages> {
    let opened = count(server, "FROM notifications WHERE occasion IN ('opened', 'reopened')").await?;
    let all = count(server, "FROM notifications WHERE occasion <> 'resolved'").await?;
    Ok(Messages { opened: opened as f64, all: all as f64 })
}

async fn count(server: &Server, of: &str) -> Result<u64> {
    Ok(server.sql(&format!("SELECT count(*) {of}")).await?["rows"][0][0].as_u64().unwrap_or_default())
}

async fn send(server: &Server, bodies: impl Iterator<Item = Value>) -> Result<()> {
    let bodies: Vec<Value> = bodies.collect();
    for batch in bodies.chunks(BATCH) {
        server.post("/alertmanager/api/v2/alerts", &json!(batch)).await?;
    }
    Ok(())
}

/// Returns when every alert that was sent has been taken in.
async fn taken(server: &Server, sent: usize) -> Result<()> {
    while server.figure("stormglass_watch_alerts_total").await? < sent as f64 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Returns when the last verdicts are in: a played past comes to rest, a live one has gone so many rounds.
async fn settled(server: &Server) -> Result<()> {
    const ROUNDS: f64 = 40.0;
    let first = server.figure("stormglass_watch_rounds_total").await?;
    let mut rounds = -1.0;
    loop {
        let now = server.figure("stormglass_watch_rounds_total").await?;
        let rests = now == rounds && server.figure("stormglass_watch_rounds_running").await? == 0.0;
        if rests || now >= first + ROUNDS {
            return Ok(());
        }
        rounds = now;
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1 << 20) as f64
}

/// What was told and is not shown.
async fn lost(server: &Server) -> Result<usize> {
    let shown = server.sql("SELECT sum(count) FROM alerts").await?["rows"][0][0].as_u64().unwrap_or_default();
    Ok(ALERTS.saturating_sub(shown as usize))
}

/// Ten minutes of a storm over a made-up estate, five services at fault, everything told again and again.
async fn ten_minutes(settings: &Settings) -> Result<(StormSystem, StormCost)> {
    let began = SystemClock::new().now().0 / 1_000_000 - 10 * MINUTE;
    let storm = estate::storm(began);
    let server = server(settings, &estate::relations()).await?;
    let before = server.tree().cpu_seconds()?;
    let stage = Stage::new(settings.progress, "storm", ALERTS as u64);
    let (mut sent, mut early) = (0, 0.0);
    for minute in storm.tellings.chunk_by(|a, b| (a.millis - began) / MINUTE == (b.millis - began) / MINUTE) {
        send(&server, minute.iter().map(|telling| storm.series[telling.series].body())).await?;
        sent += minute.len();
        taken(&server, sent).await?;
        if early == 0.0 {
            early = mib(server.tree().pss_bytes()?);
        }
        stage.bar().inc(minute.len() as u64);
    }
    settled(&server).await?;
    let cpu_seconds = server.tree().cpu_seconds()? - before;
    let memory_mib = mib(server.tree().pss_bytes()?);
    let incidents = truth::incidents(&server).await?;
    let cost = StormCost {
        what: "told again and again over ten minutes",
        alerts: ALERTS,
        services: SERVICES,
        cpu_seconds,
        memory_early_mib: early,
        memory_mib,
        incidents: incidents.len(),
        lost: lost(&server).await?,
    };
    let told = (storm.series.as_slice(), ALERTS);
    Ok((score("generated-storm", &storm.truth, told, &incidents, messages(&server).await?), cost))
}

/// As many alerts as one minute may bring, no two of them the same: none may be lost.
async fn one_minute(settings: &Settings) -> Result<StormCost> {
    let server = server(settings, &estate::relations()).await?;
    let began = SystemClock::new().now().0 / 1_000_000 - MINUTE;
    let before = server.tree().cpu_seconds()?;
    let stage = Stage::new(settings.progress, "one minute", ALERTS as u64);
    let mut early = 0.0;
    for from in (0..ALERTS).step_by(BATCH) {
        let alert = |n: usize| {
            let (service, kind) = (n % SERVICES, n / SERVICES);
            let at = (began + n as i64 * MINUTE / ALERTS as i64) * 1_000_000;
            let labels = json!({"alertname": format!("A{kind}"), "service": format!("svc-{service:03}")});
            json!({"labels": labels, "startsAt": at.to_string()})
        };
        send(&server, (from..(from + BATCH).min(ALERTS)).map(alert)).await?;
        if from == ALERTS / 10 {
            early = mib(server.tree().pss_bytes()?);
        }
        stage.bar().inc(BATCH as u64);
    }
    taken(&server, ALERTS).await?;
    settled(&server).await?;
    let (cpu_seconds, memory_mib) = (server.tree().cpu_seconds()? - before, mib(server.tree().pss_bytes()?));
    let outside = count(&server, "FROM alerts WHERE incident_id IS NULL").await?;
    ensure!(outside == 0, "{outside} alerts are in no incident");
    Ok(StormCost {
        what: "all different, within one minute",
        alerts: ALERTS,
        services: SERVICES,
        cpu_seconds,
        memory_early_mib: early,
        memory_mib,
        incidents: count(&server, "FROM incidents").await? as usize,
        lost: lost(&server).await?,
    })
}

impl StormReport {
    /// The figures as tables of a document.
    pub fn markdown(&self) -> String {
        let mut lines = vec![
            "| alerts without telemetry, through the Alertmanager API | Hit@1 / @3 | pair F1 | merged | split | missed | openings / all messages per fault | reduction |".to_owned(),
            "|---|---|---|---|---|---|---|---|".to_owned(),
        ];
        lines.extend(self.systems.iter().map(|s| {
            format!(
                "| {}, {} faults | {:.1} / {:.1} % | {:.3} | {} | {} | {} ({:.0} %) | {:.2} / {:.2} | {:.2} % |",
                s.system,
                s.faults,
                s.hit1 * 100.0,
                s.hit3 * 100.0,
                s.pair_f1,
                s.merged,
                s.split,
                s.missed,
                s.missed as f64 * 100.0 / s.faults.max(1) as f64,
                s.notifications_per_fault,
                s.messages_per_fault,
                s.reduction * 100.0
            )
        }));
        lines.extend([
            String::new(),
            "| generated storm | CPU-s (goal 60) | memory after a tenth / at the end | incidents | alerts lost |"
                .to_owned(),
            "|---|---|---|---|---|".to_owned(),
        ]);
        lines.extend(self.storms.iter().map(|s| {
            format!(
                "| {} alerts over {} services, {} | {:.1} | {:.0} / {:.0} MiB | {} | {} |",
                s.alerts, s.services, s.what, s.cpu_seconds, s.memory_early_mib, s.memory_mib, s.incidents, s.lost
            )
        }));
        lines.join("\n")
    }
}

impl fmt::Display for StormReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:38} {:>6} {:>6} {:>6} {:>7} {:>6} {:>5} {:>6} {:>9} {:>9} {:>9}",
            "system",
            "faults",
            "Hit@1",
            "Hit@3",
            "pair F1",
            "merged",
            "split",
            "missed",
            "opened",
            "messages",
            "reduction"
        )?;
        for s in &self.systems {
            writeln!(
                f,
                "{:38} {:>6} {:>6.1} {:>6.1} {:>7.3} {:>6} {:>5} {:>6} {:>9.2} {:>9.2} {:>8.2}%",
                s.system,
                s.faults,
                s.hit1 * 100.0,
                s.hit3 * 100.0,
                s.pair_f1,
                s.merged,
                s.split,
                s.missed,
                s.notifications_per_fault,
                s.messages_per_fault,
                s.reduction * 100.0
            )?;
        }
        for s in &self.storms {
            writeln!(
                f,
                "{} alerts over {} services, {}: {:.1} CPU-s, {:.0} MiB early and {:.0} MiB at the end, {} incidents, {} lost",
                s.alerts, s.services, s.what, s.cpu_seconds, s.memory_early_mib, s.memory_mib, s.incidents, s.lost
            )?;
        }
        Ok(())
    }
}
