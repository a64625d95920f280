//! What can go wrong with tokens, by what the caller can do about it.

#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Fix the input.
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Metastore(#[from] metastore::MetastoreError),
}
