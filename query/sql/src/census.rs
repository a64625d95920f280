//! `span_census(span, by_operation, exact, wanted, lane, part, parts, edges_max)`: who called whom, of all
//! spans that the query reads, counted at one sitting by [`rollup::census`].
//!
//! `span` is a struct of the columns that a census takes. What comes out is one list of rows of several
//! sorts, told apart by `part`: `edge`, `node`, `hop` and `rest`. All spans have to come by one stream, which
//! a plan with this function is given (see [`crate::plan::Needs::one_stream`]).

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, Int64Builder, ListArray, StringViewBuilder, StructArray,
    TimestampNanosecondBuilder,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use rollup::census::{Answer, Astray, Census, Durations, End, Question, Sums};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// The name of the function.
pub const NAME: &str = "span_census";

/// The function.
pub fn function() -> AggregateUDF {
    AggregateUDF::from(SpanCensus { signature: Signature::any(8, Volatility::Volatile) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SpanCensus {
    signature: Signature,
}

impl AggregateUDFImpl for SpanCensus {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item()))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(args.name, DataType::List(item()), true))])
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Counting { census: None }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The spans so far.
#[derive(Debug)]
struct Counting {
    census: Option<Census>,
}

impl Accumulator for Counting {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(spans) = values[0].as_struct_opt() else {
            return exec_err!("{NAME} takes a struct of the columns of a span first");
        };
        if spans.is_empty() {
            return Ok(());
        }
        let census = match &mut self.census {
            Some(census) => census,
            // A number that nobody outside can foresee.
            None => self.census.insert(Census::new(question(&values[1..])?, RandomState::new().hash_one(0))),
        };
        Ok(census.add(spans)?)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let answer = self.census.take().map(Census::finish).unwrap_or_default();
        let rows = rows(&answer)?;
        let list = ListArray::try_new(item(), OffsetBuffer::from_lengths([rows.len()]), Arc::new(rows), None)?;
        Ok(ScalarValue::List(Arc::new(list)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.census.as_ref().map_or(0, Census::bytes)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        exec_err!("{NAME} counts the spans of one query without GROUP BY, UNION and JOIN")
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        exec_err!("{NAME} counts the spans of one query without GROUP BY, UNION and JOIN")
    }
}

/// What is asked, from the arguments after the spans: the same in every row.
fn question(arguments: &[ArrayRef]) -> Result<Question> {
    let wrong = || exec_datafusion_err!("{NAME}(span, by_operation, exact, wanted, lane, part, parts, edges_max)");
    let flag = |at: usize| arguments[at].as_boolean_opt().map(|a| a.value(0)).ok_or_else(wrong);
    let number = |at: usize| -> Result<i64> {
        let number = arguments[at].as_primitive_opt::<Int64Type>().filter(|a| a.is_valid(0)).ok_or_else(wrong)?;
        Ok(number.value(0))
    };
    let small = |at: usize| -> Result<u32> { u32::try_from(number(at)?).map_err(|_| wrong()) };
    let lane = arrow::compute::cast(&arguments[3], &DataType::Utf8View)?;
    let lane = lane.as_string_view();
    Ok(Question {
        by_operation: flag(0)?,
        exact: flag(1)?,
        wanted: u16::try_from(number(2)?).map_err(|_| wrong())?,
        lane: lane.is_valid(0).then(|| lane.value(0).to_owned()),
        share: (small(4)?, small(5)?),
        edges_max: usize::try_from(number(6)?).map_err(|_| wrong())?,
    })
}

const TEXTS: [&str; 10] = [
    "part",
    "caller",
    "caller_type",
    "callee",
    "callee_type",
    "kind",
    "caller_operation",
    "callee_operation",
    "caller_lane",
    "lane",
];
const NUMBERS: [&str; 8] = ["calls", "errors", "limited", "duration_sum_ns", "p50_ns", "p95_ns", "p99_ns", "left_out"];

fn fields() -> Fields {
    let texts = TEXTS.iter().map(|name| Field::new(*name, DataType::Utf8View, true));
    let numbers = NUMBERS.iter().map(|name| Field::new(*name, DataType::Int64, true));
    let others =
        [Field::new("last_seen", tables::spec::timestamp(), true), Field::new("sketch", DataType::Binary, true)];
    texts.chain(numbers).chain(others).collect()
}

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Struct(fields()), true))
}

