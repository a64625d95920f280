//! `GET /api/v1/experience`: how it feels to be served, by tenant, store, channel or product.
//!
//! The formula is that of [`graph::Experience`]. All calls are summed up in SQL, so that 200,000 tenants
//! cost one aggregation, and a page of the worst comes back. `experience(by, from, to)` in SQL counts the same
//! with every call weighing the same.

use crate::ask::{Row, Rows, literal, literals};
use crate::catalog::Customer;
use crate::describe::AnyProblem;
use crate::graph::flag;
use crate::page::{read_cursor, read_limit, write_cursor};
use crate::params::Params;
use crate::render::timestamp_text;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use graph::{Experience, Importance};
use http::Uri;
use model::UnixNanos;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// T, unless the question says: the usual half second.
const THRESHOLD_NS: i64 = 500_000_000;
/// Longest T: an hour.
const THRESHOLD_NS_MAX: i64 = 3_600_000_000_000;
const KEY_BYTES_MAX: usize = 256;
/// Most bytes of service names in one question.
const SERVICE_BYTES_MAX: usize = 20 << 10;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(experience))
}

/// Calls of one window and their score.
#[derive(Debug, Serialize, ToSchema)]
struct Score {
    /// 0 to 100: 100 * (satisfied + tolerating / 2) / calls, each weighted by the importance of the
    /// service, in sums over customers also by theirs; null without calls.
    score: Option<f64>,
    calls: u64,
    errors: u64,
    /// Within the threshold and without an error.
    satisfied: u64,
    /// Within four times the threshold, or limited.
    tolerating: u64,
    /// The rest; every error.
    frustrated: u64,
    /// Score against the equal window before; null where one of the two has no calls.
    trend: Option<f64>,
}

/// One tenant, store, channel or product.
#[derive(Debug, Serialize, ToSchema)]
struct Group {
    value: String,
    #[serde(flatten)]
    score: Score,
    /// low, normal, high or critical.
    importance: &'static str,
}

/// Scores, the worst first.
#[derive(Debug, Serialize, ToSchema)]
struct ExperienceAnswer {
    from: String,
    to: String,
    by: String,
    threshold_ns: i64,
    /// Over all groups, not only those of this page.
    total: Score,
    /// How many groups there are.
    groups: u64,
    /// Calls that do not say the attribute: they are in no group and not in the total.
    unattributed: u64,
    items: Vec<Group>,
    next_cursor: Option<String>,
    complete: bool,
    incomplete_reason: Option<String>,
}

/// How it feels to be served: an Apdex-like percentage by tenant, store, channel, product.
///
/// Counts entry spans (server or consumer spans without a parent; with `served=true` every server and
/// consumer span) that say the attribute, as `attributes[by]` or else `resource[by]`. Satisfied: no
/// error and at most T; tolerating: no error and at most 4 T, or a limited answer in that time; else
/// frustrated. The worst score comes first; of equal ones the one with more calls.
#[utoipa::path(get, path = "/api/v1/experience", operation_id = "experience", tag = "graph",
    params(
        ("by" = String, Query, description = "tenant.id, store.id, channel, product, or any other attribute."),
        ("from" = Option<String>, Query, description = "RFC 3339, Unix nanoseconds, or now-15m. An hour before `to`."),
        ("to" = Option<String>, Query, description = "Likewise. Now."),
        ("threshold_ns" = Option<i64>, Query, description = "T: 1 to 3,600,000,000,000; 500,000,000 without it."),
        ("served" = Option<bool>, Query, description = "Every server and consumer span, not only entries."),
        ("limit" = Option<usize>, Query, description = "1 to 1,000; 100 without it."),
        ("cursor" = Option<String>, Query, description = "Where an earlier answer ended.")),
    responses((status = 200, description = "Scores, the worst first.", body = ExperienceAnswer), (status = "default", response = AnyProblem)))]
