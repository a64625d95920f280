//! What a node of the graph stands for.

use serde::Serialize;
use std::fmt;

macro_rules! kinds {
    ($($name:ident = $text:literal;)*) => {
        /// The kind of a node: a closed list. Its text is what entities are written with (`kind:name`).
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind { $($name),* }

        impl Kind {
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Kind::$name => $text),* }
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
}

impl Kind {
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A node's identity. An operation is named `SERVICE/NAME`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Entity {
    pub kind: Kind,
    pub name: String,
}

impl Entity {
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    pub fn service(name: impl Into<String>) -> Self {
        Self::new(Kind::Service, name)
    }

    /// `kind:name`, or the bare name of a service. A service whose name begins with a kind and a colon
    /// must be written in full.
    pub fn read(text: &str) -> Self {
        match text.split_once(':').and_then(|(kind, name)| Some((Kind::from_name(kind)?, name))) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_is_read_as_it_is_written() {
        for kind in Kind::ALL {
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
