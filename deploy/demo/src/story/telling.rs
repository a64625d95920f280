//! Business events by the conventions: who did what to which entity, with values before and after.

use super::{Order, Story, record};
use crate::estate::Telling;
use crate::estate::places::shop_name;
use crate::telemetry::{Item, double, maps, text};
use crate::world::PRODUCTS;
use opentelemetry_proto::tonic::common::v1::KeyValue;

/// One event before it is written.
struct Event {
    message: String,
    operation_id: String,
    name: &'static str,
    phase: Option<&'static str>,
    /// Known once it is over.
    outcome: Option<&'static str>,
    actor: (String, &'static str),
    entity: Vec<KeyValue>,
    amount: Option<i64>,
}

impl Story<'_> {
    pub(super) fn tell(&mut self, pod: usize, telling: Telling) {
        let Some(event) = self.event(pod, telling) else { return };
        let mut attributes = vec![
            text("business.operation.id", event.operation_id),
            text("business.operation.name", event.name),
            text("business.actor.id", event.actor.0),
            text("business.actor.role", event.actor.1),
            maps("business.entities", vec![event.entity]),
        ];
        attributes.extend(event.phase.map(|phase| text("business.operation.phase", phase)));
        attributes.extend(event.outcome.map(|outcome| text("business.operation.outcome", outcome)));
        attributes.extend(event.amount.map(|cents| double("order.amount", cents as f64 / 100.0)));
        self.log(pod, record::INFO, event.message, attributes);
        if let Some((_, Item::Log(_, record))) = self.told.items.last_mut() {
            record.event_name = "business.operation".into();
        }
    }

    fn event(&mut self, pod: usize, telling: Telling) -> Option<Event> {
        let service = self.world.pods[pod].pod.service.name;
        if telling == Telling::StockReceived {
            return Some(self.stock_event(&format!("op-{}", self.visit.request), "receive goods", 40, "wms-service"));
        }
        let order = self.visit.order.clone()?;
        let customer = (self.visit.user.clone(), "customer");
        let system = (service.to_owned(), "system");
        let event = |phase, outcome, entity, message: String, name, suffix: &str, actor| Event {
            message,
            operation_id: format!("{}{suffix}", order.operation_id),
            name,
            phase,
            outcome,
            actor,
            entity,
            amount: None,
        };
        let done = Some("success");
        Some(match telling {
            Telling::OrderPlaced => {
                self.told.sold.push((pod, self.visit.shop, order.cents));
                let entity = entity("order", &order.id, "", "placed");
                let message = format!("order {} placed", order.id);
                Event {
                    amount: Some(order.cents),
                    ..event(Some("create"), None, entity, message, "buy tea", "", customer)
                }
            }
            Telling::OrderPaid => {
                let entity = entity("order", &order.id, "placed", "paid");
                let message = format!("order {} paid", order.id);
                Event {
                    amount: Some(order.cents),
                    ..event(Some("complete"), done, entity, message, "buy tea", "", customer)
                }
            }
            Telling::StockReserved => self.stock_event(
                &format!("{}-stock", order.operation_id),
                "reserve stock",
                -order.cups,
                "order-service",
            ),
            Telling::CouponRedeemed => {
                let coupon = order.coupon.clone().unwrap_or_default();
                let message = format!("coupon {coupon} redeemed for {}", order.id);
                event(
                    None,
                    done,
                    entity("coupon", &coupon, "issued", "redeemed"),
                    message,
                    "redeem coupon",
                    "-coupon",
                    customer,
                )
            }
            Telling::PointsGranted => {
                let points = order.cents / 100;
                let message = format!("{points} points for {}", order.id);
                let entity = entity("member", &self.visit.member, "", &format!("+{points}"));
                event(None, done, entity, message, "grant points", "-points", system)
            }
            Telling::LabelPrinted => {
                let label = format!("label-{}", order.id);
                let entity = entity("label", &label, "queued", "printed");
                event(None, done, entity, format!("{label} printed"), "print label", "-label", system)
            }
            Telling::OrderRefunded => refunded(&order, customer),
            Telling::OrderSettled => {
                let entity = entity("order", &order.id, "paid", "settled");
                event(None, done, entity, format!("order {} settled", order.id), "settle order", "-settle", system)
            }
            Telling::StockReceived => return None,
        })
    }

    fn stock_event(&mut self, operation_id: &str, name: &'static str, change: i64, actor: &str) -> Event {
        let product = self.visit.order.as_ref().map_or(self.visit.product, |order| order.product);
        let before = self.world.stock[product];
        // Nobody counts below nothing: a shop orders in time.
        self.world.stock[product] = if before + change < 100 { 20_000 } else { before + change };
        let sku = PRODUCTS[product].0;
        Event {
            message: format!("{name}: {sku} of {}", shop_name(self.visit.shop)),
            operation_id: operation_id.to_owned(),
            name,
            phase: None,
            outcome: Some("success"),
            actor: (actor.to_owned(), "system"),
            entity: entity("sku", sku, &before.to_string(), &(before + change).to_string()),
            amount: None,
        }
    }
}

fn refunded(order: &Order, actor: (String, &'static str)) -> Event {
    Event {
        message: format!("order {} refunded", order.id),
        operation_id: format!("{}-refund", order.operation_id),
        name: "refund order",
        phase: None,
        outcome: Some("success"),
        actor,
        entity: entity("order", &order.id, "paid", "refunded"),
        amount: Some(order.cents),
    }
}

fn entity(kind: &str, id: &str, before: &str, after: &str) -> Vec<KeyValue> {
    vec![text("type", kind), text("id", id), text("role", "subject"), text("before", before), text("after", after)]
}