async fn experience(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<ExperienceAnswer>, Problem> {
    let params = Params::read(&uri, &["by", "from", "to", "threshold_ns", "served", "limit", "cursor"])?;
    let asked = Asked::read(&params, api.now())?;
    let (weights, customers) = futures::try_join!(api.catalog.weights(&asker), api.catalog.customers(&asker))?;
    let customers: Vec<Customer> =
        customers.into_iter().map(|(customer, _)| customer).filter(|c| c.key == asked.by).collect();
    let (service_weight, uncounted) = service_weight(&weights);
    let sql = Sql { asked: &asked, service_weight, customer_weight: customer_weight(&customers) };
    let (page, total) = futures::try_join!(api.ask(&asker, sql.page()), api.ask(&asker, sql.total()))?;
    answer(&asked, &customers, &page, &total, uncounted).map(Json)
}

/// Where a page ended: the window it was counted in, the order, the group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Place {
    from: i64,
    to: i64,
    loss: i64,
    calls: i64,
    value: String,
}

/// What is asked for.
#[derive(Debug)]
struct Asked {
    window: Window,
    by: String,
    threshold_ns: i64,
    served: bool,
    limit: usize,
    after: Option<Place>,
    /// What must be the same when a cursor comes back.
    question: String,
}

impl Asked {
    fn read(params: &Params, now: UnixNanos) -> Result<Self, Problem> {
        let by = params.get("by").unwrap_or_default();
        if by.is_empty() || by.len() > KEY_BYTES_MAX {
            return Err(Problem::invalid(format!(
                "by is {by:?}: the attribute to group by, such as tenant.id, store.id, channel or product"
            )));
        }
        let threshold_ns = match params.get("threshold_ns") {
            None => THRESHOLD_NS,
            Some(text) => text.parse().ok().filter(|t| (1..=THRESHOLD_NS_MAX).contains(t)).ok_or_else(|| {
                Problem::invalid(format!("threshold_ns is {text:?}: an integer from 1 to {THRESHOLD_NS_MAX}"))
            })?,
        };
        let served = flag(params, "served")?;
        let said = |name| params.get(name).unwrap_or_default();
        let question = format!("experience {by} {} {} {threshold_ns} {served}", said("from"), said("to"));
        let after: Option<Place> = read_cursor(params, &question)?;
        // `now` has moved since the first page; what was counted then is counted again.
        let window = match &after {
            Some(place) => Window { from: UnixNanos(place.from), to: UnixNanos(place.to) },
            None => Window::read(params, now)?,
        };
        let limit = read_limit(params, 100, 1_000)?;
        Ok(Self { window, by: by.to_owned(), threshold_ns, served, limit, after, question })
    }

    /// The equal window before.
    fn before(&self) -> Window {
        Window { from: self.window.from.saturating_sub(self.window.duration()), to: self.window.from }
    }
}

/// What a call to a service weighs, as SQL; and how many services found no room in the question.
fn service_weight(weights: &[(String, Importance)]) -> (String, usize) {
    let mut bytes = 0;
    let room = |(name, _): &&(String, Importance)| {
        bytes += name.len() + 4;
        bytes <= SERVICE_BYTES_MAX
    };
    let counted: Vec<_> = weights.iter().take_while(room).collect();
    let of = |importance| counted.iter().filter(move |(_, i)| *i == importance).map(|(name, _)| name.as_str());
    (case("service", of), weights.len() - counted.len())
}

/// What a customer weighs in sums, as SQL.
fn customer_weight(customers: &[Customer]) -> String {
    let of = |importance| {
        customers.iter().filter(move |c| Importance::from(c.importance) == importance).map(|c| c.value.as_str())
    };
    case("value", of)
}

