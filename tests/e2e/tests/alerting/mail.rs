//! Mail through the server: the mail server is down, the product is killed, and each mail arrives once.

use crate::{items, post, quick, until};
use e2e::server::Server;
use e2e::{environment, installed, skip};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// aiosmtpd on this machine. Dropped, it ends.
struct MailServer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// What it said of itself: port and certificate authority.
    about: Value,
}

impl MailServer {
    async fn start(home: &Path, folder: &Path, port: u64) -> Self {
        let mut command = Command::new(home.join("smtp/bin/python"));
        command.arg(installed::script("smtp/server.py")).args(["starttls", &port.to_string()]).arg(folder);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("it can be started");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let about = next(&mut lines).await.expect("it says where it is");
        Self { child, lines, about }
    }

    /// Ends it; the mails it took.
    async fn stop(mut self) -> Vec<Value> {
        drop(self.child.stdin.take());
        let mut mails = Vec::new();
        while let Some(mail) = next(&mut self.lines).await {
            mails.push(mail);
        }
        self.child.wait().await.unwrap();
        mails
    }
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<Value> {
    let line = tokio::time::timeout(environment::PATIENCE, lines.next_line()).await.unwrap().unwrap()?;
    Some(serde_json::from_str(&line).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_waits_for_its_server_over_kill_9_and_arrives_once() {
    let home = match installed::find("smtp") {
        Ok(home) => home,
        Err(reason) => skip!("mail_waits_for_its_server_over_kill_9_and_arrives_once", "{reason}"),
    };
    let mut server = Server::start(quick()).await;
    let folder = server.home().to_owned();
    let mail = MailServer::start(&home, &folder, 0).await;
    let port = mail.about["port"].as_u64().unwrap();
    let ca = std::fs::read_to_string(mail.about["ca"].as_str().unwrap()).unwrap();
    let config = json!({
        "network": {"allow": ["localhost"]},
        "receivers": [{"name": "mail", "email": {
            "host": "localhost", "port": port, "ca_pem": ca,
            "from": "Stormglass <storm@example.com>", "to": ["ops@example.com"],
        }}],
        "route": {"receivers": ["mail"], "group_wait": "0s"},
    });
    let (status, answer) = post(&server, "/api/v1/routes", &config).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(mail.stop().await, Vec::<Value>::new());

    let alert = json!([{"labels": {"alertname": "Down", "service": "order", "severity": "critical"}}]);
    assert_eq!(post(&server, "/alertmanager/api/v2/alerts", &alert).await.0, 200);
    until(&server, "/api/v1/notifications?state=retrying", |page| items(page).len() == 1).await;
    server.kill9();
    server.restart().await;
    let mail = MailServer::start(&home, &folder, port).await;
    let page = until(&server, "/api/v1/notifications", |page| {
        items(page).iter().any(|message| message["state"] == "delivered")
    });
    let page = page.await;
    assert_eq!(items(&page).len(), 1, "{page:#}");
    let mails = mail.stop().await;
    assert_eq!(mails.len(), 1, "{mails:#?}");
    assert_eq!((&mails[0]["to"], &mails[0]["tls"]), (&json!(["ops@example.com"]), &json!(true)));
    let incident = items(&page)[0]["incident_id"].as_str().unwrap();
    assert!(mails[0]["content"].as_str().unwrap().contains(incident), "{}", mails[0]["content"]);
}
