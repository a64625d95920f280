//! Alerts and incidents around a story: those of its services that stood while it was told, or just after.

use super::answer::Item;
use crate::ask::{Row, literals};
use crate::render::timestamp_text;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use model::UnixNanos;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What goes wrong in a story is alerted on a little later.
const AFTER: Duration = Duration::from_secs(300);
/// Alerts of one story; more are cut, and said.
const ALERTS_MAX: usize = 200;
/// The key under which an item tells the incident it belongs to.
const INCIDENT_KEY: &str = "incident.id";

/// Items of alerts that stood at the time of the story and are of its services, and of the incidents that
/// they belong to; and why there may be more.
pub(super) async fn around(
    api: &Api,
    asker: &Asker,
    (from, to): (UnixNanos, UnixNanos),
    services: &BTreeSet<&str>,
) -> Result<(Vec<(i64, Item)>, Option<String>), Problem> {
    let rows = api.ask(asker, of_services(&Window { from, to: to.saturating_add(AFTER) }, services)).await?;
    let mut incidents = BTreeSet::new();
    let mut items = Vec::with_capacity(rows.len());
    for row in rows.iter() {
        incidents.extend(row.opt_text("incident_id")?.filter(|id| !id.is_empty()));
        items.push(alert(row, from, services)?);
    }
    let mut cut = rows.incomplete_reason.clone();
    if rows.len() == ALERTS_MAX {
        cut.get_or_insert_with(|| format!("more than {ALERTS_MAX} alerts at its time: the latest are told"));
    }
    if !incidents.is_empty() {
        let found = api.ask(asker, of_ids(&incidents)).await?;
        for row in found.iter() {
            items.push(incident(row)?);
        }
        cut = cut.or(found.incomplete_reason);
    }
    Ok((items, cut))
}

fn of_services(window: &Window, services: &BTreeSet<&str>) -> String {
    let named = literals(services.iter().copied());
    let entity = |kind: &str| {
        let all: Vec<String> = services.iter().map(|service| format!("{kind}:{service}")).collect();
        literals(all.iter().map(String::as_str))
    };
    let (from, to) = (crate::ask::instant(window.from), crate::ask::instant(window.to));
    format!(
        "SELECT time, ends_at, name, entity, severity, state, source, incident_id, role, reason, \
         COALESCE(attributes['service'], attributes['service.name']) AS service FROM alerts \
         WHERE time < {to} AND (ends_at IS NULL OR ends_at >= {from}) AND (entity IN {} \
         OR split_part(entity, '/', 1) IN {} OR attributes['service'] IN {named} OR attributes['service.name'] IN {named}) \
         ORDER BY time DESC, name, fingerprint LIMIT {ALERTS_MAX}",
        entity("service"),
        entity("operation"),
    )
}

fn of_ids(incidents: &BTreeSet<&str>) -> String {
    format!(
        "SELECT time, id, title, state, severity, cause, cause_kind, services FROM incidents WHERE id IN {} ORDER BY time, id",
        literals(incidents.iter().copied())
    )
}

/// When something began, seen from a story that began at `from`.
fn when(time: UnixNanos, from: UnixNanos) -> String {
    let minutes = (from.0.saturating_sub(time.0)) as f64 / 60e9;
    if minutes > 0.0 { format!("since {minutes:.1} min before the story") } else { "since the story began".into() }
}

fn alert(row: Row<'_>, from: UnixNanos, services: &BTreeSet<&str>) -> Result<(i64, Item), Problem> {
    let (time, entity) = (row.time("time")?, row.text("entity")?);
    let of_entity = || entity.split_once(':').map(|(_, name)| name.split('/').next().unwrap_or(name));
    let service = row.opt_text("service")?.filter(|service| services.contains(service)).or_else(of_entity);
    let incident = row.opt_text("incident_id")?.filter(|id| !id.is_empty());
    let role = row.opt_text("role")?.filter(|role| !role.is_empty());
    let said = [Some(row.text("severity")?), role, row.opt_text("reason")?.filter(|reason| !reason.is_empty())];
    let item = Item {
        time: timestamp_text(time.0),
        kind: "alert".into(),
        why: format!("of {entity}, which took part; it stood {}", when(time, from)),
        confidence: 1.0,
        source: "alerts",
        service: service.unwrap_or_default().to_owned(),
        name: row.text("name")?.to_owned(),
        duration_ns: row.opt_time("ends_at")?.map(|end| end.0.saturating_sub(time.0)),
        status: row.opt_string("state")?,
        text: Some(said.into_iter().flatten().collect::<Vec<_>>().join("; ")),
        keys: incident.map(|id| (INCIDENT_KEY.to_owned(), id.to_owned())).into_iter().collect(),
        ..Item::default()
    };
    Ok((time.0, item))
}

