//! Rows of `metrics` under construction: one per data point, whatever its kind.

use super::attributes::put_all;
use super::column::{IdColumn, ListColumn, NumberColumn, Offsets, TextColumn, required_ids, required_numbers};
use super::context::{Context, TimeSpan, stored_time};
use super::input::{ExemplarInput, Number, PointInput};
use super::map::MapColumn;
use super::pool::{Closing, Text};
use super::spans::{element_type, field_type, struct_list};
use crate::flags::RowFlags;
use crate::{TableBatch, TableId};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt64Type};
use arrow::error::ArrowError;
use model::{ContentHash, UnixNanos};

#[derive(Debug, Default)]
pub(super) struct MetricRows {
    rows: usize,
    times: TimeSpan,
    name: TextColumn,
    service: TextColumn,
    series_id: Vec<u8>,
    time: Vec<i64>,
    start_time: NumberColumn<TimestampNanosecondType>,
    value: NumberColumn<Float64Type>,
    int_value: NumberColumn<Int64Type>,
    count: NumberColumn<UInt64Type>,
    sum: NumberColumn<Float64Type>,
    min: NumberColumn<Float64Type>,
    max: NumberColumn<Float64Type>,
    bucket_counts: ListColumn<UInt64Type>,
    explicit_bounds: ListColumn<Float64Type>,
    scale: NumberColumn<Int32Type>,
    zero_count: NumberColumn<UInt64Type>,
    zero_threshold: NumberColumn<Float64Type>,
    positive_offset: NumberColumn<Int32Type>,
    positive_counts: ListColumn<UInt64Type>,
    negative_offset: NumberColumn<Int32Type>,
    negative_counts: ListColumn<UInt64Type>,
    quantiles: QuantileRows,
    exemplars: ExemplarRows,
    point_flags: NumberColumn<Int64Type>,
    flags: TextColumn,
}

impl MetricRows {
    pub(super) fn put(
        &mut self,
        cx: &mut Context<'_>,
        (name, service): (Text, Text),
        series_id: ContentHash,
        point: &PointInput<'_>,
        mut flags: RowFlags,
    ) -> RowFlags {
        let row = self.rows;
        self.rows += 1;
        self.name.set(row, name);
        self.service.set(row, service);
        self.series_id.extend_from_slice(&series_id.0);
        flags.insert(self.put_times(row, point, cx.received));
        match point.value {
            Number::Double(value) => self.value.set(row, value),
            Number::Int(value) => {
                self.value.set(row, value as f64);
                self.int_value.set(row, value);
            }
            Number::Absent => self.put_distribution(row, point),
        }
        if !point.exemplars.is_empty() {
            flags.insert(self.exemplars.put(cx, row, &point.exemplars));
        }
        if point.point_flags != 0 {
            self.point_flags.set(row, i64::from(point.point_flags));
        }
        flags.insert(cx.repair_flag());
        let text = cx.flags_text(flags);
        self.flags.set_unless_null(row, text);
        flags
    }

    fn put_times(&mut self, row: usize, point: &PointInput<'_>, received: UnixNanos) -> RowFlags {
        let ((sent, cut), (start, start_cut)) = (stored_time(point.time), stored_time(point.start_time));
        let mut flags = RowFlags::default();
        let time = if sent == 0 { received.0 } else { sent };
        if sent == 0 {
            flags.insert(RowFlags::TIME_MISSING);
        }
        if cut || start_cut || !UnixNanos(time).is_plausible(received) {
            flags.insert(RowFlags::TIME_IMPLAUSIBLE);
        }
        self.times.add(time);
        self.time.push(time);
        if start != 0 {
            self.start_time.set(row, start);
        }
        flags
    }

    /// Histograms, exponential histograms and summaries.
    fn put_distribution(&mut self, row: usize, point: &PointInput<'_>) {
        self.count.set_some(row, point.count);
        self.sum.set_some(row, point.sum);
        self.min.set_some(row, point.min);
        self.max.set_some(row, point.max);
        self.bucket_counts.set_unless_empty(row, &point.bucket_counts);
        self.explicit_bounds.set_unless_empty(row, &point.explicit_bounds);
        self.scale.set_some(row, point.scale);
        self.zero_count.set_some(row, point.zero_count);
        self.zero_threshold.set_some(row, point.zero_threshold);
        self.positive_offset.set_some(row, point.positive_offset);
        self.positive_counts.set_unless_empty(row, &point.positive_counts);
        self.negative_offset.set_some(row, point.negative_offset);
        self.negative_counts.set_unless_empty(row, &point.negative_counts);
        self.quantiles.put(row, &point.quantiles);
    }

