//! What the company consists of: services, the places they run in, what they need, and what each of
//! their operations does. Data only; how it behaves is in `world`.

pub(crate) mod back;
pub(crate) mod places;
pub(crate) mod services;
pub(crate) mod stores;
pub(crate) mod trade;

use services::Service;
use stores::{Cache, Party, Statement, Topic};

/// What a caller speaks to an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protocol {
    Http,
    Dubbo,
}

/// One operation of a service.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) service: &'static Service,
    /// Name of its server span: `METHOD /route`, or the full name of a remote procedure.
    pub(crate) name: &'static str,
    pub(crate) protocol: Protocol,
    /// How long callers wait.
    pub(crate) timeout_ms: u64,
    pub(crate) steps: &'static [Step],
}

/// One thing an operation does; they happen one after the other.
#[derive(Debug)]
pub(crate) enum Step {
    /// Processor time, median in microseconds.
    Work(u64),
    Sql(&'static Statement),
    /// A command on a cache; `{...}` is filled in.
    Redis(&'static Cache, &'static str),
    Call(&'static Operation),
    /// A request to somebody else's service: path and median duration in microseconds.
    Ask(&'static Party, &'static str, u64),
    Send(&'static Topic),
    /// An informational log record; `{...}` is filled in.
    Log(&'static str),
    /// A business event.
    Tell(Telling),
    /// Writes a file to the disk of its host; median in microseconds.
    File(u64),
    /// Sends a label to the printer of the shop, by the gateway of its region.
    Print,
    /// Something that must hold for the operation to go on.
    Check(Rule),
    /// With this probability.
    Maybe(f64, &'static [Step]),
    /// Only where the customer brought a coupon.
    WithCoupon(&'static [Step]),
    /// Goes on without it when it fails, and says so.
    Try(&'static [Step], &'static str),
}

/// Business events that operations tell of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Telling {
    OrderPlaced,
    OrderPaid,
    StockReserved,
    CouponRedeemed,
    PointsGranted,
    LabelPrinted,
    OrderRefunded,
    OrderSettled,
    StockReceived,
}

/// Rules of the business.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    /// The coupon may still be used.
    CouponValid,
    /// There is enough of the product.
    StockThere,
    /// The till speaks the protocol of the day.
    ProtocolKnown,
    /// The order can be seen on the replica it is read from.
    OrderVisible,
}
