//! What goes wrong with a statement, in words for the person who wrote it.

use client::message::Failure;
use client::{QueryError, StoryAsked};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use tables::TableId;

/// A statement's failure inside the worker.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    TooLarge(String),
    /// The statement reads stories that did not come with it.
    #[error("the statement reads {} stories that were not told", .0.len())]
    Wants(Vec<StoryAsked>),
    #[error("the view of the data could not be had: {0}")]
    View(String),
    #[error("{0}")]
    Internal(String),
    #[error(transparent)]
    DataFusion(#[from] DataFusionError),
}

impl From<ParserError> for SqlError {
    fn from(error: ParserError) -> Self {
        Self::DataFusion(error.into())
    }
}

impl SqlError {
    /// As the client shall hear of it.
    pub fn to_failure(&self) -> Failure {
        let stories = if let Self::Wants(stories) = self { stories.clone() } else { Vec::new() };
        Failure { error: self.to_query_error(), stories }
    }

    /// As the asker shall see it.
    pub fn to_query_error(&self) -> QueryError {
        match self {
            Self::Invalid(detail) => QueryError::invalid(detail),
            Self::TooLarge(detail) => QueryError::too_large(detail),
            Self::View(_) => QueryError::unavailable(self.to_string()),
            Self::Internal(detail) => QueryError::internal(detail),
            Self::Wants(_) => QueryError::internal(self.to_string()),
            Self::DataFusion(error) => of_engine(error),
        }
    }
}

/// Sorts an error of the SQL engine by who can do something about it.
fn of_engine(error: &DataFusionError) -> QueryError {
    let detail = plain(&error.strip_backtrace());
    match error.find_root() {
        DataFusionError::SchemaError(schema, _) => QueryError::invalid(unknown_field(schema).unwrap_or(detail)),
        DataFusionError::SQL(parse, _) if is_recursion(parse) => {
            QueryError::too_large("the statement nests parentheses, subqueries or operators too deeply")
        }
        DataFusionError::SQL(parse, _) => QueryError::invalid(syntax(parse)),
        DataFusionError::Plan(_)
        | DataFusionError::NotImplemented(_)
        | DataFusionError::Configuration(_)
        | DataFusionError::Diagnostic(..)
        | DataFusionError::Collection(_) => QueryError::invalid(detail),
        // Casts that fail, overflows, divisions by zero: the data do not fit what was asked of them.
        DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => QueryError::invalid(detail),
        DataFusionError::ResourcesExhausted(_) => QueryError::too_large(format!(
            "the query needs more memory than it may have ({detail}); narrow its time range or group by less"
        )),
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) | DataFusionError::ParquetError(_) => {
            QueryError::unavailable(format!("a data file cannot be read: {detail}"))
        }
        // What the engine calls a fault of its own, although the statement brought it.
        _ if detail.contains("did not compile") || detail.contains("Invalid regex") => QueryError::invalid(detail),
        _ => QueryError::internal(detail),
    }
}

fn syntax(error: &ParserError) -> String {
    match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => format!("syntax error: {text}"),
        ParserError::RecursionLimitExceeded => "the statement nests too deeply".into(),
    }
}

fn is_recursion(error: &ParserError) -> bool {
    matches!(error, ParserError::RecursionLimitExceeded)
}

/// Without the engine's own headings.
fn plain(text: &str) -> String {
    let text = text.split("\nThis issue was likely caused").next().unwrap_or(text);
    let mut text = text.trim();
    loop {
        let before = text;
        for heading in [
            "Error during planning: ",
            "SQL error: ",
            "Schema error: ",
            "Arrow error: ",
            "Execution error: ",
            "External error: ",
            "This feature is not implemented: ",
            "Internal error: ",
        ] {
            text = text.strip_prefix(heading).unwrap_or(text);
        }
        if text.len() == before.len() {
            return unknown_table(text).unwrap_or_else(|| text.replace('\n', " "));
        }
    }
}

fn unknown_table(text: &str) -> Option<String> {
    let name = text.strip_prefix("table '")?.strip_suffix("' not found")?;
    let name = name.strip_prefix("stormglass.public.").or(name.strip_prefix("stormglass."))?;
    let tables = TableId::ALL.map(TableId::as_str).join(", ");
    Some(format!("there is no table \"{name}\"; there are {tables}"))
}

/// `no column "foo"; did you mean "bar"?` with the nearest names there are.
fn unknown_field(error: &datafusion::common::SchemaError) -> Option<String> {
    let datafusion::common::SchemaError::FieldNotFound { field, valid_fields } = error else { return None };
    let mut names: Vec<(usize, String)> = valid_fields
        .iter()
        .filter(|c| !c.name.contains('['))
        .map(|c| (distance(&field.name.to_ascii_lowercase(), &c.name.to_ascii_lowercase()), c.name.clone()))
        .collect();
    names.sort();
    names.dedup();
    let near: Vec<String> =
        names.iter().take(3).filter(|(d, _)| *d <= field.name.len().max(3)).map(|(_, n)| format!("\"{n}\"")).collect();
    let of = field.relation.as_ref().map(|r| format!(" in {r}")).unwrap_or_default();
    let hint = if near.is_empty() {
        "see DESCRIBE for the columns there are".to_owned()
    } else {
        let key = field.relation.as_ref().map(|r| format!("{r}.")).unwrap_or_default() + &field.name;
        format!("the nearest are {}; attributes are read as attributes['{key}']", near.join(", "))
    };
    Some(format!("there is no column \"{}\"{of}; {hint}", field.name))
}

/// How many edits apart two names are.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}
