//! The members of one OTLP/JSON message, and what each may hold.
//!
//! The rules of the JSON mapping live here: an unknown key is passed over at any level, the last of
//! a repeated key counts, `null` is as good as absent, integers and doubles may come as strings,
//! enums as numbers or names, ids are hexadecimal, bytes are base64 of either alphabet.

use super::number;
use super::tape::{Elements, Json, Kind};
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A value that cannot be what its place in the message asks for.
#[derive(Debug)]
pub(super) struct Unreadable {
    /// Byte offset in the request.
    pub(super) offset: usize,
    pub(super) what: String,
    /// `what` says by itself which part of the item is meant.
    complete: bool,
}

impl Unreadable {
    pub(super) fn new(value: Json<'_>, what: String) -> Self {
        Self { offset: value.offset(), what, complete: false }
    }

    /// The same, seen from the message that holds it in `field`.
    pub(super) fn inside(mut self, field: &str) -> Self {
        if !self.complete {
            self.what.insert_str(0, &format!("in {field}: "));
        }
        self
    }
}

/// One member that was asked for: absent where it is missing or null.
#[derive(Clone, Copy)]
pub(super) struct Field<'t> {
    pub(super) name: &'static str,
    pub(super) value: Option<Json<'t>>,
}

/// The members of a message by name. Ask for them in the order senders usually write them.
pub(super) fn fields<'t, const N: usize>(
    message: Json<'t>,
    names: [&'static str; N],
) -> Result<[Field<'t>; N], Unreadable> {
    let mut found = names.map(|name| Field { name, value: None });
    let members = match message.kind() {
        Kind::Object(members) => members,
        Kind::Null => return Ok(found),
        _ => return Err(Unreadable::new(message, "expected an object".into())),
    };
    let mut likely = 0;
    for (key, value) in members {
        let position = (likely..N).chain(0..likely).find(|&i| names[i].as_bytes() == key);
        if let Some(position) = position {
            found[position] = Field::of(names[position], value);
            likely = (position + 1) % N;
        }
    }
    Ok(found)
}

/// The same with each name beside its variable, for messages of many members.
macro_rules! let_fields {
    ($message:expr => $($variable:ident: $name:literal),+ $(,)?) => {
        let [$($variable),+] = $crate::json::field::fields($message, [$($name),+])?;
    };
}
pub(super) use let_fields;

impl<'t> Field<'t> {
    pub(super) fn of(name: &'static str, value: Json<'t>) -> Self {
        Self { name, value: (!value.is_null()).then_some(value) }
    }

    fn unreadable(&self, what: &str) -> Unreadable {
        let offset = self.value.map(Json::offset).unwrap_or_default();
        Unreadable { offset, what: format!("{} is not {what}", self.name), complete: false }
    }

