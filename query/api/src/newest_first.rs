//! Lists newest first: which part of a window a page is of, and the cursor of the next.
//!
//! Invariant: pages of one question make the list whole, each item once, also where many items have one
//! time, as long as equal times come in an order of their own.

use crate::Problem;
use crate::page::{read_cursor, write_cursor};
use crate::params::Params;
use crate::window::Window;
use model::UnixNanos;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Items of one nanosecond that a cursor can stand among.
const SAME_TIME_MAX: usize = 100_000;

/// Where a list stood.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Place {
    from: i64,
    to: i64,
    now: i64,
    time: i64,
    /// Items of `time` that were shown.
    skip: usize,
}

/// A list, and where its next page begins.
#[derive(Clone, Debug)]
pub(crate) struct NewestFirst {
    question: String,
    place: Option<Place>,
    /// The window of the whole list.
    pub(crate) window: Window,
    /// The moment of which all pages speak: that of the first.
    pub(crate) now: UnixNanos,
}

impl NewestFirst {
    /// From `cursor`, `from` and `to`; `question` is what else must be the same from page to page, and
    /// `span` how far the window goes back where `from` is absent.
    pub(crate) fn read(params: &Params, question: &str, now: UnixNanos, span: Duration) -> Result<Self, Problem> {
        let question = format!("{question}|{:?}|{:?}", params.get("from"), params.get("to"));
        let place: Option<Place> = read_cursor(params, &question)?;
        let now = place.map_or(now, |place| UnixNanos(place.now));
        let window = match place {
            Some(place) => Window { from: UnixNanos(place.from), to: UnixNanos(place.to) },
            None => Window::named(params, now, "from", "to", span)?,
        };
        Ok(Self { question, place, window, now })
    }

    /// What is left of the window, with the time at which the last page ended.
    pub(crate) fn rest(&self) -> Window {
        let to = self.place.map_or(self.window.to, |place| UnixNanos(place.time.saturating_add(1)));
        Window { to, ..self.window }
    }

    /// Items at the start of the rest that were shown.
    pub(crate) fn skip(&self) -> usize {
        self.place.map_or(0, |place| place.skip.min(SAME_TIME_MAX))
    }

    /// The cursor after a page whose items have these times, where `more` follow.
    pub(crate) fn next(&self, times: &[i64], more: bool) -> Result<Option<String>, Problem> {
        let Some(last) = times.last().copied().filter(|_| more) else { return Ok(None) };
        let same = times.iter().filter(|time| **time == last).count();
        let before = self.place.filter(|place| place.time == last).map_or(0, |place| place.skip);
        let (from, to, now) = (self.window.from.0, self.window.to.0, self.now.0);
        write_cursor(&self.question, Place { from, to, now, time: last, skip: before + same }).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(cursor: Option<&str>) -> Result<NewestFirst, Problem> {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let uri = format!("/x?from=0&to=100{cursor}").parse().unwrap();
        let params = Params::read(&uri, &["from", "to", "cursor"]).unwrap();
        NewestFirst::read(&params, "things", UnixNanos(if cursor.is_empty() { 500 } else { 900 }), Duration::ZERO)
    }

    #[test]
    fn pages_make_the_list_whole_where_many_items_have_one_time() {
        let all = [90, 50, 50, 50, 50, 50, 7];
        let (mut cursor, mut told) = (None, Vec::new());
        loop {
            let list = list(cursor.as_deref()).unwrap();
            assert_eq!((list.window.to.0, list.now.0), (100, 500));
            let left: Vec<i64> = all.iter().copied().filter(|time| *time < list.rest().to.0).collect();
            let page: Vec<i64> = left.iter().skip(list.skip()).take(2).copied().collect();
            cursor = list.next(&page, left.len() > list.skip() + 2).unwrap();
            told.extend(page);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(told, all);
    }

    #[test]
    fn a_cursor_of_another_question_is_refused() {
        let place = Place { from: 0, to: 100, now: 500, time: 50, skip: 1 };
        let other = write_cursor("another", place).unwrap();
        assert!(list(Some(&other)).unwrap_err().detail().contains("another question"));
    }
}
