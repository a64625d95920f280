//! The world's facts as a store would find them: by ids and times, never by story.

use crate::world::World;
use model::TraceId;
use std::collections::HashMap;
use timeline::{Answer, Fact, Question, Stretch};

pub(crate) struct Index<'w> {
    facts: &'w [Fact],
    traces: HashMap<TraceId, Vec<usize>>,
    requests: HashMap<&'w str, Vec<usize>>,
    keys: HashMap<(&'w str, &'w str), Vec<usize>>,
    operations: HashMap<&'w str, Vec<usize>>,
    messages: HashMap<&'w str, Vec<usize>>,
    mentions: HashMap<TraceId, Vec<usize>>,
}

impl<'w> Index<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        let mut index = Self {
            facts: &world.facts,
            traces: HashMap::new(),
            requests: HashMap::new(),
            keys: HashMap::new(),
            operations: HashMap::new(),
            messages: HashMap::new(),
            mentions: HashMap::new(),
        };
        for (at, fact) in world.facts.iter().enumerate() {
            index.add(at, fact);
        }
        index
    }

    fn add(&mut self, at: usize, fact: &'w Fact) {
        if let Some(trace) = fact.trace_id {
            self.traces.entry(trace).or_default().push(at);
        }
        if let Some(request) = &fact.request_id {
            self.requests.entry(request).or_default().push(at);
        }
        for (key, value) in &fact.keys {
            self.keys.entry((key, value)).or_default().push(at);
        }
        if let Some(operation) = fact.business.as_ref().and_then(|business| business.operation_id.as_ref()) {
            self.operations.entry(operation).or_default().push(at);
        }
        for message in &fact.message_ids {
            self.messages.entry(message).or_default().push(at);
        }
        let contexts = fact.contexts.iter().filter_map(|text| TraceId::from_hex(text));
        for trace in fact.links.iter().map(|(trace, _)| *trace).chain(contexts) {
            self.mentions.entry(trace).or_default().push(at);
        }
    }

    fn take(&self, found: Option<&Vec<usize>>, within: Stretch) -> impl Iterator<Item = Fact> {
        let found = found.cloned().unwrap_or_default();
        found.into_iter().map(|at| self.facts[at].clone()).filter(move |fact| within.contains(fact.time))
    }

    pub(crate) fn answer(&self, question: &Question) -> Answer {
        let mut answer = Answer::default();
        for trace in &question.traces {
            answer.of_traces.extend(self.take(self.traces.get(trace), Stretch::ALL));
        }
        for (request, within) in &question.requests {
            answer.found.extend(self.take(self.requests.get(request.as_str()), *within));
        }
        for (key, value, within) in &question.keys {
            answer.found.extend(self.take(self.keys.get(&(key.as_str(), value.as_str())), *within));
        }
        for (operation, within) in &question.operations {
            answer.found.extend(self.take(self.operations.get(operation.as_str()), *within));
        }
        for (message, within) in &question.messages {
            answer.found.extend(self.take(self.messages.get(message.as_str()), *within));
        }
        for mention in &question.mentions {
            let found = self.take(self.mentions.get(&mention.trace), mention.links);
            let seen = |fact: &Fact| !fact.links.is_empty() || mention.texts.contains(fact.time);
            answer.found.extend(found.filter(seen));
        }
        answer
    }
}
