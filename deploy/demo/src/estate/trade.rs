//! What the services in front of customers do: menus, carts, orders, payments, tills.

use super::Protocol::{Dubbo, Http};
use super::Step::{Ask, Call, Check, Log, Maybe, Redis, Send, Sql, Tell, Try, WithCoupon, Work};
use super::services::{
    CART as CART_SERVICE, COUPON, INVENTORY, MEMBER, MENU as MENU_SERVICE, MP_GATEWAY, ORDER, PAYMENT, POS_CLIENT,
    POS_GATEWAY, PROMOTION, RECOMMEND, RISK, SEARCH as SEARCH_SERVICE, STORE, Service, USER_AUTH,
};
use super::stores::{
    CART_CACHE, COUPONS, MEMBER_CACHE, MEMBERS, MENU_CACHE, MENUS, ORDER_CREATED, ORDER_PAID, ORDERS as ORDER_DB, PAY,
    PAYMENTS, SCORES, SESSION_CACHE, STOCK as STOCK_DB, STOCK_CACHE, Statement, replica, sql,
};
use super::{Operation, Protocol, Rule, Step, Telling};

pub(super) const fn op(
    service: &'static Service,
    protocol: Protocol,
    timeout_ms: u64,
    name: &'static str,
    steps: &'static [Step],
) -> Operation {
    Operation { service, name, protocol, timeout_ms, steps }
}

// Customers of the mini-program.

pub(crate) static MENU: Operation = op(
    &MP_GATEWAY,
    Http,
    10_000,
    "GET /api/v2/menu/{storeId}",
    &[
        Work(2_200),
        Redis(&SESSION_CACHE, "GET session:{user}"),
        Call(&STORE_HOURS),
        Call(&MENU_OF_STORE),
        Maybe(0.25, &[Try(&[Call(&SUGGEST)], "recommendations left out")]),
    ],
);
pub(crate) static SEARCH: Operation = op(
    &MP_GATEWAY,
    Http,
    10_000,
    "GET /api/v2/search",
    &[Work(2_000), Redis(&SESSION_CACHE, "GET session:{user}"), Call(&FIND)],
);
pub(crate) static LOGIN: Operation = op(
    &MP_GATEWAY,
    Http,
    10_000,
    "POST /api/v2/login",
    &[Work(1_800), Call(&AUTHENTICATE), Log("user {user} signed in")],
);
pub(crate) static CART: Operation =
    op(&MP_GATEWAY, Http, 10_000, "GET /api/v2/cart", &[Work(2_000), Call(&VERIFY), Call(&CART_OF_MEMBER)]);
pub(crate) static PLACE: Operation =
    op(&MP_GATEWAY, Http, 12_000, "POST /api/v2/orders", &[Work(3_000), Call(&VERIFY), Call(&CREATE_ORDER)]);
pub(crate) static ORDERS: Operation =
    op(&MP_GATEWAY, Http, 12_000, "GET /api/v2/orders", &[Work(2_000), Call(&VERIFY), Call(&LIST_ORDERS)]);
pub(crate) static LOOK: Operation =
    op(&MP_GATEWAY, Http, 10_000, "GET /api/v2/orders/{orderId}", &[Work(1_800), Call(&GET_ORDER)]);
/// The payment provider tells that it was paid.
pub(crate) static PAID: Operation =
    op(&MP_GATEWAY, Http, 12_000, "POST /open/v1/payment/callback", &[Work(1_500), Call(&CONFIRM_PAYMENT)]);

// Shops.

/// The till's own view of a sale; it calls from the shop.
pub(crate) static TILL_ORDER: Operation = op(&POS_CLIENT, Http, 15_000, "checkout", &[Work(9_000), Call(&POS_ORDER)]);
static POS_ORDER: Operation = op(
    &POS_GATEWAY,
    Http,
    12_000,
    "POST /pos/orders",
    &[Work(2_000), Check(Rule::ProtocolKnown), Call(&CREATE_ORDER), Call(&CONFIRM_PAYMENT)],
);

// What they call.

static STORE_HOURS: Operation =
    op(&STORE, Dubbo, 2_000, "com.retail.store.StoreService/get", &[Work(2_000), Maybe(0.15, &[Sql(&S_STORE)])]);
