//! What `tests/senders/install` has installed: SDKs and programs of other languages.

use crate::environment;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

/// The folder of installed senders, if `name` is in it; else why not, for a SKIPPED line.
pub fn find(name: &str) -> Result<PathBuf, String> {
    let home = environment::variable("STORMGLASS_SENDERS").map_or_else(
        || PathBuf::from(environment::variable("HOME").unwrap_or_default()).join(".cache/stormglass/senders"),
        PathBuf::from,
    );
    if home.join(format!("{name}.installed")).exists() {
        return Ok(home);
    }
    let why = std::fs::read_to_string(home.join(format!("{name}.missing")));
    Err(why.map_or_else(|_| format!("{name} is not installed: run tests/senders/install"), |w| w.trim().to_owned()))
}

/// A script of `tests/senders`.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../senders").join(name)
}

/// Runs a program to its end.
///
/// # Panics
/// When it fails, with what it said.
pub async fn run(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(environment::PATIENCE, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{} does not end", program.display()));
    let output = output.unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    assert!(output.status.success(), "{}: {}", program.display(), crate::server::both(&output));
    output
}
