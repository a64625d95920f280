//! `stormglass flush`: all that is acknowledged is in Parquet when it returns.

use super::remote::Server;
use crate::Outcome;
use crate::cli::Flush;
use crate::telemetry::say;
use anyhow::Context;
use serde_json::Value;

pub(super) async fn run(args: Flush) -> Outcome {
    let server = Server::new(&args.remote)?;
    let report: Value =
        server.answer(server.post("/api/v1/flush")).await?.json().await.context("the answer is not JSON")?;
    say(&format!("flushed {} rows into {} files", report["rows"], report["parts"]));
    if args.compact {
        let report: Value =
            server.answer(server.post("/api/v1/compact")).await?.json().await.context("the answer is not JSON")?;
        let (merges, before, after) = (&report["merges"], &report["parts_before"], &report["parts_after"]);
        say(&format!("{merges} merges: {before} files before, {after} after"));
    }
    Ok(())
}
