//! One trace, or two: tree, critical path, gaps, and what differs.
