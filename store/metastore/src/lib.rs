//! The metastore: small lasting state of the product in one SQLite file, `metastore.sqlite`.
//!
//! Knows rows, not what they mean: who may do what is decided elsewhere. Invariant: a call that returned
//! is on stable storage; each module owns its tables and its list of migrations.

mod documents;
mod error;
mod fault;
mod migrate;
mod store;
mod tokens;

pub use documents::{Document, Documents};
pub use error::MetastoreError;
pub use store::{Metastore, Settings};
pub use tokens::{NewToken, TokenId, TokenRow, Tokens};
