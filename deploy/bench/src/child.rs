//! The server under measurement: a child process over a temporary directory.

use crate::process::Tree;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the operator of this workload would write: the names under which it sends its ids. What taking in,
/// keeping and asking cost is measured without the rules, whose questions come by the clock and not by the span.
const CONFIG: &str = r#"
[alerting]
enabled = false

[operations]
request_id_keys = ["app.request.id"]
business_keys = ["app.order.id"]
"#;
const START_PATIENCE: Duration = Duration::from_secs(60);
const ANSWER_PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug)]
pub(crate) struct Server {
    exe: PathBuf,
    /// Command and its own arguments.
    arguments: Vec<String>,
    home: tempfile::TempDir,
    child: Child,
    addresses: HashMap<&'static str, String>,
    client: reqwest::Client,
    /// From spawn to `ready`.
    pub(crate) ready_after: Duration,
}

impl Server {
    pub(crate) fn start(exe: &Path) -> Result<Self> {
        Self::start_with(exe, CONFIG)
    }

    /// With these settings.
    pub(crate) fn start_with(exe: &Path, config: &str) -> Result<Self> {
        Self::start_as(exe, vec!["serve".into()], config)
    }

    /// With the company that sends to it, and the settings of a fresh install.
    pub(crate) fn start_demo(exe: &Path, arguments: &[String]) -> Result<Self> {
        let arguments = [&["demo".to_owned()], arguments].concat();
        Self::start_as(exe, arguments, "")
    }

    fn start_as(exe: &Path, arguments: Vec<String>, config: &str) -> Result<Self> {
        let home =
            tempfile::Builder::new().prefix("stormglass-bench-").tempdir().context("making a temporary folder")?;
        std::fs::write(home.path().join("stormglass.toml"), config)?;
        let (child, addresses, ready_after) = spawn(exe, &arguments, home.path())?;
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_PATIENCE).build()?;
        Ok(Self { exe: exe.to_owned(), arguments, home, child, addresses, client, ready_after })
    }

    /// Ends it with SIGKILL and starts it again over the same data.
    pub(crate) fn kill_and_restart(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        (self.child, self.addresses, self.ready_after) = spawn(&self.exe, &self.arguments, self.home.path())?;
        Ok(())
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree::of(self.child.id())
    }

    pub(crate) fn otlp_http(&self) -> String {
        format!("http://{}", self.addresses["otlp_http"])
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// All that is acknowledged is in Parquet when this returns; with `compact`, in as few files as there will be.
    pub(crate) async fn flush(&self, compact: bool) -> Result<()> {
        let calls = ["/api/v1/flush", "/api/v1/compact"];
        for call in &calls[..if compact { 2 } else { 1 }] {
            let response = self.client.post(format!("http://{}{call}", self.addresses["http"])).send().await?;
            let status = response.status();
            ensure!(status.is_success(), "{call}: {status}: {}", response.text().await.unwrap_or_default());
        }
        Ok(())
    }

    /// A complete answer in JSON.
    pub(crate) async fn sql(&self, sql: &str) -> Result<Value> {
        let url = format!("http://{}/api/v1/sql", self.addresses["http"]);
        let response = self.client.post(url).json(&json!({ "sql": sql, "limit": 1_000_000 })).send().await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "{sql}\n{status}: {text}");
        let answer: Value = serde_json::from_str(&text).with_context(|| format!("the answer to {sql}"))?;
        ensure!(answer["complete"] == true, "{sql}\nis incomplete: {}", answer["incomplete_reason"]);
        Ok(answer)
    }

    /// The answer of a call of the API.
    pub(crate) async fn fetch(&self, path: &str) -> Result<Value> {
        answered(path, self.client.get(format!("http://{}{path}", self.addresses["http"])).send().await?).await
    }

    /// The answer to a body.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.client.post(format!("http://{}{path}", self.addresses["http"])).json(body);
        answered(path, request.send().await?).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.client.put(format!("http://{}{path}", self.addresses["http"])).json(body);
        answered(path, request.send().await?).await
    }

    /// A figure of `/metrics`; 0 where there is none of that name.
    pub(crate) async fn figure(&self, name: &str) -> Result<f64> {
        let text = self.client.get(format!("http://{}/metrics", self.addresses["http"])).send().await?.text().await?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        Ok(line.unwrap_or_default())
    }

    /// The complete answer of a call of the API.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.fetch(path).await?;
        ensure!(answer["complete"] == true, "{path}\nis incomplete: {}", answer["incomplete_reason"]);
        Ok(answer)
    }

    /// Bytes under `parquet/`, of one table or of all.
    pub(crate) fn parquet_bytes(&self, table: Option<&str>) -> Result<u64> {
        Ok(self.parquet_files(table)?.iter().map(|(_, bytes)| bytes).sum())
    }

    pub(crate) fn parquet_files(&self, table: Option<&str>) -> Result<Vec<(PathBuf, u64)>> {
        let mut files = Vec::new();
        walk(&self.data_dir().join("parquet"), &mut files)?;
        let wanted = |path: &Path| table.is_none_or(|t| path.components().any(|c| c.as_os_str() == t));
        Ok(files.into_iter().filter(|(path, _)| wanted(path)).collect())
    }
}

async fn answered(path: &str, response: reqwest::Response) -> Result<Value> {
    let status = response.status();
    let text = response.text().await?;
    ensure!(status.is_success(), "{path}\n{status}: {text}");
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).with_context(|| format!("the answer to {path}"))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(exe: &Path, arguments: &[String], home: &Path) -> Result<(Child, HashMap<&'static str, String>, Duration)> {
    let began = Instant::now();
    let mut command = Command::new(exe);
    command.args(arguments);
    command.arg("--config").arg(home.join("stormglass.toml")).arg("--data-dir").arg(home.join("data"));
    for listener in ["OTLP_GRPC", "OTLP_HTTP", "HTTP"] {
        command.env(format!("STORMGLASS_LISTEN__{listener}"), "127.0.0.1:0");
    }
    let log = std::fs::OpenOptions::new().create(true).append(true).open(home.join("server.log"))?;
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().context("starting the server")?;
    let stdout = child.stdout.take().context("its standard output")?;
    let mut lines = BufReader::new(stdout).lines();
    let mut addresses = HashMap::new();
    for line in lines.by_ref().map_while(Result::ok) {
        if line.trim() == "ready" {
            let after = began.elapsed();
            // Whatever it says later must not fill the pipe.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((child, addresses, after));
        }
        addresses.extend(address_in(&line));
        if began.elapsed() > START_PATIENCE {
            break;
        }
    }
    let _ = child.kill();
    let status = child.wait()?;
    let said = std::fs::read_to_string(home.join("server.log")).unwrap_or_default();
    bail!("the server did not become ready ({status}): {said}")
}

/// `(listener, address)` of a start-up line.
fn address_in(line: &str) -> Option<(&'static str, String)> {
    let words: Vec<&str> = line.split_whitespace().map(|w| w.trim_end_matches(':')).collect();
    let name = ["otlp_grpc", "otlp_http", "http"].into_iter().find(|n| words.contains(n))?;
    let address: String =
        line[line.find("127.0.0.1:")?..].chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
    Some((name, address))
}

fn walk(dir: &Path, into: &mut Vec<(PathBuf, u64)>) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Ok(()) };
    for entry in entries.flatten() {
        // A file may be moved away between the listing and the look at it.
        let Ok(about) = entry.metadata() else { continue };
        match about.is_dir() {
            true => walk(&entry.path(), into)?,
            false => into.push((entry.path(), about.len())),
        }
    }
    Ok(())
}
