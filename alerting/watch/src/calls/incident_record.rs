//! `GET /api/v1/incidents/by-month`: how quick faults were told, located and stopped, against 2-5-10.

use crate::Watch;
use api::handler::{AnyProblem, Page, Params};
use api::{Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use incident::record::{self, Clocked, Month};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Watch> {
    OpenApiRouter::new().routes(routes!(by_month))
}

/// One clock, from the fault on, over the incidents in which it has stopped.
#[derive(Debug, Serialize, ToSchema)]
struct ClockShown {
    /// What it is held against.
    goal_ns: i64,
    count: usize,
    /// Those that met the goal.
    within: usize,
    /// Null where nothing was clocked.
    mean_ns: Option<i64>,
    p50_ns: Option<i64>,
    p95_ns: Option<i64>,
}

/// The incidents whose fault began in one month.
#[derive(Debug, Serialize, ToSchema)]
struct MonthShown {
    /// `YYYY-MM`, in UTC.
    month: String,
    incidents: usize,
    /// By severity: critical, high, medium, low.
    by_severity: BTreeMap<&'static str, usize>,
    reopened: usize,
    /// In how many a cause was named, and what people said of it.
    named: usize,
    confirmed: usize,
    rejected: usize,
    /// MTTD: until people were told.
    told: ClockShown,
    /// MTTL: until the right cause was shown.
    located: ClockShown,
    /// MTTR: until the hurt was back in its band.
    stopped: ClockShown,
}

/// Months with their clocks against 2-5-10, newest first. A clock that still runs counts in none.
#[utoipa::path(get, path = "/api/v1/incidents/by-month", operation_id = "incidents_by_month", tag = "alerting",
    responses((status = 200, description = "Months, newest first.", body = Page<MonthShown>), (status = "default", response = AnyProblem)))]
async fn by_month(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<MonthShown>>, Problem> {
    Params::read(&uri, &[])?;
    let desk = watch.of(&asker).await?;
    let office = desk.office.read().await;
    let months = record::by_month(office.incidents());
    let page = Page::whole(months.iter().rev().map(|(name, month)| MonthShown::of(name, month)).collect());
    let full = office.archive_is_full().then(|| "the oldest incidents are not at hand any more".to_owned());
    Ok(Json(page.said(full.is_none(), full)))
}

impl MonthShown {
    fn of(name: &str, month: &Month) -> Self {
        Self {
            month: name.to_owned(),
            incidents: month.incidents,
            by_severity: month.by_severity.iter().map(|(severity, count)| (severity.as_str(), *count)).collect(),
            reopened: month.reopened,
            named: month.named,
            confirmed: month.right,
            rejected: month.wrong,
            told: ClockShown::of(&month.told, record::TOLD_WITHIN),
            located: ClockShown::of(&month.located, record::LOCATED_WITHIN),
            stopped: ClockShown::of(&month.stopped, record::STOPPED_WITHIN),
        }
    }
}

impl ClockShown {
    fn of(clock: &Clocked, goal_ns: i64) -> Self {
        let Clocked { count, within, mean, p50, p95 } = *clock;
        Self { goal_ns, count, within, mean_ns: mean, p50_ns: p50, p95_ns: p95 }
    }
}
