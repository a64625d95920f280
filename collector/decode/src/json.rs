//! OTLP/JSON into the same builders as protobuf.
//!
//! The text is checked whole first (`tape`); then the walk goes over messages (`field`, `value`,
//! and one module per signal) in the order the builders want, whatever order the keys came in.
//! Broken syntax, or a wrong type above the items, refuses the request and says line and column; a
//! wrong type inside an item refuses that item and says its path.

mod field;
mod logs;
mod metrics;
mod number;
mod tape;
mod text;
mod traces;
mod value;

use crate::{DecodeError, Decoded, Refusals};
use field::{Field, Unreadable, fields};
use metrics::Data;
use model::{Signal, UnixNanos};
use tables::build::{
    Attributes, Layout, LogInput, MetricInput, PointInput, RequestBuilder, ResourceInput, ResourceRef, ScopeInput,
    ScopeRef, SpanInput,
};
use tape::{Json, Kind, Tape};
use value::Values;

/// Decodes an OTLP/JSON request body.
pub(crate) fn decode(
    layout: &Layout,
    signal: Signal,
    body: &[u8],
    received: UnixNanos,
) -> Result<Decoded, DecodeError> {
    let tape = Tape::read(body).map_err(|fault| malformed(body, fault.at, fault.what.to_owned()))?;
    let mut walk = Walk::new(RequestBuilder::new(layout, received, body.len()));
    walk.request(signal, tape.root()).map_err(|wrong| malformed(body, wrong.offset, wrong.what))?;
    walk.finish()
}

fn malformed(body: &[u8], offset: usize, what: String) -> DecodeError {
    let before = &body[..offset.min(body.len())];
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let line = 1 + memchr::memchr_iter(b'\n', before).count();
    // Continuation bytes of UTF-8 are no characters of their own.
    let column = 1 + before[line_start..].iter().filter(|b| **b & 0xC0 != 0x80).count();
    DecodeError::Malformed { at: format!("line {line} column {column}"), what }
}

/// What the three levels of a request are called.
struct Levels {
    groups: &'static str,
    scopes: &'static str,
    items: &'static str,
}

impl Levels {
    fn of(signal: Signal) -> Self {
        let (groups, scopes, items) = match signal {
            Signal::Traces => ("resourceSpans", "scopeSpans", "spans"),
            Signal::Metrics => ("resourceMetrics", "scopeMetrics", "metrics"),
            Signal::Logs => ("resourceLogs", "scopeLogs", "logRecords"),
        };
        Self { groups, scopes, items }
    }
}

/// Where in the request the walk is.
#[derive(Clone, Copy)]
struct Place<'n> {
    levels: &'n Levels,
    group: usize,
    scope: usize,
    item: usize,
}

impl Place<'_> {
    fn path(&self) -> String {
        let Levels { groups, scopes, items } = self.levels;
        format!("{groups}[{}].{scopes}[{}].{items}[{}]", self.group, self.scope, self.item)
    }
}

/// One request on its way into the builder. The inputs are kept for their memory.
struct Walk<'l, 't> {
    builder: RequestBuilder<'l>,
    refusals: Refusals,
    values: Values,
    span: SpanInput<'t>,
    record: LogInput<'t>,
    point: PointInput<'t>,
}

impl<'l, 't> Walk<'l, 't> {
    fn new(builder: RequestBuilder<'l>) -> Self {
        let attributes = || -> Attributes<'t> { builder.attributes() };
        Self {
            refusals: Refusals::default(),
            values: Values::new(builder.layout().settings()),
            span: SpanInput { attributes: attributes(), ..SpanInput::default() },
            record: LogInput { attributes: attributes(), ..LogInput::default() },
            point: PointInput { attributes: attributes(), ..PointInput::default() },
            builder,
        }
    }

    fn finish(self) -> Result<Decoded, DecodeError> {
        let mut decoded = Decoded::from_parts(self.builder, self.refusals)?;
        if let unknown @ 1.. = self.values.unknown_names() {
            let names = if unknown == 1 { "name" } else { "names" };
            decoded.warnings.push(format!("{unknown} enum {names} unknown to the protocol (taken as unspecified)"));
        }
        Ok(decoded)
    }

    fn request(&mut self, signal: Signal, root: Json<'t>) -> Result<(), Unreadable> {
        if !matches!(root.kind(), Kind::Object(_)) {
            return Err(Unreadable::new(root, "expected an object".into()));
        }
        let levels = Levels::of(signal);
        let [groups] = fields(root, [levels.groups])?;
        for (i, group) in groups.list()?.enumerate() {
            let [resource, scopes, schema_url] = fields(group, ["resource", levels.scopes, "schemaUrl"])?;
            let mut resource_ref = None;
            for (j, scope_group) in scopes.list()?.enumerate() {
                let [scope, items, scope_schema_url] = fields(scope_group, ["scope", levels.items, "schemaUrl"])?;
                let mut items = items.list()?.enumerate().peekable();
                if items.peek().is_none() {
                    continue;
                }
                let resource = match resource_ref {
                    Some(known) => known,
                    None => *resource_ref.insert(self.resource(resource, schema_url)?),
                };
                let scope = self.scope(scope, scope_schema_url)?;
                for (k, item) in items {
                    let place = Place { levels: &levels, group: i, scope: j, item: k };
                    match signal {
                        Signal::Traces => self.span(resource, scope, item, place),
                        Signal::Metrics => self.metric(resource, scope, item, place),
                        Signal::Logs => self.record(resource, scope, item, place),
                    }
                }
            }
        }
        Ok(())
    }

