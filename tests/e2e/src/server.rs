//! The built server as a child process: start, ask, kill, start again.

use crate::environment::{self, PATIENCE};
use crate::rows::Rows;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

/// What a server is started with. The default listens on free loopback ports over a fresh directory.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Text of `stormglass.toml`.
    pub config: String,
    /// Where data lies; a temporary folder when absent.
    pub data_dir: Option<PathBuf>,
    /// Further variables of its environment.
    pub environment: Vec<(String, String)>,
    /// Further arguments of the command.
    pub arguments: Vec<String>,
    /// Runs `demo` instead of `serve`: the server with its company.
    pub demo: bool,
}

impl Setup {
    pub fn config(text: &str) -> Self {
        Self { config: text.to_owned(), ..Self::default() }
    }

    pub fn in_dir(mut self, data_dir: &Path) -> Self {
        self.data_dir = Some(data_dir.to_owned());
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A running (or killed) server. Dropped, it is killed with all its processes, and its folder is removed.
#[derive(Debug)]
pub struct Server {
    setup: Setup,
    home: tempfile::TempDir,
    data_dir: PathBuf,
    running: Option<Running>,
    starts: u32,
    token: Option<String>,
    http: reqwest::Client,
}

#[derive(Debug)]
struct Running {
    child: Child,
    pid: Pid,
    addresses: HashMap<&'static str, String>,
    output: Arc<Mutex<String>>,
    started_in: std::time::Duration,
}

/// Why a server did not become ready.
#[derive(Debug)]
pub struct Refused {
    pub status: ExitStatus,
    /// Everything it said on both outputs.
    pub output: String,
}

impl Server {
    pub async fn start(setup: Setup) -> Self {
        Self::try_start(setup)
            .await
            .unwrap_or_else(|r| panic!("the server refused to start ({}):\n{}", r.status, r.output))
    }

    pub async fn default() -> Self {
        Self::start(Setup::default()).await
    }

    /// Like [`Server::start`], for servers that are expected to refuse.
    pub async fn try_start(setup: Setup) -> Result<Self, Refused> {
        let home = tempfile::Builder::new().prefix("stormglass-e2e-").tempdir().expect("a temporary folder");
        let data_dir = setup.data_dir.clone().unwrap_or_else(|| home.path().join("data"));
        let mut server = Self { setup, home, data_dir, running: None, starts: 0, token: None, http: http_client() };
        server.try_restart().await.map(|()| server)
    }

    /// Starts again over the same data directory, after [`Server::kill9`] or [`Server::stop`].
    pub async fn restart(&mut self) {
        self.try_restart()
            .await
            .unwrap_or_else(|r| panic!("the server did not come back ({}):\n{}", r.status, r.output));
    }

    pub async fn try_restart(&mut self) -> Result<(), Refused> {
        assert!(self.running.is_none(), "the server is running already");
        let mut child = self.spawn();
        let (started, ready) = (Instant::now(), watch(&mut child, &self.log_path()));
        let output = Arc::clone(&ready.output);
        let (addresses, followers) =
            tokio::task::spawn_blocking(move || ready.wait()).await.expect("the watcher does not panic");
        match addresses {
            Some(addresses) => {
                let pid = Pid::from_child(&child);
                self.running = Some(Running { child, pid, addresses, output, started_in: started.elapsed() });
                Ok(())
            }
            None => {
                let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
                let status = child.wait().expect("a child can be waited for");
                for follower in followers {
                    let _ = follower.join();
                }
                Err(Refused { status, output: output.lock().expect("no panic while held").clone() })
            }
        }
    }

    /// Starts it and does not wait: for tests that kill it while it recovers. Kill the child yourself.
    pub fn spawn(&mut self) -> Child {
        self.starts += 1;
        let config = self.home.path().join("stormglass.toml");
        std::fs::write(&config, &self.setup.config).expect("the configuration can be written");
        let mut command = Command::new(environment::binary());
        command
            .arg(if self.setup.demo { "demo" } else { "serve" })
            .arg("--config")
            .arg(&config)
            .arg("--data-dir")
            .arg(&self.data_dir)
            .args(&self.setup.arguments);
        for listener in ["OTLP_GRPC", "OTLP_HTTP", "HTTP"] {
            command.env(format!("STORMGLASS_LISTEN__{listener}"), "127.0.0.1:0");
        }
        command.envs(self.setup.environment.iter().map(|(k, v)| (k, v))).env("RUST_BACKTRACE", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command.spawn().expect("the binary can be started")
    }

    /// SIGKILL to the process that acknowledges, as the kernel or a careless hand would.
    pub fn kill9(&mut self) {
        let mut running = self.running.take().expect("the server is running");
        let _ = kill_process(running.pid, Signal::KILL);
        running.child.wait().expect("a killed child can be waited for");
        let _ = kill_process_group(running.pid, Signal::KILL);
    }

    /// SIGTERM, and its exit status.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.exited().await
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.running().pid, signal).expect("the server can be signalled");
    }

    /// Waits until it ends by itself.
    pub async fn exited(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("the server is running");
        let pid = running.pid;
        let waited = tokio::task::spawn_blocking(move || running.child.wait());
        let status = tokio::time::timeout(PATIENCE, waited).await;
        let _ = kill_process_group(pid, Signal::KILL);
        status
            .expect("the server ends when it is told to")
            .expect("the waiter does not panic")
            .expect("a child can be waited for")
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub fn pid(&self) -> u32 {
        self.running().pid.as_raw_nonzero().get() as u32
    }

    pub fn started_in(&self) -> std::time::Duration {
        self.running().started_in
    }

    /// What it has said since this start, on both outputs.
    pub fn output(&self) -> String {
        self.running().output.lock().expect("no panic while held").clone()
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// A folder of this test's own, removed with the server.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn setup_mut(&mut self) -> &mut Setup {
        &mut self.setup
    }

    /// `127.0.0.1:PORT` of `otlp_grpc`, `otlp_http` or `http`.
    pub fn address(&self, listener: &str) -> &str {
        self.running().addresses.get(listener).unwrap_or_else(|| panic!("the server printed no address of {listener}"))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address("http"))
    }

    /// Sends this bearer token with each call from now on.
    pub fn use_token(&mut self, token: Option<&str>) {
        self.token = token.map(str::to_owned);
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.authorized(self.http.get(self.url(path))).send().await.unwrap_or_else(|e| panic!("GET {path}: {e}"))
    }

    pub async fn get_json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        let status = response.status();
        let text = response.text().await.expect("a body");
        assert!(status.is_success(), "GET {path}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("GET {path}: {e}: {text}"))
    }

    /// A complete answer, or the test fails.
    pub async fn sql(&self, sql: &str) -> Rows {
        let rows = self.try_sql(sql).await.unwrap_or_else(|(status, text)| panic!("{sql}\n{status}: {text}"));
        assert!(rows.complete, "{sql}\nis incomplete: {:?}", rows.incomplete_reason);
        rows
    }

    /// The answer, or the status and the problem it was refused with.
    pub async fn try_sql(&self, sql: &str) -> Result<Rows, (u16, String)> {
        let request = self.authorized(self.http.post(self.url("/api/v1/sql"))).timeout(PATIENCE);
        let response =
            request.json(&json!({ "sql": sql, "limit": 10_000_000 })).send().await.map_err(|e| (0, e.to_string()))?;
        let status = response.status();
        let text = response.text().await.map_err(|e| (0, e.to_string()))?;
        match status.is_success() {
            true => serde_json::from_str(&text).map(|v| Rows::from_json(&v)).map_err(|e| (0, format!("{e}: {text}"))),
            false => Err((status.as_u16(), text)),
        }
    }

    pub fn authorized(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Runs a subcommand against this server (`--url` is added) and returns its output.
    pub async fn command(&self, arguments: &[&str]) -> Output {
        let mut command = tokio::process::Command::new(environment::binary());
        command.args(arguments).arg("--url").arg(self.url(""));
        if let Some(token) = &self.token {
            command.env("STORMGLASS_TOKEN", token);
        }
        command.stdin(Stdio::null()).output().await.expect("the binary can be started")
    }

    /// All that is acknowledged is in Parquet when this returns.
    pub async fn flush(&self) {
        let output = self.command(&["flush"]).await;
        assert!(output.status.success(), "flush: {}", both(&output));
    }

    /// One number of `/metrics`, summed over its labels; `None` when there is no such metric.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let text = self.get("/metrics").await.text().await.expect("a body");
        let values = text
            .lines()
            .filter(|l| l.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' ')));
        let numbers: Vec<f64> = values.filter_map(|l| l.rsplit(' ').next()?.parse().ok()).collect();
        (!numbers.is_empty()).then(|| numbers.iter().sum())
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the server is running")
    }

    fn log_path(&self) -> PathBuf {
        self.home.path().join(format!("server-{}.log", self.starts))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = kill_process_group(running.pid, Signal::KILL);
            let _ = running.child.wait();
        }
        if std::thread::panicking() {
            keep_logs(self.home.path());
        }
    }
}

