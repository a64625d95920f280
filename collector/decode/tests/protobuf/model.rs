//! What the tables must hold for a request, written down as plainly as possible from the contract:
//! no memo, no prediction, no sharing of code with what is tested.

use crate::cell::{Cell, RECEIVED, Row, row, settings};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, SummaryDataPoint, exemplar,
    metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::BTreeSet;
use tables::PromotedType;
use tables::promoted::RENAMED;

const DAY: i128 = 86_400_000_000_000;

/// Flags by their names, in the order the table writes them.
#[derive(Default, Clone)]
struct Flags(BTreeSet<usize>);

const FLAGS: [&str; 7] =
    ["zero_id", "time_implausible", "ends_before_start", "time_missing", "duplicate", "self_parent", DUPLICATE_KEY];
const DUPLICATE_KEY: &str = "duplicate_key";

impl Flags {
    fn add(&mut self, name: &str) {
        self.0.insert(FLAGS.iter().position(|flag| *flag == name).unwrap());
    }

    fn add_if(&mut self, name: &str, condition: bool) {
        if condition {
            self.add(name);
        }
    }

    fn cell(&self) -> Cell {
        let names: Vec<&str> = self.0.iter().map(|at| FLAGS[*at]).collect();
        if names.is_empty() { Cell::Null } else { Cell::Text(names.join(",")) }
    }
}

pub(crate) fn double(value: f64) -> String {
    match value {
        v if v.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        v => format!("{v:?}"),
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= chunk.len() { digit.into() } else { '=' });
        }
    }
    out
}

