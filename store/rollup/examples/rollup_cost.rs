//! What counting costs: CPU seconds per million spans of a workload file, by step.
//!
//! `rollup_cost FILE [SPANS]`. The file holds frames: body length and item count as little-endian `u32`,
//! then an export request in protobuf. Run it by hand on an idle machine; it asserts nothing.

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use bytes::Bytes;
use decode::{Encoding, decode};
use model::{Signal, UnixNanos, Workspace};
use rollup::{Reader, Rollups, Settings};
use std::error::Error;
use std::io::Read;
use tables::PromotedSet;
use tables::build::{BuildSettings, Layout};

/// Rows of a generation, as the engine seals them.
const SEAL_ROWS: u64 = 196_608;
const RECEIVED: UnixNanos = UnixNanos(1_795_132_800 * UnixNanos::SECOND);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: rollup_cost FILE [SPANS]")?;
    let spans_max: u64 = arguments.next().map_or(Ok(600_000), |text| text.parse())?;
    let promoted = PromotedSet::default_with(&["order.id", "user.id", "store.id"].map(String::from));
    let layout = Layout::new(BuildSettings::new(promoted, &[]));
    let settings = Settings::default();
    let (reader, workspace) = (Reader::new(&settings), Workspace::default());
    let mut rollups = Rollups::new(settings, 0x5eed);
    let mut file = std::io::BufReader::new(std::fs::File::open(path)?);
    let (mut spans, mut unsealed, mut rows) = (0_u64, 0_u64, [0_usize; 3]);
    let (mut reading, mut counting, mut sealing) = (0.0, 0.0, 0.0);
    while spans < spans_max {
        let mut head = [0; 8];
        if file.read_exact(&mut head).is_err() {
            break;
        }
        let mut body = vec![0; u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize];
        file.read_exact(&mut body)?;
        let decoded = decode(&layout, Signal::Traces, Encoding::Protobuf, &Bytes::from(body), RECEIVED)?;
        let before = cpu_seconds()?;
        let facts = reader.facts(&decoded.batches.tables);
        let read = cpu_seconds()?;
        rollups.count(&workspace, facts, RECEIVED);
        let counted = cpu_seconds()?;
        (reading, counting) = (reading + read - before, counting + counted - read);
        let items = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
        (spans, unsealed) = (spans + items, unsealed + items);
        if unsealed >= SEAL_ROWS {
            unsealed = 0;
            for (at, counted) in rollups.seal()?.iter().enumerate() {
                rows[at] += counted.batch.rows.num_rows();
            }
            sealing += cpu_seconds()? - counted;
        }
    }
    let per_million = |seconds: f64| seconds / spans as f64 * 1e6;
    println!(
        "{spans} spans: read {:.3}, count {:.3}, seal {:.3}: {:.3} CPU s per million; rows (red, edges, pending) {rows:?}",
        per_million(reading),
        per_million(counting),
        per_million(sealing),
        per_million(reading + counting + sealing),
    );
    println!("{:?}", rollups.stats());
    Ok(())
}

/// Of this process, so far.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = stat.split_whitespace().next().ok_or("no schedstat")?.parse()?;
    Ok(nanoseconds / 1e9)
}
