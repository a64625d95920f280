//! What rows are built by, compiled once from the settings.

use super::derived::{ExtractRule, Marks, key_marks};
use super::identity::IdentityMemo;
use crate::promoted::RENAMED;
use crate::{PromotedSet, PromotedType, TableId, TableSpec};
use hashbrown::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// What rows are built by.
#[derive(Clone, Debug)]
pub struct BuildSettings {
    pub promoted: PromotedSet,
    /// Keys a request id is read from, best first.
    pub request_id_keys: Vec<String>,
    /// Attributes kept per item (span, event, link, record, point, resource); the rest are counted
    /// into `dropped_attributes_count`, and the row is flagged. Default 1,024.
    pub attributes_max: usize,
    /// Events, links and exemplars kept per item; the rest are counted into the item's dropped
    /// counts, and the row is flagged. A data point with more buckets or quantiles is refused. Default 16,384.
    pub nested_max: usize,
    /// Items taken from one request, events, links and exemplars counted as items; those beyond are
    /// refused. Default 1,048,576.
    pub items_max: usize,
    /// Attributes taken from one request before further items are refused: an attribute of two bytes
    /// takes forty in memory. Default 6,291,456.
    pub request_attributes_max: usize,
    /// Identities of resources and series remembered between requests (about 100 bytes each);
    /// forgetting one costs a hash, nothing else. Default 262,144.
    pub identities_max: usize,
    /// Rules that make business events of spans and records which do not speak by the conventions.
    pub extract: Vec<ExtractRule>,
    /// Entities kept per business event; the rest are cut, and the row is flagged. Default 64.
    pub entities_max: usize,
    /// Bytes kept of each text of a business event, change or heartbeat (values before and after
    /// are such texts); the rest is cut, and the row is flagged. Default 16,384.
    pub event_value_bytes_max: usize,
}

impl BuildSettings {
    pub const ENTITIES_MAX: usize = 64;
    pub const EVENT_VALUE_BYTES_MAX: usize = 16_384;
    pub const ATTRIBUTES_MAX: usize = 1_024;
    pub const NESTED_MAX: usize = 16_384;
    pub const ITEMS_MAX: usize = 1_048_576;
    pub const REQUEST_ATTRIBUTES_MAX: usize = 6_291_456;
    pub const IDENTITIES_MAX: usize = 262_144;
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
        Self {
            promoted,
            request_id_keys: keys,
            attributes_max: Self::ATTRIBUTES_MAX,
            nested_max: Self::NESTED_MAX,
            items_max: Self::ITEMS_MAX,
            request_attributes_max: Self::REQUEST_ATTRIBUTES_MAX,
            identities_max: Self::IDENTITIES_MAX,
            extract: Vec::new(),
            entities_max: Self::ENTITIES_MAX,
            event_value_bytes_max: Self::EVENT_VALUE_BYTES_MAX,
        }
    }
}

/// A promoted column: its position among the promoted keys, and its type.
pub(super) type Column = (u16, PromotedType);

/// Where the values of a key go.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Route {
    pub(super) promoted: Option<Column>,
    /// Position among the request-id keys, lowest best.
    pub(super) request_id_rank: Option<u16>,
    /// Position in [`Layout::legacy`] of a name that has a newer one.
    pub(super) legacy: Option<u16>,
    /// What the key says about rows that may follow from the item.
    pub(super) marks: Marks,
}

/// The newer name of an old key.
#[derive(Debug)]
pub(super) struct Legacy {
    pub(super) new_name: &'static str,
    pub(super) promoted: Option<Column>,
}

/// The settings compiled: which key goes where, and the specs of the tables. Shared by all
/// decoding threads; beside the settings it holds only a memo that changes no result.
#[derive(Debug)]
pub struct Layout {
    settings: BuildSettings,
    specs: Vec<Arc<TableSpec>>,
    routes: HashMap<Box<[u8]>, Route>,
    legacy: Vec<Legacy>,
    /// Secret of this process, so that no sender can prepare colliding keys.
    seed: u64,
    identities: IdentityMemo,
}

impl Layout {
    pub fn new(settings: BuildSettings) -> Self {
        let specs = TableId::ALL.map(|id| Arc::new(TableSpec::new(id, &settings.promoted))).into();
        let seed = RandomState::new().hash_one(0);
        let (routes, legacy) = routes(&settings);
        let identities = IdentityMemo::new(settings.identities_max);
        Self { settings, specs, routes, legacy, seed, identities }
    }

    pub fn settings(&self) -> &BuildSettings {
        &self.settings
    }

    pub fn spec(&self, table: TableId) -> &Arc<TableSpec> {
        &self.specs[table as usize]
    }

    pub(super) fn route(&self, key: &[u8]) -> Route {
        self.routes.get(key).copied().unwrap_or_default()
    }

    pub(super) fn legacy(&self, at: u16) -> &Legacy {
        &self.legacy[usize::from(at)]
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn identities(&self) -> &IdentityMemo {
        &self.identities
    }
}

fn routes(settings: &BuildSettings) -> (HashMap<Box<[u8]>, Route>, Vec<Legacy>) {
    let mut routes: HashMap<Box<[u8]>, Route> = HashMap::new();
    for (at, key) in settings.promoted.keys.iter().enumerate() {
        routes.entry(key.key.as_bytes().into()).or_default().promoted = Some((at as u16, key.ty));
    }
    for (rank, key) in settings.request_id_keys.iter().enumerate() {
        routes.entry(key.as_bytes().into()).or_default().request_id_rank = Some(rank as u16);
    }
    for (key, marks) in key_marks(&settings.extract) {
        routes.entry(key.as_bytes().into()).or_default().marks.insert(marks);
    }
    let mut legacy = Vec::new();
    for (old, new_name) in RENAMED {
        let promoted = routes.get(new_name.as_bytes()).and_then(|route| route.promoted);
        let route = routes.entry(old.as_bytes().into()).or_default();
        // An operator who promoted the old name wants that column.
        if route.promoted.is_none() {
            route.legacy = Some(legacy.len() as u16);
            legacy.push(Legacy { new_name, promoted });
        }
    }
    (routes, legacy)
}
