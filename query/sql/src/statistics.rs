//! What a query read and skipped, added up from its plan once it has run.

use crate::scope::QueryScope;
use client::Statistics;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricValue;
use std::sync::atomic::Ordering;

/// Adds the figures of all scans below `plan`.
pub fn of_plan(plan: &dyn ExecutionPlan, statistics: &mut Statistics) {
    if plan.downcast_ref::<DataSourceExec>().is_some()
        && let Some(metrics) = plan.metrics()
    {
        for metric in metrics.iter() {
            of_metric(metric.value(), statistics);
        }
    }
    for child in plan.children() {
        of_plan(child.as_ref(), statistics);
    }
}

fn of_metric(metric: &MetricValue, statistics: &mut Statistics) {
    match metric {
        MetricValue::OutputRows(rows) => statistics.rows_scanned += rows.value() as u64,
        MetricValue::Count { name, count } if name == "bytes_scanned" => {
            statistics.bytes_scanned += count.value() as u64
        }
        MetricValue::PruningMetrics { name, pruning_metrics } => {
            let (pruned, matched) = (pruning_metrics.pruned() as u64, pruning_metrics.matched() as u64);
            match name.as_ref() {
                "files_ranges_pruned_statistics" => {
                    statistics.parts_pruned += pruned;
                    statistics.parts_read += matched;
                }
                "row_groups_pruned_statistics" | "row_groups_pruned_bloom_filter" => {
                    statistics.row_groups_pruned += pruned
                }
                _ => {}
            }
        }
        _ => {}
    }
}

/// Adds what was decided while planning.
pub fn of_scope(scope: &QueryScope, statistics: &mut Statistics) {
    statistics.parts_considered = scope.counts.parts_considered.load(Ordering::Relaxed);
    statistics.parts_pruned += scope.counts.parts_pruned.load(Ordering::Relaxed);
    statistics.hot_rows = scope.counts.hot_rows.load(Ordering::Relaxed);
}
