//! The decision about one request, pure: what was presented, what is known, what the route needs.

use crate::origin::foreign_host;
use crate::session::{LiveSessions, SessionId};
use crate::{Caller, Grant, Need, Presented, Refusal, Role, Settings, TokenText, Who};
use metastore::{TokenId, TokenRow, UserId, UserRow};
use model::{UnixNanos, Workspace};
use std::collections::HashMap;

/// Tokens and users as last read.
#[derive(Debug, Default)]
pub(crate) struct Known {
    by_prefix: HashMap<String, Vec<TokenRow>>,
    users: HashMap<UserId, UserRow>,
    names: HashMap<String, UserId>,
    /// Whether there ever was a token or user, or one is about to be made: then nothing is open.
    closed: bool,
}

/// Who is known to send a request, before it is asked what it needs.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) caller: Caller,
    grants: Vec<Grant>,
    pub(crate) token: Option<TokenId>,
    /// For a session: whether the page proved that it is ours.
    csrf: Option<bool>,
}

impl Known {
    pub(crate) fn new(tokens: Vec<TokenRow>, users: Vec<UserRow>, setting_up: bool) -> Self {
        let closed = setting_up || !tokens.is_empty() || !users.is_empty();
        let mut by_prefix: HashMap<String, Vec<TokenRow>> = HashMap::new();
        for row in tokens {
            by_prefix.entry(row.prefix.clone()).or_default().push(row);
        }
        let users: HashMap<_, _> = users.into_iter().filter(|u| u.removed.is_none()).map(|u| (u.id, u)).collect();
        let names = users.values().map(|user| (user.name.clone(), user.id)).collect();
        Self { by_prefix, users, names, closed }
    }

    /// These tokens beside the stored ones; they close nothing.
    pub(crate) fn with(mut self, guests: &[TokenRow]) -> Self {
        for row in guests {
            self.by_prefix.entry(row.prefix.clone()).or_default().push(row.clone());
        }
        self
    }

    /// While no token and no user was ever made, who can reach the port (loopback only) may do all.
    pub(crate) fn is_open(&self) -> bool {
        !self.closed
    }

    pub(crate) fn user(&self, name: &str) -> Option<&UserRow> {
        self.users.get(self.names.get(name)?)
    }

    pub(crate) fn users(&self) -> impl Iterator<Item = &UserRow> {
        self.users.values()
    }

    /// Who sends this.
    pub(crate) fn identify(
        &self,
        presented: &Presented<'_>,
        sessions: &LiveSessions,
        settings: &Settings,
        now: UnixNanos,
    ) -> Result<Identity, Refusal> {
        if self.is_open() {
            return open(presented);
        }
        match (presented.authorization, presented.session) {
            (Some(authorization), _) => self.by_token(authorization, now),
            (None, Some(cookie)) => self.by_session(cookie, presented, sessions, settings, now),
            (None, None) => Err(Refusal::NoToken),
        }
    }

    fn by_token(&self, authorization: &str, now: UnixNanos) -> Result<Identity, Refusal> {
        let row = self.token(authorization)?;
        if row.expires.is_some_and(|at| at <= now) {
            return Err(Refusal::Expired);
        }
        let grants: Vec<Grant> = row.scopes.iter().filter_map(|s| Grant::parse(s).ok()).flatten().collect();
        let roles = grants.iter().filter_map(|grant| match grant {
            Grant::Role(role) => Some(*role),
            Grant::Ingest(_) | Grant::Alerts => None,
        });
        let who = Who::Token(row.name.as_str().into());
        let caller = Caller { workspace: row.workspace.clone(), who, role: roles.max() };
        Ok(Identity { caller, grants, token: Some(row.id), csrf: None })
    }

    fn token(&self, authorization: &str) -> Result<&TokenRow, Refusal> {
        let (scheme, text) = authorization.trim().split_once(' ').ok_or(Refusal::NoToken)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::NoToken);
        }
        let presented = TokenText::parse(text.trim()).ok_or(Refusal::BadToken)?;
        let rows = self.by_prefix.get(&presented.prefix).map_or(&[][..], Vec::as_slice);
        rows.iter()
            .find(|row| presented.secret.matches(&row.hash))
            .filter(|row| row.revoked.is_none())
            .ok_or(Refusal::BadToken)
    }

    fn by_session(
        &self,
        cookie: &str,
        presented: &Presented<'_>,
        sessions: &LiveSessions,
        settings: &Settings,
        now: UnixNanos,
    ) -> Result<Identity, Refusal> {
        let id = SessionId::parse(cookie).ok_or(Refusal::SessionEnded)?;
        let live = sessions.0.get(&id.hash()).ok_or(Refusal::SessionEnded)?;
        let user = self.users.get(&live.row().user).ok_or(Refusal::SessionEnded)?;
        let role = Role::parse(&user.role).map_err(|_| Refusal::SessionEnded)?;
        if live.ends(settings) <= now || live.row().epoch != user.epoch {
            return Err(Refusal::SessionEnded);
        }
        live.touch(now);
        let who = Who::User(user.name.as_str().into());
        Ok(Identity {
            caller: Caller { workspace: user.workspace.clone(), who, role: Some(role) },
            grants: vec![Grant::Role(role)],
            token: None,
            csrf: Some(presented.csrf.is_some_and(|told| id.is_csrf(told))),
        })
    }
}

impl Identity {
    /// Whether this may do what needs `needs`; the reason when not.
    pub(crate) fn refusal(&self, needs: Need, presented: &Presented<'_>) -> Option<Refusal> {
        if self.caller.who != Who::Open && !needs.met_by(&self.grants) {
            return Some(Refusal::Lacks(match needs {
                Need::Role(role) => Grant::Role(role).to_string(),
                Need::Ingest(signal) => Grant::Ingest(signal).to_string(),
                Need::Alerts => Grant::Alerts.to_string(),
                Need::Nothing => String::new(),
            }));
        }
        if presented.workspace.is_some_and(|named| named != self.caller.workspace.as_str()) {
            return Some(Refusal::OtherWorkspace);
        }
        // A browser sends the cookie for any page that asks; the word only a page of ours knows.
        (presented.changes && self.csrf == Some(false)).then_some(Refusal::Csrf)
    }
}

fn open(presented: &Presented<'_>) -> Result<Identity, Refusal> {
    if let Some(refusal) = foreign_host(presented) {
        return Err(refusal);
    }
    let caller = Caller { workspace: Workspace::default(), who: Who::Open, role: Some(Role::Admin) };
    Ok(Identity { caller, grants: vec![], token: None, csrf: None })
}

#[cfg(test)]
mod tests;
