//! The audit log: who changed what, each row sealed with a hash over itself and the seal before it.
//!
//! A row that is changed, taken out, put in or moved breaks the chain from there on; the newest ones cut
//! off leave it without its end. Whoever may write the file can make the whole chain anew: the head that
//! is told over the API and logged is what to keep elsewhere.

use crate::attempts::Whose;
use crate::caller::Client;
use crate::{Access, AccessError, Caller};
use metastore::{AuditEnds, AuditEntry, AuditFilter, AuditKeep, AuditRow, Seal};
use model::{UnixNanos, Workspace};
use sha2::{Digest, Sha256};
use std::sync::atomic::Ordering::Relaxed;

/// Rows that are read, or leave, at a time.
const STEP: u32 = 1_000;
/// Refused changes of one caller that are written down within the window of attempts.
const REFUSED_MAX: u32 = 20;
/// Longest path and detail that are kept, in bytes.
const TEXT_BYTES_MAX: usize = 512;
/// After so many rows the head of the chain is logged, so that there is a copy elsewhere.
const HEAD_LOGGED_EVERY: i64 = 100;

/// What a handler adds to the row of its call, as an extension of its response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noted {
    /// Who turned out to do it, where the credential came with the call.
    pub(crate) caller: Option<Caller>,
    pub(crate) detail: Option<String>,
}

/// A call that is to be written down.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) method: String,
    pub(crate) route: String,
    pub(crate) path: String,
    pub(crate) client: Client,
}

/// What is found of the chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checked {
    /// Rows that were looked at.
    pub rows: u64,
    /// The number of the first.
    pub first_seq: i64,
    pub head_seq: i64,
    pub head_seal: Seal,
    /// The first row that is not as it was written, and why; none when all are.
    pub fault: Option<(i64, String)>,
}

/// The seal of a row. Every field is preceded by its length, so that no two rows read alike.
pub(crate) fn seal(before: &Seal, seq: i64, entry: &AuditEntry) -> Seal {
    let mut digest = Sha256::new();
    digest.update(b"stormglass audit 1\0");
    digest.update(before);
    digest.update(seq.to_be_bytes());
    digest.update(entry.time.0.to_be_bytes());
    digest.update(entry.status.to_be_bytes());
    let fields = [
        entry.actor.as_deref(),
        Some(&entry.actor_kind),
        entry.role.as_deref(),
        Some(entry.workspace.as_str()),
        entry.ip.as_deref(),
        Some(&entry.method),
        Some(&entry.route),
        Some(&entry.path),
        entry.detail.as_deref(),
    ];
    for field in fields {
        let length = field.map_or(u64::MAX, |text| text.len() as u64);
        digest.update(length.to_be_bytes());
        digest.update(field.unwrap_or_default());
    }
    digest.finalize().into()
}

/// Follows the chain, row by row.
#[derive(Debug)]
struct Chain {
    seq: i64,
    seal: Seal,
}

impl Chain {
    /// Why this is not the next row as it was written; none when it is.
    fn fault(&mut self, row: &AuditRow) -> Option<(i64, String)> {
        let next = self.seq + 1;
        if row.seq != next {
            return Some((next, format!("row {next} is missing: {} follows {}", row.seq, self.seq)));
        }
        if seal(&self.seal, row.seq, &row.entry) != row.seal {
            return Some((next, format!("row {next}, or the one before it, is not as it was written")));
        }
        (self.seq, self.seal) = (row.seq, row.seal);
        None
    }

    fn fault_at_end(&self, ends: &AuditEnds) -> Option<(i64, String)> {
        let (seq, head) = (self.seq, ends.head_seq);
        match () {
            () if seq < head => Some((seq + 1, format!("the log ends with row {seq}, and {head} were written"))),
            () if self.seal != ends.head_seal => Some((seq, format!("row {seq} is not the one that was written last"))),
            () => None,
        }
    }
}

