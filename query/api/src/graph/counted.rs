//! What the spans were counted to, sitting by sitting.

use super::answer::LaneFinding;
use super::gathered::{call, end, measure, traffic};
use super::rollups::ROWS_MAX;
use crate::Problem;
use crate::ask::{Row, Rows};
use graph::{CallRow, Entity, Measure, NodeRow, Quantiles, Traffic};
use model::UnixNanos;
use rollup::SketchSum;
use std::collections::{BTreeMap, HashMap};

/// Calls of one edge or node.
#[derive(Clone, Debug, Default)]
struct Sum {
    traffic: Traffic,
    last_seen: Option<UnixNanos>,
    /// Exact, where all was counted at one sitting.
    quantiles: Option<Quantiles>,
    durations: SketchSum,
}

impl Sum {
    fn add(&mut self, row: &Row<'_>) -> Result<(), Problem> {
        self.traffic += traffic(row)?;
        self.last_seen = self.last_seen.max(row.opt_time("last_seen")?);
        self.quantiles = measure(row)?.quantiles;
        if let Some(sketch) = row.opt_bytes("sketch")? {
            self.durations.add_encoded(sketch).map_err(|error| Problem::internal(error.to_string()))?;
        }
        Ok(())
    }

    fn measure(&self) -> Measure {
        let quantiles = self.quantiles.or_else(|| super::gathered::quantiles(&self.durations.sketch()));
        Measure::seen(self.traffic, quantiles, self.last_seen)
    }
}

/// What tells one hop at which a lane was left from another: ends with their operations, and the lanes of both.
const HOP: [&str; 6] = ["caller", "caller_operation", "callee", "callee_operation", "caller_lane", "lane"];

/// Edges, nodes and hops of all sittings.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    calls: HashMap<(Entity, Entity, String), Sum>,
    nodes: HashMap<Entity, Sum>,
    /// Calls by [`HOP`].
    hops: BTreeMap<[String; HOP.len()], u64>,
    /// Spans whose parent is not there.
    pub(super) waiting: i64,
    /// Edges that were too many.
    pub(super) left_out: i64,
}

impl Counted {
    /// Adds the rows of one sitting, see [`super::spans::Spans::census`].
    pub(super) fn add(&mut self, rows: &Rows) -> Result<(), Problem> {
        for row in rows.iter() {
            match row.text("part")? {
                "edge" => {
                    let CallRow { caller, callee, kind, .. } = call(&row, Measure::default())?;
                    self.calls.entry((caller, callee, kind)).or_default().add(&row)?;
                }
                "node" => self.nodes.entry(end(&row, "callee_type", "callee")?).or_default().add(&row)?,
                "hop" => {
                    let mut hop = [const { String::new() }; HOP.len()];
                    for (text, name) in hop.iter_mut().zip(HOP) {
                        row.text(name)?.clone_into(text);
                    }
                    *self.hops.entry(hop).or_default() += row.int("calls")?.unsigned_abs();
                }
                _ => {
                    self.waiting = self.waiting.saturating_add(row.int("calls")?);
                    self.left_out = self.left_out.saturating_add(row.int("left_out")?);
                }
            }
        }
        Ok(())
    }

    /// Edges and nodes as rows of a graph, and why there may be more.
    pub(super) fn rows(&self) -> (Vec<CallRow>, Vec<NodeRow>, Option<String>) {
        let calls = self.calls.iter().map(|((caller, callee, kind), sum)| CallRow {
            caller: caller.clone(),
            callee: callee.clone(),
            kind: kind.clone(),
            measure: sum.measure(),
        });
        let nodes = self.nodes.iter().map(|(entity, sum)| NodeRow { entity: entity.clone(), measure: sum.measure() });
        let cut = format!("more than {ROWS_MAX} edges: the least travelled are left out");
        (calls.collect(), nodes.collect(), (self.left_out > 0).then_some(cut))
    }

    /// What services served, without their calls.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (&Entity, Measure)> {
        self.nodes.iter().map(|(entity, sum)| (entity, sum.measure()))
    }

    /// Hops at which a lane was left, the most travelled first.
    pub(super) fn hops(&self) -> Vec<LaneFinding> {
        let finding = |([caller, caller_operation, callee, callee_operation, caller_lane, lane], calls): (
            &[String; HOP.len()],
            &u64,
        )| LaneFinding {
            finding: if lane.is_empty() { "lost" } else { "crossed" },
            caller: caller.clone(),
            caller_operation: caller_operation.clone(),
            callee: callee.clone(),
            callee_operation: callee_operation.clone(),
            caller_lane: caller_lane.clone(),
            lane: lane.clone(),
            calls: *calls,
        };
        let mut hops: Vec<LaneFinding> = self.hops.iter().map(finding).collect();
        hops.sort_by_key(|hop| std::cmp::Reverse(hop.calls));
        hops
    }
}
