//! The estate of a workspace as its edges of the last hour and the operator's topology tell it.

use crate::ask::{Ints, Questioner, Texts};
use api::handler::instant;
use client::QueryError;
use graph::RelationKind;
use incident::{Estate, Link, Relation};
use model::{Entity, EntityKind, TimeRange, UnixNanos};
use std::time::Duration;

/// Relations that were not seen for so long are forgotten.
const BACK: Duration = Duration::from_secs(3_600);
/// Most relations that are asked for; the least travelled are left out.
const LINKS_MAX: u64 = 50_000;

/// Reads who calls whom, what runs where, and adds what was declared.
pub(crate) async fn estate(ask: &Questioner, at: UnixNanos, declared: &graph::Topology) -> Result<Estate, QueryError> {
    // Edges lie in buckets of a minute: the newest may begin a little after `at`.
    let until = at.saturating_add(Duration::from_secs(60));
    let range = TimeRange { from: at.saturating_sub(BACK), until };
    let mut links = Vec::new();
    for batch in ask.rows(edges(range), LINKS_MAX).await?.batches() {
        let [caller, caller_type, callee, callee_type, kind] =
            ["caller", "caller_type", "callee", "callee_type", "kind"].map(|name| Texts::of(batch, name));
        let [calls, first, last] = ["calls", "first", "last"].map(|name| Ints::of(batch, name));
        for row in 0..batch.num_rows() {
            links.push(Link {
                from: entity(caller_type.at(row), caller.at(row)),
                relation: if kind.at(row) == "runs_on" { Relation::RunsOn } else { Relation::Calls },
                to: entity(callee_type.at(row), callee.at(row)),
                calls: u64::try_from(calls.at(row)).unwrap_or_default(),
                seen: Some((UnixNanos(first.at(row)), UnixNanos(last.at(row)))),
            });
        }
    }
    for batch in ask.rows(instances(range), LINKS_MAX).await?.batches() {
        let [service, instance, node] = ["service", "instance", "node"].map(|name| Texts::of(batch, name));
        let last = Ints::of(batch, "last");
        for row in 0..batch.num_rows() {
            let instance = Entity::new(EntityKind::Instance, instance.at(row));
            let seen = Some((range.from, UnixNanos(last.at(row))));
            let link = |relation, to| Link { from: instance.clone(), relation, to, calls: 0, seen };
            links.push(link(Relation::InstanceOf, Entity::service(service.at(row))));
            if !node.at(row).is_empty() {
                links.push(link(Relation::RunsOn, Entity::new(EntityKind::Node, node.at(row))));
            }
        }
    }
    links.extend(declared.written().into_iter().map(|relation| Link {
        from: Entity::read(&relation.from),
        relation: match relation.relation {
            RelationKind::RunsOn => Relation::RunsOn,
            RelationKind::DependsOn => Relation::DependsOn,
            RelationKind::At => Relation::At,
            RelationKind::Calls => Relation::Calls,
            RelationKind::InstanceOf => Relation::InstanceOf,
        },
        to: Entity::read(&relation.to),
        calls: 0,
        seen: None,
    }));
    Ok(Estate { links })
}

fn entity(kind: &str, name: &str) -> Entity {
    Entity::new(EntityKind::from_name(kind).unwrap_or(EntityKind::Service), name)
}

fn within(range: TimeRange) -> String {
    format!("time >= {} AND time < {}", instant(range.from), instant(range.until))
}

fn edges(range: TimeRange) -> String {
    format!(
        "SELECT caller, caller_type, callee, callee_type, kind, SUM(calls) AS calls, MIN(time) AS first, \
         MAX(time) AS last FROM service_edges WHERE {} AND kind <> 'unresolved' \
         GROUP BY caller, caller_type, callee, callee_type, kind HAVING SUM(calls) > 0 \
         ORDER BY calls DESC, caller, callee LIMIT {LINKS_MAX}",
        within(range)
    )
}

/// Instances as resources of the days of the range tell them.
fn instances(range: TimeRange) -> String {
    let day = UnixNanos::DAY;
    let from = UnixNanos(range.from.0.div_euclid(day) * day);
    let instance = "COALESCE(attributes['service.instance.id'], attributes['k8s.pod.name'])";
    let node = "COALESCE(attributes['k8s.node.name'], attributes['host.name'])";
    format!(
        "SELECT service, {instance} AS instance, COALESCE({node}, '') AS node, MAX(time) AS last FROM resources \
         WHERE {} AND {instance} IS NOT NULL GROUP BY service, {instance}, {node} ORDER BY last DESC LIMIT {LINKS_MAX}",
        within(TimeRange { from, until: range.until })
    )
}
