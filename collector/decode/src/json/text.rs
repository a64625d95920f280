//! The inside of JSON strings: where it ends, what it says without escapes.
//!
//! It refuses what the grammar forbids: raw control characters, unknown escapes, no closing quote.
//! Bytes that are not UTF-8 pass as they are, and half a surrogate pair becomes such a byte too: the
//! one place that turns bytes into columns repairs and flags them all alike.

use super::tape::Fault;

/// Stands for half a surrogate pair; it occurs in no UTF-8 text and repairs to one U+FFFD.
const NOT_UTF8: u8 = 0xFF;

/// Offset of the first quote, backslash or control character at or after `from`, or the length.
pub(super) fn plain_until(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(&eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let marked = special_bytes(u64::from_le_bytes(eight));
        if marked != 0 {
            return at + marked.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\').unwrap_or(rest.len())
}

/// Eight bytes at once: the lowest marked bit lies in the first byte that ends a plain run. (A
/// borrow may mark bytes above the first; nobody looks at those.)
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let below = |w: u64, limit: u64| w.wrapping_sub(ONES * limit) & !w & HIGH;
    below(word, 0x20) | below(word ^ (ONES * b'"' as u64), 1) | below(word ^ (ONES * b'\\' as u64), 1)
}

/// Appends the string that starts at `inside` (after its opening quote) to `out`; the offset after
/// its closing quote.
pub(super) fn unescape(bytes: &[u8], inside: usize, out: &mut Vec<u8>) -> Result<usize, Fault> {
    let mut at = inside;
    loop {
        let stop = plain_until(bytes, at);
        out.extend_from_slice(&bytes[at..stop]);
        at = match bytes.get(stop) {
            Some(b'"') => return Ok(stop + 1),
            Some(b'\\') => {
                let (character, after) = escape(bytes, stop)?;
                match character {
                    Some(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                    None => out.push(NOT_UTF8),
                }
                after
            }
            Some(_) => return Err(Fault { at: stop, what: "control character inside a string" }),
            None => return Err(Fault { at: stop, what: "the text ends inside a string" }),
        };
    }
}

/// The character of the escape whose backslash is at `at` (`None` for half a surrogate pair) and
/// the offset after it.
fn escape(bytes: &[u8], at: usize) -> Result<(Option<char>, usize), Fault> {
    let plain = match bytes.get(at + 1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(&c @ (b'"' | b'\\' | b'/')) => char::from(c),
        Some(b'u') => return code_point(bytes, at),
        Some(_) => return Err(Fault { at, what: "unknown escape in a string" }),
        None => return Err(Fault { at: at + 1, what: "the text ends inside a string" }),
    };
    Ok((Some(plain), at + 2))
}

fn code_point(bytes: &[u8], at: usize) -> Result<(Option<char>, usize), Fault> {
    let first = code_unit(bytes, at).ok_or(Fault { at, what: r"\u is not followed by four hex digits" })?;
    if (0xD800..0xDC00).contains(&first)
        && bytes.get(at + 6..at + 8) == Some(br"\u")
        && let Some(second @ 0xDC00..0xE000) = code_unit(bytes, at + 6)
    {
        let pair = 0x10000 + ((u32::from(first) - 0xD800) << 10) + (u32::from(second) - 0xDC00);
        return Ok((char::from_u32(pair), at + 12));
    }
    Ok((char::from_u32(first.into()), at + 6))
}

/// The four hex digits after `\u`.
fn code_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at + 2..at + 6)?;
    digits.iter().try_fold(0, |unit: u16, &d| Some(unit << 4 | char::from(d).to_digit(16)? as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<(Vec<u8>, usize), &'static str> {
        let mut out = Vec::new();
        let after = unescape(text, 0, &mut out).map_err(|f| f.what)?;
        Ok((out, after))
    }

    #[test]
    fn a_plain_run_ends_at_the_first_special_byte_wherever_it_lies() {
        for special in [b'"', b'\\', 0x1f, 0] {
            for length in 0..40 {
                let mut bytes = vec![b'\x7f'; length];
                bytes.extend([special, b'"', b'a']);
                assert_eq!(plain_until(&bytes, 0), length, "{special} after {length}");
            }
        }
        assert_eq!(plain_until("äöü€𝄞 !#[]".as_bytes(), 0), "äöü€𝄞 !#[]".len());
        assert_eq!(plain_until(b"abc", 7), 7);
    }

    #[test]
    fn escapes_become_their_characters() {
        for (text, want) in [
            (r#"""#, ""),
            (r#"a\n\t\r\b\f\"\\\/z""#, "a\n\t\r\u{8}\u{c}\"\\/z"),
            (r#"\u0000\u00e9\u20AC\ud834\uDD1E""#, "\0é€𝄞"),
        ] {
            assert_eq!(read(text.as_bytes()), Ok((want.as_bytes().to_vec(), text.len())));
        }
    }

    #[test]
    fn what_is_not_unicode_stays_recognisable_as_such() {
        for (text, want) in [
            (&br#"a\ud800b""#[..], "a\u{fffd}b"),
            (br#"\udc00\ud800""#, "\u{fffd}\u{fffd}"),
            (br#"\ud800\ud834\udd1e""#, "\u{fffd}𝄞"),
            (br#"\ud800\n""#, "\u{fffd}\n"),
            (b"\xff\xe2\x82\\n\"", "\u{fffd}\u{fffd}\n"),
            (b"\xe2\\u0041\"", "\u{fffd}A"),
        ] {
            let (bytes, after) = read(text).unwrap();
            assert!(std::str::from_utf8(&bytes).is_err());
            assert_eq!((String::from_utf8_lossy(&bytes), after), (want.into(), text.len()));
        }
    }

    #[test]
    fn what_the_grammar_forbids_is_refused() {
        for (text, want) in [
            (&b"a\nb\""[..], "control character inside a string"),
            (br#"\x""#, "unknown escape in a string"),
            (br#"\u12""#, r"\u is not followed by four hex digits"),
            (br#"\u12g4""#, r"\u is not followed by four hex digits"),
            (br"\", "the text ends inside a string"),
            (b"abc", "the text ends inside a string"),
        ] {
            assert_eq!(read(text), Err(want));
        }
    }
}