fn json_string(text: &str) -> String {
    let escape = |c: char| match c {
        '"' => "\\\"".into(),
        '\\' => "\\\\".into(),
        '\n' => "\\n".into(),
        '\r' => "\\r".into(),
        '\t' => "\\t".into(),
        c if (c as u32) < 0x20 => format!("\\u{:04x}", c as u32),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

fn json(value: Option<&AnyValue>) -> String {
    let Some(value) = value.and_then(|value| value.value.as_ref()) else { return "null".into() };
    match value {
        Value::StringValue(text) => json_string(text),
        Value::BoolValue(value) => value.to_string(),
        Value::IntValue(value) => value.to_string(),
        Value::DoubleValue(value) if value.is_finite() => double(*value),
        Value::DoubleValue(value) => json_string(&double(*value)),
        Value::BytesValue(bytes) => json_string(&base64(bytes)),
        Value::ArrayValue(array) => {
            format!("[{}]", array.values.iter().map(|value| json(Some(value))).collect::<Vec<_>>().join(","))
        }
        Value::KvlistValue(list) => json_map(&list.values),
        Value::StringValueStrindex(_) => "null".into(),
    }
}

fn json_map(entries: &[KeyValue]) -> String {
    let entry = |entry: &KeyValue| format!("{}:{}", json_string(&entry.key), json(entry.value.as_ref()));
    format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
}

/// Canonical text and type tag.
fn text(value: Option<&AnyValue>) -> (Cell, u8) {
    let inner = value.and_then(|value| value.value.as_ref());
    let tag = match inner {
        None | Some(Value::StringValueStrindex(_)) => return (Cell::Null, b'0'),
        Some(Value::StringValue(text)) => return (Cell::Text(text.clone()), b's'),
        Some(Value::BytesValue(bytes)) => return (Cell::Text(base64(bytes)), b'x'),
        Some(Value::DoubleValue(value)) => return (Cell::Text(double(*value)), b'd'),
        Some(Value::BoolValue(_)) => b'b',
        Some(Value::IntValue(_)) => b'i',
        Some(Value::ArrayValue(_)) => b'a',
        Some(Value::KvlistValue(_)) => b'm',
    };
    (Cell::Text(json(value)), tag)
}

type Entries = Vec<(String, Cell, u8)>;

/// The columns `attributes` and `attribute_types` for map entries.
fn map_cells(entries: Entries) -> [(&'static str, Cell); 2] {
    if entries.is_empty() {
        return [("attributes", Cell::Null), ("attribute_types", Cell::Null)];
    }
    let tags: Vec<u8> = entries.iter().map(|(_, _, tag)| *tag).collect();
    let types = if tags.iter().all(|tag| *tag == b's') { Cell::Null } else { Cell::Bytes(tags) };
    let map = entries.into_iter().map(|(key, value, _)| (key, value)).collect();
    [("attributes", Cell::Map(map)), ("attribute_types", types)]
}

fn as_sent(attributes: &[KeyValue]) -> Entries {
    let entry = |attribute: &KeyValue| {
        let (text, tag) = text(attribute.value.as_ref());
        (attribute.key.clone(), text, tag)
    };
    attributes.iter().map(entry).collect()
}

fn has_duplicates(attributes: &[KeyValue]) -> bool {
    attributes.iter().map(|attribute| &attribute.key).collect::<BTreeSet<_>>().len() < attributes.len()
}

fn new_name(key: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(old, _)| *old == key).map(|(_, new)| *new)
}

/// A value in the column of its promoted key, if it has the column's type.
fn promoted(key: &str, value: Option<&AnyValue>) -> Option<Cell> {
    let ty = settings().promoted.keys.iter().find(|promoted| promoted.key == key)?.ty;
    Some(match (ty, value?.value.as_ref()?) {
        (PromotedType::String, Value::StringValue(text)) => Cell::Text(text.clone()),
        (PromotedType::Int, Value::IntValue(value)) => Cell::Int(*value),
        (PromotedType::Double, Value::DoubleValue(value)) => (*value).into(),
        (PromotedType::Bool, Value::BoolValue(value)) => Cell::Bool(*value),
        _ => return None,
    })
}

fn is_promoted(key: &str) -> bool {
    settings().promoted.keys.iter().any(|promoted| promoted.key == key)
}

/// The attribute columns of a span or a record; `own` are entries that the store adds.
fn attribute_cells(attributes: &[KeyValue], own: Entries) -> (Row, BTreeSet<String>) {
    let first = |at: usize| attributes.iter().position(|other| other.key == attributes[at].key) == Some(at);
    let mut cells = Row::new();
    let mut overflow = BTreeSet::new();
    let mut consumed = None;
    for key in settings().request_id_keys {
        let Some(at) = attributes.iter().position(|attribute| attribute.key == key) else { continue };
        let (text, tag) = text(attributes[at].value.as_ref());
        if text == Cell::Null || text == Cell::from("") {
            continue;
        }
        cells.insert("request_id".into(), text);
        if tag == b's' {
            cells.insert("request_id_key".into(), Cell::Text(key));
            consumed = Some(at);
        }
        break;
    }
    let (mut entries, mut legacy) = (Vec::new(), Vec::new());
    for (at, attribute) in attributes.iter().enumerate() {
        if consumed == Some(at) {
            continue;
        }
        let key = attribute.key.as_str();
        let (text, tag) = text(attribute.value.as_ref());
        let mut put = |key: &str| entries.push((key.to_owned(), text.clone(), tag));
        if !first(at) {
            put(key);
        } else if is_promoted(key) {
            match promoted(key, attribute.value.as_ref()) {
                Some(cell) => {
                    cells.insert(format!("attributes.{key}"), cell);
                }
                None => {
                    overflow.insert(key.to_owned());
                    put(key);
                }
            }
        } else if let Some(new) = new_name(key).filter(|new| !attributes.iter().any(|other| other.key == *new)) {
            let column = format!("attributes.{new}");
            let taken = cells.contains_key(&column);
            let cell = promoted(new, attribute.value.as_ref());
            if taken {
                put(key);
            } else if let Some(cell) = cell {
                cells.insert(column, cell);
                legacy.push(key);
            } else {
                if is_promoted(new) {
                    overflow.insert(new.to_owned());
                }
                put(key);
                put(new);
            }
        } else {
            put(key);
        }
    }
    if !legacy.is_empty() {
        cells.insert("legacy_keys".into(), Cell::Text(legacy.join(",")));
    }
    entries.extend(own);
    cells.extend(row(map_cells(entries)));
    (cells, overflow)
}

fn text_or_null(text: &str) -> Cell {
    if text.is_empty() { Cell::Null } else { text.into() }
}

fn count_or_null(count: u32) -> Cell {
    if count == 0 { Cell::Null } else { Cell::Int(count.into()) }
}

fn bytes_or_null(bytes: &[u8]) -> Cell {
    if bytes.is_empty() { Cell::Null } else { Cell::Bytes(bytes.to_vec()) }
}

fn stored(time: u64) -> i64 {
    time.min(i64::MAX as u64) as i64
}

fn implausible(time: i64) -> bool {
    let time = i128::from(time);
    time < 946_684_800_000_000_000 || time > i128::from(RECEIVED.0) + DAY
}

fn service(resource: Option<&Resource>) -> String {
    let named = resource.iter().flat_map(|resource| &resource.attributes).find(|kv| kv.key == "service.name");
    match named.map(|named| text(named.value.as_ref()).0) {
        Some(Cell::Text(text)) if !text.is_empty() => text,
        _ => "unknown_service".into(),
    }
}

fn resource_row(resource: Option<&Resource>, schema_url: &str) -> Row {
    let default = Resource::default();
    let inner = resource.unwrap_or(&default);
    let mut entries = Vec::new();
    for (at, (key, text, tag)) in as_sent(&inner.attributes).into_iter().enumerate() {
        let first = inner.attributes.iter().position(|other| other.key == key) == Some(at);
        let new = new_name(&key).filter(|new| first && !inner.attributes.iter().any(|other| other.key == *new));
        let renamed = new.map(|new| (new.to_owned(), text.clone(), tag));
        entries.push((key, text, tag));
        entries.extend(renamed);
    }
    let mut cells = row(map_cells(entries));
    cells.extend(row([
        ("service", Cell::Text(service(resource))),
        ("schema_url", text_or_null(schema_url)),
        ("dropped_attributes_count", count_or_null(inner.dropped_attributes_count)),
    ]));
    cells
}

fn scope_cells(scope: Option<&InstrumentationScope>, schema_url: &str) -> Row {
    let default = InstrumentationScope::default();
    let scope = scope.unwrap_or(&default);
    let attributes = if scope.attributes.is_empty() { Cell::Null } else { Cell::Text(json_map(&scope.attributes)) };
    row([
        ("scope", text_or_null(&scope.name)),
        ("scope_version", text_or_null(&scope.version)),
        ("scope_attributes", attributes),
        ("scope_schema_url", text_or_null(schema_url)),
    ])
}

fn padded<const N: usize>(id: &[u8]) -> Cell {
    if id.is_empty() { Cell::Bytes(vec![0; N]) } else { Cell::Bytes(id.to_vec()) }
}

/// Rows of a table and the overflow of its batch.
pub(crate) type Expected = (Vec<Row>, BTreeSet<String>);

pub(crate) fn spans(request: &ExportTraceServiceRequest) -> Expected {
    let (mut out, mut overflow) = (Vec::new(), BTreeSet::new());
    let mut ids = BTreeSet::new();
    for resource in &request.resource_spans {
        for scope in &resource.scope_spans {
            for span in &scope.spans {
                let (mut cells, over) = span_row(span, &mut ids, resource.resource.as_ref());
                overflow.extend(over);
                cells.extend(scope_cells(scope.scope.as_ref(), &scope.schema_url));
                cells.insert("service".into(), Cell::Text(service(resource.resource.as_ref())));
                let owner = resource_row(resource.resource.as_ref(), &resource.schema_url);
                cells.insert("resource_id".into(), Cell::Struct(owner));
                out.push(cells);
            }
        }
    }
    (out, overflow)
}

fn span_row(
    span: &Span,
    ids: &mut BTreeSet<(Vec<u8>, Vec<u8>)>,
    resource: Option<&Resource>,
) -> (Row, BTreeSet<String>) {
    let mut flags = Flags::default();
    let zero = |id: &[u8]| id.iter().all(|byte| *byte == 0);
    if zero(&span.trace_id) || zero(&span.span_id) {
        flags.add("zero_id");
    } else {
        flags.add_if("duplicate", !ids.insert((span.trace_id.clone(), span.span_id.clone())));
        flags.add_if("self_parent", span.span_id == span.parent_span_id);
    }
    let (start, end) = (stored(span.start_time_unix_nano), stored(span.end_time_unix_nano));
    let time = if start != 0 {
        start
    } else if end != 0 {
        end
    } else {
        RECEIVED.0
    };
    let duration = if start == 0 || end == 0 { 0 } else { end - start };
    flags.add_if("time_missing", start == 0 || end == 0);
    flags.add_if("ends_before_start", start != 0 && end != 0 && span.end_time_unix_nano < span.start_time_unix_nano);
    let cut = |time: u64| time > i64::MAX as u64;
    let any_cut = cut(span.start_time_unix_nano) || cut(span.end_time_unix_nano);
    flags.add_if("time_implausible", any_cut || implausible(time) || (end != 0 && implausible(end)));
    let mut own = Vec::new();
    for (key, time) in [
        ("stormglass.start_time_unix_nano", span.start_time_unix_nano),
        ("stormglass.end_time_unix_nano", span.end_time_unix_nano),
    ] {
        if cut(time) {
            own.push((key.to_owned(), Cell::Text(time.to_string()), b's'));
        }
    }
    let resource_attributes = resource.map(|resource| resource.attributes.as_slice()).unwrap_or_default();
    let lists = span.events.iter().map(|event| &event.attributes).chain(span.links.iter().map(|link| &link.attributes));
    let odd = lists.chain([&span.attributes]).any(|list| has_duplicates(list)) || has_duplicates(resource_attributes);
    flags.add_if(DUPLICATE_KEY, odd);
    let (mut cells, overflow) = attribute_cells(&span.attributes, own);
    let status = span.status.clone().unwrap_or_default();
    let kinds = ["internal", "internal", "server", "client", "producer", "consumer"];
    cells.extend(row([
        ("time", Cell::Int(time)),
        ("duration_ns", Cell::Int(duration)),
        ("trace_id", padded::<16>(&span.trace_id)),
        ("span_id", padded::<8>(&span.span_id)),
        (
            "parent_span_id",
            if zero(&span.parent_span_id) { Cell::Null } else { Cell::Bytes(span.parent_span_id.clone()) },
        ),
        ("operation", span.name.as_str().into()),
        (
            "kind",
            usize::try_from(span.kind).ok().and_then(|kind| kinds.get(kind)).copied().unwrap_or("internal").into(),
        ),
        (
            "status",
            match status.code {
                1 => "ok",
                2 => "error",
                _ => "unset",
            }
            .into(),
        ),
        ("status_message", text_or_null(&status.message)),
        ("trace_state", text_or_null(&span.trace_state)),
        ("trace_flags", count_or_null(span.flags)),
        (
            "events",
            list(span.events.iter().map(|event| {
                let mut cells = row(map_cells(as_sent(&event.attributes)));
                cells.extend(row([
                    ("time", Cell::Int(stored(event.time_unix_nano))),
                    ("name", event.name.as_str().into()),
                    ("dropped_attributes_count", count_or_null(event.dropped_attributes_count)),
                ]));
                cells
            })),
        ),
        (
            "links",
            list(span.links.iter().map(|link| {
                let mut cells = row(map_cells(as_sent(&link.attributes)));
                cells.extend(row([
                    ("trace_id", padded::<16>(&link.trace_id)),
                    ("span_id", padded::<8>(&link.span_id)),
                    ("trace_state", text_or_null(&link.trace_state)),
                    ("trace_flags", count_or_null(link.flags)),
                    ("dropped_attributes_count", count_or_null(link.dropped_attributes_count)),
                ]));
                cells
            })),
        ),
        ("dropped_attributes_count", count_or_null(span.dropped_attributes_count)),
        ("dropped_events_count", count_or_null(span.dropped_events_count)),
        ("dropped_links_count", count_or_null(span.dropped_links_count)),
        ("flags", flags.cell()),
    ]));
    (cells, overflow)
}

fn list(elements: impl Iterator<Item = Row>) -> Cell {
    let elements: Vec<Cell> = elements.map(Cell::Struct).collect();
    if elements.is_empty() { Cell::Null } else { Cell::List(elements) }
}

pub(crate) fn logs(request: &ExportLogsServiceRequest) -> Expected {
    let (mut out, mut overflow) = (Vec::new(), BTreeSet::new());
    for resource in &request.resource_logs {
        for scope in &resource.scope_logs {
            for record in &scope.log_records {
                let (mut cells, over) = log_row(record, resource.resource.as_ref());
                overflow.extend(over);
                cells.extend(scope_cells(scope.scope.as_ref(), &scope.schema_url));
                cells.insert("service".into(), Cell::Text(service(resource.resource.as_ref())));
                let owner = resource_row(resource.resource.as_ref(), &resource.schema_url);
                cells.insert("resource_id".into(), Cell::Struct(owner));
                out.push(cells);
            }
        }
    }
    (out, overflow)
}

fn log_row(record: &LogRecord, resource: Option<&Resource>) -> (Row, BTreeSet<String>) {
    let mut flags = Flags::default();
    let (sent, observed) = (stored(record.time_unix_nano), stored(record.observed_time_unix_nano));
    let time = if sent != 0 {
        sent
    } else if observed != 0 {
        observed
    } else {
        RECEIVED.0
    };
    flags.add_if("time_missing", sent == 0);
    let cut = |time: u64| time > i64::MAX as u64;
    flags.add_if(
        "time_implausible",
        cut(record.time_unix_nano) || cut(record.observed_time_unix_nano) || implausible(time),
    );
    let zero = |id: &[u8]| !id.is_empty() && id.iter().all(|byte| *byte == 0);
    flags.add_if("zero_id", zero(&record.trace_id) || zero(&record.span_id));
    let resource_attributes = resource.map(|resource| resource.attributes.as_slice()).unwrap_or_default();
    flags.add_if(DUPLICATE_KEY, has_duplicates(&record.attributes) || has_duplicates(resource_attributes));
    let mut own = Vec::new();
    for (key, time) in [
        ("stormglass.time_unix_nano", record.time_unix_nano),
        ("stormglass.observed_time_unix_nano", record.observed_time_unix_nano),
    ] {
        if cut(time) {
            own.push((key.to_owned(), Cell::Text(time.to_string()), b's'));
        }
    }
    let (mut cells, overflow) = attribute_cells(&record.attributes, own);
    let (body, tag) = text(record.body.as_ref());
    let event_attribute = record.attributes.iter().find(|attribute| attribute.key == "event.name");
    let event_name = match event_attribute.map(|attribute| text(attribute.value.as_ref())) {
        _ if !record.event_name.is_empty() => record.event_name.as_str().into(),
        Some((Cell::Text(name), b's')) if !name.is_empty() => Cell::Text(name),
        _ => Cell::Null,
    };
    cells.extend(row([
        ("time", Cell::Int(time)),
        ("observed_time", if observed == 0 { Cell::Null } else { Cell::Int(observed) }),
        ("severity", if record.severity_number == 0 { Cell::Null } else { Cell::Int(record.severity_number.into()) }),
        ("severity_text", text_or_null(&record.severity_text)),
        ("body", body),
        ("body_type", if tag == b's' || tag == b'0' { Cell::Null } else { Cell::Text(char::from(tag).into()) }),
        ("event_name", event_name),
        ("trace_id", bytes_or_null(&record.trace_id)),
        ("span_id", bytes_or_null(&record.span_id)),
        ("trace_flags", count_or_null(record.flags)),
        ("dropped_attributes_count", count_or_null(record.dropped_attributes_count)),
        ("flags", flags.cell()),
    ]));
    (cells, overflow)
}

/// What all kinds of points have.
struct Point<'p> {
    attributes: &'p [KeyValue],
    start: u64,
    time: u64,
    flags: u32,
    exemplars: &'p [Exemplar],
    cells: Row,
}

pub(crate) fn metrics(request: &ExportMetricsServiceRequest) -> Vec<Row> {
    let mut out = Vec::new();
    for resource in &request.resource_metrics {
        let owner = resource_row(resource.resource.as_ref(), &resource.schema_url);
        let name = Cell::Text(service(resource.resource.as_ref()));
        let odd = has_duplicates(resource.resource.as_ref().map(|r| r.attributes.as_slice()).unwrap_or_default());
        for scope in &resource.scope_metrics {
            for metric in &scope.metrics {
                let mut constant = series_cells(metric);
                constant.extend(scope_cells(scope.scope.as_ref(), &scope.schema_url));
                constant.extend(row([("service", name.clone()), ("resource_id", Cell::Struct(owner.clone()))]));
                for point in points(metric) {
                    let mut series = constant.clone();
                    series.extend(row(map_cells(as_sent(point.attributes))));
                    let mut cells = point_row(&point, odd);
                    cells.extend(row([
                        ("name", metric.name.as_str().into()),
                        ("service", name.clone()),
                        ("series_id", Cell::Struct(series)),
                    ]));
                    out.push(cells);
                }
            }
        }
    }
    out
}

fn series_cells(metric: &Metric) -> Row {
    let temporality = |number: i32| match number {
        1 => "delta".into(),
        2 => "cumulative".into(),
        _ => Cell::Null,
    };
    let (kind, temporality, monotonic) = match metric.data.as_ref().unwrap() {
        metric::Data::Gauge(_) => ("gauge", Cell::Null, Cell::Null),
        metric::Data::Sum(sum) => ("sum", temporality(sum.aggregation_temporality), Cell::Bool(sum.is_monotonic)),
        metric::Data::Histogram(data) => ("histogram", temporality(data.aggregation_temporality), Cell::Null),
        metric::Data::ExponentialHistogram(data) => {
            ("exponential_histogram", temporality(data.aggregation_temporality), Cell::Null)
        }
        metric::Data::Summary(_) => ("summary", Cell::Null, Cell::Null),
    };
    let metadata = if metric.metadata.is_empty() { Cell::Null } else { Cell::Text(json_map(&metric.metadata)) };
    row([
        ("name", metric.name.as_str().into()),
        ("type", kind.into()),
        ("unit", text_or_null(&metric.unit)),
        ("description", text_or_null(&metric.description)),
        ("temporality", temporality),
        ("monotonic", monotonic),
        ("metadata", metadata),
    ])
}

fn optional(value: Option<f64>) -> Cell {
    value.map_or(Cell::Null, Cell::from)
}

fn counts(values: &[u64]) -> Cell {
    if values.is_empty() { Cell::Null } else { Cell::List(values.iter().map(|value| Cell::UInt(*value)).collect()) }
}

fn points(metric: &Metric) -> Vec<Point<'_>> {
    match metric.data.as_ref().unwrap() {
        metric::Data::Gauge(data) => data.data_points.iter().map(number_point).collect(),
        metric::Data::Sum(data) => data.data_points.iter().map(number_point).collect(),
        metric::Data::Histogram(data) => data.data_points.iter().map(histogram_point).collect(),
        metric::Data::ExponentialHistogram(data) => data.data_points.iter().map(exponential_point).collect(),
        metric::Data::Summary(data) => data.data_points.iter().map(summary_point).collect(),
    }
}

