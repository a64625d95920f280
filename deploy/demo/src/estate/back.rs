//! What happens behind the counter: kitchens, labels, deliveries, points, refunds, goods.

use super::Protocol::Http;
use super::Step::{Ask, Call, File, Log, Maybe, Print, Redis, Sql, Tell, Try, Work};
use super::services::{
    ANALYTICS, COLD_CHAIN, DELIVERY, DISPATCH, DOCK, INVENTORY, INVOICE as INVOICE_SERVICE, KITCHEN, MEMBER,
    MP_GATEWAY, NOTIFY, ORDER_CONSUMER, POINTS_CONSUMER, PRINTING, REFUND as REFUND_SERVICE, SUPPLY, WMS,
};
use super::stores::{
    BILLS, DELIVERIES, KITCHENS, MEMBERS, MESSAGES, ORDERS, PAY, PAYMENTS, RIDERS, STOCK, STOCK_CACHE, Statement, TAX,
    sql,
};
use super::trade::op;
use super::{Operation, Telling};

// What consumers do with a message.

pub(crate) static ON_CREATED: Operation =
    op(&ORDER_CONSUMER, Http, 0, "process ORDER_CREATED", &[Work(2_000), Sql(&S_ORDER_EVENT)]);
pub(crate) static ON_PAID: Operation = op(
    &ORDER_CONSUMER,
    Http,
    0,
    "process ORDER_PAID",
    &[
        Work(2_500),
        Sql(&S_ORDER_EVENT),
        Call(&TICKET),
        Try(&[Call(&LABEL)], "label of {order} not printed, to be written by hand"),
        Maybe(0.5, &[Call(&DELIVER)]),
        Maybe(0.7, &[Try(&[Call(&TELL_CUSTOMER)], "customer not told of {order}")]),
    ],
);
pub(crate) static ON_PAID_POINTS: Operation =
    op(&POINTS_CONSUMER, Http, 0, "process ORDER_PAID", &[Work(1_500), Call(&GRANT)]);
pub(crate) static ON_CREATED_COUNT: Operation = op(
    &ANALYTICS,
    Http,
    0,
    "process ORDER_CREATED",
    &[Work(3_000), Redis(&STOCK_CACHE, "HINCRBY sold:{store} {sku} 1")],
);

// What they call.

static TICKET: Operation = op(
    &KITCHEN,
    Http,
    4_000,
    "POST /tickets",
    &[Work(2_500), Sql(&S_TICKET), File(1_500), Log("ticket for {order} on the screen of {store}")],
);
static LABEL: Operation =
    op(&PRINTING, Http, 4_000, "POST /labels", &[Work(3_000), File(2_500), Print, Tell(Telling::LabelPrinted)]);
static DELIVER: Operation =
    op(&DELIVERY, Http, 5_000, "POST /deliveries", &[Work(2_000), Call(&RIDER), Sql(&S_DELIVERY)]);
static RIDER: Operation =
    op(&DISPATCH, Http, 4_000, "POST /riders/assignments", &[Work(4_000), Ask(&RIDERS, "/api/order/addOrder", 60_000)]);
static TELL_CUSTOMER: Operation = op(
    &NOTIFY,
    Http,
    3_000,
    "POST /notifications",
    &[
        Work(1_200),
        Ask(&MESSAGES, "/cgi-bin/message/subscribe/send", 45_000),
        Log("told {user} that {order} is being made"),
    ],
);
static GRANT: Operation = op(
    &MEMBER,
    Http,
    3_000,
    "POST /members/{memberId}/points",
    &[Work(2_000), Sql(&S_POINTS), Tell(Telling::PointsGranted)],
);

// Refunds and invoices.

pub(crate) static REFUND: Operation =
    op(&MP_GATEWAY, Http, 10_000, "POST /api/v2/refunds", &[Work(1_500), Call(&REFUND_ORDER)]);
static REFUND_ORDER: Operation = op(
    &REFUND_SERVICE,
    Http,
    8_000,
    "POST /refunds",
    &[Work(2_500), Sql(&S_REFUND), Ask(&PAY, "/v3/refund/domestic/refunds", 80_000), Tell(Telling::OrderRefunded)],
);
pub(crate) static INVOICE: Operation =
    op(&MP_GATEWAY, Http, 10_000, "POST /api/v2/invoices", &[Work(1_500), Call(&MAKE_INVOICE)]);
