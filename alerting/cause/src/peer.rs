//! Whom a client speaks to that sends no telemetry of its own: databases, caches, queues, third parties.

use crate::SpanRow;
use crate::names::Names;
use model::{Entity, EntityKind};

const CACHES: [&str; 5] = ["redis", "memcached", "valkey", "hazelcast", "ehcache"];

/// The peer of a span that leaves its service, as `kind:name`. Whether an address is a service that is
/// known by its own spans is told later, when all are known.
pub(crate) fn of(row: &SpanRow<'_>) -> Option<String> {
    if !row.db_system.is_empty() {
        let kind = if CACHES.contains(&row.db_system) { EntityKind::Cache } else { EntityKind::Database };
        let name = match (row.db_namespace, row.server_address) {
            ("", "") => row.db_system.to_owned(),
            ("", address) => address.to_owned(),
            (namespace, _) => joined(row.db_system, namespace),
        };
        return Some(Entity::new(kind, name).to_string());
    }
    if !row.messaging_system.is_empty() || !row.destination.is_empty() {
        return Some(Entity::new(EntityKind::Queue, joined(row.messaging_system, row.destination)).to_string());
    }
    let leaves = matches!(row.kind, "client" | "producer");
    (leaves && !row.server_address.is_empty())
        .then(|| Entity::new(EntityKind::ThirdParty, host(row.server_address)).to_string())
}

/// A store's name as the service graph writes it: `mysql/order`, `kafka/paid`.
fn joined(system: &str, name: &str) -> String {
    match (system, name) {
        ("", only) | (only, "") => only.to_owned(),
        (system, name) => format!("{system}/{name}"),
    }
}

/// The entity that a peer's text means: an address that is the name of a service is that service.
pub(crate) fn entity(text: &str, services: &Services<'_>) -> Entity {
    let entity = Entity::read(text);
    if entity.kind != EntityKind::ThirdParty {
        return entity;
    }
    match services.known(&entity.name) {
        Some(service) => Entity::service(service),
        None => entity,
    }
}

/// Services that send telemetry themselves.
#[derive(Debug)]
pub(crate) struct Services<'a> {
    names: &'a Names,
    known: &'a hashbrown::HashSet<crate::names::Name>,
}

impl<'a> Services<'a> {
    pub(crate) fn new(names: &'a Names, known: &'a hashbrown::HashSet<crate::names::Name>) -> Self {
        Self { names, known }
    }

    /// `payment`, `payment.shop.svc.cluster.local` and `payment:8080` mean service `payment`.
    fn known(&self, address: &str) -> Option<&'a str> {
        let first = address.split('.').next().unwrap_or(address);
        [address, first].into_iter().find_map(|name| {
            let name = self.names.find(name)?;
            self.known.contains(&name).then(|| self.names.text(name))
        })
    }
}

/// An address without its port. (IPv6 in brackets keeps them.)
fn host(address: &str) -> &str {
    match address.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && !host.ends_with(':') => {
            host
        }
        _ => address,
    }
}
