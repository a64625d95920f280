//! A value that comes in and never goes out again, except to the store.
//!
//! Invariant: neither `Debug`, `Display` nor `Serialize` tells it; only [`Secret::reveal`] does, and whoever
//! calls that is easily found.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// What is shown in place of a secret. Given back in an update, it means "as it was".
pub const MASK: &str = "***";

/// A token, a password, an address that holds one.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself: for signing, for the connection, for the store.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub fn is_masked(&self) -> bool {
        self.0 == MASK
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    #[test]
    fn a_secret_is_told_by_reveal_alone() {
        let secret: Secret = serde_json::from_str("\"s3cret\"").unwrap();
        assert_eq!(secret.reveal(), "s3cret");
        assert_eq!(format!("{secret:?}"), MASK);
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
    }
}