fn short(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

impl Access {
    /// Writes down what somebody did; on stable storage when it returns.
    pub(crate) async fn record(
        &self,
        caller: &Caller,
        deed: &Deed,
        status: u16,
        detail: Option<&str>,
    ) -> Result<(), AccessError> {
        self.append(AuditEntry {
            time: self.clock().now(),
            actor: caller.name().map(|name| name.to_string()),
            actor_kind: caller.kind().to_owned(),
            role: caller.role.map(|role| role.to_string()),
            workspace: caller.workspace.clone(),
            ip: deed.client.ip.map(|ip| ip.to_string()),
            method: deed.method.clone(),
            route: deed.route.clone(),
            path: short(&deed.path),
            status,
            detail: detail.map(short),
        })
        .await
    }

    /// Writes down what the command line did in the data directory itself.
    pub async fn record_command(&self, command: &str, workspace: &Workspace, detail: &str) -> Result<(), AccessError> {
        self.append(AuditEntry {
            time: self.clock().now(),
            actor: None,
            actor_kind: "command_line".into(),
            role: None,
            workspace: workspace.clone(),
            ip: None,
            method: "RUN".into(),
            route: command.into(),
            path: command.into(),
            status: 200,
            detail: Some(short(detail)),
        })
        .await
    }

    async fn append(&self, entry: AuditEntry) -> Result<(), AccessError> {
        let appended = self.store.audit.append(entry, seal).await;
        self.audit_failing.store(appended.is_err(), Relaxed);
        match appended {
            Ok(row) => {
                self.counts.audit_rows.fetch_add(1, Relaxed);
                if row.seq % HEAD_LOGGED_EVERY == 0 {
                    tracing::info!(seq = row.seq, head = hex::encode(row.seal), "head of the audit log");
                }
                Ok(())
            }
            Err(error) => {
                self.counts.audit_failures.fetch_add(1, Relaxed);
                tracing::error!(%error, "the audit log cannot be written");
                Err(error.into())
            }
        }
    }

    /// After a failure nothing may be changed before the log can be written again.
    pub(crate) async fn can_record(&self, deed: &Deed) -> bool {
        if !self.audit_failing.load(Relaxed) {
            return true;
        }
        let again = Some("changes before this one may be missing: the log could not be written");
        self.record(&Caller::nobody(), deed, 503, again).await.is_ok()
    }

    /// Whether one more refused change of somebody known is written down: not so many that they push out
    /// what was really done.
    pub(crate) fn is_refusal_recorded(&self, caller: &Caller) -> bool {
        let whose = Whose::Refused(format!("{}:{}", caller.kind(), caller.name().unwrap_or_default()));
        self.attempts.lock().take(whose, REFUSED_MAX, self.clock().monotonic()).is_ok()
    }

    /// The newest rows that the filter lets through, newest first.
    pub async fn audited(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditRow>, AccessError> {
        Ok(self.store.audit.newest(filter, limit).await?)
    }

    /// Follows the whole chain. What is added meanwhile is left for the next time.
    pub async fn verify_audit(&self) -> Result<Checked, AccessError> {
        let ends = self.store.audit.ends().await?;
        let mut chain = Chain { seq: ends.left_seq, seal: ends.left_seal };
        let mut rows = 0;
        let fault = loop {
            let step = self.store.audit.following(chain.seq, STEP).await?;
            let due: Vec<_> = step.iter().take_while(|row| row.seq <= ends.head_seq).collect();
            rows += due.len() as u64;
            if let Some(fault) = due.iter().find_map(|row| chain.fault(row)) {
                break Some(fault);
            }
            if due.is_empty() || chain.seq >= ends.head_seq {
                break chain.fault_at_end(&ends);
            }
        };
        if fault.is_some() && self.store.audit.ends().await?.left_seq > ends.left_seq {
            // Rows left while they were looked at: once more, from where the log begins now.
            return Box::pin(self.verify_audit()).await;
        }
        let (first_seq, head_seq, head_seal) = (ends.left_seq + 1, ends.head_seq, ends.head_seal);
        Ok(Checked { rows, first_seq, head_seq, head_seal, fault })
    }

    pub(crate) async fn tidy_audit(&self) -> Result<(), AccessError> {
        let settings = self.settings();
        let keep = AuditKeep {
            since: self.clock().now().saturating_sub(settings.audit_keep),
            rows_max: i64::from(settings.audit_rows_max),
            step_max: i64::from(STEP),
        };
        loop {
            let gone = self.store.audit.leave(keep).await?;
            self.counts.audit_left.fetch_add(gone, Relaxed);
            if gone < u64::from(STEP) {
                return Ok(());
            }
        }
    }
}

/// RFC 3339 with nanoseconds.
pub(crate) fn time_text(time: UnixNanos) -> String {
    let seconds = time.0.div_euclid(UnixNanos::SECOND);
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let (date, nanos) = (model::time::date_text(time.day()), time.0.rem_euclid(UnixNanos::SECOND));
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

#[cfg(test)]
mod tests;
