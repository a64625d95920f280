//! `POST /api/v1/traces/differences`: which attribute values are over-represented in a selection of
//! spans against its baseline.
//!
//! All counts are exact and made by SQL: first which keys the selection has, and how many values; then
//! each value of the keys that are no ids, on both sides. The pure crate judges and ranks.

mod sides;
mod tally;

use super::filter::SpanFilter;
use crate::describe::AnyProblem;
use crate::params::Params;
use crate::{Api, Asker, Problem};
use axum::body::Bytes;
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use serde::{Deserialize, Serialize};
use sides::{Sides, window};
use tally::Tally;
use traces::Keys;
use utoipa::ToSchema;

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// The spans to explain, and the spans to compare them with.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DifferencesQuestion {
    /// RFC 3339, Unix nanoseconds or now-15m; an hour before `to` without it.
    from: Option<String>,
    /// Likewise; now without it.
    to: Option<String>,
    /// Spans outside it are on neither side.
    #[serde(default)]
    within: SpanFilter,
    selection: SpanFilter,
    /// All spans within that are not in the selection, without it.
    baseline: Option<SpanFilter>,
    /// 1 to 1000 values; 100 without it.
    limit: Option<usize>,
}

/// Values by what they tell, and how that was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Differences {
    /// The significant ones first, by the difference of shares; then the others by their statistic.
    items: Vec<ValueDifference>,
    /// Spans on each side.
    selection_count: u64,
    baseline_count: u64,
    /// Values that were tested. `p_adjusted` is `p` times this number (Bonferroni), at most 1.
    tests: usize,
    /// Keys that were left out, and why.
    skipped: Vec<SkippedAttribute>,
    complete: bool,
    incomplete_reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ValueDifference {
    /// service, operation, kind, status; attr.KEY; resource.KEY: as filters are written.
    key: String,
    value: String,
    selection_count: u64,
    baseline_count: u64,
    /// Of all spans on that side, 0 to 1.
    selection_share: f64,
    baseline_share: f64,
    /// Two-proportion z statistic; above zero where the value is more frequent in the selection.
    z: f64,
    /// Two-sided, of this value alone: by z, or by Fisher's exact test where counts are small.
    p: f64,
    p_adjusted: f64,
    /// p_adjusted < 0.01
    significant: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct SkippedAttribute {
    key: String,
    why: String,
}

/// Attribute values that set a selection of spans apart from its baseline, with counts and a test.
#[utoipa::path(post, path = "/api/v1/traces/differences", operation_id = "trace_differences", tag = "traces", request_body = DifferencesQuestion,
    responses((status = 200, description = "Values by what they tell.", body = Differences), (status = "default", response = AnyProblem)))]
pub(super) async fn differences(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Differences>, Problem> {
    Params::read(&uri, &[])?;
    let question: DifferencesQuestion = serde_json::from_slice(&body).map_err(|error| {
        Problem::invalid(format!(
            "the body is not a question: {error}; send {{\"selection\": {{\"service\": \"...\", \"attributes\": \
             {{\"KEY\": \"VALUE\"}}}}}} with baseline, within, from, to and limit where wanted"
        ))
    })?;
    let limit = match question.limit.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => limit,
        other => return Err(Problem::invalid(format!("limit is {other}: an integer from 1 to {LIMIT_MAX}"))),
    };
    let sides = Sides::of(&question, window(&question, api.now())?)?;
    let mut tally = Tally::default();
    tally.columns(&api.ask(&asker, sides.columns()).await?)?;
    tally.few_enough()?;
    let (keys, resources) = futures::join!(api.ask(&asker, sides.keys()), api.ask(&asker, sides.resource_ids()));
    let chosen = Keys::choose(tally.sizes(&keys?)?, &sides.fixed);
    if !chosen.kept.is_empty() {
        tally.values(&api.ask(&asker, sides.values(&chosen.kept)).await?)?;
    }
    tally.resources(&api, &asker, resources?).await?;
    Ok(Json(tally.judged(&sides, chosen, limit)))
}
