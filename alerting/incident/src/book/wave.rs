//! Trouble in waves: alerts that had ended fire again. Many at once are the next trouble, a few are a flap.
//!
//! It refuses to know places and causes. Invariant: once the next wave has begun, its incident gets everything that
//! fires anew, and the one before it nothing more.

use super::Book;
use super::live::COMES_BACK;
use crate::alert::Alert;
use crate::episode::Phase;
use crate::incident::IncidentId;
use model::UnixNanos;
use std::time::Duration;

/// So many alerts that fire again within [`WAVE_WITHIN`] are a wave; fewer are a flap.
pub(super) const WAVE: usize = 5;
const WAVE_WITHIN: Duration = Duration::from_secs(15);
/// An end this fresh is a flap, not the end of a wave.
const WAVE_ENDED: Duration = Duration::from_secs(60);

impl Book {
    /// Whether a word about a known alert begins something new: the episode is over, its incident has long been
    /// still, so many that had ended fire again at once that this is the next wave of trouble, or that wave has
    /// begun already.
    pub(super) fn is_new_wave(&mut self, slot: u32, alert: &Alert, now: UnixNanos) -> bool {
        let Some(episode) = self.episode_at(slot) else { return true };
        if alert.is_resolved() {
            return false;
        }
        if episode.phase == Phase::Resolved {
            return true;
        }
        let (began, ended, id) = (episode.starts_at, episode.ended_at, episode.incident);
        let Some(live) = self.live.get_mut(&id).filter(|live| live.members.len() >= WAVE) else { return false };
        let is_anew = match ended {
            Some(ended) => alert.starts_at > ended,
            None => alert.start_told && alert.starts_at > began.saturating_add(WAVE_ENDED),
        };
        if is_anew && live.followed_at.is_some_and(|since| alert.starts_at >= since) {
            self.end_here(slot, alert.starts_at, now);
            return true;
        }
        if ended.is_none_or(|ended| alert.starts_at <= ended.saturating_add(WAVE_ENDED)) {
            return false;
        }
        live.refires.push_back(alert.starts_at);
        let since = alert.starts_at.saturating_sub(WAVE_WITHIN);
        while live.refires.len() > WAVE || live.refires.front().is_some_and(|at| *at < since) {
            live.refires.pop_front();
        }
        let idle = alert.starts_at > live.incident.last_at.saturating_add(self.settings.idle_gap);
        let over = live.refires.len() == WAVE && (live.ended + WAVE as u64) * 4 >= live.members.len() as u64;
        idle || over
    }

    /// What fires elsewhere from now on fires here no longer.
    fn end_here(&mut self, slot: u32, at: UnixNanos, now: UnixNanos) {
        let Some(episode) = self.episodes.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        let was = (episode.is_active(), episode.is_firing());
        let change = episode.end(at);
        self.changed_episode(slot, was, change, now);
        self.schedule(slot);
    }

    /// Whether an incident has been opened again by what began then or before: the rest of the wave is its own.
    pub(super) fn has_returned(&self, id: IncidentId, at: UnixNanos) -> bool {
        self.live.get(&id).and_then(|live| live.returned_at).is_some_and(|returned| at >= returned)
    }

    /// Notes that an incident takes in what had fired in another: that one takes in no more from then on.
    pub(super) fn came_back(&mut self, id: IncidentId, left: Option<IncidentId>, since: UnixNanos) {
        let Some(left) = left.filter(|left| *left != id) else { return };
        let Some(live) = self.live.get_mut(&id) else { return };
        if live.comes_back.len() < COMES_BACK && !live.comes_back.contains(&left) {
            live.comes_back.push(left);
        }
        if let Some(before) = self.live.get_mut(&left) {
            before.followed_at = Some(before.followed_at.map_or(since, |at| at.min(since)));
        }
    }
}
