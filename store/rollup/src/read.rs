//! From the columns of a request to its facts.
//!
//! Neighbouring spans are mostly of one resource, one operation, one peer: each name is looked at once,
//! and again only where the view that stands for it changes.

use crate::Settings;
use crate::facts::{Facts, NONE, NamedNode, Owner, Place, Series, Span, Target};
use crate::names::{NodeKind, PeerAttributes, SpanKind, bounded, is_limited};
use arrow::array::{Array, AsArray, FixedSizeBinaryArray, MapArray, RecordBatch, StringViewArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use hashbrown::HashMap;
use tables::promoted::column_name;
use tables::{TableBatch, TableId};

/// The attributes of a resource that are read.
const ENVIRONMENT: &str = "deployment.environment.name";
const NAMESPACE: &str = "service.namespace";
const POD: &str = "k8s.pod.name";
const HOST: &str = "host.name";
const NODE: &str = "k8s.node.name";
const SITE: &str = "store.id";

/// Reads requests.
#[derive(Clone, Debug)]
pub struct Reader {
    lane_keys: Vec<LaneKey>,
    links_max: usize,
}

#[derive(Clone, Debug)]
struct LaneKey {
    key: String,
    column: String,
}

impl Reader {
    pub fn new(settings: &Settings) -> Self {
        let lane_key = |key: &String| LaneKey { key: key.clone(), column: column_name(key) };
        Self { lane_keys: settings.lane_keys.iter().map(lane_key).collect(), links_max: settings.links_max }
    }

    /// The facts of all spans among the rows of a request; none if there is no span.
    pub fn facts(&self, tables: &[TableBatch]) -> Facts {
        let of = |id| tables.iter().filter(move |t: &&TableBatch| t.table == id);
        let mut resources = HashMap::new();
        for batch in of(TableId::Resources) {
            self.read_resources(&batch.rows, &mut resources);
        }
        let mut facts = Facts::default();
        for batch in of(TableId::Spans) {
            if let Some(columns) = Columns::of(&batch.rows) {
                facts.spans.reserve(batch.rows.num_rows());
                Reading { reader: self, resources: &resources, columns, batch: &batch.rows, facts: &mut facts }.run();
            }
        }
        facts
    }

    fn read_resources<'a>(&self, rows: &'a RecordBatch, into: &mut HashMap<u128, Resource<'a>>) {
        let ids = rows.column_by_name("resource_id").and_then(|c| c.as_fixed_size_binary_opt());
        let maps = rows.column_by_name("attributes").and_then(|c| c.as_map_opt());
        let (Some(ids), Some(maps)) = (ids, maps) else { return };
        into.reserve(rows.num_rows());
        for row in 0..rows.num_rows() {
            let mut resource = Resource::default();
            for (key, value) in entries(maps, row) {
                let place = match key {
                    ENVIRONMENT => &mut resource.environment,
                    NAMESPACE => &mut resource.namespace,
                    POD => &mut resource.pod,
                    HOST => &mut resource.host,
                    NODE => &mut resource.node,
                    SITE => &mut resource.site,
                    _ => {
                        self.note_lane(key, value, &mut resource);
                        continue;
                    }
                };
                place.get_or_insert(value);
            }
            into.insert(id_of(ids, row), resource);
        }
    }

    fn note_lane<'a>(&self, key: &str, value: &'a str, resource: &mut Resource<'a>) {
        let rank = self.lane_keys.iter().position(|lane| lane.key == key);
        if let Some(rank) = rank.filter(|_| !value.is_empty())
            && resource.lane.is_none_or(|(best, _)| rank < best)
        {
            resource.lane = Some((rank, value));
        }
    }
}

/// Entries of one map, those without a value left out.
fn entries(maps: &MapArray, row: usize) -> impl Iterator<Item = (&str, &str)> {
    let keys = maps.keys().as_string_view_opt();
    let values = maps.values().as_string_view_opt();
    let range = match maps.is_valid(row) {
        true => maps.value_offsets()[row] as usize..maps.value_offsets()[row + 1] as usize,
        false => 0..0,
    };
    keys.zip(values).into_iter().flat_map(move |(keys, values)| {
        range.clone().filter(|at| values.is_valid(*at)).map(move |at| (keys.value(at), values.value(at)))
    })
}