static MAKE_INVOICE: Operation = op(
    &INVOICE_SERVICE,
    Http,
    8_000,
    "POST /invoices",
    &[
        Work(5_000),
        Sql(&S_INVOICE),
        File(6_000),
        Ask(&TAX, "/invoices/blue", 120_000),
        Log("invoice for {order} issued"),
    ],
);

// Goods: the distribution centre and its three systems.

pub(crate) static REPLENISH: Operation = op(
    &SUPPLY,
    Http,
    10_000,
    "POST /replenishments",
    &[Work(3_000), Call(&PICK), Maybe(0.5, &[Call(&TEMPERATURES)]), Sql(&S_REPLENISH)],
);
static PICK: Operation = op(&WMS, Http, 5_000, "POST /picks", &[Work(5_000), Log("picking {sku} for {store}")]);
static TEMPERATURES: Operation = op(&COLD_CHAIN, Http, 5_000, "GET /temperatures", &[Work(2_000)]);
pub(crate) static DOCKS: Operation = op(
    &SUPPLY,
    Http,
    10_000,
    "GET /deliveries/{dockId}",
    &[Work(2_000), Call(&GATES), Maybe(0.4, &[Call(&TEMPERATURES)])],
);
static GATES: Operation = op(&DOCK, Http, 5_000, "GET /docks/{dockId}", &[Work(3_000)]);
/// Goods arrive: the site calls the company.
pub(crate) static RECEIVE: Operation = op(&WMS, Http, 10_000, "POST /receipts", &[Work(4_000), Call(&ADD_STOCK)]);
static ADD_STOCK: Operation =
    op(&INVENTORY, Http, 5_000, "POST /stock/receipts", &[Work(2_000), Sql(&S_RECEIVE), Tell(Telling::StockReceived)]);

// Statements.

static S_ORDER_EVENT: Statement =
    sql(&ORDERS, "t_order_event", 1_900, "INSERT INTO t_order_event (order_id, kind) VALUES (?, ?)");
static S_TICKET: Statement =
    sql(&KITCHENS, "t_ticket", 2_000, "INSERT INTO t_ticket (order_id, store_id, made_at) VALUES (?, ?, ?)");
static S_DELIVERY: Statement =
    sql(&DELIVERIES, "t_delivery", 2_100, "INSERT INTO t_delivery (order_id, rider_id) VALUES (?, ?)");
static S_POINTS: Statement = sql(&MEMBERS, "t_member", 2_000, "UPDATE t_member SET points = points + ? WHERE id = ?");
static S_REFUND: Statement =
    sql(&PAYMENTS, "t_refund", 2_300, "INSERT INTO t_refund (id, payment_id, amount) VALUES (?, ?, ?)");
static S_INVOICE: Statement =
    sql(&BILLS, "t_invoice", 2_600, "INSERT INTO t_invoice (id, order_id, title) VALUES (?, ?, ?)");
static S_REPLENISH: Statement =
    sql(&STOCK, "t_replenishment", 2_300, "INSERT INTO t_replenishment (store_id, sku_id, boxes) VALUES (?, ?, ?)");
static S_RECEIVE: Statement =
    sql(&STOCK, "t_stock", 2_200, "UPDATE t_stock SET on_hand = on_hand + ? WHERE store_id = ? AND sku_id = ?");

/// The statements of the nightly jobs.
pub(crate) static S_BILLS: Statement =
    sql(&BILLS, "t_bill", 3_000, "SELECT id, amount FROM t_bill WHERE settled = 0 LIMIT 500");
pub(crate) static S_SETTLE: Statement = sql(&BILLS, "t_bill", 2_800, "UPDATE t_bill SET settled = 1 WHERE id IN (?)");
pub(crate) static S_REPORT: Statement =
    sql(&BILLS, "t_bill", 9_000, "SELECT store_id, sum(amount) FROM t_bill WHERE created_at >= ? GROUP BY store_id");
