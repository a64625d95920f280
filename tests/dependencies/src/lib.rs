//! Everything the workspace takes from elsewhere, and nothing of ours.
//!
//! Naming it beside another crate (`cargo test -p wal -p dependencies`) resolves the same features as
//! the whole workspace does, so that no dependency is ever built a second time for a part of the tree.
