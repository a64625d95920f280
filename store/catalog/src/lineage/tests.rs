use super::*;
use model::{ContentHash, UnixNanos, Workspace};
use tables::{Lineage, TableId};

fn id(name: u8) -> PartId {
    PartId(ContentHash([name; 16]))
}

fn file(name: u8, range: (u64, u64), replaces: Vec<u8>, lineage: Lineage) -> PartFile {
    let meta = PartMeta {
        id: id(name),
        workspace: Workspace::default(),
        table: TableId::Spans,
        path: format!("default/spans/date=2026-03-04/{}.parquet", id(name)),
        level: u8::from(!replaces.is_empty()),
        rows: 1,
        bytes: 1,
        time_min: UnixNanos(0),
        time_max: UnixNanos(0),
        received_max: UnixNanos(0),
        wal_from: range.0,
        wal_until: range.1,
        replaces: replaces.into_iter().map(id).collect(),
        promoted: 1,
        overflow: vec![],
        services: None,
        crc32: 0,
    };
    PartFile { meta, lineage, promoted: None }
}

/// A part of a checkpoint of `parts`, begun at catalog generation `generation`.
fn flushed(name: u8, generation: u64, range: (u64, u64), parts: u32) -> PartFile {
    file(name, range, vec![], Lineage { generation, origin: Origin::Flush { parts } })
}

/// Output number `output` of a merge of `inputs`.
fn merged(name: u8, generation: u64, inputs: &[u8], earlier: &[u8], output: u32, last: bool) -> PartFile {
    let origin = Origin::Merge { inputs: inputs.len() as u32, output, last };
    file(name, (0, 100), [inputs, earlier].concat(), Lineage { generation, origin })
}

/// Names of the live parts, names and reasons of the others, and the checkpoint.
fn outcome(files: Vec<PartFile>, wal_oldest: Option<u64>) -> (Vec<u8>, Vec<(u8, Discarded)>, u64) {
    let rebuilt = decide(files, wal_oldest);
    let name = |meta: &PartMeta| meta.id.0.0[0];
    let mut live: Vec<u8> = rebuilt.live.iter().map(name).collect();
    let mut discarded: Vec<(u8, Discarded)> = rebuilt.discarded.iter().map(|(meta, why)| (name(meta), *why)).collect();
    live.sort_unstable();
    discarded.sort_unstable();
    (live, discarded, rebuilt.checkpoint)
}

use Discarded::{Replaced, Uncommitted, UnfinishedMerge};

#[test]
fn nothing_gives_an_empty_catalog() {
    assert_eq!(outcome(vec![], None), (vec![], vec![], 0));
}

#[test]
fn checkpoints_that_follow_each_other_are_all_kept() {
    let files = vec![flushed(1, 1, (0, 10), 2), flushed(2, 1, (0, 10), 2), flushed(3, 2, (10, 25), 1)];
    assert_eq!(outcome(files, Some(0)), (vec![1, 2, 3], vec![], 25));
}

#[test]
fn retention_may_have_taken_any_part_of_an_earlier_checkpoint() {
    // Of three parts one is left; the next checkpoint began after it.
    let files = vec![flushed(1, 1, (0, 10), 3), flushed(3, 2, (12, 25), 1)];
    assert_eq!(outcome(files, Some(0)), (vec![1, 3], vec![], 25));
}

#[test]
fn an_attempt_that_the_next_one_did_not_build_upon_was_never_committed() {
    // Killed before its commit although all its files were there; the next start flushed more at once.
    let files = vec![
        flushed(1, 1, (0, 10), 1),
        flushed(2, 2, (10, 20), 2),
        flushed(3, 2, (10, 20), 2),
        flushed(4, 3, (10, 30), 1),
        flushed(5, 4, (30, 40), 1),
    ];
    assert_eq!(outcome(files, Some(0)), (vec![1, 4, 5], vec![(2, Uncommitted), (3, Uncommitted)], 40));
}

#[test]
fn an_attempt_longer_than_what_came_after_it_loses_too() {
    let files = vec![flushed(1, 1, (0, 20), 1), flushed(2, 2, (0, 15), 1), flushed(3, 3, (15, 26), 1)];
    assert_eq!(outcome(files, Some(0)), (vec![2, 3], vec![(1, Uncommitted)], 26));
}

#[test]
fn the_last_checkpoint_counts_when_all_its_parts_are_there() {
    let files = vec![flushed(1, 1, (0, 10), 1), flushed(2, 2, (10, 20), 2), flushed(3, 2, (10, 20), 2)];
    assert_eq!(outcome(files, Some(0)), (vec![1, 2, 3], vec![], 20));
}

#[test]
fn half_of_the_last_checkpoint_is_dropped_where_the_wal_can_replay_it_and_kept_where_not() {
    let files = || vec![flushed(1, 1, (0, 10), 1), flushed(2, 2, (10, 20), 2)];
    let table = [
        ("the WAL begins exactly there", Some(10), vec![1], 10),
        ("the WAL goes further back", Some(3), vec![1], 10),
        ("the WAL was released, so the checkpoint was committed", Some(20), vec![1, 2], 20),
        ("there is no WAL: some rows are better than none", None, vec![1, 2], 20),
    ];
    for (sentence, wal_oldest, live, checkpoint) in table {
        let (got, _, position) = outcome(files(), wal_oldest);
        assert_eq!((got, position), (live, checkpoint), "{sentence}");
    }
}

