//! The metastore: small lasting state of the product in one SQLite file, `metastore.sqlite`.
//!
//! Knows rows, not what they mean: who may do what is decided elsewhere. Invariant: a call that returned
//! is on stable storage; each module owns its tables and its list of migrations.

mod audit;
mod documents;
mod error;
mod fault;
mod migrate;
mod sessions;
mod store;
mod tokens;
mod users;

pub use audit::{Audit, AuditEnds, AuditEntry, AuditFilter, AuditKeep, AuditRow, Seal};
pub use documents::{Change, Document, Documents};
pub use error::MetastoreError;
pub use sessions::{SessionRow, Sessions};
pub use store::{Metastore, Settings};
pub use tokens::{NewToken, TokenId, TokenRow, Tokens};
pub use users::{Among, Kept, NewUser, PasswordText, UserId, UserRow, Users};
