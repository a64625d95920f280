//! Whatever is sent comes out, field by field.

use crate::cell::{decode_message, resolved_rows};
use crate::{generate, model};
use ::model::Signal;
use decode::Decoded;
use model::Expected;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use proptest::prelude::*;
use prost::Message;
use std::collections::BTreeSet;
use tables::TableId;

fn overflow(decoded: &Decoded, table: TableId) -> BTreeSet<String> {
    let batches = decoded.batches.tables.iter().filter(|batch| batch.table == table);
    batches.flat_map(|batch| batch.overflow.clone()).collect()
}

fn check(decoded: &Decoded, table: TableId, (rows, over): Expected) {
    let actual = resolved_rows(decoded, table);
    assert_eq!(actual.len(), rows.len());
    for (actual, expected) in actual.iter().zip(&rows) {
        for column in actual.keys().chain(expected.keys()) {
            assert_eq!(actual.get(column), expected.get(column), "{column}");
        }
    }
    assert_eq!(overflow(decoded, table), over);
    let accepted: u64 = decoded.batches.senders.iter().map(|sender| sender.accepted).sum();
    assert_eq!((accepted, decoded.rejected), (rows.len() as u64, 0));
    for batch in decoded.batches.tables.iter().filter(|batch| batch.table == table) {
        let times = rows.iter().map(|row| match row["time"] {
            crate::cell::Cell::Int(time) => time,
            ref other => panic!("a time is a number, not {other:?}"),
        });
        assert_eq!((Some(batch.time_min), Some(batch.time_max)), (times.clone().min(), times.max()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_field_of_a_span_is_stored(request in generate::traces()) {
        check(&decode_message(Signal::Traces, &request), TableId::Spans, model::spans(&request));
    }

    #[test]
    fn every_field_of_a_log_record_is_stored(request in generate::logs()) {
        check(&decode_message(Signal::Logs, &request), TableId::Logs, model::logs(&request));
    }

    #[test]
    fn every_field_of_a_data_point_and_its_series_is_stored(request in generate::metrics()) {
        // The encoder of the generated types leaves out -0 like 0: what was sent is what can be read back.
        let sent = ExportMetricsServiceRequest::decode(request.encode_to_vec().as_slice()).unwrap();
        check(&decode_message(Signal::Metrics, &request), TableId::Metrics, (model::metrics(&sent), BTreeSet::new()));
    }
}
