//! Spans as these tests want them, and the same as the columns of a request.

use arrow::array::{
    Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, FixedSizeBinaryBuilder, Int64Array, ListArray, MapBuilder,
    RecordBatch, StringViewArray, StringViewBuilder, StructArray, TimestampNanosecondArray, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use rollup::{Owner, PeerAttributes, SpanKind};
use std::collections::BTreeMap;
use std::sync::Arc;
use tables::spec::link_fields;
use tables::{PromotedSet, TableBatch, TableId, TableSpec};

/// One span. Ids are small numbers; zero is no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) trace: u8,
    pub(crate) id: u8,
    pub(crate) parent: u8,
    pub(crate) service: u8,
    pub(crate) kind: SpanKind,
    pub(crate) operation: u8,
    /// A lane of its own, beside the one its resource may have.
    pub(crate) lane: Option<u8>,
    pub(crate) time: i64,
    pub(crate) duration: i64,
    pub(crate) error: bool,
    pub(crate) limited: bool,
    pub(crate) peer: u8,
    pub(crate) site: Option<u8>,
    pub(crate) links: Vec<(u8, u8)>,
}

impl Default for Span {
    fn default() -> Self {
        Self {
            trace: 1,
            id: 1,
            parent: 0,
            service: 0,
            kind: SpanKind::Server,
            operation: 0,
            lane: None,
            time: 0,
            duration: 1_000,
            error: false,
            limited: false,
            peer: 0,
            site: None,
            links: Vec::new(),
        }
    }
}

pub(crate) fn trace(number: u8) -> [u8; 16] {
    let mut id = [0; 16];
    id[15] = number;
    id
}

pub(crate) fn id(number: u8) -> [u8; 8] {
    u64::from(number).to_be_bytes()
}

const LANES: [&str; 2] = ["canary", "a lane with quite a long name"];

impl Span {
    pub(crate) fn owner(&self) -> Owner {
        let resource = Resource::of(self.service);
        let lane = self.lane.map(|l| LANES[usize::from(l) % 2]).or(resource.lane);
        Owner {
            environment: resource.environment.into(),
            namespace: resource.namespace.into(),
            lane: lane.unwrap_or_default().into(),
            service: resource.service.as_str().into(),
        }
    }

    pub(crate) fn operation(&self) -> String {
        format!("operation number {}", self.operation)
    }

    pub(crate) fn peer(&self) -> PeerAttributes<'static> {
        let none = PeerAttributes::default();
        match self.peer % 6 {
            0 => none,
            1 => PeerAttributes { db_system: Some("mysql"), db_namespace: Some("orders"), ..none },
            2 => PeerAttributes { db_system: Some("redis"), ..none },
            3 => PeerAttributes { messaging_system: Some("kafka"), messaging_destination: Some("paid"), ..none },
            4 => PeerAttributes { server_address: Some("10.0.0.1"), server_port: Some(443), ..none },
            _ => PeerAttributes { peer_service: Some("a bank with quite a long name"), ..none },
        }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.trace != 0 && self.id != 0
    }

    pub(crate) fn key(&self) -> (u8, u8) {
        (self.trace, self.id)
    }
}

/// What a service's resource says.
pub(crate) struct Resource {
    pub(crate) service: String,
    environment: &'static str,
    namespace: &'static str,
    lane: Option<&'static str>,
    pub(crate) pod: Option<String>,
    pub(crate) node: Option<&'static str>,
}

impl Resource {
    /// Services 0 and 5 have one name and run in two environments.
    pub(crate) fn of(number: u8) -> Self {
        Self {
            service: format!("service-{}", number % 5),
            environment: if number == 5 { "staging" } else { "production" },
            namespace: if number == 1 { "shop" } else { "" },
            lane: (number == 2).then_some("gray lane"),
            pod: (number != 3).then(|| format!("service-{number}-7d9f-pod")),
            node: number.is_multiple_of(2).then_some("node-1"),
        }
    }
}

pub(crate) fn promoted() -> PromotedSet {
    PromotedSet::default_with(&["store.id".into()])
}

/// A request with these spans, as decoding makes it.
pub(crate) fn request(spans: &[Span]) -> Vec<TableBatch> {
    let mut services: Vec<u8> = spans.iter().map(|s| s.service).collect();
    services.sort_unstable();
    services.dedup();
    vec![span_rows(spans), resource_rows(&services)]
}