#[test]
fn a_merge_proves_that_the_checkpoints_of_its_inputs_were_committed() {
    // Of the last checkpoint's three parts one was merged, one taken by retention.
    let mut merge = merged(9, 3, &[2], &[], 0, true);
    (merge.meta.wal_from, merge.meta.wal_until) = (10, 20);
    let files = vec![flushed(1, 2, (10, 20), 3), flushed(2, 2, (10, 20), 3), merge];
    assert_eq!(outcome(files, Some(0)), (vec![1, 9], vec![(2, Replaced)], 20));
}

#[test]
fn outputs_stand_for_inputs_that_are_still_there_and_for_those_that_are_not() {
    let inputs = |names: &[u8]| names.iter().map(|n| flushed(*n, 1, (0, 10), 2)).collect::<Vec<_>>();
    let outputs = [merged(8, 2, &[1, 2], &[], 0, false), merged(9, 2, &[1, 2], &[], 1, true)];
    for there in [&[1, 2][..], &[1], &[]] {
        let files = inputs(there).into_iter().chain(outputs.clone()).collect();
        let (live, discarded, _) = outcome(files, Some(0));
        assert_eq!(live, [8, 9]);
        assert_eq!(discarded, there.iter().map(|n| (*n, Replaced)).collect::<Vec<_>>());
    }
}

#[test]
fn an_unfinished_merge_gives_way_to_its_inputs() {
    let inputs = [flushed(1, 1, (0, 10), 2), flushed(2, 1, (0, 10), 2)];
    for output in [merged(8, 2, &[1, 2], &[], 0, false), merged(8, 2, &[1, 2], &[], 1, true)] {
        let files = inputs.clone().into_iter().chain([output]).collect();
        assert_eq!(outcome(files, Some(0)), (vec![1, 2], vec![(8, UnfinishedMerge)], 10));
    }
}

#[test]
fn outputs_that_retention_thinned_out_are_kept_since_their_inputs_are_gone() {
    let files = vec![merged(9, 2, &[1, 2], &[], 1, true)];
    assert_eq!(outcome(files, Some(0)).0, [9]);
}

#[test]
fn of_two_merges_of_the_same_input_the_later_was_committed() {
    // The first was killed before its commit, complete or not; the second took one input more.
    let inputs = [1, 2, 3].map(|n| flushed(n, 1, (0, 10), 3));
    let first = merged(7, 2, &[1, 2], &[], 0, true);
    let second = merged(8, 5, &[2, 3], &[], 0, true);
    let files = inputs.into_iter().chain([first, second]).collect();
    let expected = vec![(2, Replaced), (3, Replaced), (7, UnfinishedMerge)];
    assert_eq!(outcome(files, Some(0)), (vec![1, 8], expected, 100));
}

#[test]
fn merges_of_merges_stand_for_everything_below_them() {
    let inputs = [1, 2].map(|n| flushed(n, 1, (0, 10), 2));
    let first = merged(7, 2, &[1], &[], 0, true);
    let second = merged(8, 5, &[7, 2], &[1], 0, true);
    let all: Vec<PartFile> = inputs.into_iter().chain([first, second]).collect();
    let (live, discarded, _) = outcome(all.clone(), Some(0));
    assert_eq!((live, discarded), (vec![8], vec![(1, Replaced), (2, Replaced), (7, Replaced)]));
    // Whatever of the replaced ones is left.
    for kept in 0..8_u32 {
        let left = all.iter().take(3).enumerate().filter(|(i, _)| kept & (1 << i) != 0).map(|(_, f)| f.clone());
        assert_eq!(outcome(left.chain([all[3].clone()]).collect(), Some(0)).0, [8], "{kept:b}");
    }
}

#[test]
fn the_order_of_a_listing_does_not_matter() {
    let files = vec![
        flushed(1, 1, (0, 10), 1),
        flushed(2, 2, (10, 20), 2),
        flushed(3, 3, (10, 30), 2),
        flushed(4, 3, (10, 30), 2),
        merged(8, 4, &[1, 3], &[], 0, true),
        merged(9, 5, &[4, 8], &[1, 3], 0, false),
    ];
    let expected = outcome(files.clone(), Some(0));
    assert_eq!(expected.0, [4, 8]);
    for turn in 1..files.len() {
        let mut turned = files.clone();
        turned.rotate_left(turn);
        assert_eq!(outcome(turned.clone(), Some(0)), expected);
        turned.reverse();
        assert_eq!(outcome(turned, Some(0)), expected);
    }
}

#[test]
fn promoted_sets_come_from_the_files() {
    let set = |version| PromotedSet { version, ..PromotedSet::default_with(&[]) };
    let mut files = vec![flushed(1, 1, (0, 10), 1), flushed(2, 2, (10, 20), 1), flushed(3, 3, (20, 30), 1)];
    files[0].promoted = Some(set(2));
    files[1].promoted = Some(set(1));
    files[2].promoted = Some(set(2));
    assert_eq!(decide(files, None).promoted, [set(1), set(2)]);
}
