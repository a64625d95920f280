//! Resources and series by their ids: what is the same for many rows, looked up instead of joined.
//!
//! Ids are hashes of content, so an entry never changes and a cache only grows; rows that come twice
//! (from several days, or from memory and from a file) are the same row.

use crate::attributes::{self, Merged, Places};
use crate::text;
use arrow::array::{Array, ArrayBuilder, ArrayRef, AsArray, FixedSizeBinaryArray, RecordBatch, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::SchemaRef;
use datafusion::common::{Result, exec_datafusion_err};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Ids are hashes already: eight of their bytes serve as they are.
#[derive(Debug, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk::<8>() {
            self.0 ^= u64::from_le_bytes(*last);
        }
    }
}

type Rows = HashMap<[u8; 16], (u32, u32), BuildHasherDefault<IdHasher>>;

/// The distinct rows of `resources` or `series` of one workspace, at some moment.
#[derive(Clone, Debug)]
pub struct Identities {
    schema: SchemaRef,
    id_column: &'static str,
    segments: Vec<RecordBatch>,
    rows: Rows,
}

impl Identities {
    /// Empty; `schema` is the table's, `id_column` one of `resource_id`, `series_id`.
    pub fn new(schema: SchemaRef, id_column: &'static str) -> Self {
        Self { schema, id_column, segments: Vec::new(), rows: Rows::default() }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Memory of the rows, roughly.
    pub fn bytes(&self) -> usize {
        self.segments.iter().map(RecordBatch::get_array_memory_size).sum::<usize>() + self.rows.len() * 32
    }

    pub fn has(&self, id: &[u8]) -> bool {
        <[u8; 16]>::try_from(id).is_ok_and(|id| self.rows.contains_key(&id))
    }

    /// Adds the rows whose ids are new.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let ids = id_array(batch, self.id_column)?;
        let segment = self.segments.len() as u32;
        let mut fresh = arrow::array::UInt32Builder::new();
        for (row, id) in ids.iter().enumerate() {
            let Some(id) = id.and_then(|id| <[u8; 16]>::try_from(id).ok()) else { continue };
            if let std::collections::hash_map::Entry::Vacant(vacant) = self.rows.entry(id) {
                vacant.insert((segment, fresh.len() as u32));
                fresh.append_value(row as u32);
            }
        }
        let fresh = fresh.finish();
        if !fresh.is_empty() {
            let columns =
                batch.columns().iter().map(|c| arrow::compute::take(c, &fresh, None)).collect::<Result<Vec<_>, _>>()?;
            self.segments.push(RecordBatch::try_new(self.schema.clone(), columns)?);
        }
        Ok(())
    }

    /// A column of all distinct rows, in pieces: one per segment.
    pub fn column(self: &Arc<Self>, name: &str) -> Result<Constants> {
        let values = self.segments.iter().map(|s| field(s, name).cloned()).collect::<Result<Vec<_>>>()?;
        let ty = self.schema.field_with_name(name)?.data_type().clone();
        Ok(Constants { of: self.clone(), values, absent: new_null_array(&ty, 1) })
    }

    pub fn hex(self: &Arc<Self>, name: &str) -> Result<Constants> {
        self.column(name)?.map(text::shown)
    }

    pub fn attribute(self: &Arc<Self>, key: &str) -> Result<Constants> {
        self.column("attributes")?.map(|maps| attributes::value(maps.as_map(), key))
    }

    pub fn all_attributes(self: &Arc<Self>, what: Merged) -> Result<Constants> {
        let merge = |segment: &RecordBatch| {
            let (map, types) = (field(segment, "attributes")?.as_map(), field(segment, "attribute_types")?.as_binary());
            Places { map, types, columns: Vec::new(), request_id: None, legacy_keys: None }.merge(what)
        };
        let values = self.segments.iter().map(merge).collect::<Result<Vec<_>>>()?;
        Ok(Constants { of: self.clone(), values, absent: new_null_array(&tables::spec::attribute_map(), 1) })
    }

    /// All ids, in the order of the pieces of a [`Constants`].
    pub fn ids(&self) -> Result<Vec<FixedSizeBinaryArray>> {
        self.segments.iter().map(|s| id_array(s, self.id_column).cloned()).collect()
    }

    fn find(&self, ids: &FixedSizeBinaryArray) -> Vec<(usize, usize)> {
        let absent = (self.segments.len(), 0);
        let mut last: (&[u8], (usize, usize)) = (&[], absent);
        let look_up = |id: &[u8]| {
            let row = <[u8; 16]>::try_from(id).ok().and_then(|id| self.rows.get(&id));
            row.map_or(absent, |(segment, row)| (*segment as usize, *row as usize))
        };
        (0..ids.len())
            .map(|i| {
                if ids.is_null(i) {
                    return absent;
                }
                // Rows of one resource lie together.
                if last.0 != ids.value(i) {
                    last = (ids.value(i), look_up(ids.value(i)));
                }
                last.1
            })
            .collect()
    }
}

fn field<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| exec_datafusion_err!("no column {name} in an identity table"))
}

fn id_array<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a FixedSizeBinaryArray> {
    field(batch, name)?.as_fixed_size_binary_opt().ok_or_else(|| exec_datafusion_err!("{name} is not an id column"))
}

/// One value per identity.
#[derive(Clone, Debug)]
pub struct Constants {
    of: Arc<Identities>,
    /// By segment.
    pub values: Vec<ArrayRef>,
    absent: ArrayRef,
}

impl Constants {
    fn map(self, apply: impl Fn(&ArrayRef) -> Result<ArrayRef>) -> Result<Self> {
        let values = self.values.iter().map(&apply).collect::<Result<Vec<_>>>()?;
        let absent = apply(&self.absent)?;
        Ok(Self { of: self.of, values, absent })
    }

    /// What unknown ids get: one null of the right type.
    pub fn absent_value(&self) -> &ArrayRef {
        &self.absent
    }

    /// The value for each id; null for ids that are not known.
    pub fn look_up(&self, ids: &ArrayRef) -> Result<ArrayRef> {
        let ids = ids
            .as_fixed_size_binary_opt()
            .ok_or_else(|| exec_datafusion_err!("looked up by something that is no id"))?;
        let arrays: Vec<&dyn Array> = self.values.iter().chain([&self.absent]).map(AsRef::as_ref).collect();
        Ok(interleave(&arrays, &self.of.find(ids))?)
    }

    /// The same by the ids of another identity table: `self` says which of `inner` belongs to each of ours.
    pub fn through(&self, inner: &Constants) -> Result<Constants> {
        let values = self.values.iter().map(|ids| inner.look_up(ids)).collect::<Result<Vec<_>>>()?;
        Ok(Constants { of: self.of.clone(), values, absent: inner.absent.clone() })
    }
}
