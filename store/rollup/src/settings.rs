//! Every bound of the counts, with its default.

use std::time::Duration;

/// Bounds and keys of the rollups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Attributes of spans and resources that name a lane; the first that is there counts, those of a span
    /// before those of its resource.
    pub lane_keys: Vec<String>,
    /// Spans remembered, so that children and copies are known in memory: at least half as many. 56 bytes each.
    pub spans_max: usize,
    /// Spans that wait for their parent in memory; those beyond are resolved from stored spans.
    pub waiting_max: usize,
    /// Operations of one service in one generation; beyond, they are counted as `__overflow__`.
    pub operations_max: usize,
    /// Edges in one generation; beyond, nodes are counted as `__overflow__`.
    pub edges_max: usize,
    /// Names of services, and of nodes, held at a time; beyond, they are counted as `__overflow__`.
    pub names_max: usize,
    /// Links of one span that are followed.
    pub links_max: usize,
    /// Orphans that are known to have found their parent lately.
    pub settled_max: usize,
    /// For how long they are known: longer than the longest query.
    pub settled_for: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lane_keys: ["lane", "env.tag", "gray", "load_test"].map(String::from).into(),
            spans_max: 524_288,
            waiting_max: 131_072,
            operations_max: 2_000,
            edges_max: 50_000,
            names_max: 65_536,
            links_max: 128,
            settled_max: 524_288,
            settled_for: Duration::from_secs(360),
        }
    }
}
