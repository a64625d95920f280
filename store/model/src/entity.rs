//! What can be called, run, fail or be blamed: the entities of graphs, alerts, incidents and causes.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

macro_rules! kinds {
    ($($name:ident = $text:literal;)*) => {
        /// The kind of an entity: a closed list. Its text is what entities are written with (`kind:name`).
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum EntityKind { $($name),* }

        impl EntityKind {
            pub const ALL: &'static [EntityKind] = &[$(EntityKind::$name),*];

            pub fn as_str(self) -> &'static str {
                match self { $(EntityKind::$name => $text),* }
            }
        }
    };
}

kinds! {
    Service = "service";
    Operation = "operation";
    Database = "database";
    Cache = "cache";
    Queue = "queue";
    ThirdParty = "third_party";
    Instance = "instance";
    Pod = "pod";
    Host = "host";
    Node = "node";
    Device = "device";
    Site = "site";
    Region = "region";
    Change = "change";
    Traffic = "traffic";
}

impl EntityKind {
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An identity. An operation is named `SERVICE/NAME`. Written and stored as `kind:name`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Entity {
    pub kind: EntityKind,
    pub name: String,
}

impl Entity {
    pub fn new(kind: EntityKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    pub fn service(name: impl Into<String>) -> Self {
        Self::new(EntityKind::Service, name)
    }

    /// `kind:name`, or the bare name of a service. A service whose name begins with a kind and a colon
    /// must be written in full.
    pub fn read(text: &str) -> Self {
        match text.split_once(':').and_then(|(kind, name)| Some((EntityKind::from_name(kind)?, name))) {
            Some((kind, name)) if !name.is_empty() => Self::new(kind, name),
            _ => Self::service(text),
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

impl Serialize for Entity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Entity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::read(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_is_read_as_it_is_written() {
        for kind in EntityKind::ALL {
            let entity = Entity::new(*kind, "a:b/c");
            assert_eq!(Entity::read(&entity.to_string()), entity);
        }
    }

    #[test]
    fn a_bare_name_is_a_service() {
        for name in ["order", "urn:order", "database:", ""] {
            assert_eq!(Entity::read(name), Entity::service(name));
        }
    }
}
