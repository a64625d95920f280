//! Stories that a statement reads as a table, `operation_timeline(key, value)`: the worker names them, somebody
//! outside tells them, and the statement is asked again with what was told.
//!
//! Who tells a story asks statements of its own. So it is told while the statement that wants it holds no
//! place, and the same code answers here and in the HTTP API. This crate knows no story, it carries them.

use crate::{AuditLog, QueryError};
use futures::future::BoxFuture;
use model::Workspace;
use serde::{Deserialize, Serialize};

/// Stories that one statement may read.
pub const STORIES_MAX: usize = 4;

/// Which story: what bears a key with a value; of the keys `request_id` and `trace_id`, the id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryAsked {
    pub key: String,
    pub value: String,
}

/// One thing that happened, or what it did to one of several entities.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoryRow {
    /// Place of the item in the story, from 1: rows of one item share it.
    pub item: i64,
    /// Unix nanoseconds.
    pub time: i64,
    /// business, request, span, log, message, job, change, alert.
    pub kind: String,
    /// The table it stands in.
    pub source: String,
    pub service: String,
    pub what: String,
    pub outcome: Option<String>,
    pub duration_ns: Option<i64>,
    pub text: Option<String>,
    pub trace_id: Option<String>,
    pub span_id: Option<String>,
    pub request_id: Option<String>,
    pub entity_type: Option<String>,
    pub entity_id: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
    /// Why it belongs to the story.
    pub why: String,
    /// Probability that it does, 0 to 1.
    pub confidence: f64,
}

/// A story as rows, in order of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Story {
    pub asked: StoryAsked,
    pub rows: Vec<StoryRow>,
    /// Why there may be more of it.
    pub incomplete_reason: Option<String>,
}

/// Who tells stories.
pub trait Stories: Send + Sync + std::fmt::Debug {
    /// Tells one, over all times. The statements that it asks for this read no story.
    fn tell(
        &self,
        workspace: Workspace,
        audit: AuditLog,
        asked: StoryAsked,
    ) -> BoxFuture<'static, Result<Story, QueryError>>;
}
