//! Bytes that no generated type writes but the wire format allows, and those it does not.

use crate::cell::{Cell, Row, decode_bytes, row, rows};
use decode::DecodeError;
use model::Signal;
use tables::TableId;

/// A field of a message that holds another, or bytes, or text.
pub(crate) fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut out = varint(u64::from(number << 3 | 2));
    out.extend(varint(content.len() as u64));
    out.extend_from_slice(content);
    out
}

pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn number(number: u32, value: u64) -> Vec<u8> {
    [varint(u64::from(number << 3)), varint(value)].concat()
}

fn fixed64(number: u32, value: u64) -> Vec<u8> {
    [varint(u64::from(number << 3 | 1)), value.to_le_bytes().to_vec()].concat()
}

pub(crate) fn attribute(key: &[u8], value: &[u8]) -> Vec<u8> {
    [field(1, key), field(2, value)].concat()
}

/// A request around items of a signal.
pub(crate) fn request(items: &[Vec<u8>]) -> Vec<u8> {
    let scope: Vec<u8> = items.iter().flat_map(|item| field(2, item)).collect();
    field(1, &field(2, &scope))
}

pub(crate) fn identified(rest: &[u8]) -> Vec<u8> {
    let times = [fixed64(7, 1_795_132_800_000_000_000), fixed64(8, 1_795_132_800_000_000_001)].concat();
    [field(1, &[1; 16]), field(2, &[2; 8]), times, rest.to_vec()].concat()
}

/// The only span of a request with this one item.
fn span(rest: &[u8]) -> Row {
    let decoded = decode_bytes(Signal::Traces, request(&[identified(rest)])).unwrap();
    assert_eq!((decoded.rejected, &decoded.reasons), (0, &Vec::new()));
    rows(&decoded, TableId::Spans).remove(0)
}

fn attributes(row: &Row) -> Vec<(String, Cell)> {
    match row.get("attributes") {
        Some(Cell::Map(entries)) => entries.clone(),
        None => Vec::new(),
        other => panic!("attributes are a map, not {other:?}"),
    }
}

#[test]
fn unknown_fields_of_every_wire_type_are_skipped() {
    let unknown = [
        number(100, u64::MAX),
        fixed64(101, 7),
        field(102, b"what is this"),
        varint(103 << 3 | 5),
        vec![1, 2, 3, 4],
        // A group with a group and a field inside.
        [varint(104 << 3 | 3), varint(105 << 3 | 3), number(1, 5), varint(105 << 3 | 4), varint(104 << 3 | 4)].concat(),
    ]
    .concat();
    let name = field(5, b"after the unknown");
    assert_eq!(span(&[unknown.clone(), name].concat())["operation"], "after the unknown".into());
    // At every level above, too.
    let item = identified(&field(5, b"inside"));
    let scope = [unknown.clone(), field(2, &item), unknown.clone()].concat();
    let resource = [unknown.clone(), field(2, &scope), unknown.clone()].concat();
    let body = [unknown.clone(), field(1, &resource), unknown].concat();
    let decoded = decode_bytes(Signal::Traces, body).unwrap();
    assert_eq!(rows(&decoded, TableId::Spans)[0]["operation"], "inside".into());
}

#[test]
fn overlong_varints_and_lengths_mean_what_they_say() {
    let kind = [vec![0x30, 0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]].concat();
    assert_eq!(span(&kind)["kind"], "server".into());
    let name = [vec![0xaa, 0x80, 0x00, 0x82, 0x00], b"ab".to_vec()].concat();
    assert_eq!(span(&name)["operation"], "ab".into());
    // A negative enum takes ten bytes.
    assert_eq!(span(&number(6, -1i64 as u64))["kind"], "internal".into());
}

#[test]
fn of_a_field_sent_twice_the_last_counts_and_messages_merge() {
    assert_eq!(span(&[field(5, b"first"), field(5, b"second")].concat())["operation"], "second".into());
    let status = [field(15, &number(3, 2)), field(15, &field(2, b"why"))].concat();
    let row = span(&status);
    assert_eq!((&row["status"], &row["status_message"]), (&"error".into(), &"why".into()));
    // A value that is a text and then an integer is an integer.
    let value = [field(1, b"text"), number(3, 7)].concat();
    let row = span(&field(9, &attribute(b"k", &value)));
    assert_eq!(
        (attributes(&row), &row["attribute_types"]),
        (vec![("k".into(), "7".into())], &Cell::Bytes(b"i".to_vec()))
    );
    // Two halves of a resource.
    let halves = |key: &[u8], value: &[u8]| field(1, &field(1, &attribute(key, &field(1, value))));
    let items = field(2, &field(2, &identified(&[])));
    let resource = [halves(b"service.name", b"s"), items, halves(b"host.name", b"h")].concat();
    let decoded = decode_bytes(Signal::Traces, field(1, &resource)).unwrap();
    assert_eq!(attributes(&rows(&decoded, TableId::Resources)[0]).len(), 2);
    assert_eq!(
        (decoded.batches.senders[0].service.as_str(), decoded.batches.senders[0].instance.as_deref()),
        ("s", Some("h"))
    );
}

