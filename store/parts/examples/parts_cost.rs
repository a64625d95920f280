//! What a flush and a compaction cost, by hand: CPU seconds per million spans of sorting, encoding and
//! merging, and bytes per span by column.
//!
//!     cargo run --release -p parts --example parts_cost -- FILE [FLUSH_ROWS [SLICE_ROWS [DIR]]]
//!
//! FILE is a workload of OTLP requests, each after its length and its number of spans (u32, little-endian).
//! With DIR the files stay there, for other programs to read.
//! CPU time is that of the one thread that works; the columns are encoded by it alone.
#![allow(clippy::print_stdout, reason = "a program run by hand, for its output")]

use arrow::array::RecordBatch;
use bytes::Bytes;
use decode::{Encoding, decode};
use model::{Signal, UnixNanos, Workspace};
use parquet::file::metadata::ParquetMetaDataReader;
use parts::{Location, Merge, NewPart, PartStore, Settings, new_part_id, sorted};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use tables::build::{BuildSettings, Layout};
use tables::{Lineage, Origin, PartMeta, PromotedSet, TableId, TableSpec};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The rows a server flushes at once.
const FLUSH_ROWS: usize = 196_608;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: measure FILE [FLUSH_ROWS [SLICE_ROWS [DIR]]]")?;
    let flush_rows = arguments.next().map_or(Ok(FLUSH_ROWS), |rows| rows.parse())?;
    let slice_rows = arguments.next().map_or(Ok(262_144), |rows| rows.parse())?;
    let business = ["app.order.id", "user.id", "store.id", "tenant.id"].map(String::from);
    let promoted = PromotedSet::default_with(&business);
    let layout = Layout::new(BuildSettings::new(promoted.clone(), &["app.request.id".into()]));
    let spec = Arc::new(TableSpec::new(TableId::Spans, &promoted));
    let temporary = tempfile::tempdir()?;
    let dir = arguments.next().map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let location = Location::Local { parquet: dir.join("parquet"), replaced: dir.join("replaced") };
    let store = PartStore::open(Settings { encode_threads: 1, slice_rows, ..Settings::at(location) })?;
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build()?;

    let batches = read(&file, &layout)?;
    let spans: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let per_million = |cpu: f64| cpu / spans as f64 * 1e6;
    println!("{spans} spans in {} requests, {flush_rows} a flush", batches.len());

    let mut runs: Vec<Vec<RecordBatch>> = vec![Vec::new()];
    for batch in batches {
        if runs.last().is_some_and(|run| run.iter().map(RecordBatch::num_rows).sum::<usize>() >= flush_rows) {
            runs.push(Vec::new());
        }
        runs.last_mut().ok_or("no run")?.push(batch);
    }
    let start = cpu()?;
    for run in &runs {
        sorted(&spec, run.clone())?;
    }
    let sort = cpu()? - start;
    println!("sort                   {:>13.3} CPU-s/M", per_million(sort));
    for level in [0, 1] {
        let start = cpu_of_process()?;
        let mut parts = Vec::new();
        for run in &runs {
            parts.push(runtime.block_on(store.write(part(&spec, run.clone(), level)?))?);
        }
        let all = cpu_of_process()? - start;
        let what = if level == 0 { "gather and encode, 0" } else { "with blooms, 1" };
        println!("{what:<22} {:>13.3} CPU-s/M, {:.2} B/span", per_million(all - sort), bytes_per_row(&parts));
        if level == 1 {
            by_column(&store, &parts)?;
        }
    }
    let mut inputs = Vec::new();
    for run in runs {
        inputs.push(runtime.block_on(store.write(part(&spec, run, 0)?))?);
    }
    let start = cpu_of_process()?;
    let outputs =
        runtime.block_on(store.merge(Merge { spec, promoted: 1, inputs, level: 1, generation: 1, combine: None }))?;
    let cost = per_million(cpu_of_process()? - start);
    println!("merge                  {cost:>13.3} CPU-s/M, {:.2} B/span in {}", bytes_per_row(&outputs), outputs.len());
    println!("peak resident memory   {:>10} MB", peak_rss()?);
    by_column(&store, &outputs)
}