/// Both outputs of a finished command.
pub fn both(output: &Output) -> String {
    format!("{}\n{}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs the binary without a server.
pub async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = tokio::process::Command::new(environment::binary());
    command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null());
    command.output().await.expect("the binary can be started")
}

/// A client for plain loopback HTTP.
pub fn http_client() -> reqwest::Client {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

fn keep_logs(home: &Path) {
    let kept = environment::logs_dir().join(home.file_name().unwrap_or_default());
    let _ = std::fs::create_dir_all(&kept);
    for entry in std::fs::read_dir(home).into_iter().flatten().flatten() {
        if entry.path().is_file() {
            let _ = std::fs::copy(entry.path(), kept.join(entry.file_name()));
        }
    }
    eprintln!("what the server said is kept in {}", kept.display());
}

struct Ready {
    lines: mpsc::Receiver<String>,
    output: Arc<Mutex<String>>,
    followers: Vec<JoinHandle<()>>,
}

/// Follows both outputs into the log file; standard output also line by line.
fn watch(child: &mut Child, log: &Path) -> Ready {
    let (sender, lines) = mpsc::sync_channel(1024);
    let output = Arc::new(Mutex::new(String::new()));
    let log = Arc::new(Mutex::new(File::create(log).expect("a log file")));
    let stdout = child.stdout.take().expect("piped");
    let stderr = child.stderr.take().expect("piped");
    let follow = |stream: Box<dyn std::io::Read + Send>, lines: Option<mpsc::SyncSender<String>>| {
        let (output, log) = (Arc::clone(&output), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let _ = writeln!(log.lock().expect("no panic while held"), "{line}");
                let mut all = output.lock().expect("no panic while held");
                all.push_str(&line);
                all.push('\n');
                drop(all);
                if let Some(lines) = &lines {
                    let _ = lines.try_send(line);
                }
            }
        })
    };
    let followers = vec![follow(Box::new(stdout), Some(sender)), follow(Box::new(stderr), None)];
    Ready { lines, output, followers }
}

