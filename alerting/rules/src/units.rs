//! How durations, shares and figures are written and read by people.

use std::time::Duration;

const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// `90s`, `1h30m`, `500ms`, `14d`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut nanos = 0u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == &rest[..letters])?;
        rest = &rest[letters..];
        let part = number * *unit as f64;
        if !(0.0..=9e18).contains(&part) {
            return None;
        }
        nanos = nanos.checked_add(part.round() as u64)?;
    }
    (nanos <= i64::MAX as u64).then(|| Duration::from_nanos(nanos))
}

/// A duration in its largest units: `1h30m`, `20s`, `1.5s`.
pub(crate) fn duration_text(nanos: f64) -> String {
    if !nanos.is_finite() {
        return "-".to_owned();
    }
    if nanos < 0.0 {
        return format!("-{}", duration_text(-nanos));
    }
    for (name, unit) in [("ns", 1e3), ("us", 1e6), ("ms", 1e9)] {
        if nanos < unit {
            return format!("{}{name}", figure_text(nanos / (unit / 1e3)));
        }
    }
    if nanos < 60e9 {
        return format!("{}s", figure_text(nanos / 1e9));
    }
    let mut seconds = (nanos / 1e9).round() as u64;
    let mut parts = Vec::new();
    for (name, length) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if seconds >= length && parts.len() < 2 {
            parts.push(format!("{}{name}", seconds / length));
            seconds %= length;
        }
    }
    parts.concat()
}

/// Three significant digits at most, no exponent, no trailing zeros.
pub(crate) fn figure_text(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let size = value.abs();
    let text = if size >= 100.0 || size == 0.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else if size >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A value with its unit, as sentences show it. Units are UCUM-like: `ns`, `%` (a share of 1), `By`, `s`, `1`.
pub(crate) fn value_text(value: f64, unit: &str) -> String {
    match unit {
        "ns" => duration_text(value),
        "s" => duration_text(value * 1e9),
        "%" => format!("{}%", figure_text(value * 100.0)),
        "By" => bytes_text(value),
        "" | "1" => figure_text(value),
        other => format!("{} {other}", figure_text(value)),
    }
}

fn bytes_text(value: f64) -> String {
    let mut value = value;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value.abs() < 1_024.0 {
            return format!("{}{unit}", figure_text(value));
        }
        value /= 1_024.0;
    }
    format!("{}TiB", figure_text(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_units_only() {
        for (text, seconds) in [("90s", 90.0), ("1h30m", 5_400.0), ("500ms", 0.5), ("1.5s", 1.5), ("14d", 1_209_600.0)]
        {
            assert_eq!(duration(text).map(|d| d.as_secs_f64()), Some(seconds), "{text}");
        }
        for text in ["", "5", "5 parsecs", "-1s", "s", "99999999999999d", "1h x"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn figures_are_written_for_people() {
        for (value, unit, text) in [
            (0.1234, "%", "12.3%"),
            (1.0, "%", "100%"),
            (350e6, "ns", "350ms"),
            (90e9, "ns", "1m30s"),
            (93_784.0, "s", "1d2h"),
            (1_536.0, "By", "1.5KiB"),
            (12_345.678, "1", "12346"),
            (0.0, "1", "0"),
            (f64::NAN, "1", "-"),
        ] {
            assert_eq!(value_text(value, unit), text);
        }
    }
}
