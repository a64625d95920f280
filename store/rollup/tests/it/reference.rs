//! The same counts the slow way: all spans at once, parents by search.

use crate::company::{Resource, Span};
use crate::sums::{Sums, key};
use rollup::{NodeKind, SpanKind};
use std::collections::HashMap;
use tables::rollups::{EDGE_BUCKET_NS, RED_BUCKET_NS};

/// What the tables should say of spans in the order of their arrival.
pub(crate) struct Expected {
    pub(crate) red: Sums,
    pub(crate) edges: Sums,
}

/// The first copy of each (trace, span, kind).
pub(crate) fn firsts(spans: &[Span]) -> Vec<&Span> {
    let mut seen = std::collections::HashSet::new();
    spans.iter().filter(|s| !s.is_known() || seen.insert((s.key(), s.kind))).collect()
}

/// Whom a span names: its parent, and, of consumers, the targets of links into other traces.
pub(crate) fn named(span: &Span) -> Vec<(u8, u8)> {
    if !span.is_known() {
        return Vec::new();
    }
    let mut all = Vec::new();
    if span.parent != 0 && span.parent != span.id {
        all.push((span.trace, span.parent));
    }
    if span.kind == SpanKind::Consumer {
        for target in &span.links {
            if target.0 != 0 && target.1 != 0 && target.0 != span.trace && !all.contains(target) {
                all.push(*target);
            }
        }
    }
    all
}

pub(crate) fn service(span: &Span) -> String {
    Resource::of(span.service).service
}

/// Spans of other services that name a span.
pub(crate) fn answers<'a>(span: &Span, firsts: &'a [&'a Span]) -> impl Iterator<Item = &'a Span> {
    let (known, key, service) = (span.is_known(), span.key(), self::service(span));
    firsts.iter().copied().filter(move |d| known && self::service(d) != service && named(d).contains(&key))
}

pub(crate) fn expected(spans: &[Span]) -> Expected {
    let firsts = firsts(spans);
    let by_id: HashMap<(u8, u8), &Span> = firsts.iter().filter(|s| s.is_known()).map(|s| (s.key(), *s)).collect();
    let (mut red, mut edges) = (Sums::new(), Sums::new());
    for span in &firsts {
        let (owner, operation) = (span.owner(), span.operation());
        let bucket = span.time.div_euclid(RED_BUCKET_NS) * RED_BUCKET_NS;
        let minute = span.time.div_euclid(EDGE_BUCKET_NS) * EDGE_BUCKET_NS;
        let of = [&*owner.environment, &*owner.namespace, &*owner.lane];
        let red_key = [of[0], of[1], of[2], &*owner.service, &operation, span.kind.as_str()];
        red.entry(key(bucket, &red_key)).or_default().add(span.error, span.limited, Some(span.duration));
        let here = (&*owner.service, "service");
        for target in named(span) {
            match by_id.get(&target) {
                Some(parent) if service(parent) != service(span) => {
                    let message = span.kind == SpanKind::Consumer || parent.kind == SpanKind::Producer;
                    let caller = parent.owner();
                    let kind = if message { "message" } else { "call" };
                    let texts = [of[0], of[1], of[2], &*caller.lane, &*caller.service, "service", here.0, here.1, kind];
                    let sum = edges.entry(key(minute, &texts)).or_default();
                    sum.add(span.error, span.limited, Some(span.duration));
                }
                Some(_) => {}
                None => {
                    let texts = [of[0], of[1], of[2], of[2], "", "", here.0, here.1, "unresolved"];
                    edges.entry(key(minute, &texts)).or_default().unresolved += 1;
                }
            }
        }
        let mut edge = |a: (&str, &str), b: (&str, &str), kind: &str, timed: bool| {
            let texts = [of[0], of[1], of[2], of[2], a.0, a.1, b.0, b.1, kind];
            let duration = timed.then_some(span.duration);
            edges.entry(key(minute, &texts)).or_default().add(span.error, span.limited, duration);
        };
        match span.peer().node(span.kind) {
            Some((NodeKind::ThirdParty, _)) if answers(span, &firsts).next().is_some() => {}
            Some((NodeKind::Queue, name)) if span.kind == SpanKind::Consumer => {
                edge((&name, "queue"), here, "queue", true);
            }
            Some((node, name)) => edge(here, (&name, node.as_str()), node.as_str(), true),
            None => {}
        }
        let resource = Resource::of(span.service);
        let pod = resource.pod.as_deref().map(|pod| (pod, "pod"));
        let node = resource.node.map(|node| (node, "node"));
        if let Some(on) = pod.or(node) {
            edge(here, on, "runs_on", false);
        }
        if let (Some(pod), Some(node)) = (pod, node) {
            edge(pod, node, "runs_on", false);
        }
        if let Some(site) = span.site {
            edge(here, (&format!("store-{site}"), "site"), "runs_on", false);
        }
    }
    Expected { red, edges }
}
