//! Rows of spans, as a query shows them, to the spans of a census.

use super::names::{BLANK, Peer, Series};
use super::{Census, Span};
use crate::facts::{NONE, Target};
use crate::names::{SpanKind, is_limited};
use crate::read::{Numbers, PeerColumns, PeerViews, bytes, value};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeBinaryArray, Int64Array, ListArray, StringViewArray, StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use std::collections::HashSet;

/// Links of one span that are followed, as the rollups do.
const LINKS_MAX: usize = 128;

/// The fields of a batch, each as the type that it is read as.
pub(super) struct Columns {
    time: Int64Array,
    duration: Int64Array,
    trace: FixedSizeBinaryArray,
    span: FixedSizeBinaryArray,
    parent: FixedSizeBinaryArray,
    service: StringViewArray,
    operation: StringViewArray,
    kind: StringViewArray,
    status: StringViewArray,
    inside: BooleanArray,
    outcome: Option<StringViewArray>,
    lane: Option<StringViewArray>,
    says: Option<Int64Array>,
    links: Option<ListArray>,
    /// db.system.name, db.namespace, messaging.system, messaging.destination.name, service.peer.name, server.address
    peers: [Option<StringViewArray>; 6],
    port: Option<Int64Array>,
}

impl Columns {
    pub(super) fn of(rows: &StructArray) -> Result<Self, ArrowError> {
        let column = |name: &str, ty: &DataType| -> Result<Option<ArrayRef>, ArrowError> {
            let Some(column) = rows.column_by_name(name) else { return Ok(None) };
            if column.data_type() == ty { Ok(Some(column.clone())) } else { cast(column, ty).map(Some) }
        };
        let missing = |name: &str| ArrowError::SchemaError(format!("a census needs the field {name}"));
        let needed = |name: &str, ty: &DataType| column(name, ty)?.ok_or_else(|| missing(name));
        let number =
            |name: &str| Ok::<_, ArrowError>(needed(name, &DataType::Int64)?.as_primitive::<Int64Type>().clone());
        let id = |name: &str, size| {
            Ok::<_, ArrowError>(needed(name, &DataType::FixedSizeBinary(size))?.as_fixed_size_binary().clone())
        };
        let text = |name: &str| Ok::<_, ArrowError>(needed(name, &DataType::Utf8View)?.as_string_view().clone());
        // What is null throughout need not be looked at.
        let maybe = |name: &str, ty: &DataType| {
            Ok::<_, ArrowError>(column(name, ty)?.filter(|column| column.null_count() < column.len()))
        };
        let words =
            |name: &str| Ok::<_, ArrowError>(maybe(name, &DataType::Utf8View)?.map(|c| c.as_string_view().clone()));
        let numbers = |name: &str| {
            Ok::<_, ArrowError>(maybe(name, &DataType::Int64)?.map(|c| c.as_primitive::<Int64Type>().clone()))
        };
        let links = rows.column_by_name("links").and_then(|c| c.as_list_opt().cloned());
        Ok(Self {
            time: number("time")?,
            duration: number("duration_ns")?,
            trace: id("trace_id", 16)?,
            span: id("span_id", 8)?,
            parent: id("parent_span_id", 8)?,
            service: text("service")?,
            operation: text("operation")?,
            kind: text("kind")?,
            status: text("status")?,
            inside: needed("inside", &DataType::Boolean)?.as_boolean().clone(),
            outcome: words("outcome")?,
            lane: words("lane")?,
            says: numbers("says")?,
            links: links.filter(|links| links.null_count() < links.len()),
            peers: [
                words("db_system")?,
                words("db_namespace")?,
                words("messaging_system")?,
                words("messaging_destination")?,
                words("peer_service")?,
                words("server_address")?,
            ],
            port: numbers("server_port")?,
        })
    }

    fn peers(&self) -> PeerColumns<'_> {
        let [db_system, db_namespace, messaging_system, messaging_destination, peer_service, server_address] =
            self.peers.each_ref().map(Option::as_ref);
        PeerColumns {
            db_system,
            db_namespace,
            messaging_system,
            messaging_destination,
            peer_service,
            server_address,
            server_port: self.port.as_ref(),
        }
    }
}

/// Names of one batch by the views that stand for them.
struct Known {
    series: Numbers<[u128; 3]>,
    peers: Numbers<PeerViews>,
    lanes: Numbers<u128>,
}

