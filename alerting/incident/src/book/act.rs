//! What people do to an incident: acknowledge, assign, comment, resolve, split, merge, confirm, reject.
//!
//! It refuses to know who may do what. Invariant: what a person put together or apart stays so, here and in
//! the incidents to come.

use super::docs::Key;
use super::learn::{DECISIONS, Decision};
use super::{Book, Occasion};
use crate::fingerprint::Fingerprint;
use crate::incident::{FEEDBACK, Feedback, IncidentId, JoinRule, State, TEXT_BYTES};
use crate::words;
use model::{Bilingual, Entity, UnixNanos};

/// See the module.
#[derive(Clone, PartialEq, Debug)]
pub enum Act {
    Acknowledge,
    /// `None` takes it from whoever has it.
    Assign {
        assignee: Option<String>,
    },
    Comment {
        text: String,
    },
    /// What helped, where somebody says so: similar incidents will show it.
    Resolve {
        helped: Option<String>,
    },
    /// These alerts become an incident of their own.
    Split {
        fingerprints: Vec<Fingerprint>,
    },
    /// This incident becomes part of another.
    Merge {
        into: IncidentId,
    },
    /// The named cause is right, or wrong; with the right one where it is known.
    Judge {
        right: bool,
        entity: Option<Entity>,
        text: Option<String>,
    },
}

/// Why an act is not possible. The caller has to ask for something else.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ActError {
    #[error("there is no incident {0} that can still be changed")]
    Gone(IncidentId),
    #[error("incident {0} is part of {1} now")]
    Merged(IncidentId, IncidentId),
    #[error("incident {0} is resolved already")]
    Resolved(IncidentId),
    #[error("none of these alerts is in incident {0}")]
    NoneOfThem(IncidentId),
    #[error("all alerts of incident {0} were named; one at least has to stay")]
    AllOfThem(IncidentId),
    #[error("an incident cannot be merged into itself")]
    Itself,
    #[error("no text was given, or one longer than {TEXT_BYTES} bytes")]
    Text,
    #[error("an incident keeps at most {FEEDBACK} comments and judgements")]
    TooMany,
}

/// Members of each side that a decision pairs.
const PAIRED: usize = 12;

impl Book {
    /// Does what a person wants at event time `now`. Answers the incident that results: the new one of a split,
    /// the one that stays of a merge.
    pub fn act(&mut self, id: IncidentId, act: Act, actor: &str, now: UnixNanos) -> Result<IncidentId, ActError> {
        let incident = self.incident(id).ok_or(ActError::Gone(id))?;
        if let Some(into) = incident.merged_into {
            return Err(ActError::Merged(id, into));
        }
        let is_over = incident.state == State::Resolved;
        let result = match act {
            Act::Acknowledge | Act::Resolve { .. } | Act::Split { .. } | Act::Merge { .. } if is_over => {
                Err(ActError::Resolved(id))
            }
            Act::Acknowledge => self.acknowledge(id, actor, now),
            Act::Assign { assignee } => self.assign(id, assignee, actor, now),
            Act::Comment { text } => self.comment(id, "comment", None, Some(text), actor, now),
            Act::Resolve { helped } => self.close(id, helped, actor, now),
            Act::Split { fingerprints } => self.split_by_hand(id, &fingerprints, actor, now),
            Act::Merge { into } => self.merge_by_hand(id, into, actor, now),
            Act::Judge { right, entity, text } => self.judge_by_hand(id, right, entity, text, actor, now),
        }?;
        self.touch(id);
        self.touch(result);
        Ok(result)
    }

    /// Told by those who send: people have been told for the first time (wall clock).
    pub fn notified(&mut self, id: IncidentId, at: UnixNanos) {
        if let Some(live) = self.live.get_mut(&id)
            && live.incident.clocks.notified_at.is_none()
        {
            live.incident.clocks.notified_at = Some(at);
            self.touch(id);
        }
    }

    /// Who owns the cause, as the catalog has it.
    pub fn owned(&mut self, id: IncidentId, owner: Option<String>, team: Option<String>) {
        if let Some(live) = self.live.get_mut(&id)
            && (live.incident.owner != owner || live.incident.team != team)
        {
            (live.incident.owner, live.incident.team) = (owner, team);
            self.touch(id);
        }
    }

