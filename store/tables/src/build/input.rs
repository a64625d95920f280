//! What a decoder states about one item, borrowed from the request.
//!
//! Text is raw bytes: whether it is UTF-8 is checked (and repaired, and flagged) where it enters a
//! column, once per distinct value. All inputs are meant to be reused: `clear` keeps allocations.

use crate::flags::RowFlags;
use model::AttrType;

/// One attribute value.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Value<'a> {
    String(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    /// Canonical text (base64 or JSON) of a bytes, array or map value.
    Text(AttrType, Box<str>),
    #[default]
    Empty,
}

impl Value<'_> {
    #[inline]
    pub fn attr_type(&self) -> AttrType {
        match self {
            Self::String(_) => AttrType::String,
            Self::Bool(_) => AttrType::Bool,
            Self::Int(_) => AttrType::Int,
            Self::Double(_) => AttrType::Double,
            Self::Text(ty, _) => *ty,
            Self::Empty => AttrType::Empty,
        }
    }

    /// Whether it has no text, or an empty one.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::String(text) => text.is_empty(),
            Self::Text(_, text) => text.is_empty(),
            Self::Empty => true,
            Self::Bool(_) | Self::Int(_) | Self::Double(_) => false,
        }
    }
}

#[derive(Clone, PartialEq, Debug, Default)]
pub struct Attribute<'a> {
    pub key: &'a [u8],
    pub value: Value<'a>,
}

/// A bounded list of attributes in the order sent. What comes beyond the bound is counted, not kept.
///
/// Places are kept and overwritten: an attribute written field by field into a place costs a third
/// of one that is put together and pushed.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    places: Vec<Attribute<'a>>,
    len: usize,
    max: usize,
    beyond: u64,
}

impl Default for Attributes<'_> {
    fn default() -> Self {
        Self::new(super::BuildSettings::ATTRIBUTES_MAX)
    }
}

impl<'a> Attributes<'a> {
    /// An empty list that keeps at most `max` attributes.
    pub fn new(max: usize) -> Self {
        Self { places: Vec::new(), len: 0, max, beyond: 0 }
    }

    #[inline(always)]
    pub fn push(&mut self, key: &'a [u8], value: Value<'a>) {
        if self.len == self.places.len() && !self.grow() {
            self.beyond += 1;
            return;
        }
        let place = &mut self.places[self.len];
        place.key = key;
        place.value = value;
        self.len += 1;
    }

    /// Makes places; says whether the bound leaves any.
    #[cold]
    fn grow(&mut self) -> bool {
        let places = self.max.min(8.max(2 * self.len));
        self.places.resize(places, Attribute::default());
        self.len < places
    }

    #[inline]
    pub fn items(&self) -> &[Attribute<'a>] {
        &self.places[..self.len]
    }

    /// How many came beyond the bound.
    #[inline]
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
        self.beyond = 0;
    }
}

#[derive(Clone, Debug, Default)]
pub struct ResourceInput<'a> {
    pub attributes: Attributes<'a>,
    pub schema_url: &'a [u8],
    pub dropped_attributes_count: u32,
    /// What the decoder itself found odd (nesting too deep, repaired text inside a value).
    pub flags: RowFlags,
}

#[derive(Clone, Debug, Default)]
pub struct ScopeInput<'a> {
    pub name: &'a [u8],
    pub version: &'a [u8],
    pub attributes: Attributes<'a>,
    pub schema_url: &'a [u8],
    pub dropped_attributes_count: u32,
    pub flags: RowFlags,
}

/// A span. Numbers as on the wire: what is absent there is zero here.
#[derive(Clone, Debug, Default)]
pub struct SpanInput<'a> {
    /// Absent is all zero.
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub parent_span_id: [u8; 8],
    pub trace_state: &'a [u8],
    /// The W3C flags and OTLP's `is_remote` bits, as sent.
    pub trace_flags: u32,
    pub name: &'a [u8],
    /// OTLP enum number; unknown numbers count as internal.
    pub kind: i32,
    /// Unix nanoseconds.
    pub start: u64,
    pub end: u64,
    pub attributes: Attributes<'a>,
    pub dropped_attributes_count: u32,
    pub events: Vec<EventInput<'a>>,
    pub dropped_events_count: u32,
    pub links: Vec<LinkInput<'a>>,
    pub dropped_links_count: u32,
    /// OTLP enum number: 1 ok, 2 error, all else unset.
    pub status: i32,
    pub status_message: &'a [u8],
    pub flags: RowFlags,
}

impl SpanInput<'_> {
    /// As new, but with the allocations of its lists.
    #[inline]
    pub fn clear(&mut self) {
        self.attributes.clear();
        self.events.clear();
        self.links.clear();
        (self.trace_id, self.span_id, self.parent_span_id) = ([0; 16], [0; 8], [0; 8]);
        (self.trace_state, self.name, self.status_message) = (&[], &[], &[]);
        (self.start, self.end) = (0, 0);
        (self.trace_flags, self.kind, self.status) = (0, 0, 0);
        self.dropped_attributes_count = 0;
        self.dropped_events_count = 0;
        self.dropped_links_count = 0;
        self.flags = RowFlags::default();
    }
}

