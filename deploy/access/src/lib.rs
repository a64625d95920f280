//! Who may do what: a table in which every route names what it needs, and the tokens that grant it.
//!
//! It knows roles, scopes, tokens and the route table; it refuses to know what a route does. The
//! workspace comes from the credential only: a header that names one is compared, never trusted.
//!
//! Invariant: a request reaches a handler only if its method and path stand in [`ROUTES`] and its
//! credential grants what the row names. What is not named is refused.

mod bind;
mod check;
mod error;
mod gate;
mod grant;
mod routes;
mod token;
mod vault;

pub use bind::{Exposure, bind_refusal};
pub use check::{Caller, Presented, Refusal};
pub use error::AccessError;
pub use gate::{Gate, guard};
pub use grant::{Grant, Role};
pub use routes::{Need, ROUTES, Route, find};
pub use token::{Secret, TokenText};
pub use vault::{Access, Issue, Settings};
