//! `stormglass bench`: the measuring is done by the `bench` crate, on this very executable.

use crate::Outcome;
use crate::cli::{Bench, Subject};
use crate::telemetry::{complain, say};
use anyhow::Context;
use serde::Serialize;
use std::fmt::Display;
use std::io::IsTerminal;

pub(super) async fn run(args: Bench) -> Outcome {
    let exe = std::env::current_exe().context("the path of this program cannot be told")?;
    let progress = std::io::stderr().is_terminal();
    let settings =
        |subject| bench::Settings { subject, exe: exe.clone(), data: args.data.clone(), scale: args.scale, progress };
    let subject = match args.subject {
        Subject::Rca => {
            let half = match (args.tuned, args.held_back) {
                (true, _) => bench::Half::Tuned,
                (_, true) => bench::Half::HeldBack,
                _ => bench::Half::Both,
            };
            let cases = bench::Cases { only: args.only, half, jobs: args.jobs };
            let report = bench::run_rca(&settings(bench::Subject::Query), &cases).await?;
            if let Some(file) = &args.readme {
                bench::scores::write(file, "rca", &report.markdown())?;
            }
            return show(&report, args.json);
        }
        Subject::Storm => {
            let report = bench::run_storm(&settings(bench::Subject::Query)).await?;
            if let Some(file) = &args.readme {
                bench::scores::write(file, "storm", &report.markdown())?;
            }
            return show(&report, args.json);
        }
        Subject::Demo => {
            let (only, seeds, jobs) = (args.only, args.seeds, args.jobs);
            let settings = bench::DemoSettings { exe, only, seeds, jobs, progress, tell: complain };
            let report = bench::run_demo(&settings).await?;
            if let Some(file) = &args.readme {
                bench::scores::write(file, "demo", &report.markdown())?;
            }
            return show(&report, args.json);
        }
        Subject::Ingest => bench::Subject::Ingest,
        Subject::Storage => bench::Subject::Storage,
        Subject::Query => bench::Subject::Query,
    };
    show(&bench::run(settings(subject)).await?, args.json)
}

fn show<R: Serialize + Display>(report: &R, json: bool) -> Outcome {
    if json {
        say(&serde_json::to_string_pretty(report).context("the report cannot be written as JSON")?);
    } else {
        say(report.to_string().trim_end());
    }
    Ok(())
}
