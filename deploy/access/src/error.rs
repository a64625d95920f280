//! What can go wrong with tokens, users and sessions, by what the caller can do about it.

use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Fix the input.
    #[error("{0}")]
    Invalid(String),
    #[error("there is no {0}")]
    Missing(String),
    /// The input is right, and what is there does not go with it.
    #[error("{0}")]
    Conflict(String),
    /// One answer for both, so that nobody learns which names there are.
    #[error("the name or the password is wrong")]
    Wrong,
    #[error("too many failed attempts: come back in {} s", .0.as_secs() + 1)]
    TooMany(Duration),
    #[error("too many passwords are being checked: come back in a moment")]
    Busy,
    #[error("the setup token is wrong, or was used already")]
    Setup,
    #[error(transparent)]
    Metastore(#[from] metastore::MetastoreError),
    /// The machine does not do what it should.
    #[error("something failed here: {0}")]
    Broken(String),
}
