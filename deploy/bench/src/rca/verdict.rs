//! What the server made of a case, and how that compares with the label.

use super::labels::{Labelled, Root};
use super::nanos;
use crate::child::Server;
use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// Alerts may begin a little before a fault by its label, and follow it.
const AROUND_NS: i64 = 120 * 1_000_000_000;
/// Causes and alerts of an incident that are shown.
const SHOWN: usize = 12;

/// How a case came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The truth is the first cause.
    Right,
    /// It is another than the first.
    Later,
    /// It is not among the causes.
    Wrong,
    /// Nothing was opened in the time of the fault.
    NoIncident,
}

/// What the server made of a case.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Answer {
    pub outcome: Outcome,
    /// Of the truth among the causes, from 1.
    pub rank: Option<usize>,
    pub innocent_convicted: bool,
    /// The verdict in a line.
    pub said: String,
    /// All incidents that stand at the end.
    pub incidents: usize,
    /// Alerts of the answering incident: when, what, of whom.
    pub alerts: Vec<String>,
    /// Its causes: whom, kind, bits, the strongest evidence.
    pub causes: Vec<String>,
}

async fn incidents(server: &Server) -> Result<Vec<Value>> {
    let page = server.get("/api/v1/incidents?limit=1000").await?;
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

/// What healthy time has brought.
#[derive(Clone, Debug, Default)]
pub(super) struct Quiet {
    /// Incidents that no labelled fault is behind: when, and what.
    pub(super) false_incidents: Vec<String>,
    /// Incidents in the time of a labelled fault.
    pub(super) of_faults: usize,
}

fn is_within(alert: &Value, (from, until): (i64, i64)) -> bool {
    let begins = alert["starts_at"].as_str().and_then(nanos);
    begins.is_some_and(|at| at >= from - AROUND_NS && at <= until + AROUND_NS)
}

/// Tells the incidents of a healthy time from those of labelled faults in it.
pub(super) async fn quiet(server: &Server, faults: &[(i64, i64)]) -> Result<Quiet> {
    let mut quiet = Quiet::default();
    for incident in incidents(server).await? {
        let detail = server.fetch(&format!("/api/v1/incidents/{}", shown(&incident["id"]))).await?;
        let mut alerts = detail["alerts"].as_array().into_iter().flatten();
        if alerts.any(|alert| faults.iter().any(|fault| is_within(alert, *fault))) {
            quiet.of_faults += 1;
        } else {
            let title = shown(&incident["title"]["en"]);
            quiet.false_incidents.push(format!("{} {title}", shown(&incident["opened_at"])));
        }
    }
    Ok(quiet)
}

/// The causes of the incident that holds most alerts in the time of the fault.
pub(super) async fn read(server: &Server, case: &Labelled) -> Result<Answer> {
    let all = incidents(server).await?;
    let mut best: Option<(usize, Value)> = None;
    for incident in &all {
        let detail = server.fetch(&format!("/api/v1/incidents/{}", shown(&incident["id"]))).await?;
        let within = |alert: &&Value| is_within(alert, case.lasted);
        let alerts = detail["alerts"].as_array().map_or(0, |alerts| alerts.iter().filter(within).count());
        if alerts > 0 && best.as_ref().is_none_or(|(most, _)| alerts > *most) {
            best = Some((alerts, detail));
        }
    }
    let Some((alerts, detail)) = best else { return Ok(nothing(all.len())) };
    let answer = told(&detail, alerts, all.len());
    match &case.root {
        Root::Service(root) => Ok(ranked(&detail, root, answer)),
        Root::Revision(culprit) => of_change(&detail, culprit, &case.folder, answer),
    }
}

fn nothing(incidents: usize) -> Answer {
    Answer {
        outcome: Outcome::NoIncident,
        rank: None,
        innocent_convicted: false,
        said: "no incident".into(),
        incidents,
        alerts: Vec::new(),
        causes: Vec::new(),
    }
}

fn told(detail: &Value, alerts: usize, incidents: usize) -> Answer {
    let list = |key: &str| detail[key].as_array().into_iter().flatten().take(SHOWN);
    let cause = |cause: &Value| {
        let evidence = &cause["evidence"][0];
        let [entity, kind] = ["entity", "kind"].map(|key| shown(&cause[key]));
        let bits = cause["score"].as_f64().unwrap_or_default();
        format!("{entity} ({kind}) {bits:.1}: {}", shown(&evidence["text"]["en"]))
    };
    let alert = |alert: &Value| {
        let [at, name, entity] = ["starts_at", "name", "entity"].map(|key| shown(&alert[key]));
        format!("{} {name} {entity}", at.get(11..19).unwrap_or_default())
    };
    let named: Vec<String> = list("causes").map(|cause| shown(&cause["entity"])).collect();
    let first = match named.is_empty() {
        true => "undetermined".to_owned(),
        false => format!("{} ({})", named.join(", "), shown(&detail["causes"][0]["kind"])),
    };
    Answer {
        said: format!("{alerts} alerts, {first}"),
        alerts: list("alerts").map(alert).collect(),
        causes: list("causes").map(cause).collect(),
        ..nothing(incidents)
    }
}

fn ranked(detail: &Value, root: &str, answer: Answer) -> Answer {
    let mut causes = detail["causes"].as_array().into_iter().flatten().map(|cause| shown(&cause["entity"]));
    let rank = causes.position(|entity| is_of(&entity, root)).map(|at| at + 1);
    let outcome = match rank {
        Some(1) => Outcome::Right,
        Some(_) => Outcome::Later,
        None => Outcome::Wrong,
    };
    Answer { outcome, rank, said: format!("{}; true {root}", answer.said), ..answer }
}

fn shown(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// An instance counts as its service.
fn is_of(entity: &str, service: &str) -> bool {
    let (kind, name) = entity.split_once(':').unwrap_or(("service", entity));
    name == service || (matches!(kind, "instance" | "pod") && name.starts_with(&format!("{service}-")))
}

/// Whether the convicted change brought out the culprit's revision, or rightly none was convicted.
fn of_change(detail: &Value, culprit: &str, folder: &Path, answer: Answer) -> Result<Answer> {
    let convicted = detail["changes"].as_array().into_iter().flatten().find(|change| change["suspect"] == true);
    let lines = std::fs::read_to_string(folder.join("changes.jsonl"))?;
    let lines: Result<Vec<Value>, _> = lines.lines().map(serde_json::from_str::<Value>).collect();
    // A deployment is the culprit when all that its version brought out is, or its id names the revision.
    let is_culprit = |change: &Value| {
        let (id, version) = (shown(&change["id"]), shown(&change["version"]));
        let brought = lines.as_ref().map_or(vec![], |lines| {
            lines.iter().filter(|line| !version.is_empty() && shown(&line["version"]) == version).collect()
        });
        id.ends_with(culprit) || !brought.is_empty() && brought.iter().all(|line| shown(&line["commit_sha"]) == culprit)
    };
    let said = convicted
        .map_or("no change".to_owned(), |change| format!("{} {}", shown(&change["id"]), shown(&change["version"])));
    let right = match convicted {
        None => culprit == "none",
        Some(change) => is_culprit(change),
    };
    Ok(Answer {
        outcome: if right { Outcome::Right } else { Outcome::Wrong },
        rank: right.then_some(1),
        innocent_convicted: convicted.is_some() && !right,
        said: format!("convicted {said}, true {culprit}"),
        ..answer
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_instance_counts_as_its_service_and_a_longer_name_does_not() {
        assert!(is_of("service:cart", "cart") && is_of("instance:cart-0", "cart") && is_of("cart", "cart"));
        assert!(!is_of("service:cart-db", "cart") && !is_of("node:cart-0", "cart"));
    }

    #[test]
    fn the_outcome_follows_from_the_rank_of_the_truth() {
        let detail = json!({"causes": [{"entity": "service:a", "kind": "cpu"}, {"entity": "instance:b-1"}]});
        let of = |root: &str| {
            let answer = ranked(&detail, root, told(&detail, 3, 1));
            (answer.outcome, answer.rank)
        };
        assert_eq!(of("a"), (Outcome::Right, Some(1)));
        assert_eq!(of("b"), (Outcome::Later, Some(2)));
        assert_eq!(of("c"), (Outcome::Wrong, None));
    }
}