/// Rows of spans as a query shows them to a census; `inside` says which may be counted, `says` what they say.
pub(crate) fn shown(spans: &[Span], inside: impl Fn(&Span) -> bool, says: impl Fn(&Span) -> i64) -> StructArray {
    let rows = span_rows(spans).rows;
    let of = |name: &str| rows.column_by_name(name).unwrap().clone();
    let lanes: Vec<Box<str>> = spans.iter().map(|s| s.owner().lane).collect();
    let mut columns: Vec<(&str, ArrayRef)> =
        ["time", "duration_ns", "trace_id", "span_id", "parent_span_id", "service", "operation", "kind", "status"]
            .map(|name| (name, of(name)))
            .into();
    for (name, attribute) in [
        ("outcome", "resilience.outcome"),
        ("db_system", "db.system.name"),
        ("db_namespace", "db.namespace"),
        ("messaging_system", "messaging.system"),
        ("messaging_destination", "messaging.destination.name"),
        ("peer_service", "service.peer.name"),
        ("server_address", "server.address"),
    ] {
        columns.push((name, of(&format!("attributes.{attribute}"))));
    }
    // A query shows every attribute, and ids inside others, as text.
    columns.push(("server_port", arrow::compute::cast(&of("attributes.server.port"), &DataType::Utf8View).unwrap()));
    columns.push(("lane", texts(lanes.iter().map(|lane| Some(&**lane)))));
    columns.push(("inside", Arc::new(spans.iter().map(|s| Some(inside(s))).collect::<BooleanArray>())));
    columns.push(("says", Arc::new(Int64Array::from_iter_values(spans.iter().map(says)))));
    columns.push(("links", links_as_text(spans)));
    let fields = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
    let fields: Vec<Field> = fields.collect();
    StructArray::new(fields.into(), columns.into_iter().map(|(_, column)| column).collect(), None)
}

fn links_as_text(spans: &[Span]) -> ArrayRef {
    let all = || spans.iter().flat_map(|s| &s.links);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (traces, ids): (Vec<String>, Vec<String>) = all().map(|(of, span)| (hex(&trace(*of)), hex(&id(*span)))).unzip();
    let columns = [("trace_id", traces), ("span_id", ids)].map(|(name, texts)| {
        let column = Arc::new(StringViewArray::from_iter_values(texts)) as ArrayRef;
        (Arc::new(Field::new(name, DataType::Utf8View, true)), column)
    });
    let items = StructArray::from(columns.to_vec());
    let item = Arc::new(Field::new("item", items.data_type().clone(), false));
    Arc::new(ListArray::new(
        item,
        OffsetBuffer::from_lengths(spans.iter().map(|s| s.links.len())),
        Arc::new(items),
        None,
    ))
}

fn resource_id(service: u8) -> Vec<u8> {
    vec![service + 1; 16]
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    let mut column = StringViewBuilder::new().with_deduplicate_strings();
    values.for_each(|v| column.append_option(v));
    Arc::new(column.finish())
}

fn fixed(size: i32, values: impl Iterator<Item = Option<Vec<u8>>>) -> ArrayRef {
    let mut column = FixedSizeBinaryBuilder::new(size);
    values.for_each(|value| match value {
        Some(value) => column.append_value(value).unwrap(),
        None => column.append_null(),
    });
    Arc::new(column.finish())
}

