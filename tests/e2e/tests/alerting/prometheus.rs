//! Prometheus 2.42 and amtool, as Debian ships them, against the Alertmanager API.

use crate::hook::Hook;
use crate::{items, post, quick, until};
use axum::Router;
use axum::routing::get;
use e2e::installed;
use e2e::server::Server;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::process::{Child, Command};

/// An application whose gauge `broken` is 1 while it is.
async fn application() -> (Arc<AtomicBool>, String) {
    let broken = Arc::new(AtomicBool::new(false));
    let shown = Arc::clone(&broken);
    let gauge = get(move || async move { format!("broken {}\n", i32::from(shown.load(Ordering::Relaxed))) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/metrics", gauge)).await });
    (broken, address)
}

/// Prometheus that scrapes it every second and has one rule. Dropped, it ends.
fn prometheus(home: &Path, folder: &Path, application: &str, alertmanager: &str) -> Child {
    let rules = "groups: [{name: g, rules: [{alert: OrdersFail, expr: broken == 1, \
                 labels: {service: order, severity: critical}, annotations: {summary: orders fail}}]}]\n";
    std::fs::write(folder.join("rules.yml"), rules).unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['{application}']}}]}}]
alerting: {{alertmanagers: [{{path_prefix: /alertmanager, static_configs: [{{targets: ['{alertmanager}']}}]}}]}}
"
    );
    std::fs::write(folder.join("prometheus.yml"), config).unwrap();
    let mut command = Command::new(home.join("prometheus/usr/bin/prometheus"));
    command
        .arg("--config.file=prometheus.yml")
        .arg("--storage.tsdb.path=tsdb")
        .arg("--web.listen-address=127.0.0.1:0")
        // What is not told again ends after four times this.
        .arg("--rules.alert.resend-delay=15s")
        .current_dir(folder);
    // Kept with the server's own log when the test fails.
    let log = std::fs::File::create(folder.join("prometheus.log")).unwrap();
    command.stdout(Stdio::null()).stderr(log).kill_on_drop(true).spawn().expect("it can be started")
}

struct Amtool {
    program: PathBuf,
    url: String,
}

impl Amtool {
    async fn run(&self, arguments: &[&str]) -> String {
        let url = format!("--alertmanager.url={}", self.url);
        let arguments: Vec<&str> = [url.as_str()].into_iter().chain(arguments.iter().copied()).collect();
        let output = installed::run(&self.program, &arguments, &[]).await;
        String::from_utf8(output.stdout).unwrap()
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = ["--output=json"].into_iter().chain(arguments.iter().copied()).collect();
        serde_json::from_str(&self.run(&arguments).await).unwrap()
    }
}

/// A server whose messages go to a hook, and the programs.
async fn begin(test: &str) -> Option<(PathBuf, Server, Hook, Amtool)> {
    let home = match installed::find("prometheus") {
        Ok(home) => home,
        Err(reason) => {
            e2e::skip::say(test, &reason);
            return None;
        }
    };
    let (server, hook) = (Server::start(quick()).await, Hook::open().await);
    let config = json!({
        "network": {"allow": ["127.0.0.1"]},
        "receivers": [{"name": "ops", "webhook": {"url": hook.url()}}],
        "route": {"receivers": ["ops"], "group_wait": "0s"},
    });
    let (status, answer) = post(&server, "/api/v1/routes", &config).await;
    assert_eq!(status, 200, "{answer}");
    let amtool = Amtool { program: home.join("prometheus/usr/bin/amtool"), url: server.url("/alertmanager") };
    Some((home, server, hook, amtool))
}

fn states<'p>(page: &'p Value, name: &str) -> Vec<&'p str> {
    items(page).iter().filter(|item| item["name"] == name).map(|item| item["state"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_sends_and_a_silence_of_amtool_holds_until_it_ends() {
    let Some((home, server, hook, amtool)) =
        begin("prometheus_sends_and_a_silence_of_amtool_holds_until_it_ends").await
    else {
        return;
    };
    let id =
        amtool.run(&["silence", "add", "service=order", "--comment=known", "--author=anna", "--duration=2h"]).await;
    let silences = amtool.json(&["silence", "query", "service=order"]).await;
    assert_eq!((silences[0]["id"].as_str(), silences.as_array().unwrap().len()), (Some(id.trim()), 1), "{silences:#}");

    let (broken, application) = application().await;
    broken.store(true, Ordering::Relaxed);
    let _prometheus = prometheus(&home, server.home(), &application, server.address("http"));
    let page = until(&server, "/api/v1/alerts", |page| states(page, "OrdersFail") == ["firing"]).await;
    let alert = &items(&page)[0];
    assert_eq!((&alert["labels"]["service"], &alert["labels"]["job"]), (&json!("order"), &json!("shop")), "{alert:#}");
    assert!(alert["generator_url"].as_str().unwrap().contains("/graph?"), "{alert:#}");

    let held = amtool.json(&["alert", "query", "--silenced", "service=order"]).await;
    assert_eq!(held[0]["status"]["silencedBy"], json!([id.trim()]), "{held:#}");
    assert_eq!(held[0]["labels"]["alertname"], "OrdersFail", "{held:#}");
    until(&server, "/api/v1/notifications?state=held", |page| items(page).len() == 1).await;
    assert_eq!(hook.calls(), 0, "a silence that holds");

    amtool.run(&["silence", "expire", id.trim()]).await;
    until(&server, "/api/v1/notifications?state=delivered", |page| items(page).len() == 1).await;
    assert_eq!(hook.openings().into_values().collect::<Vec<_>>(), [1]);
    broken.store(false, Ordering::Relaxed);
    until(&server, "/alertmanager/api/v2/alerts", |alerts| alerts == &json!([])).await;
    assert_eq!(amtool.json(&["alert", "query"]).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn amtool_adds_an_alert_that_fires_for_hours_and_people_are_told_of_it() {
    let Some((_, server, hook, amtool)) =
        begin("amtool_adds_an_alert_that_fires_for_hours_and_people_are_told_of_it").await
    else {
        return;
    };
    let (start, end) = ("--start=2026-01-01T00:00:00Z", "--end=2099-01-01T00:00:00Z");
    amtool.run(&["alert", "add", "alertname=Old", "service=order", start, end]).await;
    until(&server, "/api/v1/notifications?state=delivered", |page| items(page).len() == 1).await;
    assert_eq!(hook.openings().len(), 1);
    let listed = amtool.json(&["alert", "query", "alertname=Old"]).await;
    assert_eq!(listed[0]["startsAt"], "2026-01-01T00:00:00.000Z", "{listed:#}");
    assert!(amtool.run(&["config", "show"]).await.contains("/api/v1/routes"));
}
