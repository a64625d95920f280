//! Rows of rollups as they are added up, whatever they are grouped by.

use crate::Problem;
use crate::ask::Row;
use graph::Traffic;
use model::UnixNanos;
use rollup::SketchSum;
use std::collections::HashMap;
use std::sync::Arc;

/// The counts of every row, by column.
pub(super) const NUMBERS: [&str; 6] = ["calls", "errors", "limited", "duration_sum_ns", "unresolved", "astray"];

/// What rows are grouped by.
pub(super) type Texts = Arc<[Box<str>]>;

/// Counts of one group in one stretch of time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    texts: Texts,
    numbers: [i64; NUMBERS.len()],
    last_seen: UnixNanos,
    /// Encoded; empty of nothing.
    sketch: Box<[u8]>,
}

impl Line {
    /// A row with the columns `texts`; none where it counts nothing.
    pub(super) fn of(row: &Row<'_>, texts: &[&str]) -> Result<Option<Self>, Problem> {
        let mut numbers = [0; NUMBERS.len()];
        for (number, name) in numbers.iter_mut().zip(NUMBERS) {
            *number = row.int(name)?;
        }
        let sketch = row.opt_bytes("sketch")?.unwrap_or_default();
        if numbers == [0; NUMBERS.len()] && sketch.is_empty() {
            return Ok(None);
        }
        let texts = texts.iter().map(|name| Ok(row.text(name)?.into())).collect::<Result<Vec<Box<str>>, Problem>>()?;
        Ok(Some(Self { texts: texts.into(), numbers, last_seen: row.time("last_seen")?, sketch: sketch.into() }))
    }

    /// What it costs in memory, roughly.
    pub(super) fn bytes(&self) -> usize {
        let texts = self.texts.iter().map(|text| text.len() + size_of::<Box<str>>() + 16).sum::<usize>();
        size_of::<Self>() + texts + self.sketch.len() + 16
    }
}

/// Counts of one group.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    numbers: [i64; NUMBERS.len()],
    pub(super) last_seen: Option<UnixNanos>,
    pub(super) durations: SketchSum,
}

impl Sum {
    pub(super) fn traffic(&self) -> Traffic {
        let [calls, errors, limited, duration_sum_ns, ..] = self.numbers;
        // Deltas that take back what was counted elsewhere may be all that a window holds of an edge.
        let [calls, errors, limited] = [calls, errors, limited].map(|count| u64::try_from(count).unwrap_or(0));
        Traffic { calls, errors, limited, duration_sum_ns }
    }

    pub(super) fn calls(&self) -> i64 {
        self.numbers[0]
    }

    /// Spans that wait for their parent.
    pub(super) fn unresolved(&self) -> i64 {
        self.numbers[4]
    }

    /// Calls that left their lane.
    pub(super) fn astray(&self) -> i64 {
        self.numbers[5]
    }
}

/// A group, by its texts.
pub(super) type Group<'s> = (&'s [Box<str>], &'s Sum);

/// Counts by group.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    sums: HashMap<Texts, Sum>,
    damaged: bool,
}

impl Sums {
    pub(super) fn add(&mut self, line: &Line) {
        let sum = match self.sums.get_mut(&line.texts) {
            Some(sum) => sum,
            None => self.sums.entry(Arc::clone(&line.texts)).or_default(),
        };
        sum.numbers.iter_mut().zip(line.numbers).for_each(|(sum, number)| *sum = sum.wrapping_add(number));
        sum.last_seen = sum.last_seen.max(Some(line.last_seen));
        if !line.sketch.is_empty() {
            self.damaged |= sum.durations.add_encoded(&line.sketch).is_err();
        }
    }

    /// Every group that counts something, by its texts.
    pub(super) fn groups(&self) -> Result<Vec<Group<'_>>, Problem> {
        if self.damaged {
            return Err(Problem::internal("a sketch of the rollups is damaged"));
        }
        let says = |sum: &Sum| sum.calls() != 0 || sum.unresolved() != 0;
        let mut groups: Vec<Group<'_>> =
            self.sums.iter().filter(|(_, sum)| says(sum)).map(|(texts, sum)| (&**texts, sum)).collect();
        groups.sort_unstable_by_key(|(texts, _)| *texts);
        Ok(groups)
    }
}