    pub(super) fn finish(self, cx: &Context<'_>, closing: &Closing) -> Result<Option<TableBatch>, ArrowError> {
        let rows = self.rows;
        if rows == 0 {
            return Ok(None);
        }
        let schema = cx.layout.spec(TableId::Metrics).schema.clone();
        let ty = |name| field_type(&schema, name);
        let columns = vec![
            self.name.finish_required(closing)?,
            self.service.finish_required(closing)?,
            required_ids::<16>(self.series_id)?,
            required_numbers::<TimestampNanosecondType>(self.time, ty("time")?),
            self.start_time.finish(ty("start_time")?, closing, rows),
            self.value.finish(&DataType::Float64, closing, rows),
            self.int_value.finish(&DataType::Int64, closing, rows),
            self.count.finish(&DataType::UInt64, closing, rows),
            self.sum.finish(&DataType::Float64, closing, rows),
            self.min.finish(&DataType::Float64, closing, rows),
            self.max.finish(&DataType::Float64, closing, rows),
            self.bucket_counts.finish(ty("bucket_counts")?, closing, rows)?,
            self.explicit_bounds.finish(ty("explicit_bounds")?, closing, rows)?,
            self.scale.finish(&DataType::Int32, closing, rows),
            self.zero_count.finish(&DataType::UInt64, closing, rows),
            self.zero_threshold.finish(&DataType::Float64, closing, rows),
            self.positive_offset.finish(&DataType::Int32, closing, rows),
            self.positive_counts.finish(ty("positive_counts")?, closing, rows)?,
            self.negative_offset.finish(&DataType::Int32, closing, rows),
            self.negative_counts.finish(ty("negative_counts")?, closing, rows)?,
            self.quantiles.finish(ty("quantiles")?, closing, rows)?,
            self.exemplars.finish(ty("exemplars")?, closing, rows)?,
            self.point_flags.finish(&DataType::Int64, closing, rows),
            self.flags.finish(closing, rows)?,
        ];
        Ok(Some(TableBatch {
            table: TableId::Metrics,
            rows: RecordBatch::try_new(schema.clone(), columns)?,
            time_min: self.times.min,
            time_max: self.times.max,
            overflow: Vec::new(),
        }))
    }
}

#[derive(Debug, Default)]
struct QuantileRows {
    offsets: Offsets,
    quantile: Vec<f64>,
    value: Vec<f64>,
}

impl QuantileRows {
    fn put(&mut self, row: usize, quantiles: &[(f64, f64)]) {
        if quantiles.is_empty() {
            return;
        }
        self.quantile.extend(quantiles.iter().map(|(quantile, _)| quantile));
        self.value.extend(quantiles.iter().map(|(_, value)| value));
        self.offsets.set(row, self.value.len());
    }

    fn finish(self, data_type: &DataType, closing: &Closing, rows: usize) -> Result<ArrayRef, ArrowError> {
        let elements = vec![
            required_numbers::<Float64Type>(self.quantile, &DataType::Float64),
            required_numbers::<Float64Type>(self.value, &DataType::Float64),
        ];
        struct_list(data_type, self.offsets, elements, (closing, rows))
    }
}

#[derive(Debug, Default)]
struct ExemplarRows {
    offsets: Offsets,
    time: Vec<i64>,
    value: NumberColumn<Float64Type>,
    int_value: NumberColumn<Int64Type>,
    trace_id: IdColumn<16>,
    span_id: IdColumn<8>,
    map: MapColumn,
}

impl ExemplarRows {
    fn put(&mut self, cx: &mut Context<'_>, row: usize, exemplars: &[ExemplarInput<'_>]) -> RowFlags {
        let mut flags = RowFlags::default();
        for exemplar in exemplars {
            let at = self.time.len();
            let (time, cut) = stored_time(exemplar.time);
            if cut {
                flags.insert(RowFlags::TIME_IMPLAUSIBLE);
            }
            self.time.push(time);
            match exemplar.value {
                Number::Double(value) => self.value.set(at, value),
                Number::Int(value) => {
                    self.value.set(at, value as f64);
                    self.int_value.set(at, value);
                }
                Number::Absent => {}
            }
            if let Some(id) = exemplar.trace_id {
                self.trace_id.set(at, id);
            }
            if let Some(id) = exemplar.span_id {
                self.span_id.set(at, id);
            }
            flags.insert(put_all(cx, &mut self.map, exemplar.attributes.items()));
            self.map.end_row(at);
            if exemplar.attributes.beyond() > 0 {
                flags.insert(RowFlags::ATTRIBUTES_CUT);
            }
        }
        self.offsets.set(row, self.time.len());
        flags
    }

    fn finish(self, data_type: &DataType, closing: &Closing, rows: usize) -> Result<ArrayRef, ArrowError> {
        let count = self.time.len();
        let [map, types] = self.map.finish(closing, count)?;
        let elements = vec![
            required_numbers::<TimestampNanosecondType>(self.time, &element_type(data_type, 0)?),
            self.value.finish(&DataType::Float64, closing, count),
            self.int_value.finish(&DataType::Int64, closing, count),
            self.trace_id.finish(closing, count)?,
            self.span_id.finish(closing, count)?,
            map,
            types,
        ];
        struct_list(data_type, self.offsets, elements, (closing, rows))
    }
}
