//! `stormglass routes test`: whom an incident would be told, and by which way through the tree.

use super::remote::Server;
use crate::Outcome;
use crate::cli::{Routes, RoutesCommand};
use crate::telemetry::say;
use anyhow::Context;
use serde_json::{Value, json};

pub(super) async fn run(args: Routes) -> Outcome {
    let RoutesCommand::Test { severity, service, owner, team, label, remote } = args.command;
    let labels: serde_json::Map<String, Value> = label
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    let imagined = json!({"severity": severity, "services": service, "owner": owner, "team": team, "labels": labels});
    let server = Server::new(&remote)?;
    let answer = server.answer(server.post("/api/v1/routes/test").json(&imagined)).await?;
    let explained: Value = answer.json().await.context("the answer is not JSON")?;
    say(explained["text"].as_str().unwrap_or_default().trim_end());
    Ok(())
}
