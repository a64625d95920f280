//! JSON text as a flat tape: one small entry per value, in document order, with the way past each
//! container.
//!
//! It knows RFC 8259 and nothing of OTLP. The whole text is checked here, once and without
//! recursion, so whoever walks the tape meets only well-formed values, may look at the members of an
//! object in any order and as often as it likes, and skips what it does not know in one step. A tape
//! takes 8 bytes per value, which is at most four times the text; it is no tree.

use super::{number, text};

/// Containers open at once; a deeper text is refused. A level costs 4 bytes while it is open.
pub(super) const NESTING_MAX: usize = 1_000_000;
/// Texts must be shorter: the top bit of an offset is a mark.
pub(super) const TEXT_BYTES_MAX: usize = 1 << 31;

/// The string of this entry lies in `Tape::side`, not in the text.
const SIDE: u32 = 1 << 31;

/// One value. `start` is the offset of its first byte (of its first character, in `side`); `end` the
/// offset after its last byte (of the closing quote, for strings), or for containers the tape
/// position after their last value.
#[derive(Clone, Copy)]
struct Entry {
    start: u32,
    end: u32,
}

/// Why a text is not JSON, and where (byte offset).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) what: &'static str,
}

/// A checked JSON text.
pub(super) struct Tape<'b> {
    bytes: &'b [u8],
    /// Strings that had escapes, without them.
    side: Vec<u8>,
    entries: Vec<Entry>,
}

impl<'b> Tape<'b> {
    /// Reads exactly one JSON value with nothing but white space around it; a byte order mark in
    /// front is passed over.
    pub(super) fn read(bytes: &'b [u8]) -> Result<Self, Fault> {
        if bytes.len() >= TEXT_BYTES_MAX {
            return Err(Fault { at: 0, what: "text of 2 GiB or more" });
        }
        let mut tape = Self { bytes, side: Vec::new(), entries: Vec::with_capacity(values_at_most(bytes)) };
        Reader { at: if bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 }, open: Vec::new(), tape: &mut tape }
            .read()?;
        Ok(tape)
    }

    pub(super) fn root(&self) -> Json<'_> {
        Json { tape: self, index: 0 }
    }
}

/// Each value but the first follows one of four bytes: with their number the tape never has to grow.
fn values_at_most(text: &[u8]) -> usize {
    // Sums of one byte over short pieces: the compiler makes vector code of it.
    let lead = |b: u8| u8::from(b == b',') | u8::from(b == b':') | u8::from(b == b'[') | u8::from(b == b'{');
    let pieces = text.chunks(192).map(|piece| usize::from(piece.iter().fold(0u8, |sum, b| sum + lead(*b))));
    1 + pieces.sum::<usize>()
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ElementOrEnd,
    KeyOrEnd,
    Key,
    CommaOrEnd,
}

struct Reader<'t, 'b> {
    at: usize,
    /// Tape positions of the containers not yet closed.
    open: Vec<u32>,
    tape: &'t mut Tape<'b>,
}

impl Reader<'_, '_> {
    fn read(mut self) -> Result<(), Fault> {
        let mut expect = Expect::Value;
        loop {
            let byte = self.next_byte();
            expect = match expect {
                Expect::ElementOrEnd if byte == Some(b']') => self.close(),
                Expect::KeyOrEnd if byte == Some(b'}') => self.close(),
                Expect::Value | Expect::ElementOrEnd => self.value(byte)?,
                Expect::Key | Expect::KeyOrEnd => self.key(byte)?,
                Expect::CommaOrEnd => match self.open.last() {
                    None if byte.is_none() => return Ok(()),
                    None => return Err(self.fault("something follows the end of the value")),
                    Some(&container) => self.comma_or_end(byte, self.is_object(container))?,
                },
            };
        }
    }

    fn fault(&self, what: &'static str) -> Fault {
        Fault { at: self.at, what }
    }

