//! One labelled incident: what is sent, what the server made of it, how that compares with the label.

use super::nanos;
use super::otlp::Request;
use crate::child::Server;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

const CONFIG: &str = "[alerting]\nstep = \"1s\"\nlateness = \"1s\"\nidle = \"1s\"\ncatch_up = \"15m\"\n";
/// Between the end of the baseline and the first row of the case.
const APART_NS: u64 = 5 * 60 * 1_000_000_000;
/// Alerts may begin a little before a fault by its label, and follow it.
const AROUND_NS: i64 = 120 * 1_000_000_000;

/// A case with its truth.
#[derive(Clone, Debug)]
pub(super) struct Labelled {
    pub(super) name: String,
    pub(super) system: String,
    pub(super) fault: String,
    folder: PathBuf,
    baselines: Vec<PathBuf>,
    /// The service at the root, or the culprit's revision (`none` where no change did it).
    root: Root,
    /// From when to when the fault lasted, Unix nanoseconds.
    lasted: (i64, i64),
}

#[derive(Clone, Debug)]
enum Root {
    Service(String),
    Revision(String),
}

/// What the server made of a case.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Of the truth among the causes, from 1.
    pub(super) rank: Option<usize>,
    pub(super) false_incidents: usize,
    pub(super) missed: bool,
    pub(super) innocent_convicted: bool,
    /// The verdict in a line.
    pub(super) said: String,
}

fn read(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

/// Every case below a folder.
pub(super) fn all(data: &Path) -> Result<Vec<Labelled>> {
    let mut cases = Vec::new();
    let nezha = data.join("nezha");
    if nezha.is_dir() {
        for case in read(&nezha.join("labels.json"))?["cases"].as_array().into_iter().flatten() {
            cases.push(of_nezha(&nezha, case)?);
        }
    }
    let changes = data.join("changes");
    if changes.is_dir() {
        for case in read(&changes.join("labels.json"))?.as_array().into_iter().flatten() {
            cases.push(of_changes(&changes, case)?);
        }
    }
    anyhow::ensure!(!cases.is_empty(), "{} has neither nezha/ nor changes/", data.display());
    Ok(cases)
}

fn text(value: &Value, key: &str) -> Result<String> {
    value[key].as_str().map(str::to_owned).with_context(|| format!("a label has no {key}"))
}

fn of_nezha(folder: &Path, case: &Value) -> Result<Labelled> {
    let name = text(case, "case")?;
    let baseline = folder.join(text(case, "baseline")?);
    let mut baselines = files(&baseline)?;
    // A day without fault-free traces borrows those of the next.
    let is_traces = |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("traces"));
    if !baselines.iter().any(is_traces) {
        baselines.extend(files(&folder.join("baseline/2022-08-23"))?.into_iter().filter(is_traces));
    }
    let time = |key: &str| case[key].as_i64().with_context(|| format!("{name} has no {key}"));
    Ok(Labelled {
        folder: folder.join("cases").join(&name),
        system: text(case, "system")?,
        fault: text(case, "fault_type")?,
        root: Root::Service(text(case, "root_service")?),
        lasted: (time("fault_start_unix_nano")?, time("fault_end_unix_nano")?),
        baselines,
        name,
    })
}

fn of_changes(folder: &Path, case: &Value) -> Result<Labelled> {
    let name = text(case, "case")?;
    Ok(Labelled {
        folder: folder.join(&name),
        system: "changes".into(),
        fault: text(case, "difficulty").unwrap_or_else(|_| "change".into()),
        root: Root::Revision(text(case, "root_commit")?),
        lasted: (i64::MIN / 2, i64::MAX / 2),
        baselines: Vec::new(),
        name,
    })
}

/// Export requests of a folder in the order of their minutes.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "gz"));
    let minute = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.split_once('-').map(|(_, minute)| minute.to_owned()).unwrap_or_default()
    };
    files.sort_by_key(|file| (minute(file), file.clone()));
    Ok(files)
}

/// Plays a case through a server of its own.
pub(super) async fn play(exe: &Path, case: &Labelled) -> Result<Answer> {
    let server = Server::start_with(exe, CONFIG)?;
    let requests: Result<Vec<Request>> = files(&case.folder)?.iter().map(|file| Request::read(file)).collect();
    let mut requests = requests?;
    let first = requests.iter_mut().filter_map(Request::range).map(|(first, _)| first).min();
    let first = first.context("the case has no telemetry")?;
    for file in &case.baselines {
        let mut request = Request::read(file)?;
        request.end_at(first - APART_NS);
        request.send(server.client(), &server.otlp_http()).await?;
    }
    let mut false_incidents = 0;
    if !case.baselines.is_empty() {
        settled(&server).await?;
        false_incidents = incidents(&server).await?.len();
    }
    changes(&server, &case.folder).await?;
    for request in &requests {
        request.send(server.client(), &server.otlp_http()).await?;
    }
    page(&server, &case.folder).await?;
    settled(&server).await?;
    let answer = verdict(&server, case).await?;
    Ok(Answer { false_incidents, ..answer })
}

