//! What a process and all its descendants have used, read from `/proc`.

use anyhow::{Context, Result};
use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// `/proc` counts CPU time in ticks of 1/100 s on every Linux we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process and its descendants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree {
    root: u32,
}

#[derive(Debug)]
struct Stat {
    parent: u32,
    /// Of itself, and of the children it has waited for: workers that ended are in the second.
    ticks: u64,
    ticks_of_ended_children: u64,
}

impl Tree {
    pub(crate) fn of(root: u32) -> Self {
        Self { root }
    }

    /// CPU seconds (user and system) used so far by every process of the tree, ended ones included.
    pub(crate) fn cpu_seconds(self) -> Result<f64> {
        let stats = all_stats()?;
        let ticks: u64 =
            members(self.root, &stats).iter().map(|pid| stats[pid].ticks + stats[pid].ticks_of_ended_children).sum();
        Ok(ticks as f64 / TICKS_PER_SECOND)
    }

    /// Proportional set size in bytes over the tree.
    pub(crate) fn pss_bytes(self) -> Result<u64> {
        let stats = all_stats()?;
        let kilobytes = members(self.root, &stats).into_iter().filter_map(|pid| {
            let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            field(&text, "Pss:")
        });
        Ok(kilobytes.sum::<u64>() * 1024)
    }

    /// Bytes that the tree has caused to be written to storage so far.
    pub(crate) fn written_bytes(self) -> Result<u64> {
        let stats = all_stats()?;
        let bytes = members(self.root, &stats).into_iter().filter_map(|pid| {
            let text = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
            field(&text, "write_bytes:")
        });
        Ok(bytes.sum())
    }

    /// Waits until the tree uses less than a twentieth of a core over two seconds, or `patience` is over.
    pub(crate) async fn quiet(self, patience: Duration) -> Result<()> {
        let window = Duration::from_secs(2);
        for _ in 0..patience.as_secs() / window.as_secs() {
            let before = self.cpu_seconds()?;
            tokio::time::sleep(window).await;
            if self.cpu_seconds()? - before < 0.05 * window.as_secs_f64() {
                break;
            }
        }
        Ok(())
    }
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|l| l.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

fn all_stats() -> Result<HashMap<u32, Stat>> {
    let entries = fs::read_dir("/proc").context("reading /proc")?.flatten();
    let pids = entries.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    // A process may end between the listing and the reading.
    Ok(pids.filter_map(|pid| Some((pid, stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))).collect())
}

fn stat(text: &str) -> Option<Stat> {
    // The name in parentheses may hold anything; the numbers follow the last one.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |i: usize| fields.get(i)?.parse::<u64>().ok();
    Some(Stat {
        parent: number(1)? as u32,
        ticks: number(11)? + number(12)?,
        ticks_of_ended_children: number(13)? + number(14)?,
    })
}

fn members(root: u32, stats: &HashMap<u32, Stat>) -> Vec<u32> {
    let mut found: Vec<u32> = stats.contains_key(&root).then_some(root).into_iter().collect();
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(stats.iter().filter(|(_, s)| s.parent == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_confuse_the_numbers() {
        let text = "42 (a (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 250 50 30 20 20 0 9 0 1 2 3";
        let stat = stat(text).unwrap();
        assert_eq!((stat.parent, stat.ticks, stat.ticks_of_ended_children), (7, 300, 50));
    }

    #[test]
    fn a_tree_is_its_root_and_all_below() {
        let stats = [(1, 0), (2, 1), (3, 2), (4, 1), (5, 9)]
            .map(|(pid, parent)| (pid, Stat { parent, ticks: 0, ticks_of_ended_children: 0 }));
        let mut found = members(2, &HashMap::from(stats));
        found.sort_unstable();
        assert_eq!(found, vec![2, 3]);
    }

    #[test]
    fn this_process_has_memory_and_time() {
        let tree = Tree::of(std::process::id());
        assert!(tree.pss_bytes().unwrap() > 100_000);
        assert!(tree.cpu_seconds().unwrap() >= 0.0);
    }
}
