//! What can become of a query other than a result.

use serde::{Deserialize, Serialize};

/// Why a query gave no (further) result, by what the asker should do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum QueryError {
    /// The text is wrong or not allowed: change it. (400)
    #[error("{detail}")]
    Invalid { detail: String },
    /// The query asks for more than a limit allows: ask for less. (422)
    #[error("{detail}")]
    TooLarge { detail: String },
    /// It did not end within its deadline: narrow it or allow more time. (504)
    #[error("the query did not end within {timeout_ms} ms; narrow its time range or raise timeout_ms")]
    Timeout { timeout_ms: u64 },
    /// All places are taken: try again a little later. (503)
    #[error("{detail}")]
    Busy { detail: String },
    /// Workers cannot be started or data cannot be read: an operator must look. (503)
    #[error("{detail}")]
    Unavailable { detail: String },
    /// The worker ended under this query, and under its repetition where one was possible. (500)
    #[error("the query worker ended while it ran this query ({detail}); other queries and ingestion are not affected")]
    WorkerDied { detail: String },
    /// A fault of ours. (500)
    #[error("{detail}")]
    Internal { detail: String },
}

impl QueryError {
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::Invalid { detail: detail.into() }
    }

    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::TooLarge { detail: detail.into() }
    }

    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::Unavailable { detail: detail.into() }
    }

    pub fn internal(detail: impl Into<String>) -> Self {
        Self::Internal { detail: detail.into() }
    }
}
