//! Whose story it is: customer, shop, order, and what they bring.

use crate::estate::places::{SHOPS, shop_name, tenant_name};
use crate::telemetry::text;
use crate::world::{PRODUCTS, World};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use rand::Rng;

/// An order, from the moment it is asked for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) operation_id: String,
    pub(crate) payment: String,
    pub(crate) coupon: Option<String>,
    pub(crate) product: usize,
    pub(crate) cups: i64,
    pub(crate) cents: i64,
    pub(crate) placed_at: u64,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Visit {
    pub(crate) request: String,
    pub(crate) user: String,
    pub(crate) member: String,
    pub(crate) shop: usize,
    pub(crate) channel: &'static str,
    pub(crate) product: usize,
    pub(crate) order: Option<Order>,
    /// The till that speaks, by its place among the pods.
    pub(crate) till: Option<usize>,
}

impl Visit {
    /// A customer who comes to some shop; a few shops and customers come far more often.
    pub(crate) fn of_customer(world: &mut World, request: String) -> Self {
        let mut few = |n: f64| (world.random.random::<f64>().powi(2) * n) as usize;
        let (user, shop, product) = (few(50_000.0), few(SHOPS as f64), few(PRODUCTS.len() as f64));
        Self {
            request,
            user: format!("U{}", 10_000_000 + user),
            member: format!("M{}", 70_000_000 + user * 7),
            shop,
            channel: "mini-program",
            product,
            order: None,
            till: None,
        }
    }

    pub(crate) fn with_order(mut self, world: &mut World, id: String, at: u64) -> Self {
        let cups = world.random.random_range(1..5);
        let coupon = world.one_in(0.4).then(|| format!("C{}", world.random.random_range(1_000_000..9_999_999)));
        self.order = Some(Order {
            operation_id: format!("op-{}", &id[1..]),
            payment: format!("P{}", &id[1..]),
            id,
            coupon,
            product: self.product,
            cups,
            cents: PRODUCTS[self.product].2 * cups,
            placed_at: at,
        });
        self
    }

    pub(super) fn baggage(&self) -> Vec<KeyValue> {
        let mut baggage = vec![
            text("request.id", self.request.clone()),
            text("tenant.id", tenant_name(self.shop)),
            text("store.id", shop_name(self.shop)),
            text("user.id", self.user.clone()),
            text("member.id", self.member.clone()),
            text("channel", self.channel),
            text("product", PRODUCTS[self.product].1),
        ];
        if let Some(order) = &self.order {
            baggage.push(text("order.id", order.id.clone()));
            baggage.push(text("payment.id", order.payment.clone()));
            baggage.push(text("sku.id", PRODUCTS[order.product].0));
            baggage.extend(order.coupon.as_ref().map(|coupon| text("coupon.id", coupon.clone())));
        }
        baggage
    }

    /// Fills `{user}`, `{member}`, `{store}`, `{sku}`, `{order}` in.
    pub(super) fn fill(&self, template: &str) -> String {
        if !template.contains('{') {
            return template.to_owned();
        }
        let order = self.order.as_ref().map_or("-", |o| o.id.as_str());
        template
            .replace("{user}", &self.user)
            .replace("{member}", &self.member)
            .replace("{store}", &shop_name(self.shop))
            .replace("{sku}", PRODUCTS[self.product].0)
            .replace("{order}", order)
    }
}