/// Takes a batch in.
pub(super) fn take(columns: &Columns, census: &mut Census) -> Result<(), ArrowError> {
    let mut known = Known { series: Numbers::new(), peers: Numbers::new(), lanes: Numbers::new() };
    let peers = columns.peers();
    for row in 0..columns.time.len() {
        let trace = bytes(&columns.trace, row);
        let key = census.keys.trace(&trace);
        let says = columns.says.as_ref().map_or(0, |says| says.value(row) as u16);
        if says != 0 {
            *census.said.entry(key).or_default() |= says;
        }
        let is_ours = census.is_of_share(key);
        let links = columns.links.as_ref().filter(|links| links.is_valid(row));
        if !is_ours && links.is_none() {
            continue;
        }
        let (span, own) = read(columns, &peers, row, (trace, key), census, &mut known);
        if is_ours {
            census.spans[usize::from(super::shard(key))].push(span);
            census.count += 1;
        }
        let is_consumer = || census.names.series[span.series as usize].kind == SpanKind::Consumer;
        if let Some(links) = links.filter(|_| span.is(Span::KNOWN) && is_consumer()) {
            for target in targets(&links.value(row), &own)? {
                census.link(&target, span);
            }
        }
    }
    Ok(())
}

fn read(
    columns: &Columns,
    peers: &PeerColumns<'_>,
    row: usize,
    (trace, trace_key): ([u8; 16], u64),
    census: &mut Census,
    known: &mut Known,
) -> (Span, Target) {
    let views = [&columns.service, &columns.operation, &columns.kind].map(|column| column.views()[row]);
    let names = &mut census.names;
    let series = known.series.get(views, || {
        let service = names.text(columns.service.value(row));
        let operation = names.text(columns.operation.value(row));
        names.series(Series { service, operation, kind: SpanKind::from_text(columns.kind.value(row)) })
    });
    let kind = names.series[series as usize].kind;
    let peer = match kind {
        SpanKind::Internal | SpanKind::Server => NONE,
        _ => known.peers.get(peers.views(kind, row), || {
            let Some((kind, name)) = peers.peer(row).node(kind) else { return NONE };
            let name = names.text(&name);
            names.peer(Peer { kind, name })
        }),
    };
    let lane = match columns.lane.as_ref().filter(|lane| lane.is_valid(row)) {
        Some(lanes) => known.lanes.get(lanes.views()[row], || names.text(lanes.value(row))),
        None => BLANK,
    };
    let own = Target { trace, span: bytes(&columns.span, row) };
    let parent = Target { trace, span: bytes(&columns.parent, row) };
    let limited = value(columns.outcome.as_ref(), row).is_some_and(is_limited);
    let flags = [
        (Span::INSIDE, columns.inside.is_valid(row) && columns.inside.value(row)),
        (Span::ERROR, columns.status.value(row) == "error"),
        (Span::LIMITED, limited),
        (Span::KNOWN, own.is_known()),
        (Span::HAS_PARENT, own.is_known() && parent.is_known() && parent != own),
        (Span::ROOT, parent.span == [0; 8]),
    ];
    let span = Span {
        key: census.keys.span(trace_key, u64::from_le_bytes(own.span)),
        parent: census.keys.span(trace_key, u64::from_le_bytes(parent.span)),
        trace: trace_key,
        time: columns.time.value(row),
        duration: columns.duration.value(row),
        series,
        peer,
        lane,
        flags: flags.into_iter().filter(|(_, is)| *is).fold(0, |all, (flag, _)| all | flag),
    };
    (span, own)
}

/// Targets in other traces, each once; within its own trace the parent says where a span came from.
fn targets(links: &ArrayRef, own: &Target) -> Result<HashSet<Target>, ArrowError> {
    let wrong = || ArrowError::SchemaError("links are lists of structs with trace_id and span_id".into());
    let links = links.as_struct_opt().ok_or_else(wrong)?;
    let ids = |name: &str| cast(links.column_by_name(name).ok_or_else(wrong)?, &DataType::Utf8View);
    let (traces, spans) = (ids("trace_id")?, ids("span_id")?);
    let (traces, spans) = (traces.as_string_view(), spans.as_string_view());
    let all = (0..links.len()).filter(|at| traces.is_valid(*at) && spans.is_valid(*at));
    let targets = all.filter_map(|at| {
        let trace = model::TraceId::from_hex(traces.value(at))?.0;
        Some(Target { trace, span: model::SpanId::from_hex(spans.value(at))?.0 })
    });
    Ok(targets.filter(|target| target.is_known() && target.trace != own.trace).take(LINKS_MAX).collect())
}
