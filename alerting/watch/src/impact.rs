//! Whom an incident has hurt: operations, tenants, users, business operations, counted over its time.

use crate::ask::{Ints, Questioner, Texts};
use api::handler::{instant, literal, literals};
use client::QueryError;
use model::TimeRange;
use notify::OperationHurt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Operations and tenants that are named; the rest is counted.
const NAMED: u64 = 20;
/// Keys by which those who are hurt are told apart, the first that has any counts as tenant.
const WHO: [&str; 3] = ["tenant.id", "store.id", "channel"];

/// One operation that failed in the incident's time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct HurtOperation {
    /// `operation:SERVICE/NAME`.
    pub(crate) entity: String,
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    /// failed / calls.
    pub(crate) share: f64,
}

/// A tenant, store or channel whose requests failed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct HurtTenant {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) failed: u64,
}

/// Who was hurt.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct Impact {
    /// Worst first, at most 20.
    pub(crate) operations: Vec<HurtOperation>,
    pub(crate) tenants: Vec<HurtTenant>,
    pub(crate) tenants_total: u64,
    /// Different users whose requests failed; null where spans name none.
    pub(crate) users: Option<u64>,
    /// Business operations that failed.
    pub(crate) business_operations: u64,
    pub(crate) complete: bool,
    pub(crate) incomplete_reason: Option<String>,
}

impl Impact {
    pub(crate) fn told(&self) -> notify::Impact {
        let hurt = |operation: &HurtOperation| OperationHurt {
            operation: operation.entity.trim_start_matches("operation:").to_owned(),
            calls: operation.calls,
            failed: operation.failed,
        };
        notify::Impact {
            operations: self.operations.iter().map(hurt).collect(),
            operations_total: self.operations.len() as u64,
            tenants: self.tenants.iter().map(|tenant| format!("{}={}", tenant.key, tenant.value)).collect(),
            tenants_total: self.tenants_total,
            users: self.users,
            business_operations: Some(self.business_operations).filter(|count| *count > 0),
        }
    }

    /// The share of calls of the hurt operations that failed: the experience lost.
    pub(crate) fn loss(&self) -> f64 {
        let sum = |of: fn(&HurtOperation) -> u64| self.operations.iter().map(of).sum::<u64>() as f64;
        let calls = sum(|operation| operation.calls);
        if calls > 0.0 { sum(|operation| operation.failed) / calls } else { 0.0 }
    }
}

/// Counts whom failing entry calls of these services hit. Empty services: whom any failing entry call hit.
pub(crate) async fn impact(ask: &Questioner, range: TimeRange, services: &[String]) -> Result<Impact, QueryError> {
    let mut impact = Impact { complete: true, ..Impact::default() };
    let rows = ask.rows(operations(range, services), NAMED).await?;
    for batch in rows.batches() {
        let (service, operation) = (Texts::of(batch, "service"), Texts::of(batch, "operation"));
        let (calls, failed) = (Ints::of(batch, "calls"), Ints::of(batch, "failed"));
        for row in 0..batch.num_rows() {
            let [calls, failed] = [calls.at(row), failed.at(row)].map(|n| u64::try_from(n).unwrap_or_default());
            impact.operations.push(HurtOperation {
                entity: format!("operation:{}/{}", service.at(row), operation.at(row)),
                calls,
                failed,
                share: if calls > 0 { failed as f64 / calls as f64 } else { 0.0 },
            });
        }
    }
    for key in WHO {
        let rows = ask.rows(tenants(range, key), NAMED).await?;
        for batch in rows.batches() {
            let (value, failed, total) =
                (Texts::of(batch, "value"), Ints::of(batch, "failed"), Ints::of(batch, "total"));
            for row in 0..batch.num_rows() {
                impact.tenants_total = u64::try_from(total.at(row)).unwrap_or_default();
                impact.tenants.push(HurtTenant {
                    key: key.into(),
                    value: value.at(row).to_owned(),
                    failed: u64::try_from(failed.at(row)).unwrap_or_default(),
                });
            }
        }
        if !impact.tenants.is_empty() {
            break;
        }
    }
    let people = ask.rows(people(range), 1).await?;
    if let Some(batch) = people.batches().first().filter(|batch| batch.num_rows() > 0) {
        impact.users = u64::try_from(Ints::of(batch, "users").at(0)).ok().filter(|users| *users > 0);
    }
    let business = ask.rows(business(range), 1).await?;
    if let Some(batch) = business.batches().first().filter(|batch| batch.num_rows() > 0) {
        impact.business_operations = u64::try_from(Ints::of(batch, "failed").at(0)).unwrap_or_default();
    }
    impact.complete = rows.complete && people.complete && business.complete;
    impact.incomplete_reason = rows.incomplete_reason.or(people.incomplete_reason).or(business.incomplete_reason);
    Ok(impact)
}

fn within(range: TimeRange) -> String {
    format!("time >= {} AND time < {}", instant(range.from), instant(range.until))
}

/// Entry calls that failed, by operation: those of the named services, and those that came from outside.
fn operations(range: TimeRange, services: &[String]) -> String {
    let named = match services {
        [] => String::new(),
        some => format!(" AND service IN {}", literals(some.iter().map(String::as_str))),
    };
    format!(
        "SELECT service, operation, SUM(calls) AS calls, SUM(errors) AS failed FROM red \
         WHERE {} AND kind IN ('server', 'consumer'){named} GROUP BY service, operation HAVING SUM(errors) > 0 \
         ORDER BY failed DESC, service, operation LIMIT {NAMED}",
        within(range)
    )
}

const FAILED: &str = "status = 'error' AND kind = 'server'";

fn tenants(range: TimeRange, key: &str) -> String {
    let value = format!("attributes[{}]", literal(key));
    format!(
        "SELECT value, failed, COUNT(*) OVER () AS total FROM (SELECT {value} AS value, COUNT(DISTINCT trace_id) AS failed \
         FROM spans WHERE {} AND {FAILED} AND {value} IS NOT NULL GROUP BY {value}) \
         ORDER BY failed DESC, value LIMIT {NAMED}",
        within(range)
    )
}

fn people(range: TimeRange) -> String {
    let user = "COALESCE(attributes['user.id'], attributes['member.id'])";
    format!("SELECT COUNT(DISTINCT {user}) AS users FROM spans WHERE {} AND {FAILED}", within(range))
}

fn business(range: TimeRange) -> String {
    format!("SELECT COUNT(*) AS failed FROM business_events WHERE {} AND outcome = 'failure'", within(range))
}

/// Who was hurt within a time, oldest first: business operations that failed, and of each trace that tells of none
/// the request that failed first.
pub(crate) fn hurt_operations(range: TimeRange, limit: usize) -> String {
    let within = within(range);
    let failed = format!("FROM business_events WHERE {within} AND outcome = 'failure'");
    let who = "attributes['tenant.id'] AS tenant, attributes['store.id'] AS store, request_id, trace_id, service";
    format!(
        "SELECT time, 'business' AS kind, operation, operation_id, outcome, actor, {who} {failed} \
         UNION ALL SELECT time, 'request', operation, CAST(NULL AS TEXT), 'failure', person, tenant, store, request_id, \
         trace_id, service FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id ORDER BY time, span_id) AS nth \
         FROM (SELECT time, span_id, operation, COALESCE(attributes['user.id'], attributes['member.id']) AS person, {who} \
         FROM spans WHERE {within} AND {FAILED}) AS failing) AS requests WHERE nth = 1 AND trace_id NOT IN \
         (SELECT trace_id {failed} AND trace_id IS NOT NULL) ORDER BY time, service, operation LIMIT {limit}"
    )
}
