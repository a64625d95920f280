//! The kinds of causes that a verdict may name: a closed list.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! kinds {
    ($($name:ident = $text:literal;)*) => {
        /// What kind of thing went wrong.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum CauseKind { $($name),* }

        impl CauseKind {
            pub const ALL: &'static [CauseKind] = &[$(CauseKind::$name),*];

            pub fn as_str(self) -> &'static str {
                match self { $(CauseKind::$name => $text),* }
            }
        }
    };
}

kinds! {
    Release = "release";
    Config = "config";
    Exception = "exception";
    SlowSql = "slow_sql";
    NPlusOne = "n_plus_one";
    ConnectionPool = "connection_pool";
    ThreadPool = "thread_pool";
    Lock = "lock";
    Memory = "memory";
    Cpu = "cpu";
    Disk = "disk";
    Host = "host";
    Network = "network";
    Dns = "dns";
    Certificate = "certificate";
    Database = "database";
    ReplicaLag = "replica_lag";
    Cache = "cache";
    Queue = "queue";
    PoisonMessage = "poison_message";
    RetryStorm = "retry_storm";
    ThirdParty = "third_party";
    Traffic = "traffic";
    BadData = "bad_data";
    Device = "device";
    Region = "region";
    VersionDrift = "version_drift";
    ColdStart = "cold_start";
    Unknown = "unknown";
}

impl CauseKind {
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for CauseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    #[test]
    fn a_kind_is_stored_by_the_name_it_is_written_with() {
        for kind in CauseKind::ALL {
            assert_eq!(CauseKind::from_name(kind.as_str()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
