//! A trace summed up by service and operation: what was called how often, what failed, where time went.

use crate::{Name, Status, Tree};
use std::cmp::Reverse;
use std::collections::HashMap;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OperationSummary {
    pub service: Name,
    pub operation: Name,
    pub calls: usize,
    pub errors: usize,
    /// Sum over its spans; spans inside spans count twice.
    pub duration_ns: i64,
    /// Sum of self times: over a whole trace nothing counts twice.
    pub self_ns: i64,
}

/// All operations of a trace, the most self time first. `self_times` as [`crate::self_times`] gives them.
pub fn operations(tree: &Tree, self_times: &[i64]) -> Vec<OperationSummary> {
    let mut sums: HashMap<(Name, Name), OperationSummary> = HashMap::new();
    for (node, self_ns) in tree.nodes().zip(self_times) {
        let span = tree.span(node);
        let (service, operation) = (span.service, span.operation);
        let none = OperationSummary { service, operation, calls: 0, errors: 0, duration_ns: 0, self_ns: 0 };
        let sum = sums.entry((service, operation)).or_insert(none);
        sum.calls += 1;
        sum.errors += usize::from(span.status == Status::Error);
        sum.duration_ns = sum.duration_ns.saturating_add(span.duration_ns.max(0));
        sum.self_ns = sum.self_ns.saturating_add(*self_ns);
    }
    let mut sums: Vec<OperationSummary> = sums.into_values().collect();
    sums.sort_by_key(|sum| (Reverse(sum.self_ns), sum.service, sum.operation));
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{self_times, testing::tree};

    #[test]
    fn calls_errors_and_self_times_add_up() {
        let (tree, names) = tree(
            "1 - web r server 0 100
             2 1 db q client 10 20 error
             3 1 db q client 40 30",
        );
        let sums = operations(&tree, &self_times(&tree));
        let drawn: Vec<_> =
            sums.iter().map(|s| (names.text(s.service), s.calls, s.errors, s.duration_ns, s.self_ns)).collect();
        assert_eq!(drawn, [("web", 1, 0, 100, 50), ("db", 2, 1, 50, 50)]);
    }
}
