//! The one place of these tests that reads the process environment and the wall clock.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// A variable that steers the tests: heavier runs, another binary, where logs go.
#[expect(clippy::disallowed_methods, reason = "tests have no settings file: this is their rim")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

/// A number from the environment, such as `STORMGLASS_TEST_CYCLES`.
pub fn number(name: &str, default: u64) -> u64 {
    variable(name).map_or(default, |v| v.parse().unwrap_or_else(|_| panic!("{name}={v}: a whole number is expected")))
}

/// The binary under test: `STORMGLASS_BIN`, or the one built beside this test executable.
pub fn binary() -> PathBuf {
    if let Some(path) = variable("STORMGLASS_BIN") {
        return path.into();
    }
    let test_exe = std::env::current_exe().expect("the test executable has a path");
    let beside = test_exe.parent().and_then(|deps| deps.parent()).expect("target/PROFILE/deps").join("stormglass");
    assert!(
        beside.exists(),
        "{} is missing: run `cargo build -p server` first, or set STORMGLASS_BIN",
        beside.display()
    );
    beside
}

/// Where logs of failed tests are kept.
pub fn logs_dir() -> PathBuf {
    variable("STORMGLASS_TEST_LOGS").map_or_else(|| std::env::temp_dir().join("stormglass-test-logs"), PathBuf::from)
}

/// A folder on another file system than the data directory, for the oracle's ledger.
pub fn other_file_system() -> PathBuf {
    let shm = PathBuf::from("/dev/shm");
    if shm.is_dir() { shm } else { std::env::temp_dir() }
}

/// Unix nanoseconds.
#[expect(clippy::disallowed_methods, reason = "telemetry made here bears real times")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64)
}

/// How long a step may hang before its test fails; not a measure of speed.
pub const PATIENCE: Duration = Duration::from_secs(120);