fn case<'n, I: Iterator<Item = &'n str>>(column: &str, of: impl Fn(Importance) -> I) -> String {
    let normal = Importance::Normal.weight();
    let arms: String = Importance::ALL
        .into_iter()
        .filter(|importance| *importance != Importance::Normal && of(*importance).next().is_some())
        .map(|importance| format!(" WHEN {column} IN {} THEN {}", literals(of(importance)), importance.weight()))
        .collect();
    if arms.is_empty() { normal.to_string() } else { format!("CASE{arms} ELSE {normal} END") }
}

/// The questions.
struct Sql<'a> {
    asked: &'a Asked,
    service_weight: String,
    customer_weight: String,
}

impl Sql<'_> {
    /// One row per call: its group, whether it is of the window, its weight and outcome.
    fn calls(&self) -> String {
        let (asked, key) = (self.asked, literal(&self.asked.by));
        let both = Window { from: asked.before().from, to: asked.window.to };
        let entry = if asked.served { "" } else { " AND parent_span_id IS NULL" };
        let (quick, slow) = (asked.threshold_ns, asked.threshold_ns.saturating_mul(4));
        let good = "status <> 'error'";
        let limited =
            "COALESCE(attributes['resilience.outcome'], '') IN ('limited', 'broken_circuit', 'mocked', 'fallback')";
        format!(
            "SELECT COALESCE(NULLIF(attributes[{key}], ''), NULLIF(resource[{key}], '')) AS value, \
             CASE WHEN {} THEN 1 ELSE 0 END AS now, {} AS weight, CASE WHEN {good} THEN 0 ELSE 1 END AS failed, \
             CASE WHEN {good} AND duration_ns <= {quick} AND NOT {limited} THEN 1 ELSE 0 END AS satisfied, \
             CASE WHEN {good} AND duration_ns <= {slow} AND (duration_ns > {quick} OR {limited}) THEN 1 ELSE 0 END \
             AS tolerating FROM spans WHERE {} AND kind IN ('server', 'consumer'){entry}",
            asked.window.condition("time"),
            self.service_weight,
            both.condition("time"),
        )
    }

    /// One row per group. `loss` is what is missing to a score of 100, in millionths.
    fn groups(&self) -> String {
        format!(
            "SELECT *, 1000000 * (2 * weight - 2 * satisfied_weight - tolerating_weight) / (2 * weight) AS loss FROM \
             (SELECT value, SUM(now) AS calls, SUM(now * failed) AS errors, SUM(now * satisfied) AS satisfied, \
             SUM(now * tolerating) AS tolerating, SUM(now * weight) AS weight, \
             SUM(now * satisfied * weight) AS satisfied_weight, SUM(now * tolerating * weight) AS tolerating_weight, \
             SUM((1 - now) * weight) AS before_weight, SUM((1 - now) * satisfied * weight) AS before_satisfied_weight, \
             SUM((1 - now) * tolerating * weight) AS before_tolerating_weight FROM ({}) AS calls \
             WHERE value IS NOT NULL GROUP BY value) AS sums WHERE calls > 0",
            self.calls()
        )
    }

    fn page(&self) -> String {
        let after = match &self.asked.after {
            Some(Place { loss, calls, value, .. }) => {
                let value = literal(value);
                format!(
                    " WHERE loss < {loss} OR (loss = {loss} AND (calls < {calls} OR (calls = {calls} AND value > {value})))"
                )
            }
            None => String::new(),
        };
        format!(
            "SELECT * FROM ({}) AS groups{after} ORDER BY loss DESC, calls DESC, value LIMIT {}",
            self.groups(),
            self.asked.limit + 1
        )
    }

    /// Sums over all groups, each weighted by its customer, and what is in no group.
    fn total(&self) -> String {
        let weighted = |column: &str| format!("SUM({} * {column}) AS {column}", self.customer_weight);
        let sums = [
            "weight",
            "satisfied_weight",
            "tolerating_weight",
            "before_weight",
            "before_satisfied_weight",
            "before_tolerating_weight",
        ]
        .map(weighted)
        .join(", ");
        format!(
            "SELECT SUM(CASE WHEN value IS NOT NULL AND calls > 0 THEN 1 ELSE 0 END) AS groups, \
             SUM(CASE WHEN value IS NULL THEN calls ELSE 0 END) AS unattributed, \
             SUM(CASE WHEN value IS NULL THEN 0 ELSE calls END) AS calls, \
             SUM(CASE WHEN value IS NULL THEN 0 ELSE errors END) AS errors, \
             SUM(CASE WHEN value IS NULL THEN 0 ELSE satisfied END) AS satisfied, \
             SUM(CASE WHEN value IS NULL THEN 0 ELSE tolerating END) AS tolerating, {sums} FROM \
             (SELECT value, SUM(now) AS calls, SUM(now * failed) AS errors, SUM(now * satisfied) AS satisfied, \
             SUM(now * tolerating) AS tolerating, {} FROM ({}) AS calls GROUP BY value) AS groups",
            PER_GROUP,
            self.calls()
        )
    }
}