/// Rows as they are filled.
struct Rows {
    texts: [StringViewBuilder; TEXTS.len()],
    numbers: [Int64Builder; NUMBERS.len()],
    last_seen: TimestampNanosecondBuilder,
    sketch: BinaryBuilder,
}

impl Rows {
    fn put(&mut self, texts: [Option<&str>; TEXTS.len()], numbers: [Option<i64>; NUMBERS.len()], sums: Option<&Sums>) {
        self.texts.iter_mut().zip(texts).for_each(|(column, text)| column.append_option(text));
        self.numbers.iter_mut().zip(numbers).for_each(|(column, number)| column.append_option(number));
        self.last_seen.append_option(sums.map(|sums| sums.last_seen));
        match sums.map(|sums| &sums.durations) {
            Some(Durations::Sketch(sketch)) => self.sketch.append_value(sketch.encode()),
            Some(Durations::Exact(_)) | None => self.sketch.append_null(),
        }
    }

    fn sums(&mut self, part: &str, caller: Option<&End>, callee: &End, kind: Option<&str>, sums: &Sums) {
        let [caller, caller_type] = [caller.map(|end| &*end.name), caller.map(|end| end.kind)];
        let (callee, callee_type) = (Some(&*callee.name), Some(callee.kind));
        let texts = [Some(part), caller, caller_type, callee, callee_type, kind, None, None, None, None];
        let [p50, p95, p99] = match sums.durations {
            Durations::Exact(quantiles) => quantiles.map(Some),
            Durations::Sketch(_) => [None; 3],
        };
        let [calls, errors, limited] = [sums.calls, sums.errors, sums.limited].map(count);
        self.put(texts, [calls, errors, limited, Some(sums.duration_sum_ns), p50, p95, p99, None], Some(sums));
    }

    fn hop(&mut self, hop: &Astray) {
        let texts = [
            Some("hop"),
            Some(&*hop.caller),
            None,
            Some(&*hop.callee),
            None,
            None,
            Some(&*hop.caller_operation),
            Some(&*hop.callee_operation),
            Some(&*hop.caller_lane),
            Some(&*hop.lane),
        ];
        self.put(texts, [count(hop.calls), None, None, None, None, None, None, None], None);
    }
}

fn count(count: u64) -> Option<i64> {
    Some(i64::try_from(count).unwrap_or(i64::MAX))
}

fn rows(answer: &Answer) -> Result<StructArray> {
    let mut rows = Rows {
        texts: std::array::from_fn(|_| StringViewBuilder::new()),
        numbers: std::array::from_fn(|_| Int64Builder::new()),
        last_seen: TimestampNanosecondBuilder::new().with_timezone("UTC"),
        sketch: BinaryBuilder::new(),
    };
    for edge in &answer.edges {
        rows.sums("edge", Some(&edge.caller), &edge.callee, Some(edge.kind), &edge.sums);
    }
    answer.nodes.iter().for_each(|node| rows.sums("node", None, &node.end, None, &node.sums));
    answer.astray.iter().for_each(|hop| rows.hop(hop));
    let mut texts = [None; TEXTS.len()];
    texts[0] = Some("rest");
    let numbers = [count(answer.unresolved), None, None, None, None, None, None, count(answer.edges_left_out)];
    rows.put(texts, numbers, None);
    let Rows { texts, numbers, mut last_seen, mut sketch } = rows;
    let texts = texts.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef);
    let numbers = numbers.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef);
    let others = [Arc::new(last_seen.finish()) as ArrayRef, Arc::new(sketch.finish())];
    Ok(StructArray::try_new(fields(), texts.chain(numbers).chain(others).collect(), None)?)
}
