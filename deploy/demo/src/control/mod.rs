//! The switches of the company's faults: which act, since when, what the answer key says, and how the
//! product did. `deploy/server` mounts a handle under `/api/v1/demo`.
//!
//! It knows how faults are named and what their answers are, never how they act: the company reads
//! its switches once a tick. It refuses names it does not know, and remembers a bounded past.

mod card;
mod incidents;
mod judge;

pub use card::{Clocks, Scorecard, Scored, Shown, Verdict};

use crate::faults::{self, Answer, Fault, Said};
use card::Episode;
use incidents::Incidents;
use model::{Clock, UnixNanos};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use utoipa::ToSchema;

/// Episodes that are remembered for the scorecard; the oldest goes first.
const EPISODES_MAX: usize = 64;
/// Longest time a fault may be asked to act.
const LASTS_MAX: Duration = Duration::from_secs(24 * 3_600);

/// One fault and how it stands: an item of `GET /api/v1/demo/faults`.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct FaultState {
    /// What it is started by.
    pub name: &'static str,
    pub title: Said,
    pub description: Said,
    /// Faults that it starts together, where it is several at once; else empty.
    pub parts: &'static [&'static str],
    pub state: Switch,
    /// RFC 3339, while it acts.
    pub started_at: Option<String>,
    /// RFC 3339, while it acts and if it ends by itself.
    pub ends_at: Option<String>,
    /// The truth, one for each independent fault in it.
    pub answers: &'static [Answer],
}

/// Whether a fault acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    On,
    Off,
}

/// Body of `POST /api/v1/demo/faults/{name}`; may be absent.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// How long it acts, such as `90s` or `5m`; until it is stopped without it.
    #[serde(default)]
    pub duration: Option<String>,
}

/// Why a switch was not turned.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FaultError {
    /// Answer 404.
    #[error("there is no fault {name:?}; there are {}", faults::names().collect::<Vec<_>>().join(", "))]
    Unknown { name: String },
    /// Answer 400.
    #[error("duration {text:?}: write it as 90s, 5m or 1h, at most 24h")]
    Duration { text: String },
}

/// Why there is no scorecard.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScoreError {
    /// Answer 503: try again in a moment.
    #[error("the company has not opened yet")]
    Closed,
    /// Answer 502: the incident API did not answer as it should.
    #[error("the incidents cannot be read: {0}")]
    Incidents(String),
}

impl Start {
    /// The duration asked for.
    ///
    /// # Errors
    /// A text that is no duration, or one above 24 hours.
    pub fn lasts(&self) -> Result<Option<Duration>, FaultError> {
        let Some(text) = &self.duration else { return Ok(None) };
        let refused = || FaultError::Duration { text: text.clone() };
        let unit = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(refused)?;
        let number: u64 = text[..unit].parse().map_err(|_| refused())?;
        let seconds = match &text[unit..] {
            "s" => number,
            "m" => number.saturating_mul(60),
            "h" => number.saturating_mul(3_600),
            _ => return Err(refused()),
        };
        let lasts = Duration::from_secs(seconds);
        if lasts.is_zero() || lasts > LASTS_MAX { Err(refused()) } else { Ok(Some(lasts)) }
    }
}

/// The switches. Cheap to clone; all clones turn the same ones.
#[derive(Clone, Debug)]
pub struct Faults {
    clock: Arc<dyn Clock>,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    episodes: VecDeque<Episode>,
    open: Option<Open>,
}

/// A company at work.
#[derive(Clone, Debug)]
struct Open {
    since: UnixNanos,
    incidents: Incidents,
}

