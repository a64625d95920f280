//! What can be wrong with a configuration of notification, said so that it can be put right.

use std::fmt;

/// One thing that is wrong, where, and what would be right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// A path such as `receivers[2].dingtalk.url`, or `line 3, column 7` where the text cannot be read at all.
    pub at: String,
    pub says: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.says)
    }
}

/// Why a call failed; each tells the caller what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The configuration has to be changed: all that was found wrong with it.
    #[error("the notification settings are not right: {}", join(.0))]
    Config(Vec<Fault>),
    /// A stored document is not one of ours: the store was written by something else.
    #[error("the stored document {kind}/{key} cannot be read: {why}")]
    Stored { kind: String, key: String, why: String },
    /// The machine refuses what delivering needs.
    #[error("no HTTP client can be made: {0}")]
    Client(String),
}

fn join(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
