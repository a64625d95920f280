//! How everybody else asks: a handle to query workers, which are processes of their own.
//!
//! SQL is planned and run outside the process that acknowledges data, because a query can exhaust a
//! stack or a memory that no limit inside a process catches. This crate starts the workers, hands them
//! queries and views of the data, watches their memory and their clock, and stops them when they do
//! not yield. It knows no SQL and no DataFusion.
//!
//! Invariant: every query ends, with a result, a refusal or an error, at most
//! `timeout + Settings::kill_after` after it was admitted; and its worker's death ends nothing else.

pub mod client;
pub mod connection;
pub mod error;
pub mod message;
pub mod process;
pub mod query;
pub mod settings;
pub mod story;
pub mod view;
pub mod wire;

pub use client::{ClientStats, QueryClient};
pub use error::QueryError;
pub use query::{AuditLog, Lane, QueryEnd, QueryRequest, QueryStream, Statistics};
pub use settings::{Settings, StoreLocation};
pub use story::{STORIES_MAX, Stories, Story, StoryAsked, StoryRow};
pub use view::Views;
