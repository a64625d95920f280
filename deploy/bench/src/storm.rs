//! How well alerts alone are grouped and explained: labelled alerts of others, played through the
//! Alertmanager API of the real server; and what a storm of 100,000 alerts costs.
//!
//! Truth is read here, after the fact. Alerts are sent in the order of their times, a minute at a time, as
//! their source told them.

mod truth;

use crate::Settings;
use crate::child::Server;
use crate::progress::Stage;
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;
use truth::{Told, Truth, pairs_within};

const CONFIG: &str = "[alerting]\nstep = \"1s\"\nlateness = \"1s\"\nidle = \"1s\"\n";
/// The generated storm.
const STORM_ALERTS: usize = 100_000;
const STORM_SERVICES: usize = 300;
const BATCH: usize = 500;

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
    pub notifications_per_fault: f64,
    /// Share of alerts that nobody was told one by one.
    pub reduction: f64,
}

/// What the generated storm cost.
#[derive(Clone, Debug, Serialize)]
pub struct StormCost {
    pub alerts: usize,
    pub services: usize,
    pub cpu_seconds: f64,
    pub memory_mib: f64,
    pub incidents: usize,
    /// Alerts that the server does not show.
    pub lost: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct StormReport {
    pub systems: Vec<StormSystem>,
    pub storm: StormCost,
}

/// Plays every set below `DIR/alerts`, then the generated storm.
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
    Ok(StormReport { systems, storm: generated(settings).await? })
}

/// Tells the server who calls whom, what is an instance of what, what runs where.
async fn topology(server: &Server, folder: &Path) -> Result<()> {
    let mut file = folder.join("topology.json");
    if !file.is_file() {
        // Overlays are of the system they are named after.
        let name = folder.file_name().unwrap_or_default().to_string_lossy().replace("overlay-", "");
        file = folder.with_file_name(name).join("topology.json");
    }
    let known: Value =
        serde_json::from_str(&std::fs::read_to_string(&file).with_context(|| file.display().to_string())?)?;
    let kind = |name: &str| match known["nodes"][name].as_str() {
        Some("Service_Instance") => "instance",
        Some("Database") => "database",
        Some("Cache") => "cache",
        Some("Host" | "Node") => "node",
        _ => "service",
    };
    let written = |name: &Value| name.as_str().map(|name| format!("{}:{name}", kind(name))).unwrap_or_default();
    let mut relations = Vec::new();
    for (list, relation) in [("calls", "calls"), ("instance_of", "instance_of"), ("runs_on", "runs_on")] {
        let pairs: Vec<(Value, Value)> = match &known[list] {
            Value::Array(pairs) => pairs.iter().map(|pair| (pair[0].clone(), pair[1].clone())).collect(),
            Value::Object(pairs) => pairs.iter().map(|(from, to)| (json!(from), to.clone())).collect(),
            _ => Vec::new(),
        };
        relations.extend(
            pairs.iter().map(|(from, to)| json!({"from": written(from), "relation": relation, "to": written(to)})),
        );
    }
    server.put("/api/v1/catalog/topology", &json!({ "relations": relations })).await.map(drop)
}

/// Plays one labelled set.
async fn play(settings: &Settings, folder: &Path) -> Result<StormSystem> {
    let (truth, told) = truth::read(folder)?;
    let server = Server::start_with(&settings.exe, CONFIG)?;
    topology(&server, folder).await?;
    let stage = Stage::new(settings.progress, "alerts", told.len() as u64);
    let mut minutes: BTreeMap<i64, Vec<&Told>> = BTreeMap::new();
    for alert in &told {
        minutes.entry(alert.millis / 60_000).or_default().push(alert);
    }
    for alerts in minutes.values() {
        send(&server, alerts.iter().map(|alert| alert.body())).await?;
        taken(&server).await?;
        stage.bar().inc(alerts.len() as u64);
    }
    let incidents = truth::incidents(&server).await?;
    let messages = server.sql("SELECT count(*) FROM notifications WHERE occasion = 'opened'").await?;
    let messages = messages["rows"][0][0].as_f64().unwrap_or_default();
    Ok(score(&folder.file_name().unwrap_or_default().to_string_lossy(), &truth, &told, &incidents, messages))
}

async fn send(server: &Server, bodies: impl Iterator<Item = Value>) -> Result<()> {
    let bodies: Vec<Value> = bodies.collect();
    for batch in bodies.chunks(BATCH) {
        server.post("/alertmanager/api/v2/alerts", &json!(batch)).await?;
    }
    Ok(())
}

