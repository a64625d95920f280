//! Fault D3: the same request in protobuf and in any spelling of JSON gives the same rows, cell by
//! cell, and the same refusals.

use crate::dice::Dice;
use crate::writer::Writer;
use crate::{RECEIVED, layout, messages, read};
use bytes::Bytes;
use decode::{Decoded, Encoding, decode};
use model::Signal;
use proptest::prelude::*;
use prost::Message;

pub(crate) fn from_protobuf(signal: Signal, request: &impl Message) -> Decoded {
    decode(&layout(), signal, Encoding::Protobuf, &Bytes::from(request.encode_to_vec()), RECEIVED).unwrap()
}

/// Table by table and column by column, so that a difference is said by name.
pub(crate) fn same(protobuf: &Decoded, json: &Decoded) -> Result<(), TestCaseError> {
    prop_assert_eq!(protobuf.rejected, json.rejected);
    prop_assert_eq!(&protobuf.reasons, &json.reasons);
    prop_assert_eq!(&protobuf.warnings, &json.warnings);
    prop_assert_eq!(&protobuf.batches.senders, &json.batches.senders);
    prop_assert_eq!(protobuf.batches.tables.len(), json.batches.tables.len());
    for (a, b) in protobuf.batches.tables.iter().zip(&json.batches.tables) {
        prop_assert_eq!((a.table, a.time_min, a.time_max), (b.table, b.time_min, b.time_max));
        prop_assert_eq!(&a.overflow, &b.overflow);
        for (i, field) in a.rows.schema().fields().iter().enumerate() {
            prop_assert_eq!(a.rows.column(i), b.rows.column(i), "{}.{}", a.table, field.name());
        }
        prop_assert_eq!(&a.rows, &b.rows);
    }
    Ok(())
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn d3_traces_are_the_same_rows_in_json_and_protobuf(message in bytes(2_000), spelling in bytes(2_000)) {
        let request = messages::traces(&mut Dice::new(&message));
        let text = Writer(Dice::new(&spelling)).traces(&request);
        let json = read(Signal::Traces, text.as_bytes()).map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?;
        same(&from_protobuf(Signal::Traces, &request), &json)?;
    }

    #[test]
    fn d3_logs_are_the_same_rows_in_json_and_protobuf(message in bytes(2_000), spelling in bytes(2_000)) {
        let request = messages::logs(&mut Dice::new(&message));
        let text = Writer(Dice::new(&spelling)).logs(&request);
        let json = read(Signal::Logs, text.as_bytes()).map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?;
        same(&from_protobuf(Signal::Logs, &request), &json)?;
    }

    #[test]
    fn d3_metrics_are_the_same_rows_in_json_and_protobuf(message in bytes(2_000), spelling in bytes(2_000)) {
        let request = messages::metrics(&mut Dice::new(&message));
        let text = Writer(Dice::new(&spelling)).metrics(&request);
        let json = read(Signal::Metrics, text.as_bytes()).map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?;
        same(&from_protobuf(Signal::Metrics, &request), &json)?;
    }
}
