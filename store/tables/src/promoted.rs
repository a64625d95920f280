//! Which attribute keys are columns of their own. Data, not code: the set is versioned, grows only,
//! and files written under different versions are read together.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The column type of a promoted key. A value of another type goes to the map, and its part says so
/// (`PartMeta::overflow`); promotion never changes a type or an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PromotedType {
    String,
    Int,
    Double,
    Bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PromotedKey {
    pub key: String,
    #[serde(rename = "type")]
    pub ty: PromotedType,
    /// Whether Parquet files carry a bloom filter for it: keys of high cardinality that people look up.
    #[serde(default)]
    pub bloom: bool,
}

/// The promoted keys of spans and of logs (one list for both: an all-null column costs nothing).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PromotedSet {
    pub version: u32,
    pub keys: Vec<PromotedKey>,
}

/// Name of the Parquet column of a promoted key.
pub fn column_name(key: &str) -> String {
    format!("attributes.{key}")
}

const STRING: &[&str] = &[
    "http.request.method",
    "http.route",
    "url.path",
    "url.full",
    "url.scheme",
    "server.address",
    "client.address",
    "user_agent.original",
    "network.peer.address",
    "network.protocol.version",
    "error.type",
    "exception.type",
    "exception.message",
    "db.system.name",
    "db.namespace",
    "db.collection.name",
    "db.operation.name",
    "db.query.text",
    "rpc.system.name",
    "rpc.service",
    "rpc.method",
    "messaging.system",
    "messaging.destination.name",
    "messaging.destination.partition.id",
    "messaging.operation.name",
    "messaging.operation.type",
    "messaging.consumer.group.name",
    "service.peer.name",
    "code.function.name",
    "thread.name",
    "lane",
    "resilience.outcome",
    "business.operation.name",
];
const STRING_BLOOM: &[&str] =
    &["messaging.message.id", "messaging.rocketmq.message.keys", "business.operation.id", "session.id"];
const INT: &[&str] = &[
    "http.response.status_code",
    "http.response.body.size",
    "server.port",
    "network.peer.port",
    "messaging.message.body.size",
    "db.response.returned_rows",
    "thread.id",
];

impl PromotedSet {
    /// The stable semantic conventions, plus the operator's business keys (with bloom filters).
    pub fn default_with(business_keys: &[String]) -> Self {
        let mut set = Self { version: 1, keys: Vec::new() };
        set.extend(STRING.iter().map(|k| PromotedKey { key: (*k).into(), ty: PromotedType::String, bloom: false }));
        set.extend(STRING_BLOOM.iter().map(|k| PromotedKey {
            key: (*k).into(),
            ty: PromotedType::String,
            bloom: true,
        }));
        set.extend(INT.iter().map(|k| PromotedKey { key: (*k).into(), ty: PromotedType::Int, bloom: false }));
        set.extend(business_keys.iter().map(|k| PromotedKey { key: k.clone(), ty: PromotedType::String, bloom: true }));
        set
    }

    /// This set and whatever `wanted` has beyond it: `None` when nothing is new. A key that is
    /// already here keeps its type for ever.
    pub fn grown_by(&self, wanted: &PromotedSet) -> Option<PromotedSet> {
        let mut grown = self.clone();
        grown.extend(wanted.keys.iter().cloned());
        (grown.keys.len() > self.keys.len()).then(|| PromotedSet { version: self.version + 1, ..grown })
    }

    fn extend(&mut self, keys: impl IntoIterator<Item = PromotedKey>) {
        for key in keys {
            if !self.keys.iter().any(|have| have.key == key.key) {
                self.keys.push(key);
            }
        }
    }

    /// Position by key.
    pub fn index(&self) -> HashMap<&str, usize> {
        self.keys.iter().enumerate().map(|(i, k)| (k.key.as_str(), i)).collect()
    }
}

/// Old semantic-convention names and the current ones (ecosystem.md 3.2), where the text of the
/// value is the same under both. The row says in `legacy_keys` which old names its sender used, so
/// that both spellings can be read and the value is stored once.
pub const RENAMED: &[(&str, &str)] = &[
    ("http.method", "http.request.method"),
    ("http.status_code", "http.response.status_code"),
    ("http.url", "url.full"),
    ("http.scheme", "url.scheme"),
    ("http.client_ip", "client.address"),
    ("http.user_agent", "user_agent.original"),
    ("net.sock.peer.addr", "network.peer.address"),
    ("net.sock.peer.port", "network.peer.port"),
    ("net.host.name", "server.address"),
    ("net.host.port", "server.port"),
    ("net.transport", "network.transport"),
    ("db.system", "db.system.name"),
    ("db.statement", "db.query.text"),
    ("db.operation", "db.operation.name"),
    ("db.name", "db.namespace"),
    ("db.sql.table", "db.collection.name"),
    ("messaging.operation", "messaging.operation.type"),
    ("messaging.kafka.consumer.group", "messaging.consumer.group.name"),
    ("messaging.kafka.message.offset", "messaging.kafka.offset"),
    ("messaging.client_id", "messaging.client.id"),
    ("rpc.system", "rpc.system.name"),
    ("deployment.environment", "deployment.environment.name"),
    ("peer.service", "service.peer.name"),
    ("code.filepath", "code.file.path"),
    ("code.lineno", "code.line.number"),
    ("code.function", "code.function.name"),
    ("container.runtime", "container.runtime.name"),
    ("feature_flag.variant", "feature_flag.result.variant"),
    ("feature_flag.provider_name", "feature_flag.provider.name"),
    ("feature_flag.evaluation.reason", "feature_flag.result.reason"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_only_grows_and_keeps_types() {
        let first = PromotedSet::default_with(&["order.id".into()]);
        assert_eq!(first.grown_by(&first), None);
        let wanted = PromotedSet {
            version: 1,
            keys: vec![
                PromotedKey { key: "server.port".into(), ty: PromotedType::String, bloom: true },
                PromotedKey { key: "ticket.id".into(), ty: PromotedType::String, bloom: true },
            ],
        };
        let grown = first.grown_by(&wanted).unwrap();
        assert_eq!((grown.version, grown.keys.len()), (2, first.keys.len() + 1));
        let port = grown.keys.iter().find(|k| k.key == "server.port").unwrap();
        assert_eq!(port.ty, PromotedType::Int);
    }
}
