//! Signing in and out, sessions, the first user, users and tokens over HTTP.

use super::*;

#[tokio::test]
async fn on_an_open_loopback_nobody_signs_in_and_the_first_user_closes_it() {
    let here = Here::new().await;
    let who = here.call("GET", "/api/v1/session", &[("host", "127.0.0.1:8080")], Value::Null).await;
    let open = json!({ "user": null, "role": "admin", "workspace": "default", "open": true, "by": "open", "csrf": null,
        "expires_at": null });
    assert_eq!((who.status, who.body), (200, open));
    let asked = |name: &str, role: &str| json!({ "name": name, "password": PASSWORD, "role": role });
    let viewer = here.call("POST", "/api/v1/users", &[], asked("bob", "viewer")).await;
    assert_eq!((viewer.status, viewer.kind()), (409, "conflict"), "nobody could add another: {}", viewer.body);
    let token = here.call("POST", "/api/v1/tokens", &[], json!({ "name": "in", "scopes": ["ingest"] })).await;
    assert_eq!((token.status, token.kind()), (409, "conflict"), "{}", token.body);
    let admin = here.call("POST", "/api/v1/users", &[], asked("Alice", "admin")).await;
    assert_eq!((admin.status, &admin.body["name"]), (201, &json!("alice")), "{}", admin.body);
    let who = here.call("GET", "/api/v1/session", &[], Value::Null).await;
    assert_eq!((who.status, who.kind()), (401, "unauthenticated"));
    let alice = here.sign_in("alice").await;
    let who = here.page(&alice, "GET", "/api/v1/session", Value::Null).await;
    assert_eq!(who.body["user"], "alice");
    assert_eq!(who.body["csrf"], alice.csrf.as_str());
    assert_eq!(who.body["expires_at"], "2024-10-04T12:00:00.000000000Z");
    assert_eq!(who.body["by"], "session");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_answered_alike() {
    let here = Here::new().await;
    here.user("alice", Role::Admin, "default").await;
    let wrong = here.try_sign_in("203.0.113.9", "alice", "wrong horse").await;
    let unknown = here.try_sign_in("203.0.113.9", "mallory", PASSWORD).await;
    let nonsense = here.try_sign_in("203.0.113.9", "' OR 1=1 --", PASSWORD).await;
    for reply in [&wrong, &unknown, &nonsense] {
        assert_eq!((reply.status, reply.kind()), (401, "unauthenticated"));
        assert_eq!(reply.body, wrong.body);
        assert!(reply.headers.get(SET_COOKIE).is_none());
    }
    assert_eq!(here.figure("stormglass_access_sign_ins_failed_total"), 3);
    let good = here.try_sign_in("203.0.113.9", " ALICE ", PASSWORD).await;
    assert_eq!(good.status, 200);
    let cookie = good.headers[SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Lax") && !cookie.contains("Secure"), "{cookie}");
    assert!(!good.body.to_string().contains(good.cookie().split('=').nth(1).unwrap()), "the id is in the cookie only");
    let long = here.call("POST", "/api/v1/session", &[], json!({ "user": "a".repeat(20_000), "password": "x" })).await;
    assert_eq!((long.status, long.kind()), (413, "too-large"));
    for (what, body) in [("no JSON", json!("x")), ("a typing error", json!({ "usr": "alice", "password": "x" }))] {
        assert_eq!(here.call("POST", "/api/v1/session", &[], body).await.status, 400, "{what}");
    }
}

#[tokio::test]
async fn a_name_and_an_address_have_so_many_failures_and_then_wait() {
    let settings = Settings { attempts_per_name_max: 3, attempts_per_address_max: 5, ..Settings::default() };
    let here = Here::with(settings).await;
    for name in ["alice", "bob", "carol"] {
        here.user(name, Role::Admin, "default").await;
    }
    for ip in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
        assert_eq!(here.try_sign_in(ip, "alice", "wrong horse").await.status, 401);
    }
    let limited = here.try_sign_in("203.0.113.4", "alice", PASSWORD).await;
    assert_eq!((limited.status, limited.kind()), (429, "too-many-attempts"), "also with the right one");
    let wait: u64 = limited.headers[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=101).contains(&wait), "{wait}");
    assert_eq!(here.try_sign_in("203.0.113.4", "bob", PASSWORD).await.status, 200, "others are not locked out");
    for name in ["bob", "carol", "nobody", "nobody", "bob"] {
        assert_eq!(here.try_sign_in("203.0.113.5", name, "wrong horse").await.status, 401);
    }
    assert_eq!(here.try_sign_in("203.0.113.5", "carol", PASSWORD).await.status, 429, "one address, many names");
    assert_eq!(here.try_sign_in("203.0.113.6", "carol", PASSWORD).await.status, 200);
    assert_eq!(here.figure("stormglass_access_sign_ins_limited_total"), 2);
    here.clock.advance(Duration::from_secs(wait));
    assert_eq!(here.try_sign_in("203.0.113.4", "alice", PASSWORD).await.status, 200, "later");
    for _ in 0..20 {
        assert_eq!(here.try_sign_in("203.0.113.7", "carol", PASSWORD).await.status, 200, "success costs nothing");
    }
}

