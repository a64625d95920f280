//! Data points of each kind, and exemplars.

use super::envelope::Bounds;
use super::fault::{Fault, id};
use super::value::attribute;
use super::wire::{Broken, Field, Fields};
use tables::build::{ExemplarInput, Number, PointInput};
use tables::flags::RowFlags;

/// Keeps one value more than the bound of nested items at most: enough to know that they are too many.
fn keep<T>(list: &mut Vec<T>, value: T, bounds: Bounds) {
    if list.len() <= bounds.nested_max {
        list.push(value);
    }
}

/// A point with more buckets or quantiles than the bound is refused: cut, it would tell lies.
fn few_enough(lengths: &[usize], bounds: Bounds) -> Result<(), Fault> {
    match lengths.iter().all(|length| *length <= bounds.nested_max) {
        true => Ok(()),
        false => Err(Fault::TooMany { what: "buckets or quantiles", max: bounds.nested_max }),
    }
}

/// A point of a gauge or a sum.
pub(super) fn read_number<'b>(message: &'b [u8], point: &mut PointInput<'b>, bounds: Bounds) -> Result<(), Fault> {
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            7 => attribute(field.bytes()?, &mut point.attributes, &mut point.flags)?,
            2 => point.start_time = field.fixed64()?,
            3 => point.time = field.fixed64()?,
            4 => point.value = Number::Double(field.double()?),
            5 => add_exemplar(field, point, bounds)?,
            6 => point.value = Number::Int(field.fixed64()? as i64),
            8 => point.point_flags = field.uint32()?,
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn read_histogram<'b>(message: &'b [u8], point: &mut PointInput<'b>, bounds: Bounds) -> Result<(), Fault> {
    point.count = Some(0);
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            9 => attribute(field.bytes()?, &mut point.attributes, &mut point.flags)?,
            2 => point.start_time = field.fixed64()?,
            3 => point.time = field.fixed64()?,
            4 => point.count = Some(field.fixed64()?),
            5 => point.sum = Some(field.double()?),
            6 => {
                field
                    .each_fixed64(|count| keep(&mut point.bucket_counts, count, bounds))
                    .map_err(Fault::in_field("bucketCounts"))?;
            }
            7 => field
                .each_fixed64(|bound| keep(&mut point.explicit_bounds, f64::from_bits(bound), bounds))
                .map_err(Fault::in_field("explicitBounds"))?,
            8 => add_exemplar(field, point, bounds)?,
            10 => point.point_flags = field.uint32()?,
            11 => point.min = Some(field.double()?),
            12 => point.max = Some(field.double()?),
            _ => {}
        }
    }
    few_enough(&[point.bucket_counts.len(), point.explicit_bounds.len()], bounds)
}

pub(super) fn read_exponential<'b>(message: &'b [u8], point: &mut PointInput<'b>, bounds: Bounds) -> Result<(), Fault> {
    (point.count, point.scale) = (Some(0), Some(0));
    (point.zero_count, point.zero_threshold) = (Some(0), Some(0.0));
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => attribute(field.bytes()?, &mut point.attributes, &mut point.flags)?,
            2 => point.start_time = field.fixed64()?,
            3 => point.time = field.fixed64()?,
            4 => point.count = Some(field.fixed64()?),
            5 => point.sum = Some(field.double()?),
            6 => point.scale = Some(field.sint32()?),
            7 => point.zero_count = Some(field.fixed64()?),
            8 => read_buckets(field, &mut point.positive_offset, &mut point.positive_counts, bounds)
                .map_err(Fault::in_field("positive"))?,
            9 => read_buckets(field, &mut point.negative_offset, &mut point.negative_counts, bounds)
                .map_err(Fault::in_field("negative"))?,
            10 => point.point_flags = field.uint32()?,
            11 => add_exemplar(field, point, bounds)?,
            12 => point.min = Some(field.double()?),
            13 => point.max = Some(field.double()?),
            14 => point.zero_threshold = Some(field.double()?),
            _ => {}
        }
    }
    few_enough(&[point.positive_counts.len(), point.negative_counts.len()], bounds)
}

fn read_buckets(
    field: Field<'_>,
    offset: &mut Option<i32>,
    counts: &mut Vec<u64>,
    bounds: Bounds,
) -> Result<(), Broken> {
    offset.get_or_insert(0);
    let mut fields = Fields::of(field.bytes()?);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => *offset = Some(field.sint32()?),
            2 => field.each_varint(|count| keep(counts, count, bounds))?,
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn read_summary<'b>(message: &'b [u8], point: &mut PointInput<'b>, bounds: Bounds) -> Result<(), Fault> {
    (point.count, point.sum) = (Some(0), Some(0.0));
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            7 => attribute(field.bytes()?, &mut point.attributes, &mut point.flags)?,
            2 => point.start_time = field.fixed64()?,
            3 => point.time = field.fixed64()?,
            4 => point.count = Some(field.fixed64()?),
            5 => point.sum = Some(field.double()?),
            6 => {
                let quantile = read_quantile(field).map_err(Fault::in_field("quantileValues"))?;
                keep(&mut point.quantiles, quantile, bounds);
            }
            8 => point.point_flags = field.uint32()?,
            _ => {}
        }
    }
    few_enough(&[point.quantiles.len()], bounds)
}

fn read_quantile(field: Field<'_>) -> Result<(f64, f64), Broken> {
    let mut quantile = (0.0, 0.0);
    let mut fields = Fields::of(field.bytes()?);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => quantile.0 = field.double()?,
            2 => quantile.1 = field.double()?,
            _ => {}
        }
    }
    Ok(quantile)
}

#[cold]
fn add_exemplar<'b>(field: Field<'b>, point: &mut PointInput<'b>, bounds: Bounds) -> Result<(), Fault> {
    if point.exemplars.len() == bounds.nested_max {
        point.flags.insert(RowFlags::NESTED_CUT);
        return Ok(());
    }
    let exemplar = read_exemplar(field.bytes()?, bounds.attributes_max, &mut point.flags)?;
    point.exemplars.push(exemplar);
    Ok(())
}

fn read_exemplar<'b>(message: &'b [u8], attributes_max: usize, odd: &mut RowFlags) -> Result<ExemplarInput<'b>, Fault> {
    let broken = Fault::in_field("exemplars");
    let mut exemplar = ExemplarInput::new(attributes_max);
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next().map_err(broken)? {
        match number {
            2 => exemplar.time = field.fixed64().map_err(broken)?,
            3 => exemplar.value = Number::Double(field.double().map_err(broken)?),
            4 => exemplar.span_id = id("span id of an exemplar", field.bytes().map_err(broken)?)?,
            5 => exemplar.trace_id = id("trace id of an exemplar", field.bytes().map_err(broken)?)?,
            6 => exemplar.value = Number::Int(field.fixed64().map_err(broken)? as i64),
            7 => attribute(field.bytes().map_err(broken)?, &mut exemplar.attributes, odd)?,
            _ => {}
        }
    }
    Ok(exemplar)
}
