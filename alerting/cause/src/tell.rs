//! What all sentences and queries need: figures as people read them, texts and times as SQL reads them.

use crate::scene::Scene;
use model::UnixNanos;

/// Writes the parts of queries that are the same for all signs of a scene.
#[derive(Debug)]
pub(crate) struct Teller<'a> {
    scene: &'a Scene<'a>,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(scene: &'a Scene<'a>) -> Self {
        Self { scene }
    }

    /// The condition that a time column lies within the window.
    pub(crate) fn within(&self, column: &str) -> String {
        let window = &self.scene.case.window;
        let ranges = window.reference.iter().chain([&window.current]);
        let ranges: Vec<String> = ranges
            .map(|range| {
                format!(
                    "{column} >= TIMESTAMP '{}' AND {column} < TIMESTAMP '{}'",
                    instant(range.from.0),
                    instant(range.until.0)
                )
            })
            .collect();
        match ranges.as_slice() {
            [only] => only.clone(),
            ranges => format!("({})", ranges.join(" OR ")),
        }
    }
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A figure with as many digits as it deserves.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size == 0.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// Nanoseconds as people read them.
pub(crate) fn duration(ns: f64) -> String {
    match ns {
        ns if ns >= 1e9 => format!("{:.2} s", ns / 1e9),
        ns if ns >= 1e6 => format!("{:.1} ms", ns / 1e6),
        ns => format!("{:.0} µs", ns / 1e3),
    }
}

/// A text in SQL.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A masked template as a pattern of `LIKE`, quoted.
pub(crate) fn like(template: &str) -> String {
    quoted(&format!("%{}%", template.replace('%', "\\%").replace('_', "\\_").replace('*', "%")))
}

/// `2026-11-20T16:30:00.000000000Z`
pub(crate) fn instant(time: i64) -> String {
    let day = UnixNanos(time).day();
    let in_day = time.rem_euclid(UnixNanos::DAY);
    let (seconds, nanos) = (in_day / UnixNanos::SECOND, in_day % UnixNanos::SECOND);
    format!(
        "{}T{:02}:{:02}:{:02}.{nanos:09}Z",
        model::time::date_text(day),
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_times_are_safe_in_sql() {
        assert_eq!(quoted("it's"), "'it''s'");
        assert_eq!(like("order * took 5%_"), "'%order % took 5\\%\\_%'");
        assert_eq!(instant(1_661_140_434_000_000_001), "2022-08-22T03:53:54.000000001Z");
    }
}