    fn resource(&mut self, resource: Field<'t>, schema_url: Field<'t>) -> Result<ResourceRef, Unreadable> {
        let mut input = ResourceInput { schema_url: schema_url.text()?, ..ResourceInput::default() };
        input.attributes = self.builder.attributes();
        if let Some(message) = resource.value {
            let [attributes, dropped] = fields(message, ["attributes", "droppedAttributesCount"])?;
            self.values.attributes_into(attributes, &mut input.attributes)?;
            input.dropped_attributes_count = dropped.u32()?;
        }
        input.flags = self.values.take_flags();
        Ok(self.builder.resource(&input))
    }

    fn scope(&mut self, scope: Field<'t>, schema_url: Field<'t>) -> Result<ScopeRef, Unreadable> {
        let mut input = ScopeInput { schema_url: schema_url.text()?, ..ScopeInput::default() };
        input.attributes = self.builder.attributes();
        if let Some(message) = scope.value {
            let [name, version, attributes, dropped] =
                fields(message, ["name", "version", "attributes", "droppedAttributesCount"])?;
            (input.name, input.version) = (name.text()?, version.text()?);
            input.dropped_attributes_count = dropped.u32()?;
            self.values.attributes_into(attributes, &mut input.attributes)?;
        }
        input.flags = self.values.take_flags();
        Ok(self.builder.scope(&input))
    }

    fn span(&mut self, resource: ResourceRef, scope: ScopeRef, message: Json<'t>, place: Place<'_>) {
        if self.is_full(resource, || place.path()) {
            return;
        }
        match traces::span(&mut self.values, message, &mut self.span) {
            Ok(()) => self.builder.span(resource, scope, &self.span),
            Err(wrong) => self.refuse(resource, 1, || place.path(), wrong),
        }
    }

    fn record(&mut self, resource: ResourceRef, scope: ScopeRef, message: Json<'t>, place: Place<'_>) {
        if self.is_full(resource, || place.path()) {
            return;
        }
        match logs::record(&mut self.values, message, &mut self.record) {
            Ok(()) => self.builder.log(resource, scope, &self.record),
            Err(wrong) => self.refuse(resource, 1, || place.path(), wrong),
        }
    }

    /// A metric that cannot be read loses its points; where they cannot be counted, it counts as one.
    fn metric(&mut self, resource: ResourceRef, scope: ScopeRef, message: Json<'t>, place: Place<'_>) {
        let data = match Data::of(message) {
            Ok(Some(data)) => data,
            Ok(None) => return,
            Err(wrong) => return self.refuse(resource, 1, || place.path(), wrong),
        };
        let count = match data.points() {
            Ok(points) => points.count() as u64,
            Err(wrong) => return self.refuse(resource, 1, || place.path(), wrong),
        };
        match data.metric(&mut self.values, message) {
            Ok(_) if count == 0 => {}
            Ok(metric) => self.points(resource, scope, (&metric, &data), place),
            Err(wrong) => self.refuse(resource, count.max(1), || place.path(), wrong),
        }
    }

    fn points(
        &mut self,
        resource: ResourceRef,
        scope: ScopeRef,
        (metric, data): (&MetricInput<'t>, &Data<'t>),
        place: Place<'_>,
    ) {
        let mut registered = None;
        for (i, point) in data.points().into_iter().flatten().enumerate() {
            let path = || format!("{}.{}.dataPoints[{i}]", place.path(), data.name);
            if self.is_full(resource, path) {
                continue;
            }
            match data.point(&mut self.values, point, &mut self.point) {
                Ok(()) => {
                    let metric = *registered.get_or_insert_with(|| self.builder.metric(resource, scope, metric));
                    self.builder.point(metric, &self.point);
                }
                Err(wrong) => self.refuse(resource, 1, path, wrong),
            }
        }
    }

    /// Refuses the item at `path` where the request has had its share.
    fn is_full(&mut self, resource: ResourceRef, path: impl FnOnce() -> String) -> bool {
        let full = self.builder.is_full();
        if full {
            let reason = self.builder.full_reason();
            self.builder.refuse(resource, 1);
            self.refusals.add(1, || format!("{}: {reason}", path()));
        }
        full
    }

    fn refuse(&mut self, resource: ResourceRef, items: u64, path: impl FnOnce() -> String, wrong: Unreadable) {
        // What was odd about the values before the wrong one says nothing about the next item.
        let _ = self.values.take_flags();
        self.builder.refuse(resource, items);
        self.refusals.add(items, || format!("{}: {}", path(), wrong.what));
    }
}
