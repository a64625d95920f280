//! An answer of `POST /api/v1/sql`, and how a test reads it.

use serde_json::Value;

/// Rows of a JSON answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    pub complete: bool,
    pub incomplete_reason: Option<String>,
    pub statistics: Value,
}

impl Rows {
    pub fn from_json(answer: &Value) -> Self {
        let list = |v: &Value| v.as_array().cloned().unwrap_or_else(|| panic!("not a list in {answer}"));
        Self {
            columns: list(&answer["columns"])
                .iter()
                .map(|c| c["name"].as_str().unwrap_or_default().to_owned())
                .collect(),
            rows: list(&answer["rows"]).iter().map(list).collect(),
            complete: answer["complete"].as_bool().unwrap_or_else(|| panic!("no `complete` in {answer}")),
            incomplete_reason: answer["incomplete_reason"].as_str().map(str::to_owned),
            statistics: answer["statistics"].clone(),
        }
    }

    /// The only value of the only row.
    pub fn one(&self) -> &Value {
        assert_eq!((self.rows.len(), self.columns.len()), (1, 1), "one value is expected: {self:?}");
        &self.rows[0][0]
    }

    pub fn count(&self) -> u64 {
        let value = self.one();
        integer(value).and_then(|v| u64::try_from(v).ok()).unwrap_or_else(|| panic!("a count is expected: {value}"))
    }

    /// The values of a column, as text (strings without quotes; null is the empty text).
    pub fn texts(&self, column: &str) -> Vec<String> {
        let at = self.index(column);
        self.rows.iter().map(|row| text(&row[at])).collect()
    }

    pub fn index(&self, column: &str) -> usize {
        self.columns
            .iter()
            .position(|c| c == column)
            .unwrap_or_else(|| panic!("no column {column} in {:?}", self.columns))
    }
}

/// An integer, whether it came as a JSON number or (beyond 53 bits, perhaps) as text.
pub fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Number(n) => n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from)),
        Value::String(s) => s.parse().ok(),
        _ => None,
    }
}

pub fn text(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