static MENU_OF_STORE: Operation = op(
    &MENU_SERVICE,
    Http,
    4_000,
    "GET /menus/{storeId}",
    &[Work(3_500), Redis(&MENU_CACHE, "GET menu:{store}"), Sql(&S_MENU), Call(&STOCK_OF_STORE)],
);
static STOCK_OF_STORE: Operation = op(
    &INVENTORY,
    Http,
    3_000,
    "GET /stock/{storeId}",
    &[Work(1_800), Redis(&STOCK_CACHE, "HGETALL stock:{store}"), Maybe(0.2, &[Sql(&S_STOCK)])],
);
static SUGGEST: Operation =
    op(&RECOMMEND, Http, 1_500, "GET /recommendations", &[Work(9_000), Redis(&MEMBER_CACHE, "GET taste:{member}")]);
static FIND: Operation = op(&SEARCH_SERVICE, Http, 3_000, "GET /search", &[Work(7_000), Sql(&S_SEARCH)]);
static AUTHENTICATE: Operation = op(
    &USER_AUTH,
    Http,
    3_000,
    "POST /sessions",
    &[Work(6_000), Call(&MEMBER_LEVEL), Redis(&SESSION_CACHE, "SETEX session:{user} 7200")],
);
static VERIFY: Operation =
    op(&USER_AUTH, Http, 2_000, "GET /sessions/current", &[Work(1_200), Redis(&SESSION_CACHE, "GET session:{user}")]);
static MEMBER_LEVEL: Operation = op(
    &MEMBER,
    Http,
    3_000,
    "GET /members/{memberId}",
    &[Work(2_800), Redis(&MEMBER_CACHE, "GET member:{member}"), Maybe(0.4, &[Sql(&S_MEMBER)])],
);
static CART_OF_MEMBER: Operation = op(
    &CART_SERVICE,
    Http,
    4_000,
    "GET /carts/{memberId}",
    &[Work(2_500), Redis(&CART_CACHE, "HGETALL cart:{member}"), Call(&PRICE)],
);
pub(crate) static PRICE: Operation =
    op(&PROMOTION, Http, 1_200, "POST /prices", &[Work(9_000), Sql(&S_PROMOTION), Work(5_000)]);

static CREATE_ORDER: Operation = op(
    &ORDER,
    Http,
    9_000,
    "POST /orders",
    &[
        Work(4_000),
        Tell(Telling::OrderPlaced),
        Call(&MEMBER_LEVEL),
        Call(&PRICE),
        WithCoupon(&[Call(&REDEEM)]),
        Call(&RESERVE),
        Work(2_500),
        Sql(&S_ORDER_NEW),
        Sql(&S_ORDER_ITEMS),
        Call(&PREPAY),
        Send(&ORDER_CREATED),
        Log("order {order} placed in {store}"),
    ],
);
static REDEEM: Operation = op(
    &COUPON,
    Dubbo,
    3_000,
    "com.retail.coupon.CouponService/redeem",
    &[Work(2_500), Sql(&S_COUPON), Check(Rule::CouponValid), Sql(&S_COUPON_USE), Tell(Telling::CouponRedeemed)],
);
static RESERVE: Operation = op(
    &INVENTORY,
    Http,
    4_000,
    "POST /stock/reserve",
    &[
        Work(2_200),
        Redis(&STOCK_CACHE, "DECRBY stock:{store}:{sku} 1"),
        Check(Rule::StockThere),
        Sql(&S_RESERVE),
        Tell(Telling::StockReserved),
    ],
);
static PREPAY: Operation = op(
    &PAYMENT,
    Http,
    6_000,
    "POST /payments",
    &[
        Work(3_000),
        Try(&[Call(&SCORE)], "risk score left out"),
        Sql(&S_PAYMENT_NEW),
        Ask(&PAY, "/v3/pay/transactions/jsapi", 70_000),
        Sql(&S_PAYMENT_STATE),
    ],
);
static SCORE: Operation = op(
    &RISK,
    Http,
    1_500,
    "POST /scores",
    &[Work(6_000), Redis(&MEMBER_CACHE, "HGETALL risk:{member}"), Maybe(0.1, &[Ask(&SCORES, "/v1/score", 40_000)])],
);
static CONFIRM_PAYMENT: Operation = op(
    &PAYMENT,
    Http,
    8_000,
    "POST /payments/{paymentId}/confirm",
    &[Work(2_500), Sql(&S_PAYMENT_STATE), Call(&MARK_PAID)],
);
static MARK_PAID: Operation = op(
    &ORDER,
    Http,
    5_000,
    "PUT /orders/{orderId}/paid",
    &[Work(2_500), Sql(&S_ORDER_STATE), Send(&ORDER_PAID), Tell(Telling::OrderPaid)],
);
static GET_ORDER: Operation =
    op(&ORDER, Http, 5_000, "GET /orders/{orderId}", &[Work(2_000), Sql(&S_ORDER_READ), Check(Rule::OrderVisible)]);
