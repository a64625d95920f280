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
            Grant::Ingest(_) => None,
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
mod tests {
    use super::*;
    use metastore::{PasswordText, SessionRow};
    use model::Signal;
    use std::time::Duration;

    const NOW: UnixNanos = UnixNanos(1_000);

    fn row(token: &TokenText, scopes: &[&str]) -> TokenRow {
        TokenRow {
            id: TokenId(1),
            name: "shop".into(),
            hash: token.secret.hash(),
            prefix: token.prefix.clone(),
            scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
            workspace: Workspace::new("team").unwrap(),
            created: UnixNanos(0),
            expires: None,
            last_used: None,
            revoked: None,
        }
    }

    fn check(
        rows: Vec<TokenRow>,
        needs: Need,
        authorization: Option<&str>,
        workspace: Option<&str>,
    ) -> Result<Caller, Refusal> {
        let presented = Presented { authorization, workspace, ..Presented::default() };
        decided(&Known::new(rows, vec![], false), &LiveSessions::default(), needs, &presented, NOW)
    }

    fn decided(
        known: &Known,
        sessions: &LiveSessions,
        needs: Need,
        presented: &Presented<'_>,
        now: UnixNanos,
    ) -> Result<Caller, Refusal> {
        let identity = known.identify(presented, sessions, &Settings::default(), now)?;
        match identity.refusal(needs, presented) {
            None => Ok(identity.caller),
            Some(refusal) => Err(refusal),
        }
    }

    #[test]
    fn a_token_lets_in_what_it_grants_while_it_is_valid() {
        let token = TokenText::generate().unwrap();
        let other = TokenText::generate().unwrap();
        let bearer = format!("Bearer {}", token.reveal());
        let good = row(&token, &["ingest:traces", "operator"]);
        let traces = Need::Ingest(Signal::Traces);
        let ok = Ok(Caller {
            workspace: Workspace::new("team").unwrap(),
            who: Who::Token("shop".into()),
            role: Some(Role::Operator),
        });
        let expired = TokenRow { expires: Some(NOW), ..good.clone() };
        let lasting = TokenRow { expires: Some(UnixNanos(NOW.0 + 1)), ..good.clone() };
        let revoked = TokenRow { revoked: Some(UnixNanos(1)), ..good.clone() };
        let impostor = TokenRow { hash: other.secret.hash(), ..good.clone() };
        for (what, stored, needs, authorization, workspace, outcome) in [
            ("its scope", &good, traces, Some(&*bearer), None, ok.clone()),
            ("a lower role", &good, Need::Role(Role::Viewer), Some(&bearer), None, ok.clone()),
            ("scheme in any case", &good, traces, Some(&bearer.replace("Bearer", "bearer")), None, ok.clone()),
            ("the same workspace named", &good, traces, Some(&bearer), Some("team"), ok.clone()),
            ("not yet expired", &lasting, traces, Some(&bearer), None, ok.clone()),
            ("another workspace named", &good, traces, Some(&bearer), Some("default"), Err(Refusal::OtherWorkspace)),
            (
                "another signal",
                &good,
                Need::Ingest(Signal::Logs),
                Some(&bearer),
                None,
                Err(Refusal::Lacks("ingest:logs".into())),
            ),
            ("a higher role", &good, Need::Role(Role::Admin), Some(&bearer), None, Err(Refusal::Lacks("admin".into()))),
            ("nothing presented", &good, traces, None, None, Err(Refusal::NoToken)),
            ("another scheme", &good, traces, Some("Basic abc"), None, Err(Refusal::NoToken)),
            ("no token text", &good, traces, Some("Bearer abc"), None, Err(Refusal::BadToken)),
            ("an unknown token", &row(&other, &["ingest:traces"]), traces, Some(&bearer), None, Err(Refusal::BadToken)),
            ("right id, wrong secret", &impostor, traces, Some(&bearer), None, Err(Refusal::BadToken)),
            ("expired", &expired, traces, Some(&bearer), None, Err(Refusal::Expired)),
            ("revoked", &revoked, traces, Some(&bearer), None, Err(Refusal::BadToken)),
        ] {
            assert_eq!(check(vec![stored.clone()], needs, authorization, workspace), outcome, "{what}");
        }
    }

    #[test]
    fn without_any_token_all_is_open_and_one_revoked_token_is_enough_to_close() {
        let needs = Need::Role(Role::Admin);
        let open = check(vec![], needs, None, None).unwrap();
        assert_eq!(open, Caller { workspace: Workspace::default(), who: Who::Open, role: Some(Role::Admin) });
        assert_eq!(check(vec![], needs, None, Some("other")), Err(Refusal::OtherWorkspace));
        let token = TokenText::generate().unwrap();
        let revoked = TokenRow { revoked: Some(UnixNanos(1)), ..row(&token, &["admin"]) };
        assert_eq!(check(vec![revoked], needs, None, None), Err(Refusal::NoToken));
    }