    /// The share of experience lost, weighted by the importance of who lost it: with the worst ever measured it
    /// sets the severity. Nothing lost, or nothing measured, leaves it to the alerts.
    pub fn weighed(&mut self, id: IncidentId, weighted_loss: f64) {
        let told = self.members(id).map(|episode| episode.severity).max();
        let Some(live) = self.live.get_mut(&id).filter(|_| weighted_loss.is_finite() && weighted_loss > 0.0) else {
            return;
        };
        let incident = &mut live.incident;
        if incident.weighted_loss.is_none_or(|known| known < weighted_loss) {
            incident.weighted_loss = Some(weighted_loss);
            incident.severity = crate::Severity::of_loss(weighted_loss);
            told.into_iter().for_each(|told| incident.worsen(told));
            self.touch(id);
        }
    }

    /// The impact is back in its band since `at`, whatever still fires.
    pub fn mitigated(&mut self, id: IncidentId, at: UnixNanos) {
        if let Some(live) = self.live.get_mut(&id).filter(|live| live.incident.is_live())
            && live.incident.clocks.mitigated_at.is_none()
        {
            live.incident.clocks.mitigated_at = Some(at);
            live.incident.note(
                at,
                "mitigated",
                Bilingual::new("The impact is back in its band.", "影响已回到正常范围。"),
                None,
            );
            self.touch(id);
        }
    }

    /// Past incidents like this one, most alike first, at most `most`.
    pub fn similar(&self, id: IncidentId, most: usize) -> Vec<super::Similar> {
        self.incident(id).map(|incident| self.learnt.similar(incident, most)).unwrap_or_default()
    }

    fn acknowledge(&mut self, id: IncidentId, actor: &str, now: UnixNanos) -> Result<IncidentId, ActError> {
        let live = self.live.get_mut(&id).ok_or(ActError::Gone(id))?;
        if live.incident.state == State::Open {
            live.incident.state = State::Acknowledged;
        }
        live.incident.clocks.acknowledged_at.get_or_insert(now);
        live.incident.assignee.get_or_insert_with(|| actor.to_owned());
        live.incident.note(now, "acknowledged", words::with("Acknowledged by {}.", "{} 已确认。", actor), Some(actor));
        self.say(id, now, Occasion::Acknowledged);
        Ok(id)
    }

    fn assign(
        &mut self,
        id: IncidentId,
        to: Option<String>,
        actor: &str,
        now: UnixNanos,
    ) -> Result<IncidentId, ActError> {
        if to.as_ref().is_some_and(|to| to.trim().is_empty() || to.len() > TEXT_BYTES) {
            return Err(ActError::Text);
        }
        let live = self.live.get_mut(&id).ok_or(ActError::Gone(id))?;
        let text = match &to {
            Some(to) => words::with("Assigned to {}.", "已指派给 {}。", to),
            None => Bilingual::new("Assigned to nobody.", "已取消指派。"),
        };
        live.incident.assignee = to;
        live.incident.note(now, "assigned", text, Some(actor));
        self.say(id, now, Occasion::Assigned);
        Ok(id)
    }

    fn comment(
        &mut self,
        id: IncidentId,
        verdict: &str,
        entity: Option<Entity>,
        text: Option<String>,
        actor: &str,
        now: UnixNanos,
    ) -> Result<IncidentId, ActError> {
        if text.as_ref().is_some_and(|text| text.trim().is_empty() || text.len() > TEXT_BYTES) {
            return Err(ActError::Text);
        }
        let live = self.live.get_mut(&id).ok_or(ActError::Gone(id))?;
        if live.incident.feedback.len() >= FEEDBACK {
            return Err(ActError::TooMany);
        }
        let said = text.clone().unwrap_or_default();
        let told = match verdict {
            "comment" => Bilingual::new(said.clone(), said),
            "helped" => Bilingual::new(format!("What helped: {said}"), format!("有效措施：{said}")),
            "right" => words::with("The cause was confirmed. {}", "根因已被确认。{}", &said),
            _ => words::with("The cause was rejected. {}", "根因被否定。{}", &said),
        };
        live.incident.note(now, verdict, told, Some(actor));
        live.incident.feedback.push(Feedback {
            time: now,
            actor: actor.to_owned(),
            verdict: verdict.to_owned(),
            entity,
            text,
        });
        if verdict == "comment" {
            self.say(id, now, Occasion::Commented);
        }
        Ok(id)
    }

