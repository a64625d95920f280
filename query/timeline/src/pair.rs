//! The phases of business operations side by side: created, completed, and what became of entities.

use crate::fact::{Fact, FactId};
use model::UnixNanos;
use std::collections::BTreeMap;

/// One operation of the story, its phases paired by the operation's id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    pub operation: String,
    /// None where the sender gave none: then each event stands alone.
    pub operation_id: Option<String>,
    pub created: Option<FactId>,
    pub completed: Option<FactId>,
    /// Time of the first event, and of the one that completes it.
    pub from: UnixNanos,
    pub to: Option<UnixNanos>,
    pub outcome: String,
    pub entities: Vec<EntityChange>,
}

/// What an entity was before the operation, and what it is after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntityChange {
    pub ty: String,
    pub id: String,
    pub role: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Operations of some facts, in order of time. An operation without id is whole by itself.
pub(crate) fn operations<'f>(facts: impl Iterator<Item = &'f Fact>) -> Vec<Operation> {
    let mut operations: Vec<Operation> = Vec::new();
    let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
    for fact in facts {
        let Some(business) = &fact.business else { continue };
        let place = match business.operation_id.as_deref() {
            Some(id) => *by_id.entry(id).or_insert(operations.len()),
            None => operations.len(),
        };
        if place == operations.len() {
            operations.push(Operation {
                operation: business.operation.clone(),
                operation_id: business.operation_id.clone(),
                created: None,
                completed: None,
                from: fact.time,
                to: None,
                outcome: "unknown".into(),
                entities: Vec::new(),
            });
        }
        operations[place].add(fact, business);
    }
    operations
}

impl Operation {
    fn add(&mut self, fact: &Fact, business: &crate::Business) {
        let (creates, completes) = match business.phase.as_str() {
            "create" => (true, false),
            "complete" => (false, true),
            "whole" => (true, true),
            _ => (false, false),
        };
        if creates {
            self.created.get_or_insert(fact.id);
        }
        if completes {
            self.completed.get_or_insert(fact.id);
            self.to.get_or_insert(fact.time);
        }
        if business.outcome != "unknown" {
            self.outcome.clone_from(&business.outcome);
        }
        for entity in &business.entities {
            match self.entities.iter_mut().find(|known| known.ty == entity.ty && known.id == entity.id) {
                // The first value before and the last value after are the operation's.
                Some(known) => {
                    known.before = known.before.take().or_else(|| entity.before.clone());
                    if entity.after.is_some() {
                        known.after.clone_from(&entity.after);
                    }
                }
                None => self.entities.push(EntityChange {
                    ty: entity.ty.clone(),
                    id: entity.id.clone(),
                    role: entity.role.clone(),
                    before: entity.before.clone(),
                    after: entity.after.clone(),
                }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Business, Entity, Kind};

    fn event(id: u32, time: i64, operation_id: Option<&str>, phase: &str, values: (&str, &str)) -> Fact {
        let entity = Entity {
            ty: "order".into(),
            id: "O1".into(),
            role: None,
            before: Some(values.0.into()),
            after: Some(values.1.into()),
        };
        let business = Business {
            operation: "buy".into(),
            operation_id: operation_id.map(str::to_owned),
            phase: phase.into(),
            outcome: if phase == "create" { "unknown".into() } else { "success".into() },
            actor: None,
            entities: vec![entity],
        };
        Fact { id: FactId(id), business: Some(business), ..Fact::at(Kind::Business, "s", UnixNanos(time)) }
    }

    #[test]
    fn create_and_complete_are_paired_with_the_first_value_before_and_the_last_after() {
        let facts = [
            event(1, 10, Some("op"), "create", ("", "placed")),
            event(2, 15, Some("op"), "check", ("placed", "checked")),
            event(3, 20, Some("op"), "complete", ("checked", "paid")),
            event(4, 30, None, "whole", ("paid", "refunded")),
            event(5, 40, Some("other"), "create", ("refunded", "reopened")),
        ];
        let paired = operations(facts.iter());
        assert_eq!(paired.len(), 3);
        let buy = &paired[0];
        assert_eq!((buy.created, buy.completed), (Some(FactId(1)), Some(FactId(3))));
        assert_eq!((buy.from, buy.to), (UnixNanos(10), Some(UnixNanos(20))));
        assert_eq!((buy.entities[0].before.as_deref(), buy.entities[0].after.as_deref()), (Some(""), Some("paid")));
        assert_eq!((paired[1].created, paired[1].completed), (Some(FactId(4)), Some(FactId(4))));
        assert_eq!((paired[2].completed, paired[2].outcome.as_str()), (None, "unknown"), "still open");
    }
}