#[test]
fn resource_scope_and_schema_may_come_after_the_items() {
    let scope = [
        field(2, &identified(&field(5, b"early"))),
        field(3, b"scope schema"),
        field(1, &[field(1, b"scope name"), field(2, b"1.0")].concat()),
    ]
    .concat();
    let resource = [
        field(2, &scope),
        field(3, b"resource schema"),
        field(1, &field(1, &attribute(b"service.name", &field(1, b"late")))),
    ]
    .concat();
    let decoded = decode_bytes(Signal::Traces, field(1, &resource)).unwrap();
    let span = &rows(&decoded, TableId::Spans)[0];
    for (column, text) in
        [("service", "late"), ("scope", "scope name"), ("scope_version", "1.0"), ("scope_schema_url", "scope schema")]
    {
        assert_eq!(span[column], text.into(), "{column}");
    }
    assert_eq!(rows(&decoded, TableId::Resources)[0]["schema_url"], "resource schema".into());
}

#[test]
fn key_and_value_may_come_in_any_order_and_be_absent() {
    let swapped = field(9, &[field(2, &field(1, b"v")), field(1, b"k")].concat());
    assert_eq!(attributes(&span(&swapped)), [("k".into(), "v".into())]);
    let row = span(
        &[field(9, &field(1, b"only key")), field(9, &field(2, &field(1, b"only value"))), field(9, &[])].concat(),
    );
    let entries = [("only key".into(), Cell::Null), ("".into(), "only value".into()), ("".into(), Cell::Null)];
    assert_eq!(attributes(&row), entries);
    assert_eq!((&row["attribute_types"], &row["flags"]), (&Cell::Bytes(b"0s0".to_vec()), &"duplicate_key".into()));
}

#[test]
fn lists_of_numbers_are_read_packed_and_not() {
    let point = |counts: Vec<u8>| {
        let metric =
            [field(1, b"m"), field(9, &field(1, &[fixed64(3, 1_795_132_800_000_000_000), counts].concat()))].concat();
        let decoded = decode_bytes(Signal::Metrics, request(&[metric])).unwrap();
        rows(&decoded, TableId::Metrics).remove(0)["bucket_counts"].clone()
    };
    let three = Cell::List(vec![Cell::UInt(1), Cell::UInt(2), Cell::UInt(3)]);
    let packed: Vec<u8> = [1u64, 2, 3].iter().flat_map(|count| count.to_le_bytes()).collect();
    assert_eq!(point(field(6, &packed)), three);
    assert_eq!(point([fixed64(6, 1), fixed64(6, 2), fixed64(6, 3)].concat()), three);
    assert_eq!(point([fixed64(6, 1), field(6, &packed[8..])].concat()), three);
}

#[test]
fn minus_zero_and_nan_payloads_survive() {
    for bits in [(-0.0f64).to_bits(), 0x7ff8_0000_0000_1234, f64::NAN.to_bits(), f64::INFINITY.to_bits()] {
        let point = [fixed64(3, 1_795_132_800_000_000_000), fixed64(4, bits)].concat();
        let metric = [field(1, b"m"), field(5, &field(1, &point))].concat();
        let decoded = decode_bytes(Signal::Metrics, request(&[metric])).unwrap();
        assert_eq!(rows(&decoded, TableId::Metrics)[0]["value"], Cell::Double(bits));
    }
}

#[test]
fn a_broken_item_is_refused_by_name_and_its_neighbours_are_kept() {
    let good = || identified(&field(5, b"good"));
    for (bad, why) in [
        (field(1, &[1; 15]), "trace id is 15 bytes, must be 16"),
        (field(1, &[1; 17]), "trace id is 17 bytes, must be 16"),
        (field(2, &[1; 1]), "span id is 1 bytes, must be 8"),
        (field(4, &[0; 16]), "parent span id is 16 bytes, must be 8"),
        (field(13, &field(1, &[1; 8])), "trace id of a link is 8 bytes, must be 16"),
        (field(13, &field(2, &[1; 16])), "span id of a link is 16 bytes, must be 8"),
        (field(9, &[0x0a]), "in attributes: a varint is cut off"),
        (field(9, &field(2, &[0x0a, 5, b'x'])), "in attributes: a length runs past the end"),
        (field(9, &field(2, &field(5, &field(1, &[0x0f])))), "in attributes: a wire type does not exist"),
        (field(11, &[0x09, 1]), "in events: a fixed-size number is cut off"),
        (field(15, &[0x00]), "in status: a field number is zero or above 2^29"),
        (fixed64(5, 1), "a field has another wire type than its definition"),
        (vec![0x0c], "a group does not end where it should"),
        (vec![0xff], "a varint is cut off"),
    ] {
        let decoded = decode_bytes(Signal::Traces, request(&[good(), identified(&bad), good()])).unwrap();
        assert_eq!(decoded.reasons, [format!("resourceSpans[0].scopeSpans[0].spans[1]: {why}")]);
        assert_eq!((decoded.rejected, rows(&decoded, TableId::Spans).len()), (1, 2));
        let sender = &decoded.batches.senders[0];
        assert_eq!((sender.accepted, sender.refused), (2, 1));
    }
}