fn read(file: &str, layout: &Layout) -> Result<Vec<RecordBatch>, Box<dyn Error>> {
    let bytes = Bytes::from(std::fs::read(file)?);
    let mut rest = bytes.as_ref();
    let mut batches = Vec::new();
    while let Some((head, body)) = rest.split_first_chunk::<8>() {
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let (body, after) = body.split_at_checked(length).ok_or("the workload ends within a request")?;
        rest = after;
        // A copy, as a server has each request in a buffer of its own.
        let body = Bytes::copy_from_slice(body);
        let received = UnixNanos(1_795_135_000 * UnixNanos::SECOND);
        let decoded = decode(layout, Signal::Traces, Encoding::Protobuf, &body, received)?;
        let spans = decoded.batches.tables.into_iter().filter(|batch| batch.table == TableId::Spans);
        batches.extend(spans.map(|batch| batch.rows));
    }
    Ok(batches)
}

fn part(spec: &Arc<TableSpec>, batches: Vec<RecordBatch>, level: u8) -> Result<NewPart, Box<dyn Error>> {
    Ok(NewPart {
        id: new_part_id(),
        workspace: Workspace::default(),
        spec: spec.clone(),
        day: UnixNanos(1_795_132_800 * UnixNanos::SECOND).day(),
        level,
        rows: sorted(spec, batches)?,
        received_max: UnixNanos(0),
        wal_from: 0,
        wal_until: 1,
        promoted: 1,
        overflow: Vec::new(),
        lineage: Lineage { generation: 1, origin: Origin::Flush { parts: 1 } },
    })
}

fn bytes_per_row(parts: &[PartMeta]) -> f64 {
    let rows: u64 = parts.iter().map(|part| part.rows).sum();
    parts.iter().map(|part| part.bytes).sum::<u64>() as f64 / rows as f64
}

/// Bytes per row of each column, largest first, its bloom filter apart.
fn by_column(store: &PartStore, parts: &[PartMeta]) -> Result<(), Box<dyn Error>> {
    let root = store.local_root().ok_or("not local")?;
    let mut columns: BTreeMap<String, (i64, i64, String)> = BTreeMap::new();
    let rows: u64 = parts.iter().map(|part| part.rows).sum();
    for part in parts {
        let file = std::fs::File::open(root.join(&part.path))?;
        for group in ParquetMetaDataReader::new().parse_and_finish(&file)?.row_groups() {
            for column in group.columns() {
                let entry = columns.entry(column.column_path().string()).or_default();
                entry.0 += column.compressed_size();
                entry.1 += i64::from(column.bloom_filter_length().unwrap_or_default());
                entry.2 = column.encodings().map(|e| format!("{e} ")).collect();
            }
        }
    }
    let mut columns: Vec<_> = columns.into_iter().collect();
    columns.sort_by_key(|(_, (bytes, bloom, _))| -(bytes + bloom));
    let (mut small, mut total) = (0, 0);
    for (name, (bytes, bloom, encodings)) in columns {
        total += bytes + bloom;
        if bytes + bloom < rows as i64 / 20 {
            small += bytes + bloom;
            continue;
        }
        let per_row = |bytes: i64| bytes as f64 / rows as f64;
        println!("  {name:<44} {:>7.3} B, bloom {:>6.3} B   {encodings}", per_row(bytes), per_row(bloom));
    }
    let per_row = |bytes: i64| bytes as f64 / rows as f64;
    println!("  all below 0.05 B together {:>26.3} B", per_row(small));
    let all = parts.iter().map(|part| part.bytes).sum::<u64>() as i64;
    println!("  footers and indexes {:>32.3} B", per_row(all - total));
    Ok(())
}

/// CPU seconds of this thread.
fn cpu() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().ok_or("no schedstat")?.parse::<f64>()? / 1e9)
}

/// CPU seconds of all threads that live.
fn cpu_of_process() -> Result<f64, Box<dyn Error>> {
    let mut nanos = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanos += text.split(' ').next().ok_or("no schedstat")?.parse::<f64>()?;
    }
    Ok(nanos / 1e9)
}

fn peak_rss() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no VmHWM")?;
    Ok(line.split_whitespace().nth(1).ok_or("no VmHWM")?.parse::<u64>()? / 1024)
}
