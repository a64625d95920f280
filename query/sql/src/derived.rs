//! Functions that make visible columns from file columns. They exist only inside plans: no statement
//! can name them.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

type Apply = dyn Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync;

/// A pure function over columns. Its name says all that tells it from others of the same query.
#[derive(Clone)]
pub struct Derived {
    name: String,
    output: DataType,
    signature: Signature,
    apply: Arc<Apply>,
}

impl Derived {
    /// The expression `name(arguments)`.
    pub fn call(
        name: impl Into<String>,
        output: DataType,
        arguments: Vec<Expr>,
        apply: impl Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> Expr {
        let signature = Signature::variadic_any(Volatility::Immutable);
        ScalarUDF::from(Self { name: name.into(), output, signature, apply: Arc::new(apply) }).call(arguments)
    }
}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for Derived {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.output == other.output
    }
}

impl Eq for Derived {}

impl Hash for Derived {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Derived {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.output.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        (self.apply)(&arrays).map(ColumnarValue::Array)
    }
}