/// Weights of a group; what is in no group weighs nothing.
const PER_GROUP: &str = "SUM(CASE WHEN value IS NULL THEN 0 ELSE now * weight END) AS weight, \
     SUM(CASE WHEN value IS NULL THEN 0 ELSE now * satisfied * weight END) AS satisfied_weight, \
     SUM(CASE WHEN value IS NULL THEN 0 ELSE now * tolerating * weight END) AS tolerating_weight, \
     SUM(CASE WHEN value IS NULL THEN 0 ELSE (1 - now) * weight END) AS before_weight, \
     SUM(CASE WHEN value IS NULL THEN 0 ELSE (1 - now) * satisfied * weight END) AS before_satisfied_weight, \
     SUM(CASE WHEN value IS NULL THEN 0 ELSE (1 - now) * tolerating * weight END) AS before_tolerating_weight";

fn answer(
    asked: &Asked,
    customers: &[Customer],
    page: &Rows,
    total: &Rows,
    uncounted: usize,
) -> Result<ExperienceAnswer, Problem> {
    let sums = total.first().ok_or_else(|| Problem::internal("a sum gave no row"))?;
    let mut items = Vec::with_capacity(asked.limit);
    let mut last = None;
    for row in page.iter().take(asked.limit) {
        let value = row.text("value")?.to_owned();
        let known = customers.iter().find(|customer| customer.value == value);
        let importance = known.map(|c| Importance::from(c.importance)).unwrap_or_default().as_str();
        let (from, to) = (asked.window.from.0, asked.window.to.0);
        last = Some(Place { from, to, loss: row.int("loss")?, calls: row.int("calls")?, value: value.clone() });
        items.push(Group { value, score: score(&row)?, importance });
    }
    let more = page.len() > asked.limit;
    let next_cursor = last.filter(|_| more).map(|place| write_cursor(&asked.question, place)).transpose()?;
    let mut reasons: Vec<String> =
        [page, total].into_iter().filter(|r| !r.complete).filter_map(|r| r.incomplete_reason.clone()).collect();
    if uncounted > 0 {
        reasons.push(format!("the importance of {uncounted} services was not counted: too many are not normal"));
    }
    let complete = page.complete && total.complete && uncounted == 0;
    Ok(ExperienceAnswer {
        from: timestamp_text(asked.window.from.0),
        to: timestamp_text(asked.window.to.0),
        by: asked.by.clone(),
        threshold_ns: asked.threshold_ns,
        total: score(&sums)?,
        groups: sums.int("groups")?.unsigned_abs(),
        unattributed: sums.int("unattributed")?.unsigned_abs(),
        items,
        next_cursor,
        complete,
        incomplete_reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
    })
}

