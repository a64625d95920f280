//! Which healthy times an incident is measured against.

use super::sql;
use crate::ask::{Ints, Questioner};
use client::QueryError;
use model::{TimeRange, UnixNanos};
use std::time::Duration;

const MINUTE: i64 = 60 * UnixNanos::SECOND;
/// Fewer minutes with traffic than this, and other times than those just before are taken as well.
const MINUTES_MIN: usize = 3;
/// How far away they may lie.
const FAR: Duration = Duration::from_secs(8 * 86_400);

/// The times just before the incident, without those of other incidents; where nothing was sent then,
/// the nearest minutes before or after in which something was.
pub(crate) async fn reference(
    ask: &Questioner,
    current: TimeRange,
    troubled: &[TimeRange],
) -> Result<Vec<TimeRange>, QueryError> {
    let before = TimeRange { from: current.from.saturating_sub(ask.settings().reference), until: current.from };
    let near = minutes(ask, before).await?;
    let healthy = without(&near, troubled);
    if healthy.len() >= MINUTES_MIN {
        return Ok(joined(&healthy, before));
    }
    let wide = TimeRange { from: current.from.saturating_sub(FAR), until: current.until.saturating_add(FAR) };
    let mut others = without(&minutes(ask, wide).await?, troubled);
    others.retain(|minute| !current.overlaps(UnixNanos(*minute), UnixNanos(*minute + MINUTE - 1)));
    others.sort_by_key(|minute| (minute - current.from.0).abs());
    let wanted = usize::try_from(ask.settings().reference.as_secs() / 60).unwrap_or(30);
    others.truncate(wanted);
    let mut ranges = joined(&others, wide);
    // Metrics often reach further back than traces.
    if !ranges.iter().any(|range| range.overlaps(before.from, before.until)) {
        ranges.push(before);
    }
    Ok(ranges)
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
    fn neighbouring_minutes_are_one_range_and_troubled_ones_are_left_out() {
        let minutes: Vec<i64> = (10..20).map(|minute| minute * MINUTE).collect();
        let healthy = without(&minutes, &[range(13, 15)]);
        assert_eq!(joined(&healthy, range(0, 100)), [range(10, 13), range(15, 20)]);
        assert_eq!(joined(&healthy, range(11, 18)), [range(11, 13), range(15, 18)]);
    }
}
