//! `stormglass rules`: checks files of rules, runs the cases in them, plays them over the past of a server.

use super::remote::Server;
use crate::cli::{Rules, RulesCommand};
use crate::telemetry::say;
use crate::{Failure, Outcome};
use anyhow::Context;
use serde_json::Value;
use std::path::Path;

pub(super) async fn run(args: Rules) -> Outcome {
    match args.command {
        RulesCommand::Check { file } => {
            let (good, text) = rules::check(&file.display().to_string(), &read(&file)?);
            said(good, &text)
        }
        RulesCommand::Test { file } => {
            let tested = rules::cases::test(&read(&file)?);
            said(tested.is_good(), &tested.text(&file.display().to_string()))
        }
        RulesCommand::Backtest { file, from, to, remote } => {
            let server = Server::new(&remote)?;
            let bounds = [("from", from), ("to", to)].into_iter().filter_map(|(name, value)| Some((name, value?)));
            let request = server.post("/api/v1/rules/backtest").query(&bounds.collect::<Vec<_>>());
            let answer = server.answer(request.body(read(&file)?)).await?;
            let report: Value = answer.json().await.context("the answer is not JSON")?;
            say(&format!("from {} to {}", word(&report["from"]), word(&report["to"])));
            report["results"].as_array().into_iter().flatten().for_each(show);
            Ok(())
        }
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file);
    text.map_err(|error| Failure::Usage(vec![format!("{}: {error}", file.display())]))
}

fn said(good: bool, text: &str) -> Outcome {
    say(text.trim_end());
    if good { Ok(()) } else { Err(Failure::Failed(anyhow::anyhow!("the rules are not right"))) }
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One rule: how often it would have told, and when.
fn show(result: &Value) {
    say(&format!("{}: {}", word(&result["rule"]), word(&result["sentence"]["en"])));
    for firing in result["firings"].as_array().into_iter().flatten() {
        let until = if firing["ends_at"].is_null() { "still".into() } else { moment(&firing["ends_at"]) };
        say(&format!("  {} to {until}  {}", moment(&firing["starts_at"]), word(&firing["summary"]["en"])));
    }
}

/// Unix nanoseconds for people.
fn moment(nanos: &Value) -> String {
    let stamp = nanos.as_i64().and_then(|nanos| jiff::Timestamp::from_nanosecond(nanos.into()).ok());
    stamp.map_or_else(|| word(nanos), |stamp| format!("{stamp:.0}"))
}
