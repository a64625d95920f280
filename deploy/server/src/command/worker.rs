//! `stormglass worker`: a query worker; only servers start it.

use crate::Outcome;
use crate::cli::Worker;

pub(super) fn run(args: Worker) -> Outcome {
    Ok(sql::run_worker(sql::WorkerSettings { socket: args.socket }).map_err(anyhow::Error::from)?)
}
