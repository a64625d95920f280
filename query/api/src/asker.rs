//! Who asks, as far as answers depend on it.

use client::AuditLog;
use model::Workspace;
use std::sync::Arc;

/// Put into the request's extensions by whoever checked the credential.
#[derive(Clone, Debug)]
pub struct Asker {
    pub workspace: Workspace,
    /// Name of the token that was shown, or of the user who is signed in; none on an open loopback.
    pub token: Option<Arc<str>>,
    /// Whether SQL shows the table `audit`.
    pub audit: AuditLog,
}
