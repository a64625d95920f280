//! JSON numbers: their grammar, and what fits which type exactly.
//!
//! Integers are read from the digits, never by way of a double, so 18446744073709551615 stays what
//! it is and `5.0`, `5e0`, `50e-1` are the integer 5. What does not fit is refused, not rounded.

/// Length of the number at the start of `bytes`; where and why there is none otherwise.
pub(super) fn length(bytes: &[u8]) -> Result<usize, (usize, &'static str)> {
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    match bytes.get(at) {
        Some(b'0') => at += 1,
        Some(b'1'..=b'9') => at += digits(&bytes[at..]),
        _ => return Err((at, "a number needs a digit here")),
    }
    if matches!(bytes.get(at), Some(b'0'..=b'9')) {
        return Err((at, "a number must not start with 0"));
    }
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        at += some_digits(bytes, at)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at += some_digits(bytes, at)?;
    }
    Ok(at)
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn some_digits(bytes: &[u8], at: usize) -> Result<usize, (usize, &'static str)> {
    match digits(bytes.get(at..).unwrap_or_default()) {
        0 => Err((at, "a number needs a digit here")),
        count => Ok(count),
    }
}

/// The text of exactly one JSON number.
fn whole_number(text: &[u8]) -> Option<&str> {
    if length(text) == Ok(text.len()) { std::str::from_utf8(text).ok() } else { None }
}

/// The integer a number states, exactly; `None` when it states none or one beyond 64 bits either way.
pub(super) fn integer(text: &[u8]) -> Option<i128> {
    let (negative, unsigned) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let magnitude = if unsigned.len() <= 19 && unsigned.iter().all(u8::is_ascii_digit) {
        plain_digits(unsigned)?
    } else {
        scaled_digits(whole_number(text)?.trim_start_matches('-'))?
    };
    Some(if negative { -i128::from(magnitude) } else { i128::from(magnitude) })
}

/// At most 19 digits, so it cannot overflow; a number has one at least and no 0 in front of others.
fn plain_digits(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    Some(digits.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0')))
}

/// A number with a fraction, an exponent, or many digits.
fn scaled_digits(unsigned: &str) -> Option<u64> {
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let significant = || whole.bytes().chain(fraction.bytes()).map(|d| u64::from(d - b'0'));
    if significant().all(|d| d == 0) {
        return Some(0);
    }
    // Zeros to append (or, below zero, to take off) to make the digits an integer.
    let mut zeros = exponent.parse::<i64>().ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let mut digits: Vec<u64> = significant().skip_while(|&d| d == 0).collect();
    while zeros < 0 && digits.last() == Some(&0) {
        digits.pop();
        zeros += 1;
    }
    if !(0..=20).contains(&zeros) || digits.len() > 20 {
        return None;
    }
    let zeros = std::iter::repeat_n(0, zeros as usize);
    digits.into_iter().chain(zeros).try_fold(0u64, |n, d| n.checked_mul(10)?.checked_add(d))
}

/// The double nearest to a number, or one of the three words for what is not a number. `None` where
/// the text is neither, or so large that only infinity is left of it.
pub(super) fn double(text: &[u8]) -> Option<f64> {
    match text {
        b"NaN" => Some(f64::NAN),
        b"Infinity" => Some(f64::INFINITY),
        b"-Infinity" => Some(f64::NEG_INFINITY),
        _ => whole_number(text)?.parse().ok().filter(|d: &f64| d.is_finite()),
    }
}

#[cfg(test)]
mod tests {
    use super::length;
    use proptest::prelude::*;

    fn integer(text: &str) -> Option<i128> {
        super::integer(text.as_bytes())
    }

    fn double(text: &str) -> Option<f64> {
        super::double(text.as_bytes())
    }

    #[test]
    fn integers_are_exact_in_every_spelling() {
        for (text, want) in [
            ("0", 0),
            ("-0", 0),
            ("0.0", 0),
            ("0e999999999999999999", 0),
            ("5.0", 5),
            ("5e0", 5),
            ("50e-1", 5),
            ("-0.5E+1", -5),
            ("1.5e3", 1500),
            ("0.00012e5", 12),
            ("100000000000000000000e-2", 1_000_000_000_000_000_000),
            ("9223372036854775807", i64::MAX.into()),
            ("-9223372036854775808", i64::MIN.into()),
            ("18446744073709551615", u64::MAX.into()),
            ("18446744073709551615.000", u64::MAX.into()),
            ("1.8446744073709551615e19", u64::MAX.into()),
        ] {
            assert_eq!(integer(text), Some(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_integer_of_64_bits_is_none() {
        for text in [
            "",
            "-",
            "5.5",
            "1e-1",
            "1e20",
            "18446744073709551616",
            "1e400",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "007",
            "+1",
            " 1",
            "1 ",
            "0x10",
            "1_000",
            "NaN",
            "--1",
            "1.",
            ".5",
            "-a",
            "٣",
        ] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn doubles_are_numbers_or_the_three_words() {
        assert_eq!(double("1.5"), Some(1.5));
        assert_eq!(double("-0").map(f64::to_bits), Some((-0.0f64).to_bits()));
        assert_eq!(double("1e-400"), Some(0.0));
        assert_eq!(double("123456789012345678901234567890"), Some(1.2345678901234568e29));
        assert!(double("NaN").is_some_and(f64::is_nan));
        assert_eq!(double("-Infinity"), Some(f64::NEG_INFINITY));
        for text in ["", "nan", "inf", "infinity", "+1", ".5", "1.", "1e400", "0x1p3", " 1"] {
            assert_eq!(double(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn integers_and_doubles_round_trip(int: i64, unsigned: u64, double_bits: u64) {
            prop_assert_eq!(integer(&int.to_string()), Some(int.into()));
            prop_assert_eq!(integer(&format!("{unsigned}.0")), Some(unsigned.into()));
            let value = f64::from_bits(double_bits);
            if value.is_finite() {
                prop_assert_eq!(double(&format!("{value:?}")), Some(value));
            }
        }

        #[test]
        fn no_text_makes_them_panic(text in "[-+0-9.eE]{0,40}|.{0,20}") {
            let _ = (integer(&text), double(&text), length(text.as_bytes()));
        }
    }
}