#[test]
fn points_and_records_are_refused_by_name_too() {
    let record = field(9, &[1; 3]);
    let decoded = decode_bytes(Signal::Logs, request(&[record, field(3, b"fine")])).unwrap();
    assert_eq!(decoded.reasons, ["resourceLogs[0].scopeLogs[0].logRecords[0]: trace id is 3 bytes, must be 16"]);
    assert_eq!(rows(&decoded, TableId::Logs).len(), 1);

    let exemplar = field(5, &field(4, &[1; 7]));
    let metric = [field(1, b"m"), field(7, &[field(1, &fixed64(6, 1)), field(1, &exemplar)].concat())].concat();
    let decoded = decode_bytes(Signal::Metrics, request(&[metric])).unwrap();
    let why =
        "resourceMetrics[0].scopeMetrics[0].metrics[0].sum.dataPoints[1]: span id of an exemplar is 7 bytes, must be 8";
    assert_eq!(decoded.reasons, [why]);
    assert_eq!((decoded.rejected, rows(&decoded, TableId::Metrics).len()), (1, 1));
}

#[test]
fn ten_reasons_are_told_and_the_rest_counted() {
    let items: Vec<_> = (0..25).map(|_| field(1, &[1; 15])).collect();
    let decoded = decode_bytes(Signal::Traces, request(&items)).unwrap();
    assert_eq!((decoded.rejected, decoded.reasons.len()), (25, 11));
    assert_eq!(decoded.reasons[9], "resourceSpans[0].scopeSpans[0].spans[9]: trace id is 15 bytes, must be 16");
    assert_eq!(decoded.reasons[10], "... and 15 more");
    assert_eq!(decoded.batches.senders[0].refused, 25);
}

#[test]
fn a_broken_frame_refuses_the_whole_request_and_says_where() {
    let good = field(2, &identified(&[]));
    for (body, at) in [
        (vec![0x0a, 0x05, 1], "request"),
        ([field(1, &field(2, &good)), vec![0x08]].concat(), "request"),
        ([field(1, &field(2, &good)), field(1, &[0x12, 9])].concat(), "resourceSpans[1]"),
        (field(1, &field(1, &field(1, &[0x0a, 9]))), "resourceSpans[0]"),
        (field(1, &[field(2, &good), field(2, &[0x12])].concat()), "resourceSpans[0].scopeSpans[1]"),
        (field(1, &field(2, &[field(1, &[0x0a, 9]), good].concat())), "resourceSpans[0].scopeSpans[0]"),
        (b"{\"resourceSpans\":[]}".to_vec(), "request"),
    ] {
        let DecodeError::Malformed { at: where_, what } = decode_bytes(Signal::Traces, body.clone()).unwrap_err()
        else {
            panic!("{body:02x?}")
        };
        assert_eq!(where_, at, "{body:02x?}: {what}");
    }
    let metric = [field(1, b"m"), vec![0x2a, 9]].concat();
    let error = decode_bytes(Signal::Metrics, request(&[metric])).unwrap_err();
    assert_eq!(error.to_string(), "resourceMetrics[0].scopeMetrics[0].metrics[0]: a length runs past the end");
}

#[test]
fn nothing_is_a_good_request_and_leaves_no_rows() {
    let empty_scope =
        field(1, &[field(1, &field(1, &attribute(b"service.name", &field(1, b"s")))), field(2, &[])].concat());
    for signal in Signal::ALL {
        for body in [Vec::new(), field(1, &[]), empty_scope.clone()] {
            let decoded = decode_bytes(signal, body).unwrap();
            assert!(decoded.batches.tables.is_empty() && decoded.batches.senders.is_empty() && decoded.rejected == 0);
        }
    }
    // Metrics without data, and data without points.
    let metrics = [field(1, b"no data"), [field(1, b"no points"), field(5, &[])].concat()];
    let decoded = decode_bytes(Signal::Metrics, request(&metrics)).unwrap();
    assert_eq!((rows(&decoded, TableId::Metrics), rows(&decoded, TableId::Series)), (vec![], vec![]));
}

