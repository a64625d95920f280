//! Where things are: hosts, the collectors on them, regions, shops, franchisees, devices.

/// Which collector sends the telemetry of a place.
pub(crate) const COLLECTORS: usize = 12;
const OF_DATABASES: usize = 8;
const OF_SITE: usize = 9;
const OF_SHOPS: usize = 10;
/// The collector beside the control plane: cluster state, pipelines.
pub(crate) const OF_CONTROL: usize = 11;

/// What a host is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HostKind {
    /// A node of the Kubernetes cluster.
    Node,
    Mysql,
    Redis,
    Broker,
    /// At the distribution centre.
    Site,
    /// The front machine of a shop.
    Till,
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: &'static str,
    pub(crate) kind: HostKind,
    pub(crate) collector: usize,
    pub(crate) cores: f64,
    /// The device that every packet to or from it goes through.
    pub(crate) behind: Option<usize>,
    /// Shop or site that it stands in.
    pub(crate) site: &'static str,
}

const fn host(name: &'static str, kind: HostKind, collector: usize, cores: f64) -> Host {
    Host { name, kind, collector, cores, behind: None, site: "" }
}

const fn at_site(name: &'static str, kind: HostKind, collector: usize, site: &'static str) -> Host {
    let behind = if matches!(kind, HostKind::Site) { Some(SWITCH) } else { None };
    Host { name, kind, collector, cores: 4.0, behind, site }
}

pub(crate) const DB_ORDER: usize = 8;
pub(crate) const DB_ORDER_REPLICA: usize = 9;
pub(crate) const DB_MEMBER: usize = 10;
pub(crate) const DB_TRADE: usize = 11;
pub(crate) const CACHE: usize = 12;
pub(crate) const BROKER: usize = 13;
pub(crate) const EDGE_1: usize = 14;
pub(crate) const EDGE_2: usize = 15;
/// The first of [`TILLS`] shops with a till that speaks for itself.
pub(crate) const TILL: usize = 16;
pub(crate) const TILLS: usize = 6;

pub(crate) static HOSTS: [Host; 22] = [
    host("node-1", HostKind::Node, 0, 16.0),
    host("node-2", HostKind::Node, 1, 16.0),
    host("node-3", HostKind::Node, 2, 16.0),
    host("node-4", HostKind::Node, 3, 16.0),
    host("node-5", HostKind::Node, 4, 16.0),
    host("node-6", HostKind::Node, 5, 16.0),
    host("node-7", HostKind::Node, 6, 16.0),
    host("node-8", HostKind::Node, 7, 16.0),
    host("db-order-1", HostKind::Mysql, OF_DATABASES, 32.0),
    host("db-order-replica", HostKind::Mysql, OF_DATABASES, 32.0),
    host("db-member-1", HostKind::Mysql, OF_DATABASES, 32.0),
    host("db-trade-1", HostKind::Mysql, OF_DATABASES, 32.0),
    host("cache-1", HostKind::Redis, OF_DATABASES, 8.0),
    host("mq-1", HostKind::Broker, OF_DATABASES, 16.0),
    at_site("edge-dc-east-1", HostKind::Site, OF_SITE, SITE),
    at_site("edge-dc-east-2", HostKind::Site, OF_SITE, SITE),
    at_site("pos-S10001", HostKind::Till, OF_SHOPS, "S10001"),
    at_site("pos-S10002", HostKind::Till, OF_SHOPS, "S10002"),
    at_site("pos-S10003", HostKind::Till, OF_SHOPS, "S10003"),
    at_site("pos-S10004", HostKind::Till, OF_SHOPS, "S10004"),
    at_site("pos-S10005", HostKind::Till, OF_SHOPS, "S10005"),
    at_site("pos-S10006", HostKind::Till, OF_SHOPS, "S10006"),
];

/// The distribution centre.
pub(crate) const SITE: &str = "DC-EAST";

/// A box with a network in it.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) collector: usize,
    pub(crate) site: &'static str,
    pub(crate) region: &'static str,
}

pub(crate) const SWITCH: usize = 0;
pub(crate) static DEVICES: [Device; 4] = [
    Device { name: "sw-dc-east-1", what: "switch", collector: OF_SITE, site: SITE, region: "cn-east-2" },
    Device { name: "printer-gw-east", what: "printer gateway", collector: OF_SHOPS, site: "", region: "cn-east-2" },
    Device { name: "printer-gw-south", what: "printer gateway", collector: OF_SHOPS, site: "", region: "cn-south-1" },
    Device { name: "printer-gw-north", what: "printer gateway", collector: OF_SHOPS, site: "", region: "cn-north-1" },
];
/// The gateway of the printers in the south.
pub(crate) const GATEWAY_SOUTH: usize = 2;

/// Shops, and the franchisees they belong to.
pub(crate) const SHOPS: usize = 48;
pub(crate) const TENANTS: usize = 12;

pub(crate) fn shop_name(shop: usize) -> String {
    format!("S{}", 10_001 + shop)
}

pub(crate) fn tenant_name(shop: usize) -> String {
    format!("T{:03}", 1 + shop % TENANTS)
}

/// The gateway that a shop's printers hang on: half of the shops are in the east.
pub(crate) fn printer_gateway(shop: usize) -> usize {
    match shop % 4 {
        0 | 1 => 1,
        2 => GATEWAY_SOUTH,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_stand_where_their_constants_say() {
        for (at, name) in [(DB_ORDER, "db-order-1"), (BROKER, "mq-1"), (EDGE_2, "edge-dc-east-2"), (TILL, "pos-S10001")]
        {
            assert_eq!(HOSTS[at].name, name);
        }
        assert_eq!(HOSTS.len(), TILL + TILLS);
        assert!(HOSTS.iter().all(|h| h.collector < COLLECTORS));
        assert_eq!(DEVICES[GATEWAY_SOUTH].name, "printer-gw-south");
    }
}
