//! Saying aloud that a test could not be tried here, so that it is counted and never passes silently.

use std::io::Write;

/// Prints `SKIPPED name: reason` past the capture of the test harness, then returns from the test.
#[macro_export]
macro_rules! skip {
    ($name:expr, $($reason:tt)+) => {{
        $crate::skip::say($name, &format!($($reason)+));
        return;
    }};
}

/// The line that `make test` counts. Written straight to standard output: `print!` would be captured.
pub fn say(name: &str, reason: &str) {
    let reason = reason.replace('\n', " ");
    let _ = writeln!(std::io::stdout().lock(), "\nSKIPPED {name}: {reason}");
}
