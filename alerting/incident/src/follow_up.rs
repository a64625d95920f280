//! What is left to do when a fault is over: who does it by when, and the ticket it is tracked by.
//!
//! It refuses to know how incidents go on: follow-ups outlive them. Invariant: a number once given names the same
//! follow-up for ever; what does not fit is refused, and the others stay as they were.

use crate::incident::{IncidentId, TEXT_BYTES};
use model::UnixNanos;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most follow-ups of one incident.
pub const FOLLOW_UPS_MAX: usize = 100;
/// Most follow-ups of all incidents together.
pub const ALL_FOLLOW_UPS_MAX: usize = 20_000;

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FollowUp {
    /// From 1, within its incident.
    pub number: u32,
    pub text: String,
    pub owner: Option<String>,
    pub due: Option<UnixNanos>,
    /// Where it is tracked: an address with http or https.
    pub ticket: Option<String>,
    pub created_at: UnixNanos,
    pub created_by: String,
    pub done_at: Option<UnixNanos>,
    pub done_by: Option<String>,
}

impl FollowUp {
    pub fn is_open(&self) -> bool {
        self.done_at.is_none()
    }

    pub fn is_overdue(&self, now: UnixNanos) -> bool {
        self.is_open() && self.due.is_some_and(|due| due < now)
    }
}

/// What is to be different; a field that is not named stays as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Amend {
    pub text: Option<String>,
    /// `Some(None)` takes it away; so with what follows.
    pub owner: Option<Option<String>>,
    pub due: Option<Option<UnixNanos>>,
    pub ticket: Option<Option<String>>,
    pub done: Option<bool>,
}

/// Why a follow-up is not taken. The caller has to say something else.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FollowUpError {
    #[error("text is missing: say what is to be done, in at most {TEXT_BYTES} bytes")]
    Text,
    #[error("owner is empty or longer than {TEXT_BYTES} bytes: name who does it, or leave it out")]
    Owner,
    #[error("ticket is {0:?}: give the address of the ticket, with http:// or https://")]
    Ticket(String),
    #[error("incident {0} has no follow-up {1}")]
    Unknown(IncidentId, u32),
    #[error("incident {0} has {FOLLOW_UPS_MAX} follow-ups, and that is the most")]
    TooMany(IncidentId),
    #[error("{ALL_FOLLOW_UPS_MAX} follow-ups are kept, and there are as many")]
    Full,
}

/// Every follow-up, by incident.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FollowUps {
    by_incident: BTreeMap<IncidentId, Vec<FollowUp>>,
    count: usize,
}

impl FollowUps {
    /// Puts back what was stored of an incident.
    pub fn restore(&mut self, id: IncidentId, stored: Vec<FollowUp>) {
        self.count += stored.len();
        self.by_incident.insert(id, stored);
    }

    pub fn of(&self, id: IncidentId) -> &[FollowUp] {
        self.by_incident.get(&id).map_or(&[], Vec::as_slice)
    }

    /// All of them, the newest incident's first.
    pub fn iter(&self) -> impl Iterator<Item = (IncidentId, &FollowUp)> {
        self.by_incident.iter().rev().flat_map(|(id, list)| list.iter().map(|follow_up| (*id, follow_up)))
    }

    /// Takes a new one.
    pub fn add(&mut self, id: IncidentId, new: Amend, actor: &str, now: UnixNanos) -> Result<&FollowUp, FollowUpError> {
        if new.text.is_none() {
            return Err(FollowUpError::Text);
        }
        let list = self.of(id);
        if list.len() >= FOLLOW_UPS_MAX {
            return Err(FollowUpError::TooMany(id));
        }
        if self.count >= ALL_FOLLOW_UPS_MAX {
            return Err(FollowUpError::Full);
        }
        let blank = FollowUp {
            number: list.last().map_or(1, |last| last.number + 1),
            text: String::new(),
            owner: None,
            due: None,
            ticket: None,
            created_at: now,
            created_by: actor.to_owned(),
            done_at: None,
            done_by: None,
        };
        let follow_up = amended(blank, new, actor, now)?;
        self.count += 1;
        let list = self.by_incident.entry(id).or_default();
        list.push(follow_up);
        list.last().ok_or(FollowUpError::Text)
    }

    /// Changes one.
    pub fn amend(
        &mut self,
        id: IncidentId,
        number: u32,
        amend: Amend,
        actor: &str,
        now: UnixNanos,
    ) -> Result<&FollowUp, FollowUpError> {
        let list = self.by_incident.get_mut(&id);
        let known = list.and_then(|list| list.iter_mut().find(|follow_up| follow_up.number == number));
        let known = known.ok_or(FollowUpError::Unknown(id, number))?;
        *known = amended(known.clone(), amend, actor, now)?;
        Ok(known)
    }
}

