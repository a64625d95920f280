//! Which healthy times an incident is measured against.

use super::sql;
use crate::ask::{Ints, Questioner};
use client::QueryError;
use model::{TimeRange, UnixNanos};
use std::time::Duration;

const MINUTE: i64 = 60 * UnixNanos::SECOND;
/// How far away minutes may lie where nothing was sent just before.
const FAR: Duration = Duration::from_secs(8 * 86_400);

/// The time just before the incident, without that of other incidents; where nothing was called in it, the
/// nearest earlier minutes besides in which something was. What came later is no measure: the fault may last.
pub(crate) async fn reference(
    ask: &Questioner,
    current: TimeRange,
    troubled: &[TimeRange],
) -> Result<Vec<TimeRange>, QueryError> {
    let before = TimeRange { from: current.from.saturating_sub(ask.settings().reference), until: current.from };
    let mut ranges = outside(before, troubled);
    if !without(&minutes(ask, before).await?, troubled).is_empty() {
        return Ok(ranges);
    }
    let earlier = TimeRange { from: current.from.saturating_sub(FAR), until: before.from };
    let mut others = without(&minutes(ask, earlier).await?, troubled);
    others.sort_by_key(|minute| (minute - current.from.0).abs());
    others.truncate(usize::try_from(ask.settings().reference.as_secs() / 60).unwrap_or(30));
    ranges.extend(joined(&others, earlier));
    Ok(ranges)
}

/// What is left of a range when others are taken out of it.
pub(super) fn outside(range: TimeRange, taken: &[TimeRange]) -> Vec<TimeRange> {
    let mut left = vec![range];
    for out in taken {
        let cut = |range: TimeRange| {
            let first = TimeRange { from: range.from, until: range.until.min(out.from) };
            let last = TimeRange { from: range.from.max(out.until), until: range.until };
            [first, last].into_iter().filter(|range| range.from < range.until)
        };
        // A range that meets it in no instant stays as it is, not once on either side.
        left = left
            .into_iter()
            .flat_map(|range| match range.overlaps(out.from, UnixNanos(out.until.0 - 1)) {
                true => cut(range).collect::<Vec<_>>(),
                false => vec![range],
            })
            .collect();
    }
    left
}

/// Minutes in which something was called.
async fn minutes(ask: &Questioner, range: TimeRange) -> Result<Vec<i64>, QueryError> {
    let rows = ask.rows(sql::minutes(range), 20_000).await?;
    let all = rows.batches().iter().flat_map(|batch| {
        let minute = Ints::of(batch, "minute");
        (0..batch.num_rows()).map(move |row| minute.at(row))
    });
    Ok(all.collect())
}

fn without(minutes: &[i64], troubled: &[TimeRange]) -> Vec<i64> {
    let healthy = |minute: &i64| {
        !troubled.iter().any(|range| range.overlaps(UnixNanos(*minute), UnixNanos(*minute + MINUTE - 1)))
    };
    minutes.iter().copied().filter(healthy).collect()
}

/// Minutes as ranges, neighbours as one, cut to `within`.
fn joined(minutes: &[i64], within: TimeRange) -> Vec<TimeRange> {
    let mut sorted = minutes.to_vec();
    sorted.sort_unstable();
    let mut ranges: Vec<TimeRange> = Vec::new();
    for minute in sorted {
        let (from, until) = (UnixNanos(minute), UnixNanos(minute + MINUTE));
        match ranges.last_mut() {
            Some(last) if last.until >= from => last.until = until,
            _ => ranges.push(TimeRange { from, until }),
        }
    }
    ranges
        .into_iter()
        .map(|range| TimeRange { from: range.from.max(within.from), until: range.until.min(within.until) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: i64, until: i64) -> TimeRange {
        TimeRange { from: UnixNanos(from * MINUTE), until: UnixNanos(until * MINUTE) }
    }

    #[test]
    fn times_of_other_incidents_are_cut_out_of_a_range() {
        assert_eq!(outside(range(0, 30), &[]), [range(0, 30)]);
        assert_eq!(outside(range(0, 30), &[range(10, 12), range(28, 40)]), [range(0, 10), range(12, 28)]);
        assert_eq!(outside(range(0, 30), &[range(40, 50)]), [range(0, 30)]);
        assert!(outside(range(0, 30), &[range(0, 40)]).is_empty());
    }

    #[test]
    fn neighbouring_minutes_are_one_range_and_troubled_ones_are_left_out() {
        let minutes: Vec<i64> = (10..20).map(|minute| minute * MINUTE).collect();
        let healthy = without(&minutes, &[range(13, 15)]);
        assert_eq!(joined(&healthy, range(0, 100)), [range(10, 13), range(15, 20)]);
        assert_eq!(joined(&healthy, range(11, 18)), [range(11, 13), range(15, 18)]);
    }
}
