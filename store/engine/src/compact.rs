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
pub(crate) fn pick(parts: &[Arc<PartMeta>], now: UnixNanos, settings: &CompactionSettings, asked: bool) -> Option<Pick> {
    let mut folders: BTreeMap<&str, Vec<&Arc<PartMeta>>> = BTreeMap::new();
    for part in parts.iter().filter(|p| p.level == 0) {
        let folder = part.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        folders.entry(folder).or_default().push(part);
    }
    let candidates = folders.into_values().filter_map(|parts| of_folder(parts, now, settings, asked));
    candidates.max_by_key(|pick| pick.inputs.len())
}

fn of_folder(mut parts: Vec<&Arc<PartMeta>>, now: UnixNanos, settings: &CompactionSettings, asked: bool) -> Option<Pick> {
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
    let count = parts.iter().take_while(fits).count().clamp(1, settings.parts.max(1));
    parts[..count].iter().map(|p| (*p).clone()).collect()
}
