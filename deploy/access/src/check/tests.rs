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
        ("changes with another word", user(), run, Presented { csrf: Some("x"), ..changes }, NOW, Err(Refusal::Csrf)),
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
        ("an unknown session", user(), read, Presented { session: Some(&unknown), ..asks }, NOW, Err(ended.clone())),
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