    fn user() -> UserRow {
        UserRow {
            id: UserId(3),
            name: "alice".into(),
            role: "operator".into(),
            workspace: Workspace::new("team").unwrap(),
            password: PasswordText(String::new()),
            epoch: 4,
            created: UnixNanos(0),
            password_changed: UnixNanos(0),
            last_login: None,
            removed: None,
        }
    }

    #[test]
    fn a_session_is_its_user_until_it_ends_and_changes_need_the_word_of_our_page() {
        let (id, stranger) = (SessionId::generate().unwrap(), SessionId::generate().unwrap());
        let text = |id: &SessionId| {
            let cookie = id.cookie(&crate::Client::default(), Duration::from_secs(1));
            cookie.split(['=', ';']).nth(1).unwrap().to_owned()
        };
        let (cookie, unknown, csrf) = (text(&id), text(&stranger), id.csrf());
        let row = SessionRow { hash: id.hash(), user: UserId(3), epoch: 4, created: NOW, last_used: NOW };
        let alice = Caller {
            workspace: Workspace::new("team").unwrap(),
            who: Who::User("alice".into()),
            role: Some(Role::Operator),
        };
        let (read, run) = (Need::Role(Role::Viewer), Need::Role(Role::Operator));
        let idle = NOW.saturating_add(Settings::default().session_idle_max);
        let asks = Presented { session: Some(&cookie), ..Presented::default() };
        let changes = Presented { changes: true, ..asks };
        let proven = Presented { csrf: Some(&csrf), ..changes };
        let promoted = UserRow { role: "admin".into(), ..user() };
        let (ended, nobody) = (Refusal::SessionEnded, UserRow { removed: Some(NOW), ..user() });
        for (what, user, needs, presented, now, outcome) in [
            ("asks", user(), read, asks, NOW, Ok(alice.clone())),
            ("changes, and proves it", user(), run, proven, NOW, Ok(alice.clone())),
            ("changes", user(), run, changes, NOW, Err(Refusal::Csrf)),
            (
                "changes with another word",
                user(),
                run,
                Presented { csrf: Some("x"), ..changes },
                NOW,
                Err(Refusal::Csrf),
            ),
            ("a higher role", user(), Need::Role(Role::Admin), proven, NOW, Err(Refusal::Lacks("admin".into()))),
            (
                "a new role counts at once",
                promoted,
                Need::Role(Role::Admin),
                proven,
                NOW,
                Ok(Caller { role: Some(Role::Admin), ..alice.clone() }),
            ),
            ("no ingest", user(), Need::Ingest(Signal::Logs), proven, NOW, Err(Refusal::Lacks("ingest:logs".into()))),
            (
                "another workspace",
                user(),
                read,
                Presented { workspace: Some("other"), ..asks },
                NOW,
                Err(Refusal::OtherWorkspace),
            ),
            ("too long unused", user(), read, asks, idle, Err(ended.clone())),
            ("just in time", user(), read, asks, UnixNanos(idle.0 - 1), Ok(alice)),
            ("a new password", UserRow { epoch: 5, ..user() }, read, asks, NOW, Err(ended.clone())),
            ("the user is gone", nobody, read, asks, NOW, Err(ended.clone())),
            (
                "an unknown session",
                user(),
                read,
                Presented { session: Some(&unknown), ..asks },
                NOW,
                Err(ended.clone()),
            ),
            ("nonsense", user(), read, Presented { session: Some("x"), ..asks }, NOW, Err(ended)),
            ("nothing", user(), read, Presented::default(), NOW, Err(Refusal::NoToken)),
            (
                "a token beside it counts alone",
                user(),
                read,
                Presented { authorization: Some("Bearer x"), ..asks },
                NOW,
                Err(Refusal::BadToken),
            ),
        ] {
            let sessions = LiveSessions::new(vec![row.clone()]);
            let known = Known::new(vec![], vec![user], false);
            assert_eq!(decided(&known, &sessions, needs, &presented, now), outcome, "{what}");
        }
    }

    #[test]
    fn a_user_who_was_removed_keeps_the_door_closed_and_so_does_a_set_up_under_way() {
        let gone = UserRow { removed: Some(NOW), ..user() };
        for (users, setting_up, is_open) in [(vec![], false, true), (vec![], true, false), (vec![gone], false, false)] {
            assert_eq!(Known::new(vec![], users, setting_up).is_open(), is_open);
        }
    }
}