static LIST_ORDERS: Operation = op(&ORDER, Http, 10_000, "GET /orders", &[Work(2_500), Sql(&S_ORDER_LIST)]);

// Statements.

static S_STORE: Statement =
    sql(&MENUS, "t_store", 1_200, "SELECT id, name, open_at, close_at FROM t_store WHERE id = ?");
pub(crate) static S_MENU: Statement = sql(
    &MENUS,
    "t_product",
    2_600,
    "SELECT p.id, p.name, p.price FROM t_menu m JOIN t_product p ON p.id = m.product_id WHERE m.store_id = ?",
);
/// What a menu is read with when it is read product by product.
pub(crate) static S_PRODUCT: Statement =
    sql(&MENUS, "t_product", 1_900, "SELECT id, name, price FROM t_product WHERE id = ?");
static S_STOCK: Statement = sql(&STOCK_DB, "t_stock", 1_800, "SELECT sku_id, on_hand FROM t_stock WHERE store_id = ?");
static S_SEARCH: Statement =
    sql(&MENUS, "t_product", 4_500, "SELECT id, name FROM t_product WHERE MATCH(name) AGAINST (?) LIMIT 20");
static S_MEMBER: Statement = sql(&MEMBERS, "t_member", 1_600, "SELECT id, level, points FROM t_member WHERE id = ?");
static S_PROMOTION: Statement = sql(
    &COUPONS,
    "t_promotion",
    2_200,
    "SELECT id, rule FROM t_promotion WHERE store_id = ? AND starts_at <= ? AND ends_at > ?",
);
static S_ORDER_NEW: Statement = sql(
    &ORDER_DB,
    "t_order",
    2_400,
    "INSERT INTO t_order (id, store_id, member_id, status, amount) VALUES (?, ?, ?, ?, ?)",
);
static S_ORDER_ITEMS: Statement =
    sql(&ORDER_DB, "t_order_item", 2_100, "INSERT INTO t_order_item (order_id, sku_id, cups) VALUES (?, ?, ?)");
static S_ORDER_STATE: Statement =
    sql(&ORDER_DB, "t_order", 2_000, "UPDATE t_order SET status = ? WHERE id = ? AND status = ?");
static S_ORDER_READ: Statement =
    replica(&ORDER_DB, "t_order", 1_500, "SELECT id, status, amount FROM t_order WHERE id = ?");
pub(crate) static S_ORDER_LIST: Statement = sql(
    &ORDER_DB,
    "t_order",
    3_200,
    "SELECT id, status, amount, created_at FROM t_order WHERE member_id = ? ORDER BY created_at DESC LIMIT 20",
);
static S_COUPON: Statement =
    sql(&COUPONS, "t_coupon", 1_700, "SELECT id, state, expires_at FROM t_coupon WHERE id = ? FOR UPDATE");
static S_COUPON_USE: Statement = sql(&COUPONS, "t_coupon", 1_900, "UPDATE t_coupon SET state = ? WHERE id = ?");
static S_RESERVE: Statement =
    sql(&STOCK_DB, "t_stock", 2_100, "UPDATE t_stock SET on_hand = on_hand - ? WHERE store_id = ? AND sku_id = ?");
pub(crate) static S_PAYMENT_NEW: Statement =
    sql(&PAYMENTS, "t_payment", 2_200, "INSERT INTO t_payment (id, order_id, amount, status) VALUES (?, ?, ?, ?)");
static S_PAYMENT_STATE: Statement = sql(&PAYMENTS, "t_payment", 1_900, "UPDATE t_payment SET status = ? WHERE id = ?");
