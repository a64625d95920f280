//! The business: menus looked at, orders placed, paid, made, delivered - and what goes wrong with them.
//!
//! Pure: the seed decides which customer does what, and every amount, stock and failure.

use crate::journey::{Failure, Item, Journey, Outcome};
use crate::services::{
    COUPON, DELIVERY, GATEWAY, INVENTORY, MEMBER, NOTIFY, ORDER, ORDER_CONSUMER, PAYMENT, POINTS_CONSUMER, PRINTING,
    Pod, SETTLEMENT_JOB,
};
use crate::telemetry::{double, int, maps, text};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::VecDeque;

/// Unpaid orders that are remembered; older ones are never paid (their operation stays open).
const UNPAID_MAX: usize = 512;
/// Paid orders that wait for the settlement; older ones are never settled.
const UNSETTLED_MAX: usize = 512;
/// Orders that one run of the settlement takes.
const SETTLED_AT_ONCE: usize = 12;
const SETTLEMENT: &str = "daily-settlement";
const PRODUCTS: &[(&str, &str, i64)] = &[
    ("SKU-1001", "pearl milk tea", 1_600),
    ("SKU-1002", "taro milk tea", 1_800),
    ("SKU-1003", "mango pomelo sago", 2_400),
    ("SKU-1004", "brown sugar boba", 1_900),
    ("SKU-1005", "cheese grape", 2_600),
    ("SKU-1006", "lemon green tea", 1_200),
];

/// An order between placing and paying.
#[derive(Clone, Debug)]
struct Order {
    id: String,
    operation_id: String,
    customer: Customer,
    product: usize,
    cups: i64,
    cents: i64,
}

#[derive(Clone, Debug)]
struct Customer {
    user: String,
    member: String,
    tenant: String,
    store: String,
}

/// The state of the shops.
#[derive(Debug)]
pub(crate) struct Shop {
    random: SmallRng,
    ids: SmallRng,
    orders: u64,
    requests: u64,
    /// Part of every order number, so that two runs with one seed do not speak of the same orders.
    opened: u64,
    unpaid: VecDeque<Order>,
    unsettled: VecDeque<Order>,
    runs: u64,
    stock: Vec<i64>,
}

impl Shop {
    /// `opened` (Unix nanoseconds) goes into ids only: it never changes what happens.
    pub(crate) fn open(seed: u64, opened: u64) -> Self {
        Self {
            random: SmallRng::seed_from_u64(seed),
            ids: SmallRng::seed_from_u64(seed ^ opened),
            orders: 0,
            requests: 0,
            opened: opened / 1_000_000_000,
            unpaid: VecDeque::new(),
            unsettled: VecDeque::new(),
            runs: 0,
            stock: vec![20_000; PRODUCTS.len()],
        }
    }

    /// The next thing that happens, ending at `end` (Unix nanoseconds).
    pub(crate) fn next(&mut self, end: u64) -> Vec<Item> {
        match self.random.random_range(0..1000) {
            0..400 => self.browse(end),
            400..650 => self.place_order(end),
            650..880 => self.pay(end),
            880..985 => self.look_at_order(end),
            _ => self.settle(end),
        }
    }

    /// Seconds until the next thing, when `per_second` happen on average.
    pub(crate) fn gap(&mut self, per_second: f64) -> f64 {
        -self.random.random_range(1e-9_f64..1.0).ln() / per_second
    }

    fn customer(&mut self) -> Customer {
        // Square of a uniform number: some customers and some shops come far more often.
        let few = |random: &mut SmallRng, n: f64| (random.random::<f64>().powi(2) * n) as u64;
        let user = few(&mut self.random, 50_000.0);
        Customer {
            user: format!("U{}", 10_000_000 + user),
            member: format!("M{}", 70_000_000 + user * 7),
            tenant: format!("T{:03}", few(&mut self.random, 40.0)),
            store: format!("S{:05}", 10_000 + few(&mut self.random, 900.0)),
        }
    }

    fn request_id(&mut self) -> String {
        self.requests += 1;
        format!("req-{:x}-{:06x}", self.opened, self.requests)
    }

