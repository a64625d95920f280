//! Bytes from people who mean harm or whose memory is broken: no panic, no false claim, bounded work.

use crate::cell::{RECEIVED, decode_bytes, layout, rows, settings};
use crate::generate;
use crate::wire::{attribute, field, identified, request};
use decode::{Encoding, decode, fuzz_entry};
use model::Signal;
use proptest::prelude::*;
use prost::Message;
use tables::TableId;
use tables::build::{BuildSettings, Layout};

fn damage(mut body: Vec<u8>, changes: &[(prop::sample::Index, u8)], cut: Option<prop::sample::Index>) -> Vec<u8> {
    if !body.is_empty() {
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = *byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
    }
    body
}

type Damage = (Vec<(prop::sample::Index, u8)>, Option<prop::sample::Index>);

fn any_damage() -> impl Strategy<Value = Damage> {
    (proptest::collection::vec(any::<(prop::sample::Index, u8)>(), 1..6), any::<Option<prop::sample::Index>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_bytes_are_answered(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        for signal in Signal::ALL {
            fuzz_entry(&layout(), signal, Encoding::Protobuf, &body);
        }
    }

    #[test]
    fn damaged_spans_are_answered(request in generate::traces(), (changes, cut) in any_damage()) {
        fuzz_entry(&layout(), Signal::Traces, Encoding::Protobuf, &damage(request.encode_to_vec(), &changes, cut));
    }

    #[test]
    fn damaged_records_are_answered(request in generate::logs(), (changes, cut) in any_damage()) {
        fuzz_entry(&layout(), Signal::Logs, Encoding::Protobuf, &damage(request.encode_to_vec(), &changes, cut));
    }

    #[test]
    fn damaged_points_are_answered(request in generate::metrics(), (changes, cut) in any_damage()) {
        fuzz_entry(&layout(), Signal::Metrics, Encoding::Protobuf, &damage(request.encode_to_vec(), &changes, cut));
    }

    #[test]
    fn what_came_before_changes_no_answer(first in generate::traces(), second in generate::traces()) {
        let warm = layout();
        let (first, second) = (first.encode_to_vec().into(), second.encode_to_vec().into());
        decode(&warm, Signal::Traces, Encoding::Protobuf, &first, RECEIVED).unwrap();
        let warm = decode(&warm, Signal::Traces, Encoding::Protobuf, &second, RECEIVED).unwrap();
        let cold = decode(&layout(), Signal::Traces, Encoding::Protobuf, &second, RECEIVED).unwrap();
        for (warm, cold) in warm.batches.tables.iter().zip(&cold.batches.tables) {
            prop_assert_eq!(&warm.rows, &cold.rows);
        }
    }
}

fn bounded(attributes_max: usize, items_max: usize) -> Layout {
    Layout::new(BuildSettings { attributes_max, items_max, ..settings() })
}

#[test]
fn attributes_beyond_the_bound_are_counted_and_flagged() {
    let attributes: Vec<u8> =
        (0..10).flat_map(|at| field(9, &attribute(format!("k{at}").as_bytes(), &field(1, b"v")))).collect();
    let body = request(&[identified(&attributes)]).into();
    let decoded = decode(&bounded(4, 10), Signal::Traces, Encoding::Protobuf, &body, RECEIVED).unwrap();
    let span = &rows(&decoded, TableId::Spans)[0];
    assert_eq!(span["dropped_attributes_count"], crate::cell::Cell::Int(6));
    assert_eq!(span["flags"], "attributes_cut".into());
    assert!(matches!(&span["attributes"], crate::cell::Cell::Map(entries) if entries.len() == 4));
    assert_eq!(decoded.warnings, ["1 item with more attributes than are kept (the rest counted as dropped)"]);
}

#[test]
fn items_beyond_the_bound_are_refused() {
    let items: Vec<_> = (0..5).map(|at| identified(&field(5, &[b'a' + at]))).collect();
    let decoded =
        decode(&bounded(4, 3), Signal::Traces, Encoding::Protobuf, &request(&items).into(), RECEIVED).unwrap();
    assert_eq!((rows(&decoded, TableId::Spans).len(), decoded.rejected), (3, 2));
    assert_eq!(decoded.reasons[0], "resourceSpans[0].scopeSpans[0].spans[3]: more than 3 items in one request");
}

#[test]
fn a_new_key_and_a_new_service_in_each_span_make_no_new_column() {
    let resource = |at: u32| {
        let name = field(1, &field(1, &attribute(b"service.name", &field(1, format!("s{at}").as_bytes()))));
        let span = identified(&field(9, &attribute(format!("key{at}").as_bytes(), &field(1, b"v"))));
        field(1, &[name, field(2, &field(2, &span))].concat())
    };
    let body: Vec<u8> = (0..20_000).flat_map(resource).collect();
    let decoded = decode_bytes(Signal::Traces, body).unwrap();
    let spans = decoded.batches.tables.iter().find(|batch| batch.table == TableId::Spans).unwrap();
    assert_eq!(spans.rows.schema(), layout().spec(TableId::Spans).schema);
    assert_eq!((spans.rows.num_rows(), decoded.batches.senders.len()), (20_000, 20_000));
}

#[test]
fn a_key_and_a_value_of_a_megabyte_are_stored() {
    let (key, value) = ("k".repeat(1 << 20), "v".repeat(1 << 20));
    let body = request(&[identified(&field(9, &attribute(key.as_bytes(), &field(1, value.as_bytes()))))]);
    let decoded = decode_bytes(Signal::Traces, body).unwrap();
    let crate::cell::Cell::Map(entries) = &rows(&decoded, TableId::Spans)[0]["attributes"] else { panic!("no map") };
    assert!(entries[0].0 == key && entries[0].1 == value.as_str().into());
}

#[test]
fn items_are_refused_once_a_request_has_brought_too_many_attributes() {
    let attributes: Vec<u8> = (0..3).flat_map(|_| field(9, &attribute(b"k", &field(1, b"v")))).collect();
    let items: Vec<_> = (0..5).map(|at| identified(&[field(5, &[b'a' + at]), attributes.clone()].concat())).collect();
    let layout = Layout::new(BuildSettings { request_attributes_max: 8, ..settings() });
    let decoded = decode(&layout, Signal::Traces, Encoding::Protobuf, &request(&items).into(), RECEIVED).unwrap();
    assert_eq!((rows(&decoded, TableId::Spans).len(), decoded.rejected), (3, 2));
    assert_eq!(decoded.reasons[1], "resourceSpans[0].scopeSpans[0].spans[4]: more than 8 attributes in one request");
}

#[test]
fn events_and_links_beyond_the_bound_are_counted_and_flagged() {
    let nested: Vec<u8> = (0..5).flat_map(|_| [field(11, &field(2, b"e")), field(13, &[])].concat()).collect();
    let layout = Layout::new(BuildSettings { nested_max: 2, ..settings() });
    let body = request(&[identified(&nested)]).into();
    let decoded = decode(&layout, Signal::Traces, Encoding::Protobuf, &body, RECEIVED).unwrap();
    let span = &rows(&decoded, TableId::Spans)[0];
    for (list, count) in [("events", "dropped_events_count"), ("links", "dropped_links_count")] {
        assert!(matches!(&span[list], crate::cell::Cell::List(kept) if kept.len() == 2), "{list}");
        assert_eq!(span[count], crate::cell::Cell::Int(3));
    }
    assert_eq!(span["flags"], "nested_cut".into());
}
