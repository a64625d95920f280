//! What the company's metrics say. Requests are counted from the very spans that are sent, so that the
//! two signals can be held against each other; the rest is read from the world as it is.

mod hosts;
mod pods;
mod points;
mod requests;

pub(crate) use points::points;

use crate::estate::places::{DEVICES, HOSTS, shop_name, tenant_name};
use crate::sources::Sources;
use crate::telemetry::{Item, text};
use crate::trading::Broker;
use crate::world::World;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use points::Sheet;
use requests::Requests;
use std::collections::BTreeMap;

/// The instruments of every source, cumulative since the company opened.
#[derive(Debug)]
pub(crate) struct Instruments {
    sources: Sources,
    since: u64,
    /// By pod.
    requests: Vec<Requests>,
    /// Orders and cents by pod and shop.
    sold: BTreeMap<(usize, usize), (u64, i64)>,
}

impl Instruments {
    pub(crate) fn new(sources: Sources, since: u64) -> Self {
        let requests = sources.pods().iter().map(|_| Requests::default()).collect();
        Self { sources, since, requests, sold: BTreeMap::new() }
    }

    pub(crate) fn observe(&mut self, item: &Item) {
        if let Item::Span(source, span) = item
            && let Some(requests) = self.requests.get_mut(*source)
        {
            requests.observe(span);
        }
    }

    /// An order was taken by a pod for a shop.
    pub(crate) fn sold(&mut self, pod: usize, shop: usize, cents: i64) {
        let of = self.sold.entry((pod, shop)).or_default();
        of.0 += 1;
        of.1 += cents;
    }

    /// All metrics of a source at `now`.
    pub(crate) fn collect(&self, source: usize, now: u64, world: &World, broker: &Broker) -> Vec<Metric> {
        let mut sheet = Sheet::new(self.since, now);
        if let Some(requests) = self.requests.get(source) {
            if !world.pods[source].is_down(now) {
                requests.tell(&mut sheet, self.since, now);
                self.business(&mut sheet, source);
            }
            pods::tell(&mut sheet, &world.pods[source], now);
            return sheet.metrics;
        }
        let place = source - self.requests.len();
        if place < HOSTS.len() {
            hosts::tell(&mut sheet, place, world, broker, now);
        } else if place - HOSTS.len() < DEVICES.len() {
            hosts::device(&mut sheet, place - HOSTS.len(), world);
        } else if source == self.sources.cluster() {
            hosts::cluster(&mut sheet, world, now);
        }
        sheet.metrics
    }

    fn business(&self, sheet: &mut Sheet, pod: usize) {
        let of = |shop: usize| vec![text("store.id", shop_name(shop)), text("tenant.id", tenant_name(shop))];
        let here = || self.sold.range((pod, 0)..(pod + 1, 0)).map(|((_, shop), sold)| (*shop, *sold));
        sheet.counter("shop.orders", "{order}", here().map(|(shop, (orders, _))| (of(shop), orders as f64)));
        sheet.counter("shop.revenue", "CNY", here().map(|(shop, (_, cents))| (of(shop), cents as f64 / 100.0)));
    }
}
