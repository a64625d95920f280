//! Fault D2: what RFC 8259 allows is read, what it forbids is refused, what it leaves open does no
//! harm. Each case stands as a whole body, under an unknown key, and inside an attribute value.

use crate::read;
use decode::DecodeError;
use model::Signal;

/// The bodies a case is tried in.
fn wrapped(case: &[u8]) -> Vec<Vec<u8>> {
    [
        (r#"{"unknown":"#, "}"),
        (
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[{"key":"k","value":{"unknown":"#,
            "}}]}]}]}]}",
        ),
        (
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"kvlistValue":{"values":[],"unknown":["#,
            "]}}}]}]}]}",
        ),
    ]
    .iter()
    .map(|(before, after)| [before.as_bytes(), case, after.as_bytes()].concat())
    .collect()
}

fn shown(case: &[u8]) -> String {
    String::from_utf8_lossy(&case[..case.len().min(80)]).into_owned()
}

#[rustfmt::skip]
const VALID: &[&[u8]] = &[
    // Structure and white space
    b"[]", b"{}", b"[[]]", b"[{}]", b"{\"a\":{}}", b"{\"a\":[]}", b"[[],[[]],[[[]]]]", b"[1,2,3]", b"[ ]", b"{ }", b" []", b"[] ",
    b"\t[\n1\r,\t2 ]\r\n", b"{\n\"a\"\t:\r1 }", b"[null,1,\"1\",{}]", b"[1,null,null,null,2]", b"[\"\"]", b"[\"a\",\"b\"]",
    b"{\"a\":1}", b"{\"a\":1,\"b\":2}", b"{\"\":0}", b"{\"a\":{\"a\":{\"a\":{}}}}", b"[{\"a\":[{\"b\":[]}]}]", b"[\n]", b"{\r}",
    // Repeated and odd keys
    b"{\"a\":1,\"a\":2}", b"{\"a\":1,\"a\":1}", b"{\"a\":{},\"a\":[]}", b"{\"\\u0061\":1}", b"{\"foo\\u0000bar\":1}",
    b"{\"a\\\"b\":1}", b"{\"__proto__\":null}", b"{\"1\":1,\"true\":2,\"null\":3}",
    // Words
    b"true", b"false", b"null", b"[true,false,null]",
    // Numbers
    b"0", b"-0", b"1", b"-1", b"9", b"10", b"-10", b"1234567890", b"123456789012345678901234567890", b"0.0", b"-0.0", b"0.5",
    b"1.5", b"-1.5", b"10.01", b"1e1", b"1E1", b"1e+1", b"1e-1", b"1E+10", b"1E-10", b"0e0", b"0e+1", b"0E-1", b"1.5e3", b"-1.5E-3",
    b"123.456e78", b"0.00000000000000000000000000000000000000000000000000000001", b"1e00", b"1e-05", b"4.9e-324", b"1.7976931348623157e308",
    b"[0,-0,0.1,-0.1e1]",
    // Strings
    b"\"\"", b"\"a\"", b"\" \"", b"\"/\"", b"\"\\/\"", b"\"\\\"\"", b"\"\\\\\"", b"\"\\b\\f\\n\\r\\t\"", b"\"\\u0000\"", b"\"\\u001f\"",
    b"\"\\u0022\\u005C\\u002f\"", b"\"\\u00e9\\u00E9\"", b"\"\\u20ac\"", b"\"\\ud834\\udd1e\"", b"\"\\uD83D\\uDE00\"", b"\"\\uFFFE\\uFFFF\"",
    b"\"\\udbff\\udfff\"", b"\"\\ufeff\"", b"\"\\\\u0041\"", b"\"\\\\\\\\\"", b"\"\\\\\\\"\"", b"\"\x7f\"", b"\"'\"", b"\"[1,2]{}:\"",
    "\"é\"".as_bytes(), "\"€\"".as_bytes(), "\"𝄞\"".as_bytes(), "\"\u{2028}\u{2029}\"".as_bytes(), "\"\u{10ffff}\"".as_bytes(),
    "\"\u{feff}\"".as_bytes(), "\"\u{200b}\u{202e}x\"".as_bytes(), "\"\u{80}\u{7ff}\u{800}\"".as_bytes(), b"\"true\"", b"\"\\u002c\"",
    b"\"\\u0008\\u000A\"", b"\"// no comment\"", b"\"/* no comment */\"", b"\"0123456789abcdef0123456789abcdef\"",
];

#[rustfmt::skip]
const INVALID: &[&[u8]] = &[
    // Nothing, or not enough
    b"", b" ", b"\n", b"[", b"{", b"]", b"}", b"[1", b"[1,", b"[\"a", b"[\"a\"", b"{\"a\"", b"{\"a\":", b"{\"a\":1", b"{\"a\":1,",
    b"[[", b"[{", b"{\"a\":[", b"[[]", b"[{}", b"\"", b"\"a", b"-", b"[-", b":", b",", b"[\"a\\", b"[\"\\u", b"[\"\\u00",
    // Too much, or the wrong thing
    b"[]]", b"{}}", b"[1]x", b"1 2", b"[1 2]", b"[1,,2]", b"[,1]", b"[,]", b"[1,]", b"{,}", b"{\"a\":1,}", b"{\"a\":1,,\"b\":2}",
    b"[1:2]", b"{\"a\",1}", b"{\"a\" 1}", b"{\"a\"::1}", b"{\"a\":1:2}", b"{:1}", b"{1:1}", b"{a:1}", b"{'a':1}", b"{null:1}", b"{[]:1}",
    b"{\"a\"}", b"{\"a\":}", b"{\"a\":1 \"b\":2}", b"[\"a\" \"b\"]", b"[}", b"{]", b"[1}", b"{\"a\":1]", b"[{]}", b"[()]", b"<a>", b"[1;2]",
    b"[1]]", b"[\"\"],", b"{\"a\":1}#", b"{\"a\":1}/**/", b"[1/*c*/]", b"[1//c\n]", b"/**/[]", b"#\n[]", b"[*]", b"[&]", b"[`a`]", b"\\",
    b"[\\u0031]", b"[\x00]", b"\x00", b"[1]\x00", b"[\x0c]", b"[\x0b1]", b"\xa0", b"[\xc2\xa0]", "[\u{2060}]".as_bytes(), "\u{ff11}".as_bytes(),
    b"\xff", b"[\xff]", b"[1,\xe5]", b"{\xff:1}", b"\xfe\xff\x00[\x00]", b"[\x00\n\x00]\x00", b"[\"a\",\n4\n,1,", b"[][]", b"{}{}", b"[]{}",
    // Words
    b"tru", b"truE", b"True", b"TRUE", b"fals", b"nul", b"Null", b"nil", b"none", b"undefined", b"truex", b"nulll", b"[tru]", b"[nul",
    b"NaN", b"nan", b"Inf", b"-Infinity", b"Infinity", b"-NaN", b"t", b"yes",
    // Numbers
    b"01", b"-01", b"00", b"-", b"--1", b"+1", b"++1", b"-+1", b"1.", b"-1.", b".1", b"-.1", b"1.e1", b"1.a", b"1..2", b"1.2.3", b"1e", b"1E",
    b"1e+", b"1e-", b"1e.5", b"1e1.5", b"1e1e1", b"0x1", b"0xAF", b"0b1", b"0o7", b"1_000", b"1 000.0", b"-a", b"1a", b"1ea", b"0e", b"0e+",
    b"- 1", b"1 .5", b"1f", b"1L", b"1n", b"012", b"-2.", b"2.e-3", b"0.3e", b"1eE2", b"[0.1.2]", "１".as_bytes(),
    // Strings
    b"\"\n\"", b"\"\t\"", b"\"\r\"", b"\"\x00\"", b"\"\x1f\"", b"\"a\x01b\"", b"\"\\x41\"", b"\"\\a\"", b"\"\\0\"", b"\"\\'\"", b"\"\\ \"", b"\"\\U0041\"",
    b"\"\\u\"", b"\"\\u1\"", b"\"\\u12\"", b"\"\\u123\"", b"\"\\u123g\"", b"\"\\u+123\"", b"\"\\u 123\"", b"\"\\u00G1\"", b"\"\\uD800\\u\"",
    b"\"\\uD800\\u1\"", b"\"\\uD800\\x\"", b"\"\\\"", b"\"\\\\\\\"", b"'a'", b"\"a\"\"", b"\"a\"b", b"\"\\\x00\"", b"\"\\\xff\"", b"\"\\u\xff\xff\xff\xff\"",
    b"\"\\\t\"", "\"\\😀\"".as_bytes(), b"a\"", b"\"a' ", b"[\"x\", truth]", b"\\\"a\\\"",
];

/// RFC 8259 lets a reader choose.
#[rustfmt::skip]
const OPEN: &[&[u8]] = &[
    // Half surrogates and other non-characters
    b"\"\\ud800\"", b"\"\\udc00\"", b"\"\\udc00\\ud800\"", b"\"\\ud800\\ud800\"", b"\"\\ud800a\"", b"\"\\ud800\\n\"", b"\"\\uD800\\u0041\"",
    b"\"\\udfff\"", b"{\"\\ud800\":1}",
    // Bytes that are not UTF-8, inside strings
    b"\"\xff\"", b"\"\x80\"", b"\"\xc0\xaf\"", b"\"\xe0\x80\x80\"", b"\"\xed\xa0\x80\"", b"\"\xf4\x90\x80\x80\"", b"\"\xf8\x88\x80\x80\x80\"",
    b"\"\xe2\x82\"", b"\"a\xe9b\"", b"{\"\xff\":1}", b"\"\xfc\x80\x80\x80\x80\x80\"",
    // Numbers beyond every type
    b"1e400", b"-1e400", b"1e-400", b"1e999999999999999999999", b"-1e-999999999999999999999", b"123123e100000", b"0.4e00669999999999999999",
    b"100000000000000000000000000000000000000000000000", b"-237462374673276894279832749832423479823246327846",
];

#[test]
fn d2_what_the_grammar_allows_is_read_and_nothing_is_refused() {
    assert!(VALID.len() >= 95, "{}", VALID.len());
    for case in VALID {
        for body in wrapped(case) {
            let decoded = read(Signal::Logs, body).unwrap_or_else(|e| panic!("{}: {e}", shown(case)));
            assert_eq!(decoded.rejected, 0, "{}: {:?}", shown(case), decoded.reasons);
        }
        // As a whole body it is a request only where it is an object.
        let as_body = read(Signal::Traces, *case);
        assert_eq!(as_body.is_ok(), case.trim_ascii_start().starts_with(b"{"), "{}: {as_body:?}", shown(case));
    }
}

#[test]
fn d2_what_the_grammar_forbids_is_refused_with_its_place() {
    assert!(INVALID.len() >= 188, "{}", INVALID.len());
    for case in INVALID {
        for body in std::iter::once(case.to_vec()).chain(wrapped(case)) {
            // Nothing at all is wrong as a text, but not as the inside of an array.
            let blank_inside = case.trim_ascii().is_empty() && body != *case;
            match read(Signal::Logs, body) {
                Err(DecodeError::Malformed { at, what }) => {
                    assert!(at.starts_with("line ") && at.contains(" column ") && !what.is_empty(), "{at}: {what}");
                }
                Err(other) => panic!("{}: {other}", shown(case)),
                Ok(_) => assert!(blank_inside, "accepted: {}", shown(case)),
            }
        }
    }
}

#[test]
fn d2_what_the_grammar_leaves_open_does_no_harm() {
    for case in OPEN {
        for body in std::iter::once(case.to_vec()).chain(wrapped(case)) {
            let _ = read(Signal::Logs, body);
        }
    }
}

#[test]
fn a_place_is_a_line_and_a_column_in_characters() {
    for (body, want) in [
        ("", "line 1 column 1"),
        ("{\n  \"ä\": tru }", "line 2 column 8"),
        ("{\r\n\r\n\"a\":\"b\u{1}\"}", "line 3 column 7"),
        ("{} x", "line 1 column 4"),
        ("[]", "line 1 column 1"),
        ("{\"resourceLogs\": 7}", "line 1 column 18"),
        ("{\"resourceLogs\": [{\"scopeLogs\": [\"x\"]}]}", "line 1 column 34"),
    ] {
        let Err(DecodeError::Malformed { at, .. }) = read(Signal::Logs, body) else { panic!("accepted: {body}") };
        assert_eq!(at, want, "{body:?}");
    }
}

#[test]
fn a_byte_order_mark_in_front_is_passed_over() {
    assert!(read(Signal::Metrics, "\u{feff}{}").is_ok());
    assert!(read(Signal::Metrics, "\u{feff}").is_err());
    assert!(read(Signal::Metrics, "\u{feff}\u{feff}{}").is_err());
}

#[test]
fn every_proper_beginning_of_a_request_is_refused() {
    let body = br#"{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"\u00e9\ud834\udd1e"}}]},
        "scopeSpans":[{"scope":{"name":"s"},"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708",
        "name":"n","kind":2,"startTimeUnixNano":"1","endTimeUnixNano":2.5e1,"status":{},"flags":null}]}]}]}"#;
    assert!(read(Signal::Traces, *body).is_ok());
    for end in 0..body.len() {
        assert!(read(Signal::Traces, &body[..end]).is_err(), "the first {end} bytes");
    }
}
