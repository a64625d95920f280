//! Stories as tables: `operation_timeline(key, value)` reads what was told of it outside this process.
//!
//! The statement names the stories that it reads; where they did not come with the order it ends and says which
//! ones it wants. This module knows their columns and not how they are told.

use crate::error::SqlError;
use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use client::{STORIES_MAX, Story, StoryAsked, StoryRow};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use std::collections::HashMap;
use std::sync::Arc;

/// The table that holds story number `at` of a statement: no name that a person would write.
pub fn table_name(at: usize) -> String {
    format!("operation_timeline {at}")
}

/// Tables of one statement by their names, and why they may hold less than there is.
pub type StoryTables = (HashMap<String, Arc<dyn TableProvider>>, Option<String>);

/// The tables of the stories that a statement reads.
pub fn tables(asked: &[StoryAsked], told: &[Story]) -> Result<StoryTables, SqlError> {
    if asked.len() > STORIES_MAX {
        let count = asked.len();
        return Err(SqlError::TooLarge(format!("the statement reads {count} stories; at most {STORIES_MAX} are told")));
    }
    let (mut tables, mut cut) = (HashMap::new(), None);
    for (at, wanted) in asked.iter().enumerate() {
        let Some(story) = told.iter().find(|story| story.asked == *wanted) else {
            return Err(SqlError::Wants(asked.to_vec()));
        };
        let rows = batch(&story.rows)?;
        let table = MemTable::try_new(rows.schema(), vec![vec![rows]])?;
        tables.insert(table_name(at), Arc::new(table) as Arc<dyn TableProvider>);
        cut = cut.or_else(|| story.incomplete_reason.clone());
    }
    Ok((tables, cut))
}

fn batch(rows: &[StoryRow]) -> Result<RecordBatch, SqlError> {
    let text = |of: fn(&StoryRow) -> Option<&str>| Arc::new(rows.iter().map(of).collect::<StringArray>()) as ArrayRef;
    let whole = |of: fn(&StoryRow) -> Option<i64>| Arc::new(rows.iter().map(of).collect::<Int64Array>()) as ArrayRef;
    let times = TimestampNanosecondArray::from_iter_values(rows.iter().map(|row| row.time)).with_timezone("UTC");
    let columns = [
        ("time", Arc::new(times) as ArrayRef),
        ("kind", text(|row| Some(&row.kind))),
        ("service", text(|row| Some(&row.service))),
        ("what", text(|row| Some(&row.what))),
        ("outcome", text(|row| row.outcome.as_deref())),
        ("duration_ns", whole(|row| row.duration_ns)),
        ("trace_id", text(|row| row.trace_id.as_deref())),
        ("span_id", text(|row| row.span_id.as_deref())),
        ("request_id", text(|row| row.request_id.as_deref())),
        ("entity_type", text(|row| row.entity_type.as_deref())),
        ("entity_id", text(|row| row.entity_id.as_deref())),
        ("before", text(|row| row.before.as_deref())),
        ("after", text(|row| row.after.as_deref())),
        ("text", text(|row| row.text.as_deref())),
        ("why", text(|row| Some(&row.why))),
        ("confidence", Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.confidence))) as ArrayRef),
        ("source", text(|row| Some(&row.source))),
        ("item", whole(|row| Some(row.item))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
        .map_err(|error| SqlError::DataFusion(error.into()))
}