    fn begin(&mut self, customer: &Customer, more: Vec<KeyValue>) -> Journey<'_> {
        let request = self.request_id();
        let mut journey = Journey::new(&mut self.random, &mut self.ids);
        journey.carry(vec![
            text("request.id", request),
            text("tenant.id", customer.tenant.clone()),
            text("store.id", customer.store.clone()),
            text("user.id", customer.user.clone()),
        ]);
        journey.carry(more);
        journey
    }

    fn browse(&mut self, end: u64) -> Vec<Item> {
        let customer = self.customer();
        let mut journey = self.begin(&customer, Vec::new());
        let _ = journey.enter(GATEWAY, "GET", "/api/v2/menu/{storeId}", |j, gateway| {
            j.note(vec![text("url.path", format!("/api/v2/menu/{}", customer.store)), text("channel", "mini-program")]);
            j.call(gateway, MEMBER, "GET", "/members/{memberId}", |j, pod| {
                j.note(vec![text("member.id", customer.member.clone())]);
                j.database(pod, "redis", "member", &format!("GET member:{}", customer.member), None)
            })?;
            j.call(gateway, INVENTORY, "GET", "/stock/{storeId}", |j, pod| {
                j.database(pod, "redis", "stock", &format!("HGETALL stock:{}", customer.store), None)?;
                match j.random.random_bool(0.2) {
                    true => j.database(
                        pod,
                        "mysql",
                        "inventory",
                        "SELECT sku_id, on_hand FROM t_stock WHERE store_id = ?",
                        None,
                    ),
                    false => Ok(()),
                }
            })
        });
        journey.ending_at(end)
    }

    fn place_order(&mut self, end: u64) -> Vec<Item> {
        let customer = self.customer();
        self.orders += 1;
        let product = self.random.random_range(0..PRODUCTS.len());
        let cups = self.random.random_range(1..5);
        let order = Order {
            id: format!("O{:x}{:06}", self.opened, self.orders),
            operation_id: format!("op-{:x}-{:06}", self.opened, self.orders),
            cents: PRODUCTS[product].2 * cups,
            customer: customer.clone(),
            product,
            cups,
        };
        let coupon =
            self.random.random_bool(0.4).then(|| format!("C{}", self.random.random_range(1_000_000..9_999_999)));
        let troubles = Troubles::draw(&mut self.random);
        let before = self.stock[product];
        self.stock[product] = if before < 100 { 20_000 } else { before - cups };
        let mut journey = self.begin(&customer, vec![text("order.id", order.id.clone())]);
        let mut message = None;
        let outcome = journey.enter(GATEWAY, "POST", "/api/v2/orders", |j, gateway| {
            j.note(vec![text("channel", "mini-program"), text("product", PRODUCTS[order.product].1)]);
            j.call(gateway, ORDER, "POST", "/orders", |j, pod| {
                announce(j, pod, &order, "create");
                check_member_and_coupon(j, pod, &customer, coupon.as_deref(), &troubles)?;
                reserve(j, pod, &order, before, &troubles)?;
                let failure = troubles.lock_wait.then(lock_wait);
                j.database(
                    pod,
                    "mysql",
                    "order",
                    "INSERT INTO t_order (id, store_id, user_id, status, amount) VALUES (?, ?, ?, ?, ?)",
                    failure,
                )?;
                message = Some(j.publish(pod, "ORDER_CREATED", &order.id));
                j.log(pod, 9, format!("order {} placed", order.id), vec![int("order.cups", order.cups)]);
                Ok(())
            })
        });
        if let Some(message) = &message {
            journey.consume(ORDER_CONSUMER, message, |j, pod| {
                j.database(pod, "mysql", "order", "INSERT INTO t_order_event (order_id, kind) VALUES (?, ?)", None)
            });
        }
        let items = journey.ending_at(end);
        if outcome.is_ok() {
            if self.unpaid.len() == UNPAID_MAX {
                self.unpaid.pop_front();
            }
            self.unpaid.push_back(order);
        }
        items
    }

    fn pay(&mut self, end: u64) -> Vec<Item> {
        // One in twenty-five customers walks away: the order's operation is never completed.
        let Some(order) = self.unpaid.pop_front().filter(|_| !self.random.random_bool(0.04)) else {
            return self.browse(end);
        };
        let payment = format!("P{}", &order.id[1..]);
        let troubles = Troubles::draw(&mut self.random);
        let carried = vec![text("order.id", order.id.clone()), text("payment.id", payment.clone())];
        let mut journey = self.begin(&order.customer, carried);
        let mut message = None;
        let outcome = journey.enter(GATEWAY, "POST", "/open/v1/payment/callback", |j, gateway| {
            j.call(gateway, PAYMENT, "POST", "/payments/{paymentId}/confirm", |j, pod| {
                let failure = troubles.bank_slow.then(bank_timeout);
                let median = if troubles.bank_slow { 3_000_000 } else { 70_000 };
                j.third_party(pod, "api.pay.example.com", "/v3/pay/transactions", median, failure)?;
                j.database(pod, "mysql", "payment", "UPDATE t_payment SET status = ? WHERE id = ?", None)?;
                j.call(pod, ORDER, "PUT", "/orders/{orderId}/paid", |j, pod| {
                    j.database(
                        pod,
                        "mysql",
                        "order",
                        "UPDATE t_order SET status = ? WHERE id = ? AND status = ?",
                        None,
                    )?;
                    message = Some(j.publish(pod, "ORDER_PAID", &order.id));
                    announce(j, pod, &order, "complete");
                    Ok(())
                })
            })
        });
        if let (Ok(()), Some(message)) = (&outcome, &message) {
            let no_paper = troubles.no_paper;
            journey.consume(ORDER_CONSUMER, message, |j, pod| make_and_deliver(j, pod, &order, no_paper));
            journey.consume_apart(POINTS_CONSUMER, message, |j, pod| {
                j.call(pod, MEMBER, "POST", "/members/{memberId}/points", |j, pod| {
                    j.note(vec![
                        text("member.id", order.customer.member.clone()),
                        int("points.granted", order.cents / 100),
                    ]);
                    j.database(pod, "mysql", "member", "UPDATE t_member SET points = points + ? WHERE id = ?", None)
                })
            });
        }
        let items = journey.ending_at(end);
        if outcome.is_err() {
            self.unpaid.push_back(order);
            return items;
        }
        if self.unsettled.len() == UNSETTLED_MAX {
            self.unsettled.pop_front();
        }
        self.unsettled.push_back(order);
        items
    }

    fn look_at_order(&mut self, end: u64) -> Vec<Item> {
        let Some(order) = self.unpaid.back().cloned() else { return self.browse(end) };
        let mut journey = self.begin(&order.customer, vec![text("order.id", order.id.clone())]);
        let _ = journey.enter(GATEWAY, "GET", "/api/v2/orders/{orderId}", |j, gateway| {
            j.call(gateway, ORDER, "GET", "/orders/{orderId}", |j, pod| {
                j.database(pod, "redis", "order", &format!("GET order:{}", order.id), None)?;
                j.database(pod, "mysql", "order", "SELECT id, status, amount FROM t_order WHERE id = ?", None)
            })
        });
        journey.ending_at(end)
    }

    /// The scheduled job: many statements, one span each, no request behind it, and the orders of many
    /// customers in one trace. It says when it begins and when it is done.
    fn settle(&mut self, end: u64) -> Vec<Item> {
        let batches = self.random.random_range(5..30);
        let orders: Vec<Order> = self.unsettled.drain(..self.unsettled.len().min(SETTLED_AT_ONCE)).collect();
        self.runs += 1;
        let run = format!("run-{:x}-{}", self.opened, self.runs);
        let mut journey = Journey::new(&mut self.random, &mut self.ids);
        journey.job(SETTLEMENT_JOB, SETTLEMENT, |j, pod| {
            j.heartbeat(pod, SETTLEMENT, "start", &run, "settlement begins");
            for batch in 0..batches {
                j.database(
                    pod,
                    "mysql",
                    "settlement",
                    "SELECT id, amount FROM t_bill WHERE settled = 0 LIMIT 500",
                    None,
                )?;
                j.database(pod, "mysql", "settlement", "UPDATE t_bill SET settled = 1 WHERE id IN (?)", None)?;
                j.log(pod, 9, format!("settled batch {batch}"), vec![int("settlement.batch", batch)]);
            }
            for order in &orders {
                settle_order(j, pod, order)?;
            }
            j.heartbeat(pod, SETTLEMENT, "ok", &run, &format!("{} orders settled", orders.len()));
            Ok(())
        });
        journey.ending_at(end)
    }
}

