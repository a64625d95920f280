//! The steps of an operation, one after the other, until one fails.

use super::{Failure, Outcome, Story, record};
use crate::estate::places::{DEVICES, printer_gateway, shop_name};
use crate::estate::{Operation, Rule, Step};
use crate::telemetry::{int, text};
use crate::world::{SECOND, Way};

/// Failures that a company always has, as probabilities.
const COUPON_USED: f64 = 0.004;
const OUT_OF_STOCK: f64 = 0.002;
const NO_PAPER: f64 = 0.004;
/// How long a printer gateway is waited for.
const PRINTER_PATIENCE: u64 = 2 * SECOND;

impl Story<'_> {
    pub(super) fn perform(&mut self, pod: usize, operation: &'static Operation) -> Outcome {
        let outcome = self.steps(pod, operation.steps);
        if self.world.pods[pod].allocate() {
            self.told.killed.push((self.at, pod));
        }
        outcome
    }

    fn steps(&mut self, pod: usize, steps: &'static [Step]) -> Outcome {
        steps.iter().try_for_each(|step| self.step(pod, step))
    }

    fn step(&mut self, pod: usize, step: &'static Step) -> Outcome {
        match step {
            Step::Work(us) => self.at += self.world.work(pod, self.at, *us),
            Step::Sql(statement) => return self.sql(pod, statement),
            Step::Redis(cache, command) => self.redis(pod, cache, command),
            Step::Call(operation) => return self.call(pod, operation),
            Step::Ask(party, path, us) => return self.ask(pod, party, path, *us),
            Step::Send(topic) => self.send(pod, topic),
            Step::Log(template) => {
                let message = self.visit.fill(template);
                self.log(pod, record::INFO, message, Vec::new());
            }
            Step::Tell(telling) => self.tell(pod, *telling),
            Step::File(us) => return self.write_file(pod, *us),
            Step::Print => return self.print(pod),
            Step::Check(rule) => return self.check(pod, *rule),
            Step::Maybe(probability, steps) if self.world.one_in(*probability) => return self.steps(pod, steps),
            Step::WithCoupon(steps) if self.visit.order.as_ref().is_some_and(|o| o.coupon.is_some()) => {
                return self.steps(pod, steps);
            }
            Step::Maybe(..) | Step::WithCoupon(_) => {}
            Step::Try(steps, without) => {
                if let Err(failure) = self.steps(pod, steps) {
                    let message = format!("{}: {}", self.visit.fill(without), failure.message);
                    self.note([text("resilience.outcome", "fallback")]);
                    self.log(pod, record::WARN, message, Vec::new());
                }
            }
        }
        Ok(())
    }

    fn write_file(&mut self, pod: usize, us: u64) -> Outcome {
        let host = self.world.pods[pod].pod.host();
        self.at += (self.world.around(us as f64, 0.4) * 1e3) as u64 + self.world.stalled(host);
        match self.world.hosts[host].disk {
            full if full >= 0.999 => Err(Failure::new(
                500,
                "java.io.IOException",
                format!("/var/spool/{}: No space left on device", self.world.pods[pod].pod.service.name),
            )),
            _ => Ok(()),
        }
    }

    /// A label goes to the printer of the shop by the gateway of its region.
    fn print(&mut self, pod: usize) -> Outcome {
        let gateway = printer_gateway(self.visit.shop);
        let printer = format!("printer-{}", shop_name(self.visit.shop));
        let name = DEVICES[gateway].name;
        let attributes = vec![
            text("server.address", name),
            int("server.port", 9_100),
            text("service.peer.name", name),
            text("network.device.name", name),
            text("printer.name", printer.clone()),
            text("destination.region", DEVICES[gateway].region),
        ];
        self.begin(pod, format!("print {name}"), record::CLIENT, attributes);
        let usual = self.world.around(35e6, 0.3) as u64;
        let outcome = match self.world.through(gateway, usual) {
            Way::Takes(takes) => {
                self.at += takes;
                if self.world.one_in(NO_PAPER) {
                    Err(Failure::new(503, "PrinterError", format!("{printer} is out of paper")))
                } else {
                    Ok(())
                }
            }
            Way::Lost => {
                self.at += PRINTER_PATIENCE;
                Err(Failure::new(504, "ConnectTimeoutError", format!("connection to {name}:9100 timed out")))
            }
        };
        self.finish(&outcome);
        outcome
    }

    fn check(&mut self, pod: usize, rule: Rule) -> Outcome {
        let failure = match rule {
            Rule::CouponValid => self.coupon_refused(),
            Rule::StockThere => self.world.one_in(OUT_OF_STOCK).then(|| {
                Failure::new(
                    500,
                    "com.retail.inventory.StockException",
                    self.visit.fill("insufficient stock of {sku} in {store}"),
                )
            }),
            Rule::ProtocolKnown => self.protocol_refused(),
            Rule::OrderVisible => self.order_not_yet_visible(),
        };
        match failure {
            Some(failure) => {
                self.log(pod, record::WARN, failure.message.clone(), vec![text("error.type", failure.exception)]);
                Err(failure)
            }
            None => Ok(()),
        }
    }

    fn coupon_refused(&mut self) -> Option<Failure> {
        let coupon = self.visit.order.as_ref().and_then(|o| o.coupon.clone()).unwrap_or_default();
        if self.world.business.coupons_expired {
            let message = format!("coupon {coupon} expired at 2020-12-31");
            return Some(Failure::new(500, "com.retail.coupon.CouponExpiredException", message));
        }
        self.world.one_in(COUPON_USED).then(|| {
            Failure::new(500, "com.retail.coupon.CouponUsedException", format!("coupon {coupon} was used before"))
        })
    }

    fn protocol_refused(&mut self) -> Option<Failure> {
        let required = self.world.business.protocol?;
        let till = self.visit.till?;
        let version = self.world.pods[till].version;
        (version != required).then(|| {
            let message = format!("priceLines is missing: till speaks {version}, {required} is required");
            Failure::new(500, "ProtocolMismatchError", message)
        })
    }

    fn order_not_yet_visible(&self) -> Option<Failure> {
        let order = self.visit.order.as_ref()?;
        let age = self.at.saturating_sub(order.placed_at) as f64 / SECOND as f64;
        (age < self.world.lag).then(|| {
            Failure::new(500, "com.retail.order.OrderNotFoundException", format!("order {} not found", order.id))
        })
    }
}
