//! Which small parts become a large one, and when.
//!
//! Parts of one workspace, table and date folder are merged once their hour is over and nothing has
//! come for a while, or earlier when they have become many or large. Only flushed parts are picked, so
//! every row is rewritten once.

use crate::settings::CompactionSettings;
use model::UnixNanos;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tables::PartMeta;

const HOUR: i64 = 3_600 * UnixNanos::SECOND;

/// Why a merge is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    HourOver,
    Bytes,
    Count,
    Asked,
}

/// Parts to be merged now.
#[derive(Clone, Debug)]
pub(crate) struct Pick {
    pub(crate) inputs: Vec<Arc<PartMeta>>,
    pub(crate) why: Why,
}

/// The most pressing merge, if any is due. `asked`: somebody wants everything merged now.
pub(crate) fn pick(
    parts: &[Arc<PartMeta>],
    now: UnixNanos,
    settings: &CompactionSettings,
    asked: bool,
) -> Option<Pick> {
    let mut folders: BTreeMap<&str, Vec<&Arc<PartMeta>>> = BTreeMap::new();
    for part in parts.iter().filter(|p| p.level == 0) {
        let folder = part.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        folders.entry(folder).or_default().push(part);
    }
    let candidates = folders.into_values().filter_map(|parts| of_folder(parts, now, settings, asked));
    candidates.max_by_key(|pick| pick.inputs.len())
}

fn of_folder(
    mut parts: Vec<&Arc<PartMeta>>,
    now: UnixNanos,
    settings: &CompactionSettings,
    asked: bool,
) -> Option<Pick> {
    parts.sort_unstable_by_key(|p| (p.time_min, p.id));
    let bytes: u64 = parts.iter().map(|p| p.bytes).sum();
    if asked {
        return Some(Pick { inputs: bounded(&parts, settings), why: Why::Asked });
    }
    if bytes >= settings.bytes && parts.len() > 1 {
        return Some(Pick { inputs: bounded(&parts, settings), why: Why::Bytes });
    }
    if parts.len() >= settings.parts {
        return Some(Pick { inputs: bounded(&parts, settings), why: Why::Count });
    }
    let mut hours: BTreeMap<i64, Vec<&Arc<PartMeta>>> = BTreeMap::new();
    for part in parts {
        hours.entry(hour_of(part)).or_default().push(part);
    }
    let over = hours.into_iter().find(|(hour, parts)| settled_at(*hour, parts, settings.settle) <= now)?;
    Some(Pick { inputs: bounded(&over.1, settings), why: Why::HourOver })
}

/// The hour in which a part ends; that of receipt where its event times cannot be true.
fn hour_of(part: &PartMeta) -> i64 {
    let end = if part.time_max.is_plausible(part.received_max) { part.time_max } else { part.received_max };
    end.0.div_euclid(HOUR)
}

fn settled_at(hour: i64, parts: &[&Arc<PartMeta>], settle: Duration) -> UnixNanos {
    let hour_end = UnixNanos((hour + 1).saturating_mul(HOUR));
    let last_receipt = parts.iter().map(|p| p.received_max).max().unwrap_or_default();
    hour_end.max(last_receipt).saturating_add(settle)
}

