//! What there is: services, operations, dependencies, from the rollups that are kept at ingest.

use crate::ask::{Rows, instant, literal};
use crate::window::Window;
use crate::{Api, Asker, Problem};
use model::UnixNanos;
use std::time::Duration;

/// Services and operations that were seen within this time are listed.
const LOOKBACK: Duration = Duration::from_secs(7 * 86_400);
/// Most names of one list. A service with more operations than this is listed in part.
const NAMES_MAX: usize = 20_000;

/// An operation with its kind.
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) kind: String,
}

/// Calls from one service to another.
pub(super) struct Dependency {
    pub(super) parent: String,
    pub(super) child: String,
    pub(super) calls: i64,
}

/// A list, and why it is not all.
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    pub(super) incomplete_reason: Option<String>,
}

impl<T> List<T> {
    fn of(rows: &Rows, read: impl Fn(crate::ask::Row<'_>) -> Result<T, Problem>) -> Result<Self, Problem> {
        let items: Vec<T> = rows.iter().take(NAMES_MAX).map(read).collect::<Result<_, _>>()?;
        let cut = (rows.len() > NAMES_MAX).then(|| format!("the first {NAMES_MAX} are listed"));
        let unsaid = (!rows.complete).then(|| "the list is not complete".to_owned());
        Ok(Self { items, incomplete_reason: cut.or_else(|| rows.incomplete_reason.clone()).or(unsaid) })
    }
}

fn lately(now: UnixNanos) -> String {
    format!("time >= {}", instant(now.saturating_sub(LOOKBACK)))
}

pub(super) async fn services(api: &Api, asker: &Asker) -> Result<List<String>, Problem> {
    let sql = format!(
        "SELECT service FROM red WHERE {} GROUP BY service ORDER BY service LIMIT {}",
        lately(api.now()),
        NAMES_MAX + 1
    );
    List::of(&api.ask(asker, sql).await?, |row| Ok(row.text("service")?.to_owned()))
}

/// Operations of a service, or of all; of one kind, or of all.
pub(super) async fn operations(
    api: &Api,
    asker: &Asker,
    service: Option<&str>,
    kind: Option<&str>,
) -> Result<List<Operation>, Problem> {
    let service = service.map(|text| format!(" AND service = {}", literal(text))).unwrap_or_default();
    let kind = kind.map(|text| format!(" AND kind = {}", literal(text))).unwrap_or_default();
    let sql = format!(
        "SELECT operation, kind FROM red WHERE {}{service}{kind} GROUP BY operation, kind \
         ORDER BY operation, kind LIMIT {}",
        lately(api.now()),
        NAMES_MAX + 1
    );
    List::of(&api.ask(asker, sql).await?, |row| {
        Ok(Operation { name: row.text("operation")?.to_owned(), kind: row.text("kind")?.to_owned() })
    })
}

/// Exact numbers of calls between services.
pub(super) async fn dependencies(api: &Api, asker: &Asker, window: Window) -> Result<List<Dependency>, Problem> {
    let sql = format!(
        "SELECT caller, callee, sum(calls) AS calls FROM service_edges \
         WHERE kind IN ('call', 'message') AND {} GROUP BY caller, callee HAVING sum(calls) > 0 \
         ORDER BY caller, callee LIMIT {}",
        window.snapped(Duration::from_secs(60)).condition("time"),
        NAMES_MAX + 1
    );
    List::of(&api.ask(asker, sql).await?, |row| {
        Ok(Dependency {
            parent: row.text("caller")?.to_owned(),
            child: row.text("callee")?.to_owned(),
            calls: row.int("calls")?,
        })
    })
}
