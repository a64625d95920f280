//! The list of entities of a business event, read from its JSON: what is no entity is passed over,
//! and said.

use crate::build::CanonicalText;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// One entity as its sender wrote it; values that are no strings in canonical text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct EntityText {
    pub(super) ty: Option<String>,
    pub(super) id: Option<String>,
    pub(super) role: Option<String>,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    /// A value was nested too deep and cut there.
    pub(super) too_deep: bool,
}

/// What a list held.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct EntityList {
    /// Those with an id, in the order sent, at most as many as asked for.
    pub(super) entities: Vec<EntityText>,
    /// Something in it was no entity, or the text broke off.
    pub(super) malformed: bool,
    /// How many came beyond the bound.
    pub(super) beyond: u64,
}

/// Reads a JSON list of maps, or one map, keeping at most `max` entities.
pub(super) fn read_entities(json: &[u8], max: usize) -> EntityList {
    let mut list = EntityList::default();
    let mut input = serde_json::Deserializer::from_slice(json);
    let read = ListSeed { list: &mut list, max }.deserialize(&mut input).and_then(|()| input.end());
    list.malformed |= read.is_err();
    list
}

impl EntityList {
    fn take(&mut self, entity: Option<EntityText>, max: usize) {
        match entity.filter(|entity| entity.id.as_ref().is_some_and(|id| !id.is_empty())) {
            None => self.malformed = true,
            Some(_) if self.entities.len() >= max => self.beyond += 1,
            Some(entity) => {
                self.malformed |= entity.ty.as_ref().is_none_or(String::is_empty);
                self.entities.push(entity);
            }
        }
    }
}

struct ListSeed<'l> {
    list: &'l mut EntityList,
    max: usize,
}

impl<'de> DeserializeSeed<'de> for ListSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of maps with type and id")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(Element(entity)) = items.next_element()? {
            self.list.take(entity, self.max);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let entity = entity(map)?;
        self.list.take(Some(entity), self.max);
        Ok(())
    }
}

/// One element of the list: an entity, or something else.
struct Element(Option<EntityText>);

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ElementVisitor).map(Self)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Option<EntityText>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        entity(map).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

fn entity<'de, A: MapAccess<'de>>(mut map: A) -> Result<EntityText, A::Error> {
    let mut entity = EntityText::default();
    while let Some(key) = map.next_key::<String>()? {
        let place = match key.as_str() {
            "type" => &mut entity.ty,
            "id" => &mut entity.id,
            "role" => &mut entity.role,
            "before" => &mut entity.before,
            "after" => &mut entity.after,
            _ => {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
        };
        let ValueText { text, too_deep } = map.next_value()?;
        if place.is_none() {
            *place = text;
            entity.too_deep |= too_deep;
        }
    }
    Ok(entity)
}

/// A value as text: a string as it is, anything else as canonical JSON, null as nothing.
struct ValueText {
    text: Option<String>,
    too_deep: bool,
}

impl<'de> Deserialize<'de> for ValueText {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let mut canonical = CanonicalText::new();
        let plain = Canonical { out: &mut canonical, outermost: true }.deserialize(input)?;
        let too_deep = canonical.was_cut();
        let text = match plain {
            Plain::Text(text) => Some(text),
            Plain::Nothing => None,
            Plain::Written => Some(canonical.take().into()),
        };
        Ok(Self { text, too_deep })
    }
}

/// How the outermost value came.
enum Plain {
    Text(String),
    Nothing,
    Written,
}

/// Writes a value as canonical JSON, except for a string or null that is the whole value.
struct Canonical<'c> {
    out: &'c mut CanonicalText,
    outermost: bool,
}

