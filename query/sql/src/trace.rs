//! `trace_tree_of(spans)` and `critical_path_of(spans)`: the spans of one trace, put in order by the
//! crate that knows traces. The table functions of the same names call them.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, StringArray, StructArray,
    TimestampNanosecondArray, UInt32Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Int64Type, TimestampNanosecondType};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use model::SpanId;
use std::sync::Arc;
use traces::{Kind, Names, SPANS_MAX, Span, Status, Tree, critical_path, self_times};

/// Both functions.
pub fn all() -> Vec<ScalarUDF> {
    let rows = |name, fields, rows| {
        ScalarUDF::from(OfTrace { name, fields, rows, signature: Signature::any(1, Volatility::Immutable) })
    };
    vec![rows("trace_tree_of", tree_fields(), tree_rows), rows("critical_path_of", path_fields(), path_rows)]
}

/// A list of spans in, a list of rows out.
struct OfTrace {
    name: &'static str,
    fields: Fields,
    rows: fn(&Trace, &Fields) -> Result<StructArray>,
    signature: Signature,
}

impl std::fmt::Debug for OfTrace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for OfTrace {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for OfTrace {}

impl std::hash::Hash for OfTrace {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for OfTrace {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(self.item()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let lists = args.args[0].to_array(args.number_rows)?;
        let Some(lists) = lists.as_list_opt::<i32>() else {
            return exec_err!("{} takes a list of spans", self.name);
        };
        let mut lengths = Vec::new();
        let mut parts: Vec<StructArray> = Vec::new();
        for at in 0..lists.len() {
            let rows = match lists.is_valid(at) {
                true => (self.rows)(&Trace::read(lists.value(at).as_struct())?, &self.fields)?,
                false => StructArray::new_null(self.fields.clone(), 0),
            };
            lengths.push(rows.len());
            parts.push(rows);
        }
        let parts: Vec<&dyn Array> = parts.iter().map(|rows| rows as &dyn Array).collect();
        let values = match parts.is_empty() {
            true => Arc::new(StructArray::new_null(self.fields.clone(), 0)) as ArrayRef,
            false => arrow::compute::concat(&parts)?,
        };
        let list = ListArray::try_new(self.item(), OffsetBuffer::from_lengths(lengths), values, None)?;
        Ok(ColumnarValue::Array(Arc::new(list)))
    }
}

impl OfTrace {
    fn item(&self) -> Arc<Field> {
        Arc::new(Field::new_list_field(DataType::Struct(self.fields.clone()), true))
    }
}

/// The spans of one trace in their order, and what they are called.
struct Trace {
    names: Names,
    tree: Tree,
}

impl Trace {
    fn read(spans: &StructArray) -> Result<Self> {
        if spans.len() > SPANS_MAX {
            return exec_err!("the trace has {} spans; at most {SPANS_MAX} are put in order", spans.len());
        }
        let column = |name: &str, ty: &DataType| -> Result<ArrayRef> {
            let column = spans.column_by_name(name).ok_or_else(|| exec_datafusion_err!("spans without {name}"))?;
            Ok(cast(column, ty)?)
        };
        let text = |name: &str| column(name, &DataType::Utf8);
        let (ids, parents) = (text("span_id")?, text("parent_span_id")?);
        let (services, operations, kinds, statuses) =
            (text("service")?, text("operation")?, text("kind")?, text("status")?);
        let (times, durations) =
            (column("time", &tables::spec::timestamp())?, column("duration_ns", &DataType::Int64)?);
        let mut names = Names::new();
        let mut all = Vec::with_capacity(spans.len());
        for at in 0..spans.len() {
            let id = |ids: &ArrayRef| match ids.is_valid(at) {
                true => SpanId::from_hex(ids.as_string::<i32>().value(at)),
                false => None,
            };
            all.push(Span {
                id: id(&ids).unwrap_or_default(),
                parent: id(&parents),
                start: times.as_primitive::<TimestampNanosecondType>().value(at),
                duration_ns: durations.as_primitive::<Int64Type>().value(at),
                service: names.name(services.as_string::<i32>().value(at)),
                operation: names.name(operations.as_string::<i32>().value(at)),
                kind: Kind::from_text(kinds.as_string::<i32>().value(at)),
                status: Status::from_text(statuses.as_string::<i32>().value(at)),
                peer: None,
            });
        }
        Ok(Self { names, tree: Tree::build(all) })
    }

