//! The service graph: who calls whom, drawn from calls that were counted elsewhere.
//!
//! It takes counted calls as rows and gives graphs: bounded, walked, compared, placed on a canvas. It
//! also holds the rules that turn counts into a judgement: health, difference, experience. It refuses
//! to know where rows come from, what time it is, and how answers travel.
//!
//! Invariants: the same rows give the same graph in whatever order they come; nothing recurses; what a
//! bound left out is said by [`Cut`].

mod component;
mod difference;
mod experience;
mod graph;
mod health;
mod position;
mod topology;
mod traffic;
mod walk;

pub use component::Component;
pub use difference::{Change, Difference, EdgeChange, NodeChange, Sensitivity, Window};
pub use experience::{Experience, Importance};
pub use graph::{Bounds, CallRow, Cut, Edge, Graph, Node, NodeRow};
pub use health::{Health, HealthRule};
pub use model::{Entity, EntityKind as Kind};
pub use position::{LAYER_STEP, Position, ROW_STEP};
pub use topology::{RELATIONS_MAX, Relation, RelationKind, Topology, TopologyError};
pub use traffic::{Measure, Origin, Quantiles, Traffic};
pub use walk::{Direction, Reached};
