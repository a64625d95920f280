//! Resources and series of each workspace, kept between queries and read from parts only once.

use crate::files::Files;
use crate::identity::Identities;
use crate::view::Seen;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore};
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tables::{PromotedSet, TableId, TableSpec};

/// Memory of all workspaces' identities; beyond it they are forgotten and read again. 128 MiB.
pub const BYTES_MAX: usize = 128 << 20;

#[derive(Clone, Debug)]
struct Loaded {
    identities: Arc<Identities>,
    parts: HashSet<String>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct IdentityCache {
    loaded: Mutex<HashMap<(String, TableId), Loaded>>,
}

/// The id column and the columns of an identity table.
fn table(id: TableId) -> (&'static str, SchemaRef) {
    let name = if id == TableId::Series { "series_id" } else { "resource_id" };
    (name, TableSpec::new(id, &PromotedSet::default()).schema)
}

/// Columns a view must hold of hot rows of an identity table.
pub fn columns(id: TableId) -> Vec<String> {
    table(id).1.fields().iter().map(|f| f.name().clone()).collect()
}

impl IdentityCache {
    /// Nothing known: for queries that look nothing up.
    pub fn none(id: TableId) -> Arc<Identities> {
        let (name, schema) = table(id);
        Arc::new(Identities::new(schema, name))
    }

    /// All identities that `seen` has.
    pub async fn load(&self, files: &Files, workspace: &str, id: TableId, seen: &Seen) -> Result<Arc<Identities>> {
        let (name, schema) = table(id);
        let key = (workspace.to_owned(), id);
        let known = self.loaded.lock().get(&key).cloned();
        let mut loaded = known.unwrap_or_else(|| Loaded {
            identities: Arc::new(Identities::new(schema.clone(), name)),
            parts: HashSet::new(),
        });
        let mut batches = Vec::new();
        for part in seen.parts.iter().filter(|p| !loaded.parts.contains(&p.path)) {
            batches.extend(read(files, &part.path, &schema).await?);
        }
        // Parts that were replaced since have left their rows here: identities do not change.
        loaded.parts = seen.parts.iter().map(|p| p.path.clone()).collect();
        for chunk in &seen.hot {
            batches.push(chunk.batch(&schema)?);
        }
        let identities = Arc::make_mut(&mut loaded.identities);
        batches.iter().try_for_each(|batch| identities.add(batch))?;
        let identities = loaded.identities.clone();
        self.keep(key, loaded);
        Ok(identities)
    }

    fn keep(&self, key: (String, TableId), loaded: Loaded) {
        let mut cache = self.loaded.lock();
        cache.insert(key, loaded);
        if cache.values().map(|l| l.identities.bytes()).sum::<usize>() > BYTES_MAX {
            cache.clear();
        }
    }
}

/// Such files are small: one read, one pass.
async fn read(files: &Files, path: &str, schema: &SchemaRef) -> Result<Vec<RecordBatch>> {
    let file = files.get_opts(&Path::from(path), GetOptions::default()).await.map_err(DataFusionError::from)?;
    let bytes = file.bytes().await.map_err(DataFusionError::from)?;
    let batches = ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()?;
    batches.map(|batch| as_schema(&batch?, schema)).collect()
}

/// Columns by name; text as views, whatever the file's reader made of it.
fn as_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let column = |field: &Arc<arrow::datatypes::Field>| match batch.column_by_name(field.name()) {
        Some(column) => arrow::compute::cast(column, field.data_type()),
        None => Ok(arrow::array::new_null_array(field.data_type(), batch.num_rows())),
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}