/// What is read of a resource.
#[derive(Clone, Copy, Default, Debug)]
struct Resource<'a> {
    environment: Option<&'a str>,
    namespace: Option<&'a str>,
    pod: Option<&'a str>,
    host: Option<&'a str>,
    node: Option<&'a str>,
    site: Option<&'a str>,
    /// Rank of its key, and the lane.
    lane: Option<(usize, &'a str)>,
}

fn id_of(ids: &FixedSizeBinaryArray, row: usize) -> u128 {
    ids.value(row).try_into().map_or(0, u128::from_ne_bytes)
}

/// The columns of a batch of spans. Text columns that are null throughout are not there.
struct Columns<'a> {
    time: &'a [i64],
    duration: &'a [i64],
    trace: Ids<'a, 16>,
    span: Ids<'a, 8>,
    parent: Ids<'a, 8>,
    resource: Ids<'a, 16>,
    service: &'a StringViewArray,
    operation: &'a StringViewArray,
    kind: &'a StringViewArray,
    status: &'a StringViewArray,
    links: Option<&'a arrow::array::ListArray>,
    maps: Option<&'a MapArray>,
    outcome: Option<&'a StringViewArray>,
    site: Option<&'a StringViewArray>,
    peers: PeerColumns<'a>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Option<Self> {
        let ids = |name| batch.column_by_name(name).and_then(|c| c.as_fixed_size_binary_opt());
        let text = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_view_opt());
        let used = |key: &str| text(&column_name(key)).filter(|c| c.null_count() < c.len());
        Some(Self {
            time: batch.column_by_name("time")?.as_primitive_opt::<TimestampNanosecondType>()?.values(),
            duration: batch.column_by_name("duration_ns")?.as_primitive_opt::<Int64Type>()?.values(),
            trace: Ids::of(ids("trace_id")?),
            span: Ids::of(ids("span_id")?),
            parent: Ids::of(ids("parent_span_id")?),
            resource: Ids::of(ids("resource_id")?),
            service: text("service")?,
            operation: text("operation")?,
            kind: text("kind")?,
            status: text("status")?,
            links: batch.column_by_name("links").and_then(|c| c.as_list_opt()).filter(|l| l.null_count() < l.len()),
            maps: batch.column_by_name("attributes").and_then(|c| c.as_map_opt()),
            outcome: used("resilience.outcome"),
            site: used(SITE),
            peers: PeerColumns {
                db_system: used("db.system.name"),
                db_namespace: used("db.namespace"),
                messaging_system: used("messaging.system"),
                messaging_destination: used("messaging.destination.name"),
                peer_service: used("service.peer.name"),
                server_address: used("server.address"),
                server_port: batch.column_by_name(&column_name("server.port")).and_then(|c| c.as_primitive_opt()),
            },
        })
    }
}

/// A column of ids of `N` bytes; of ids of another length there are none.
#[derive(Clone, Copy, Debug)]
struct Ids<'a, const N: usize> {
    values: &'a [[u8; N]],
    nulls: Option<&'a NullBuffer>,
}

impl<'a, const N: usize> Ids<'a, N> {
    fn of(ids: &'a FixedSizeBinaryArray) -> Self {
        let values = if ids.value_length() as usize == N { ids.value_data().as_chunks().0 } else { &[] };
        Self { values, nulls: ids.nulls() }
    }

    /// Zeros where there is none.
    #[inline]
    fn get(&self, row: usize) -> [u8; N] {
        match self.nulls {
            Some(nulls) if nulls.is_null(row) => [0; N],
            _ => self.values.get(row).copied().unwrap_or([0; N]),
        }
    }
}

