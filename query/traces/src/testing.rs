//! Spans written as a test reads best.

use crate::{Kind, Names, Span, Status, Tree};
use model::SpanId;

/// `id parent service operation kind start duration [error] [peer=S]`, one span a line; parent `-` is none.
/// Ids are small numbers, times and durations nanoseconds.
pub(crate) fn spans(text: &str, names: &mut Names) -> Vec<Span> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| span(&line.split_whitespace().collect::<Vec<_>>(), names)).collect()
}

fn span(words: &[&str], names: &mut Names) -> Span {
    Span {
        id: id(words[0].parse().unwrap()),
        parent: words[1].parse().ok().map(id),
        start: words[5].parse().unwrap(),
        duration_ns: words[6].parse().unwrap(),
        service: names.name(words[2]),
        operation: names.name(words[3]),
        kind: Kind::from_text(words[4]),
        status: if words.contains(&"error") { Status::Error } else { Status::Unset },
        peer: words.iter().find_map(|w| w.strip_prefix("peer=")).map(|peer| names.name(peer)),
    }
}

pub(crate) fn id(number: u64) -> SpanId {
    SpanId(number.to_be_bytes())
}

/// The number of an id that [`id`] made.
pub(crate) fn number(id: SpanId) -> u64 {
    u64::from_be_bytes(id.0)
}

pub(crate) fn tree(text: &str) -> (Tree, Names) {
    let mut names = Names::new();
    let spans = spans(text, &mut names);
    (Tree::build(spans), names)
}