fn amended(mut follow_up: FollowUp, amend: Amend, actor: &str, now: UnixNanos) -> Result<FollowUp, FollowUpError> {
    let fits = |text: &String| !text.trim().is_empty() && text.len() <= TEXT_BYTES;
    if let Some(text) = amend.text {
        follow_up.text = Some(text).filter(fits).ok_or(FollowUpError::Text)?;
    }
    if let Some(owner) = amend.owner {
        follow_up.owner = owner.map(|owner| Some(owner).filter(fits).ok_or(FollowUpError::Owner)).transpose()?;
    }
    if let Some(ticket) = amend.ticket {
        follow_up.ticket = ticket.map(address).transpose()?;
    }
    if let Some(due) = amend.due {
        follow_up.due = due;
    }
    match amend.done {
        Some(true) if follow_up.is_open() => {
            (follow_up.done_at, follow_up.done_by) = (Some(now), Some(actor.to_owned()));
        }
        Some(false) => (follow_up.done_at, follow_up.done_by) = (None, None),
        Some(true) | None => {}
    }
    Ok(follow_up)
}

/// An address that a page may link to: nothing in it that runs when it is clicked.
fn address(text: String) -> Result<String, FollowUpError> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_one = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && text.len() <= TEXT_BYTES
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if is_one { Ok(text) } else { Err(FollowUpError::Ticket(text.chars().take(200).collect())) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    const ID: IncidentId = IncidentId { day: 20_000, number: 7 };

    fn text(text: &str) -> Amend {
        Amend { text: Some(text.to_owned()), ..Amend::default() }
    }

    fn ticket(address: &str) -> Amend {
        Amend { ticket: Some(Some(address.to_owned())), ..Amend::default() }
    }

    #[test]
    fn a_follow_up_is_done_once_and_can_be_opened_again() {
        let mut all = FollowUps::default();
        let due = Amend { due: Some(Some(UnixNanos(50))), ..text("add an index") };
        assert_eq!(all.add(ID, due, "ann", UnixNanos(1)).unwrap().number, 1);
        assert!(all.of(ID)[0].is_overdue(UnixNanos(51)) && !all.of(ID)[0].is_overdue(UnixNanos(50)));
        let done = Amend { done: Some(true), ..Amend::default() };
        all.amend(ID, 1, done.clone(), "bob", UnixNanos(60)).unwrap();
        all.amend(ID, 1, done, "eve", UnixNanos(70)).unwrap();
        let first = &all.of(ID)[0];
        assert_eq!((first.done_at, first.done_by.as_deref()), (Some(UnixNanos(60)), Some("bob")));
        assert!(!first.is_overdue(UnixNanos(100)), "what is done is never late");
        let again = Amend { done: Some(false), ..Amend::default() };
        assert!(all.amend(ID, 1, again, "bob", UnixNanos(80)).unwrap().is_open());
        assert_eq!(all.add(ID, text("tell support"), "ann", UnixNanos(90)).unwrap().number, 2);
        assert_eq!(all.iter().count(), 2);
    }

    #[test]
    fn what_is_wrong_is_refused_and_changes_nothing() {
        let mut all = FollowUps::default();
        assert_eq!(all.add(ID, ticket("https://t.example.com/1"), "ann", UnixNanos(1)), Err(FollowUpError::Text));
        assert_eq!(all.add(ID, text("  "), "ann", UnixNanos(1)), Err(FollowUpError::Text));
        all.add(ID, text("x"), "ann", UnixNanos(1)).unwrap();
        let before = all.clone();
        for address in ["javascript:alert(1)", "https://", "http:///x", "https://a b", "data:text/html,x", ""] {
            let refused = all.amend(ID, 1, ticket(address), "ann", UnixNanos(2));
            assert_eq!(refused, Err(FollowUpError::Ticket(address.to_owned())), "{address}");
        }
        let nobody = Amend { owner: Some(Some(" ".to_owned())), ..Amend::default() };
        assert_eq!(all.amend(ID, 1, nobody, "ann", UnixNanos(2)), Err(FollowUpError::Owner));
        assert_eq!(all.amend(ID, 2, text("y"), "ann", UnixNanos(2)), Err(FollowUpError::Unknown(ID, 2)));
        assert_eq!(all, before);
    }

    #[test]
    fn an_incident_has_a_bound_of_them() {
        let mut all = FollowUps::default();
        for n in 0..FOLLOW_UPS_MAX {
            all.add(ID, text(&n.to_string()), "ann", UnixNanos(1)).unwrap();
        }
        assert_eq!(all.add(ID, text("one more"), "ann", UnixNanos(1)), Err(FollowUpError::TooMany(ID)));
        let other = IncidentId { number: 8, ..ID };
        assert!(all.add(other, text("one more"), "ann", UnixNanos(1)).is_ok());
        let mut again = FollowUps::default();
        again.restore(ID, all.of(ID).to_vec());
        again.restore(other, all.of(other).to_vec());
        assert_eq!(again, all);
    }
}
