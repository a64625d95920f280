//! What decoding costs: CPU seconds per million items of a workload file.
//!
//! `measure FILE [PASSES] [SIGNAL]`. The file holds frames: body length and item count as
//! little-endian `u32`, then an export request in protobuf. Run it by hand on an idle machine; it
//! asserts nothing.

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use bytes::Bytes;
use decode::{Encoding, decode};
use model::{ContentHash, Signal, UnixNanos};
use std::error::Error;
use tables::build::{BuildSettings, Layout};
use tables::{PromotedSet, TableId};

/// The allocator of the server.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: measure FILE [PASSES] [SIGNAL]")?;
    let passes: usize = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let name = arguments.next().unwrap_or_else(|| "traces".into());
    let signal = Signal::ALL.into_iter().find(|signal| signal.as_str() == name).ok_or("no such signal")?;
    let frames = frames(Bytes::from(std::fs::read(file)?))?;
    let business = ["order.id", "user.id", "app.order.id"].map(String::from);
    let promoted = PromotedSet::default_with(&business);
    let layout = Layout::new(BuildSettings::new(promoted, &["app.request.id".into()]));
    let bytes: usize = frames.iter().map(|(body, _)| body.len()).sum();
    for pass in 0..passes {
        // A body that was just received lies in the cache: reading it is not decoding's cost.
        let before = cpu_seconds()?;
        let mut sum = frames.iter().fold(0, |sum, (body, _)| sum ^ ContentHash::of_body(0, body).0[0]);
        let reading = cpu_seconds()? - before;
        let before = cpu_seconds()?;
        let (mut items, mut resources, mut retained) = (0, 0, 0);
        for (body, _) in &frames {
            sum ^= ContentHash::of_body(0, body).0[0];
            let decoded = decode(&layout, signal, Encoding::Protobuf, body, RECEIVED)?;
            for batch in &decoded.batches.tables {
                match batch.table {
                    TableId::Resources => resources += batch.rows.num_rows(),
                    TableId::Spans | TableId::Logs | TableId::Metrics => items += batch.rows.num_rows(),
                    TableId::Series | TableId::Ledger => {}
                }
                retained += batch.rows.get_array_memory_size();
            }
        }
        let seconds = cpu_seconds()? - before - reading;
        println!(
            "pass {pass}: {items} items, {:.1} bytes each, {resources} resources, {:.3} CPU s per million items ({retained} {sum})",
            bytes as f64 / items as f64,
            seconds / items as f64 * 1e6,
        );
    }
    Ok(())
}

const RECEIVED: UnixNanos = UnixNanos(1_795_132_800 * UnixNanos::SECOND);

fn frames(mut file: Bytes) -> Result<Vec<(Bytes, u32)>, Box<dyn Error>> {
    let mut frames = Vec::new();
    while !file.is_empty() {
        let head = file.split_to(8);
        let len = u32::from_le_bytes(head[..4].try_into()?);
        frames.push((file.split_to(len as usize), u32::from_le_bytes(head[4..].try_into()?)));
    }
    Ok(frames)
}

/// User and system time of this process so far.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = stat.split_whitespace().next().ok_or("empty schedstat")?.parse()?;
    Ok(nanoseconds / 1e9)
}
