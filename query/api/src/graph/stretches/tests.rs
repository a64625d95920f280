use super::*;
use crate::ask::Rows;
use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use model::ContentHash;
use proptest::prelude::*;
use tables::PartMeta;

fn window(from: i64, to: i64) -> Window {
    Window { from: UnixNanos(from * MINUTE), to: UnixNanos(to * MINUTE) }
}

fn lengths(pieces: &[Range]) -> Vec<(i64, Option<i64>)> {
    let minutes = |piece: &Range| (piece.window.to.0 - piece.window.from.0) / MINUTE;
    pieces.iter().map(|piece| (minutes(piece), piece.length.map(|length| length / MINUTE))).collect()
}

#[test]
fn a_window_is_cut_into_the_longest_stretches_that_are_over() {
    let day = 1_440;
    let found = pieces(&window(day - 75, 2 * day + 61), &BTreeSet::new()).unwrap();
    let found: Vec<(i64, Option<i64>)> = lengths(&found);
    let expected = [[1, 1, 1, 1, 1, 10, 60].as_slice(), &[day, 60, 1]].concat();
    assert_eq!(found, expected.into_iter().map(|minutes| (minutes, Some(minutes))).collect::<Vec<_>>());
}

#[test]
fn what_is_in_memory_is_open_and_neighbours_are_asked_for_together() {
    let in_memory = BTreeSet::from([25, 26, 40]);
    let found = pieces(&window(10, 50), &in_memory).unwrap();
    let tens_and_ones =
        [(10, Some(10)), (1, Some(1)), (1, Some(1)), (1, Some(1)), (1, Some(1)), (1, Some(1)), (2, None)];
    assert_eq!(lengths(&found)[..7], tens_and_ones);
    let asked = ranges(found).unwrap();
    let expected = [(10, Some(10)), (5, Some(1)), (2, None), (3, Some(1)), (10, Some(10)), (1, None), (9, Some(1))];
    assert_eq!(lengths(&asked), expected);
}

#[test]
fn a_window_that_is_not_of_whole_minutes_or_of_too_many_pieces_is_asked_for_whole() {
    let odd = Window { from: UnixNanos(1), to: UnixNanos(MINUTE) };
    assert_eq!(pieces(&odd, &BTreeSet::new()), None);
    assert_eq!(pieces(&window(-60, 60), &BTreeSet::new()), None);
    assert_eq!(pieces(&window(0, 1_440 * 300), &BTreeSet::new()), None);
    let every_other: BTreeSet<i64> = (0..120).step_by(2).collect();
    assert_eq!(ranges(pieces(&window(0, 120), &every_other).unwrap()), None);
}

fn line(name: &str, calls: i64) -> Line {
    let number = |n: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![n])) };
    let mut sketch = rollup::Sketch::default();
    sketch.add(calls, calls);
    let columns = super::super::sums::NUMBERS.map(|column| (column, number(if column == "calls" { calls } else { 0 })));
    let others = [
        ("name", Arc::new(StringArray::from(vec![name])) as ArrayRef),
        ("last_seen", Arc::new(TimestampNanosecondArray::from(vec![calls]).with_timezone("UTC"))),
        ("sketch", Arc::new(BinaryArray::from(vec![sketch.encode().as_slice()]))),
    ];
    let rows = Rows::of_batch(RecordBatch::try_from_iter(columns.into_iter().chain(others)).unwrap());
    Line::of(&rows.first().unwrap(), &["name"]).unwrap().unwrap()
}

fn part(id: u8, from: i64, to: i64) -> Arc<PartMeta> {
    Arc::new(PartMeta {
        id: PartId(ContentHash([id; 16])),
        workspace: Workspace::default(),
        table: TableId::ServiceEdges,
        path: String::new(),
        level: 1,
        rows: 1,
        bytes: 1,
        time_min: UnixNanos(from * MINUTE),
        time_max: UnixNanos(to * MINUTE - 1),
        received_max: UnixNanos(0),
        wal_from: 0,
        wal_until: 1,
        replaces: Vec::new(),
        promoted: 1,
        overflow: Vec::new(),
        services: None,
        crc32: 0,
    })
}

fn content(parts: &[Arc<PartMeta>], in_memory: impl IntoIterator<Item = i64>) -> RollupContent {
    RollupContent { parts: parts.to_vec(), in_memory: in_memory.into_iter().collect(), complete: true }
}

