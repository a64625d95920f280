//! Bytes and times as people see them.

use arrow::array::{ArrayRef, AsArray, FixedSizeBinaryArray, Int64Array, TimestampNanosecondArray};
use arrow::datatypes::TimestampNanosecondType;
use sql::text::{end_time, hex};
use std::sync::Arc;

#[test]
fn ids_print_as_lower_case_hex_and_absent_ones_stay_absent() {
    let ids =
        FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some([0xAB, 0x01]), None, Some([0, 255])].into_iter(), 2)
            .unwrap();
    let text = hex(&ids).unwrap();
    assert_eq!(text.iter().collect::<Vec<_>>(), [Some("ab01"), None, Some("00ff")]);
}

#[test]
fn an_end_beyond_time_stays_at_its_edge() {
    let start: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![10, i64::MAX]).with_timezone("UTC"));
    let duration: ArrayRef = Arc::new(Int64Array::from(vec![-3, 5]));
    let end = end_time(&start, &duration).unwrap();
    assert_eq!(end.as_primitive::<TimestampNanosecondType>().values(), &[7, i64::MAX]);
}
