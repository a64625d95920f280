//! The ranker's memory as small documents.
//!
//! It refuses to know where they are kept. Series are written in 256 documents by their first byte, so that an
//! incident rewrites what it touched and little more.

use super::Ranker;
use super::memory::{Kind, Series, Sums};
use incident::Fingerprint;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One document, to be written or (without a body) removed.
#[derive(Clone, PartialEq, Debug)]
pub struct RankerDoc {
    /// `ranker_sums`, `ranker_series`, `ranker_kind`.
    pub kind: &'static str,
    pub key: String,
    /// JSON.
    pub body: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Shard(BTreeMap<Fingerprint, Series>);

impl Ranker {
    /// The documents that changed since this was last asked.
    pub fn changed(&mut self) -> Vec<RankerDoc> {
        let memory = &mut self.memory;
        if memory.dirty_series.is_empty() && memory.dirty_kinds.is_empty() {
            return Vec::new();
        }
        let mut docs = vec![written("ranker_sums", "sums".to_owned(), Some(&memory.sums))];
        let mut shards: Vec<u8> = memory.dirty_series.drain().collect();
        shards.sort_unstable();
        for byte in shards {
            let shard = memory.series.iter().filter(|(name, _)| name.0[0] == byte);
            let shard = Shard(shard.map(|(name, series)| (*name, *series)).collect());
            docs.push(written("ranker_series", format!("{byte:02x}"), (!shard.0.is_empty()).then_some(&shard)));
        }
        let mut kinds: Vec<String> = memory.dirty_kinds.drain().collect();
        kinds.sort_unstable();
        docs.extend(kinds.into_iter().map(|kind| {
            let counts = memory.kinds.get(&kind);
            written("ranker_kind", kind.clone(), counts)
        }));
        docs
    }

    /// A ranker of its documents. One that cannot be read is passed over: what is usual is learnt again. The
    /// answer tells how many were.
    pub fn restore<'a>(docs: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> (Self, usize) {
        let mut ranker = Ranker::default();
        let mut unreadable = 0;
        for (kind, key, body) in docs {
            let memory = &mut ranker.memory;
            let is_read = match kind {
                "ranker_sums" => serde_json::from_str::<Sums>(body).map(|sums| memory.sums = sums).is_ok(),
                "ranker_series" => {
                    serde_json::from_str::<Shard>(body).map(|shard| memory.series.extend(shard.0)).is_ok()
                }
                "ranker_kind" => {
                    serde_json::from_str::<Kind>(body).map(|counts| memory.kinds.insert(key.to_owned(), counts)).is_ok()
                }
                _ => true,
            };
            unreadable += usize::from(!is_read);
        }
        (ranker, unreadable)
    }
}

fn written<T: Serialize>(kind: &'static str, key: String, body: Option<&T>) -> RankerDoc {
    RankerDoc { kind, key, body: body.and_then(|body| serde_json::to_string(body).ok()) }
}