/// The columns that name whoever is at the other end of a span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerColumns<'a> {
    pub(crate) db_system: Option<&'a StringViewArray>,
    pub(crate) db_namespace: Option<&'a StringViewArray>,
    pub(crate) messaging_system: Option<&'a StringViewArray>,
    pub(crate) messaging_destination: Option<&'a StringViewArray>,
    pub(crate) peer_service: Option<&'a StringViewArray>,
    pub(crate) server_address: Option<&'a StringViewArray>,
    pub(crate) server_port: Option<&'a arrow::array::Int64Array>,
}

/// What stands for a peer, within one batch.
pub(crate) type PeerViews = (u8, u128, u128, i64);

impl<'a> PeerColumns<'a> {
    /// What stands for the other end of a span: where it is the same, the name is. Zero is the view of an
    /// empty text, which says as little as none.
    pub(crate) fn views(&self, kind: SpanKind, row: usize) -> PeerViews {
        let view = |column: Option<&StringViewArray>| column.filter(|c| c.is_valid(row)).map_or(0, |c| c.views()[row]);
        let queue = |column: u8| (column, view(self.messaging_system), view(self.messaging_destination), 0);
        match (kind, view(self.db_system), view(self.messaging_system)) {
            (SpanKind::Client, 0, 0) => {
                let port = self.port(row).unwrap_or(i64::MIN);
                (1, view(self.peer_service), view(self.server_address), port)
            }
            (SpanKind::Client, 0, _) => queue(2),
            (SpanKind::Client, db, _) => (3, db, view(self.db_namespace), 0),
            _ => queue(4),
        }
    }

    pub(crate) fn peer(&self, row: usize) -> PeerAttributes<'a> {
        PeerAttributes {
            db_system: value(self.db_system, row),
            db_namespace: value(self.db_namespace, row),
            messaging_system: value(self.messaging_system, row),
            messaging_destination: value(self.messaging_destination, row),
            peer_service: value(self.peer_service, row),
            server_address: value(self.server_address, row),
            server_port: self.port(row),
        }
    }

    fn port(&self, row: usize) -> Option<i64> {
        self.server_port.filter(|c| c.is_valid(row)).map(|c| c.value(row))
    }
}

pub(crate) fn value(column: Option<&StringViewArray>, row: usize) -> Option<&str> {
    column.filter(|c| c.is_valid(row)).map(|c| c.value(row))
}

pub(crate) fn bytes<const N: usize>(ids: &FixedSizeBinaryArray, row: usize) -> [u8; N] {
    match ids.is_valid(row) {
        true => ids.value(row).try_into().unwrap_or([0; N]),
        false => [0; N],
    }
}

/// Names that a request of usual size has of one kind.
const NAMES_EXPECTED: usize = 112;

/// A map from what stands for a name to its number, which remembers the last answer.
pub(crate) struct Numbers<K> {
    last: Option<(K, u32)>,
    all: HashMap<K, u32>,
}

impl<K: Copy + Eq + std::hash::Hash> Numbers<K> {
    pub(crate) fn new() -> Self {
        Self { last: None, all: HashMap::with_capacity(NAMES_EXPECTED) }
    }

    #[inline]
    pub(crate) fn get(&mut self, key: K, make: impl FnOnce() -> u32) -> u32 {
        if let Some((last, number)) = self.last
            && last == key
        {
            return number;
        }
        let number = *self.all.entry(key).or_insert_with(make);
        self.last = Some((key, number));
        number
    }
}

/// Where the spans of an owner are from, unless they say so themselves.
#[derive(Clone, Copy, Debug)]
struct Home {
    place: u32,
    site: u32,
}

/// One batch on its way.
struct Reading<'a, 'r> {
    reader: &'r Reader,
    resources: &'r HashMap<u128, Resource<'a>>,
    columns: Columns<'a>,
    batch: &'a RecordBatch,
    facts: &'r mut Facts,
}

