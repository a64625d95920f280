//! What there is for one query, and the columns of hot rows that are kept between queries.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use client::message::{ChunkHead, Held, Part, TableView, TableWant, ViewHead};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::sync::Arc;
use tables::TableId;

/// Rows not yet in files; immutable, but for columns that are fetched when a query first needs them.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub rows: usize,
    pub time_min: i64,
    pub time_max: i64,
    pub overflow: BTreeSet<String>,
    columns: BTreeMap<String, ArrayRef>,
}

impl Chunk {
    fn with(&self, rows: &RecordBatch) -> Self {
        let mut chunk = self.clone();
        for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
            chunk.columns.insert(field.name().clone(), column.clone());
        }
        chunk
    }

    /// The columns of `schema`; null where the chunk was made without them.
    pub fn batch(&self, schema: &SchemaRef) -> arrow::error::Result<RecordBatch> {
        let column =
            |name: &String, ty| self.columns.get(name).cloned().unwrap_or_else(|| new_null_array(ty, self.rows));
        let columns = schema.fields().iter().map(|f| column(f.name(), f.data_type())).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(schema.clone(), columns, &options)
    }
}

type Chunks = HashMap<u64, Arc<Chunk>>;

/// Chunks seen by earlier queries, by workspace and table. The main process's memtable bounds them:
/// what is no longer live there is forgotten here.
#[derive(Debug, Default)]
pub struct ChunkCache {
    chunks: Mutex<HashMap<(String, TableId), Chunks>>,
}

/// What a query promised to hold while it asked for the rest.
#[derive(Debug, Default)]
pub struct Holding(HashMap<TableId, Chunks>);

impl ChunkCache {
    /// The question for one table, and what it says is here already.
    pub fn want(
        &self,
        workspace: &str,
        table: TableId,
        columns: Vec<String>,
        (from, until): (i64, i64),
        holding: &mut Holding,
    ) -> TableWant {
        let chunks = self.chunks.lock().get(&(workspace.to_owned(), table)).cloned().unwrap_or_default();
        let mut by_columns: BTreeMap<Vec<String>, Vec<u64>> = BTreeMap::new();
        for (id, chunk) in &chunks {
            by_columns.entry(chunk.columns.keys().cloned().collect()).or_default().push(*id);
        }
        holding.0.insert(table, chunks);
        let have = by_columns.into_iter().map(|(columns, chunks)| Held { columns, chunks }).collect();
        TableWant { table, columns, from, until, have }
    }

    /// Puts together what was here and what came, and keeps it for the next query.
    pub fn take(
        &self,
        workspace: &str,
        head: ViewHead,
        arrived: Vec<Arrived>,
        mut holding: Holding,
    ) -> io::Result<View> {
        let mut came: HashMap<TableId, HashMap<u64, Arrived>> = HashMap::new();
        for chunk in arrived {
            came.entry(chunk.head.table).or_default().insert(chunk.head.chunk, chunk);
        }
        let mut tables = HashMap::new();
        for table in head.tables {
            let held = holding.0.remove(&table.table).unwrap_or_default();
            let hot = put_together(&table, &held, came.remove(&table.table).unwrap_or_default())?;
            self.keep(workspace, &table, &hot);
            let hot = table.hot.iter().filter_map(|id| hot.get(id).cloned()).collect();
            tables.insert(table.table, Seen { parts: table.parts, parts_elsewhere: table.parts_elsewhere, hot });
        }
        Ok(View { tables, complete: head.complete, incomplete_reason: head.incomplete_reason })
    }

    fn keep(&self, workspace: &str, table: &TableView, seen: &Chunks) {
        let live: HashSet<u64> = table.hot_live.iter().copied().collect();
        let mut cache = self.chunks.lock();
        let chunks = cache.entry((workspace.to_owned(), table.table)).or_default();
        chunks.retain(|id, _| live.contains(id));
        for (id, chunk) in seen.iter().filter(|(id, _)| live.contains(id)) {
            let richer = chunks.get(id).is_none_or(|old| old.columns.len() < chunk.columns.len());
            if richer {
                chunks.insert(*id, chunk.clone());
            }
        }
    }
}

fn put_together(table: &TableView, held: &Chunks, mut came: HashMap<u64, Arrived>) -> io::Result<Chunks> {
    let mut hot = Chunks::new();
    for id in &table.hot {
        let chunk = match (held.get(id), came.remove(id)) {
            (Some(old), None) => old.clone(),
            (Some(old), Some(new)) => Arc::new(old.with(&new.rows)),
            (None, Some(new)) => Arc::new(new.chunk()),
            (None, None) => {
                return Err(io::Error::other(format!("chunk {id} of {} was announced but not sent", table.table)));
            }
        };
        hot.insert(*id, chunk);
    }
    Ok(hot)
}

/// Chunk columns from the main process.
#[derive(Debug)]
pub struct Arrived {
    head: ChunkHead,
    rows: RecordBatch,
}

impl Arrived {
    pub fn read(head: ChunkHead, ipc: &[u8]) -> io::Result<Self> {
        let mut reader = StreamReader::try_new(ipc, None).map_err(io::Error::other)?;
        let rows = reader.next().ok_or_else(|| io::Error::other("chunk without rows"))?.map_err(io::Error::other)?;
        Ok(Self { head, rows })
    }

    fn chunk(self) -> Chunk {
        let empty = Chunk {
            rows: self.rows.num_rows(),
            time_min: self.head.time_min,
            time_max: self.head.time_max,
            overflow: self.head.overflow.into_iter().collect(),
            columns: BTreeMap::new(),
        };
        empty.with(&self.rows)
    }
}

/// One table at the instant of the view.
#[derive(Debug, Default)]
pub struct Seen {
    pub parts: Vec<Part>,
    pub parts_elsewhere: u64,
    pub hot: Vec<Arc<Chunk>>,
}

/// All tables of a query at one instant.
#[derive(Debug, Default)]
pub struct View {
    pub tables: HashMap<TableId, Seen>,
    pub complete: bool,
    pub incomplete_reason: Option<String>,
}