    /// The next byte that is not white space, not yet taken.
    fn next_byte(&mut self) -> Option<u8> {
        while let Some(&byte) = self.tape.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    fn is_object(&self, container: u32) -> bool {
        let start = self.tape.entries[container as usize].start;
        self.tape.bytes[start as usize] == b'{'
    }

    fn value(&mut self, byte: Option<u8>) -> Result<Expect, Fault> {
        match byte {
            Some(b'"') => self.string()?,
            Some(b'{') => {
                self.open()?;
                return Ok(Expect::KeyOrEnd);
            }
            Some(b'[') => {
                self.open()?;
                return Ok(Expect::ElementOrEnd);
            }
            Some(b'-' | b'0'..=b'9') => {
                let length = number::length(&self.tape.bytes[self.at..])
                    .map_err(|(at, what)| Fault { at: self.at + at, what })?;
                self.scalar(length);
            }
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            Some(_) => return Err(self.fault("expected a value")),
            None => return Err(self.fault("the text ends where a value is due")),
        }
        Ok(Expect::CommaOrEnd)
    }

    fn key(&mut self, byte: Option<u8>) -> Result<Expect, Fault> {
        match byte {
            Some(b'"') => self.string()?,
            Some(_) => return Err(self.fault("expected a key in double quotes")),
            None => return Err(self.fault("the text ends inside an object")),
        }
        if self.next_byte() != Some(b':') {
            return Err(self.fault("expected ':' after a key"));
        }
        self.at += 1;
        Ok(Expect::Value)
    }

    fn comma_or_end(&mut self, byte: Option<u8>, object: bool) -> Result<Expect, Fault> {
        match byte {
            Some(b',') => {
                self.at += 1;
                Ok(if object { Expect::Key } else { Expect::Value })
            }
            Some(b'}') if object => Ok(self.close()),
            Some(b']') if !object => Ok(self.close()),
            Some(_) if object => Err(self.fault("expected ',' or '}' after a member")),
            Some(_) => Err(self.fault("expected ',' or ']' after an element")),
            None => Err(self.fault("the text ends inside an object or array")),
        }
    }

    fn open(&mut self) -> Result<(), Fault> {
        if self.open.len() == NESTING_MAX {
            return Err(self.fault("nested deeper than 1,000,000 levels"));
        }
        self.open.push(self.tape.entries.len() as u32);
        self.scalar(1);
        Ok(())
    }

    fn close(&mut self) -> Expect {
        self.at += 1;
        if let Some(container) = self.open.pop() {
            self.tape.entries[container as usize].end = self.tape.entries.len() as u32;
        }
        Expect::CommaOrEnd
    }

    fn scalar(&mut self, length: usize) {
        let end = self.at + length;
        self.tape.entries.push(Entry { start: self.at as u32, end: end as u32 });
        self.at = end;
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Fault> {
        if !self.tape.bytes[self.at..].starts_with(word) {
            return Err(self.fault("expected a value"));
        }
        self.scalar(word.len());
        Ok(())
    }

    fn string(&mut self) -> Result<(), Fault> {
        let inside = self.at + 1;
        let stop = text::plain_until(self.tape.bytes, inside);
        if self.tape.bytes.get(stop) == Some(&b'"') {
            self.tape.entries.push(Entry { start: self.at as u32, end: stop as u32 });
            self.at = stop + 1;
            return Ok(());
        }
        // Without its escapes a string is never longer than with them: `side` stays below the text.
        let start = self.tape.side.len();
        self.at = text::unescape(self.tape.bytes, inside, &mut self.tape.side)?;
        self.tape.entries.push(Entry { start: start as u32 | SIDE, end: self.tape.side.len() as u32 });
        Ok(())
    }
}

/// A value on a tape.
#[derive(Clone, Copy)]
pub(super) struct Json<'t> {
    tape: &'t Tape<'t>,
    index: u32,
}

impl<'t> Json<'t> {
    pub(super) fn kind(self) -> Kind<'t> {
        let entry = self.entry();
        if entry.start & SIDE != 0 {
            return Kind::String(self.string(entry));
        }
        match self.tape.bytes[entry.start as usize] {
            b'{' => Kind::Object(Members { tape: self.tape, next: self.index + 1, end: entry.end }),
            b'[' => Kind::Array(Elements { tape: self.tape, next: self.index + 1, end: entry.end }),
            b'"' => Kind::String(self.string(entry)),
            b't' => Kind::Bool(true),
            b'f' => Kind::Bool(false),
            b'n' => Kind::Null,
            _ => Kind::Number(&self.tape.bytes[entry.start as usize..entry.end as usize]),
        }
    }

    pub(super) fn is_null(self) -> bool {
        let start = self.entry().start;
        start & SIDE == 0 && self.tape.bytes[start as usize] == b'n'
    }

    /// Grows along the text.
    pub(super) fn position(self) -> u32 {
        self.index
    }

    /// Where in the text it stands; for a string with escapes, where the value before it stands.
    pub(super) fn offset(self) -> usize {
        let before = self.tape.entries[..=self.index as usize].iter().rev();
        before.map(|entry| entry.start).find(|start| start & SIDE == 0).unwrap_or_default() as usize
    }

    fn entry(self) -> Entry {
        self.tape.entries[self.index as usize]
    }

