//! Extraction rules: business events out of spans and records that carry the values under names of
//! their own. A rule that reads no id from a key can say of nothing whom it concerns, and is refused.

use super::business::{Entity, Event};
use super::{Origin, bounded};
use crate::build::context::Context;
use crate::build::pool::Text;
use crate::flags::RowFlags;

/// Makes a business event of each item that meets all its conditions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExtractRule {
    /// Shown as `rule:NAME` in the event's `source`.
    pub name: String,
    pub from: RuleSource,
    pub conditions: Vec<Condition>,
    pub map: RuleMap,
}

/// Which items a rule looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuleSource {
    Spans,
    Logs,
}

/// A value must be one of some.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// An attribute, or `service`, `name` (of the span or event), `body`.
    pub key: String,
    pub any_of: Vec<Pattern>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pattern {
    Exact(String),
    Prefix(String),
}

/// Where a part of the event comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operand {
    Literal(String),
    /// An attribute, or `service`, `name`, `body` as in [`Condition::key`].
    Key(String),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleMap {
    pub operation: Operand,
    pub operation_id: Option<Operand>,
    pub phase: Option<Operand>,
    pub outcome: Option<Operand>,
    pub actor: Option<Operand>,
    pub actor_role: Option<Operand>,
    /// Where absent, the request id of the item.
    pub request_id: Option<Operand>,
    pub entities: Vec<EntityMap>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntityMap {
    pub ty: Operand,
    pub id: Operand,
    pub role: Option<Operand>,
    pub before: Option<Operand>,
    pub after: Option<Operand>,
}

impl ExtractRule {
    /// Rules kept; more are refused where they are read.
    pub const RULES_MAX: usize = 64;

    /// Keys that ids are read from: an item without any of them gives no event.
    pub fn id_keys(&self) -> impl Iterator<Item = &str> {
        let ids = self.map.entities.iter().map(|entity| &entity.id).chain(&self.map.operation_id);
        ids.filter_map(|operand| match operand {
            Operand::Key(key) => Some(key.as_str()),
            Operand::Literal(_) => None,
        })
    }

    /// Why the rule can never make an event, in words for who wrote it.
    pub fn check(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("name is empty: give the rule a name".into());
        }
        let reads_item = |key: &str| ["service", "name", "body"].contains(&key);
        if !self.id_keys().any(|key| !reads_item(key)) {
            return Err(
                "reads no id from an attribute: map operation_id or an entity's id to the key that holds it".into()
            );
        }
        match self.conditions.iter().find(|condition| condition.any_of.is_empty()) {
            Some(condition) => Err(format!("where {:?} allows no value: list at least one", condition.key)),
            None => Ok(()),
        }
    }

    pub(super) fn event(&self, cx: &mut Context<'_>, origin: &Origin<'_>) -> Option<Event> {
        if !self.conditions.iter().all(|condition| condition.holds(cx, origin)) {
            return None;
        }
        let source = cx.pool.intern(format!("rule:{}", self.name).as_bytes());
        let mut event = Event::new(source);
        let mut flags = RowFlags::default();
        let map = &self.map;
        for entity in &map.entities {
            let id = entity.id.read(cx, origin, &mut flags);
            if id != Text::NULL {
                let entity = Entity {
                    ty: entity.ty.read(cx, origin, &mut flags),
                    id,
                    role: read(&entity.role, cx, origin, &mut flags),
                    before: read(&entity.before, cx, origin, &mut flags),
                    after: read(&entity.after, cx, origin, &mut flags),
                };
                event.add(cx, entity);
            }
        }
        event.operation_id = read(&map.operation_id, cx, origin, &mut flags);
        if event.operation_id == Text::NULL && event.entities.is_empty() {
            return None;
        }
        event.operation = map.operation.read(cx, origin, &mut flags);
        event.phase = read(&map.phase, cx, origin, &mut flags);
        event.outcome = read(&map.outcome, cx, origin, &mut flags);
        event.actor = read(&map.actor, cx, origin, &mut flags);
        event.actor_role = read(&map.actor_role, cx, origin, &mut flags);
        event.request_id = read(&map.request_id, cx, origin, &mut flags);
        event.flags.insert(flags);
        Some(event)
    }
}

