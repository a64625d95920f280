//! Metrics: what the points of a metric share, and which reader its points take.

use super::envelope::{Bounds, Items, Names, Output, Place};
use super::points::{read_exponential, read_histogram, read_number, read_summary};
use super::value::attribute;
use super::wire::{Broken, Fields};
use crate::DecodeError;
use tables::build::{MetricInput, MetricKind, PointInput, ResourceRef, ScopeRef};

#[derive(Debug)]
pub(super) struct Metrics<'b> {
    point: PointInput<'b>,
    bounds: Bounds,
}

impl<'b> Metrics<'b> {
    pub(super) fn new(out: &Output<'_>) -> Self {
        let point = PointInput { attributes: out.builder.attributes(), ..PointInput::default() };
        Self { point, bounds: out.bounds() }
    }

    fn points(
        &mut self,
        out: &mut Output<'_>,
        (resource, scope): (ResourceRef, ScopeRef),
        place: Place,
        (metric, data): (&MetricInput<'_>, &'b [u8]),
    ) -> Result<(), Broken> {
        let mut registered = None;
        let mut at = 0;
        let mut fields = Fields::of(data);
        while let Some((number, field)) = fields.next()? {
            if number != 1 {
                continue;
            }
            let message = field.bytes()?;
            let here = at;
            at += 1;
            let path = || format!("{place}.{}.dataPoints[{here}]", data_name(metric.kind));
            if out.refuse_if_full(resource, path) {
                continue;
            }
            let point = &mut self.point;
            point.clear();
            let read = match metric.kind {
                MetricKind::Gauge | MetricKind::Sum => read_number(message, point, self.bounds),
                MetricKind::Histogram => read_histogram(message, point, self.bounds),
                MetricKind::ExponentialHistogram => read_exponential(message, point, self.bounds),
                MetricKind::Summary => read_summary(message, point, self.bounds),
            };
            match read {
                Ok(()) => {
                    let metric = *registered.get_or_insert_with(|| out.builder.metric(resource, scope, metric));
                    out.builder.point(metric, point);
                }
                Err(fault) => out.refuse(resource, || format!("{}: {fault}", path())),
            }
        }
        Ok(())
    }
}

impl<'b> Items<'b> for Metrics<'b> {
    const NAMES: &'static Names = &Names { resources: "resourceMetrics", scopes: "scopeMetrics", items: "metrics" };

    fn item(
        &mut self,
        out: &mut Output<'_>,
        owner: (ResourceRef, ScopeRef),
        place: Place,
        message: &'b [u8],
    ) -> Result<(), DecodeError> {
        let mut metric = MetricInput { metadata: out.builder.attributes(), ..MetricInput::default() };
        let Some(data) = read_metric(message, &mut metric).map_err(place.malformed(""))? else {
            return Ok(());
        };
        self.points(out, owner, place, (&metric, data)).map_err(place.malformed(""))
    }
}

fn data_name(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Gauge => "gauge",
        MetricKind::Sum => "sum",
        MetricKind::Histogram => "histogram",
        MetricKind::ExponentialHistogram => "exponentialHistogram",
        MetricKind::Summary => "summary",
    }
}

/// Reads all but the points; gives the message that holds them, of several the last.
fn read_metric<'b>(message: &'b [u8], metric: &mut MetricInput<'b>) -> Result<Option<&'b [u8]>, Broken> {
    let mut data = None;
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        let kind = match number {
            1 => {
                metric.name = field.bytes()?;
                continue;
            }
            2 => {
                metric.description = field.bytes()?;
                continue;
            }
            3 => {
                metric.unit = field.bytes()?;
                continue;
            }
            12 => {
                attribute(field.bytes()?, &mut metric.metadata, &mut metric.flags).map_err(Broken::from)?;
                continue;
            }
            5 => MetricKind::Gauge,
            7 => MetricKind::Sum,
            9 => MetricKind::Histogram,
            10 => MetricKind::ExponentialHistogram,
            11 => MetricKind::Summary,
            _ => continue,
        };
        data = Some((kind, field.bytes()?));
    }
    let Some((kind, data)) = data else { return Ok(None) };
    metric.kind = kind;
    let mut fields = Fields::of(data);
    while let Some((number, field)) = fields.next()? {
        match (number, kind) {
            (2, MetricKind::Sum | MetricKind::Histogram | MetricKind::ExponentialHistogram) => {
                metric.temporality = field.int32()?;
            }
            (3, MetricKind::Sum) => metric.monotonic = field.varint()? != 0,
            _ => {}
        }
    }
    Ok(Some(data))
}