fn incident(row: Row<'_>) -> Result<(i64, Item), Problem> {
    let (time, id) = (row.time("time")?, row.text("id")?);
    let cause =
        row.opt_text("cause")?.filter(|cause| !cause.is_empty()).map(|cause| match row.opt_text("cause_kind") {
            Ok(Some(kind)) => format!("cause: {cause} ({kind})"),
            _ => format!("cause: {cause}"),
        });
    let said = [Some(row.text("severity")?.to_owned()), cause];
    let item = Item {
        time: timestamp_text(time.0),
        kind: "alert".into(),
        why: "the incident that alerts of the story belong to".into(),
        confidence: 1.0,
        source: "incidents",
        name: row.text("title")?.to_owned(),
        status: row.opt_string("state")?,
        text: Some(said.into_iter().flatten().collect::<Vec<_>>().join("; ")),
        keys: BTreeMap::from([(INCIDENT_KEY.to_owned(), id.to_owned())]),
        ..Item::default()
    };
    Ok((time.0, item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::Rows;
    use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampNanosecondArray};
    use std::sync::Arc;

    const SECOND: i64 = 1_000_000_000;

    fn rows(texts: &[(&str, &str)], times: &[(&str, Option<i64>)]) -> Rows {
        let text =
            |(name, value): &(&str, &str)| (name.to_string(), Arc::new(StringArray::from(vec![*value])) as ArrayRef);
        let time = |(name, at): &(&str, Option<i64>)| {
            let column = TimestampNanosecondArray::from(vec![at.map(|at| at * SECOND)]).with_timezone("UTC");
            (name.to_string(), Arc::new(column) as ArrayRef)
        };
        let columns = texts.iter().map(text).chain(times.iter().map(time));
        Rows::of_batch(RecordBatch::try_from_iter(columns).unwrap())
    }

    #[test]
    fn an_alert_of_a_service_tells_whose_it_is_since_when_and_in_which_incident() {
        let texts = [
            ("name", "HighErrors"),
            ("entity", "operation:order/POST /orders"),
            ("severity", "high"),
            ("state", "firing"),
            ("incident_id", "I-1"),
            ("role", "symptom"),
            ("reason", "order calls payment"),
            ("service", "somebody else"),
        ];
        let rows = rows(&texts, &[("time", Some(40)), ("ends_at", None)]);
        let (time, item) = alert(rows.first().unwrap(), UnixNanos(100 * SECOND), &BTreeSet::from(["order"])).unwrap();
        assert_eq!((time, item.service.as_str(), item.kind.as_str()), (40 * SECOND, "order", "alert"));
        assert_eq!(
            item.why,
            "of operation:order/POST /orders, which took part; it stood since 1.0 min before the story"
        );
        assert_eq!(item.text.as_deref(), Some("high; symptom; order calls payment"));
        assert_eq!((&*item.keys[INCIDENT_KEY], item.duration_ns), ("I-1", None));
    }

    #[test]
    fn an_incident_tells_its_cause() {
        let texts = [
            ("id", "I-1"),
            ("title", "payment fails"),
            ("state", "open"),
            ("severity", "critical"),
            ("cause", "service:payment"),
            ("cause_kind", "connection_pool"),
        ];
        let rows = rows(&texts, &[("time", Some(50))]);
        let (_, item) = incident(rows.first().unwrap()).unwrap();
        assert_eq!((item.source, item.name.as_str()), ("incidents", "payment fails"));
        assert_eq!(item.text.as_deref(), Some("critical; cause: service:payment (connection_pool)"));
    }

    #[test]
    fn alerts_are_asked_for_by_service_and_operation_while_they_stood_and_names_stay_in_their_literals() {
        let window = Window { from: UnixNanos(0), to: UnixNanos(60 * SECOND) };
        let sql = of_services(&window, &BTreeSet::from(["it's"]));
        assert!(sql.contains("entity IN ('service:it''s')") && sql.contains("IN ('operation:it''s')"), "{sql}");
        assert!(sql.contains("time < TIMESTAMP '1970-01-01T00:01:00.000000000Z'"), "{sql}");
        assert!(sql.contains("ends_at >= TIMESTAMP '1970-01-01T00:00:00.000000000Z'"), "{sql}");
    }
}
