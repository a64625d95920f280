//! The services and their pods: which language, which node each pod runs on, how much room they have.

use super::places::{EDGE_1, EDGE_2, HOSTS, HostKind, TILL};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Language {
    Java,
    Go,
    Node,
    Python,
}

#[derive(Debug)]
pub(crate) struct Service {
    /// Its place in [`ALL`].
    pub(crate) id: usize,
    pub(crate) name: &'static str,
    /// What it runs when the company opens.
    pub(crate) version: &'static str,
    pub(crate) language: Language,
    /// The host of each pod.
    pub(crate) on: &'static [usize],
    /// How many times the usual load its processors bear.
    pub(crate) room: f64,
}

macro_rules! services {
    ($($konst:ident = $id:literal $name:literal $version:literal $language:ident on [$($host:expr),*] room $room:literal;)*) => {
        $(pub(crate) static $konst: Service = Service {
            id: $id, name: $name, version: $version, language: Language::$language, on: &[$($host),*], room: $room,
        };)*
        /// In the order of their ids.
        pub(crate) static ALL: &[&Service] = &[$(&$konst),*];
    };
}

// Nodes are written by their place in HOSTS: node-1 is 0.
services! {
    MP_GATEWAY = 0 "mp-gateway" "4.12.0" Node on [0, 1, 3] room 2.8;
    POS_GATEWAY = 1 "pos-gateway" "2.4.1" Go on [1, 5] room 4.0;
    USER_AUTH = 2 "user-auth-service" "3.1.0" Go on [0, 5] room 4.5;
    STORE = 3 "store-service" "2.2.3" Java on [1, 2] room 4.0;
    MENU = 4 "menu-service" "2.7.5" Go on [0, 2] room 3.6;
    SEARCH = 5 "search-service" "1.8.0" Java on [3] room 5.0;
    RECOMMEND = 6 "recommend-service" "0.14.2" Python on [3, 4] room 4.5;
    CART = 7 "cart-service" "3.3.0" Go on [1, 2] room 4.0;
    PROMOTION = 8 "promotion-service" "4.1.2" Java on [5, 6] room 2.8;
    ORDER = 9 "order-service" "7.3.1" Java on [0, 3, 2] room 3.6;
    MEMBER = 10 "member-service" "3.8.0" Java on [5, 6] room 4.0;
    COUPON = 11 "coupon-service" "2.19.4" Java on [6, 2] room 4.5;
    INVENTORY = 12 "inventory-service" "1.40.2" Go on [7, 0] room 4.0;
    PAYMENT = 13 "payment-service" "5.0.7" Java on [1, 5, 7] room 4.0;
    RISK = 14 "risk-service" "1.3.0" Python on [6, 7] room 4.5;
    REFUND = 15 "refund-service" "1.6.2" Java on [7] room 6.0;
    INVOICE = 16 "invoice-service" "2.0.4" Java on [4] room 6.0;
    KITCHEN = 17 "kitchen-service" "3.0.1" Java on [4, 3] room 4.5;
    PRINTING = 18 "printing-service" "1.9.3" Python on [4, 6] room 4.5;
    DELIVERY = 19 "delivery-service" "2.6.0" Go on [4, 7] room 4.5;
    DISPATCH = 20 "dispatch-service" "1.2.8" Python on [7] room 5.0;
    NOTIFY = 21 "notify-service" "2.2.0" Node on [5] room 5.0;
    ORDER_CONSUMER = 22 "order-event-consumer" "7.3.1" Java on [3, 6] room 5.0;
    POINTS_CONSUMER = 23 "points-consumer" "3.8.0" Java on [5] room 5.0;
    ANALYTICS = 24 "analytics-consumer" "0.9.1" Python on [7] room 6.0;
    SETTLEMENT = 25 "settlement-job" "1.4.0" Python on [0] room 20.0;
    REPORT = 26 "report-job" "1.1.0" Python on [1] room 20.0;
    SUPPLY = 27 "supply-service" "1.5.0" Java on [6] room 6.0;
    WMS = 28 "wms-service" "6.2.0" Java on [EDGE_1] room 6.0;
    COLD_CHAIN = 29 "cold-chain-service" "2.0.0" Go on [EDGE_2] room 6.0;
    DOCK = 30 "dock-service" "1.0.9" Java on [EDGE_1] room 6.0;
    POS_CLIENT = 31 "pos-client" "6.8.0" Node on [TILL, TILL + 1, TILL + 2, TILL + 3, TILL + 4, TILL + 5] room 9.0;
}

/// One running copy of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pod {
    /// Its place among all pods.
    pub(crate) index: usize,
    pub(crate) service: &'static Service,
    pub(crate) ordinal: usize,
}

impl Pod {
    /// Every pod, in the order of [`Pod::index`].
    pub(crate) fn all() -> Vec<Pod> {
        let of = |service: &'static Service| (0..service.on.len()).map(move |ordinal| (service, ordinal));
        let pods = ALL.iter().flat_map(|service| of(service)).enumerate();
        pods.map(|(index, (service, ordinal))| Pod { index, service, ordinal }).collect()
    }

    /// Place of its host in `HOSTS`.
    pub(crate) fn host(self) -> usize {
        self.service.on[self.ordinal]
    }

    /// `service.instance.id`: the name of the pod, or of the shop it stands in.
    pub(crate) fn name(self) -> String {
        let host = &HOSTS[self.host()];
        match host.kind {
            HostKind::Till => format!("{}-{}", self.service.name, host.site),
            _ => format!("{}-{}", self.service.name, self.ordinal),
        }
    }

    pub(crate) fn address(self) -> String {
        format!("10.32.{}.{}", self.host(), 10 + self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_and_pods_are_found_by_their_place() {
        for (place, service) in ALL.iter().enumerate() {
            assert_eq!(service.id, place, "{}", service.name);
            assert!(service.on.iter().all(|host| *host < HOSTS.len()));
        }
        for (place, pod) in Pod::all().into_iter().enumerate() {
            assert_eq!(pod.index, place, "{}", pod.name());
        }
    }

    #[test]
    fn five_services_have_an_instance_on_the_third_node() {
        assert_eq!(ALL.iter().filter(|s| s.on.contains(&2)).count(), 5);
    }
}