#[test]
fn d4_text_that_is_not_utf8_is_repaired_and_flagged_where_it_is() {
    let bad = b"caf\xe9 \xf0\x9f";
    let repaired = Cell::from("caf\u{fffd} \u{fffd}");
    let fields = [
        ("operation", field(5, bad)),
        ("status_message", field(15, &field(2, bad))),
        ("trace_state", field(3, bad)),
        ("attributes.url.path", field(9, &attribute(b"url.path", &field(1, bad)))),
        ("request_id", field(9, &attribute(b"request.id", &field(1, bad)))),
    ];
    for (column, sent) in fields {
        let items = [identified(&field(5, b"clean")), identified(&sent)];
        let decoded = decode_bytes(Signal::Traces, request(&items)).unwrap();
        let spans = rows(&decoded, TableId::Spans);
        assert_eq!(spans[1][column], repaired);
        assert_eq!((spans[0].get("flags"), &spans[1]["flags"]), (None, &"invalid_utf8,duplicate".into()), "{column}");
        assert_eq!(decoded.warnings, ["1 item with text that is not UTF-8 (repaired with U+FFFD)"]);
    }
    // As a key, in the map, and inside a nested value.
    for (sent, key, value) in [
        (attribute(bad, &field(1, b"v")), "caf\u{fffd} \u{fffd}", "v"),
        (attribute(b"k", &field(1, bad)), "k", "caf\u{fffd} \u{fffd}"),
        (attribute(b"k", &field(5, &field(1, &field(1, bad)))), "k", "[\"caf\u{fffd} \u{fffd}\"]"),
        (attribute(b"k", &field(6, &field(1, &field(1, bad)))), "k", "{\"caf\u{fffd} \u{fffd}\":null}"),
    ] {
        let row = span(&field(9, &sent));
        assert_eq!((attributes(&row), &row["flags"]), (vec![(key.into(), value.into())], &"invalid_utf8".into()));
    }
    // Two texts that are only valid together.
    let row = span(&[field(5, b"\xc3"), field(9, &attribute(b"k", &field(1, b"\xa4")))].concat());
    assert_eq!((&row["operation"], attributes(&row)), (&"\u{fffd}".into(), vec![("k".into(), "\u{fffd}".into())]));
    // A resource says it on its rows.
    let resource =
        [field(1, &field(1, &attribute(b"host.name", &field(1, bad)))), field(2, &field(2, &identified(&[])))].concat();
    let decoded = decode_bytes(Signal::Traces, field(1, &resource)).unwrap();
    assert_eq!(rows(&decoded, TableId::Spans)[0]["flags"], "invalid_utf8".into());
    assert_eq!(decoded.batches.senders[0].instance.as_deref(), Some("caf\u{fffd} \u{fffd}"));
}

#[test]
fn values_are_cut_below_64_levels_and_flagged() {
    let nested = |depth: usize| (0..depth).fold(field(1, b"deep"), |inner, _| field(5, &field(1, &inner)));
    let text = |depth: usize| format!("{}\"deep\"{}", "[".repeat(depth), "]".repeat(depth));
    let row = span(&field(9, &attribute(b"k", &nested(64))));
    assert_eq!((attributes(&row), row.get("flags")), (vec![("k".into(), Cell::Text(text(64)))], None));
    for depth in [65, 66, 5_000] {
        let row = span(&field(9, &attribute(b"k", &nested(depth))));
        let cut = text(64).replace("\"deep\"", "null");
        assert_eq!((attributes(&row), &row["flags"]), (vec![("k".into(), Cell::Text(cut))], &"too_deep".into()));
    }
    // Built from the inside out at the end of a buffer: 200,000 levels overflow a stack that follows them.
    let mut reversed: Vec<u8> = field(1, b"x").into_iter().rev().collect();
    for level in 0..400_000 {
        let number = if level % 2 == 0 { 1 } else { 5 };
        let mut head = [varint(number << 3 | 2), varint(reversed.len() as u64)].concat();
        head.reverse();
        reversed.extend(head);
    }
    reversed.reverse();
    assert_eq!(span(&field(9, &attribute(b"k", &reversed)))["flags"], "too_deep".into());
}

#[test]
fn rows_have_only_columns_of_the_table() {
    let expected = row([("operation", "x".into()), ("kind", "internal".into()), ("status", "unset".into())]);
    let actual = span(&field(5, b"x"));
    for (column, cell) in &expected {
        assert_eq!(&actual[column], cell);
    }
    let rest: Vec<_> = actual.keys().filter(|column| !expected.contains_key(*column)).collect();
    assert_eq!(rest, ["duration_ns", "resource_id", "service", "span_id", "time", "trace_id"]);
}
