//! What somebody asks about.

use crate::question::{Question, Stretch};
use model::{TraceId, UnixNanos};

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A business key with its value.
    Key(String, String),
    Request(String),
    Trace(TraceId),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seed {
    pub what: What,
    /// Where it is looked for.
    pub within: Stretch,
    /// Which of several stories under the same id is meant: the nearest to this; without it the last.
    pub near: Option<UnixNanos>,
    /// Values that the story must not contradict, such as a store.
    pub given: Vec<(String, String)>,
}

impl Seed {
    fn new(what: What, within: Stretch) -> Self {
        Self { what, within, near: None, given: Vec::new() }
    }

    pub fn key(key: &str, value: &str, within: Stretch) -> Self {
        Self::new(What::Key(key.to_owned(), value.to_owned()), within)
    }

    pub fn request(id: &str, within: Stretch) -> Self {
        Self::new(What::Request(id.to_owned()), within)
    }

    pub fn trace(id: TraceId, within: Stretch) -> Self {
        Self::new(What::Trace(id), within)
    }

    pub fn near(self, time: UnixNanos) -> Self {
        Self { near: Some(time), ..self }
    }

    pub(crate) fn question(&self) -> Question {
        let mut question = Question::default();
        match &self.what {
            What::Key(key, value) => question.keys.push((key.clone(), value.clone(), self.within)),
            What::Request(id) => question.requests.push((id.clone(), self.within)),
            What::Trace(id) => question.traces.push(*id),
        }
        question
    }

    /// How far a time is from the one that is meant.
    pub(crate) fn distance(&self, time: i64) -> i128 {
        let meant = self.near.unwrap_or(self.within.to).0;
        (i128::from(time) - i128::from(meant)).abs()
    }
}
