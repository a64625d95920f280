//! Telemetry of an incident's time and of a healthy time before it, read for the engine that finds causes.
//!
//! Of more rows than are read, whole traces are chosen by their ids: which ones depends on the ids alone.
//! Invariant: what was left out is said by [`Gathered::missing`].

mod changes;
mod reference;
mod sql;

use crate::ask::{Ints, Numbers, Questioner, Texts};
use arrow::array::{Array, ArrayRef, AsArray, MapArray, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use cause::{Change, Heartbeat, LogRow, PointRow, Records, SpanRow, Telemetry, Window};
use client::QueryError;
use model::{Bilingual, TimeRange, UnixNanos};

pub(crate) use reference::reference;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) records: Records,
    /// Rows that were read, over all tables.
    pub(crate) rows: usize,
    pub(crate) changes: Vec<Change>,
    pub(crate) heartbeats: Vec<Heartbeat>,
    /// What could not be read, or not wholly.
    pub(crate) missing: Vec<Bilingual>,
}

/// Reads all that is needed to judge a window.
pub(crate) async fn gather(ask: &Questioner, window: &Window) -> Result<Gathered, QueryError> {
    let mut gathered = Gathered::default();
    let mut telemetry = Telemetry::default();
    for range in ranges(window) {
        let share = share(ask, "spans", range, ask.settings().evidence_rows_max / 2, &mut gathered.missing).await?;
        gathered.rows +=
            read(ask, sql::spans(range, share), &mut gathered.missing, |batch| spans(&mut telemetry, batch)).await?;
        let share = share_of_logs(ask, range, share, &mut gathered.missing).await?;
        gathered.rows +=
            read(ask, sql::logs(range, share), &mut gathered.missing, |batch| logs(&mut telemetry, batch)).await?;
        gathered.rows +=
            read(ask, sql::points(range), &mut gathered.missing, |batch| points(&mut telemetry, batch)).await?;
    }
    gathered.changes = changes::changes(ask, window.current).await?;
    // What a change began hours ago, and what was usual before it, is told by the targets of changes only.
    let (past, targets) = changes::history(&gathered.changes, window);
    for range in past {
        let sql = sql::points_of(range, &targets);
        gathered.rows += read(ask, sql, &mut gathered.missing, |batch| points(&mut telemetry, batch)).await?;
        let sql = sql::complaints_of(range, &targets);
        gathered.rows += read(ask, sql, &mut gathered.missing, |batch| logs(&mut telemetry, batch)).await?;
    }
    gathered.records = telemetry.finish();
    gathered.heartbeats = changes::heartbeats(ask, window.current).await?;
    Ok(gathered)
}

fn ranges(window: &Window) -> Vec<TimeRange> {
    window.reference.iter().copied().chain([window.current]).collect()
}

/// Which share of all traces fits, in 65,536ths.
async fn share(
    ask: &Questioner,
    table: &str,
    range: TimeRange,
    rows_max: u64,
    missing: &mut Vec<Bilingual>,
) -> Result<u32, QueryError> {
    let rows = ask.rows(sql::count(table, range), 1).await?;
    let count = rows.batches().first().map_or(0, |batch| Ints::of(batch, "rows").at(0));
    let count = u64::try_from(count).unwrap_or_default();
    if count <= rows_max {
        return Ok(sql::ALL);
    }
    let share = u32::try_from(u128::from(sql::ALL) * u128::from(rows_max) / u128::from(count)).unwrap_or(sql::ALL);
    missing.push(Bilingual::new(
        format!("{rows_max} of {count} rows of {table} were looked at: whole traces, chosen by their ids"),
        format!("{table} 共 {count} 行，按 trace id 抽取完整链路，只看了其中 {rows_max} 行"),
    ));
    Ok(share.max(1))
}

/// Logs follow their traces; of many more logs than spans, fewer traces' logs are read.
async fn share_of_logs(
    ask: &Questioner,
    range: TimeRange,
    of_spans: u32,
    missing: &mut Vec<Bilingual>,
) -> Result<u32, QueryError> {
    let own = share(ask, "logs", range, ask.settings().evidence_rows_max / 2, missing).await?;
    Ok(own.min(of_spans))
}

async fn read(
    ask: &Questioner,
    sql: String,
    missing: &mut Vec<Bilingual>,
    mut each: impl FnMut(&RecordBatch),
) -> Result<usize, QueryError> {
    let rows = ask.rows(sql, ask.settings().evidence_rows_max).await?;
    rows.batches().iter().for_each(&mut each);
    let count = rows.len();
    if let Some(reason) = rows.incomplete_reason.filter(|_| !rows.complete) {
        missing
            .push(Bilingual::new(format!("not all rows were read: {reason}"), format!("未能读取全部数据：{reason}")));
    }
    Ok(count)
}

