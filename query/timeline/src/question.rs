//! What a story asks next: the linker opens nothing, it says what it wants to know.

use model::{TraceId, UnixNanos};

/// A closed stretch of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stretch {
    pub from: UnixNanos,
    pub to: UnixNanos,
}

impl Stretch {
    pub const ALL: Stretch = Stretch { from: UnixNanos(i64::MIN), to: UnixNanos(i64::MAX) };

    pub fn contains(&self, time: UnixNanos) -> bool {
        self.from <= time && time <= self.to
    }
}

/// Rows to look up. All of a question are answered together; the answer is every fact that fits any part.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Question {
    /// Whole traces: spans, records, business events.
    pub traces: Vec<TraceId>,
    /// Whatever bears a request id within a time.
    pub requests: Vec<(String, Stretch)>,
    /// Whatever bears a business key with a value within a time: attribute, or entity of an event.
    pub keys: Vec<(String, String, Stretch)>,
    /// Business events of an operation.
    pub operations: Vec<(String, Stretch)>,
    /// Spans that sent or handled a message.
    pub messages: Vec<(String, Stretch)>,
    /// Spans that link to a trace, and rows that mention it in a foreign context.
    pub mentions: Vec<Mention>,
}

/// Where others may speak of a trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mention {
    pub trace: TraceId,
    /// Links may be made long after it: messages wait.
    pub links: Stretch,
    /// Who writes its id down does so while it goes on.
    pub texts: Stretch,
}

impl Question {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answer {
    /// Every fact of the traces that were asked for.
    pub of_traces: Vec<crate::Fact>,
    /// Facts that fit the other parts of the question.
    pub found: Vec<crate::Fact>,
    /// What was left out because there was too much of it, in words.
    pub cut: Vec<String>,
}