/// What goes wrong this time, drawn beforehand so that the story reads straight.
#[derive(Clone, Copy, Debug)]
struct Troubles {
    coupon_used: bool,
    out_of_stock: bool,
    lock_wait: bool,
    bank_slow: bool,
    no_paper: bool,
}

impl Troubles {
    fn draw(random: &mut SmallRng) -> Self {
        Self {
            coupon_used: random.random_bool(0.03),
            out_of_stock: random.random_bool(0.008),
            lock_wait: random.random_bool(0.006),
            bank_slow: random.random_bool(0.012),
            no_paper: random.random_bool(0.02),
        }
    }
}

fn check_member_and_coupon(
    j: &mut Journey<'_>,
    pod: Pod,
    customer: &Customer,
    coupon: Option<&str>,
    troubles: &Troubles,
) -> Outcome {
    j.call(pod, MEMBER, "GET", "/members/{memberId}", |j, pod| {
        j.note(vec![text("member.id", customer.member.clone())]);
        j.database(pod, "mysql", "member", "SELECT id, level, points FROM t_member WHERE id = ?", None)
    })?;
    let Some(coupon) = coupon else { return Ok(()) };
    j.call(pod, COUPON, "POST", "/coupons/{couponId}/redeem", |j, pod| {
        j.note(vec![text("coupon.id", coupon)]);
        j.database(pod, "mysql", "coupon", "SELECT id, state FROM t_coupon WHERE id = ? FOR UPDATE", None)?;
        if troubles.coupon_used {
            j.log(pod, 13, format!("coupon {coupon} was used before"), vec![text("coupon.id", coupon)]);
            return Err(Failure {
                status: 409,
                exception: "com.retail.BizException",
                message: format!("COUPON_ALREADY_USED {coupon}"),
            });
        }
        j.database(pod, "mysql", "coupon", "UPDATE t_coupon SET state = ? WHERE id = ?", None)
    })
}