impl<'de> DeserializeSeed<'de> for Canonical<'_> {
    type Value = Plain;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Plain, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Canonical<'_> {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Plain, E> {
        self.out.bool(value);
        Ok(Plain::Written)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Plain, E> {
        self.out.int(value);
        Ok(Plain::Written)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Plain, E> {
        match i64::try_from(value) {
            Ok(value) => self.out.int(value),
            Err(_) => self.out.double(value as f64),
        }
        Ok(Plain::Written)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Plain, E> {
        self.out.double(value);
        Ok(Plain::Written)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Plain, E> {
        if self.outermost {
            return Ok(Plain::Text(value.to_owned()));
        }
        self.out.string(value.as_bytes());
        Ok(Plain::Written)
    }

    fn visit_unit<E: Error>(self) -> Result<Plain, E> {
        if self.outermost {
            return Ok(Plain::Nothing);
        }
        self.out.empty();
        Ok(Plain::Written)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Plain, A::Error> {
        if !self.out.begin_array() {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Plain::Written);
        }
        while items.next_element_seed(Canonical { out: self.out, outermost: false })?.is_some() {}
        self.out.end_array();
        Ok(Plain::Written)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Plain, A::Error> {
        if !self.out.begin_map() {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Plain::Written);
        }
        while let Some(key) = map.next_key::<String>()? {
            self.out.key(key.as_bytes());
            map.next_value_seed(Canonical { out: self.out, outermost: false })?;
        }
        self.out.end_map();
        Ok(Plain::Written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(ty: &str, id: &str) -> EntityText {
        EntityText { ty: Some(ty.into()), id: Some(id.into()), ..EntityText::default() }
    }

    #[test]
    fn entities_are_read_with_their_values_as_text() {
        let json = br#"[{"type":"order","id":"O1","role":"subject","before":"","after":{"b":[1,2.5,null],"a":"x\ny"}},
            {"id":17,"type":"sku","before":9223372036854775807,"after":true,"colour":"red"}]"#;
        let list = read_entities(json, 8);
        assert!(!list.malformed);
        let order = EntityText {
            role: Some("subject".into()),
            before: Some(String::new()),
            after: Some(r#"{"b":[1,2.5,null],"a":"x\ny"}"#.into()),
            ..entity("order", "O1")
        };
        let sku = EntityText {
            before: Some("9223372036854775807".into()),
            after: Some("true".into()),
            ..entity("sku", "17")
        };
        assert_eq!(list.entities, [order, sku]);
    }

    #[test]
    fn what_is_no_entity_is_passed_over_and_said() {
        for (json, kept, malformed) in [
            (r#"[{"type":"a","id":"1"},7,"x",null,[{"id":1}],true,1.5,{"type":"b","id":"2"}]"#, 2, true),
            (r#"{"type":"a","id":"1"}"#, 1, false),
            (r#"[{"type":"a"}]"#, 0, true),
            (r#"[{"id":"1"}]"#, 1, true),
            (r#"[{"type":"a","id":"1"},{"type":"b","id":"#, 1, true),
            (r#"[{"type":"a","id":"1"}] trailing"#, 1, true),
            ("order 17", 0, true),
            ("", 0, true),
            ("[]", 0, false),
            (r#"[{"type":"a","id":"1","type":"b"}]"#, 1, false),
        ] {
            let list = read_entities(json.as_bytes(), 8);
            assert_eq!((list.entities.len(), list.malformed), (kept, malformed), "{json}");
        }
    }

    #[test]
    fn entities_beyond_the_bound_are_counted() {
        let json = format!("[{}]", [r#"{"type":"a","id":"1"}"#; 10].join(","));
        let list = read_entities(json.as_bytes(), 3);
        assert_eq!((list.entities.len(), list.beyond, list.malformed), (3, 7, false));
    }

    #[test]
    fn nesting_without_end_is_no_danger() {
        for depth in [70, 100_000] {
            let json = format!(r#"[{{"type":"a","id":"1","after":{}1{}}}]"#, "[".repeat(depth), "]".repeat(depth));
            let entity = read_entities(json.as_bytes(), 3).entities[0].clone();
            assert_eq!(entity.after.unwrap(), format!("{}null{}", "[".repeat(64), "]".repeat(64)));
            assert!(entity.too_deep);
        }
    }
}
