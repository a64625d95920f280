//! Names of a census as numbers: texts, and what is made of several.

use crate::names::{NodeKind, SpanKind, bounded};
use hashbrown::HashMap;

/// The number of the empty text.
pub(super) const BLANK: u32 = 0;

/// One operation of one service, as one kind of span.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Series {
    pub(super) service: u32,
    pub(super) operation: u32,
    pub(super) kind: SpanKind,
}

/// What is called, or calls, and is no service.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Peer {
    pub(super) kind: NodeKind,
    pub(super) name: u32,
}

#[derive(Debug)]
pub(super) struct Names {
    texts: Vec<Box<str>>,
    text_numbers: HashMap<Box<str>, u32>,
    text_bytes: usize,
    pub(super) series: Vec<Series>,
    series_numbers: HashMap<Series, u32>,
    pub(super) peers: Vec<Peer>,
    peer_numbers: HashMap<Peer, u32>,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Self {
            texts: Vec::new(),
            text_numbers: HashMap::new(),
            text_bytes: 0,
            series: Vec::new(),
            series_numbers: HashMap::new(),
            peers: Vec::new(),
            peer_numbers: HashMap::new(),
        };
        names.text("");
        names
    }
}

impl Names {
    /// The number of a text, which is cut as rollups cut it.
    pub(super) fn text(&mut self, text: &str) -> u32 {
        let text = bounded(text);
        if let Some(known) = self.text_numbers.get(text) {
            return *known;
        }
        let number = self.texts.len() as u32;
        self.text_bytes += 2 * text.len();
        self.texts.push(text.into());
        self.text_numbers.insert(text.into(), number);
        number
    }

    pub(super) fn of(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", |text| text)
    }

    pub(super) fn series(&mut self, series: Series) -> u32 {
        let next = self.series.len() as u32;
        let number = *self.series_numbers.entry(series).or_insert(next);
        if number == next {
            self.series.push(series);
        }
        number
    }

    pub(super) fn peer(&mut self, peer: Peer) -> u32 {
        let next = self.peers.len() as u32;
        let number = *self.peer_numbers.entry(peer).or_insert(next);
        if number == next {
            self.peers.push(peer);
        }
        number
    }

    pub(super) fn bytes(&self) -> usize {
        self.text_bytes + self.texts.len() * 64 + self.series.len() * 48 + self.peers.len() * 40
    }
}
