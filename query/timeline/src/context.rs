//! Trace contexts of other propagators, as they stand in attributes and in text: W3C `traceparent`,
//! B3 (single and multi), Jaeger's `uber-trace-id`, SkyWalking's `sw8`.
//!
//! A trace id of hex is given as ours are: 32 lower-case digits, zeros in front. SkyWalking's is no
//! number and is given as it stands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Headers that carry a context, in lower case. Whoever names further keys says which of these forms they have.
pub const HEADERS: [&str; 5] = ["traceparent", "b3", "x-b3-traceid", "uber-trace-id", "sw8"];

/// The trace id in the value of a header, or of an attribute named like one (`http.request.header.b3`).
pub fn trace_id_of(key: &str, value: &str) -> Option<String> {
    let key = key.to_ascii_lowercase().replace('_', "-");
    let header = HEADERS.iter().find(|header| key == **header || ends_with_part(&key, header))?;
    // Captured headers are lists: `["value"]`.
    let value = value.trim().trim_start_matches("[\"").trim_end_matches("\"]").trim();
    read(header, value)
}

/// The trace id in a value whose key says nothing of its form: any of the forms above, or 32 digits of hex.
pub fn read_any(value: &str) -> Option<String> {
    let value = value.trim();
    let plain = || if value.len() == 32 { hex_id(value) } else { None };
    ["traceparent", "uber-trace-id", "b3", "sw8"].iter().find_map(|header| read(header, value)).or_else(plain)
}

fn ends_with_part(key: &str, header: &str) -> bool {
    key.strip_suffix(header).is_some_and(|front| front.ends_with('.') || front.ends_with("header-"))
}

fn read(header: &str, value: &str) -> Option<String> {
    match header {
        "traceparent" => {
            let mut parts = value.split('-');
            let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
            (version.len() == 2 && trace.len() == 32 && span.len() == 16).then(|| hex_id(trace))?
        }
        "b3" => {
            let mut parts = value.split('-');
            let (trace, span) = (parts.next()?, parts.next()?);
            (span.len() == 16 && [16, 32].contains(&trace.len())).then(|| hex_id(trace))?
        }
        "x-b3-traceid" => [16, 32].contains(&value.len()).then(|| hex_id(value))?,
        "uber-trace-id" => {
            // Colons may come escaped, zeros in front may be missing.
            let value = value.replace("%3A", ":").replace("%3a", ":");
            let parts: Vec<&str> = value.split(':').collect();
            (parts.len() == 4).then(|| hex_id(parts[0]))?
        }
        "sw8" => {
            let parts: Vec<&str> = value.split('-').collect();
            let [sampled, trace, ..] = parts.as_slice() else { return None };
            let decoded = (parts.len() == 8 && ["0", "1"].contains(sampled)).then(|| STANDARD.decode(trace).ok())??;
            String::from_utf8(decoded).ok().filter(|id| !id.is_empty() && id.len() <= 128)
        }
        _ => None,
    }
}

/// Hex of up to 32 digits, padded; all zeros is no id.
fn hex_id(text: &str) -> Option<String> {
    let sound = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = format!("{:0>32}", text.to_ascii_lowercase());
    (sound && id.bytes().any(|byte| byte != b'0')).then_some(id)
}

/// Trace ids in a text such as a log line: a header's name, something between, its value. At most
/// [`TEXT_IDS_MAX`] of them, from the first [`TEXT_BYTES_MAX`] bytes.
pub fn trace_ids_in(text: &str) -> Vec<String> {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    let lower = text.to_ascii_lowercase();
    let mut ids = Vec::new();
    for header in HEADERS {
        for (at, _) in lower.match_indices(header) {
            let apart = !lower[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
            let rest = text[at + header.len()..].trim_start_matches(['"', '\'', ' ', '=', ':', '[', '\\']);
            let value = rest.split(|c: char| c.is_whitespace() || "\"',;)]}&\\".contains(c)).next().unwrap_or_default();
            let id = if apart { read(header, value) } else { None };
            if let Some(id) = id.filter(|id| !ids.contains(id)) {
                ids.push(id);
            }
            if ids.len() == TEXT_IDS_MAX {
                return ids;
            }
        }
    }
    ids
}

pub const TEXT_BYTES_MAX: usize = 16_384;
pub const TEXT_IDS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn every_propagators_context_is_read() {
        for (key, value, expected) in [
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Some(ID)),
            (
                "http.request.header.traceparent",
                "[\"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01\"]",
                Some(ID),
            ),
            ("b3", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1-05e3ac9a4f6e3b90", Some(ID)),
            ("B3", "8448eb211c80319c-b7ad6b7169203331", Some("00000000000000008448eb211c80319c")),
            ("http.request.header.x-b3-traceid", "8448eb211c80319c", Some("00000000000000008448eb211c80319c")),
            ("X_B3_TraceId", "8448eb211c80319c", Some("00000000000000008448eb211c80319c")),
            ("uber-trace-id", "af7651916cd43dd8448eb211c80319c:b7ad6b7169203331:0:1", Some(ID)),
            ("uber-trace-id", "af7651916cd43dd8448eb211c80319c%3Ab7ad%3A0%3A1", Some(ID)),
            (
                "sw8",
                "1-YTRlYy45N2U2Ljc0LjE2MjE4MzgxMTA0NTUwMDA5-c2Vn-3-c2VydmljZQ==-aW5z-L2E=-MTAuMC4wLjE6ODA=",
                Some("a4ec.97e6.74.16218381104550009"),
            ),
            ("traceparent", "00-00000000000000000000000000000000-b7ad6b7169203331-01", None),
            ("traceparent", "00-0af7-b7ad6b7169203331-01", None),
            ("b3", "0", None),
            ("uber-trace-id", "zz:1:0:1", None),
            ("sw8", "1-???-x-3-a-b-c-d", None),
            ("order.id", ID, None),
            ("club3", ID, None),
        ] {
            assert_eq!(trace_id_of(key, value).as_deref(), expected, "{key}: {value}");
        }
    }

    #[test]
    fn a_key_that_says_nothing_may_hold_any_form() {
        for value in [ID.to_owned(), format!("{ID}:1:0:1"), format!("00-{ID}-b7ad6b7169203331-01")] {
            assert_eq!(read_any(&value).as_deref(), Some(ID), "{value}");
        }
        assert_eq!(read_any("order 7"), None);
    }

    #[test]
    fn contexts_are_found_in_lines_of_logs() {
        for (line, expected) in [
            (format!("call uber-trace-id={ID}:b7ad:0:1 took 3 ms"), vec![ID]),
            (format!("{{\"traceparent\":\"00-{ID}-b7ad6b7169203331-01\"}}"), vec![ID]),
            (format!("headers: {{X-B3-TraceId: {ID}, X-B3-SpanId: b7ad6b7169203331}}"), vec![ID]),
            (format!("b3: {ID}-b7ad6b7169203331-1 and again b3: {ID}-b7ad6b7169203331-1"), vec![ID]),
            ("traceparent missing".into(), vec![]),
            (String::new(), vec![]),
            (format!("{}é uber-trace-id={ID}:1:0:1", "é".repeat(20_000)), vec![]),
        ] {
            assert_eq!(trace_ids_in(&line), expected, "{line:.80}");
        }
        let many: String = (1..40).map(|n| format!("uber-trace-id={n:032x}:1:0:1 ")).collect();
        assert_eq!(trace_ids_in(&many).len(), TEXT_IDS_MAX);
    }
}
