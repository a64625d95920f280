//! Canonical text of values (contract.md): integers in decimal, doubles in shortest round-trip form,
//! bytes in base64, arrays and maps as compact JSON with keys in the order sent.

use super::{Attribute, Value};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::attribute::double_text;
use std::borrow::Cow;
use std::fmt::Write;

/// Standard base64 with padding.
pub fn bytes_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Text as sent, or repaired with U+FFFD where it is not UTF-8 (second value: whether it was).
pub fn repaired(raw: &[u8]) -> (Cow<'_, str>, bool) {
    match std::str::from_utf8(raw) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) => (String::from_utf8_lossy(raw), true),
    }
}

/// Writes one nested value as canonical JSON, front to back. It inserts commas itself.
///
/// Containers nested deeper than [`CanonicalText::DEPTH_MAX`] are written as `null`: `begin_*`
/// answers `false`, and the caller skips what is inside and does not call `end_*`.
#[derive(Debug, Default)]
pub struct CanonicalText {
    out: String,
    depth: usize,
    comma: bool,
    repaired: bool,
    too_deep: bool,
}

impl CanonicalText {
    /// Arrays and maps within each other, the outermost counted.
    pub const DEPTH_MAX: usize = 64;

    pub fn new() -> Self {
        Self::default()
    }

    #[must_use = "when false, the container was cut: skip its contents and its end"]
    pub fn begin_array(&mut self) -> bool {
        self.begin('[')
    }

    pub fn end_array(&mut self) {
        self.end(']');
    }

    #[must_use = "when false, the container was cut: skip its contents and its end"]
    pub fn begin_map(&mut self) -> bool {
        self.begin('{')
    }

    pub fn end_map(&mut self) {
        self.end('}');
    }

    /// A key of the current map; its value follows.
    pub fn key(&mut self, key: &[u8]) {
        self.string(key);
        self.out.push(':');
        self.comma = false;
    }

    pub fn string(&mut self, raw: &[u8]) {
        self.separate();
        let (text, repaired) = repaired(raw);
        self.repaired |= repaired;
        push_json_string(&mut self.out, &text);
    }

    pub fn bool(&mut self, value: bool) {
        self.separate();
        self.out.push_str(if value { "true" } else { "false" });
    }

    pub fn int(&mut self, value: i64) {
        self.separate();
        push_int(&mut self.out, value);
    }

    /// A JSON number, or a string (`"NaN"`, `"Infinity"`, `"-Infinity"`) where JSON has no number for it.
    pub fn double(&mut self, value: f64) {
        self.separate();
        if value.is_finite() {
            self.out.push_str(&double_text(value));
        } else {
            push_json_string(&mut self.out, &double_text(value));
        }
    }

    pub fn bytes(&mut self, value: &[u8]) {
        self.separate();
        self.out.push('"');
        STANDARD.encode_string(value, &mut self.out);
        self.out.push('"');
    }

    /// A value without content.
    pub fn empty(&mut self) {
        self.separate();
        self.out.push_str("null");
    }

    /// A whole value of an attribute list.
    pub fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::String(raw) => self.string(raw),
            Value::Bool(value) => self.bool(*value),
            Value::Int(value) => self.int(*value),
            Value::Double(value) => self.double(*value),
            Value::Text(model::AttrType::Bytes, base64) => self.string(base64.as_bytes()),
            Value::Text(_, json) => {
                self.separate();
                self.out.push_str(json);
            }
            Value::Empty => self.empty(),
        }
    }

    /// Whether text was not UTF-8.
    pub fn was_repaired(&self) -> bool {
        self.repaired
    }

    /// Whether a container was cut.
    pub fn was_cut(&self) -> bool {
        self.too_deep
    }

    /// The text; the writer is as new afterwards.
    pub fn take(&mut self) -> Box<str> {
        std::mem::take(self).out.into_boxed_str()
    }

    fn begin(&mut self, open: char) -> bool {
        if self.depth == Self::DEPTH_MAX {
            self.too_deep = true;
            self.empty();
            return false;
        }
        self.separate();
        self.depth += 1;
        self.out.push(open);
        self.comma = false;
        true
    }

    fn end(&mut self, close: char) {
        self.depth -= 1;
        self.out.push(close);
        self.comma = true;
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(',');
        }
        self.comma = true;
    }
}

/// Attributes as one canonical JSON map (scope attributes, metric metadata), and whether text in it was repaired.
pub(crate) fn attributes_text(attributes: &[Attribute<'_>]) -> (Box<str>, bool) {
    let mut text = CanonicalText::new();
    if text.begin_map() {
        for attribute in attributes {
            text.key(attribute.key);
            text.value(&attribute.value);
        }
        text.end_map();
    }
    let repaired = text.was_repaired();
    (text.take(), repaired)
}

/// Canonical text of a scalar that is not a string; `None` for strings, texts and empty values.
pub(crate) fn push_scalar(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(value) => push_int(out, *value),
        Value::Double(value) => out.push_str(&double_text(*value)),
        Value::String(_) | Value::Text(..) | Value::Empty => {}
    }
}

/// Decimal digits of an integer.
pub(crate) fn push_int(out: &mut String, value: i64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push('-');
    }
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}

fn push_json_string(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[plain..at]);
        plain = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}
