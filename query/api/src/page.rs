//! Lists, and the cursors that go on with them.
//!
//! A cursor is opaque to clients. It says where the list stood and which question it belongs to: one
//! that is used with another question is refused, not answered wrongly.

use crate::Problem;
use crate::params::Params;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A list as every list of this API is given.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Give it back as `cursor` for what follows; null at the end.
    pub next_cursor: Option<String>,
    /// Whether the answer is all there is.
    pub complete: bool,
    /// Why not, in words for people.
    pub incomplete_reason: Option<String>,
}

impl<T> Page<T> {
    /// All of it.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None, complete: true, incomplete_reason: None }
    }

    /// With the word of the queries behind it.
    pub fn said(mut self, complete: bool, reason: Option<String>) -> Self {
        if !complete {
            self.complete = false;
            self.incomplete_reason = match (self.incomplete_reason.take(), reason) {
                (Some(have), Some(more)) if have != more => Some(format!("{have}; {more}")),
                (have, more) => have.or(more),
            };
        }
        self
    }
}

#[derive(Serialize, Deserialize)]
struct Sealed<P> {
    /// Which question it belongs to.
    q: u64,
    /// Where the list stood.
    p: P,
}

/// Writes a cursor: `question` is what must be the same when it comes back (filters, window, order).
pub fn write_cursor<P: Serialize>(question: &str, place: P) -> Result<String, Problem> {
    let sealed = Sealed { q: hash(question), p: place };
    let json = serde_json::to_vec(&sealed).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// Reads the parameter `cursor`, where it is given.
pub fn read_cursor<P: DeserializeOwned>(params: &Params, question: &str) -> Result<Option<P>, Problem> {
    let Some(text) = params.get("cursor") else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let sealed: Option<Sealed<P>> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match sealed {
        Some(sealed) if sealed.q == hash(question) => Ok(Some(sealed.p)),
        Some(_) => Err(Problem::invalid(
            "cursor belongs to another question: give it back with the same parameters, or begin again without it",
        )),
        None => Err(Problem::invalid(
            "cursor is none of this server: take next_cursor of an earlier answer, or begin again without it",
        )),
    }
}

/// The parameter `limit`, from 1 to `max`.
pub fn read_limit(params: &Params, default: usize, max: usize) -> Result<usize, Problem> {
    let Some(text) = params.get("limit") else { return Ok(default) };
    match text.parse() {
        Ok(limit) if (1..=max).contains(&limit) => Ok(limit),
        _ => Err(Problem::invalid(format!("limit is {text:?}: an integer from 1 to {max}"))),
    }
}

/// Stable over processes and releases: FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(cursor: &str) -> Params {
        Params::read(&format!("/x?cursor={cursor}").parse().unwrap(), &["cursor"]).unwrap()
    }

    #[test]
    fn a_cursor_comes_back_to_its_own_question_only() {
        let cursor = write_cursor("service=a", (5_i64, "x")).unwrap();
        let read = read_cursor::<(i64, String)>(&params(&cursor), "service=a").unwrap();
        assert_eq!(read, Some((5, "x".to_owned())));
        for (cursor, question, says) in
            [(cursor.as_str(), "service=b", "another question"), ("!!", "service=a", "none of this server")]
        {
            let problem = read_cursor::<(i64, String)>(&params(cursor), question).unwrap_err();
            assert!(problem.detail().contains(says), "{problem:?}");
        }
    }

    #[test]
    fn a_limit_has_its_bounds() {
        let limit = |text: &str| {
            let params = Params::read(&format!("/x?limit={text}").parse().unwrap(), &["limit"]).unwrap();
            read_limit(&params, 20, 500)
        };
        assert_eq!(limit("500"), Ok(500));
        for text in ["0", "501", "x", "-1", ""] {
            assert!(limit(text).unwrap_err().detail().contains("from 1 to 500"), "{text}");
        }
    }
}
