//! Attribute values (`AnyValue`) and attribute lists.
//!
//! Scalars are borrowed from the request; arrays, maps and bytes become canonical text, written by
//! the same writer as for protobuf, which also cuts what is nested too deeply.

use super::field::{Field, Unreadable, fields};
use super::tape::{Json, Kind};
use model::AttrType;
use tables::build::{Attributes, BuildSettings, CanonicalText, Value, bytes_text};
use tables::flags::RowFlags;

/// Reads values, and remembers what was odd about them until somebody asks.
#[derive(Debug)]
pub(super) struct Values {
    attributes_max: usize,
    nested_max: usize,
    text: CanonicalText,
    flags: RowFlags,
    unknown_names: u64,
}

/// The members of the oneof in an `AnyValue`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    String,
    Bool,
    Int,
    Double,
    Array,
    Map,
    Bytes,
}

impl Member {
    fn of(key: &[u8]) -> Option<Self> {
        Some(match key {
            b"stringValue" => Self::String,
            b"intValue" => Self::Int,
            b"boolValue" => Self::Bool,
            b"doubleValue" => Self::Double,
            b"arrayValue" => Self::Array,
            b"kvlistValue" => Self::Map,
            b"bytesValue" => Self::Bytes,
            _ => return None,
        })
    }
}

impl Values {
    pub(super) fn new(settings: &BuildSettings) -> Self {
        Self {
            attributes_max: settings.attributes_max,
            nested_max: settings.nested_max,
            text: CanonicalText::new(),
            flags: RowFlags::default(),
            unknown_names: 0,
        }
    }

    /// How many nested items, buckets or quantiles an item may have.
    pub(super) fn nested_max(&self) -> usize {
        self.nested_max
    }

    /// What was odd about the values read since the last call.
    pub(super) fn take_flags(&mut self) -> RowFlags {
        std::mem::take(&mut self.flags)
    }

    /// How many enum names no version of the protocol has, of all that were read.
    pub(super) fn unknown_names(&self) -> u64 {
        self.unknown_names
    }

    /// An enum as its number; an unknown name is taken as unspecified, like an unknown number.
    pub(super) fn enumerated(&mut self, field: Field<'_>, names: &[(&str, i32)]) -> Result<i32, Unreadable> {
        let known = field.number_or_name(names)?;
        self.unknown_names += u64::from(known.is_none());
        Ok(known.unwrap_or_default())
    }

    /// The messages of a repeated field, each read by `read`, appended as far as so many are kept;
    /// how many are not.
    pub(super) fn messages_into<'t, T>(
        &mut self,
        field: Field<'t>,
        list: &mut Vec<T>,
        read: impl Fn(&mut Self, Json<'t>) -> Result<T, Unreadable>,
    ) -> Result<u32, Unreadable> {
        let mut messages = field.list()?;
        for message in messages.by_ref().take(self.nested_max) {
            list.push(read(self, message).map_err(|wrong| wrong.inside(field.name))?);
        }
        let beyond = messages.count() as u32;
        if beyond > 0 {
            self.flags.insert(RowFlags::NESTED_CUT);
        }
        Ok(beyond)
    }

