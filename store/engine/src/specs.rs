//! The table layouts of one promoted set, made once.

use std::collections::HashMap;
use std::sync::Arc;
use tables::{PromotedSet, TableId, TableSpec};

#[derive(Debug)]
pub(crate) struct Specs {
    by_table: HashMap<TableId, Arc<TableSpec>>,
    promoted: Arc<PromotedSet>,
}

impl Specs {
    pub(crate) fn new(promoted: PromotedSet) -> Self {
        let by_table = TableId::ALL.into_iter().map(|t| (t, Arc::new(TableSpec::new(t, &promoted)))).collect();
        Self { by_table, promoted: Arc::new(promoted) }
    }

    pub(crate) fn get(&self, table: TableId) -> &Arc<TableSpec> {
        &self.by_table[&table]
    }

    pub(crate) fn promoted(&self) -> &Arc<PromotedSet> {
        &self.promoted
    }

    pub(crate) fn promoted_version(&self) -> u32 {
        self.promoted.version
    }
}