    fn string(self, entry: Entry) -> &'t [u8] {
        let (start, end) = ((entry.start & !SIDE) as usize, entry.end as usize);
        if entry.start & SIDE != 0 { &self.tape.side[start..end] } else { &self.tape.bytes[start + 1..end] }
    }

    /// Tape position of the value after this one.
    fn after(self) -> u32 {
        let entry = self.entry();
        let container = entry.start & SIDE == 0 && matches!(self.tape.bytes[entry.start as usize], b'{' | b'[');
        if container { entry.end } else { self.index + 1 }
    }
}

/// What a value is. Numbers stay text: their reader decides what they must fit.
#[derive(Clone, Copy)]
pub(super) enum Kind<'t> {
    Null,
    Bool(bool),
    Number(&'t [u8]),
    /// Without its escapes. Not always UTF-8: whoever makes text of it repairs it.
    String(&'t [u8]),
    Array(Elements<'t>),
    Object(Members<'t>),
}

/// The elements of an array, in order.
#[derive(Clone, Copy)]
pub(super) struct Elements<'t> {
    tape: &'t Tape<'t>,
    next: u32,
    end: u32,
}

impl<'t> Iterator for Elements<'t> {
    type Item = Json<'t>;

    fn next(&mut self) -> Option<Json<'t>> {
        if self.next >= self.end {
            return None;
        }
        let element = Json { tape: self.tape, index: self.next };
        self.next = element.after();
        Some(element)
    }
}

/// The members of an object, in order, repeated keys included.
#[derive(Clone, Copy)]
pub(super) struct Members<'t> {
    tape: &'t Tape<'t>,
    next: u32,
    end: u32,
}

impl<'t> Iterator for Members<'t> {
    type Item = (&'t [u8], Json<'t>);

    fn next(&mut self) -> Option<(&'t [u8], Json<'t>)> {
        if self.next >= self.end {
            return None;
        }
        let key = Json { tape: self.tape, index: self.next };
        let value = Json { tape: self.tape, index: self.next + 1 };
        self.next = value.after();
        Some((key.string(key.entry()), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text again, from the tape, in one fixed spelling.
    fn spelled(value: Json<'_>) -> String {
        let quoted = |bytes: &[u8]| format!("{:?}", String::from_utf8_lossy(bytes));
        match value.kind() {
            Kind::Null => "null".to_owned(),
            Kind::Bool(truth) => truth.to_string(),
            Kind::Number(digits) => String::from_utf8_lossy(digits).into_owned(),
            Kind::String(bytes) => quoted(bytes),
            Kind::Array(elements) => format!("[{}]", elements.map(spelled).collect::<Vec<_>>().join(",")),
            Kind::Object(members) => {
                let members = members.map(|(key, value)| format!("{}:{}", quoted(key), spelled(value)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
        }
    }

    #[test]
    fn the_tape_says_what_the_text_says() {
        for (text, want) in [
            ("0", "0"),
            (" [ ] ", "[]"),
            (r#"{"a":[{},[],[[1]],{"b":{}}],"c":"x"}"#, r#"{"a":[{},[],[[1]],{"b":{}}],"c":"x"}"#),
            (
                r#"{"\u0061":"\u0062","\"":["\n",true,false,null,-1.5e3]}"#,
                r#"{"a":"b","\"":["\n",true,false,null,-1.5e3]}"#,
            ),
            (r#"["{","[","\u007b",1]"#, r#"["{","[","{",1]"#),
            (r#"{"a":1,"a":[2,2],"a":3}"#, r#"{"a":1,"a":[2,2],"a":3}"#),
        ] {
            assert_eq!(spelled(Tape::read(text.as_bytes()).unwrap().root()), want);
        }
    }

    #[test]
    fn the_tape_is_allocated_once_and_small() {
        for text in ["[]", "[[],[]]", "{\"a\":{\"b\":[1,2]},\"c\":[\"x\",{}]}", "1", "[1,1,1,1]"] {
            let tape = Tape::read(text.as_bytes()).unwrap();
            let values = 1 + text.bytes().filter(|b| b",:[{".contains(b)).count();
            assert!(tape.entries.len() <= values && tape.entries.capacity() < values + 4, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded_and_costs_no_stack() {
        let nested = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
        assert!(Tape::read(&nested(NESTING_MAX)).is_ok());
        let fault = Tape::read(&nested(NESTING_MAX + 1)).err();
        assert_eq!(fault, Some(Fault { at: NESTING_MAX, what: "nested deeper than 1,000,000 levels" }));
    }

    #[test]
    fn an_offset_leads_to_the_value_or_to_the_one_before_a_string_with_escapes() {
        let tape = Tape::read(br#"{"a": "\n", "b": 2}"#).unwrap();
        let Kind::Object(members) = tape.root().kind() else { panic!("an object") };
        assert_eq!(members.map(|(_, value)| value.offset()).collect::<Vec<_>>(), [1, 17]);
    }
}