fn spans(telemetry: &mut Telemetry, batch: &RecordBatch) {
    let text = |name: &str| Texts::of(batch, name);
    let [trace, span, parent, service, operation, kind, status, message, instance, node, version] = [
        "trace_id",
        "span_id",
        "parent_span_id",
        "service",
        "operation",
        "kind",
        "status",
        "status_message",
        "instance",
        "node",
        "version",
    ]
    .map(text);
    let [db_system, db_namespace, statement, address, messaging, destination, outcome, exception, resend, message_id] =
        [
            "db_system",
            "db_namespace",
            "statement",
            "server_address",
            "messaging_system",
            "destination",
            "outcome",
            "exception",
            "resend",
            "message_id",
        ]
        .map(text);
    let (start, duration) = (Ints::of(batch, "time"), Ints::of(batch, "duration_ns"));
    for row in 0..batch.num_rows() {
        telemetry.span(&SpanRow {
            trace_id: trace.at(row),
            span_id: span.at(row),
            parent_span_id: parent.at(row),
            service: service.at(row),
            operation: operation.at(row),
            kind: kind.at(row),
            status: status.at(row),
            status_message: message.at(row),
            start: UnixNanos(start.at(row)),
            duration_ns: duration.at(row),
            instance: instance.at(row),
            node: node.at(row),
            version: version.at(row),
            db_system: db_system.at(row),
            db_namespace: db_namespace.at(row),
            statement: statement.at(row),
            server_address: address.at(row),
            messaging_system: messaging.at(row),
            destination: destination.at(row),
            outcome: outcome.at(row),
            exception: exception.at(row),
            message_id: message_id.at(row),
            resent: !matches!(resend.at(row), "" | "0"),
        });
    }
}

fn logs(telemetry: &mut Telemetry, batch: &RecordBatch) {
    let [trace, span, service, instance, node, body] =
        ["trace_id", "span_id", "service", "instance", "node", "body"].map(|name| Texts::of(batch, name));
    let (time, severity) = (Ints::of(batch, "time"), Ints::of(batch, "severity"));
    for row in 0..batch.num_rows() {
        telemetry.log(&LogRow {
            time: UnixNanos(time.at(row)),
            trace_id: trace.at(row),
            span_id: span.at(row),
            service: service.at(row),
            instance: instance.at(row),
            node: node.at(row),
            severity: i32::try_from(severity.at(row)).unwrap_or_default(),
            body: body.at(row),
        });
    }
}

fn points(telemetry: &mut Telemetry, batch: &RecordBatch) {
    let [name, unit, service, instance, node, device, temporality] =
        ["name", "unit", "service", "instance", "node", "device", "temporality"].map(|name| Texts::of(batch, name));
    let (time, value, monotonic) =
        (Ints::of(batch, "time"), Numbers::of(batch, "value"), Texts::of(batch, "monotonic"));
    let attributes = Maps::of(batch, "attributes");
    for row in 0..batch.num_rows() {
        let Some(value) = value.at(row) else { continue };
        let mut own = attributes.at(row);
        // A device is named by its resource, since who tells of it is another.
        if !device.at(row).is_empty() {
            own.push(("network.device.name", device.at(row)));
        }
        telemetry.point(&PointRow {
            time: UnixNanos(time.at(row)),
            name: name.at(row),
            unit: unit.at(row),
            service: service.at(row),
            instance: instance.at(row),
            node: node.at(row),
            value,
            cumulative: temporality.at(row) == "cumulative" && monotonic.at(row) == "true",
            attributes: &own,
        });
    }
}

/// A column of attribute maps, whatever type their texts came with: the maps, their keys, their values.
struct Maps(Option<(MapArray, StringViewArray, StringViewArray)>);

impl Maps {
    fn of(batch: &RecordBatch, name: &str) -> Self {
        let texts = |column: &ArrayRef| Some(cast(column, &DataType::Utf8View).ok()?.as_string_view().clone());
        let maps = batch.column_by_name(name).and_then(|column| column.as_map_opt());
        Self(maps.and_then(|maps| Some((maps.clone(), texts(maps.keys())?, texts(maps.values())?))))
    }

    fn at(&self, row: usize) -> Vec<(&str, &str)> {
        let Some((maps, keys, values)) = self.0.as_ref().filter(|(maps, ..)| !maps.is_null(row)) else {
            return Vec::new();
        };
        let offsets = maps.offsets();
        let (from, until) = (offsets[row] as usize, offsets[row + 1] as usize);
        (from..until).filter(|at| !values.is_null(*at)).map(|at| (keys.value(at), values.value(at))).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use arrow::array::{MapBuilder, StringBuilder, StringDictionaryBuilder};
    use arrow::datatypes::Int32Type;
    use std::sync::Arc;

    #[test]
    fn attributes_are_read_whatever_type_their_texts_came_with() {
        let mut plain = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        let words = StringDictionaryBuilder::<Int32Type>::new;
        let mut packed = MapBuilder::new(None, words(), words());
        plain.keys().append_value("source");
        plain.values().append_value("cart");
        plain.append(true).unwrap();
        plain.append(true).unwrap();
        packed.keys().append_value("source");
        packed.values().append_value("cart");
        packed.append(true).unwrap();
        packed.append(true).unwrap();
        for column in [Arc::new(plain.finish()) as ArrayRef, Arc::new(packed.finish())] {
            let batch = RecordBatch::try_from_iter([("attributes", column)]).unwrap();
            let maps = Maps::of(&batch, "attributes");
            assert_eq!((maps.at(0), maps.at(1)), (vec![("source", "cart")], vec![]));
            assert!(Maps::of(&batch, "absent").at(0).is_empty());
        }
    }
}
