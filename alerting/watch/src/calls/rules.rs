//! Rules: `/api/v1/rules`, and the back-test.

use super::not_found;
use crate::desk::Desk;
use crate::judge::Kept;
use crate::{Watch, figures};
use api::handler::{AnyProblem, Page, Params, parse_instant};
use api::{Asker, Problem};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use bytes::Bytes;
use http::{StatusCode, Uri};
use model::UnixNanos;
use rules::backtest::{Backtest, Report};
use rules::{Rule, Rules};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Watch> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, replace, delete))
        .routes(routes!(check))
        .routes(routes!(backtest))
}

/// A rule and how it stands.
#[derive(Debug, Serialize, ToSchema)]
struct RuleShown {
    name: String,
    kind: String,
    enabled: bool,
    /// low, medium, high, critical.
    severity: String,
    /// default (on after install), file, or api.
    origin: String,
    /// As it is written.
    #[schema(value_type = Object)]
    rule: Value,
    evaluated_at: Option<String>,
    series: usize,
    pending: usize,
    firing: usize,
    /// Series that still learn what is usual.
    warming_up: usize,
    /// Series beyond the bound, not judged.
    refused: usize,
    /// Why the last evaluation failed or was not complete.
    problem: Option<String>,
}

impl RuleShown {
    fn of(kept: &Kept) -> Self {
        let standing = kept.state.standing();
        Self {
            name: kept.rule.name.clone(),
            kind: kept.rule.kind().into(),
            enabled: kept.rule.enabled,
            severity: kept.rule.severity.as_str().into(),
            origin: kept.origin.as_str().into(),
            rule: kept.rule.to_json(),
            evaluated_at: standing.evaluated_at.map(super::incident_shape::at),
            series: standing.series,
            pending: standing.pending,
            firing: standing.firing,
            warming_up: standing.warming_up,
            refused: standing.refused,
            problem: standing.problem,
        }
    }
}

/// Every rule, by name.
#[utoipa::path(get, path = "/api/v1/rules", operation_id = "rules", tag = "alerting",
    responses((status = 200, description = "Rules.", body = Page<RuleShown>), (status = "default", response = AnyProblem)))]
async fn list(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<RuleShown>>, Problem> {
    Params::read(&uri, &[])?;
    let desk = watch.of(&asker).await?;
    let judge = desk.judge.lock().await;
    Ok(Json(Page::whole(judge.rules().map(RuleShown::of).collect())))
}

/// One rule.
#[utoipa::path(get, path = "/api/v1/rules/{name}", operation_id = "rule", tag = "alerting",
    params(("name" = String, Path, description = "Of the rule.")),
    responses((status = 200, description = "The rule.", body = RuleShown), (status = "default", response = AnyProblem)))]
async fn one(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Json<RuleShown>, Problem> {
    Params::read(&uri, &[])?;
    let desk = watch.of(&asker).await?;
    let judge = desk.judge.lock().await;
    let kept = judge.rule(&name).ok_or_else(|| not_found(format!("there is no rule {name:?}")))?;
    Ok(Json(RuleShown::of(kept)))
}

/// Makes rules, in YAML or JSON: one, a list, or a map with `rules`. All or none are taken.
#[utoipa::path(post, path = "/api/v1/rules", operation_id = "create_rules", tag = "alerting",
    request_body(content = Object, description = "YAML is read as well."),
    responses((status = 201, description = "They are judged from now on.", body = Page<RuleShown>), (status = "default", response = AnyProblem)))]
async fn create(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    body: Bytes,
) -> Result<(StatusCode, Json<Page<RuleShown>>), Problem> {
    Params::read(&uri, &[])?;
    let rules = good(read(&body)?)?;
    let desk = watch.of(&asker).await?;
    let names: Vec<String> = rules.iter().map(|rule| rule.name.clone()).collect();
    desk.keep_rules(rules).await?;
    let judge = desk.judge.lock().await;
    let shown = names.iter().filter_map(|name| judge.rule(name)).map(RuleShown::of).collect();
    Ok((StatusCode::CREATED, Json(Page::whole(shown))))
}

/// Replaces a rule. One of the default pack is overlaid until it is deleted.
#[utoipa::path(put, path = "/api/v1/rules/{name}", operation_id = "replace_rule", tag = "alerting",
    params(("name" = String, Path, description = "Of the rule.")), request_body(content = Object),
    responses((status = 200, description = "It is judged so from now on.", body = RuleShown), (status = "default", response = AnyProblem)))]
async fn replace(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<RuleShown>, Problem> {
    Params::read(&uri, &[])?;
    let rules = good(read(&body)?)?;
    match rules.as_slice() {
        [rule] if rule.name == name => {}
        [rule] => {
            return Err(Problem::invalid(format!("the body is the rule {:?}, the path says {name:?}", rule.name)));
        }
        _ => return Err(Problem::invalid("send one rule")),
    }
    let desk = watch.of(&asker).await?;
    desk.keep_rules(rules).await?;
    let judge = desk.judge.lock().await;
    let kept = judge.rule(&name).ok_or_else(|| not_found(format!("there is no rule {name:?}")))?;
    Ok(Json(RuleShown::of(kept)))
}

/// Deletes a rule of the API. What it has firing is resolved; a rule of the default pack comes back.
#[utoipa::path(delete, path = "/api/v1/rules/{name}", operation_id = "delete_rule", tag = "alerting",
    params(("name" = String, Path, description = "Of the rule.")),
    responses((status = 204, description = "It is judged no more."), (status = "default", response = AnyProblem)))]
