//! One attribute value as a sender states it, and its canonical text.

/// The type a sender gave a value. The discriminant is the tag byte in `attribute_types` columns:
/// part of the file format, never renumbered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum AttrType {
    String = b's',
    Bool = b'b',
    Int = b'i',
    Double = b'd',
    Bytes = b'x',
    Array = b'a',
    Map = b'm',
    Empty = b'0',
}

impl AttrType {
    pub fn from_tag(tag: u8) -> Option<Self> {
        Some(match tag {
            b's' => Self::String,
            b'b' => Self::Bool,
            b'i' => Self::Int,
            b'd' => Self::Double,
            b'x' => Self::Bytes,
            b'a' => Self::Array,
            b'm' => Self::Map,
            b'0' => Self::Empty,
            _ => return None,
        })
    }
}

/// An attribute value on its way into a table, borrowed from the request.
///
/// Canonical text (contract.md): strings as they are, integers in decimal, doubles in shortest
/// round-trip form, `true` / `false`, bytes in base64, arrays and maps as JSON, empty as SQL NULL.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AttrValue<'a> {
    String(&'a str),
    Bool(bool),
    Int(i64),
    Double(f64),
    /// Already canonical text (base64, JSON) of a bytes, array or map value.
    Text(AttrType, &'a str),
    Empty,
}

impl AttrValue<'_> {
    pub fn attr_type(&self) -> AttrType {
        match self {
            Self::String(_) => AttrType::String,
            Self::Bool(_) => AttrType::Bool,
            Self::Int(_) => AttrType::Int,
            Self::Double(_) => AttrType::Double,
            Self::Text(t, _) => *t,
            Self::Empty => AttrType::Empty,
        }
    }
}

/// The canonical text of a double: shortest form that reads back to the same bits; `NaN`,
/// `Infinity`, `-Infinity` for what is not a number.
pub fn double_text(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else {
        format!("{value:?}")
    }
}
