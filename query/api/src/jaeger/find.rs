//! Traces for Jaeger's clients: found as our own search finds them, loaded in full.

use super::query::Search;
use crate::traces::load::{Bounds, Loaded, Wanted};
use crate::window::Window;
use crate::{Api, Asker, Problem};
use std::time::Duration;

/// Spans of one trace, and of all traces of one search. Clients of this API take whole traces at once.
const TRACE_SPANS_MAX: usize = 50_000;
const SEARCH_SPANS_MAX: usize = 50_000;
/// How far outside the window spans of a found trace are looked for.
const REACH: Duration = Duration::from_secs(3_600);

/// A trace and its id.
pub(super) struct Found {
    pub(super) trace_id: String,
    pub(super) loaded: Loaded,
}

/// Traces, newest first, and why they are not all.
pub(super) struct Many {
    pub(super) traces: Vec<Found>,
    pub(super) incomplete_reason: Option<String>,
}

/// The traces of a search, as far as [`SEARCH_SPANS_MAX`] spans go.
pub(super) async fn search(api: &Api, asker: &Asker, search: &Search) -> Result<Many, Problem> {
    let found = api.find_traces(asker, &search.window, &search.condition, search.limit, None, &[]).await?;
    let ids: Vec<&str> = found.traces.iter().map(|trace| trace.trace_id.as_str()).collect();
    let reach = Window::widened(&search.window, REACH).condition("time");
    let loaded = api.load_traces(asker, &ids, &reach, SEARCH_SPANS_MAX).await?;
    let short = (found.next.is_some() && found.traces.len() < search.limit)
        .then(|| "there may be more traces: give a shorter time or more filters".to_owned());
    let reason = found.incomplete_reason.filter(|_| !found.complete).or(loaded.incomplete_reason).or(short);
    let traces = loaded.traces.into_iter().map(|(trace_id, loaded)| Found { trace_id, loaded });
    Ok(Many { traces: traces.collect(), incomplete_reason: reason })
}

/// One trace; a problem with status 404 where it is not there.
pub(super) async fn trace(api: &Api, asker: &Asker, trace_id: String, bounds: Bounds) -> Result<Found, Problem> {
    let wanted = Wanted { offset: 0, limit: TRACE_SPANS_MAX };
    let loaded = api.load_trace(asker, &trace_id, bounds, wanted).await?;
    Ok(Found { trace_id, loaded })
}

impl Found {
    /// What a reader should know of this trace as a whole.
    pub(super) fn warnings(&self) -> Vec<String> {
        let tree = &self.loaded.shape.tree;
        let odd = tree.oddities();
        let shown = self.loaded.spans.len();
        let counted = [
            (tree.len() - shown.min(tree.len()), "spans are left out: the trace is too large to be shown at once"),
            (tree.missing().len(), "parent spans are missing"),
            (odd.duplicates, "spans were sent twice and are shown once"),
            (odd.cycles + odd.self_parents, "circles of parents were cut"),
        ];
        let counted = counted.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
        counted.chain(self.loaded.shape.incomplete_reason.clone()).collect()
    }
}

/// A trace id of Jaeger's clients, which leave leading zeros out.
pub(super) fn trace_id(text: &str) -> Option<String> {
    let hex = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| format!("{:0>32}", text.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_ids_may_come_without_their_leading_zeros() {
        assert_eq!(trace_id("A1").unwrap(), format!("{}a1", "0".repeat(30)));
        assert_eq!(trace_id(&"f".repeat(32)), Some("f".repeat(32)));
        for text in ["", "xyz", &"f".repeat(33), "1-2"] {
            assert_eq!(trace_id(text), None, "{text}");
        }
    }
}