#[derive(Clone, Debug, Default)]
pub struct EventInput<'a> {
    pub time: u64,
    pub name: &'a [u8],
    pub attributes: Attributes<'a>,
    pub dropped_attributes_count: u32,
}

impl EventInput<'_> {
    /// An empty one that keeps at most `attributes_max` attributes.
    pub fn new(attributes_max: usize) -> Self {
        Self { attributes: Attributes::new(attributes_max), ..Self::default() }
    }
}

#[derive(Clone, Debug, Default)]
pub struct LinkInput<'a> {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub trace_state: &'a [u8],
    pub trace_flags: u32,
    pub attributes: Attributes<'a>,
    pub dropped_attributes_count: u32,
}

impl LinkInput<'_> {
    /// An empty one that keeps at most `attributes_max` attributes.
    pub fn new(attributes_max: usize) -> Self {
        Self { attributes: Attributes::new(attributes_max), ..Self::default() }
    }
}

#[derive(Clone, Debug, Default)]
pub struct LogInput<'a> {
    pub time: u64,
    pub observed_time: u64,
    pub severity: i32,
    pub severity_text: &'a [u8],
    /// [`Value::Empty`] where none was sent.
    pub body: Value<'a>,
    pub event_name: &'a [u8],
    /// `None` where the field is absent or of length zero.
    pub trace_id: Option<[u8; 16]>,
    pub span_id: Option<[u8; 8]>,
    pub trace_flags: u32,
    pub attributes: Attributes<'a>,
    pub dropped_attributes_count: u32,
    pub flags: RowFlags,
}

impl LogInput<'_> {
    /// As new, but with the allocation of its attribute list.
    pub fn clear(&mut self) {
        let mut attributes = std::mem::take(&mut self.attributes);
        attributes.clear();
        *self = Self { attributes, ..Self::default() };
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MetricKind {
    #[default]
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
}

/// What the points of a metric share.
#[derive(Clone, Debug, Default)]
pub struct MetricInput<'a> {
    pub name: &'a [u8],
    pub description: &'a [u8],
    pub unit: &'a [u8],
    pub kind: MetricKind,
    /// OTLP enum number: 1 delta, 2 cumulative; anything else is stored as null.
    pub temporality: i32,
    /// Read for sums only.
    pub monotonic: bool,
    pub metadata: Attributes<'a>,
    pub flags: RowFlags,
}

/// The number of a gauge or sum point, or of an exemplar.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Number {
    Int(i64),
    Double(f64),
    #[default]
    Absent,
}

/// A data point of any kind; what its kind does not have stays at the default and becomes null.
#[derive(Clone, Debug, Default)]
pub struct PointInput<'a> {
    pub attributes: Attributes<'a>,
    pub start_time: u64,
    pub time: u64,
    pub value: Number,
    pub count: Option<u64>,
    pub sum: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// Histogram.
    pub bucket_counts: Vec<u64>,
    pub explicit_bounds: Vec<f64>,
    /// Exponential histogram.
    pub scale: Option<i32>,
    pub zero_count: Option<u64>,
    pub zero_threshold: Option<f64>,
    /// `Some` where the buckets message was sent.
    pub positive_offset: Option<i32>,
    pub positive_counts: Vec<u64>,
    pub negative_offset: Option<i32>,
    pub negative_counts: Vec<u64>,
    /// Summary: (quantile, value).
    pub quantiles: Vec<(f64, f64)>,
    pub exemplars: Vec<ExemplarInput<'a>>,
    pub point_flags: u32,
    pub flags: RowFlags,
}

impl PointInput<'_> {
    /// As new, but with the allocations of its lists.
    pub fn clear(&mut self) {
        let old = std::mem::take(self);
        *self = Self {
            attributes: old.attributes,
            bucket_counts: old.bucket_counts,
            explicit_bounds: old.explicit_bounds,
            positive_counts: old.positive_counts,
            negative_counts: old.negative_counts,
            quantiles: old.quantiles,
            exemplars: old.exemplars,
            ..Self::default()
        };
        self.attributes.clear();
        self.bucket_counts.clear();
        self.explicit_bounds.clear();
        self.positive_counts.clear();
        self.negative_counts.clear();
        self.quantiles.clear();
        self.exemplars.clear();
    }
}

#[derive(Clone, Debug, Default)]
pub struct ExemplarInput<'a> {
    pub time: u64,
    pub value: Number,
    pub trace_id: Option<[u8; 16]>,
    pub span_id: Option<[u8; 8]>,
    pub attributes: Attributes<'a>,
}

impl ExemplarInput<'_> {
    /// An empty one that keeps at most `attributes_max` attributes.
    pub fn new(attributes_max: usize) -> Self {
        Self { attributes: Attributes::new(attributes_max), ..Self::default() }
    }
}
