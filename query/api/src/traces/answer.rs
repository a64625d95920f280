//! Spans, events and links as this API answers with them.

use super::read::{Attribute, Event, FullSpan, Link, type_name};
use crate::render::timestamp_text;
use model::AttrType;
use serde::Serialize;
use std::collections::BTreeMap;
use traces::{Names, Span, Status, Tree};
use utoipa::ToSchema;

/// Canonical texts by key; null for an empty value. Of a key sent twice the first value.
pub(crate) type Texts = BTreeMap<String, Option<String>>;
/// The types of values that are not strings: bool, int, double, bytes, array, map, empty.
pub(crate) type Types = BTreeMap<String, &'static str>;

pub(crate) fn texts(attributes: &[Attribute]) -> (Texts, Types) {
    let (mut texts, mut types) = (Texts::new(), Types::new());
    for attribute in attributes {
        if texts.contains_key(&attribute.key) {
            continue;
        }
        texts.insert(attribute.key.clone(), attribute.value.clone());
        if attribute.ty != AttrType::String {
            types.insert(attribute.key.clone(), type_name(attribute.ty));
        }
    }
    (texts, types)
}

/// A span by name.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SpanName {
    pub(crate) span_id: String,
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) kind: &'static str,
    pub(crate) status: &'static str,
    /// RFC 3339.
    pub(crate) time: String,
    pub(crate) duration_ns: i64,
}

impl SpanName {
    pub(crate) fn of(span: &Span, names: &Names) -> Self {
        Self {
            span_id: span.id.to_string(),
            service: names.text(span.service).to_owned(),
            operation: names.text(span.operation).to_owned(),
            kind: span.kind.as_str(),
            status: span.status.as_str(),
            time: timestamp_text(span.start),
            duration_ns: span.duration_ns,
        }
    }
}

/// What one service has in a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ServiceCount {
    pub(crate) service: String,
    pub(crate) spans: usize,
    pub(crate) errors: usize,
}

/// By name of the service.
pub(crate) fn service_counts(tree: &Tree, names: &Names) -> Vec<ServiceCount> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for span in tree.nodes().map(|node| tree.span(node)) {
        let count = counts.entry(names.text(span.service)).or_default();
        count.0 += 1;
        count.1 += usize::from(span.status == Status::Error);
    }
    let named = counts.into_iter();
    named.map(|(service, (spans, errors))| ServiceCount { service: service.to_owned(), spans, errors }).collect()
}

/// A span of a trace, at its place.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SpanItem {
    #[serde(flatten)]
    pub(crate) name: SpanName,
    pub(crate) parent_span_id: Option<String>,
    /// Whether it names a parent that is not there. Such spans stand at depth 1.
    pub(crate) parent_missing: bool,
    /// Steps below its root.
    pub(crate) depth: u32,
    pub(crate) child_count: usize,
    /// Duration without what its children cover.
    pub(crate) self_ns: i64,
    /// How much of the critical path is spent in it.
    pub(crate) critical_ns: i64,
    pub(crate) status_message: Option<String>,
    pub(crate) request_id: Option<String>,
    /// A key of `resources` of the same answer.
    pub(crate) resource_id: String,
    pub(crate) attributes: Texts,
    pub(crate) attribute_types: Types,
    pub(crate) events: Vec<SpanEventItem>,
    pub(crate) links: Vec<LinkItem>,
    pub(crate) scope: Option<String>,
    pub(crate) scope_version: Option<String>,
    pub(crate) trace_state: Option<String>,
    pub(crate) dropped_attributes_count: Option<i64>,
    pub(crate) dropped_events_count: Option<i64>,
    pub(crate) dropped_links_count: Option<i64>,
    /// Oddities of the row, comma separated.
    pub(crate) flags: Option<String>,
}

/// What the tree knows of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) node: u32,
    pub(crate) self_ns: i64,
    pub(crate) critical_ns: i64,
}

impl SpanItem {
    pub(crate) fn of(full: &FullSpan, tree: &Tree, place: Place, names: &Names) -> Self {
        let (attributes, attribute_types) = texts(&full.attributes);
        Self {
            name: SpanName::of(&full.span, names),
            parent_span_id: full.span.parent.map(|id| id.to_string()),
            parent_missing: tree.is_orphan(place.node),
            depth: tree.depth(place.node),
            child_count: tree.children(place.node).len(),
            self_ns: place.self_ns,
            critical_ns: place.critical_ns,
            status_message: full.status_message.clone(),
            request_id: full.request_id.clone(),
            resource_id: full.resource_id.clone(),
            attributes,
            attribute_types,
            events: full.events.iter().map(SpanEventItem::of).collect(),
            links: full.links.iter().map(LinkItem::of).collect(),
            scope: full.scope.clone(),
            scope_version: full.scope_version.clone(),
            trace_state: full.trace_state.clone(),
            dropped_attributes_count: full.dropped_attributes_count,
            dropped_events_count: full.dropped_events_count,
            dropped_links_count: full.dropped_links_count,
            flags: full.flags.clone(),
        }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SpanEventItem {
    time: String,
    name: String,
    attributes: Texts,
    attribute_types: Types,
    dropped_attributes_count: Option<i64>,
}

impl SpanEventItem {
    fn of(event: &Event) -> Self {
        let (attributes, attribute_types) = texts(&event.attributes);
        Self {
            time: timestamp_text(event.time),
            name: event.name.clone(),
            attributes,
            attribute_types,
            dropped_attributes_count: event.dropped_attributes_count,
        }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LinkItem {
    trace_id: String,
    span_id: String,
    trace_state: Option<String>,
    attributes: Texts,
    attribute_types: Types,
    dropped_attributes_count: Option<i64>,
}

impl LinkItem {
    fn of(link: &Link) -> Self {
        let (attributes, attribute_types) = texts(&link.attributes);
        Self {
            trace_id: link.trace_id.clone(),
            span_id: link.span_id.clone(),
            trace_state: link.trace_state.clone(),
            attributes,
            attribute_types,
            dropped_attributes_count: link.dropped_attributes_count,
        }
    }
}