/// Tells the server of the changes of a case, line by line as they are.
async fn changes(server: &Server, folder: &Path) -> Result<()> {
    let Ok(text) = std::fs::read_to_string(folder.join("changes.jsonl")) else { return Ok(()) };
    let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    server.post("/api/v1/changes", &Value::Array(lines?)).await.map(drop)
}

/// The page that woke somebody up.
async fn page(server: &Server, folder: &Path) -> Result<()> {
    let file = folder.join("alert.json");
    if !file.is_file() {
        return Ok(());
    }
    let page = read(&file)?;
    let alert = json!([{
        "labels": {"alertname": page["monitor"], "service": page["service"], "severity": page["severity"]},
        "annotations": {"summary": page["summary"]},
        "startsAt": page["fired_at"],
    }]);
    server.post("/api/v1/alerts", &alert).await.map(drop)
}

async fn incidents(server: &Server) -> Result<Vec<Value>> {
    let page = server.get("/api/v1/incidents?limit=1000").await?;
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

/// Returns when nothing has been judged for some seconds.
async fn settled(server: &Server) -> Result<()> {
    const STILL: usize = 8;
    let (mut still, mut last) = (0, (-1.0, Vec::new()));
    while still < STILL {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = (server.figure("stormglass_watch_rounds_total").await?, incidents(server).await?);
        let works = server.figure("stormglass_watch_rounds_running").await? > 0.0
            || server.figure("stormglass_watch_inbox_alerts").await? > 0.0;
        still = if now == last && !works { still + 1 } else { 0 };
        last = now;
    }
    Ok(())
}

/// The causes of the incident that holds most alerts in the time of the fault.
async fn verdict(server: &Server, case: &Labelled) -> Result<Answer> {
    let mut best: Option<(usize, Value)> = None;
    for incident in incidents(server).await? {
        let detail =
            server.fetch(&format!("/api/v1/incidents/{}", incident["id"].as_str().unwrap_or_default())).await?;
        let within = |alert: &&Value| {
            let begins = alert["starts_at"].as_str().and_then(nanos);
            begins.is_some_and(|at| at >= case.lasted.0 - AROUND_NS && at <= case.lasted.1 + AROUND_NS)
        };
        let alerts = detail["alerts"].as_array().map_or(0, |alerts| alerts.iter().filter(within).count());
        if alerts > 0 && best.as_ref().is_none_or(|(most, _)| alerts > *most) {
            best = Some((alerts, detail));
        }
    }
    let nothing =
        Answer { rank: None, false_incidents: 0, missed: true, innocent_convicted: false, said: "no incident".into() };
    let Some((alerts, detail)) = best else { return Ok(nothing) };
    let causes: Vec<String> =
        detail["causes"].as_array().into_iter().flatten().map(|cause| shown(&cause["entity"])).collect();
    let kind = shown(&detail["causes"][0]["kind"]);
    let said = format!("{alerts} alerts, {} ({kind})", causes.join(", "));
    let answer = Answer { missed: false, said, ..nothing };
    Ok(match &case.root {
        Root::Service(root) => {
            Answer { rank: causes.iter().position(|entity| is_of(entity, root)).map(|at| at + 1), ..answer }
        }
        Root::Revision(culprit) => of_change(&detail, culprit, &case.folder, answer)?,
    })
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
    // A deployment is the culprit when the revision it brought out is.
    let is_culprit = |change: &Value| {
        let (id, version) = (shown(&change["id"]), shown(&change["version"]));
        let brought = |line: &Value| {
            shown(&line["commit_sha"]) == culprit && !version.is_empty() && shown(&line["version"]) == version
        };
        id == culprit || lines.as_ref().is_ok_and(|lines| lines.iter().any(brought))
    };
    let said = convicted
        .map_or("no change".to_owned(), |change| format!("{} {}", shown(&change["id"]), shown(&change["version"])));
    let right = match convicted {
        None => culprit == "none",
        Some(change) => is_culprit(change),
    };
    Ok(Answer {
        rank: right.then_some(1),
        innocent_convicted: convicted.is_some() && !right,
        said: format!("convicted {said}, true {culprit}"),
        ..answer
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    #[test]
    fn an_instance_counts_as_its_service_and_a_longer_name_does_not() {
        assert!(is_of("service:cart", "cart") && is_of("instance:cart-0", "cart") && is_of("cart", "cart"));
        assert!(!is_of("service:cart-db", "cart") && !is_of("node:cart-0", "cart"));
    }
}