impl Ready {
    /// The printed addresses once `ready` is said; `None` when the process ends before.
    fn wait(self) -> (Option<HashMap<&'static str, String>>, Vec<JoinHandle<()>>) {
        let deadline = Instant::now() + PATIENCE;
        let mut addresses = HashMap::new();
        loop {
            let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
                return (None, self.followers);
            };
            if line.trim() == "ready" {
                return (Some(addresses), self.followers);
            }
            if let Some((name, address)) = address_in(&line) {
                addresses.insert(name, address);
            }
        }
    }
}

/// `(listener, address)` of a start-up line such as `otlp_grpc 127.0.0.1:4317`.
fn address_in(line: &str) -> Option<(&'static str, String)> {
    let name = ["otlp_grpc", "otlp_http", "http"]
        .into_iter()
        .find(|n| line.split_whitespace().any(|w| w.trim_end_matches(':') == *n))?;
    let at = line.find("127.0.0.1:")?;
    let address: String = line[at..].chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
    Some((name, address))
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn start_up_lines_name_listener_and_address() {
        assert_eq!(address_in("listening otlp_grpc 127.0.0.1:40001"), Some(("otlp_grpc", "127.0.0.1:40001".into())));
        assert_eq!(address_in("http: http://127.0.0.1:8080 (web UI)"), Some(("http", "127.0.0.1:8080".into())));
        assert_eq!(address_in("ready"), None);
    }
}
