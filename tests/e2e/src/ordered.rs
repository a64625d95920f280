//! JSON that keeps the order of an object's keys: type tags stand in the order of a map's entries.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

#[derive(Clone, PartialEq, Debug)]
pub enum Ordered {
    Null,
    Bool(bool),
    /// As written: wide integers and doubles lose nothing.
    Number(serde_json::Number),
    Text(String),
    List(Vec<Ordered>),
    Map(Vec<(String, Ordered)>),
}

impl Ordered {
    pub fn get(&self, key: &str) -> &Ordered {
        match self {
            Ordered::Map(entries) => entries.iter().find(|(k, _)| k == key).map_or(&Ordered::Null, |(_, v)| v),
            _ => &Ordered::Null,
        }
    }

    pub fn list(&self) -> &[Ordered] {
        match self {
            Ordered::List(items) => items,
            _ => &[],
        }
    }

    pub fn entries(&self) -> &[(String, Ordered)] {
        match self {
            Ordered::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Text as it is, numbers and booleans as written; `None` for null.
    pub fn text(&self) -> Option<String> {
        match self {
            Ordered::Text(text) => Some(text.clone()),
            Ordered::Number(number) => Some(number.to_string()),
            Ordered::Bool(yes) => Some(yes.to_string()),
            Ordered::Null | Ordered::List(_) | Ordered::Map(_) => None,
        }
    }

    pub fn double(&self) -> Option<f64> {
        self.text()?.parse().ok()
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Ordered;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Ordered, E> {
        Ok(Ordered::Null)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Ordered, E> {
        Ok(Ordered::Bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Ordered, E> {
        Ok(Ordered::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Ordered, E> {
        Ok(Ordered::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Ordered, E> {
        Ok(serde_json::Number::from_f64(number).map_or(Ordered::Null, Ordered::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Ordered, E> {
        Ok(Ordered::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Ordered, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Ordered::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Ordered, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Ordered::Map(map))
    }
}
