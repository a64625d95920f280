//! Labelled alerts, and what became of them.

use crate::child::Server;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

/// One alert as its source told it.
pub(super) struct Told {
    pub(super) id: u64,
    pub(super) millis: i64,
    labels: Value,
    /// The labels as one text: by this and its start it is found again.
    pub(super) key: String,
}

impl Told {
    pub(super) fn new(id: u64, millis: i64, labels: Value) -> Self {
        Self { id, millis, key: key(&labels), labels }
    }

    pub(super) fn body(&self) -> Value {
        json!({"labels": self.labels, "startsAt": (self.millis * 1_000_000).to_string()})
    }
}

/// Which fault each alert is of, and what each fault's root is.
#[derive(Default)]
pub(super) struct Truth {
    faults: BTreeMap<u64, String>,
    /// Names of the root, by fault.
    pub(super) roots: BTreeMap<String, BTreeSet<String>>,
}

impl Truth {
    /// A fault and every name that counts for its root.
    pub(super) fn fault(&mut self, name: &str, roots: impl IntoIterator<Item = String>) {
        self.roots.entry(name.to_owned()).or_default().extend(roots);
    }

    pub(super) fn of(&mut self, alert: u64, fault: &str) {
        self.faults.insert(alert, fault.to_owned());
    }

    pub(super) fn fault_of(&self, alert: u64) -> Option<&str> {
        self.faults.get(&alert).map(String::as_str)
    }
}

/// An incident with its alerts by key and start, and its causes in order.
pub(super) struct Found {
    pub(super) alerts: Vec<(String, i64)>,
    pub(super) causes: Vec<String>,
}

fn key(labels: &Value) -> String {
    let sorted: BTreeMap<&String, &Value> = labels.as_object().into_iter().flatten().collect();
    json!(sorted).to_string()
}

/// Reads `alerts.jsonl.gz`, `alert_truth.csv` and `labels.json` (or `pairs.json`). Where the root is a service, its
/// instances count as it: `instances` by service.
pub(super) fn read(folder: &Path, instances: &BTreeMap<String, Vec<String>>) -> Result<(Truth, Vec<Told>)> {
    let file = folder.join("alerts.jsonl.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(&file)?).read_to_string(&mut text)?;
    let mut told = Vec::new();
    for line in text.lines() {
        let alert: Value = serde_json::from_str(line).with_context(|| file.display().to_string())?;
        let millis = alert["startsAtMs"].as_i64().context("an alert has no startsAtMs")?;
        told.push(Told::new(alert["id"].as_u64().context("an alert has no id")?, millis, alert["labels"].clone()));
    }
    told.sort_by_key(|alert| (alert.millis, alert.id));
    let mut truth = Truth::default();
    for line in std::fs::read_to_string(folder.join("alert_truth.csv"))?.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        // With overlays the pair stands between: a fault may be in several.
        let (Some(alert), Some(fault)) = (fields.first().and_then(|id| id.parse().ok()), fields.get(1..)) else {
            continue;
        };
        truth.faults.insert(alert, fault.join("/"));
    }
    let labels: Value = ["labels.json", "pairs.json"]
        .iter()
        .find_map(|name| serde_json::from_str(&std::fs::read_to_string(folder.join(name)).ok()?).ok())
        .context("there is neither labels.json nor pairs.json")?;
    for label in labels.as_array().into_iter().flatten() {
        let mut root = |fault: String, label: &Value| {
            let entity = label["entity"].as_str().unwrap_or_default();
            let parts = instances.get(entity).filter(|_| label["level"] == "service").into_iter().flatten();
            truth.fault(&fault, parts.cloned().chain([entity.to_owned()]));
        };
        let id = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match label["faults"].as_array() {
            Some(faults) => faults
                .iter()
                .for_each(|fault| root(format!("{}/{}", id(&label["pair"]), id(&fault["fault_id"])), fault)),
            None => root(id(&label["fault_id"]), label),
        }
    }
    Ok((truth, told))
}

/// Every incident with its alerts and causes.
pub(super) async fn incidents(server: &Server) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.fetch(&format!("/api/v1/incidents?limit=500{cursor}")).await?;
        for summary in page["items"].as_array().into_iter().flatten() {
            let detail =
                server.fetch(&format!("/api/v1/incidents/{}", summary["id"].as_str().unwrap_or_default())).await?;
            let alerts = detail["alerts"].as_array().into_iter().flatten();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            found.push(Found {
                alerts: alerts
                    .filter_map(|alert| Some((key(&alert["labels"]), millis(alert["starts_at"].as_str()?)?)))
                    .collect(),
                causes: detail["causes"].as_array().into_iter().flatten().map(|cause| text(&cause["entity"])).collect(),
            });
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(found),
        }
    }
}

fn millis(text: &str) -> Option<i64> {
    crate::rca::nanos(text).map(|nanos| nanos / 1_000_000)
}
