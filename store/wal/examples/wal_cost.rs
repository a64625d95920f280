//! Measures the log on a real directory: `cargo run -p wal --example wal_cost -- DIR [GROUP_BYTES] [RECORD_BYTES] [GB]`.
//!
//! Prints CPU seconds per GB of payload and per million spans of 566 bytes, and what the fdatasync
//! calls took. Old segments are released as a flushing store would, so that steady state is recycling.
#![allow(clippy::print_stdout, reason = "a program run by hand, for its output")]

use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wal::{Lsn, RealDisk, Settings, Wal};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().ok_or("usage: measure DIR [GROUP_BYTES] [RECORD_BYTES] [GB]")?;
    let mut number = |default: u64| args.next().map_or(Ok(default), |text| text.parse::<u64>());
    let (group_bytes, record_bytes, gigabytes) = (number(1 << 20)?, number(256 << 10)?, number(4)?);
    let (mut wal, _) = Wal::open(Arc::new(RealDisk), Settings::new(dir), Lsn::ZERO)?;
    let body = Bytes::from((0..record_bytes).map(|i| ((i * 2_654_435_761) >> 7) as u8).collect::<Vec<_>>());
    let (records, groups) = ((gigabytes * 1_000_000_000).div_ceil(record_bytes), group_bytes.div_ceil(record_bytes));
    let (mut syncs, started, cpu_before) = (Vec::new(), Instant::now(), cpu()?);
    for i in 0..records {
        wal.append_shared(&i.to_le_bytes(), body.clone())?;
        if i % groups == groups - 1 {
            let at = Instant::now();
            wal.sync()?;
            syncs.push(at.elapsed());
        }
        if wal.bytes_live() > 256 << 20 {
            wal.release(wal.next_lsn())?;
        }
    }
    wal.sync()?;
    let (wall, cpu) = (started.elapsed(), cpu()? - cpu_before);
    report(&wal, wall, cpu, syncs);
    Ok(())
}

fn report(wal: &Wal, wall: Duration, cpu: f64, mut syncs: Vec<Duration>) {
    let stats = wal.stats();
    let gigabytes = stats.payload_bytes as f64 / 1e9;
    syncs.sort_unstable();
    let quantile = |q: f64| syncs.get((syncs.len() as f64 * q) as usize).copied().unwrap_or_default();
    println!("payload        {gigabytes:.2} GB in {wall:.2?}, {} records, {} groups", stats.records, stats.groups);
    println!(
        "CPU            {:.3} s/GB, {:.3} s per million spans of 566 bytes",
        cpu / gigabytes,
        cpu / gigabytes * 0.566
    );
    println!(
        "fdatasync      {} calls; write and sync p50 {:.2?}, p99 {:.2?}",
        stats.fdatasyncs,
        quantile(0.5),
        quantile(0.99)
    );
    println!("segments       {} made, {} used again", stats.segments_created, stats.segments_recycled);
    println!("written        {:.4} bytes per byte of payload", stats.written_bytes as f64 / stats.payload_bytes as f64);
}

/// User and system time of this process so far, in seconds.
fn cpu() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |i: usize| fields.get(i).ok_or("no such field")?.parse::<f64>().map_err(Box::<dyn std::error::Error>::from);
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}
