//! Who asks, as far as answers depend on it.

use model::Workspace;

/// Put into the request's extensions by whoever checked the credential.
#[derive(Clone, Debug)]
pub struct Asker {
    pub workspace: Workspace,
}
