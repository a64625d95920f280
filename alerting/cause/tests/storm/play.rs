//! Plays alerts through book and ranker, as the server does, second by second of event time.

use cause::alerts::Ranker;
use incident::{Alert, Book, Estate, Event, Heard, IncidentId, Occasion, Settings, Told};
use model::{Entity, UnixNanos};
use std::collections::BTreeMap;

pub(crate) struct Player {
    pub(crate) book: Book,
    pub(crate) ranker: Ranker,
    pub(crate) now: UnixNanos,
    /// What was heard, in order, with the start that was told.
    heard: Vec<(Heard, UnixNanos)>,
    /// Every message people would get.
    pub(crate) told: BTreeMap<&'static str, usize>,
    /// Verdicts given, and documents written.
    pub(crate) verdicts: usize,
    pub(crate) written: usize,
    /// The last causes of incidents, also of those that have left memory, and who went where.
    causes: BTreeMap<IncidentId, Vec<Entity>>,
    merged: BTreeMap<IncidentId, IncidentId>,
    /// Where each episode is, or was when its incident left memory, by identity and start.
    places: BTreeMap<(incident::Fingerprint, UnixNanos), IncidentId>,
    pub(crate) most_episodes: usize,
}

const SECOND: i64 = UnixNanos::SECOND;

impl Player {
    pub(crate) fn new(estate: &Estate) -> Self {
        let mut book = Book::new(Settings::default());
        book.survey(estate);
        Self {
            book,
            ranker: Ranker::default(),
            now: UnixNanos(0),
            heard: Vec::new(),
            told: BTreeMap::new(),
            verdicts: 0,
            written: 0,
            causes: BTreeMap::new(),
            merged: BTreeMap::new(),
            places: BTreeMap::new(),
            most_episodes: 0,
        }
    }

    /// Hears an alert at its own start.
    pub(crate) fn hear(&mut self, told: Told) {
        let at = told.starts_at.unwrap().max(self.now);
        self.hear_at(told, at);
    }

    pub(crate) fn hear_at(&mut self, told: Told, at: UnixNanos) {
        if self.now.0 == 0 {
            self.now = at;
        }
        self.pass_until(at);
        let alert = Alert::read(told, at);
        let starts_at = alert.starts_at;
        let heard = self.book.hear(alert, at);
        self.heard.push((heard, starts_at));
    }

    /// Time passes in seconds while something lives, else at once.
    pub(crate) fn pass_until(&mut self, until: UnixNanos) {
        while self.now < until {
            let alive = self.book.incidents().any(|incident| incident.is_live());
            let quiet = self.book.incidents().all(|incident| self.now.0 > incident.last_at.0 + 120 * SECOND);
            let by = if !alive {
                600
            } else if quiet {
                10
            } else {
                1
            };
            self.now = UnixNanos((self.now.0 + by * SECOND).min(until.0));
            self.tick();
        }
    }

    fn tick(&mut self) {
        let now = self.now;
        for id in self.book.to_learn(now) {
            self.ranker.learn(self.book.terrain(), self.book.members(id));
        }
        for id in self.book.to_judge(now) {
            let Some(incident) = self.book.incident(id) else { continue };
            let verdict = self.ranker.rank(self.book.terrain(), incident, self.book.members(id), now);
            if let Some(verdict) = verdict {
                self.verdicts += 1;
                self.causes.insert(id, verdict.causes.iter().map(|cause| cause.entity.clone()).collect());
                self.book.judged(id, verdict, now);
            }
        }
        self.note_places();
        for event in self.book.step(now) {
            self.note(&event);
        }
        self.written += self.book.changed().len() + self.ranker.changed().len();
        self.most_episodes = self.most_episodes.max(self.book.episodes().count());
    }

    fn note(&mut self, event: &Event) {
        let name = match event.occasion {
            Occasion::Opened => "opened",
            Occasion::Reopened => "reopened",
            Occasion::CauseChanged => "cause",
            Occasion::SeverityRaised => "severity",
            Occasion::ScopeDoubled => "scope",
            Occasion::Promoted => "promoted",
            Occasion::Mitigated => "mitigated",
            Occasion::Resolved => "resolved",
            Occasion::Merged(into) => {
                self.merged.insert(event.incident, into);
                "merged"
            }
            Occasion::Split(_) => "split",
            _ => "other",
        };
        *self.told.entry(name).or_default() += 1;
    }

    /// Alerts move when incidents are merged or parted: remember where each is now.
    fn note_places(&mut self) {
        if self.now.0 / SECOND % 30 != 0 {
            return;
        }
        for incident in self.book.incidents().filter(|incident| incident.alerts > 0) {
            for episode in self.book.members(incident.id) {
                self.places.insert((episode.alert.fingerprint, episode.starts_at), incident.id);
            }
        }
    }

    /// Lets everything end.
    pub(crate) fn finish(&mut self) {
        self.pass_until(UnixNanos(self.now.0 + 900 * SECOND));
        self.now = UnixNanos(self.now.0 / (30 * SECOND) * 30 * SECOND);
        self.note_places();
    }

    /// The incident of every alert, in the order they were heard.
    pub(crate) fn incidents(&self) -> Vec<IncidentId> {
        self.heard
            .iter()
            .map(|(heard, starts_at)| {
                let since = (heard.fingerprint, UnixNanos(i64::MIN))..=(heard.fingerprint, *starts_at);
                let mut id = self.places.range(since).next_back().map_or(heard.incident, |(_, id)| *id);
                while let Some(into) =
                    self.merged.get(&id).or(self.book.incident(id).and_then(|found| found.merged_into.as_ref()))
                {
                    id = *into;
                }
                id
            })
            .collect()
    }

    /// When each alert began, in the order they were heard.
    pub(crate) fn starts(&self) -> impl Iterator<Item = UnixNanos> {
        self.heard.iter().map(|(_, starts_at)| *starts_at)
    }

    /// The last ranked causes of an incident.
    pub(crate) fn causes(&self, id: IncidentId) -> &[Entity] {
        self.causes.get(&id).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn messages(&self, which: &[&str]) -> usize {
        which.iter().filter_map(|name| self.told.get(name)).sum()
    }
}

pub(crate) fn told(labels: &[(&str, &str)], at: UnixNanos) -> Told {
    Told {
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        starts_at: Some(at),
        silent_after: Some(std::time::Duration::from_secs(300)),
        source: "alertmanager".to_owned(),
        ..Told::default()
    }
}