fn maps(rows: impl Iterator<Item = Vec<(&'static str, String)>>) -> ArrayRef {
    let names = arrow::array::MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
    let mut column = MapBuilder::new(Some(names), StringViewBuilder::new(), StringViewBuilder::new());
    for row in rows {
        for (key, value) in row {
            column.keys().append_value(key);
            column.values().append_value(value);
        }
        column.append(true).unwrap();
    }
    Arc::new(column.finish())
}

fn span_rows(spans: &[Span]) -> TableBatch {
    let strings: Vec<(String, String)> =
        spans.iter().map(|s| (Resource::of(s.service).service, s.operation())).collect();
    let promoted_text =
        |pick: fn(&PeerAttributes<'static>) -> Option<&'static str>| texts(spans.iter().map(|s| pick(&s.peer())));
    let sites: Vec<Option<String>> = spans.iter().map(|s| s.site.map(|n| format!("store-{n}"))).collect();
    let columns: BTreeMap<&str, ArrayRef> = BTreeMap::from([
        ("time", times(spans.iter().map(|s| s.time))),
        ("duration_ns", Arc::new(Int64Array::from_iter_values(spans.iter().map(|s| s.duration))) as ArrayRef),
        ("trace_id", fixed(16, spans.iter().map(|s| Some(trace(s.trace).to_vec())))),
        ("span_id", fixed(8, spans.iter().map(|s| Some(id(s.id).to_vec())))),
        ("parent_span_id", fixed(8, spans.iter().map(|s| (s.parent != 0).then(|| id(s.parent).to_vec())))),
        ("resource_id", fixed(16, spans.iter().map(|s| Some(resource_id(s.service))))),
        ("service", texts(strings.iter().map(|(service, _)| Some(service.as_str())))),
        ("operation", texts(strings.iter().map(|(_, operation)| Some(operation.as_str())))),
        ("kind", texts(spans.iter().map(|s| Some(s.kind.as_str())))),
        ("status", texts(spans.iter().map(|s| Some(if s.error { "error" } else { "unset" })))),
        ("links", links(spans)),
        ("attributes", maps(spans.iter().map(lane_of))),
        ("attributes.lane", texts(spans.iter().map(|s| (s.lane == Some(1)).then_some(LANES[1])))),
        ("attributes.resilience.outcome", texts(spans.iter().map(|s| s.limited.then_some("fallback")))),
        ("attributes.store.id", texts(sites.iter().map(Option::as_deref))),
        ("attributes.db.system.name", promoted_text(|p| p.db_system)),
        ("attributes.db.namespace", promoted_text(|p| p.db_namespace)),
        ("attributes.messaging.system", promoted_text(|p| p.messaging_system)),
        ("attributes.messaging.destination.name", promoted_text(|p| p.messaging_destination)),
        ("attributes.service.peer.name", promoted_text(|p| p.peer_service)),
        ("attributes.server.address", promoted_text(|p| p.server_address)),
        ("attributes.server.port", Arc::new(spans.iter().map(|s| s.peer().server_port).collect::<Int64Array>())),
    ]);
    table(TableId::Spans, spans.len(), columns)
}

/// One lane is told by a key that has no column.
fn lane_of(span: &Span) -> Vec<(&'static str, String)> {
    let mut all = vec![("some.other.key", "1".to_owned())];
    all.extend((span.lane == Some(0)).then(|| ("env.tag", LANES[0].to_owned())));
    all.push(("one.more", "x".to_owned()));
    all
}

fn links(spans: &[Span]) -> ArrayRef {
    let fields = link_fields();
    let all: Vec<(u8, u8)> = spans.iter().flat_map(|s| s.links.iter().copied()).collect();
    let column = |field: &Field| -> ArrayRef {
        match field.name().as_str() {
            "trace_id" => fixed(16, all.iter().map(|(t, _)| Some(trace(*t).to_vec()))),
            "span_id" => fixed(8, all.iter().map(|(_, s)| Some(id(*s).to_vec()))),
            _ => new_null_array(field.data_type(), all.len()),
        }
    };
    let items = StructArray::new(fields.clone().into(), fields.iter().map(column).collect(), None);
    let item = Arc::new(Field::new("item", DataType::Struct(fields.into()), false));
    let offsets = OffsetBuffer::from_lengths(spans.iter().map(|s| s.links.len()));
    Arc::new(ListArray::new(item, offsets, Arc::new(items), None))
}

fn resource_rows(services: &[u8]) -> TableBatch {
    let attributes = services.iter().map(|number| {
        let resource = Resource::of(*number);
        let mut all = vec![("service.name", resource.service.clone())];
        let mut put = |key, value: &str| {
            if !value.is_empty() {
                all.push((key, value.to_owned()));
            }
        };
        put("deployment.environment.name", resource.environment);
        put("service.namespace", resource.namespace);
        put("gray", resource.lane.unwrap_or_default());
        put("k8s.pod.name", resource.pod.as_deref().unwrap_or_default());
        put("k8s.node.name", resource.node.unwrap_or_default());
        all
    });
    let columns: BTreeMap<&str, ArrayRef> = BTreeMap::from([
        ("resource_id", fixed(16, services.iter().map(|s| Some(resource_id(*s))))),
        ("time", times(services.iter().map(|_| 0))),
        (
            "service",
            Arc::new(StringViewArray::from_iter_values(services.iter().map(|s| Resource::of(*s).service))) as ArrayRef,
        ),
        ("attributes", maps(attributes)),
    ]);
    table(TableId::Resources, services.len(), columns)
}

fn times(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from_iter_values(values).with_timezone("UTC"))
}

fn table(id: TableId, rows: usize, mut columns: BTreeMap<&str, ArrayRef>) -> TableBatch {
    let schema = TableSpec::new(id, &promoted()).schema;
    let column = |field: &Arc<Field>| {
        let given = columns.remove(field.name().as_str());
        given.unwrap_or_else(|| match field.data_type() {
            DataType::FixedSizeBinary(16) if !field.is_nullable() => {
                Arc::new(FixedSizeBinaryArray::try_from_iter((0..rows).map(|_| [0_u8; 16])).unwrap())
            }
            other => new_null_array(other, rows),
        })
    };
    let all = schema.fields().iter().map(column).collect();
    assert!(columns.is_empty(), "columns that {id} has not: {:?}", columns.keys());
    let rows = RecordBatch::try_new(schema.clone(), all).unwrap();
    TableBatch { table: id, rows, time_min: 0, time_max: 0, overflow: Vec::new() }
}