impl Condition {
    fn holds(&self, cx: &mut Context<'_>, origin: &Origin<'_>) -> bool {
        let value = value_of(&self.key, cx, origin, &mut RowFlags::default());
        value != Text::NULL && self.any_of.iter().any(|pattern| pattern.fits(cx.pool.get(value)))
    }
}

impl Pattern {
    /// As people write it: a star at the end stands for anything.
    pub fn new(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self::Prefix(prefix.to_owned()),
            None => Self::Exact(text.to_owned()),
        }
    }

    fn fits(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(text) => value == text.as_bytes(),
            Self::Prefix(prefix) => value.starts_with(prefix.as_bytes()),
        }
    }
}

impl Operand {
    /// As people write it: `'in quotes'` is a text, anything else a key.
    pub fn new(text: &str) -> Self {
        match text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            Some(literal) => Self::Literal(literal.to_owned()),
            None => Self::Key(text.to_owned()),
        }
    }

    fn read(&self, cx: &mut Context<'_>, origin: &Origin<'_>, flags: &mut RowFlags) -> Text {
        match self {
            Self::Literal(text) => cx.pool.intern_or_null(text.as_bytes()),
            Self::Key(key) => value_of(key, cx, origin, flags),
        }
    }
}

fn read(operand: &Option<Operand>, cx: &mut Context<'_>, origin: &Origin<'_>, flags: &mut RowFlags) -> Text {
    operand.as_ref().map_or(Text::NULL, |operand| operand.read(cx, origin, flags))
}

fn value_of(key: &str, cx: &mut Context<'_>, origin: &Origin<'_>, flags: &mut RowFlags) -> Text {
    match key {
        "service" => origin.service,
        "name" => cx.pool.intern_or_null(origin.name),
        "body" => origin.body.map_or(Text::NULL, |body| bounded(cx, body, flags)),
        key => origin.value(key.as_bytes()).map_or(Text::NULL, |value| bounded(cx, value, flags)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> ExtractRule {
        ExtractRule {
            name: "erp".into(),
            from: RuleSource::Spans,
            conditions: vec![],
            map: RuleMap {
                operation: Operand::new("'save order'"),
                operation_id: Some(Operand::new("erp.document")),
                phase: None,
                outcome: None,
                actor: None,
                actor_role: None,
                request_id: None,
                entities: vec![],
            },
        }
    }

    #[test]
    fn quotes_make_a_text_and_a_star_makes_a_prefix() {
        assert_eq!(Operand::new("'save'"), Operand::Literal("save".into()));
        assert_eq!(Operand::new("erp.action"), Operand::Key("erp.action".into()));
        assert!(Pattern::new("/erp/*").fits(b"/erp/save") && !Pattern::new("/erp/*").fits(b"/er"));
        assert!(Pattern::new("POST").fits(b"POST") && !Pattern::new("POST").fits(b"POST "));
    }

    #[test]
    fn a_rule_that_can_never_make_an_event_says_why() {
        assert_eq!(rule().check(), Ok(()));
        let unnamed = ExtractRule { name: String::new(), ..rule() };
        assert!(unnamed.check().unwrap_err().contains("give the rule a name"));
        let mut idless = rule();
        idless.map.operation_id = Some(Operand::new("'always the same'"));
        assert!(idless.check().unwrap_err().contains("operation_id or an entity's id"));
        let nothing = Condition { key: "service".into(), any_of: vec![] };
        let never = ExtractRule { conditions: vec![nothing], ..rule() };
        assert!(never.check().unwrap_err().contains("\"service\" allows no value"));
    }
}
