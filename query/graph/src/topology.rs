//! What telemetry cannot tell: which device stands at which site, what runs on what.

use crate::{CallRow, Entity, Kind, Measure};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Most relations of one topology: thousands of stores with a few devices each.
pub const RELATIONS_MAX: usize = 50_000;
/// Longest name of an entity, in bytes.
const NAME_BYTES_MAX: usize = 512;

/// What one entity is to another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// A service on a host, a pod on a node.
    RunsOn,
    /// Needs it without calling it.
    DependsOn,
    /// Stands there: a device at a site.
    At,
    /// Calls it: of services that send no spans.
    Calls,
    /// A pod or process of a service.
    InstanceOf,
}

impl RelationKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunsOn => "runs_on",
            Self::DependsOn => "depends_on",
            Self::At => "at",
            Self::Calls => "calls",
            Self::InstanceOf => "instance_of",
        }
    }
}

/// One line of a topology; entities are written `kind:name`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relation {
    pub from: String,
    pub relation: RelationKind,
    pub to: String,
}

/// Relations as the operator told them, checked: sorted, each once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Topology {
    relations: Vec<(Entity, RelationKind, Entity)>,
}

/// What is wrong with a topology, and what would be right.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TopologyError {
    #[error("the topology has {0} relations; at most {RELATIONS_MAX} are kept: leave out what telemetry tells")]
    TooMany(usize),
    #[error(
        "relation {at}: {text:?} is not an entity; write kind:name with kind one of {}",
        Kind::ALL.iter().map(|k| k.as_str()).collect::<Vec<_>>().join(", ")
    )]
    NoEntity { at: usize, text: String },
    #[error("relation {at}: the name of an entity has {bytes} bytes; at most {NAME_BYTES_MAX} are kept")]
    TooLong { at: usize, bytes: usize },
    #[error("relation {at}: {text} stands in relation to itself")]
    Itself { at: usize, text: String },
}

impl Topology {
    /// Checks relations. Numbers in errors count from 0.
    ///
    /// # Errors
    /// The first relation that is wrong.
    pub fn new(relations: &[Relation]) -> Result<Self, TopologyError> {
        if relations.len() > RELATIONS_MAX {
            return Err(TopologyError::TooMany(relations.len()));
        }
        let mut seen = HashSet::with_capacity(relations.len());
        for (at, relation) in relations.iter().enumerate() {
            let (from, to) = (entity(at, &relation.from)?, entity(at, &relation.to)?);
            if from == to {
                return Err(TopologyError::Itself { at, text: relation.from.clone() });
            }
            seen.insert((from, relation.relation, to));
        }
        let mut relations: Vec<_> = seen.into_iter().collect();
        relations.sort();
        Ok(Self { relations })
    }

    /// The relations of both.
    pub fn joined(&self, other: &Self) -> Self {
        let mut relations = [self.relations.as_slice(), &other.relations].concat();
        relations.sort();
        relations.dedup();
        Self { relations }
    }

    /// The relations as they are written.
    pub fn written(&self) -> Vec<Relation> {
        let write = |(from, relation, to): &(Entity, RelationKind, Entity)| Relation {
            from: from.to_string(),
            relation: *relation,
            to: to.to_string(),
        };
        self.relations.iter().map(write).collect()
    }

    /// The relations as edges of a graph that nobody counted.
    pub fn calls(&self) -> impl Iterator<Item = CallRow> {
        self.relations.iter().map(|(from, relation, to)| CallRow {
            caller: from.clone(),
            callee: to.clone(),
            kind: relation.as_str().into(),
            measure: Measure::declared(),
        })
    }
}

fn entity(at: usize, text: &str) -> Result<Entity, TopologyError> {
    if text.len() > NAME_BYTES_MAX {
        return Err(TopologyError::TooLong { at, bytes: text.len() });
    }
    let read = text.split_once(':').and_then(|(kind, name)| Some((Kind::from_name(kind)?, name)));
    match read {
        Some((kind, name)) if !name.trim().is_empty() => Ok(Entity::new(kind, name)),
        _ => Err(TopologyError::NoEntity { at, text: text.into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bounds, Graph, Origin};

    fn relation(from: &str, relation: RelationKind, to: &str) -> Relation {
        Relation { from: from.into(), relation, to: to.into() }
    }

    #[test]
    fn relations_are_sorted_kept_once_and_become_edges_that_were_told() {
        let told = [
            relation("pod:order-1", RelationKind::RunsOn, "node:n1"),
            relation("device:printer-7", RelationKind::At, "site:store-1"),
            relation("pod:order-1", RelationKind::RunsOn, "node:n1"),
        ];
        let topology = Topology::new(&told).unwrap();
        assert_eq!(topology.written(), [told[0].clone(), told[1].clone()]);
        let graph = Graph::build(topology.calls(), [], Bounds::default());
        assert_eq!((graph.nodes.len(), graph.edges.len()), (4, 2));
        assert!(graph.edges.iter().all(|e| e.measure.origin == Origin::Declared));
    }

    #[test]
    fn what_is_wrong_with_a_relation_is_said_with_its_number() {
        let good = relation("pod:a", RelationKind::RunsOn, "node:b");
        for (bad, says) in [
            (relation("order", RelationKind::RunsOn, "node:b"), "relation 1: \"order\" is not an entity"),
            (relation("shop:a", RelationKind::At, "node:b"), "write kind:name with kind one of service"),
            (relation("site: ", RelationKind::At, "node:b"), "relation 1"),
            (relation("pod:a", RelationKind::At, "pod:a"), "stands in relation to itself"),
            (relation(&format!("pod:{}", "x".repeat(600)), RelationKind::At, "pod:a"), "604 bytes"),
        ] {
            let error = Topology::new(&[good.clone(), bad]).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let many = vec![good; RELATIONS_MAX + 1];
        assert!(Topology::new(&many).unwrap_err().to_string().contains("50001 relations"));
    }
}
