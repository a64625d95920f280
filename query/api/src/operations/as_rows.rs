//! A story as rows, for statements that read it: `operation_timeline(key, value)` in SQL.
//!
//! It is explored by the same code as `GET /operations`, over all times. An item is a row; a business event has one
//! for each of its entities, under the same number.

use super::answer::{EntityItem, Item};
use super::story::{explore, named};
use crate::{Api, Asker, Problem};
use client::{AuditLog, QueryError, Story, StoryAsked, StoryRow};
use futures::FutureExt;
use futures::future::BoxFuture;
use model::Workspace;
use timeline::{Seed, Stretch};

impl client::Stories for Api {
    fn tell(
        &self,
        workspace: Workspace,
        audit: AuditLog,
        asked: StoryAsked,
    ) -> BoxFuture<'static, Result<Story, QueryError>> {
        let api = self.clone();
        async move {
            let asker = Asker { workspace, token: None, audit };
            story(&api, &asker, asked).await.map_err(as_query_error)
        }
        .boxed()
    }
}

async fn story(api: &Api, asker: &Asker, asked: StoryAsked) -> Result<Story, Problem> {
    let what = named(&asked.key, &asked.value)?;
    let seed = Seed { what, within: Stretch::ALL, near: None, given: Vec::new() };
    let (told, items) = explore(api, asker, seed).await?;
    let rows = items.into_iter().zip(1..).flat_map(|((time, item), number)| rows(number, time, item)).collect();
    Ok(Story { asked, rows, incomplete_reason: (!told.cut.is_empty()).then(|| told.cut.join("; ")) })
}

/// The rows of one item.
fn rows(number: i64, time: i64, item: Item) -> Vec<StoryRow> {
    let entities = item.business.map_or_else(Vec::new, |business| business.entities);
    let row = StoryRow {
        item: number,
        time,
        kind: item.kind,
        source: item.source.to_owned(),
        service: item.service,
        what: item.name,
        outcome: item.status,
        duration_ns: item.duration_ns,
        text: item.text,
        trace_id: item.trace_id,
        span_id: item.span_id,
        request_id: item.request_id,
        why: item.why,
        confidence: item.confidence,
        ..StoryRow::default()
    };
    if entities.is_empty() {
        return vec![row];
    }
    let of = |EntityItem { r#type, id, before, after, .. }| StoryRow {
        entity_type: Some(r#type),
        entity_id: Some(id),
        before,
        after,
        ..row.clone()
    };
    entities.into_iter().map(of).collect()
}

/// What the asker of a statement hears.
fn as_query_error(problem: Problem) -> QueryError {
    let detail = problem.detail().to_owned();
    match problem.status().as_u16() {
        422 => QueryError::TooLarge { detail },
        400..=499 => QueryError::Invalid { detail },
        503 => QueryError::Unavailable { detail },
        _ => QueryError::Internal { detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::answer::BusinessItem;

    #[test]
    fn an_event_about_two_things_is_two_rows_of_one_item() {
        let entity = |id: &str, after: &str| EntityItem {
            r#type: "order".into(),
            id: id.into(),
            after: Some(after.into()),
            ..EntityItem::default()
        };
        let business =
            BusinessItem { entities: vec![entity("O1", "paid"), entity("O2", "void")], ..BusinessItem::default() };
        let item = Item { name: "pay".into(), source: "business_events", ..Item::default() };
        let told = rows(7, 5, Item { business: Some(business), ..item.clone() });
        let shown: Vec<_> = told
            .iter()
            .map(|r| (r.item, r.time, r.what.as_str(), r.entity_id.as_deref(), r.after.as_deref()))
            .collect();
        assert_eq!(shown, [(7, 5, "pay", Some("O1"), Some("paid")), (7, 5, "pay", Some("O2"), Some("void"))]);
        assert_eq!(
            rows(8, 6, item)[0],
            StoryRow { item: 8, time: 6, what: "pay".into(), source: "business_events".into(), ..StoryRow::default() }
        );
    }

    #[test]
    fn a_problem_of_a_story_keeps_what_its_asker_can_do() {
        let invalid = as_query_error(Problem::invalid("trace_id is \"x\""));
        assert_eq!(invalid, QueryError::invalid("trace_id is \"x\""));
        let error = QueryError::too_large("less");
        assert_eq!(as_query_error(error.clone().into()), error);
        assert!(matches!(as_query_error(Problem::unavailable("later")), QueryError::Unavailable { .. }));
        assert!(matches!(as_query_error(Problem::internal("ours")), QueryError::Internal { .. }));
    }
}
