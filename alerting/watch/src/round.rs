//! One round of the loop: what came in is judged up to now, incidents move on, causes are looked for, and
//! what is to be told goes into the outbox; then all of it is stored at once.

use crate::clock::Due;
use crate::desk::{Desk, Pace};
use crate::judge::{self, Judged};
use crate::message::{self, Context};
use crate::office::Office;
use crate::verdict;
use incident::{Alert, Event, IncidentId};
use model::{TimeRange, UnixNanos};
use notify::Occasion;
use std::time::Duration;

/// How often the estate is read anew.
const SURVEY_EVERY: Duration = Duration::from_secs(60);

impl Desk {
    /// Judges all that is due. Answers whether something was.
    pub(crate) async fn round(&self) -> bool {
        let pace = &mut *self.pace.lock().await;
        let wall = self.now();
        if let Some(range) = pace.arrivals.look(&self.api.engine, self.workspace()) {
            pace.clock.hear(range, wall, self.ask.settings());
        }
        if let Some(range) = self.office.read().await.waiting_range() {
            pace.clock.hear(range, wall, self.ask.settings());
        }
        let Some(due) = pace.clock.due(wall, self.ask.settings()) else { return false };
        for instant in due.instants() {
            self.instant(pace, due, instant).await;
        }
        true
    }

    /// One instant: rules, alerts, incidents, causes, messages; stored at its end.
    async fn instant(&self, pace: &mut Pace, due: Due, now: UnixNanos) {
        self.survey(pace, now).await;
        let judged = self.judge.lock().await.step(&self.ask, now, due.live).await;
        let mut events = {
            let office = &mut *self.office.write().await;
            let wall = self.now();
            self.take_in(office, judged, now);
            let events = office.book.step(now);
            self.store_quietly(office, wall).await;
            events
        };
        events.extend(self.find_causes(pace, now).await);
        let office = &mut *self.office.write().await;
        self.tell_of(office, &events).await;
        pace.clock.judged_until(now);
        *self.judged_until.lock() = Some(now);
        office.add([crate::docs::change(crate::docs::CLOCK, crate::docs::ALONE, Some(&pace.clock))]);
        self.store_quietly(office, self.now()).await;
    }

    /// Alerts of rules, of the scan and of other tools, in the order of their times.
    fn take_in(&self, office: &mut Office, judged: Judged, now: UnixNanos) {
        office.add(judged.changes);
        let wall = self.now();
        for transition in &judged.transitions {
            office.book.hear(Alert::read(judge::told(transition), wall.max(now)), now);
        }
        for alert in office.take(now) {
            office.book.hear(alert, now);
        }
    }

    /// What runs and calls what, for grouping.
    async fn survey(&self, pace: &mut Pace, now: UnixNanos) {
        let since = now.0.saturating_sub(pace.surveyed.0);
        if pace.surveyed.0 != 0 && (0..SURVEY_EVERY.as_nanos() as i64).contains(&since) {
            return;
        }
        pace.surveyed = now;
        let declared = self.api.catalog.declared(&self.asker).await.unwrap_or_default();
        match crate::estate::estate(&self.ask, now, &declared).await {
            Ok(estate) => {
                self.office.write().await.book.survey(&estate);
                pace.estate = estate;
            }
            Err(error) => tracing::warn!(workspace = %self.workspace().as_str(), %error, "the estate cannot be read"),
        }
    }

    /// Judges the incidents that ask for it. Nothing is locked while telemetry is read.
    async fn find_causes(&self, pace: &mut Pace, now: UnixNanos) -> Vec<Event> {
        let asked: Vec<IncidentId> = self.office.read().await.book.to_judge(now);
        for id in asked {
            let Some(question) = verdict::question(&*self.office.read().await, id, now) else { continue };
            let troubled = self.troubled_by_others(id, now).await;
            let found = verdict::find(&self.ask, question, &troubled, &pace.estate).await;
            let office = &mut *self.office.write().await;
            match found {
                Ok(found) => {
                    office.book.weighed(id, found.impact.loss());
                    self.impacts.write().await.insert(id, found.impact);
                    office.book.judged(id, found.verdict, now);
                }
                Err(error) => tracing::warn!(incident = %id, %error, "no cause can be looked for"),
            }
        }
        self.office.write().await.book.step(now)
    }

    async fn troubled_by_others(&self, id: IncidentId, now: UnixNanos) -> Vec<TimeRange> {
        let office = self.office.read().await;
        let others = office.book.incidents().filter(|incident| incident.id != id);
        others
            .map(|incident| TimeRange { from: incident.first_at, until: incident.resolved_at.unwrap_or(now) })
            .collect()
    }

    /// Gives the outbox what people are to be told of events.
    pub(crate) async fn tell_of(&self, office: &mut Office, events: &[Event]) {
        let services = self.api.catalog.entries(&self.asker).await.unwrap_or_default();
        let context = Context { services: &services, external_url: &self.ask.settings().external_url };
        let impacts = self.impacts.read().await;
        let wall = self.now();
        for event in events {
            let Some(incident) = office.book.incident(event.incident).cloned() else { continue };
            let occasion = message::told(&event.occasion);
            let told = message::message(
                &office.book,
                &incident,
                impacts.get(&incident.id),
                occasion.unwrap_or(Occasion::CauseChanged),
                self.revision(incident.id),
                &context,
            );
            let (owner, team) = (told.owner.clone(), told.team.clone());
            match occasion {
                Some(_) => office.outbox.tell(&office.policy, told, wall),
                None => office.outbox.note(told),
            }
            office.book.owned(incident.id, owner, team);
        }
        office.outbox.tick(&office.policy, wall);
    }

    async fn store_quietly(&self, office: &mut Office, wall: UnixNanos) {
        if let Err(error) = office.commit(&self.metastore, self.workspace(), wall).await {
            tracing::error!(workspace = %self.workspace().as_str(), %error, "alerting cannot be stored; it is tried again");
        }
    }
}
