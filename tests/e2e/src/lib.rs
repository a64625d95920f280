//! End-to-end stories through the built binary: what a test needs to tell one in a screen.
//!
//! It knows the product by `contract.md` only: the command line, the ports, OTLP, HTTP and SQL. It
//! links no crate of the product, so that nothing here can be right for the same wrong reason.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a test speaks to whoever runs it")]

pub mod compare;
pub mod content;
pub mod environment;
pub mod installed;
pub mod json;
pub mod json_read;
pub mod ledger;
pub mod oracle;
pub mod ordered;
pub mod random;
pub mod relay;
pub mod rows;
pub mod sender;
pub mod server;
pub mod skip;

pub use rows::Rows;
pub use sender::{Reply, Sender, Wire};
pub use server::{Server, Setup};
