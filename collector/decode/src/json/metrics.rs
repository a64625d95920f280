//! Metrics and their data points of all five kinds, with exemplars.

use super::field::{Field, Unreadable, fields, last_sent, let_fields};
use super::tape::Json;
use super::value::Values;
use tables::build::{ExemplarInput, MetricInput, MetricKind, Number, PointInput};

const TEMPORALITIES: &[(&str, i32)] = &[
    ("AGGREGATION_TEMPORALITY_UNSPECIFIED", 0),
    ("AGGREGATION_TEMPORALITY_DELTA", 1),
    ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
];

/// The kinds of `Metric.data`: what they are called in a request.
const KINDS: [(&str, MetricKind); 5] = [
    ("gauge", MetricKind::Gauge),
    ("sum", MetricKind::Sum),
    ("histogram", MetricKind::Histogram),
    ("exponentialHistogram", MetricKind::ExponentialHistogram),
    ("summary", MetricKind::Summary),
];

/// The data of a metric: which kind (by its name in the request), and its points.
pub(super) struct Data<'t> {
    pub(super) name: &'static str,
    kind: MetricKind,
    points: Field<'t>,
    temporality: Field<'t>,
    monotonic: Field<'t>,
}

impl<'t> Data<'t> {
    /// `None` for a metric without data, which has no points either.
    pub(super) fn of(metric: Json<'t>) -> Result<Option<Self>, Unreadable> {
        let Some((name, data)) = last_sent(fields(metric, KINDS.map(|(name, _)| name))?) else { return Ok(None) };
        let kind = KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind).unwrap_or_default();
        let [points, temporality, monotonic] = fields(data, ["dataPoints", "aggregationTemporality", "isMonotonic"])?;
        Ok(Some(Self { name, kind, points, temporality, monotonic }))
    }

    pub(super) fn points(&self) -> Result<impl Iterator<Item = Json<'t>> + use<'t>, Unreadable> {
        self.points.list()
    }

    /// What the points share.
    pub(super) fn metric(&self, values: &mut Values, metric: Json<'t>) -> Result<MetricInput<'t>, Unreadable> {
        let [name, description, unit, metadata] = fields(metric, ["name", "description", "unit", "metadata"])?;
        Ok(MetricInput {
            name: name.text()?,
            description: description.text()?,
            unit: unit.text()?,
            kind: self.kind,
            temporality: match self.kind {
                MetricKind::Gauge | MetricKind::Summary => 0,
                _ => values.enumerated(self.temporality, TEMPORALITIES)?,
            },
            monotonic: self.kind == MetricKind::Sum && self.monotonic.bool()?,
            metadata: values.attributes(metadata)?,
            flags: values.take_flags(),
        })
    }

    /// Reads one of the points into `point`, whatever was there before.
    pub(super) fn point(
        &self,
        values: &mut Values,
        message: Json<'t>,
        point: &mut PointInput<'t>,
    ) -> Result<(), Unreadable> {
        let_fields! { message =>
            attributes: "attributes", start_time: "startTimeUnixNano", time: "timeUnixNano",
            exemplars: "exemplars", flags: "flags",
        }
        point.clear();
        values.attributes_into(attributes, &mut point.attributes)?;
        point.start_time = start_time.u64()?;
        point.time = time.u64()?;
        point.point_flags = flags.u32()?;
        match self.kind {
            MetricKind::Gauge | MetricKind::Sum => number_point(message, point)?,
            MetricKind::Histogram => histogram_point(message, point, values.nested_max())?,
            MetricKind::ExponentialHistogram => exponential_point(message, point, values.nested_max())?,
            MetricKind::Summary => summary_point(message, point, values.nested_max())?,
        }
        if self.kind != MetricKind::Summary {
            values.messages_into(exemplars, &mut point.exemplars, exemplar)?;
        }
        point.flags = values.take_flags();
        Ok(())
    }
}

fn number<'t>(as_double: Field<'t>, as_int: Field<'t>) -> Result<Number, Unreadable> {
    Ok(match last_sent([as_double, as_int]) {
        Some(("asInt", _)) => Number::Int(as_int.i64()?),
        Some(_) => Number::Double(as_double.double()?),
        None => Number::Absent,
    })
}

fn number_point(message: Json<'_>, point: &mut PointInput<'_>) -> Result<(), Unreadable> {
    let [as_double, as_int] = fields(message, ["asDouble", "asInt"])?;
    point.value = number(as_double, as_int)?;
    Ok(())
}

fn histogram_point(message: Json<'_>, point: &mut PointInput<'_>, list_max: usize) -> Result<(), Unreadable> {
    let_fields! { message =>
        count: "count", sum: "sum", bucket_counts: "bucketCounts", explicit_bounds: "explicitBounds",
        min: "min", max: "max",
    }
    point.count = Some(count.u64()?);
    point.sum = sum.optional_double()?;
    point.bucket_counts = bucket_counts.few(list_max, |n| n.u64())?;
    point.explicit_bounds = explicit_bounds.few(list_max, |n| n.double())?;
    point.min = min.optional_double()?;
    point.max = max.optional_double()?;
    Ok(())
}

fn exponential_point(message: Json<'_>, point: &mut PointInput<'_>, list_max: usize) -> Result<(), Unreadable> {
    let_fields! { message =>
        count: "count", sum: "sum", scale: "scale", zero_count: "zeroCount", positive: "positive",
        negative: "negative", min: "min", max: "max", zero_threshold: "zeroThreshold",
    }
    point.count = Some(count.u64()?);
    point.sum = sum.optional_double()?;
    point.scale = Some(scale.i32()?);
    point.zero_count = Some(zero_count.u64()?);
    point.zero_threshold = Some(zero_threshold.double()?);
    (point.positive_offset, point.positive_counts) = buckets(positive, list_max)?;
    (point.negative_offset, point.negative_counts) = buckets(negative, list_max)?;
    point.min = min.optional_double()?;
    point.max = max.optional_double()?;
    Ok(())
}

fn buckets(side: Field<'_>, list_max: usize) -> Result<(Option<i32>, Vec<u64>), Unreadable> {
    let Some(message) = side.value else { return Ok((None, Vec::new())) };
    let [offset, counts] = fields(message, ["offset", "bucketCounts"])?;
    Ok((Some(offset.i32()?), counts.few(list_max, |n| n.u64())?))
}

fn summary_point(message: Json<'_>, point: &mut PointInput<'_>, list_max: usize) -> Result<(), Unreadable> {
    let [count, sum, quantiles] = fields(message, ["count", "sum", "quantileValues"])?;
    point.count = Some(count.u64()?);
    point.sum = Some(sum.double()?);
    point.quantiles = quantiles.few(list_max, |message| {
        let Some(message) = message.value else { return Ok((0.0, 0.0)) };
        let [quantile, value] = fields(message, ["quantile", "value"])?;
        Ok((quantile.double()?, value.double()?))
    })?;
    Ok(())
}

fn exemplar<'t>(values: &mut Values, message: Json<'t>) -> Result<ExemplarInput<'t>, Unreadable> {
    let_fields! { message =>
        attributes: "filteredAttributes", time: "timeUnixNano", as_double: "asDouble", as_int: "asInt",
        span_id: "spanId", trace_id: "traceId",
    }
    Ok(ExemplarInput {
        time: time.u64()?,
        value: number(as_double, as_int)?,
        span_id: span_id.id("span id of an exemplar")?,
        trace_id: trace_id.id("trace id of an exemplar")?,
        attributes: values.attributes(attributes)?,
    })
}
