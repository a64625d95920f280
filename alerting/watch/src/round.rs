//! One round of the loop: what came in is judged up to now, incidents move on, causes are looked for, and
//! what is to be told goes into the outbox; then all of it is stored at once.

use crate::clock::Due;
use crate::desk::{Desk, Pace};
use crate::judge::{self, Data, Judged};
use crate::message::{self, Context};
use crate::office::Office;
use crate::verdict;
use cause::{Anomaly, Sensitivity, Suspicion};
use incident::{Alert, Event, IncidentId, Told};
use model::{TimeRange, UnixNanos};
use notify::Occasion;
use rules::Condition;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a window is searched for what no threshold finds, and how long that is.
const SCAN_EVERY: Duration = Duration::from_secs(60);
const SCAN_WINDOW: Duration = Duration::from_secs(180);
/// What two scans no longer find is over; the second may be a little late.
const SCAN_SILENT: Duration = Duration::from_secs(2 * SCAN_EVERY.as_secs() + 15);
/// Who tells what it finds.
pub(crate) const SCAN_SOURCE: &str = "scan";
/// For how long, and how often, an incident is judged again though no alert is new: telemetry grows.
const YOUNG: Duration = Duration::from_secs(600);
const JUDGE_AGAIN: Duration = Duration::from_secs(60);
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
        let (new, newest) = self.office.read().await.waiting(pace.heard);
        if let Some((range, number)) = new {
            pace.heard = number;
            pace.clock.hear_of(range, wall, self.ask.settings());
        }
        *self.behind.lock() = pace.clock.behind();
        let Some(due) = pace.clock.due(newest, wall, self.ask.settings()) else { return false };
        for instant in due.instants() {
            self.instant(pace, due, instant).await;
        }
        true
    }

    /// One instant: rules, alerts, incidents, causes, messages. What people are to be told leaves as soon as it is
    /// decided, stored with what it was decided by; what merely prepares the next instant comes last.
    async fn instant(&self, pace: &mut Pace, due: Due, now: UnixNanos) {
        if pace.surveyed.0 == 0 {
            self.survey(pace, now).await;
        }
        let data = Data { live: due.live, telemetry: pace.arrivals.any() };
        let judged = self.judge.lock().await.step(&self.ask, now, data).await;
        self.take_in(judged, now).await;
        self.find_causes(pace, now).await;
        let anomalies = self.scan(pace, due, now).await;
        if !anomalies.is_empty() {
            self.take_in_anomalies(&anomalies, now).await;
            self.find_causes(pace, now).await;
        }
        self.survey(pace, now).await;
        let office = &mut *self.office.write().await;
        pace.clock.judged_until(now);
        *self.judged_until.lock() = Some(now);
        *self.behind.lock() = pace.clock.behind();
        office.add([crate::docs::change(crate::docs::CLOCK, crate::docs::ALONE, Some(&pace.clock))]);
        self.store_quietly(office, self.now()).await;
    }

    /// Alerts of rules and of other tools, in the order of their times.
    async fn take_in(&self, judged: Judged, now: UnixNanos) {
        let office = &mut *self.office.write().await;
        office.add(judged.changes);
        for transition in &judged.transitions {
            office.book.hear(Alert::read(judge::told(transition), now), now);
        }
        for alert in office.take(now) {
            office.book.hear(alert, now);
        }
        self.go_on(office, now).await;
    }

    async fn take_in_anomalies(&self, anomalies: &[Anomaly], now: UnixNanos) {
        let office = &mut *self.office.write().await;
        for anomaly in anomalies {
            office.book.hear(Alert::read(of_anomaly(anomaly, now), now), now);
        }
        self.go_on(office, now).await;
    }

    /// Lets incidents move on up to now, tells what there is to tell, and stores both at once.
    async fn go_on(&self, office: &mut Office, now: UnixNanos) {
        let events = office.book.step(now);
        self.tell_of(office, &events).await;
        self.store_quietly(office, self.now()).await;
        if !events.is_empty() {
            self.told.notify_one();
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

    /// Looks for what no threshold finds, once a minute (in a past that is played, at every instant), where a rule of kind `anomaly` is on.
    async fn scan(&self, pace: &mut Pace, due: Due, now: UnixNanos) -> Vec<Anomaly> {
        if !pace.arrivals.any() {
            return Vec::new();
        }
        let Some(sensitivity) = self.sensitivity().await else { return Vec::new() };
        let since = now.0.saturating_sub(pace.scanned.0);
        if due.live && pace.scanned.0 != 0 && (0..SCAN_EVERY.as_nanos() as i64).contains(&since) {
            return Vec::new();
        }
        pace.scanned = now;
        let current = TimeRange { from: now.saturating_sub(SCAN_WINDOW), until: now };
        let troubled = self.troubled(None, now).await;
        match verdict::scan(&self.ask, current, &troubled, (&pace.estate, Suspicion::level())).await {
            Ok(found) => pace.suspicion.hear(found, now, sensitivity),
            Err(error) => {
                tracing::warn!(workspace = %self.workspace().as_str(), %error, "the scan has failed");
                Vec::new()
            }
        }
    }

    /// How strict the scan is: as the rule of kind `anomaly` says, where one is on.
    async fn sensitivity(&self) -> Option<Sensitivity> {
        let judge = self.judge.lock().await;
        let on = judge.rules().filter(|kept| kept.rule.enabled);
        let asked = on.filter_map(|kept| match &kept.rule.condition {
            Condition::Anomaly(anomaly) => Some(anomaly.sensitivity),
            _ => None,
        });
        asked.max_by_key(|asked| *asked as u8).map(|asked| Sensitivity {
            bits_min: match asked {
                rules::Sensitivity::Low => 4.0,
                rules::Sensitivity::Medium => Sensitivity::default().bits_min,
                rules::Sensitivity::High => 1.5,
            },
        })
    }

    /// The incidents that ask to be judged, and young ones of which telemetry tells more by now.
    async fn to_judge(&self, now: UnixNanos) -> Vec<IncidentId> {
        let office = self.office.read().await;
        let mut asked = office.book.to_judge(now);
        let grows = |incident: &&incident::Incident| {
            let judged = incident.verdict.as_ref().map(|verdict| verdict.judged_at);
            incident.is_live()
                && now < incident.opened_at.saturating_add(YOUNG)
                && judged.is_some_and(|at| {
                    now >= at.saturating_add(JUDGE_AGAIN) && at < incident.last_at.saturating_add(verdict::AFTER)
                })
        };
        asked.extend(office.book.incidents().filter(grows).map(|incident| incident.id));
        asked.sort_unstable();
        asked.dedup();
        asked
    }

    /// Judges the incidents that ask for it; each is told as soon as it is judged. Nothing is locked while telemetry
    /// is read.
    async fn find_causes(&self, pace: &mut Pace, now: UnixNanos) {
        let asked = self.to_judge(now).await;
        for id in asked {
            let Some(question) = verdict::question(&*self.office.read().await, &pace.ranker, id, now) else { continue };
            let troubled = self.troubled(Some(id), now).await;
            let found = match pace.arrivals.any() {
                true => verdict::find(&self.ask, question, &troubled, &pace.estate).await,
                false => Ok(verdict::by_alerts(question)),
            };
            let office = &mut *self.office.write().await;
            match found {
                Ok(found) => {
                    office.book.weighed(id, found.impact.loss());
                    self.impacts.write().await.insert(id, found.impact);
                    office.book.judged(id, found.verdict, now);
                    self.go_on(office, now).await;
                }
                Err(error) => tracing::warn!(incident = %id, %error, "no cause can be looked for"),
            }
        }
        self.learn(pace, now).await;
    }

    /// Learns what usually fires from incidents that are complete.
    async fn learn(&self, pace: &mut Pace, now: UnixNanos) {
        let office = &mut *self.office.write().await;
        for id in office.book.to_learn(now) {
            pace.ranker.learn(office.book.terrain(), office.book.members(id));
        }
        office.add(pace.ranker.changed().into_iter().map(crate::docs::of_ranker));
    }

    /// Times of the other incidents: no reference for what is healthy.
    async fn troubled(&self, besides: Option<IncidentId>, now: UnixNanos) -> Vec<TimeRange> {
        let office = self.office.read().await;
        let others = office.book.incidents().filter(|incident| Some(incident.id) != besides);
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

/// What the scan found, as an alert. It is told again at every scan for as long as it lasts.
fn of_anomaly(anomaly: &Anomaly, now: UnixNanos) -> Told {
    let evidence = &anomaly.evidence;
    let labels = [
        ("alertname", format!("anomaly-{}", evidence.kind)),
        ("entity", anomaly.entity.to_string()),
        ("severity", "medium".into()),
    ];
    let mut annotations = BTreeMap::from([
        ("summary".to_owned(), evidence.text.en.clone()),
        ("summary_zh".to_owned(), evidence.text.zh.clone()),
    ]);
    annotations.extend(evidence.query.clone().map(|query| ("query".to_owned(), query)));
    Told {
        labels: labels.map(|(name, value)| (name.to_owned(), value)).into(),
        annotations,
        starts_at: anomaly.since.or(Some(now)),
        silent_after: Some(SCAN_SILENT),
        source: SCAN_SOURCE.into(),
        ..Told::default()
    }
}
