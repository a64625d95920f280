//! Durations and instants as Go programs write them: `1.5s`, `1h2m`, `250us`, RFC 3339.

use model::UnixNanos;

/// A duration in nanoseconds. None for what Go would not read, or what does not fit.
pub(super) fn duration_ns(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut sum = 0.0;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, tail) = rest.split_at(number);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        sum += digits.parse::<f64>().ok()? * unit_ns(unit)?;
        rest = tail;
    }
    (!text.trim_start_matches(['-', '+']).is_empty() && sum < i64::MAX as f64).then_some((sign * sum).round() as i64)
}

fn unit_ns(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1.0,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3_600e9,
        _ => return None,
    })
}

/// RFC 3339 with any number of digits after the second; a time before 1677 or after 2262 is the nearest
/// that can be told.
pub(super) fn instant(text: &str) -> Option<UnixNanos> {
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    let nanos = timestamp.as_nanosecond().clamp(i64::MIN.into(), i64::MAX.into());
    i64::try_from(nanos).ok().map(UnixNanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, ns) in [
            ("1.2s", 1_200_000_000),
            ("100ms", 100_000_000),
            ("250us", 250_000),
            ("250\u{b5}s", 250_000),
            ("1h2m3s", 3_723_000_000_000),
            ("7ns", 7),
            ("0", 0),
            ("-1m", -60_000_000_000),
            (".5s", 500_000_000),
        ] {
            assert_eq!(duration_ns(text), Some(ns), "{text}");
        }
        for text in ["", "-", "5", "1x", "s", "1.2.3s", "99999999999h", "1 s", "ms5"] {
            assert_eq!(duration_ns(text), None, "{text}");
        }
    }

    #[test]
    fn instants_are_rfc_3339() {
        assert_eq!(instant("1970-01-01T00:00:01.000000005Z"), Some(UnixNanos(1_000_000_005)));
        assert_eq!(instant("1970-01-01T01:00:01+01:00"), Some(UnixNanos(1_000_000_000)));
        assert_eq!(instant("0001-01-01T00:00:00Z"), Some(UnixNanos(i64::MIN)));
        assert_eq!(instant("9999-01-01T00:00:00Z"), Some(UnixNanos(i64::MAX)));
        assert_eq!(instant("yesterday"), None);
    }
}
