//! `stormglass bench`: the measuring is done by the `bench` crate, on this very executable.

use crate::Outcome;
use crate::cli::{Bench, Subject};
use crate::telemetry::say;
use anyhow::Context;
use std::io::IsTerminal;

pub(super) async fn run(args: Bench) -> Outcome {
    let subject = match args.subject {
        Subject::Ingest => bench::Subject::Ingest,
        Subject::Storage => bench::Subject::Storage,
        Subject::Query => bench::Subject::Query,
    };
    let exe = std::env::current_exe().context("the path of this program cannot be told")?;
    let progress = std::io::stderr().is_terminal();
    let report = bench::run(bench::Settings { subject, exe, data: args.data, scale: args.scale, progress }).await?;
    if args.json {
        say(&serde_json::to_string_pretty(&report).context("the report cannot be written as JSON")?);
    } else {
        say(report.to_string().trim_end());
    }
    Ok(())
}