    /// An attribute list into one of its own.
    pub(super) fn attributes<'t>(&mut self, list: Field<'t>) -> Result<Attributes<'t>, Unreadable> {
        let mut attributes = Attributes::new(self.attributes_max);
        self.attributes_into(list, &mut attributes)?;
        Ok(attributes)
    }

    /// An attribute list, appended.
    pub(super) fn attributes_into<'t>(
        &mut self,
        list: Field<'t>,
        attributes: &mut Attributes<'t>,
    ) -> Result<(), Unreadable> {
        for attribute in list.list()? {
            let (key, value) = self.attribute(attribute).map_err(|wrong| wrong.inside(list.name))?;
            attributes.push(key, value);
        }
        Ok(())
    }

    fn attribute<'t>(&mut self, attribute: Json<'t>) -> Result<(&'t [u8], Value<'t>), Unreadable> {
        let [key, value] = fields(attribute, ["key", "value"])?;
        Ok((key.text()?, self.value(value)?))
    }

    /// One value; what is absent or has no content is [`Value::Empty`].
    pub(super) fn value<'t>(&mut self, value: Field<'t>) -> Result<Value<'t>, Unreadable> {
        let Some(any_value) = value.value else { return Ok(Value::Empty) };
        let Some((member, field)) = content(any_value)? else { return Ok(Value::Empty) };
        let ty = match member {
            Member::String => return field.text().map(Value::String),
            Member::Bool => return field.bool().map(Value::Bool),
            Member::Int => return whole(&field),
            Member::Double => return field.double().map(Value::Double),
            Member::Bytes => return Ok(Value::Text(AttrType::Bytes, bytes_text(&field.bytes()?).into())),
            Member::Array => AttrType::Array,
            Member::Map => AttrType::Map,
        };
        let written = write(&mut self.text, member, field);
        if self.text.was_repaired() {
            self.flags.insert(RowFlags::INVALID_UTF8);
        }
        if self.text.was_cut() {
            self.flags.insert(RowFlags::TOO_DEEP);
        }
        let text = self.text.take();
        written.map(|()| Value::Text(ty, text))
    }
}

/// Which member of the oneof is set: the last one sent.
fn content(any_value: Json<'_>) -> Result<Option<(Member, Field<'_>)>, Unreadable> {
    let Kind::Object(members) = any_value.kind() else {
        // Null, or not an object: `fields` tells which.
        return fields(any_value, [""]).map(|_| None);
    };
    let mut set = None;
    for (key, value) in members {
        match Member::of(key) {
            Some(member) if !value.is_null() => set = Some((member, Field::of("value", value))),
            Some(member) if set.is_some_and(|(earlier, _)| earlier == member) => set = None,
            _ => {}
        }
    }
    Ok(set)
}

/// Writes a value within a value. It recurses at most as deep as the writer lets it.
/// An `intValue`. JavaScript calls every double without a fraction an integer, so its SDK sends 1e300 as
/// one; a number beyond 64 bits is kept as the double it was.
fn whole<'t>(field: &Field<'t>) -> Result<Value<'t>, Unreadable> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    field.i64().map(Value::Int).or_else(|unreadable| match field.double() {
        Ok(double) if field.is_number() && double.abs() >= BEYOND => Ok(Value::Double(double)),
        _ => Err(unreadable),
    })
}

fn write(text: &mut CanonicalText, member: Member, field: Field<'_>) -> Result<(), Unreadable> {
    match member {
        Member::String => text.string(field.text()?),
        Member::Bool => text.bool(field.bool()?),
        Member::Int => match whole(&field)? {
            Value::Double(beyond) => text.double(beyond),
            _ => text.int(field.i64()?),
        },
        Member::Double => text.double(field.double()?),
        Member::Bytes => text.bytes(&field.bytes()?),
        Member::Array => {
            if text.begin_array() {
                for element in elements(field)? {
                    write_any(text, element)?;
                }
                text.end_array();
            }
        }
        Member::Map => {
            if text.begin_map() {
                for entry in elements(field)? {
                    let [key, value] = fields(entry, ["key", "value"])?;
                    text.key(key.text()?);
                    match value.value {
                        Some(value) => write_any(text, value)?,
                        None => text.empty(),
                    }
                }
                text.end_map();
            }
        }
    }
    Ok(())
}

fn write_any(text: &mut CanonicalText, any_value: Json<'_>) -> Result<(), Unreadable> {
    match content(any_value)? {
        Some((member, field)) => write(text, member, field),
        None => {
            text.empty();
            Ok(())
        }
    }
}

/// The `values` of an `ArrayValue` or `KeyValueList`.
fn elements<'t>(list: Field<'t>) -> Result<impl Iterator<Item = Json<'t>> + use<'t>, Unreadable> {
    match list.value {
        Some(message) => fields(message, ["values"])?[0].list(),
        None => list.list(),
    }
}
