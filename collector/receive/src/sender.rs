//! Who sent a request, as far as the door needs to know.

use model::Workspace;
use std::sync::Arc;

/// The identity of a request's sender, put into the request's extensions by whoever checked the
/// credential. A request without one is refused.
#[derive(Clone, Debug)]
pub struct Sender {
    pub workspace: Workspace,
    /// Name of the ingest token; none on an open loopback.
    pub token: Option<Arc<str>>,
}
