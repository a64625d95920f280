//! Three services in a row whose last one can be broken: gateway, order, payment.

use e2e::content::{self, label};
use e2e::random;
use e2e::sender::{Sender, Wire};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use rand::RngCore;

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;
/// Requests in a second.
const RATE: u64 = 10;

fn part(
    random: &mut impl RngCore,
    of: (&[u8], &[u8]),
    name: &str,
    kind: i32,
    (start, duration): (u64, u64),
    failed: bool,
) -> Span {
    let mut span = content::span(random, name, start, duration);
    (span.trace_id, span.parent_span_id) = (of.0.to_vec(), of.1.to_vec());
    span.kind = kind;
    span.attributes = vec![label("tenant.id", "T1")];
    if failed {
        span.status = Some(Status { code: 2, message: "payment refused".into() });
    }
    span
}

const SERVER: i32 = 2;
const CLIENT: i32 = 3;

/// The spans of some seconds, by service. Broken, most calls of payment fail and take long.
pub(crate) async fn trade(sender: &Sender, random: &mut impl RngCore, from: u64, seconds: u64, broken: bool) {
    let (mut gateway, mut order, mut payment) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..seconds * RATE {
        let at = from + n * SECOND / RATE;
        let failed = broken && n % 10 < 8;
        let slow = if failed { 800 * MS } else { 0 };
        let trace = random::id::<16>(random);
        let root = part(random, (&trace, &[]), "POST /buy", SERVER, (at, 50 * MS + slow), failed);
        let to_order = part(random, (&trace, &root.span_id), "order", CLIENT, (at + MS, 40 * MS + slow), failed);
        let in_order =
            part(random, (&trace, &to_order.span_id), "POST /orders", SERVER, (at + 2 * MS, 38 * MS + slow), failed);
        let to_payment =
            part(random, (&trace, &in_order.span_id), "pay", CLIENT, (at + 5 * MS, 20 * MS + slow), failed);
        let in_payment =
            part(random, (&trace, &to_payment.span_id), "POST /pay", SERVER, (at + 6 * MS, 18 * MS + slow), failed);
        gateway.extend([root, to_order]);
        order.extend([in_order, to_payment]);
        payment.push(in_payment);
    }
    for (service, spans) in [("gateway", gateway), ("order", order), ("payment", payment)] {
        let request = content::traces(service, spans);
        sender.send(Wire::HttpProtobuf, &request).await.expect_accepted();
    }
}
