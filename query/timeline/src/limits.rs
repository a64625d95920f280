//! How far a story is followed. Reaching a limit is said in the answer.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Limits {
    /// Rounds of looking up what the story named last. 6.
    pub hops_max: usize,
    /// Traces looked into. 300.
    pub traces_max: usize,
    /// Facts held. 50,000.
    pub facts_max: usize,
    /// Values of one business key that are followed: what speaks of more is about no one of them. 3.
    pub subject_values_max: usize,
    /// How far from its own time a request id is looked for: later it is another request's. 15 min.
    pub request_within: Duration,
    /// How long after a trace others may link to it. 15 min.
    pub link_within: Duration,
    /// How long before and after a trace others may write its id down. 2 min.
    pub text_within: Duration,
    /// How long a message may wait. 1 day.
    pub message_within: Duration,
    /// Other stories under the same id that are told of. 20.
    pub others_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hops_max: 6,
            traces_max: 300,
            facts_max: 50_000,
            subject_values_max: 3,
            request_within: Duration::from_secs(900),
            link_within: Duration::from_secs(900),
            text_within: Duration::from_secs(120),
            message_within: Duration::from_secs(86_400),
            others_max: 20,
        }
    }
}
