//! `p50(x)`, `p95(x)`, `p99(x)`: exact quantiles by nearest rank.
//!
//! The answer is a value that occurs: the smallest x such that at least the given share of all values
//! is <= x (what SQL calls percentile_disc). Integers stay integers. Nulls do not count; of no values
//! the quantile is null. All values are held until the end, 8 bytes each.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, ListArray, PrimitiveArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, TypeSignature, Volatility,
};
use std::marker::PhantomData;
use std::sync::Arc;

/// The quantile functions.
pub fn all() -> Vec<AggregateUDF> {
    [("p50", 50), ("p95", 95), ("p99", 99)]
        .into_iter()
        .map(|(name, percent)| AggregateUDF::from(Quantile::new(name, percent)))
        .collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Quantile {
    name: &'static str,
    percent: u64,
    signature: Signature,
}

impl Quantile {
    fn new(name: &'static str, percent: u64) -> Self {
        let types = vec![TypeSignature::Exact(vec![DataType::Int64]), TypeSignature::Exact(vec![DataType::Float64])];
        Self { name, percent, signature: Signature::one_of(types, Volatility::Immutable) }
    }

    fn groups(&self, ty: &DataType) -> Result<Box<dyn GroupsAccumulator>> {
        match ty {
            DataType::Int64 => Ok(Box::new(Groups::<Int64Type>::new(self.percent))),
            DataType::Float64 => Ok(Box::new(Groups::<Float64Type>::new(self.percent))),
            other => exec_err!("{} takes numbers, not {other}", self.name),
        }
    }
}

impl AggregateUDFImpl for Quantile {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(args.name, list_type(args.input_fields[0].data_type()), true))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match args.expr_fields[0].data_type() {
            DataType::Int64 => Ok(Box::new(Single(Groups::<Int64Type>::new(self.percent)))),
            DataType::Float64 => Ok(Box::new(Single(Groups::<Float64Type>::new(self.percent)))),
            other => exec_err!("{} takes numbers, not {other}", self.name),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        self.groups(args.expr_fields[0].data_type())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

fn list_type(item: &DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item.clone(), true)))
}

/// Values by group.
#[derive(Debug)]
struct Groups<T: ArrowPrimitiveType> {
    percent: u64,
    values: Vec<Vec<T::Native>>,
    of: PhantomData<fn() -> T>,
}

/// Position of the nearest rank among `n` sorted values.
fn rank(percent: u64, n: usize) -> usize {
    ((n as u128 * u128::from(percent)).div_ceil(100) as usize).max(1) - 1
}

impl<T: ArrowPrimitiveType> Groups<T> {
    fn new(percent: u64) -> Self {
        Self { percent, values: Vec::new(), of: PhantomData }
    }

    /// Appends runs at once: rows of one group often lie together.
    fn extend(&mut self, values: &[T::Native], groups: &[usize]) {
        let mut at = 0;
        for run in groups.chunk_by(|a, b| a == b) {
            self.values[run[0]].extend_from_slice(&values[at..at + run.len()]);
            at += run.len();
        }
    }
}

impl<T: ArrowPrimitiveType> GroupsAccumulator for Groups<T>
where
    T::Native: PartialOrd,
{
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.values.resize_with(total, Vec::new);
        let values = values[0].as_primitive::<T>();
        if values.null_count() == 0 && filter.is_none() {
            self.extend(values.values(), groups);
            return Ok(());
        }
        for (row, group) in groups.iter().enumerate() {
            if values.is_valid(row) && filter.is_none_or(|f| f.is_valid(row) && f.value(row)) {
                self.values[*group].push(values.value(row));
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.values.resize_with(total, Vec::new);
        let lists: &ListArray = states[0].as_list();
        let values = lists.values().as_primitive::<T>();
        for (window, group) in lists.value_offsets().windows(2).zip(groups) {
            self.values[*group].extend_from_slice(&values.values()[window[0] as usize..window[1] as usize]);
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let quantile = |mut values: Vec<T::Native>| {
            let rank = rank(self.percent, values.len());
            let order = |a: &T::Native, b: &T::Native| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal);
            (!values.is_empty()).then(|| *values.select_nth_unstable_by(rank, order).1)
        };
        let taken = emit.take_needed(&mut self.values);
        Ok(Arc::new(taken.into_iter().map(quantile).collect::<PrimitiveArray<T>>()))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let taken = emit.take_needed(&mut self.values);
        let offsets = OffsetBuffer::from_lengths(taken.iter().map(Vec::len));
        let values = PrimitiveArray::<T>::new(taken.concat().into(), None);
        let DataType::List(field) = list_type(&T::DATA_TYPE) else {
            return exec_err!("state of a quantile is not a list");
        };
        Ok(vec![Arc::new(ListArray::try_new(field, offsets, Arc::new(values), None)?)])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let mut each = Self::new(self.percent);
        let groups: Vec<usize> = (0..values[0].len()).collect();
        each.update_batch(values, &groups, filter, groups.len())?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.values.capacity() * size_of::<Vec<T::Native>>()
            + self.values.iter().map(|v| v.capacity() * size_of::<T::Native>()).sum::<usize>()
    }
}

/// One group, for plans without GROUP BY.
#[derive(Debug)]
struct Single<T: ArrowPrimitiveType>(Groups<T>);

impl<T: ArrowPrimitiveType> Accumulator for Single<T>
where
    T: std::fmt::Debug,
    T::Native: PartialOrd,
{
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values, &vec![0; values[0].len()], None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        // A group that saw no batch still has an answer: null.
        self.0.values.resize_with(1, Vec::new);
        ScalarValue::try_from_array(&self.0.evaluate(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.values.resize_with(1, Vec::new);
        self.0.state(EmitTo::All)?.iter().map(|a| ScalarValue::try_from_array(a, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states, &vec![0; states[0].len()], 1)
    }
}
