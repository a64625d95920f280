//! The words of the rollup tables, and the codes they are counted under.

/// What a span says it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum SpanKind {
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

impl SpanKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }

    /// By the text of the `kind` column; whatever else it says is internal.
    pub fn from_text(text: &str) -> Self {
        match text {
            "server" => Self::Server,
            "client" => Self::Client,
            "producer" => Self::Producer,
            "consumer" => Self::Consumer,
            _ => Self::Internal,
        }
    }

    /// Its bit in a set of kinds.
    pub(crate) fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What can stand at the end of an edge, beside services.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum NodeKind {
    Database,
    Cache,
    Queue,
    ThirdParty,
    Pod,
    Host,
    Node,
    Site,
}

impl NodeKind {
    /// As `caller_type` and `callee_type` say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Cache => "cache",
            Self::Queue => "queue",
            Self::ThirdParty => "third_party",
            Self::Pod => "pod",
            Self::Host => "host",
            Self::Node => "node",
            Self::Site => "site",
        }
    }
}

/// The type of a service, where the other end is something else.
pub const SERVICE: &str = "service";

/// What an edge is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum EdgeKind {
    /// Service to service.
    Call,
    /// Service to service, through a queue.
    Message,
    /// Service to database, cache or third party, as its node says.
    Peer,
    /// Service to queue.
    Publish,
    /// Queue to service.
    Consume,
    /// Service to pod, host or site.
    RunsOn,
    /// Pod or host to node.
    StandsOn,
    /// A span whose parent has not come.
    Unresolved,
}

/// Longest name of a node, in bytes; longer ones are cut. The spans themselves keep theirs.
pub(crate) const NAME_BYTES_MAX: usize = 256;

/// A name of bounded length, cut between characters.
pub(crate) fn bounded(name: &str) -> &str {
    let end = name.len().min(NAME_BYTES_MAX);
    let end = (0..=end).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    &name[..end]
}

/// What a span says of whoever is at its other end, read from its attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PeerAttributes<'a> {
    /// `db.system.name`
    pub db_system: Option<&'a str>,
    /// `db.namespace`
    pub db_namespace: Option<&'a str>,
    /// `messaging.system`
    pub messaging_system: Option<&'a str>,
    /// `messaging.destination.name`
    pub messaging_destination: Option<&'a str>,
    /// `service.peer.name`
    pub peer_service: Option<&'a str>,
    /// `server.address`
    pub server_address: Option<&'a str>,
    /// `server.port`
    pub server_port: Option<i64>,
}

/// Databases that are caches.
const CACHES: &[&str] = &["redis", "memcached", "valkey"];
/// Where a name is not to be had.
const UNNAMED: &str = "unnamed";

fn said(text: Option<&str>) -> Option<&str> {
    text.filter(|t| !t.is_empty())
}

fn joined(first: Option<&str>, second: Option<&str>) -> String {
    match (said(first), said(second)) {
        (Some(first), Some(second)) => format!("{first}/{second}"),
        (one, other) => one.or(other).unwrap_or(UNNAMED).to_owned(),
    }
}

impl PeerAttributes<'_> {
    /// The node at the other end of a span; `None` where its kind has none.
    pub fn node(&self, kind: SpanKind) -> Option<(NodeKind, String)> {
        match kind {
            SpanKind::Producer | SpanKind::Consumer => Some((NodeKind::Queue, self.queue())),
            SpanKind::Client => Some(self.called()),
            SpanKind::Internal | SpanKind::Server => None,
        }
    }

    fn queue(&self) -> String {
        joined(self.messaging_system, self.messaging_destination)
    }

    fn called(&self) -> (NodeKind, String) {
        if let Some(system) = said(self.db_system) {
            let kind = if CACHES.contains(&system) { NodeKind::Cache } else { NodeKind::Database };
            return (kind, joined(Some(system), self.db_namespace));
        }
        if said(self.messaging_system).is_some() {
            return (NodeKind::Queue, self.queue());
        }
        let address = || {
            let address = said(self.server_address)?;
            // A name says who it is; of an address only the port tells services apart.
            let bare = address.contains(':') || address.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            Some(match self.server_port.filter(|_| bare) {
                Some(port) => format!("{address}:{port}"),
                None => address.to_owned(),
            })
        };
        let name = said(self.peer_service).map(str::to_owned).or_else(address);
        (NodeKind::ThirdParty, name.unwrap_or_else(|| UNNAMED.to_owned()))
    }
}

/// Whether an answer was less than it should be, by the text of `resilience.outcome`.
pub fn is_limited(outcome: &str) -> bool {
    matches!(outcome, "limited" | "broken_circuit" | "mocked" | "fallback")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_end_is_named_by_the_first_thing_that_names_it() {
        let none = PeerAttributes::default();
        let mysql = PeerAttributes { db_system: Some("mysql"), ..none };
        let orders = PeerAttributes { db_namespace: Some("orders"), server_address: Some("db-1"), ..mysql };
        let redis = PeerAttributes { db_system: Some("redis"), db_namespace: Some("0"), ..none };
        let topic = PeerAttributes { messaging_system: Some("kafka"), messaging_destination: Some("paid"), ..none };
        let address = PeerAttributes { server_address: Some("10.0.0.7"), server_port: Some(8080), ..none };
        let host = PeerAttributes { server_address: Some("api.bank.example"), ..address };
        let v6 = PeerAttributes { server_address: Some("::1"), ..address };
        let named = PeerAttributes { peer_service: Some("bank"), ..host };
        let blank = PeerAttributes { peer_service: Some(""), ..address };
        use NodeKind::{Cache, Database, Queue, ThirdParty};
        use SpanKind::{Client, Consumer, Producer};
        for (attributes, kind, expected) in [
            (mysql, Client, (Database, "mysql")),
            (orders, Client, (Database, "mysql/orders")),
            (redis, Client, (Cache, "redis/0")),
            (topic, Client, (Queue, "kafka/paid")),
            (topic, Producer, (Queue, "kafka/paid")),
            (none, Consumer, (Queue, "unnamed")),
            (orders, Producer, (Queue, "unnamed")),
            (none, Client, (ThirdParty, "unnamed")),
            (address, Client, (ThirdParty, "10.0.0.7:8080")),
            (blank, Client, (ThirdParty, "10.0.0.7:8080")),
            (v6, Client, (ThirdParty, "::1:8080")),
            (host, Client, (ThirdParty, "api.bank.example")),
            (named, Client, (ThirdParty, "bank")),
        ] {
            let (node, name) = attributes.node(kind).unwrap();
            assert_eq!((node, name.as_str()), expected, "{attributes:?} {kind:?}");
        }
        assert_eq!((topic.node(SpanKind::Server), topic.node(SpanKind::Internal)), (None, None));
    }

    #[test]
    fn names_are_cut_between_characters() {
        let long = "é".repeat(200);
        assert_eq!(bounded(&long).len(), 256);
        assert_eq!(bounded(&format!("a{long}")).len(), 255);
        assert_eq!(bounded("cart"), "cart");
    }
}
