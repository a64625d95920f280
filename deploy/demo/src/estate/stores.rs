//! What services keep things in and ask of others: databases, caches, topics, third parties.

use super::places::{DB_MEMBER, DB_ORDER, DB_TRADE};
use super::services::{ANALYTICS, ORDER_CONSUMER, POINTS_CONSUMER, Service};
use super::{Operation, back};

#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) id: usize,
    pub(crate) namespace: &'static str,
    pub(crate) host: usize,
    pub(crate) address: &'static str,
}

macro_rules! databases {
    ($($konst:ident = $id:literal $namespace:literal on $host:expr;)*) => {
        $(pub(crate) static $konst: Database = Database {
            id: $id, namespace: $namespace, host: $host, address: concat!("mysql-", $namespace, ".db.internal"),
        };)*
        pub(crate) static DATABASES: &[&Database] = &[$(&$konst),*];
    };
}

databases! {
    ORDERS = 0 "order" on DB_ORDER;
    MEMBERS = 1 "member" on DB_MEMBER;
    COUPONS = 2 "coupon" on DB_MEMBER;
    PAYMENTS = 3 "payment" on DB_TRADE;
    STOCK = 4 "inventory" on DB_TRADE;
    MENUS = 5 "menu" on DB_TRADE;
    KITCHENS = 6 "kitchen" on DB_MEMBER;
    DELIVERIES = 7 "delivery" on DB_TRADE;
    BILLS = 8 "settlement" on DB_MEMBER;
}
/// Where reads of orders that may be a little old go.
pub(crate) const REPLICA_ADDRESS: &str = "mysql-order-replica.db.internal";

/// A statement as services send it.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) database: &'static Database,
    pub(crate) text: &'static str,
    pub(crate) table: &'static str,
    /// Median time on the database in microseconds, with every index in place.
    pub(crate) us: u64,
    pub(crate) on_replica: bool,
}

pub(crate) const fn sql(database: &'static Database, table: &'static str, us: u64, text: &'static str) -> Statement {
    Statement { database, text, table, us, on_replica: false }
}

pub(crate) const fn replica(
    database: &'static Database,
    table: &'static str,
    us: u64,
    text: &'static str,
) -> Statement {
    Statement { database, text, table, us, on_replica: true }
}

/// A namespace of the cache.
#[derive(Debug)]
pub(crate) struct Cache {
    pub(crate) id: usize,
    pub(crate) namespace: &'static str,
}

pub(crate) static SESSION_CACHE: Cache = Cache { id: 0, namespace: "session" };
pub(crate) static STOCK_CACHE: Cache = Cache { id: 1, namespace: "stock" };
pub(crate) static MENU_CACHE: Cache = Cache { id: 2, namespace: "menu" };
pub(crate) static CART_CACHE: Cache = Cache { id: 3, namespace: "cart" };
pub(crate) static MEMBER_CACHE: Cache = Cache { id: 4, namespace: "member" };
pub(crate) static CACHES: &[&Cache] = &[&SESSION_CACHE, &STOCK_CACHE, &MENU_CACHE, &CART_CACHE, &MEMBER_CACHE];

/// Somebody else's service.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) id: usize,
    pub(crate) host: &'static str,
}

pub(crate) static PAY: Party = Party { id: 0, host: "api.pay.example.com" };
pub(crate) static RIDERS: Party = Party { id: 1, host: "open.riders.example.com" };
pub(crate) static MESSAGES: Party = Party { id: 2, host: "api.messages.example.com" };
pub(crate) static SCORES: Party = Party { id: 3, host: "score.risk.example.com" };
pub(crate) static TAX: Party = Party { id: 4, host: "einvoice.tax.example.com" };
pub(crate) static PARTIES: &[&Party] = &[&PAY, &RIDERS, &MESSAGES, &SCORES, &TAX];

/// Queues of each topic; a consumer takes the messages of one queue one after the other.
pub(crate) const QUEUES: usize = 4;

/// Who handles the messages of a topic.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: usize,
    pub(crate) topic: &'static Topic,
    pub(crate) service: &'static Service,
    /// What handling does: an operation without a caller.
    pub(crate) work: &'static Operation,
    /// Whether its spans go on in the trace of the producer; else in a trace of their own.
    pub(crate) same_trace: bool,
}

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) id: usize,
    pub(crate) name: &'static str,
}

pub(crate) static ORDER_CREATED: Topic = Topic { id: 0, name: "ORDER_CREATED" };
pub(crate) static ORDER_PAID: Topic = Topic { id: 1, name: "ORDER_PAID" };
pub(crate) static TOPICS: &[&Topic] = &[&ORDER_CREATED, &ORDER_PAID];

pub(crate) static ON_CREATED: Group =
    Group { id: 0, topic: &ORDER_CREATED, service: &ORDER_CONSUMER, work: &back::ON_CREATED, same_trace: true };
pub(crate) static ON_PAID: Group =
    Group { id: 1, topic: &ORDER_PAID, service: &ORDER_CONSUMER, work: &back::ON_PAID, same_trace: true };
pub(crate) static ON_PAID_POINTS: Group =
    Group { id: 2, topic: &ORDER_PAID, service: &POINTS_CONSUMER, work: &back::ON_PAID_POINTS, same_trace: false };
pub(crate) static ON_CREATED_COUNT: Group =
    Group { id: 3, topic: &ORDER_CREATED, service: &ANALYTICS, work: &back::ON_CREATED_COUNT, same_trace: false };
pub(crate) static GROUPS: &[&Group] = &[&ON_CREATED, &ON_PAID, &ON_PAID_POINTS, &ON_CREATED_COUNT];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_stands_at_its_id() {
        assert!(DATABASES.iter().enumerate().all(|(at, d)| d.id == at));
        assert!(CACHES.iter().enumerate().all(|(at, c)| c.id == at));
        assert!(PARTIES.iter().enumerate().all(|(at, p)| p.id == at));
        assert!(TOPICS.iter().enumerate().all(|(at, t)| t.id == at));
        assert!(GROUPS.iter().enumerate().all(|(at, g)| g.id == at));
    }
}
