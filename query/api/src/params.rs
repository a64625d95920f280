//! Query parameters: known ones only, each at most once.
//!
//! A known name that ends in `.*` stands for a family: `attr.*` takes `attr.order.id=7`.

use crate::{Problem, nearest};
use axum::extract::Query;
use http::Uri;

/// The parameters of one request.
#[derive(Debug)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads them; refuses what is not in `known`, and repetitions.
    pub fn read(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let read = Self::read_repeated(uri, known)?;
        for (at, (name, _)) in read.0.iter().enumerate() {
            if read.0[..at].iter().any(|(other, _)| other == name) {
                return Err(Problem::invalid(format!("parameter {name:?} is given twice: give it once")));
            }
        }
        Ok(read)
    }

    /// As [`Params::read`], for calls of other products' protocols in which a name may come several times.
    pub fn read_repeated(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Problem::invalid(format!("the query string cannot be read: {error}")))?;
        match pairs.iter().find(|(name, _)| !known.iter().any(|known| fits(known, name))) {
            Some((name, _)) => Err(Problem::invalid(unknown(name, known))),
            None => Ok(Self(pairs)),
        }
    }

    /// Every value of a name.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The members of a family, in the order given: `attr.` gives (`order.id`, `7`).
    pub fn family<'s>(&'s self, prefix: &'s str) -> impl Iterator<Item = (&'s str, &'s str)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

fn fits(known: &str, name: &str) -> bool {
    match known.strip_suffix('*') {
        Some(prefix) => name.len() > prefix.len() && name.starts_with(prefix),
        None => known == name,
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    match (nearest(name, known.iter().copied()), known) {
        (Some(near), _) => format!("parameter {name:?} is not known: did you mean {near:?}?"),
        (None, []) => format!("parameter {name:?} is not known: this call takes none"),
        (None, known) => format!("parameter {name:?} is not known: this call takes {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(query: &str, known: &[&str]) -> Option<String> {
        let uri: Uri = format!("/x?{query}").parse().unwrap();
        Params::read(&uri, known).err().map(|problem| format!("{problem:?}"))
    }

    #[test]
    fn a_parameter_that_is_not_known_or_comes_twice_is_refused_with_what_would_be_right() {
        assert_eq!(detail("table=spans", &["table"]), None);
        assert!(detail("tabel=spans", &["table"]).unwrap().contains("did you mean \\\"table\\\"?"));
        assert!(detail("zzz=1", &["table", "level"]).unwrap().contains("takes table, level"));
        assert!(detail("zzz=1", &[]).unwrap().contains("takes none"));
        assert!(detail("table=a&table=b", &["table"]).unwrap().contains("twice"));
        assert_eq!(detail("attr.order.id=7&attr.lane=a", &["attr.*"]), None);
        assert!(detail("attr.=7", &["attr.*"]).is_some());
        assert!(detail("attr.a=7&attr.a=8", &["attr.*"]).unwrap().contains("twice"));
    }
}