/// Asks as a handler does; gives the calls, and how many minutes were not kept.
fn ask(stretches: &Stretches, asked: &Window, calls: &dyn Fn(i64) -> i64, content: &RollupContent) -> (i64, i64) {
    let mut sums = Sums::default();
    let workspace = Workspace::default();
    let missing = stretches.add_kept((&workspace, "edges", TableId::ServiceEdges), asked, content, &mut sums);
    let (mut lines, mut minutes): (HashMap<i64, Vec<Line>>, i64) = (HashMap::new(), 0);
    for range in &missing.ranges {
        for minute in range.window.from.0 / MINUTE..range.window.to.0 / MINUTE {
            minutes += 1;
            let line = line("a", calls(minute));
            sums.add(&line);
            if let Some(length) = range.length {
                lines.entry(minute * MINUTE / length * length).or_default().push(line);
            }
        }
    }
    stretches.keep(missing, lines, content);
    (sums.groups().unwrap().iter().map(|(_, sum)| sum.calls()).sum(), minutes)
}

#[test]
fn what_is_over_is_asked_for_once_until_other_parts_hold_it() {
    let stretches = Stretches::default();
    let calls = |minute: i64| minute + 1;
    let all = |from: i64, to: i64| (from..to).map(calls).sum::<i64>();
    let parts = [part(1, 0, 60), part(2, 60, 118)];
    let before = content(&parts, [118]);
    assert_eq!(ask(&stretches, &window(0, 120), &calls, &before), (all(0, 120), 120));
    // Minute 118 has rows in memory; 119 is over, as far as is known.
    assert_eq!(ask(&stretches, &window(0, 120), &calls, &before), (all(0, 120), 1));
    // Another window takes what is the same.
    assert_eq!(ask(&stretches, &window(0, 60), &calls, &before), (all(0, 60), 0));
    // Rows that come late cut an hour into what is over and the minute that is not; merged parts are read again.
    let late = content(&parts, [30]);
    assert_eq!(ask(&stretches, &window(0, 60), &calls, &late), (all(0, 60), 60));
    assert_eq!(ask(&stretches, &window(0, 60), &calls, &late), (all(0, 60), 1));
    let merged = content(&[part(3, 0, 118)], [118]);
    assert_eq!(ask(&stretches, &window(0, 60), &calls, &merged), (all(0, 60), 60));
    let StretchStats { hits, misses, evictions, kept, bytes } = stretches.stats();
    assert!(hits > 0 && misses > 0 && kept > 0 && bytes > 0 && evictions == 0, "{:?}", stretches.stats());
}

#[test]
fn what_is_kept_is_bounded_and_the_longest_unused_goes_first() {
    let mut memory = Memory::default();
    let line = line("a", 1);
    for n in 0..100_i64 {
        let key =
            Key { workspace: Workspace::default(), question: "q".into(), from: UnixNanos(n), to: UnixNanos(n + 1) };
        let bytes = BYTES_MAX / 50;
        memory.bytes += bytes;
        memory.kept.insert(key, Kept { parts: Vec::new(), lines: vec![line.clone()], bytes, used: n as u64 });
        memory.bound();
        assert!(memory.bytes <= BYTES_MAX);
    }
    assert!(memory.kept.keys().all(|key| key.from.0 >= 50), "the oldest went");
    assert_eq!(memory.evictions as usize, 100 - memory.kept.len());
    assert_eq!(memory.bytes, memory.kept.values().map(|kept| kept.bytes).sum::<usize>());
}

proptest! {
    #[test]
    fn pieces_are_the_window_without_gap_or_overlap(from in 0..5_000_i64, minutes in 0..5_000_i64, in_memory in prop::collection::btree_set(0..10_000_i64, 0..20)) {
        let asked = window(from, from + minutes);
        if let Some(found) = pieces(&asked, &in_memory) {
            let mut at = asked.from;
            for piece in &found {
                prop_assert_eq!(piece.window.from, at);
                prop_assert!(piece.window.to > at);
                let open = |minute: i64| in_memory.contains(&minute);
                let mut within = at.0 / MINUTE..piece.window.to.0 / MINUTE;
                let fits = if piece.length.is_some() { !within.any(open) } else { within.all(open) };
                prop_assert!(fits);
                at = piece.window.to;
            }
            prop_assert_eq!(at, asked.to);
        }
    }
}
