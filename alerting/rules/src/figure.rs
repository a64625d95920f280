//! Figures: what a query gave, in the simplest types that rules need.

use model::UnixNanos;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Names and values that make a series. Empty values are left out.
pub type Labels = BTreeMap<String, String>;

/// Bytes of one label value that are kept; telemetry may be hostile.
pub(crate) const LABEL_BYTES_MAX: usize = 1_024;

/// One row: at a time, of a series, its values in the order of [`Answer::columns`]; NaN stands for null.
#[derive(Clone, PartialEq, Debug)]
pub struct Figure {
    pub labels: Arc<Labels>,
    /// Start of the bucket; of rows without a time, the start of the window asked for.
    pub time: UnixNanos,
    pub values: Vec<f64>,
}

/// The rows of one question.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Answer {
    /// Names of the values.
    pub columns: Vec<String>,
    pub rows: Vec<Figure>,
    /// False where rows are missing: cut, late or unreadable.
    pub complete: bool,
    pub incomplete_reason: Option<String>,
}

/// Answers by [`crate::Question::name`]; `Err` is the sentence of a query that failed.
pub type Answers = BTreeMap<&'static str, Result<Arc<Answer>, String>>;

impl Answer {
    /// Position of a value.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// Rows of a time range, for replay. Rows must be sorted by time.
    pub(crate) fn slice(&self, from: UnixNanos, until: UnixNanos) -> Answer {
        let first = self.rows.partition_point(|row| row.time < from);
        let last = self.rows.partition_point(|row| row.time < until);
        Answer { rows: self.rows[first..last.max(first)].to_vec(), ..self.without_rows() }
    }

    fn without_rows(&self) -> Answer {
        Answer {
            columns: self.columns.clone(),
            rows: Vec::new(),
            complete: self.complete,
            incomplete_reason: self.incomplete_reason.clone(),
        }
    }
}

/// One cell of a result.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    Null,
    /// A column of timestamps named `time` is the time of the row; other timestamps are numbers.
    Time(UnixNanos),
    Number(f64),
    Text(String),
}

/// Makes an [`Answer`] of a result, row by row; equal labels share one place in memory.
#[derive(Debug)]
pub struct AnswerBuilder {
    names: Vec<String>,
    /// Which columns are values, found out by the first cell that is not null.
    numeric: Vec<Option<bool>>,
    default_time: UnixNanos,
    rows: Vec<Vec<Cell>>,
}

impl AnswerBuilder {
    /// Of a result with these columns; rows without a time get `default_time`.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>, default_time: UnixNanos) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        Self { numeric: vec![None; names.len()], names, default_time, rows: Vec::new() }
    }

    /// Adds a row; cells beyond the columns are ignored.
    pub fn row(&mut self, cells: Vec<Cell>) {
        for (numeric, cell) in self.numeric.iter_mut().zip(&cells) {
            if numeric.is_none() {
                *numeric = match cell {
                    Cell::Null => None,
                    Cell::Number(_) | Cell::Time(_) => Some(true),
                    Cell::Text(_) => Some(false),
                };
            }
        }
        self.rows.push(cells);
    }

    pub fn finish(self, complete: bool, incomplete_reason: Option<String>) -> Answer {
        let is_value = |i: usize| self.names[i] != "time" && self.numeric[i] == Some(true);
        let columns = (0..self.names.len()).filter(|i| is_value(*i)).map(|i| self.names[i].clone()).collect();
        let mut interned: HashMap<Labels, Arc<Labels>> = HashMap::new();
        let mut rows = Vec::with_capacity(self.rows.len());
        for cells in &self.rows {
            let mut labels = Labels::new();
            let mut values = Vec::new();
            let mut time = self.default_time;
            for (i, name) in self.names.iter().enumerate() {
                match cells.get(i).unwrap_or(&Cell::Null) {
                    Cell::Time(at) if name == "time" => time = *at,
                    Cell::Time(at) if is_value(i) => values.push(at.0 as f64),
                    Cell::Number(number) if is_value(i) => values.push(*number),
                    Cell::Text(text) if !is_value(i) && !text.is_empty() => {
                        labels.insert(name.clone(), bounded(text));
                    }
                    _ if is_value(i) => values.push(f64::NAN),
                    _ => {}
                }
            }
            let labels = match interned.get(&labels) {
                Some(known) => Arc::clone(known),
                None => {
                    let known = Arc::new(labels.clone());
                    interned.insert(labels, Arc::clone(&known));
                    known
                }
            };
            rows.push(Figure { labels, time, values });
        }
        Answer { columns, rows, complete, incomplete_reason }
    }
}

/// A label value without control characters, at most [`LABEL_BYTES_MAX`] long.
fn bounded(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(LABEL_BYTES_MAX));
    for c in text.chars() {
        if out.len() + c.len_utf8() > LABEL_BYTES_MAX {
            out.push('…');
            break;
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_time_labels_and_values() {
        let mut builder = AnswerBuilder::new(["time", "service", "value", "last"], UnixNanos(5));
        builder.row(vec![Cell::Time(UnixNanos(7)), Cell::Text("a\u{7}".into()), Cell::Null, Cell::Time(UnixNanos(9))]);
        builder.row(vec![Cell::Null, Cell::Null, Cell::Number(2.0), Cell::Null]);
        let answer = builder.finish(true, None);
        assert_eq!(answer.columns, ["value", "last"]);
        assert_eq!(answer.rows[0].time, UnixNanos(7));
        assert_eq!(answer.rows[0].labels["service"], "a ");
        assert!(answer.rows[0].values[0].is_nan() && answer.rows[0].values[1] == 9.0);
        assert_eq!((answer.rows[1].time, answer.rows[1].labels.len()), (UnixNanos(5), 0));
    }

    #[test]
    fn a_label_of_a_megabyte_is_cut() {
        let mut builder = AnswerBuilder::new(["service"], UnixNanos(0));
        builder.row(vec![Cell::Text("界".repeat(1 << 20))]);
        let answer = builder.finish(true, None);
        assert!(answer.rows[0].labels["service"].len() <= LABEL_BYTES_MAX + 3);
    }
}
