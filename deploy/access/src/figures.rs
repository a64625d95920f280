//! What this crate counts of itself.

use crate::Access;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// One figure of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Figure {
    pub name: &'static str,
    pub help: &'static str,
    /// Whether it only grows.
    pub counter: bool,
    pub value: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) signed_in: AtomicU64,
    pub(crate) sign_ins_failed: AtomicU64,
    pub(crate) sign_ins_limited: AtomicU64,
    pub(crate) guesses_limited: AtomicU64,
    pub(crate) hashes_refused: AtomicU64,
    pub(crate) sessions_displaced: AtomicU64,
    pub(crate) csrf_refused: AtomicU64,
    pub(crate) audit_rows: AtomicU64,
    pub(crate) audit_failures: AtomicU64,
    pub(crate) audit_refusals_unwritten: AtomicU64,
    pub(crate) audit_left: AtomicU64,
}

impl Access {
    /// What was counted since the start, and what is held now.
    pub fn figures(&self) -> Vec<Figure> {
        let counts = &self.counts;
        let counter = |name, help, value: &AtomicU64| Figure { name, help, counter: true, value: value.load(Relaxed) };
        let gauge = |name, help, value: usize| Figure { name, help, counter: false, value: value as u64 };
        vec![
            counter("stormglass_access_sign_ins_total", "Passwords that were right.", &counts.signed_in),
            counter(
                "stormglass_access_sign_ins_failed_total",
                "Sign-ins with a wrong name or password.",
                &counts.sign_ins_failed,
            ),
            counter(
                "stormglass_access_sign_ins_limited_total",
                "Sign-ins refused because too many had failed under the name or from the address.",
                &counts.sign_ins_limited,
            ),
            counter(
                "stormglass_access_guesses_limited_total",
                "Wrong tokens not looked up because of many before them from the address.",
                &counts.guesses_limited,
            ),
            counter(
                "stormglass_access_hashes_refused_total",
                "Passwords refused because too many were being hashed.",
                &counts.hashes_refused,
            ),
            counter(
                "stormglass_access_sessions_displaced_total",
                "Sessions ended because their user began another.",
                &counts.sessions_displaced,
            ),
            counter(
                "stormglass_access_csrf_refused_total",
                "Changes by cookie without the word of our page.",
                &counts.csrf_refused,
            ),
            counter("stormglass_audit_rows_total", "Rows written to the audit log.", &counts.audit_rows),
            counter(
                "stormglass_audit_failures_total",
                "Rows that could not be written to the audit log.",
                &counts.audit_failures,
            ),
            counter(
                "stormglass_audit_refusals_unwritten_total",
                "Refused changes not written to the audit log because of many before them of the same caller.",
                &counts.audit_refusals_unwritten,
            ),
            counter(
                "stormglass_audit_left_total",
                "Rows that left the audit log because of their age or number.",
                &counts.audit_left,
            ),
            gauge("stormglass_access_sessions", "Sessions that have not ended.", self.sessions.read().0.len()),
            gauge(
                "stormglass_access_attempts_remembered",
                "Names and addresses whose failures are remembered.",
                self.attempts.lock().remembered(),
            ),
        ]
    }
}
