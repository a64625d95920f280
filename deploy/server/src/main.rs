//! `stormglass`: the one binary. Reads the command line, installs the TLS provider, and hands over.
//!
//! Exit codes: 0 good, 1 failed, 2 wrong usage or configuration.

mod allocator;
mod app;
mod audit_table;
mod cli;
mod command;
mod demo_routes;
mod guard;
mod net;
mod page;
mod reconcile;
mod settings;
mod telemetry;
mod wiring;

use clap::Parser;
use std::process::ExitCode;

/// What ended a command, by whose turn it is.
#[derive(Debug)]
enum Failure {
    /// The user's: usage or configuration. Each line stands for itself.
    Usage(Vec<String>),
    /// Ours, or the world's.
    Failed(anyhow::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(lines) => f.write_str(&lines.join("; ")),
            Self::Failed(error) => f.write_str(&telemetry::told(error)),
        }
    }
}

impl std::error::Error for Failure {}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

type Outcome = Result<(), Failure>;

fn main() -> ExitCode {
    // Before anything that may speak TLS: with none installed, rustls would have to guess.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was installed before");
    }
    match command::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(lines)) => {
            for line in lines {
                telemetry::complain(&line);
            }
            ExitCode::from(2)
        }
        Err(Failure::Failed(error)) => {
            telemetry::complain(&telemetry::told(&error));
            ExitCode::FAILURE
        }
    }
}
