//! Rows of `heartbeats` under construction.

use super::{Origin, VIA, bounded, int_of};
use crate::build::column::{NumberColumn, TextColumn, required_numbers};
use crate::build::context::{Context, TimeSpan};
use crate::build::map::MapColumn;
use crate::build::pool::{Closing, Text};
use crate::flags::RowFlags;
use crate::{TableBatch, TableId};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Int64Type, TimestampNanosecondType};
use arrow::error::ArrowError;

const OWN_PREFIX: &[u8] = b"heartbeat.";

#[derive(Debug, Default)]
pub(super) struct HeartbeatRows {
    rows: usize,
    times: TimeSpan,
    time: Vec<i64>,
    name: TextColumn,
    status: TextColumn,
    exit_status: NumberColumn<Int64Type>,
    run_id: TextColumn,
    duration: NumberColumn<Int64Type>,
    text: TextColumn,
    service: TextColumn,
    source: TextColumn,
    map: MapColumn,
    flags: TextColumn,
}

impl HeartbeatRows {
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn put(&mut self, cx: &mut Context<'_>, origin: &Origin<'_>) -> RowFlags {
        let row = self.rows;
        self.rows += 1;
        let mut flags = RowFlags::default();
        self.times.add(origin.time);
        self.time.push(origin.time);
        let mut name = origin.text(cx, b"heartbeat.name");
        if name == Text::NULL {
            flags.insert(RowFlags::EVENT_MALFORMED);
            name = origin.service;
        }
        self.name.set(row, name);
        let exit_status = origin.value(b"heartbeat.exit_status").and_then(int_of);
        self.exit_status.set_some(row, exit_status);
        let status = self.status_of(cx, origin, exit_status, &mut flags);
        self.status.set(row, status);
        let run_id = origin.text(cx, b"heartbeat.run_id");
        self.run_id.set_unless_null(row, run_id);
        self.duration.set_some(row, origin.value(b"heartbeat.duration_ns").and_then(int_of));
        let text = origin.body.map_or(Text::NULL, |body| bounded(cx, body, &mut flags));
        self.text.set_unless_null(row, text);
        self.service.set(row, origin.service);
        let source = origin.via(cx, "log");
        self.source.set(row, source);
        for attribute in origin.attributes {
            if attribute.key != VIA && !attribute.key.starts_with(OWN_PREFIX) {
                let key = cx.pool.intern(attribute.key);
                let text = cx.value_text(Text::NULL, &attribute.value);
                self.map.push(key, text, attribute.value.attr_type());
            }
        }
        self.map.end_row(row);
        flags.insert(cx.repair_flag());
        let flags_text = cx.flags_text(flags);
        self.flags.set_unless_null(row, flags_text);
        flags
    }

    /// What it says, else what its exit status says, else that all is well.
    fn status_of(
        &self,
        cx: &mut Context<'_>,
        origin: &Origin<'_>,
        exit_status: Option<i64>,
        flags: &mut RowFlags,
    ) -> Text {
        let said = origin.text(cx, b"heartbeat.status");
        let word: &[u8] = match (said, exit_status) {
            (Text::NULL, None | Some(0)) => b"ok",
            (Text::NULL, Some(_)) => b"fail",
            _ if [&b"start"[..], b"ok", b"fail", b"log"].contains(&cx.pool.get(said)) => return said,
            _ => {
                flags.insert(RowFlags::EVENT_MALFORMED);
                b"log"
            }
        };
        cx.pool.intern(word)
    }

    pub(super) fn finish(self, cx: &Context<'_>, closing: &Closing) -> Result<Option<TableBatch>, ArrowError> {
        let rows = self.rows;
        if rows == 0 {
            return Ok(None);
        }
        let schema = cx.layout.spec(TableId::Heartbeats).schema.clone();
        let [map, types] = self.map.finish(closing, rows)?;
        let columns = vec![
            required_numbers::<TimestampNanosecondType>(self.time, schema.field(0).data_type()),
            self.name.finish_required(closing)?,
            self.status.finish_required(closing)?,
            self.exit_status.finish(&DataType::Int64, closing, rows),
            self.run_id.finish(closing, rows)?,
            self.duration.finish(&DataType::Int64, closing, rows),
            self.text.finish(closing, rows)?,
            self.service.finish_required(closing)?,
            self.source.finish_required(closing)?,
            map,
            types,
            self.flags.finish(closing, rows)?,
        ];
        Ok(Some(TableBatch {
            table: TableId::Heartbeats,
            rows: RecordBatch::try_new(schema, columns)?,
            time_min: self.times.min,
            time_max: self.times.max,
            overflow: Vec::new(),
        }))
    }
}