    fn close(
        &mut self,
        id: IncidentId,
        helped: Option<String>,
        actor: &str,
        now: UnixNanos,
    ) -> Result<IncidentId, ActError> {
        if let Some(helped) = helped {
            self.comment(id, "helped", None, Some(helped), actor, now)?;
        }
        let slots = self.live.get(&id).map(|live| live.members.clone()).unwrap_or_default();
        for slot in slots {
            // A person's word ends what fires; if it is told again, it is a new wave.
            if let Some(episode) = self.episodes.get_mut(slot as usize).and_then(Option::as_mut)
                && episode.is_active()
            {
                episode.ended_at.get_or_insert(now);
                episode.phase = crate::episode::Phase::Resolved;
                self.touch_episode(slot);
            }
        }
        if let Some(live) = self.live.get_mut(&id) {
            (live.active, live.ended, live.incident.firing) = (0, live.members.len() as u64, 0);
        }
        self.resolve(id, now, Some(actor), now);
        Ok(id)
    }

    fn split_by_hand(
        &mut self,
        id: IncidentId,
        which: &[Fingerprint],
        actor: &str,
        now: UnixNanos,
    ) -> Result<IncidentId, ActError> {
        let live = self.live.get(&id).ok_or(ActError::Gone(id))?;
        let (going, staying): (Vec<u32>, Vec<u32>) = live.members.iter().partition(|slot| {
            self.episode_at(**slot).is_some_and(|episode| which.contains(&episode.alert.fingerprint))
        });
        if going.is_empty() {
            return Err(ActError::NoneOfThem(id));
        }
        if staying.is_empty() {
            return Err(ActError::AllOfThem(id));
        }
        self.decide(&going, &staying, false, actor, now);
        let why = Bilingual::new(actor, actor);
        let new =
            self.split_off(id, &going, JoinRule::ByHand, &why, Some(actor), now).ok_or(ActError::NoneOfThem(id))?;
        if let Some(live) = self.live.get_mut(&id) {
            live.incident.by_hand = true;
        }
        Ok(new)
    }

    fn merge_by_hand(
        &mut self,
        id: IncidentId,
        into: IncidentId,
        actor: &str,
        now: UnixNanos,
    ) -> Result<IncidentId, ActError> {
        if id == into {
            return Err(ActError::Itself);
        }
        let other = self.live.get(&into).ok_or(ActError::Gone(into))?;
        if let Some(further) = other.incident.merged_into {
            return Err(ActError::Merged(into, further));
        }
        if !other.incident.is_live() {
            return Err(ActError::Resolved(into));
        }
        let theirs = other.members.clone();
        let own = self.live.get(&id).map(|live| live.members.clone()).unwrap_or_default();
        self.decide(&own, &theirs, true, actor, now);
        self.merge_into(id, into, actor, now);
        if let Some(live) = self.live.get_mut(&into) {
            live.incident.by_hand = true;
        }
        Ok(into)
    }

    fn judge_by_hand(
        &mut self,
        id: IncidentId,
        right: bool,
        entity: Option<Entity>,
        text: Option<String>,
        actor: &str,
        now: UnixNanos,
    ) -> Result<IncidentId, ActError> {
        let named = self.incident(id).and_then(|incident| incident.cause()).map(|cause| cause.entity.clone());
        let right = right || entity.is_some() && entity == named;
        let entity = entity.or(if right { named } else { None });
        self.comment(id, if right { "right" } else { "wrong" }, entity.clone(), text, actor, now)?;
        // The right cause of a wrong verdict is a confirmation of that one.
        if !right && entity.is_some() {
            self.comment(id, "right", entity, None, actor, now)?;
        }
        self.locate(id);
        Ok(id)
    }

    /// Remembers what a person put together or apart, by names and places.
    fn decide(&mut self, one: &[u32], two: &[u32], together: bool, actor: &str, now: UnixNanos) {
        let keys = |slots: &[u32]| {
            let mut keys: Vec<Fingerprint> =
                slots.iter().filter_map(|slot| self.episode_at(*slot)).map(|episode| episode.kind_key()).collect();
            keys.sort_unstable();
            keys.dedup();
            keys.truncate(PAIRED);
            keys
        };
        let (one, two) = (keys(one), keys(two));
        const { assert!(PAIRED * PAIRED < DECISIONS, "one act does not push out all others") };
        for a in &one {
            for b in two.iter().filter(|b| *b != a) {
                self.dirty.insert(Key::Decision(*a, *b));
                let decision = Decision { one: *a, two: *b, together, time: now, actor: actor.to_owned() };
                for gone in self.learnt.decide(decision) {
                    self.dirty.insert(Key::Decision(gone.one, gone.two));
                }
            }
        }
    }
}
