//! What rows are built by, compiled once from the settings.

use crate::{PromotedSet, TableId, TableSpec};
use std::sync::Arc;

/// What rows are built by.
#[derive(Clone, Debug)]
pub struct BuildSettings {
    pub promoted: PromotedSet,
    /// Keys a request id is read from, best first.
    pub request_id_keys: Vec<String>,
    /// Attributes kept per item (span, event, link, record, point, resource); the rest are counted
    /// into `dropped_attributes_count`. Default 1,024.
    pub attributes_max: usize,
    /// Items taken from one request; those beyond are refused. Default 1,048,576.
    pub items_max: usize,
}

impl BuildSettings {
    pub const ATTRIBUTES_MAX: usize = 1_024;
    pub const ITEMS_MAX: usize = 1_048_576;
    /// Read before those that the operator lists.
    pub const REQUEST_ID_KEYS: [&'static str; 3] = ["request.id", "http.request.header.x-request-id", "user_req_id"];

    /// Default bounds, `promoted` as given, and the request-id keys of the convention followed by `request_id_keys`.
    pub fn new(promoted: PromotedSet, request_id_keys: &[String]) -> Self {
        let mut keys: Vec<String> = Self::REQUEST_ID_KEYS.map(String::from).into();
        for key in request_id_keys {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        Self { promoted, request_id_keys: keys, attributes_max: Self::ATTRIBUTES_MAX, items_max: Self::ITEMS_MAX }
    }
}

/// The settings compiled: which key goes where, and the specs of the tables.
#[derive(Debug)]
pub struct Layout {
    settings: BuildSettings,
    specs: Vec<Arc<TableSpec>>,
}

impl Layout {
    pub fn new(settings: BuildSettings) -> Self {
        let specs = TableId::ALL.map(|id| Arc::new(TableSpec::new(id, &settings.promoted))).into();
        Self { settings, specs }
    }

    pub fn settings(&self) -> &BuildSettings {
        &self.settings
    }

    pub fn spec(&self, table: TableId) -> &Arc<TableSpec> {
        &self.specs[table as usize]
    }
}
