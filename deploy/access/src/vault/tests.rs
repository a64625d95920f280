use super::*;
use crate::Role;
use crate::{Grant, Issue};
use metastore::Metastore;
use model::{ManualClock, Workspace};

async fn access(dir: &tempfile::TempDir, clock: &Arc<ManualClock>) -> Arc<Access> {
    let store = Metastore::open(&dir.path().join("metastore.sqlite"), metastore::Settings::default()).await.unwrap();
    Access::open(&store, Settings::default(), Arc::clone(clock) as _).await.unwrap()
}

async fn check(access: &Access, role: Role, presented: &Presented<'_>) -> Option<Refusal> {
    let checked = access.check(Need::Role(role), presented, &Client::default()).await;
    checked.err().map(|denied| denied.refusal)
}

fn issue(grants: &[Grant]) -> Issue {
    Issue { name: "shop".into(), grants: grants.to_vec(), workspace: Workspace::default(), expires: None }
}

#[tokio::test]
async fn a_token_made_by_one_process_is_known_to_another_and_dies_with_its_revocation() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(UnixNanos(UnixNanos::DAY)));
    let server = access(&dir, &clock).await;
    let command_line = access(&dir, &clock).await;
    assert!(server.is_open());

    let (row, text) = command_line.create(issue(&[Grant::Role(Role::Viewer)])).await.unwrap();
    let bearer = format!("Bearer {}", text.reveal());
    let presented = Presented { authorization: Some(&bearer), ..Presented::default() };
    server.refresh().await.unwrap();
    assert!(!server.is_open());
    assert_eq!(check(&server, Role::Viewer, &presented).await, None);
    let nobody = Presented::default();
    assert_eq!(check(&server, Role::Viewer, &nobody).await, Some(Refusal::NoToken));

    server.refresh().await.unwrap();
    assert_eq!(server.list().await.unwrap()[0].last_used, Some(clock.now()));
    assert!(command_line.revoke(&row.prefix).await.unwrap().is_some());
    assert!(command_line.revoke(&row.prefix).await.unwrap().is_none());
    server.refresh().await.unwrap();
    assert_eq!(check(&server, Role::Viewer, &presented).await, Some(Refusal::BadToken));
    assert!(!server.any_credential().await.unwrap());
}

#[tokio::test]
async fn an_unknown_token_is_looked_up_at_once_but_not_at_every_guess() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(UnixNanos(UnixNanos::DAY)));
    let command_line = access(&dir, &clock).await;
    command_line.create(issue(&[Grant::Role(Role::Viewer)])).await.unwrap();
    let server = access(&dir, &clock).await;
    let (_, text) =
        command_line.create(Issue { name: "late".into(), ..issue(&[Grant::Role(Role::Admin)]) }).await.unwrap();
    let bearer = format!("Bearer {}", text.reveal());
    let presented = Presented { authorization: Some(&bearer), ..Presented::default() };
    assert_eq!(check(&server, Role::Admin, &presented).await, Some(Refusal::BadToken));
    clock.advance(Settings::default().lookup_pause);
    assert_eq!(check(&server, Role::Admin, &presented).await, None);
}

#[tokio::test]
async fn an_address_that_guesses_is_told_to_wait_and_its_neighbours_are_let_in() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(UnixNanos(UnixNanos::DAY)));
    let access = access(&dir, &clock).await;
    let (_, text) = access.create(issue(&[Grant::Role(Role::Viewer)])).await.unwrap();
    let (good, bad) = (format!("Bearer {}", text.reveal()), "Bearer sg_12345678_00".to_owned());
    let client = |ip: &str| Client { ip: Some(ip.parse().unwrap()), secure: false };
    let ask = async |bearer: &str, ip: &str| {
        let presented = Presented { authorization: Some(bearer), ..Presented::default() };
        let checked = access.check(Need::Role(Role::Viewer), &presented, &client(ip)).await;
        checked.err().map(|denied| denied.refusal)
    };
    for _ in 0..access.settings().attempts_per_address_max {
        assert_eq!(ask(&bad, "203.0.113.9").await, Some(Refusal::BadToken));
    }
    let Some(Refusal::TooManyGuesses(seconds)) = ask(&bad, "203.0.113.9").await else { panic!("a refusal") };
    assert!((1..=11).contains(&seconds), "{seconds}");
    assert_eq!(ask(&good, "203.0.113.9").await, None, "a good token beside it");
    assert_eq!(ask(&bad, "203.0.113.10").await, Some(Refusal::BadToken), "another address");
    assert_eq!(access.counts.guesses_limited.load(Relaxed), 1);
    clock.advance(Duration::from_secs(seconds));
    assert_eq!(ask(&bad, "203.0.113.9").await, Some(Refusal::BadToken), "later");
}

#[tokio::test]
async fn a_token_without_name_scope_or_future_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(UnixNanos(UnixNanos::DAY)));
    let access = access(&dir, &clock).await;
    let good = issue(&[Grant::Role(Role::Viewer)]);
    for bad in [
        Issue { name: String::new(), ..good.clone() },
        Issue { name: "a\nb".into(), ..good.clone() },
        Issue { grants: vec![], ..good.clone() },
        Issue { expires: Some(clock.now()), ..good.clone() },
    ] {
        assert!(matches!(access.create(bad).await, Err(AccessError::Invalid(_))));
    }
}

#[tokio::test]
async fn a_guest_closes_nothing_and_goes_on_when_the_door_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(UnixNanos(UnixNanos::DAY)));
    let access = access(&dir, &clock).await;
    let bearer = format!("Bearer {}", access.guest("demo", &[Grant::Role(Role::Viewer)]).await.unwrap());
    let presented = Presented { authorization: Some(&bearer), ..Presented::default() };
    assert!(access.is_open() && access.list().await.unwrap().is_empty());
    assert_eq!(check(&access, Role::Admin, &presented).await, None, "open to everybody");
    access.create(issue(&[Grant::Role(Role::Admin)])).await.unwrap();
    access.refresh().await.unwrap();
    assert_eq!(check(&access, Role::Viewer, &presented).await, None);
    assert_eq!(check(&access, Role::Admin, &presented).await, Some(Refusal::Lacks("admin".into())));
}