impl<'a> Reading<'a, '_> {
    fn run(mut self) {
        let lanes = self.lanes();
        let mut owners: Numbers<(u128, u128, u32)> = Numbers::new();
        let mut series: Numbers<(u32, u128, u128)> = Numbers::new();
        let mut peers: Numbers<PeerViews> = Numbers::new();
        let mut sites: Numbers<&'a str> = Numbers::new();
        let mut homes: Vec<Home> = Vec::new();
        let failed = StringViewArray::from_iter_values(["error"]).views()[0];
        let first_owner = self.facts.owners.len();
        for row in 0..self.batch.num_rows() {
            let resource_id = u128::from_ne_bytes(self.columns.resource.get(row));
            let lane = lanes.of_row.as_ref().map_or(NONE, |lanes| lanes[row]);
            let owner = owners.get((resource_id, self.columns.service.views()[row], lane), || {
                let (owner, place) = self.owner(resource_id, row, lanes.texts.get(lane as usize).copied());
                let site = self.resources.get(&resource_id).and_then(|resource| resource.site);
                let site = site.filter(|site| !site.is_empty());
                homes.push(Home {
                    place,
                    site: site.map_or(NONE, |site| sites.get(site, || self.node(NodeKind::Site, site))),
                });
                owner
            });
            let home = homes[owner as usize - first_owner];
            let (operation, kind_view) = (self.columns.operation.views()[row], self.columns.kind.views()[row]);
            let of_series = series.get((owner, operation, kind_view), || self.series(owner, row));
            let kind = self.facts.series[of_series as usize].kind;
            let peer = match kind {
                SpanKind::Internal | SpanKind::Server => NONE,
                _ => peers.get(self.columns.peers.views(kind, row), || self.peer(kind, row)),
            };
            let site = match value(self.columns.site, row) {
                Some("") => NONE,
                Some(site) => sites.get(site, || self.node(NodeKind::Site, site)),
                None => home.site,
            };
            let id = Target { trace: self.columns.trace.get(row), span: self.columns.span.get(row) };
            let links = if kind == SpanKind::Consumer { self.links(row, &id) } else { 0 };
            self.facts.spans.push(Span {
                id,
                parent: self.columns.parent.get(row),
                time: self.columns.time[row],
                duration: self.columns.duration[row],
                series: of_series,
                place: home.place,
                site,
                peer,
                links,
                // So short a text is whole within its view.
                error: self.columns.status.views()[row] == failed,
                limited: value(self.columns.outcome, row).is_some_and(is_limited),
            });
        }
    }

    fn node(&mut self, kind: NodeKind, name: &str) -> u32 {
        let name = self.facts.name(bounded(name));
        self.facts.nodes.push(NamedNode { kind, name });
        self.facts.nodes.len() as u32 - 1
    }

    fn peer(&mut self, kind: SpanKind, row: usize) -> u32 {
        self.columns.peers.peer(row).node(kind).map_or(NONE, |(node, name)| self.node(node, &name))
    }

    fn series(&mut self, owner: u32, row: usize) -> u32 {
        let kind = SpanKind::from_text(self.columns.kind.value(row));
        let operation = self.facts.name(bounded(self.columns.operation.value(row)));
        self.facts.series.push(Series { owner, kind, operation });
        self.facts.series.len() as u32 - 1
    }

    /// The number of an owner and of where it runs.
    fn owner(&mut self, resource: u128, row: usize, lane: Option<&str>) -> (u32, u32) {
        let resource = self.resources.get(&resource).copied().unwrap_or_default();
        let text = |text: Option<&str>| bounded(text.unwrap_or_default()).into();
        self.facts.owners.push(Owner {
            environment: text(resource.environment),
            namespace: text(resource.namespace),
            lane: text(lane.or(resource.lane.map(|(_, lane)| lane))),
            service: bounded(self.columns.service.value(row)).into(),
        });
        let owner = self.facts.owners.len() as u32 - 1;
        let said = |text: Option<&'a str>| text.filter(|t| !t.is_empty());
        let (on, under) = match (said(resource.pod), said(resource.host), said(resource.node)) {
            (Some(pod), _, node) => (Some((NodeKind::Pod, pod)), node),
            (None, Some(host), node) => (Some((NodeKind::Host, host)), node.filter(|node| *node != host)),
            (None, None, Some(node)) => (Some((NodeKind::Node, node)), None),
            (None, None, None) => (None, None),
        };
        let Some((kind, name)) = on else { return (owner, NONE) };
        let on = self.node(kind, name);
        let under = under.map_or(NONE, |node| self.node(NodeKind::Node, node));
        self.facts.places.push(Place { owner, on, under });
        (owner, self.facts.places.len() as u32 - 1)
    }

    /// Targets in other traces, each once; within its own trace the parent says where a span came from.
    fn links(&mut self, row: usize, own: &Target) -> u32 {
        let Some(links) = self.columns.links.filter(|links| links.is_valid(row)) else { return 0 };
        let Some(targets) = links.values().as_struct_opt() else { return 0 };
        let ids =
            |name| targets.column_by_name(name).and_then(|c: &arrow::array::ArrayRef| c.as_fixed_size_binary_opt());
        let (Some(traces), Some(spans)) = (ids("trace_id"), ids("span_id")) else { return 0 };
        let range = links.value_offsets()[row] as usize..links.value_offsets()[row + 1] as usize;
        let first = self.facts.links.len();
        for at in range {
            let target = Target { trace: bytes(traces, at), span: bytes(spans, at) };
            let count = self.facts.links.len() - first;
            if count < self.reader.links_max
                && target.is_known()
                && target.trace != own.trace
                && !self.facts.links[first..].contains(&target)
            {
                self.facts.links.push(target);
            }
        }
        (self.facts.links.len() - first) as u32
    }

    /// The lanes that spans themselves name.
    fn lanes(&self) -> Lanes<'a> {
        let mut lanes = Lanes { texts: Vec::new(), numbers: HashMap::new(), of_row: None };
        let rows = self.batch.num_rows();
        // The first key counts: it is written last.
        for lane in self.reader.lane_keys.iter().rev() {
            if let Some(maps) = self.columns.maps {
                each_with_key(maps, &lane.key, |row, value| lanes.put(rows, row, value));
            }
            let column = self.batch.column_by_name(&lane.column).and_then(|c| c.as_string_view_opt());
            if let Some(column) = column.filter(|c| c.null_count() < c.len()) {
                (0..rows).filter(|row| column.is_valid(*row)).for_each(|row| lanes.put(rows, row, column.value(row)));
            }
        }
        lanes
    }
}

