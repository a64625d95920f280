//! A span as far as the shape of its trace is concerned.

use crate::Name;
use model::SpanId;

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Kind {
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer];

    /// As tables write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }

    /// What tables write; anything else is internal, as in the protocol.
    pub fn from_text(text: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).unwrap_or(Self::Internal)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Status {
    Unset,
    Ok,
    Error,
}

impl Status {
    pub const ALL: [Status; 3] = [Self::Unset, Self::Ok, Self::Error];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }

    pub fn from_text(text: &str) -> Self {
        Self::ALL.into_iter().find(|status| status.as_str() == text).unwrap_or(Self::Unset)
    }
}

/// One span. Small, because a trace can have a million of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub id: SpanId,
    /// The zero id counts as none.
    pub parent: Option<SpanId>,
    /// Unix nanoseconds.
    pub start: i64,
    /// As sent: below zero where the span ends before it starts.
    pub duration_ns: i64,
    pub service: Name,
    pub operation: Name,
    pub kind: Kind,
    pub status: Status,
    /// The service at the other end, as the sender names it (`service.peer.name`).
    pub peer: Option<Name>,
}

impl Span {
    /// Where the span ends; at its start when its duration is negative.
    pub fn end(&self) -> i64 {
        self.start.saturating_add(self.duration_ns.max(0))
    }

    pub fn parent_id(&self) -> Option<SpanId> {
        self.parent.filter(|id| !id.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_statuses_read_what_they_write() {
        assert!(Kind::ALL.into_iter().all(|k| Kind::from_text(k.as_str()) == k));
        assert!(Status::ALL.into_iter().all(|s| Status::from_text(s.as_str()) == s));
        assert_eq!((Kind::from_text("odd"), Status::from_text("")), (Kind::Internal, Status::Unset));
    }
}