fn number_point(point: &NumberDataPoint) -> Point<'_> {
    let cells = match point.value {
        Some(number_data_point::Value::AsDouble(value)) => row([("value", value.into())]),
        Some(number_data_point::Value::AsInt(value)) => {
            row([("value", (value as f64).into()), ("int_value", Cell::Int(value))])
        }
        None => Row::new(),
    };
    Point {
        attributes: &point.attributes,
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        flags: point.flags,
        exemplars: &point.exemplars,
        cells,
    }
}

fn histogram_point(point: &HistogramDataPoint) -> Point<'_> {
    let bounds: Vec<Cell> = point.explicit_bounds.iter().map(|bound| (*bound).into()).collect();
    Point {
        attributes: &point.attributes,
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        flags: point.flags,
        exemplars: &point.exemplars,
        cells: row([
            ("count", Cell::UInt(point.count)),
            ("sum", optional(point.sum)),
            ("min", optional(point.min)),
            ("max", optional(point.max)),
            ("bucket_counts", counts(&point.bucket_counts)),
            ("explicit_bounds", if bounds.is_empty() { Cell::Null } else { Cell::List(bounds) }),
        ]),
    }
}

fn exponential_point(point: &ExponentialHistogramDataPoint) -> Point<'_> {
    let offset = |buckets: &Option<Buckets>| buckets.as_ref().map_or(Cell::Null, |b| Cell::Int(b.offset.into()));
    let bucket_counts = |buckets: &Option<Buckets>| buckets.as_ref().map_or(Cell::Null, |b| counts(&b.bucket_counts));
    Point {
        attributes: &point.attributes,
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        flags: point.flags,
        exemplars: &point.exemplars,
        cells: row([
            ("count", Cell::UInt(point.count)),
            ("sum", optional(point.sum)),
            ("min", optional(point.min)),
            ("max", optional(point.max)),
            ("scale", Cell::Int(point.scale.into())),
            ("zero_count", Cell::UInt(point.zero_count)),
            ("zero_threshold", point.zero_threshold.into()),
            ("positive_offset", offset(&point.positive)),
            ("positive_counts", bucket_counts(&point.positive)),
            ("negative_offset", offset(&point.negative)),
            ("negative_counts", bucket_counts(&point.negative)),
        ]),
    }
}

