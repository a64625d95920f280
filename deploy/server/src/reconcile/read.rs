//! The answers of the searches as what the engine takes.

use anyhow::{Context, anyhow};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use model::UnixNanos;
use rollup::{Found, Guess, NodeKind, Owner, Parent, PeerAttributes, SpanKind, is_limited};

/// Columns of one batch by name.
struct Columns<'a>(&'a RecordBatch);

impl Columns<'_> {
    fn column(&self, name: &str, ty: &DataType) -> anyhow::Result<ArrayRef> {
        let column = self.0.column_by_name(name).ok_or_else(|| anyhow!("the answer has no column {name}"))?;
        Ok(cast(column, ty)?)
    }

    fn texts(&self, name: &str) -> anyhow::Result<StringArray> {
        Ok(self.column(name, &DataType::Utf8)?.as_string::<i32>().clone())
    }

    fn numbers(&self, name: &str) -> anyhow::Result<Int64Array> {
        Ok(self.column(name, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
    }
}

pub(super) fn hours(batches: &[RecordBatch]) -> anyhow::Result<Vec<UnixNanos>> {
    let mut hours = Vec::new();
    for batch in batches {
        hours.extend(Columns(batch).numbers("hour")?.iter().flatten().map(UnixNanos));
    }
    Ok(hours)
}

pub(super) fn found(batches: &[RecordBatch]) -> anyhow::Result<Vec<Found>> {
    let mut all = Vec::new();
    for batch in batches {
        let columns = Columns(batch);
        let text = Texts::read(&columns)?;
        let number = Numbers::read(&columns)?;
        for row in 0..batch.num_rows() {
            all.push(one(&text, &number, row)?);
        }
    }
    Ok(all)
}

macro_rules! columns {
    ($name:ident: $array:ty, $read:ident; $($field:ident),*) => {
        struct $name { $($field: $array),* }

        impl $name {
            fn read(columns: &Columns<'_>) -> anyhow::Result<Self> {
                Ok(Self { $($field: columns.$read(stringify!($field))?),* })
            }
        }
    };
}

columns! { Texts: StringArray, texts;
    w_trace, w_parent, w_span, kind, environment, namespace, lane, service,
    p_service, p_kind, p_lane, p_environment, p_namespace, p_outcome, db_system, db_namespace,
    messaging_system, messaging_destination, peer_service, server_address
}
columns! { Numbers: Int64Array, numbers;
    received, minute, error, limited, duration_ns, p_time, p_duration_ns, p_error, server_port, children, waiting
}

fn one(text: &Texts, number: &Numbers, row: usize) -> anyhow::Result<Found> {
    let kind = SpanKind::from_text(text.p_kind.value(row));
    let attributes = PeerAttributes {
        db_system: said(&text.db_system, row),
        db_namespace: said(&text.db_namespace, row),
        messaging_system: said(&text.messaging_system, row),
        messaging_destination: said(&text.messaging_destination, row),
        peer_service: said(&text.peer_service, row),
        server_address: said(&text.server_address, row),
        server_port: number.server_port.is_valid(row).then(|| number.server_port.value(row)),
    };
    // Nobody has disproved the guess, if all who could are those that wait.
    let unanswered = number.children.value(row) <= number.waiting.value(row);
    let guess = attributes.node(kind).filter(|(node, _)| *node == NodeKind::ThirdParty && unanswered);
    let guess = guess.map(|(_, name)| Guess {
        name,
        time: number.p_time.value(row),
        error: number.p_error.value(row) != 0,
        limited: is_limited(text.p_outcome.value(row)),
        duration: number.p_duration_ns.value(row),
    });
    Ok(Found {
        trace_id: id(&text.w_trace, row)?,
        parent_span_id: id(&text.w_parent, row)?,
        span_id: id(&text.w_span, row)?,
        owner: owner([&text.environment, &text.namespace, &text.lane, &text.service], row),
        kind: SpanKind::from_text(text.kind.value(row)),
        minute: number.minute.value(row),
        error: number.error.value(row) != 0,
        limited: number.limited.value(row) != 0,
        duration: number.duration_ns.value(row),
        received: number.received.value(row),
        parent: Parent {
            owner: owner([&text.p_environment, &text.p_namespace, &text.p_lane, &text.p_service], row),
            kind,
            guess,
        },
    })
}

fn said(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

fn owner(columns: [&StringArray; 4], row: usize) -> Owner {
    let [environment, namespace, lane, service] = columns.map(|column| column.value(row).into());
    Owner { environment, namespace, lane, service }
}

fn id<const N: usize>(column: &StringArray, row: usize) -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(column.value(row), &mut bytes).with_context(|| format!("{:?} is no id", column.value(row)))?;
    Ok(bytes)
}
