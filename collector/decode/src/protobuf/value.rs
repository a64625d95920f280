//! Attribute values of any type, and lists of attributes.

use super::fault::Fault;
use super::wire::{Broken, Field, Fields};
use model::AttrType;
use tables::build::{Attributes, CanonicalText, Value, bytes_text};
use tables::flags::RowFlags;

const STRING: u32 = 1;
const BOOL: u32 = 2;
const INT: u32 = 3;
const DOUBLE: u32 = 4;
const ARRAY: u32 = 5;
const BYTES: u32 = 7;

/// Reads a `KeyValue` into a list. Most attributes are a key and a text or a small number, written
/// the way every encoder writes them: those are told by their shape, anything else is read with care.
#[inline]
pub(super) fn attribute<'b>(message: &'b [u8], list: &mut Attributes<'b>, odd: &mut RowFlags) -> Result<(), Fault> {
    if let Some((key, rest)) = short_field(message, 0x0a)
        && let Some((value, [])) = short_field(rest, 0x12)
    {
        if let Some((text, [])) = short_field(value, 0x0a) {
            list.push(key, Value::String(text));
            return Ok(());
        }
        match *value {
            [0x18, low] if low < 0x80 => {
                list.push(key, Value::Int(i64::from(low)));
                return Ok(());
            }
            [0x18, low, high] if low >= 0x80 && high < 0x80 => {
                list.push(key, Value::Int(i64::from(low & 0x7f) | i64::from(high) << 7));
                return Ok(());
            }
            _ => {}
        }
    }
    any_attribute(message, list, odd)
}

/// The content of a field with this tag and a length below 128, and what comes after it.
#[inline(always)]
fn short_field(message: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    match message {
        [first, len, rest @ ..] if *first == tag && *len < 0x80 => rest.split_at_checked(usize::from(*len)),
        _ => None,
    }
}

#[inline(never)]
fn any_attribute<'b>(message: &'b [u8], list: &mut Attributes<'b>, odd: &mut RowFlags) -> Result<(), Fault> {
    let (key, value) = key_value(message).map_err(Fault::in_field("attributes"))?;
    let value = match value {
        Some(value) => any_value(value, odd).map_err(Fault::in_field("attributes"))?,
        None => Value::Empty,
    };
    list.push(key, value);
    Ok(())
}

/// The key and the encoded value, if there is one.
#[inline]
fn key_value(message: &[u8]) -> Result<(&[u8], Option<&[u8]>), Broken> {
    let (mut key, mut value) = (&[][..], None);
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => key = field.bytes()?,
            2 => value = Some(field.bytes()?),
            _ => {}
        }
    }
    Ok((key, value))
}

/// The value an `AnyValue` holds: of several, the last, as all parsers have it.
#[inline]
fn content(message: &[u8]) -> Result<Option<(u32, Field<'_>)>, Broken> {
    let mut content = None;
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        if (STRING..=BYTES).contains(&number) {
            content = Some((number, field));
        }
    }
    Ok(content)
}

/// Reads an `AnyValue`; nested ones as canonical text.
#[inline]
pub(super) fn any_value<'b>(message: &'b [u8], odd: &mut RowFlags) -> Result<Value<'b>, Broken> {
    let Some((number, field)) = content(message)? else { return Ok(Value::Empty) };
    Ok(match number {
        STRING => Value::String(field.bytes()?),
        BOOL => Value::Bool(field.varint()? != 0),
        INT => Value::Int(field.varint()? as i64),
        DOUBLE => Value::Double(field.double()?),
        BYTES => Value::Text(AttrType::Bytes, bytes_text(field.bytes()?).into()),
        _ => nested(number, field, odd)?,
    })
}

#[cold]
fn nested<'b>(number: u32, field: Field<'_>, odd: &mut RowFlags) -> Result<Value<'b>, Broken> {
    let mut text = CanonicalText::new();
    write(number, field, &mut text)?;
    if text.was_repaired() {
        odd.insert(RowFlags::INVALID_UTF8);
    }
    if text.was_cut() {
        odd.insert(RowFlags::TOO_DEEP);
    }
    let ty = if number == ARRAY { AttrType::Array } else { AttrType::Map };
    Ok(Value::Text(ty, text.take()))
}

/// Writes a value as JSON. Recursion ends where the text cuts off containers.
fn write(number: u32, field: Field<'_>, text: &mut CanonicalText) -> Result<(), Broken> {
    match number {
        STRING => text.string(field.bytes()?),
        BOOL => text.bool(field.varint()? != 0),
        INT => text.int(field.varint()? as i64),
        DOUBLE => text.double(field.double()?),
        BYTES => text.bytes(field.bytes()?),
        ARRAY => {
            let message = field.bytes()?;
            if text.begin_array() {
                write_elements(message, text)?;
                text.end_array();
            }
        }
        _ => {
            let message = field.bytes()?;
            if text.begin_map() {
                write_entries(message, text)?;
                text.end_map();
            }
        }
    }
    Ok(())
}

fn write_elements(message: &[u8], text: &mut CanonicalText) -> Result<(), Broken> {
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        if number == 1 {
            write_any_value(field.bytes()?, text)?;
        }
    }
    Ok(())
}

fn write_entries(message: &[u8], text: &mut CanonicalText) -> Result<(), Broken> {
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        if number == 1 {
            let (key, value) = key_value(field.bytes()?)?;
            text.key(key);
            match value {
                Some(value) => write_any_value(value, text)?,
                None => text.empty(),
            }
        }
    }
    Ok(())
}

fn write_any_value(message: &[u8], text: &mut CanonicalText) -> Result<(), Broken> {
    match content(message)? {
        Some((number, field)) => write(number, field, text),
        None => {
            text.empty();
            Ok(())
        }
    }
}