    fn texts(&self, nodes: &[u32], of: impl Fn(&Span) -> String) -> ArrayRef {
        Arc::new(nodes.iter().map(|node| Some(of(self.tree.span(*node)))).collect::<StringArray>())
    }
}

fn text_field(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn tree_fields() -> Fields {
    Fields::from(vec![
        Field::new("depth", DataType::UInt32, true),
        text_field("service"),
        text_field("operation"),
        text_field("kind"),
        text_field("status"),
        Field::new("time", tables::spec::timestamp(), true),
        Field::new("duration_ns", DataType::Int64, true),
        Field::new("self_time_ns", DataType::Int64, true),
        text_field("span_id"),
        text_field("parent_span_id"),
        Field::new("orphan", DataType::Boolean, true),
    ])
}

/// Spans as a tree is printed: each below its parent, children by time.
fn tree_rows(trace: &Trace, fields: &Fields) -> Result<StructArray> {
    let (tree, names) = (&trace.tree, &trace.names);
    let (nodes, own) = (tree.order(), self_times(tree));
    let parents: StringArray =
        nodes.iter().map(|node| tree.span(*node).parent_id().map(|parent| parent.to_string())).collect();
    let times: TimestampNanosecondArray = nodes.iter().map(|node| Some(tree.span(*node).start)).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(nodes.iter().map(|node| Some(tree.depth(*node))).collect::<UInt32Array>()),
        trace.texts(nodes, |span| names.text(span.service).to_owned()),
        trace.texts(nodes, |span| names.text(span.operation).to_owned()),
        trace.texts(nodes, |span| span.kind.as_str().to_owned()),
        trace.texts(nodes, |span| span.status.as_str().to_owned()),
        Arc::new(times.with_timezone("UTC")),
        Arc::new(nodes.iter().map(|node| Some(tree.span(*node).duration_ns)).collect::<Int64Array>()),
        Arc::new(nodes.iter().map(|node| Some(own[*node as usize])).collect::<Int64Array>()),
        trace.texts(nodes, |span| span.id.to_string()),
        Arc::new(parents),
        Arc::new(nodes.iter().map(|node| Some(tree.is_orphan(*node))).collect::<BooleanArray>()),
    ];
    Ok(StructArray::try_new(fields.clone(), columns, None)?)
}

fn path_fields() -> Fields {
    Fields::from(vec![
        Field::new("time", tables::spec::timestamp(), true),
        Field::new("duration_ns", DataType::Int64, true),
        Field::new("share", DataType::Float64, true),
        text_field("service"),
        text_field("operation"),
        text_field("kind"),
        text_field("span_id"),
    ])
}

/// The segments of the critical path by time, each with its share of the whole.
fn path_rows(trace: &Trace, fields: &Fields) -> Result<StructArray> {
    let names = &trace.names;
    let segments = critical_path(&trace.tree);
    let nodes: Vec<u32> = segments.iter().map(|segment| segment.node).collect();
    let whole: f64 = segments.iter().map(|segment| segment.duration_ns as f64).sum();
    let times: TimestampNanosecondArray = segments.iter().map(|segment| Some(segment.start)).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(times.with_timezone("UTC")),
        Arc::new(segments.iter().map(|segment| Some(segment.duration_ns)).collect::<Int64Array>()),
        Arc::new(segments.iter().map(|segment| Some(segment.duration_ns as f64 / whole)).collect::<Float64Array>()),
        trace.texts(&nodes, |span| names.text(span.service).to_owned()),
        trace.texts(&nodes, |span| names.text(span.operation).to_owned()),
        trace.texts(&nodes, |span| span.kind.as_str().to_owned()),
        trace.texts(&nodes, |span| span.id.to_string()),
    ];
    Ok(StructArray::try_new(fields.clone(), columns, None)?)
}