impl Faults {
    /// All off.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, inner: Arc::default() }
    }

    /// Every fault there is, in the order of the catalogue.
    pub fn list(&self) -> Vec<FaultState> {
        faults::CATALOGUE.iter().map(|fault| self.state(fault)).collect()
    }

    /// Lets a fault act, for so long or until it is stopped. One that acts already gets the new end.
    ///
    /// # Errors
    /// [`FaultError::Unknown`].
    pub fn start(&self, name: &str, lasts: Option<Duration>) -> Result<FaultState, FaultError> {
        let (fault, now) = (known(name)?, self.clock.now());
        let ends = lasts.map(|lasts| now.saturating_add(lasts.min(LASTS_MAX)));
        self.with(|inner| {
            for part in fault.parts_or_itself() {
                match inner.episodes.iter_mut().find(|e| e.fault.name == *part && e.acts_at(now)) {
                    Some(episode) => episode.ends = ends,
                    None => inner.remember(Episode { fault: faults::named(part).unwrap_or(fault), started: now, ends }),
                }
            }
        });
        Ok(self.state(fault))
    }

    /// Ends a fault; one that does not act stays as it is.
    ///
    /// # Errors
    /// [`FaultError::Unknown`].
    pub fn stop(&self, name: &str) -> Result<FaultState, FaultError> {
        let (fault, now) = (known(name)?, self.clock.now());
        self.with(|inner| {
            let ours = |e: &&mut Episode| fault.parts_or_itself().contains(&e.fault.name) && e.acts_at(now);
            inner.episodes.iter_mut().filter(ours).for_each(|episode| episode.ends = Some(now));
        });
        Ok(self.state(fault))
    }

    /// How the product's incidents compare with the answer key, for every fault that acted lately. Asks
    /// the server for its incidents over HTTP.
    ///
    /// # Errors
    /// Before the company opens, and when the incident API does not answer.
    pub async fn scorecard(&self) -> Result<Scorecard, ScoreError> {
        let Open { since, incidents } = self.with(|inner| inner.open.clone()).ok_or(ScoreError::Closed)?;
        let episodes = self.with(|inner| inner.episodes.iter().cloned().collect::<Vec<_>>());
        let shown = match episodes.iter().map(|e| e.started).min() {
            Some(first) => incidents.since(first).await.map_err(ScoreError::Incidents)?,
            None => Vec::new(),
        };
        Ok(judge::judge(since, &episodes, shown, self.clock.now()))
    }

    /// The company opens: its incidents are asked for there from now on.
    pub(crate) fn open_at(&self, url: &str, token: Option<&str>) {
        let open = Open { since: self.clock.now(), incidents: Incidents::at(url, token) };
        self.with(|inner| inner.open = Some(open));
    }

    /// Names of the faults that act now, in the order in which they began.
    pub(crate) fn acting(&self) -> Vec<&'static str> {
        let now = self.clock.now();
        self.with(|inner| inner.episodes.iter().filter(|e| e.acts_at(now)).map(|e| e.fault.name).collect())
    }

    fn state(&self, fault: &'static Fault) -> FaultState {
        let now = self.clock.now();
        let acting: Vec<Episode> = self.with(|inner| {
            let ours = |e: &&Episode| fault.parts_or_itself().contains(&e.fault.name) && e.acts_at(now);
            inner.episodes.iter().filter(ours).cloned().collect()
        });
        let on = acting.len() == fault.parts_or_itself().len();
        let (first, last) = (acting.first().filter(|_| on), acting.last().filter(|_| on));
        FaultState {
            name: fault.name,
            title: fault.title,
            description: fault.description,
            parts: fault.parts,
            state: if on { Switch::On } else { Switch::Off },
            started_at: first.map(|e| card::rfc3339(e.started)),
            ends_at: last.and_then(|e| e.ends).map(card::rfc3339),
            answers: fault.answers,
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    fn remember(&mut self, episode: Episode) {
        if self.episodes.len() == EPISODES_MAX {
            self.episodes.pop_front();
        }
        self.episodes.push_back(episode);
    }
}

impl Episode {
    fn acts_at(&self, now: UnixNanos) -> bool {
        self.started <= now && self.ends.is_none_or(|ends| now < ends)
    }
}

fn known(name: &str) -> Result<&'static Fault, FaultError> {
    faults::named(name).ok_or_else(|| FaultError::Unknown { name: name.into() })
}

#[cfg(test)]
mod tests;
