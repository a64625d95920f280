//! A story as this API answers with it.

use serde::Serialize;
use std::collections::BTreeMap;
use timeline::Kind;
use utoipa::ToSchema;

/// One thing that happened. What a kind does not have is absent.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Item {
    /// RFC 3339.
    pub(crate) time: String,
    /// business, request, span, log, message, job, change, alert or repair.
    pub(crate) kind: String,
    /// Why it belongs to the story.
    pub(crate) why: String,
    /// Probability that it belongs, 0 to 1.
    pub(crate) confidence: f64,
    /// The table it stands in.
    pub(crate) source: &'static str,
    pub(crate) service: String,
    /// Name of the span, operation, event, change or job.
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration_ns: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
    /// What a record says, what failed, which statement was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) span_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent_span_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    /// Business keys that it bears.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) keys: BTreeMap<String, String>,
    /// Trace ids of other propagators that it mentions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) foreign_trace_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) business: Option<BusinessItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) change: Option<ValueChangeItem>,
}

/// What a business event says beside its ids.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct BusinessItem {
    pub(crate) operation_id: Option<String>,
    pub(crate) operation: String,
    pub(crate) phase: String,
    pub(crate) outcome: String,
    pub(crate) actor: Option<String>,
    pub(crate) actor_role: Option<String>,
    pub(crate) entities: Vec<EntityItem>,
    /// log, span, http, or rule:NAME.
    pub(crate) reported_by: String,
}

#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct EntityItem {
    pub(crate) r#type: String,
    pub(crate) id: String,
    pub(crate) role: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct ValueChangeItem {
    /// release, deployment, config, feature_flag, migration and others.
    pub(crate) kind: String,
    pub(crate) target: String,
    pub(crate) version: Option<String>,
    pub(crate) previous_version: Option<String>,
}

/// An operation with its phases side by side.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct OperationItem {
    pub(crate) operation: String,
    pub(crate) operation_id: Option<String>,
    /// RFC 3339; null while it is open.
    pub(crate) created: String,
    pub(crate) completed: Option<String>,
    pub(crate) took_ns: Option<i64>,
    pub(crate) outcome: String,
    /// What each entity was before, and what it is after.
    pub(crate) entities: Vec<EntityItem>,
}

/// Another story under the id that was asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct OtherItem {
    pub(crate) from: String,
    pub(crate) to: String,
    /// What tells it apart; give one of them back as `attr.KEY=VALUE` to read that story.
    pub(crate) marks: Vec<Mark>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Mark {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// The story, page by page in order of time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Story {
    pub(crate) items: Vec<Item>,
    pub(crate) operations: Vec<OperationItem>,
    pub(crate) trace_ids: Vec<String>,
    pub(crate) request_ids: Vec<String>,
    /// The id was used again: stories that this one is not.
    pub(crate) others: Vec<OtherItem>,
    pub(crate) next_cursor: Option<String>,
    pub(crate) complete: bool,
    pub(crate) incomplete_reason: Option<String>,
}

pub(crate) fn kind_text(kind: Kind) -> &'static str {
    match kind {
        Kind::Business => "business",
        Kind::Request => "request",
        Kind::Span => "span",
        Kind::Log => "log",
        Kind::Message => "message",
        Kind::Job => "job",
        Kind::Change => "change",
        Kind::Alert => "alert",
        Kind::Repair => "repair",
    }
}