fn reserve(j: &mut Journey<'_>, pod: Pod, order: &Order, before: i64, troubles: &Troubles) -> Outcome {
    let sku = PRODUCTS[order.product].0;
    j.call(pod, INVENTORY, "POST", "/stock/reserve", |j, pod| {
        j.note(vec![text("sku.id", sku)]);
        j.database(
            pod,
            "redis",
            "stock",
            &format!("DECRBY stock:{}:{sku} {}", order.customer.store, order.cups),
            None,
        )?;
        if troubles.out_of_stock {
            let message = format!("INSUFFICIENT_STOCK {sku} in {}", order.customer.store);
            j.log(pod, 17, message.clone(), vec![text("sku.id", sku)]);
            return Err(Failure { status: 500, exception: "com.retail.StockException", message });
        }
        let entities = vec![vec![
            text("type", "sku"),
            text("id", sku),
            text("role", "reserved"),
            text("before", before.to_string()),
            text("after", (before - order.cups).to_string()),
        ]];
        let attributes = vec![
            text("business.operation.id", format!("{}-stock", order.operation_id)),
            text("business.operation.name", "reserve stock"),
            text("business.operation.outcome", "success"),
            text("business.actor.id", "order-service"),
            text("business.actor.role", "system"),
            maps("business.entities", entities),
        ];
        j.business(pod, "stock reserved", attributes);
        j.database(
            pod,
            "mysql",
            "inventory",
            "UPDATE t_stock SET on_hand = on_hand - ? WHERE store_id = ? AND sku_id = ?",
            None,
        )
    })
}

