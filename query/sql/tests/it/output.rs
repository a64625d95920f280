//! Results as they leave.

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use sql::output::Limits;
use std::sync::Arc;

fn batch(n: i64) -> RecordBatch {
    RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from_iter_values(0..n)) as ArrayRef)]).unwrap()
}

#[test]
fn results_end_at_their_limits_and_say_so() {
    let mut limits = Limits { rows_max: 5, bytes_max: 1 << 20, rows: 0, bytes: 0 };
    assert_eq!(limits.admit(batch(5)), (batch(5), None));
    let (rest, reason) = limits.admit(batch(1));
    assert_eq!(
        (rest.num_rows(), reason.unwrap().as_str()),
        (0, "the result was cut at 5 rows; raise limit or narrow the query")
    );
    let mut limits = Limits { rows_max: 100, bytes_max: 64, rows: 0, bytes: 0 };
    assert_eq!(limits.admit(batch(8)).1, None);
    assert!(limits.admit(batch(1)).1.is_some());
}