    /// The number or the string of a field that may be either.
    fn digits(&self, what: &str) -> Result<Option<&'t [u8]>, Unreadable> {
        match self.value.map(Json::kind) {
            None => Ok(None),
            Some(Kind::Number(digits) | Kind::String(digits)) => Ok(Some(digits)),
            Some(_) => Err(self.unreadable(what)),
        }
    }

    fn integer<T: TryFrom<i128> + Default>(&self, what: &str) -> Result<T, Unreadable> {
        let Some(digits) = self.digits(what)? else { return Ok(T::default()) };
        number::integer(digits).and_then(|n| T::try_from(n).ok()).ok_or_else(|| self.unreadable(what))
    }

    /// Whether it was written as a number, not as the text of one.
    pub(super) fn is_number(&self) -> bool {
        matches!(self.value.map(Json::kind), Some(Kind::Number(_)))
    }

    pub(super) fn u64(&self) -> Result<u64, Unreadable> {
        self.integer("an unsigned 64-bit integer")
    }

    pub(super) fn i64(&self) -> Result<i64, Unreadable> {
        self.integer("a signed 64-bit integer")
    }

    pub(super) fn u32(&self) -> Result<u32, Unreadable> {
        self.integer("an unsigned 32-bit integer")
    }

    pub(super) fn i32(&self) -> Result<i32, Unreadable> {
        self.integer("a signed 32-bit integer")
    }

    pub(super) fn optional_double(&self) -> Result<Option<f64>, Unreadable> {
        let what = "a number, or one within the range of a double";
        let Some(digits) = self.digits(what)? else { return Ok(None) };
        number::double(digits).map(Some).ok_or_else(|| self.unreadable(what))
    }

    pub(super) fn double(&self) -> Result<f64, Unreadable> {
        Ok(self.optional_double()?.unwrap_or_default())
    }

    pub(super) fn bool(&self) -> Result<bool, Unreadable> {
        match self.value.map(Json::kind) {
            None => Ok(false),
            Some(Kind::Bool(truth)) => Ok(truth),
            Some(_) => Err(self.unreadable("true or false")),
        }
    }

    /// Text without its escapes, not always UTF-8; empty where absent.
    pub(super) fn text(&self) -> Result<&'t [u8], Unreadable> {
        match self.value.map(Json::kind) {
            None => Ok(b""),
            Some(Kind::String(bytes)) => Ok(bytes),
            Some(_) => Err(self.unreadable("a string")),
        }
    }

    /// An enum: its number, or (not by the protocol, but in use) its name. `None` for an unknown name.
    pub(super) fn number_or_name(&self, names: &[(&str, i32)]) -> Result<Option<i32>, Unreadable> {
        if let Some(Kind::String(name)) = self.value.map(Json::kind)
            && !name.first().is_some_and(|first| first.is_ascii_digit() || *first == b'-')
        {
            return Ok(names.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, number)| *number));
        }
        self.i32().map(Some)
    }

    /// An id of `N` bytes in hex of either case; `None` where absent or empty. `noun` is what senders call it.
    pub(super) fn id<const N: usize>(&self, noun: &str) -> Result<Option<[u8; N]>, Unreadable> {
        let digits = self.text()?;
        let offset = self.value.map(Json::offset).unwrap_or_default();
        let refusal = |what: String| Err(Unreadable { offset, what, complete: true });
        let mut id = [0; N];
        match hex::decode_to_slice(digits, &mut id) {
            _ if digits.is_empty() => Ok(None),
            Ok(()) => Ok(Some(id)),
            Err(_) if !digits.iter().all(u8::is_ascii_hexdigit) => refusal(format!("{noun} is not hexadecimal")),
            Err(_) if digits.len() % 2 == 1 => refusal(format!("{noun} has an odd number of hex digits")),
            Err(_) => refusal(format!("{noun} is {} bytes, must be {N}", digits.len() / 2)),
        }
    }

    /// Bytes in base64, standard or URL-safe, padded or not.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Unreadable> {
        const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true);
        let text = self.text()?;
        let alphabet = if text.iter().any(|b| matches!(b, b'-' | b'_')) { &URL_SAFE } else { &STANDARD };
        GeneralPurpose::new(alphabet, LENIENT).decode(text).map_err(|_| self.unreadable("base64"))
    }

    /// The elements of a repeated field.
    pub(super) fn list(&self) -> Result<impl Iterator<Item = Json<'t>> + use<'t>, Unreadable> {
        let elements: Option<Elements<'t>> = match self.value.map(Json::kind) {
            None => None,
            Some(Kind::Array(elements)) => Some(elements),
            Some(_) => return Err(self.unreadable("an array")),
        };
        Ok(elements.into_iter().flatten())
    }

    /// The elements of a repeated field of a data point, each read as `read` reads one. More than `max`
    /// are refused: cut, they would tell lies.
    pub(super) fn few<T>(
        &self,
        max: usize,
        read: impl Fn(Field<'t>) -> Result<T, Unreadable>,
    ) -> Result<Vec<T>, Unreadable> {
        let mut values = Vec::new();
        for value in self.list()? {
            if values.len() == max {
                let what = format!("more than {max} buckets or quantiles in one point");
                return Err(Unreadable { complete: true, ..Unreadable::new(value, what) });
            }
            values.push(read(Field::of(self.name, value))?);
        }
        Ok(values)
    }
}

/// Of the members of a oneof, the one that was sent last.
pub(super) fn last_sent<'t, const N: usize>(members: [Field<'t>; N]) -> Option<(&'static str, Json<'t>)> {
    let sent = members.into_iter().filter_map(|field| Some((field.name, field.value?)));
    sent.max_by_key(|(_, value)| value.position())
}