/// Returns when every alert that was sent has been taken in.
async fn taken(server: &Server) -> Result<()> {
    while server.figure("stormglass_watch_inbox_alerts").await? > 0.0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn score(system: &str, truth: &Truth, told: &[Told], incidents: &[truth::Found], messages: f64) -> StormSystem {
    let mut incident_of: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, incident) in incidents.iter().enumerate() {
        incident_of.extend(incident.alerts.iter().map(|alert| (alert.as_str(), at)));
    }
    let mut together: BTreeMap<(&str, Option<usize>), u64> = BTreeMap::new();
    for alert in told {
        let Some(fault) = truth.fault_of(alert.id) else { continue };
        *together.entry((fault, incident_of.get(alert.key.as_str()).copied())).or_default() += 1;
    }
    let (mut hits, mut missed, mut split) = ([0_usize; 2], 0, 0);
    for (fault, roots) in &truth.roots {
        let held: Vec<(usize, u64)> =
            together.iter().filter(|((of, _), _)| of == fault).filter_map(|((_, at), n)| Some(((*at)?, *n))).collect();
        // A tenth of a fault's alerts elsewhere is not a split.
        let all: u64 = held.iter().map(|(_, n)| n).sum();
        split += usize::from(held.iter().filter(|(_, n)| n * 10 > all).count() > 1);
        let most = held.iter().max_by_key(|(_, n)| *n);
        let rank = most.and_then(|(at, _)| {
            incidents[*at].causes.iter().position(|cause| roots.iter().any(|root| truth::same(cause, root)))
        });
        hits[0] += usize::from(rank == Some(0));
        hits[1] += usize::from(rank.is_some_and(|rank| rank < 3));
        let anywhere = held.iter().any(|(at, _)| {
            incidents[*at].causes.iter().take(3).any(|cause| roots.iter().any(|root| truth::same(cause, root)))
        });
        missed += usize::from(!anywhere);
    }
    let mut of_incident: BTreeMap<usize, u64> = BTreeMap::new();
    let mut of_fault: BTreeMap<&str, u64> = BTreeMap::new();
    let mut faults_of: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for ((fault, at), n) in &together {
        *of_fault.entry(fault).or_default() += n;
        if let Some(at) = at {
            *of_incident.entry(*at).or_default() += n;
            faults_of.entry(*at).or_default().push(*n);
        }
    }
    let right: u64 = together.iter().filter(|((_, at), _)| at.is_some()).map(|(_, n)| pairs_within(*n)).sum();
    let grouped: u64 = of_incident.values().map(|n| pairs_within(*n)).sum();
    let wanted: u64 = of_fault.values().map(|n| pairs_within(*n)).sum();
    let faults = truth.roots.len();
    let share = |count: usize| count as f64 / faults.max(1) as f64;
    let is_merged = |counts: &&Vec<u64>| counts.iter().filter(|n| **n * 10 > counts.iter().sum::<u64>()).count() > 1;
    StormSystem {
        system: system.to_owned(),
        faults,
        hit1: share(hits[0]),
        hit3: share(hits[1]),
        pair_f1: 2.0 * right as f64 / (grouped + wanted).max(1) as f64,
        merged: faults_of.values().filter(is_merged).count(),
        split,
        missed,
        notifications_per_fault: messages / faults.max(1) as f64,
        reduction: 1.0 - messages / told.len().max(1) as f64,
    }
}

/// A storm over a made-up estate: 300 services in a tree of calls, three of them at fault.
async fn generated(settings: &Settings) -> Result<StormCost> {
    let server = Server::start_with(&settings.exe, CONFIG)?;
    let calls =
        |n: usize| json!({"from": format!("service:s{n}"), "relation": "calls", "to": format!("service:s{}", n / 3)});
    let relations: Vec<Value> = (1..STORM_SERVICES).map(calls).collect();
    server.put("/api/v1/catalog/topology", &json!({ "relations": relations })).await?;
    let before = server.tree().cpu_seconds()?;
    let stage = Stage::new(settings.progress, "storm", STORM_ALERTS as u64);
    let kinds = STORM_ALERTS / STORM_SERVICES + 1;
    let alert = |n: usize| {
        let (service, kind) = (n % STORM_SERVICES, n / STORM_SERVICES % kinds);
        json!({"labels": {"alertname": format!("A{kind}"), "service": format!("s{service}"), "severity": "high"}})
    };
    for from in (0..STORM_ALERTS).step_by(BATCH) {
        let until = (from + BATCH).min(STORM_ALERTS);
        server.post("/alertmanager/api/v2/alerts", &json!((from..until).map(alert).collect::<Vec<_>>())).await?;
        stage.bar().inc((until - from) as u64);
    }
    taken(&server).await?;
    let shown = server.sql("SELECT count(*) FROM alerts").await?["rows"][0][0].as_u64().unwrap_or_default();
    let incidents = server.sql("SELECT count(*) FROM incidents").await?["rows"][0][0].as_u64().unwrap_or_default();
    Ok(StormCost {
        alerts: STORM_ALERTS,
        services: STORM_SERVICES,
        cpu_seconds: server.tree().cpu_seconds()? - before,
        memory_mib: server.tree().pss_bytes()? as f64 / (1 << 20) as f64,
        incidents: incidents as usize,
        lost: STORM_ALERTS.saturating_sub(shown as usize),
    })
}

impl fmt::Display for StormReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:38} {:>6} {:>6} {:>6} {:>7} {:>6} {:>5} {:>6} {:>9} {:>9}",
            "system", "faults", "Hit@1", "Hit@3", "pair F1", "merged", "split", "missed", "per fault", "reduction"
        )?;
        for s in &self.systems {
            writeln!(
                f,
                "{:38} {:>6} {:>6.1} {:>6.1} {:>7.3} {:>6} {:>5} {:>6} {:>9.2} {:>8.2}%",
                s.system,
                s.faults,
                s.hit1 * 100.0,
                s.hit3 * 100.0,
                s.pair_f1,
                s.merged,
                s.split,
                s.missed,
                s.notifications_per_fault,
                s.reduction * 100.0
            )?;
        }
        let storm = &self.storm;
        writeln!(
            f,
            "storm of {} alerts over {} services: {:.1} CPU-s, {:.0} MiB, {} incidents, {} alerts lost",
            storm.alerts, storm.services, storm.cpu_seconds, storm.memory_mib, storm.incidents, storm.lost
        )
    }
}