/// The business event of an order: `create` when placed, `complete` when paid.
fn announce(j: &mut Journey<'_>, pod: Pod, order: &Order, phase: &str) {
    let (before, after) = if phase == "create" { ("", "placed") } else { ("placed", "paid") };
    let entity = vec![
        text("type", "order"),
        text("id", order.id.clone()),
        text("role", "subject"),
        text("before", before),
        text("after", after),
    ];
    let mut attributes = vec![
        text("business.operation.id", order.operation_id.clone()),
        text("business.operation.name", "buy tea"),
        text("business.operation.phase", phase),
        text("business.actor.id", order.customer.user.clone()),
        text("business.actor.role", "customer"),
        maps("business.entities", vec![entity]),
        double("order.amount", order.cents as f64 / 100.0),
    ];
    if phase == "complete" {
        attributes.push(text("business.operation.outcome", "success"));
    }
    j.business(pod, &format!("order {} {after}", order.id), attributes);
}

/// One order of the job: a span and an event that name it, since the job's trace is about many.
fn settle_order(j: &mut Journey<'_>, pod: Pod, order: &Order) -> Outcome {
    let names = || {
        let customer = &order.customer;
        vec![
            text("order.id", order.id.clone()),
            text("store.id", customer.store.clone()),
            text("tenant.id", customer.tenant.clone()),
        ]
    };
    j.step(pod, "settle order", names(), |j| {
        j.database(pod, "mysql", "settlement", "UPDATE t_order SET status = ? WHERE id = ?", None)?;
        let entity = vec![
            text("type", "order"),
            text("id", order.id.clone()),
            text("role", "subject"),
            text("before", "paid"),
            text("after", "settled"),
        ];
        let mut attributes = names();
        attributes.extend([
            text("business.operation.id", format!("{}-settle", order.operation_id)),
            text("business.operation.name", "settle order"),
            text("business.operation.outcome", "success"),
            text("business.actor.id", SETTLEMENT),
            text("business.actor.role", "system"),
            maps("business.entities", vec![entity]),
        ]);
        j.business(pod, &format!("order {} settled", order.id), attributes);
        Ok(())
    })
}

fn make_and_deliver(j: &mut Journey<'_>, pod: Pod, order: &Order, no_paper: bool) -> Outcome {
    j.call(pod, PRINTING, "POST", "/labels", |j, pod| {
        let printer = format!("printer-{}", order.customer.store);
        j.note(vec![text("network.device.name", printer.clone())]);
        if no_paper {
            j.log(pod, 13, format!("{printer} is out of paper"), vec![text("network.device.name", printer)]);
            return Err(Failure { status: 503, exception: "PrinterError", message: "out of paper".into() });
        }
        j.spend(40_000, 0.5);
        Ok(())
    })
    .or_else(|failure| {
        // A label can be printed by hand: the order goes on.
        j.log(pod, 13, format!("label of {} not printed: {}", order.id, failure.message), Vec::new());
        Ok(())
    })?;
    j.call(pod, DELIVERY, "POST", "/deliveries", |j, pod| {
        j.third_party(pod, "open.riders.example.com", "/api/order/addOrder", 90_000, None)?;
        j.database(pod, "mysql", "delivery", "INSERT INTO t_delivery (order_id, rider_id) VALUES (?, ?)", None)
    })?;
    j.call(pod, NOTIFY, "POST", "/notifications", |j, pod| {
        j.third_party(pod, "api.messages.example.com", "/cgi-bin/message/subscribe/send", 60_000, None)?;
        j.log(pod, 9, format!("told {} that {} is on its way", order.customer.user, order.id), Vec::new());
        Ok(())
    })
}

fn lock_wait() -> Failure {
    Failure {
        status: 500,
        exception: "com.mysql.cj.jdbc.exceptions.MySQLTransactionRollbackException",
        message: "Lock wait timeout exceeded; try restarting transaction".into(),
    }
}