/// The first parts that one merge takes.
fn bounded(parts: &[&Arc<PartMeta>], settings: &CompactionSettings) -> Vec<Arc<PartMeta>> {
    let mut bytes = 0;
    let fits = |part: &&&Arc<PartMeta>| {
        bytes += part.bytes;
        bytes <= settings.input_bytes_max
    };
    let count = parts.iter().take_while(fits).count().clamp(1, settings.inputs_max.max(1));
    parts[..count].iter().map(|p| (*p).clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::part;

    fn settings() -> CompactionSettings {
        CompactionSettings {
            parts: 5,
            inputs_max: 4,
            bytes: 10_000,
            input_bytes_max: 12_000,
            ..CompactionSettings::default()
        }
    }

    /// 10:00 on the day of `testing::part`.
    const TEN: i64 = 1_699_920_000 * UnixNanos::SECOND + 10 * HOUR;
    const MINUTE: i64 = 60 * UnixNanos::SECOND;

    fn at(number: u8, time: i64, received: i64, bytes: u64) -> Arc<PartMeta> {
        let (time, received_max) = (UnixNanos(time), UnixNanos(received));
        Arc::new(PartMeta { time_min: time, time_max: time, received_max, bytes, ..part(&number.to_string(), number) })
    }

    fn picked(parts: &[Arc<PartMeta>], now: i64, asked: bool) -> Option<(Why, usize)> {
        pick(parts, UnixNanos(now), &settings(), asked).map(|p| (p.why, p.inputs.len()))
    }

    #[test]
    fn an_hour_is_merged_when_it_is_over_and_quiet() {
        let two = [at(1, TEN, TEN, 10), at(2, TEN + MINUTE, TEN + MINUTE, 10)];
        let late = [at(1, TEN, TEN, 10), at(2, TEN + MINUTE, TEN + 70 * MINUTE, 10)];
        let import = [at(1, TEN - 400 * UnixNanos::DAY, TEN, 10)];
        let future = [at(1, i64::MAX, TEN, 10)];
        for (name, parts, minutes, expected) in [
            ("in its hour", &two[..], 59, None),
            ("just over", &two, 60, None),
            ("over for a minute", &two, 61, Some((Why::HourOver, 2))),
            ("something came late", &late, 70, None),
            ("and then no more", &late, 71, Some((Why::HourOver, 2))),
            ("an import still running", &import, 0, None),
            ("an import done", &import, 1, Some((Why::HourOver, 1))),
            ("an impossible time settles by its receipt", &future, 61, Some((Why::HourOver, 1))),
        ] {
            assert_eq!(picked(parts, TEN + minutes * MINUTE, false), expected, "{name}");
        }
    }

    #[test]
    fn many_or_large_parts_do_not_wait_and_one_merge_takes_no_more_than_its_bound() {
        let small: Vec<_> = (0..5).map(|i| at(i, TEN + i64::from(i), TEN, 10)).collect();
        let large: Vec<_> = (0..3).map(|i| at(i, TEN + i64::from(i), TEN, 5_000)).collect();
        let one_huge = [at(1, TEN, TEN, 50_000)];
        assert_eq!(picked(&small[..3], TEN, false), None);
        assert_eq!(picked(&small, TEN, false), Some((Why::Count, 4)));
        assert_eq!(picked(&large, TEN, false), Some((Why::Bytes, 2)));
        assert_eq!(picked(&one_huge, TEN, false), None, "alone it waits for its hour to end");
        assert_eq!(picked(&small[..1], TEN, true), Some((Why::Asked, 1)));
    }

    /// Sixty-four small parts were picked for one merge, which reads sixteen: it was refused for ever.
    #[test]
    fn what_is_picked_by_count_is_what_one_merge_may_read() {
        let settings = CompactionSettings::default();
        let many: Vec<_> = (0..200_u8).map(|i| at(i, TEN + i64::from(i), TEN, 10)).collect();
        for asked in [false, true] {
            let inputs = pick(&many, UnixNanos(TEN), &settings, asked).unwrap().inputs.len();
            let place = parts::Location::Local { parquet: "p".into(), replaced: "r".into() };
            assert!((2..=parts::Settings::at(place).merge_inputs_max).contains(&inputs), "{inputs}");
        }
    }

    #[test]
    fn merged_parts_are_not_picked_again_and_folders_do_not_mix() {
        let merged = Arc::new(PartMeta { level: 1, ..(*at(9, TEN, TEN, 10)).clone() });
        assert_eq!(picked(&[merged], TEN + 90 * MINUTE, true), None);
        let mut other = (*at(2, TEN, TEN, 10)).clone();
        other.path = "default/spans/date=2023-11-15/2.parquet".into();
        let parts = [at(1, TEN, TEN, 10), Arc::new(other)];
        assert_eq!(picked(&parts, TEN + 90 * MINUTE, false), Some((Why::HourOver, 1)));
    }
}
