//! `sketch_quantile(sketch, share)` and `sketch_merge(sketch)`: distributions of durations as the rollup
//! tables hold them.
//!
//! A quantile is within 1 % of the duration at its nearest rank ([`rollup::sketch`] says how). Nulls are
//! sketches of nothing. Merged sketches add up, whatever the order; the state of a merge is a sketch.

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, BooleanArray, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, EmitTo, GroupsAccumulator, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use rollup::{Sketch, SketchSum};
use std::sync::Arc;

/// The function of one sketch.
pub fn quantile() -> ScalarUDF {
    ScalarUDF::from(Quantile { signature: over(&[DataType::Float64]) })
}

/// The aggregate of many.
pub fn merge() -> AggregateUDF {
    AggregateUDF::from(Merge { signature: over(&[]) })
}

/// A sketch in any form of bytes, and what else is given.
fn over(others: &[DataType]) -> Signature {
    let types = [DataType::Binary, DataType::BinaryView, DataType::LargeBinary];
    let exact = types.map(|bytes| TypeSignature::Exact([&[bytes][..], others].concat()));
    Signature::one_of(exact.into(), Volatility::Immutable)
}

fn bytes(array: &ArrayRef) -> Result<BinaryArray> {
    Ok(cast(array, &DataType::Binary)?.as_binary().clone())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Quantile {
    signature: Signature,
}

impl ScalarUDFImpl for Quantile {
    fn name(&self) -> &str {
        "sketch_quantile"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let (cells, shares) = (bytes(&arrays[0])?, arrays[1].as_primitive::<Float64Type>());
        let mut quantiles = Vec::with_capacity(cells.len());
        for row in 0..cells.len() {
            let given = cells.is_valid(row) && shares.is_valid(row);
            let sketch = given.then(|| Sketch::decode(cells.value(row))).transpose();
            let sketch = sketch.map_err(|error| exec_datafusion_err!("{error}"))?;
            quantiles.push(sketch.and_then(|sketch| sketch.quantile(shares.value(row))));
        }
        Ok(ColumnarValue::Array(Arc::new(Int64Array::from(quantiles))))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Merge {
    signature: Signature,
}

impl AggregateUDFImpl for Merge {
    fn name(&self) -> &str {
        "sketch_merge"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(args.name, DataType::Binary, true))])
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Single(Groups::default())))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::default()))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// A sketch for each group.
#[derive(Debug, Default)]
struct Groups {
    sums: Vec<SketchSum>,
}

fn column(sums: impl IntoIterator<Item = SketchSum>) -> ArrayRef {
    let mut column = BinaryBuilder::new();
    let sketches = sums.into_iter().map(|sum| sum.sketch());
    sketches.for_each(|sketch| column.append_option((!sketch.is_empty()).then(|| sketch.encode())));
    Arc::new(column.finish())
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.sums.resize_with(total, SketchSum::default);
        let cells = bytes(&values[0])?;
        for (row, group) in groups.iter().enumerate() {
            if cells.is_valid(row) && filter.is_none_or(|f| f.is_valid(row) && f.value(row)) {
                let sum = &mut self.sums[*group];
                sum.add_encoded(cells.value(row)).map_err(|error| exec_datafusion_err!("{error}"))?;
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.update_batch(states, groups, None, total)
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        Ok(column(emit.take_needed(&mut self.sums)))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit)?])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let mut each = Self::default();
        let groups: Vec<usize> = (0..values[0].len()).collect();
        each.update_batch(values, &groups, filter, groups.len())?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<SketchSum>() + self.sums.iter().map(SketchSum::heap_bytes).sum::<usize>()
    }
}

/// One group, for plans without GROUP BY.
#[derive(Debug)]
struct Single(Groups);

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values, &vec![0; values[0].len()], None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        // A group that saw no batch still has an answer: null.
        self.0.sums.resize_with(1, SketchSum::default);
        ScalarValue::try_from_array(&self.0.evaluate(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}