fn bank_timeout() -> Failure {
    Failure { status: 504, exception: "java.net.SocketTimeoutException", message: "Read timed out".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::trace::v1::Span;
    use std::collections::HashMap;

    const OPENED: u64 = 1_700_000_000_000_000_000;

    fn day(seed: u64, happenings: u64) -> Vec<Item> {
        let mut shop = Shop::open(seed, OPENED);
        (0..happenings).flat_map(|i| shop.next(OPENED + i * 1_000_000_000)).collect()
    }

    fn spans(items: &[Item]) -> Vec<&Span> {
        items.iter().filter_map(|i| if let Item::Span(_, s) = i { Some(s) } else { None }).collect()
    }

    fn services(items: &[Item]) -> std::collections::HashSet<&'static str> {
        items.iter().map(|(Item::Span(pod, _) | Item::Log(pod, _))| pod.service.name).collect()
    }

    #[test]
    fn a_short_visit_with_the_default_seed_meets_every_service() {
        assert_eq!(services(&day(7, 100)).len(), crate::services::ALL.len());
    }

    #[test]
    fn the_same_seed_is_the_same_business() {
        assert_eq!(day(7, 50), day(7, 50));
        assert_ne!(day(7, 50), day(8, 50));
    }

    #[test]
    fn every_child_lies_within_the_trace_and_time_of_its_parent() {
        let items = day(1, 2_000);
        let spans = spans(&items);
        let by_id: HashMap<&[u8], &Span> = spans.iter().map(|s| (&s.span_id[..], *s)).collect();
        assert_eq!(by_id.len(), spans.len(), "span ids are unique");
        for span in &spans {
            assert!(span.end_time_unix_nano > span.start_time_unix_nano);
            if span.parent_span_id.is_empty() {
                continue;
            }
            let parent = by_id[&span.parent_span_id[..]];
            assert_eq!(parent.trace_id, span.trace_id);
            assert!(parent.start_time_unix_nano <= span.start_time_unix_nano);
            // What a message carries on happens after its producer, not within it.
            assert!(span.kind == 5 || span.end_time_unix_nano <= parent.end_time_unix_nano, "{}", span.name);
        }
    }

    /// Event names and trace ids of whatever bears an order's number.
    fn story(items: &[Item], order: &str) -> Vec<(String, Vec<u8>)> {
        let bears = |attributes: &[KeyValue]| attributes.iter().any(|a| *a == text("order.id", order));
        let told = items.iter().filter_map(|item| match item {
            Item::Span(_, span) if bears(&span.attributes) => Some((span.name.clone(), span.trace_id.clone())),
            Item::Log(_, record) if bears(&record.attributes) => {
                Some((record.event_name.clone(), record.trace_id.clone()))
            }
            Item::Span(..) | Item::Log(..) => None,
        });
        told.collect()
    }

    #[test]
    fn an_order_is_placed_paid_handled_by_two_consumers_and_settled_by_a_job() {
        let items = day(1, 5_000);
        let order = format!("O{:x}{:06}", OPENED / 1_000_000_000, 3);
        let story = story(&items, &order);
        let names: Vec<&str> = story.iter().map(|(name, _)| name.as_str()).collect();
        for step in [
            "POST /api/v2/orders",
            "process ORDER_CREATED",
            "POST /open/v1/payment/callback",
            "process ORDER_PAID",
            "settle order",
            "business.operation",
        ] {
            assert!(names.contains(&step), "{step} is missing in {names:?}");
        }
        let traces: std::collections::HashSet<_> = story.iter().map(|(_, trace)| trace).collect();
        assert!(traces.len() >= 4, "placed, paid, points and settlement are traces of their own");
        let beats = items.iter().filter(|i| matches!(i, Item::Log(_, r) if r.event_name == "stormglass.heartbeat"));
        assert!(beats.count() > 20);
    }

    #[test]
    fn a_day_has_every_service_messages_failures_and_both_phases_of_orders() {
        let items = day(1, 5_000);
        let spans = spans(&items);
        assert_eq!(services(&items).len(), crate::services::ALL.len());
        let of_kind = |kind| spans.iter().filter(|s| s.kind == kind).count();
        assert!(of_kind(4) > 500 && of_kind(5) > of_kind(4) / 2);
        assert!(spans.iter().filter(|s| s.kind == 5).all(|s| s.links.len() == 1));
        let failed = spans.iter().filter(|s| s.status.as_ref().is_some_and(|s| s.code == 2)).count();
        assert!(failed > 20 && failed < spans.len() / 20, "{failed} of {}", spans.len());
        let business =
            items.iter().filter(|i| matches!(i, Item::Log(_, r) if r.event_name == "business.operation")).count();
        assert!(business > 1_000, "{business}");
    }
}