fn score(row: &Row<'_>) -> Result<Score, Problem> {
    let sum = |name: &str| Ok::<_, Problem>(row.int(name)?.unsigned_abs());
    let now = Experience {
        calls: sum("calls")?,
        errors: sum("errors")?,
        satisfied: sum("satisfied")?,
        tolerating: sum("tolerating")?,
        satisfied_weight: sum("satisfied_weight")?,
        tolerating_weight: sum("tolerating_weight")?,
        weight: sum("weight")?,
    };
    let before = Experience {
        satisfied_weight: sum("before_satisfied_weight")?,
        tolerating_weight: sum("before_tolerating_weight")?,
        weight: sum("before_weight")?,
        ..Experience::default()
    };
    Ok(Score {
        score: now.score(),
        calls: now.calls,
        errors: now.errors,
        satisfied: now.satisfied,
        tolerating: now.tolerating,
        frustrated: now.frustrated(),
        trend: now.trend(&before),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ImportanceName;

    const NOW: UnixNanos = UnixNanos(10_000_000_000_000);

    fn asked(query: &str) -> Result<Asked, Problem> {
        let known = ["by", "from", "to", "threshold_ns", "served", "limit", "cursor"];
        Asked::read(&Params::read(&format!("/x?{query}").parse().unwrap(), &known).unwrap(), NOW)
    }

    #[test]
    fn a_parameter_that_is_wrong_is_told_what_would_be_right() {
        for (query, says) in [
            ("", "the attribute to group by, such as tenant.id"),
            ("by=tenant.id&threshold_ns=0", "an integer from 1 to 3600000000000"),
            ("by=tenant.id&threshold_ns=fast", "an integer from 1"),
            ("by=tenant.id&served=1", "true or false"),
            ("by=tenant.id&limit=2000", "from 1 to 1000"),
            ("by=tenant.id&cursor=x", "none of this server"),
        ] {
            let problem = asked(query).unwrap_err();
            assert!(problem.status() == 400 && problem.detail().contains(says), "{query}: {}", problem.detail());
        }
    }

    #[test]
    fn a_cursor_keeps_the_window_that_the_first_page_was_counted_in() {
        let first = asked("by=tenant.id&from=now-5m").unwrap();
        let place = Place { from: 5, to: 9, loss: 7, calls: 3, value: "it's".into() };
        let cursor = write_cursor(&first.question, place.clone()).unwrap();
        let next = asked(&format!("by=tenant.id&from=now-5m&cursor={cursor}")).unwrap();
        assert_eq!((next.window, next.after), (Window { from: UnixNanos(5), to: UnixNanos(9) }, Some(place)));
        let other = asked(&format!("by=store.id&from=now-5m&cursor={cursor}")).unwrap_err();
        assert!(other.detail().contains("another question"));
    }

    #[test]
    fn weights_are_named_where_they_are_not_normal_and_bounded() {
        let weights = [("a".to_owned(), Importance::Critical), ("b'".to_owned(), Importance::Low)];
        assert_eq!(service_weight(&[]), ("2".into(), 0));
        let (sql, uncounted) = service_weight(&weights);
        assert_eq!(sql, "CASE WHEN service IN ('b''') THEN 1 WHEN service IN ('a') THEN 8 ELSE 2 END");
        assert_eq!(uncounted, 0);
        let many: Vec<_> = (0..5_000).map(|n| (format!("service-{n:05}"), Importance::High)).collect();
        let (sql, uncounted) = service_weight(&many);
        assert!(sql.len() < 2 * SERVICE_BYTES_MAX && uncounted > 3_000);
        let customer = Customer { key: "tenant.id".into(), value: "t1".into(), importance: ImportanceName::High };
        assert_eq!(customer_weight(&[customer]), "CASE WHEN value IN ('t1') THEN 4 ELSE 2 END");
    }

    #[test]
    fn the_window_before_is_as_long() {
        let asked = asked("by=tenant.id&from=600&to=1000").unwrap();
        assert_eq!(asked.before(), Window { from: UnixNanos(200), to: UnixNanos(600) });
    }
}
