//! The other end of a span in SQL: the same names as the rollups give (`rollup::PeerAttributes`), for
//! questions about the spans that met one node. The span is `c`.

use crate::ask::literal;

/// An attribute of `c` that is not empty.
fn said(key: &str) -> String {
    format!("NULLIF(c.attributes[{}], '')", literal(key))
}

/// `first/second`, or the one there is.
fn joined(first: &str, second: &str) -> String {
    format!("COALESCE({first} || '/' || {second}, {first}, {second}, 'unnamed')")
}

/// Whether `c` calls the database or cache of this name (a literal).
pub(super) fn calls_store(name: &str) -> String {
    let system = said("db.system.name");
    format!("c.kind = 'client' AND {system} IS NOT NULL AND {} = {name}", joined(&system, &said("db.namespace")))
}

/// Whether `c` sends to, or takes from, the queue of this name.
pub(super) fn meets_queue(name: &str) -> String {
    let (system, queue) = (said("messaging.system"), said("messaging.destination.name"));
    format!(
        "(c.kind IN ('producer', 'consumer') OR (c.kind = 'client' AND {} IS NULL AND {system} IS NOT NULL)) AND {} = {name}",
        said("db.system.name"),
        joined(&system, &queue)
    )
}

/// Whether `c` calls whatever else has this name, which may be a service.
pub(super) fn calls_other(name: &str) -> String {
    let (address, port) = (said("server.address"), "c.attributes['server.port']");
    // A name says who it is; of an address only the port tells services apart.
    let bare = format!("(strpos({address}, ':') > 0 OR regexp_like({address}, '^[0-9.]+$'))");
    let place = format!("CASE WHEN {bare} AND {port} IS NOT NULL THEN {address} || ':' || {port} ELSE {address} END");
    format!(
        "c.kind = 'client' AND {} IS NULL AND {} IS NULL AND COALESCE({}, {place}, 'unnamed') = {name}",
        said("db.system.name"),
        said("messaging.system"),
        said("service.peer.name")
    )
}
