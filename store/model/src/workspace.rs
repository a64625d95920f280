//! The isolation domain: part of every path and of every catalog key.

use std::fmt;
use std::sync::Arc;

/// A workspace name: 1 to 64 of `a-z 0-9 _ -`, starting with a letter or digit, so that it is safe
/// as a path segment as it stands. It comes from the credential, never from the request.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Workspace(Arc<str>);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("workspace name {0:?} is not 1 to 64 of a-z, 0-9, '_' and '-', starting with a letter or digit")]
pub struct WorkspaceError(String);

impl Workspace {
    pub fn new(name: &str) -> Result<Self, WorkspaceError> {
        let first_ok = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let rest_ok = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        if first_ok && rest_ok && name.len() <= 64 { Ok(Self(name.into())) } else { Err(WorkspaceError(name.into())) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self("default".into())
    }
}

impl fmt::Display for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_folder_are_refused() {
        for bad in ["", "..", "a/b", "A", "-a", "_a", "a b", "é", &"a".repeat(65)] {
            assert!(Workspace::new(bad).is_err(), "{bad}");
        }
        for good in ["default", "a", "0", "team-1_x"] {
            assert!(Workspace::new(good).is_ok(), "{good}");
        }
    }
}
