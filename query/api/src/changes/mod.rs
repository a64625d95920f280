//! Changes of the estate: told by whoever made them, or found by the first sight of a version or variant.

mod flags;
mod list;
mod post;
mod releases;
mod rollbacks;
mod shape;

use crate::ask::{Row, literals};
use crate::window::Window;
use crate::{Api, Asker, Problem};
use model::UnixNanos;
use std::collections::{BTreeMap, BTreeSet};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(post::tell, list::list))
}

/// Changes near one story; more are cut, and said.
const NEAR_MAX: usize = 500;

const COLUMNS: &str = "time, kind, target, environment, version, previous_version, status, service, source, author, \
     title, url, change_id, attributes";

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Change {
    pub(crate) time: UnixNanos,
    pub(crate) kind: String,
    pub(crate) target: String,
    pub(crate) environment: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) previous_version: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) source: String,
    pub(crate) author: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) change_id: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Where it was read: `changes`, or `resources` or `logs` where nobody told of it.
    pub(crate) table: &'static str,
}

impl Change {
    fn read(row: Row<'_>) -> Result<Self, Problem> {
        Ok(Self {
            time: row.time("time")?,
            kind: row.text("kind")?.to_owned(),
            target: row.text("target")?.to_owned(),
            environment: row.opt_string("environment")?,
            version: row.opt_string("version")?,
            previous_version: row.opt_string("previous_version")?,
            status: row.opt_string("status")?,
            source: row.text("source")?.to_owned(),
            author: row.opt_string("author")?,
            title: row.opt_string("title")?,
            url: row.opt_string("url")?,
            change_id: row.opt_string("change_id")?,
            attributes: crate::traces::read::first_values(row, "attributes")?,
            table: "changes",
        })
    }
}

/// Changes of some targets, and whether these are all.
#[derive(Debug)]
pub(crate) struct Near {
    pub(crate) changes: Vec<Change>,
    pub(crate) incomplete_reason: Option<String>,
}

/// What was changed of these services within a time, told or found.
pub(crate) async fn of_targets(
    api: &Api,
    asker: &Asker,
    window: &Window,
    targets: &BTreeSet<&str>,
) -> Result<Near, Problem> {
    let list = literals(targets.iter().copied());
    let time = window.condition("time");
    // A flag is told by whoever evaluates it.
    let sql = format!(
        "SELECT {COLUMNS} FROM changes WHERE (target IN {list} OR (kind = 'feature_flag' AND service IN {list})) \
         AND {time} ORDER BY time DESC LIMIT {NEAR_MAX}"
    );
    let rows = api.ask(asker, sql).await?;
    let mut changes = rows.iter().map(Change::read).collect::<Result<Vec<_>, _>>()?;
    let found = found(api, asker, window, [Some(targets); 2]).await?;
    changes.extend(found.changes);
    let cut = (rows.len() == NEAR_MAX).then(|| format!("more than {NEAR_MAX} changes near it"));
    Ok(Near { changes, incomplete_reason: cut.or(rows.incomplete_reason).or(found.incomplete_reason) })
}

/// Changes that nobody told of: releases of some services or of all, flags as some services saw them or all.
async fn found(
    api: &Api,
    asker: &Asker,
    window: &Window,
    [released, flagged]: [Option<&BTreeSet<&str>>; 2],
) -> Result<Near, Problem> {
    let (releases, flags) = futures::try_join!(
        releases::releases(api, asker, window, released),
        flags::flags(api, asker, window, flagged),
    )?;
    let mut changes = releases.changes;
    changes.extend(flags.changes);
    Ok(Near { changes, incomplete_reason: releases.incomplete_reason.or(flags.incomplete_reason) })
}