fn summary_point(point: &SummaryDataPoint) -> Point<'_> {
    let quantile = |at: &ValueAtQuantile| row([("quantile", at.quantile.into()), ("value", at.value.into())]);
    Point {
        attributes: &point.attributes,
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        flags: point.flags,
        exemplars: &[],
        cells: row([
            ("count", Cell::UInt(point.count)),
            ("sum", point.sum.into()),
            ("quantiles", list(point.quantile_values.iter().map(quantile))),
        ]),
    }
}

fn point_row(point: &Point<'_>, odd: bool) -> Row {
    let mut flags = Flags::default();
    let time = if point.time == 0 { RECEIVED.0 } else { stored(point.time) };
    flags.add_if("time_missing", point.time == 0);
    let cut = |time: u64| time > i64::MAX as u64;
    let exemplar_cut = point.exemplars.iter().any(|exemplar| cut(exemplar.time_unix_nano));
    flags.add_if("time_implausible", cut(point.time) || cut(point.start) || exemplar_cut || implausible(time));
    let exemplars_odd = point.exemplars.iter().any(|exemplar| has_duplicates(&exemplar.filtered_attributes));
    flags.add_if(DUPLICATE_KEY, odd || exemplars_odd || has_duplicates(point.attributes));
    let mut cells = point.cells.clone();
    cells.extend(row([
        ("time", Cell::Int(time)),
        ("start_time", if point.start == 0 { Cell::Null } else { Cell::Int(stored(point.start)) }),
        ("exemplars", list(point.exemplars.iter().map(exemplar_row))),
        ("point_flags", count_or_null(point.flags)),
        ("flags", flags.cell()),
    ]));
    cells
}

fn exemplar_row(exemplar: &Exemplar) -> Row {
    let mut cells = row(map_cells(as_sent(&exemplar.filtered_attributes)));
    cells.extend(match exemplar.value {
        Some(exemplar::Value::AsDouble(value)) => row([("value", value.into())]),
        Some(exemplar::Value::AsInt(value)) => row([("value", (value as f64).into()), ("int_value", Cell::Int(value))]),
        None => Row::new(),
    });
    cells.extend(row([
        ("time", Cell::Int(stored(exemplar.time_unix_nano))),
        ("trace_id", bytes_or_null(&exemplar.trace_id)),
        ("span_id", bytes_or_null(&exemplar.span_id)),
    ]));
    cells
}
