//! Who may do what: a table in which every route names what it needs, the tokens and users that have it,
//! and the log of what they changed.
//!
//! It knows roles, scopes, tokens, users, sessions and the route table; it refuses to know what a route
//! does. The workspace comes from the credential only: a header that names one is compared, never trusted.
//!
//! Invariants: a request reaches a handler only if its method and path stand in [`ROUTES`] and its
//! credential grants what the row names; what is not named is refused. What changes something is in the
//! audit log before it is answered. Secrets come in once and only their hashes are kept.

mod attempts;
mod bind;
mod caller;
mod error;
mod grant;
mod origin;
mod password;
mod refusal;
mod routes;
mod settings;
mod token;

mod check;
mod session;
mod vault;

mod audit;
mod figures;
mod people;
mod sign_in;
mod tokens;

mod gate;
mod headers;

mod api;

pub use api::{mounted, routes};
pub use audit::Checked;
pub use bind::{Exposure, bind_refusal};
pub use caller::{CSRF_HEADER, Caller, Client, Presented, Who};
pub use error::AccessError;
pub use figures::Figure;
pub use gate::{Gate, guard};
pub use grant::{Grant, Role};
pub use headers::headers;
pub use password::Password;
pub use people::{NewPerson, user_name};
pub use refusal::Refusal;
pub use routes::{Effect, Need, ROUTES, Route, find};
pub use settings::Settings;
pub use token::{Secret, TokenText};
pub use tokens::Issue;
pub use vault::Access;