#[tokio::test]
async fn a_session_ends_when_it_rests_too_long_and_when_it_is_too_old() {
    let here = Here::new().await;
    here.user("alice", Role::Admin, "default").await;
    let (rests, busy) = (here.sign_in("alice").await, here.sign_in("alice").await);
    let hour = Duration::from_secs(3_600);
    let status = async |browser: &Browser| here.page(browser, "GET", "/api/v1/services", Value::Null).await.status;
    for age in 1..=168 {
        here.clock.advance(hour);
        let expected = if age < 168 { 200 } else { 401 };
        assert_eq!(status(&busy).await, expected, "after {age} h of use");
        if age == 11 {
            assert_eq!(status(&rests).await, 200, "used once more");
        }
        if age == 23 {
            assert_eq!(status(&rests).await, 401, "12 h later");
        }
    }
    here.access.tidy().await.unwrap();
    assert_eq!(here.figure("stormglass_access_sessions"), 0);
    assert!(here.store.sessions().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_session_lives_on_in_a_server_that_starts_again() {
    let here = Here::new().await;
    here.user("alice", Role::Admin, "default").await;
    let alice = here.sign_in("alice").await;
    here.clock.advance(Duration::from_secs(6 * 3_600));
    assert_eq!(here.page(&alice, "GET", "/api/v1/services", Value::Null).await.status, 200);
    here.access.refresh().await.unwrap();
    here.clock.advance(Duration::from_secs(11 * 3_600));
    let again = Access::open(&here.store, Settings::default(), Arc::clone(&here.clock) as _).await.unwrap();
    let cookie = alice.cookie.split_once('=').unwrap().1;
    let presented = crate::Presented { session: Some(cookie), ..crate::Presented::default() };
    let checked = again.check(Need::Role(Role::Admin), &presented, &crate::Client::default()).await;
    assert_eq!(checked.unwrap().name().as_deref(), Some("alice"), "its last use was written down");
}

#[tokio::test]
async fn who_signs_out_is_out_and_only_there() {
    let here = Here::new().await;
    here.user("alice", Role::Admin, "default").await;
    let (one, other) = (here.sign_in("alice").await, here.sign_in("alice").await);
    let out = here.page(&one, "DELETE", "/api/v1/session", Value::Null).await;
    assert_eq!(out.status, 204);
    assert!(out.headers[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(here.page(&one, "GET", "/api/v1/session", Value::Null).await.status, 401);
    assert_eq!(here.page(&other, "GET", "/api/v1/session", Value::Null).await.status, 200);
}

#[tokio::test]
async fn the_oldest_session_of_a_user_ends_when_there_are_too_many() {
    let here = Here::with(Settings { sessions_per_user_max: 2, ..Settings::default() }).await;
    here.user("alice", Role::Admin, "default").await;
    let mut browsers = Vec::new();
    for _ in 0..3 {
        browsers.push(here.sign_in("alice").await);
        here.clock.advance(Duration::from_secs(1));
    }
    for (at, status) in [(0, 401), (1, 200), (2, 200)] {
        assert_eq!(here.page(&browsers[at], "GET", "/api/v1/session", Value::Null).await.status, status, "{at}");
    }
    assert_eq!(here.figure("stormglass_access_sessions_displaced_total"), 1);
}

#[tokio::test]
async fn a_new_password_needs_the_present_one_and_ends_all_sessions_but_this_page() {
    let here = Here::new().await;
    here.user("alice", Role::Admin, "default").await;
    here.user("bob", Role::Viewer, "default").await;
    let (page, elsewhere) = (here.sign_in("bob").await, here.sign_in("bob").await);
    let path = "/api/v1/users/bob/password";
    let next = "another horse";
    for (what, body, status) in [
        ("without the present one", json!({ "password": next }), 400),
        ("with a wrong present one", json!({ "password": next, "current": "wrong horse" }), 403),
        ("a weak one", json!({ "password": "short", "current": PASSWORD }), 400),
    ] {
        assert_eq!(here.page(&page, "POST", path, body).await.status, status, "{what}");
    }
    let others = here.page(&page, "POST", "/api/v1/users/alice/password", json!({ "password": next })).await;
    assert_eq!(others.status, 403, "a viewer's own only");
    let changed = here.page(&page, "POST", path, json!({ "password": next, "current": PASSWORD })).await;
    assert_eq!(changed.status, 204);
    for (what, browser) in [("this page's old session", &page), ("the other one", &elsewhere)] {
        assert_eq!(here.page(browser, "GET", "/api/v1/session", Value::Null).await.status, 401, "{what}");
    }
    let cookie = changed.cookie();
    let who = here.call("GET", "/api/v1/session", &[("cookie", &cookie)], Value::Null).await;
    assert_eq!(who.body["user"], "bob", "the new one");
    assert_eq!(here.try_sign_in("203.0.113.9", "bob", PASSWORD).await.status, 401);
    let alice = here.sign_in("alice").await;
    assert_eq!(here.page(&alice, "POST", path, json!({ "password": PASSWORD })).await.status, 204, "an admin");
    assert_eq!(here.call("GET", "/api/v1/session", &[("cookie", &cookie)], Value::Null).await.status, 401);
}

#[tokio::test]
async fn a_role_counts_from_the_next_request_on_and_a_removed_user_is_out() {
    let here = Here::new().await;
    here.user("alice", Role::Admin, "default").await;
    here.user("bob", Role::Viewer, "default").await;
    let (alice, bob) = (here.sign_in("alice").await, here.sign_in("bob").await);
    assert_eq!(here.page(&bob, "GET", "/api/v1/users", Value::Null).await.status, 403);
    let changed = here.page(&alice, "PUT", "/api/v1/users/bob", json!({ "role": "admin" })).await;
    assert_eq!((changed.status, &changed.body["role"]), (200, &json!("admin")));
    let users = here.page(&bob, "GET", "/api/v1/users", Value::Null).await;
    let names: Vec<_> = users.body["items"].as_array().unwrap().iter().map(|user| user["name"].clone()).collect();
    assert_eq!(names, ["alice", "bob"]);
    assert!(!users.body.to_string().contains("argon2"), "no hash is shown");
    assert_eq!(here.page(&alice, "DELETE", "/api/v1/users/bob", Value::Null).await.status, 204);
    assert_eq!(here.page(&bob, "GET", "/api/v1/session", Value::Null).await.status, 401);
    assert_eq!(here.try_sign_in("203.0.113.9", "bob", PASSWORD).await.status, 401);
    let last = here.page(&alice, "DELETE", "/api/v1/users/alice", Value::Null).await;
    assert_eq!((last.status, last.kind()), (409, "conflict"), "nobody could come in any more");
    assert_eq!(here.page(&alice, "PUT", "/api/v1/users/alice", json!({ "role": "viewer" })).await.status, 409);
    for (what, method, path, body, status) in [
        ("nobody", "PUT", "/api/v1/users/nobody", json!({ "role": "viewer" }), 404),
        ("no role", "PUT", "/api/v1/users/alice", json!({ "role": "root" }), 400),
        (
            "a name that is taken",
            "POST",
            "/api/v1/users",
            json!({"name": "ALICE", "password": PASSWORD, "role": "viewer"}),
            409,
        ),
        ("no name", "POST", "/api/v1/users", json!({"name": "a b", "password": PASSWORD, "role": "viewer"}), 400),
    ] {
        assert_eq!(here.page(&alice, method, path, body).await.status, status, "{what}");
    }
}

#[tokio::test]
async fn the_first_administrator_is_made_from_afar_once_with_the_printed_secret() {
    let here = Here::new().await;
    assert_eq!(here.call("GET", "/api/v1/setup", &[], Value::Null).await.body, json!({ "needed": false }));
    let secret = here.access.begin_setup().await.unwrap().unwrap();
    assert_eq!(here.call("GET", "/api/v1/setup", &[], Value::Null).await.body, json!({ "needed": true }));
    assert_eq!(here.call("GET", "/api/v1/session", &[], Value::Null).await.status, 401, "nothing is open meanwhile");
    assert!(here.access.any_credential().await.unwrap());
    let asked = |token: &str, password: &str| json!({ "token": token, "user": "alice", "password": password });
    for (what, body, status) in [
        ("a guess", asked(&"0".repeat(64), PASSWORD), 403),
        ("nothing", asked("", PASSWORD), 403),
        ("a weak password", asked(&secret, "short"), 400),
        ("right", asked(&secret, PASSWORD), 200),
        ("once more", asked(&secret, PASSWORD), 403),
    ] {
        let reply = here.call("POST", "/api/v1/setup", &[], body).await;
        assert_eq!(reply.status, status, "{what}: {}", reply.body);
        if status == 200 {
            let who = here.call("GET", "/api/v1/session", &[("cookie", &reply.cookie())], Value::Null).await;
            assert_eq!((&who.body["user"], &who.body["role"]), (&json!("alice"), &json!("admin")));
        }
    }
    assert_eq!(here.access.begin_setup().await.unwrap(), None, "there is somebody now");
    assert_eq!(here.call("GET", "/api/v1/setup", &[], Value::Null).await.body, json!({ "needed": false }));
}

#[tokio::test]
async fn the_secret_of_the_first_start_is_not_guessed_for_long_and_is_void_when_somebody_was_made_otherwise() {
    let here = Here::with(Settings { attempts_per_address_max: 3, ..Settings::default() }).await;
    let secret = here.access.begin_setup().await.unwrap().unwrap();
    let asked = |token: &str| json!({ "token": token, "user": "alice", "password": PASSWORD });
    for _ in 0..3 {
        assert_eq!(here.call("POST", "/api/v1/setup", &[], asked("x")).await.status, 403);
    }
    assert_eq!(here.call("POST", "/api/v1/setup", &[], asked(&secret)).await.status, 429);
    here.token("made by the command line", Grant::Role(Role::Admin), "default").await;
    let late = here.call_from("203.0.113.77", "POST", "/api/v1/setup", &[], asked(&secret)).await;
    assert_eq!((late.status, late.kind()), (403, "setup"));
}

#[tokio::test]
async fn a_token_is_made_shown_once_used_and_revoked() {
    let here = Here::new().await;
    here.user("alice", Role::Admin, "default").await;
    let alice = here.sign_in("alice").await;
    let asked = json!({ "name": "grafana", "scopes": ["viewer", "ingest"], "expires": "1h" });
    let created = here.page(&alice, "POST", "/api/v1/tokens", asked.clone()).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let secret = created.body["secret"].as_str().unwrap();
    let id = created.body["token"]["id"].as_str().unwrap();
    assert_eq!(created.body["token"]["scopes"], json!(["viewer", "ingest:traces", "ingest:metrics", "ingest:logs"]));
    let bearer = format!("Bearer {secret}");
    let headers = [("authorization", &*bearer)];
    let who = here.call("GET", "/api/v1/session", &headers, Value::Null).await;
    assert_eq!(
        (&who.body["by"], &who.body["role"], &who.body["user"]),
        (&json!("token"), &json!("viewer"), &Value::Null)
    );
    let list = here.page(&alice, "GET", "/api/v1/tokens", Value::Null).await;
    assert_eq!((&list.body["items"][0]["state"], list.body["items"].as_array().unwrap().len()), (&json!("valid"), 1));
    assert!(!list.body.to_string().contains(&secret[12..]), "the secret is shown once");
    let again = here.page(&alice, "POST", "/api/v1/tokens", asked).await;
    assert_eq!((again.status, again.kind()), (409, "conflict"));
    for (what, body) in [
        ("no scope", json!({ "name": "x", "scopes": [] })),
        ("an unknown scope", json!({ "name": "x", "scopes": ["root"] })),
        ("an end in the past", json!({ "name": "x", "scopes": ["viewer"], "expires": "2001-01-01T00:00:00Z" })),
        ("no end", json!({ "name": "x", "scopes": ["viewer"], "expires": "soon" })),
    ] {
        assert_eq!(here.page(&alice, "POST", "/api/v1/tokens", body).await.status, 400, "{what}");
    }
    let path = format!("/api/v1/tokens/{id}");
    assert_eq!(here.page(&alice, "DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(here.page(&alice, "DELETE", &path, Value::Null).await.status, 404);
    assert_eq!(here.call("GET", "/api/v1/session", &headers, Value::Null).await.status, 401);
}

#[tokio::test]
async fn a_long_list_of_tokens_goes_on_where_it_ended() {
    let here = Here::new().await;
    let admin = here.token("first", Grant::Role(Role::Admin), "default").await;
    for number in 0..4 {
        here.token(&number.to_string(), Grant::Role(Role::Viewer), "default").await;
    }
    let headers = [("authorization", &*admin)];
    let (mut seen, mut path) = (Vec::new(), "/api/v1/tokens?limit=2".to_owned());
    loop {
        let page = here.call("GET", &path, &headers, Value::Null).await.body;
        seen.extend(page["items"].as_array().unwrap().iter().map(|token| token["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/tokens?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["3", "2", "1", "0", "first"]);
}
