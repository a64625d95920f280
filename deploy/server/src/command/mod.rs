//! One file per subcommand; here is which one runs.

mod bench;
mod check_config;
mod demo;
mod flush;
mod fsck;
mod import;
mod remote;
mod routes;
mod rules;
mod serve;
mod sql;
mod token;
mod user;
mod verify;
mod worker;

use crate::Outcome;
use crate::cli::{Cli, Command};

pub(crate) fn run(cli: Cli) -> Outcome {
    match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Sql(args) => here(sql::run(args)),
        Command::Import(args) => here(import::run(args)),
        Command::Verify(args) => here(verify::run(args)),
        Command::Flush(args) => here(flush::run(args)),
        Command::Fsck(args) => here(fsck::run(args)),
        Command::CheckConfig(args) => check_config::run(args),
        Command::Token(args) => here(token::run(args)),
        Command::User(args) => here(user::run(args)),
        Command::Rules(args) => here(rules::run(args)),
        Command::Routes(args) => here(routes::run(args)),
        Command::Bench(args) => here(bench::run(args)),
        Command::Worker(args) => worker::run(args),
    }
}

/// Runs a command that only asks others on this thread.
fn here(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| anyhow::anyhow!("a runtime cannot be started: {error}"))?.block_on(command)
}