struct Lanes<'a> {
    texts: Vec<&'a str>,
    numbers: HashMap<&'a str, u32>,
    of_row: Option<Vec<u32>>,
}

impl<'a> Lanes<'a> {
    fn put(&mut self, rows: usize, row: usize, lane: &'a str) {
        if lane.is_empty() {
            return;
        }
        let next = self.texts.len() as u32;
        let number = *self.numbers.entry(lane).or_insert(next);
        if number == next {
            self.texts.push(lane);
        }
        self.of_row.get_or_insert_with(|| vec![NONE; rows])[row] = number;
    }
}

/// Calls back for every row whose map has a key, with its value. Short keys are whole within their views:
/// comparing 16 bytes tells.
fn each_with_key<'a>(maps: &'a MapArray, key: &str, mut found: impl FnMut(usize, &'a str)) {
    let (Some(keys), Some(values)) = (maps.keys().as_string_view_opt(), maps.values().as_string_view_opt()) else {
        return;
    };
    let offsets = maps.value_offsets();
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else { return };
    let range = *first as usize..*last as usize;
    let one = StringViewArray::from_iter_values([key]);
    let wanted = one.views()[0];
    // Length and first four bytes; of up to twelve bytes all.
    let mask = if key.len() <= 12 { u128::MAX } else { u128::from(u64::MAX) };
    for (at, view) in range.clone().zip(&keys.views()[range]) {
        if (view ^ wanted) & mask == 0 && keys.value(at) == key && values.is_valid(at) {
            let row = offsets.partition_point(|offset| *offset as usize <= at) - 1;
            found(row, values.value(at));
        }
    }
}
