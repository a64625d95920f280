//! The part of a text that is the same each time: templates of log lines and statements.

/// Templates are cut here, at a word's end where there is one.
const TEMPLATE_WORDS_MAX: usize = 14;
const BODY_BYTES_MAX: usize = 2_000;

/// The place in the code that wrote a line (`OrderServiceImpl#100`, `order.go:88`) where the line tells
/// it, else its words with everything that varies masked.
pub(crate) fn log(body: &str) -> String {
    let body = &body[..body.floor_char_boundary(BODY_BYTES_MAX)];
    match body.split_ascii_whitespace().take(8).find(|word| is_place(word)) {
        Some(place) => place.trim_matches(|c: char| !c.is_alphanumeric()).to_owned(),
        None => masked(body),
    }
}

/// `Class#line` or `file.ext:line`.
fn is_place(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    let numbered = |at: char| {
        word.rsplit_once(at)
            .filter(|(name, line)| {
                !name.is_empty() && !line.is_empty() && line.len() <= 6 && line.bytes().all(|b| b.is_ascii_digit())
            })
            .map(|(name, _)| name)
    };
    if let Some(name) = numbered('#') {
        return name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '$' | '_'));
    }
    numbered(':').is_some_and(|name| {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        matches!(extension, "go" | "java" | "kt" | "py" | "rs" | "js" | "ts" | "cs" | "rb" | "php" | "cc" | "cpp")
    })
}

/// Words with digits, quoted words and what follows `=` are values; the rest is the template.
pub(crate) fn masked(body: &str) -> String {
    let body = &body[..body.floor_char_boundary(BODY_BYTES_MAX)];
    let mut template = String::new();
    for word in body.split_ascii_whitespace().take(TEMPLATE_WORDS_MAX) {
        if !template.is_empty() {
            template.push(' ');
        }
        let (key, value) = word.split_once('=').map_or((word, None), |(key, value)| (key, Some(value)));
        if value.is_some() && !has_digit(key) {
            template.push_str(key);
            template.push_str("=*");
        } else if has_digit(word) || word.len() > 60 {
            template.push('*');
        } else {
            template.push_str(word);
        }
    }
    template
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
}

/// Keys whose value tells one record from another.
const RECORD_KEYS: [&str; 6] = ["record_id", "offset", "message_id", "messageid", "event_id", "delivery_tag"];

/// A hash of the record that a line speaks of, by `key=value`; 0 where it names none.
pub(crate) fn record(body: &str) -> u64 {
    let body = &body[..body.floor_char_boundary(BODY_BYTES_MAX)];
    let mut hash = 0_u64;
    for (key, value) in body.split_ascii_whitespace().filter_map(|word| word.split_once('=')) {
        if RECORD_KEYS.contains(&key.to_ascii_lowercase().as_str()) && !value.is_empty() {
            hash = mixed_in(hash, value);
        }
    }
    hash
}

/// A hash of the id of a record; 0 of an empty one.
pub(crate) fn id(text: &str) -> u64 {
    if text.is_empty() { 0 } else { mixed_in(0, text) }
}

fn mixed_in(hash: u64, text: &str) -> u64 {
    text.bytes().fold(hash | 1, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A statement without its literals.
pub(crate) fn statement(text: &str) -> String {
    const STATEMENT_WORDS_MAX: usize = 40;
    let mut out = String::new();
    let text = &text[..text.floor_char_boundary(BODY_BYTES_MAX)];
    for word in text.split_ascii_whitespace().take(STATEMENT_WORDS_MAX) {
        if !out.is_empty() {
            out.push(' ');
        }
        let literal = word.starts_with(|c: char| c == '\'' || c == '"' || c.is_ascii_digit());
        out.push_str(if literal { "?" } else { word });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_code_is_the_template_where_a_line_tells_it() {
        for (body, template) in [
            (
                "16:42:22.382 INFO  t.s.TravelServiceImpl#532 TraceID: ffc8 [getRoute][id: 7]",
                "t.s.TravelServiceImpl#532",
            ),
            ("charge.go:88: card 4111 declined", "charge.go:88"),
            ("order 17 of user=9 took 3ms", "order * of user=* took *"),
            ("see 10:30 for issue#seven", "see * for issue#seven"),
            ("", ""),
        ] {
            assert_eq!(log(body), template);
        }
    }

    #[test]
    fn a_statement_loses_its_literals() {
        assert_eq!(
            statement("SELECT * FROM t WHERE id = 17 AND name = 'x'"),
            "SELECT * FROM t WHERE id = ? AND name = ?"
        );
    }
}
