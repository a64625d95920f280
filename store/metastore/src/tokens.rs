//! Access tokens: their hashes, never their secrets.

use crate::MetastoreError;
use model::{UnixNanos, Workspace};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(pub i64);

/// A token to be stored.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What people call it; unique among tokens that are not revoked, within its workspace.
    pub name: String,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// The part of the token that may be shown and is looked up by.
    pub prefix: String,
    pub scopes: Vec<String>,
    pub workspace: Workspace,
    pub created: UnixNanos,
    pub expires: Option<UnixNanos>,
}

/// A stored token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    pub id: TokenId,
    pub name: String,
    pub hash: [u8; 32],
    pub prefix: String,
    pub scopes: Vec<String>,
    pub workspace: Workspace,
    pub created: UnixNanos,
    pub expires: Option<UnixNanos>,
    pub last_used: Option<UnixNanos>,
    pub revoked: Option<UnixNanos>,
}

/// The tokens of a metastore.
#[derive(Clone, Debug)]
pub struct Tokens {}

impl Tokens {
    pub async fn create(&self, _token: NewToken) -> Result<TokenRow, MetastoreError> {
        todo!()
    }

    /// Every token that carries the prefix, revoked and expired ones included.
    pub async fn by_prefix(&self, _prefix: &str) -> Result<Vec<TokenRow>, MetastoreError> {
        todo!()
    }

    /// All tokens, oldest first.
    pub async fn list(&self) -> Result<Vec<TokenRow>, MetastoreError> {
        todo!()
    }

    /// Whether any token exists that is neither revoked nor expired at `now`.
    pub async fn any_valid(&self, _now: UnixNanos) -> Result<bool, MetastoreError> {
        todo!()
    }

    /// Revokes; false when there is no such token or it was revoked before.
    pub async fn revoke(&self, _id: TokenId, _now: UnixNanos) -> Result<bool, MetastoreError> {
        todo!()
    }

    /// Notes uses; a time earlier than the stored one changes nothing.
    pub async fn touch(&self, _used: &[(TokenId, UnixNanos)]) -> Result<(), MetastoreError> {
        todo!()
    }
}