async fn delete(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<StatusCode, Problem> {
    Params::read(&uri, &[])?;
    let desk = watch.of(&asker).await?;
    let now = desk.event_now();
    let removed = desk.judge.lock().await.remove(&name, now);
    if !removed {
        let right =
            "rules of the default pack and of files are switched off by a rule of their name with enabled: false";
        return Err(not_found(format!("the API was told no rule {name:?}; {right}")));
    }
    desk.store_rules().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is wrong with the text of rules.
#[derive(Debug, Serialize, ToSchema)]
struct Checked {
    /// Names of the rules that are good.
    good: Vec<String>,
    #[schema(value_type = Vec<Object>)]
    problems: Vec<rules::Problem>,
}

/// Checks rules and keeps none of them: problems with line and column.
#[utoipa::path(post, path = "/api/v1/rules/check", operation_id = "check_rules", tag = "alerting", request_body(content = Object),
    responses((status = 200, description = "What is good and what is wrong.", body = Checked), (status = "default", response = AnyProblem)))]
async fn check(uri: Uri, body: Bytes) -> Result<Json<Checked>, Problem> {
    Params::read(&uri, &[])?;
    let read = read(&body)?;
    let good = read.rules.iter().map(|rule| rule.name.clone()).collect();
    Ok(Json(Checked { good, problems: read.problems }))
}

fn read(body: &[u8]) -> Result<Rules, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::invalid("the body is no text: send YAML or JSON"))?;
    Ok(rules::read_yaml(text))
}

fn good(read: Rules) -> Result<Vec<Rule>, Problem> {
    if read.is_good() && !read.rules.is_empty() {
        return Ok(read.rules);
    }
    let problems: Vec<String> = read.problems.iter().map(ToString::to_string).collect();
    Err(Problem::invalid(if problems.is_empty() { "the body has no rule".into() } else { problems.join("; ") }))
}

/// What the past would have brought.
#[derive(Debug, Serialize, ToSchema)]
struct Tested {
    from: String,
    to: String,
    /// One per rule.
    #[schema(value_type = Vec<Object>)]
    results: Vec<Value>,
}

/// How far back a back-test looks by itself.
const BACK: Duration = Duration::from_secs(14 * 86_400);

/// Which alerts these rules would have told over the past, and when.
#[utoipa::path(post, path = "/api/v1/rules/backtest", operation_id = "backtest_rules", tag = "alerting",
    params(("from" = Option<String>, Query, description = "14 days before `to` without it."), ("to" = Option<String>, Query, description = "Now without it.")),
    request_body(content = Object, description = "Rules in YAML or JSON."),
    responses((status = 200, description = "Firings.", body = Tested), (status = "default", response = AnyProblem)))]
async fn backtest(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Tested>, Problem> {
    let params = Params::read(&uri, &["from", "to"])?;
    let desk = watch.of(&asker).await?;
    let now = desk.now();
    let instant = |name: &str| params.get(name).map(|text| parse_instant(name, text, now)).transpose();
    let to = instant("to")?.unwrap_or(now);
    let from = instant("from")?.unwrap_or(to.saturating_sub(BACK));
    let rules = good(read(&body)?)?;
    let mut results = Vec::new();
    for rule in &rules {
        let found = desk.replay(rule, from, to).await?;
        results.push(serde_json::to_value(found).map_err(|error| Problem::internal(error.to_string()))?);
    }
    let text = super::incident_shape::at;
    Ok(Json(Tested { from: text(from), to: text(to), results }))
}

impl Desk {
    /// Takes rules and stores them.
    async fn keep_rules(&self, rules: Vec<Rule>) -> Result<(), Problem> {
        {
            let mut judge = self.judge.lock().await;
            for rule in rules {
                let written = rule.to_json().to_string();
                judge.set(rule, written);
            }
        }
        self.store_rules().await
    }

    async fn store_rules(&self) -> Result<(), Problem> {
        let changes = self.judge.lock().await.take_changes();
        let mut office = self.office.write().await;
        office.add(changes);
        self.store(&mut office).await?;
        drop(office);
        self.wake.notify_one();
        Ok(())
    }

    /// Plays a rule over the past.
    async fn replay(&self, rule: &Rule, from: UnixNanos, to: UnixNanos) -> Result<Report, Problem> {
        let mut test = Backtest::new(rule, from, to).map_err(|error| Problem::invalid(error.to_string()))?;
        while let Some(questions) = test.questions() {
            let mut answers = rules::Answers::new();
            for question in questions {
                let rows = self.ask.rows(question.sql.clone(), question.rows_max as u64).await?;
                answers.insert(question.name, Ok(Arc::new(figures::answer(&rows, question.from))));
            }
            test.answer(&answers);
        }
        Ok(test.report())
    }
}
