//! What the three signals share: items under scopes under resources.
//!
//! Resource and scope come first in practice but need not by the format, so each level is looked
//! through for them before its items are read; stepping over items costs next to nothing.

use super::value::attribute;
use super::wire::{Broken, Field, Fields};
use crate::{DecodeError, Refusals};
use std::fmt;
use tables::build::{RequestBuilder, ResourceInput, ResourceRef, ScopeInput, ScopeRef};

/// The names that a signal's messages have in paths.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) resources: &'static str,
    pub(super) scopes: &'static str,
    pub(super) items: &'static str,
}

/// Where in the request we are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    names: &'static Names,
    resource: usize,
    scope: Option<usize>,
    item: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.names.resources, self.resource)?;
        if let Some(scope) = self.scope {
            write!(f, ".{}[{scope}]", self.names.scopes)?;
        }
        if let Some(item) = self.item {
            write!(f, ".{}[{item}]", self.names.items)?;
        }
        Ok(())
    }
}

impl Place {
    pub(super) fn malformed(self, below: &str) -> impl FnOnce(Broken) -> DecodeError {
        move |why| DecodeError::Malformed { at: format!("{self}{below}"), what: why.to_string() }
    }
}

/// What is being built while a request is read.
#[derive(Debug)]
pub(super) struct Output<'l> {
    pub(super) builder: RequestBuilder<'l>,
    pub(super) refusals: Refusals,
}

/// How much of one item is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) attributes_max: usize,
    pub(super) nested_max: usize,
}

impl Output<'_> {
    pub(super) fn bounds(&self) -> Bounds {
        let settings = self.builder.layout().settings();
        Bounds { attributes_max: settings.attributes_max, nested_max: settings.nested_max }
    }

    pub(super) fn refuse(&mut self, resource: ResourceRef, reason: impl FnOnce() -> String) {
        self.builder.refuse(resource, 1);
        self.refusals.add(1, reason);
    }

    /// Refuses the item at `path` if the request has had its share.
    #[inline]
    pub(super) fn refuse_if_full(&mut self, resource: ResourceRef, path: impl FnOnce() -> String) -> bool {
        let full = self.builder.is_full();
        if full {
            self.builder.refuse(resource, 1);
            self.refusals.add(1, || format!("{}: {}", path(), self.builder.full_reason()));
        }
        full
    }
}

/// Reads one item (span, record, metric) under its resource and scope.
pub(super) trait Items<'b> {
    const NAMES: &'static Names;

    fn item(
        &mut self,
        out: &mut Output<'_>,
        owner: (ResourceRef, ScopeRef),
        place: Place,
        message: &'b [u8],
    ) -> Result<(), DecodeError>;
}

/// Walks a whole request.
pub(super) fn walk<'b, I: Items<'b>>(body: &'b [u8], items: &mut I, out: &mut Output<'_>) -> Result<(), DecodeError> {
    let broken = |why: Broken| DecodeError::Malformed { at: "request".into(), what: why.to_string() };
    let mut fields = Fields::of(body);
    let mut place = Place { names: I::NAMES, resource: 0, scope: None, item: None };
    while let Some((number, field)) = fields.next().map_err(broken)? {
        if number == 1 {
            resource_items(field.bytes().map_err(broken)?, place, items, out)?;
            place.resource += 1;
        }
    }
    Ok(())
}

fn resource_items<'b, I: Items<'b>>(
    message: &'b [u8],
    mut place: Place,
    items: &mut I,
    out: &mut Output<'_>,
) -> Result<(), DecodeError> {
    let mut input = ResourceInput { attributes: out.builder.attributes(), ..ResourceInput::default() };
    read_resource(message, &mut input).map_err(place.malformed(""))?;
    let mut resource = None;
    let mut fields = Fields::of(message);
    let mut at = 0;
    while let Some((number, field)) = fields.next().map_err(place.malformed(""))? {
        if number == 2 {
            let scope_message = field.bytes().map_err(place.malformed(""))?;
            place.scope = Some(at);
            scope_items(scope_message, (&input, &mut resource), place, items, out)?;
            place.scope = None;
            at += 1;
        }
    }
    Ok(())
}

/// Reads resource and schema URL of a `ResourceSpans` or its like, stepping over the rest.
fn read_resource<'b>(message: &'b [u8], input: &mut ResourceInput<'b>) -> Result<(), Broken> {
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, field) => {
                let mut inner = Fields::of(field.bytes()?);
                while let Some((number, field)) = inner.next()? {
                    match number {
                        1 => {
                            attribute(field.bytes()?, &mut input.attributes, &mut input.flags).map_err(Broken::from)?
                        }
                        2 => input.dropped_attributes_count = field.uint32()?,
                        _ => {}
                    }
                }
            }
            (3, field) => input.schema_url = field.bytes()?,
            _ => {}
        }
    }
    Ok(())
}

fn scope_items<'b, I: Items<'b>>(
    message: &'b [u8],
    (resource_input, resource): (&ResourceInput<'b>, &mut Option<ResourceRef>),
    mut place: Place,
    items: &mut I,
    out: &mut Output<'_>,
) -> Result<(), DecodeError> {
    let mut input = ScopeInput { attributes: out.builder.attributes(), ..ScopeInput::default() };
    let some = read_scope(message, &mut input).map_err(place.malformed(""))?;
    if !some {
        return Ok(());
    }
    let resource = *resource.get_or_insert_with(|| out.builder.resource(resource_input));
    let scope = out.builder.scope(&input);
    let mut fields = Fields::of(message);
    let mut at = 0;
    while let Some((number, field)) = fields.next().map_err(place.malformed(""))? {
        if number == 2 {
            let item = field.bytes().map_err(place.malformed(""))?;
            place.item = Some(at);
            items.item(out, (resource, scope), place, item)?;
            place.item = None;
            at += 1;
        }
    }
    Ok(())
}

/// Reads scope and schema URL of a `ScopeSpans` or its like; says whether there are items.
fn read_scope<'b>(message: &'b [u8], input: &mut ScopeInput<'b>) -> Result<bool, Broken> {
    let mut some = false;
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, field) => read_scope_message(field, input)?,
            (2, _) => some = true,
            (3, field) => input.schema_url = field.bytes()?,
            _ => {}
        }
    }
    Ok(some)
}

fn read_scope_message<'b>(field: Field<'b>, input: &mut ScopeInput<'b>) -> Result<(), Broken> {
    let mut fields = Fields::of(field.bytes()?);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => input.name = field.bytes()?,
            2 => input.version = field.bytes()?,
            3 => attribute(field.bytes()?, &mut input.attributes, &mut input.flags).map_err(Broken::from)?,
            4 => input.dropped_attributes_count = field.uint32()?,
            _ => {}
        }
    }
    Ok(())
}
