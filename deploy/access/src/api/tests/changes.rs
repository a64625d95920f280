//! What is written to the audit log, what is not, and what happens when it cannot be.

use super::*;

impl Here {
    /// Method, path, status, actor and kind of each row, oldest first.
    async fn written(&self) -> Vec<String> {
        let rows = self.store.audit().following(0, 1_000).await.unwrap();
        let line = |row: &metastore::AuditRow| {
            let entry = &row.entry;
            let actor = entry.actor.as_deref().unwrap_or("-");
            format!("{} {} {} {} {actor}", entry.method, entry.path, entry.status, entry.actor_kind)
        };
        rows.iter().map(line).collect()
    }
}

#[tokio::test]
async fn who_changed_what_from_where_is_written_before_the_answer() {
    let here = Here::new().await;
    here.call("POST", "/api/v1/flush", &[], Value::Null).await;
    here.user("alice", Role::Admin, "default").await;
    let viewer = here.token("grafana", Grant::Role(Role::Viewer), "default").await;
    let ingest = here.token("shop", Grant::Ingest(model::Signal::Logs), "default").await;
    let alice = here.sign_in("alice").await;
    here.try_sign_in("198.51.100.7", "alice", "wrong horse").await;
    here.page(&alice, "POST", "/api/v1/users", json!({"name": "bob", "password": PASSWORD, "role": "viewer"})).await;
    here.call("POST", "/api/v1/flush", &[("authorization", &viewer)], Value::Null).await;
    // None of these changes anything, or can be pinned on anybody.
    here.call("POST", "/api/v1/flush", &[], Value::Null).await;
    here.call("POST", "/api/v1/sql", &[("authorization", &viewer)], Value::Null).await;
    here.call("POST", "/v1/logs", &[("authorization", &ingest)], Value::Null).await;
    here.page(&alice, "GET", "/api/v1/users", Value::Null).await;
    here.call("POST", "/api/v1/session", &[], json!({})).await;
    here.page(&alice, "DELETE", "/api/v1/users/bob", Value::Null).await;
    assert_eq!(
        here.written().await,
        [
            "POST /api/v1/flush 200 open -",
            "POST /api/v1/session 200 user alice",
            "POST /api/v1/session 401 nobody -",
            "POST /api/v1/users 201 user alice",
            "POST /api/v1/flush 403 token grafana",
            "DELETE /api/v1/users/bob 204 user alice",
        ]
    );
    let page = here.page(&alice, "GET", "/api/v1/audit?limit=2", Value::Null).await.body;
    let items = page["items"].as_array().unwrap();
    assert_eq!(
        (items.len(), &items[0]["route"], &items[0]["ip"]),
        (2, &json!("/api/v1/users/{name}"), &json!("203.0.113.9"))
    );
    let rest = format!("/api/v1/audit?cursor={}", page["next_cursor"].as_str().unwrap());
    let rest = here.page(&alice, "GET", &rest, Value::Null).await.body;
    let rest = rest["items"].as_array().unwrap();
    assert_eq!(rest.len(), 4);
    assert_eq!(rest[0]["detail"], "user \"bob\", viewer, workspace default");
    assert_eq!(
        (&rest[1]["ip"], &rest[1]["detail"]),
        (&json!("198.51.100.7"), &json!("as \"alice\", with a wrong password"))
    );
    let of_alice = here.page(&alice, "GET", "/api/v1/audit?actor=alice&from=now-1h", Value::Null).await.body;
    assert_eq!(of_alice["items"].as_array().unwrap().len(), 3);
    let check = here.page(&alice, "GET", "/api/v1/audit/verify", Value::Null).await.body;
    assert_eq!((&check["intact"], &check["rows"], &check["head_seq"]), (&json!(true), &json!(6), &json!(6)));
    assert_eq!(check["head_hash"], items[0]["hash"]);
    let all = here.store.audit().following(0, 100).await.unwrap();
    assert!(!format!("{all:?}").contains(PASSWORD), "no password is written");
}

#[tokio::test]
async fn strangers_cannot_fill_the_log_and_known_ones_not_with_what_they_are_refused() {
    let here = Here::with(Settings { attempts_per_address_max: 2, ..Settings::default() }).await;
    here.user("alice", Role::Admin, "default").await;
    here.user("bob", Role::Viewer, "default").await;
    let bob = here.sign_in("bob").await;
    let before = here.written().await.len();
    for _ in 0..50 {
        here.try_sign_in("198.51.100.7", "alice", "wrong horse").await;
        here.call("POST", "/api/v1/session", &[], json!({ "nonsense": 1 })).await;
        here.call("POST", "/api/v1/setup", &[], json!({ "token": "x", "user": "x", "password": "x" })).await;
        here.call("DELETE", "/api/v1/users/alice", &[("authorization", "Bearer sg_12345678_00")], Value::Null).await;
    }
    assert_eq!(here.written().await.len() - before, 2, "two wrong passwords; then the address had to wait");
    for _ in 0..50 {
        assert_eq!(here.page(&bob, "DELETE", "/api/v1/users/alice", Value::Null).await.status, 403);
    }
    assert_eq!(here.written().await.len() - before, 22);
    assert_eq!(here.figure("stormglass_audit_refusals_unwritten_total"), 30);
}

#[tokio::test]
async fn what_cannot_be_written_down_is_said_and_then_nothing_more_is_changed() {
    let here = Here::new().await;
    let flush = async || here.call("POST", "/api/v1/flush", &[], Value::Null).await;
    assert_eq!(flush().await.status, 200);
    here.store.clone().close().await;
    let done = flush().await;
    assert_eq!((done.status, done.kind()), (503, "unrecorded"));
    assert!(done.body["detail"].as_str().unwrap().contains("was done"), "{}", done.body);
    let refused = flush().await;
    assert_eq!((refused.status, refused.kind()), (503, "unrecorded"));
    assert!(refused.body["detail"].as_str().unwrap().contains("nothing may be changed"), "{}", refused.body);
    assert_eq!(here.call("GET", "/api/v1/services", &[], Value::Null).await.status, 200, "reading goes on");
    assert!(here.figure("stormglass_audit_failures_total") >= 2);
}
