//! Every route by every role, over tokens and sessions, within a workspace and across.

use super::*;

/// Whether the gate let the call through: what the handlers of this crate say after it is theirs.
fn is_let_in(reply: &Reply) -> bool {
    !matches!(reply.status, 401 | 403 | 405) || (reply.status == 403 && reply.kind() == "setup")
}

fn example(path: &str) -> String {
    path.replace("{name}", "nobody").replace("{id}", "00000000").replace("{*path}", "page")
}

#[tokio::test]
async fn every_route_times_every_role_times_workspace_is_decided_by_the_table() {
    let here = Here::new().await;
    here.user("first", Role::Admin, "default").await;
    let mut credentials = Vec::new();
    for role in Role::ALL {
        for workspace in ["default", "team"] {
            let name = format!("{role}-{workspace}");
            here.user(&name, role, workspace).await;
            let browser = here.sign_in(&name).await;
            let token = here.token(&name, Grant::Role(role), workspace).await;
            credentials.push((role, workspace, browser, token));
        }
    }
    for route in ROUTES.iter().filter(|route| route.method != "OPTIONS") {
        // These two would end the session or the person that the next line needs.
        if ["/api/v1/session", "/api/v1/users/{name}/password"].contains(&route.path) && route.method != "GET" {
            continue;
        }
        let path = example(route.path);
        for (role, workspace, browser, token) in &credentials {
            let allowed = route.needs.met_by(&[Grant::Role(*role)]);
            let by_cookie = [("cookie", &*browser.cookie), ("x-csrf-token", &*browser.csrf)];
            for (how, headers) in [("token", vec![("authorization", &**token)]), ("session", by_cookie.to_vec())] {
                for (named, expected) in [(*workspace, allowed), ("elsewhere", allowed && route.needs == Need::Nothing)]
                {
                    let mut headers = headers.clone();
                    headers.push(("x-stormglass-workspace", named));
                    let reply = here.call(route.method, &path, &headers, Value::Null).await;
                    let what = format!("{} {path} by {how} as {role} of {workspace} naming {named}", route.method);
                    let node_only = route.path == "/api/v1/audit/verify" && *workspace != "default" && expected;
                    assert_eq!(is_let_in(&reply), expected && !node_only, "{what}: {} {}", reply.status, reply.body);
                }
            }
        }
        let nobody = here.call(route.method, &path, &[], Value::Null).await;
        assert_eq!(is_let_in(&nobody), route.needs == Need::Nothing, "{} {path} by nobody", route.method);
    }
}

#[tokio::test]
async fn an_administrator_of_a_workspace_does_not_reach_into_another() {
    let here = Here::new().await;
    here.user("root", Role::Admin, "default").await;
    here.user("east", Role::Admin, "east").await;
    here.user("west", Role::Viewer, "west").await;
    let token = here.token("west-in", Grant::Role(Role::Viewer), "west").await;
    let id = token[10..18].to_owned();
    let (root, east) = (here.sign_in("root").await, here.sign_in("east").await);
    let new_user = json!({ "name": "spy", "password": PASSWORD, "role": "admin", "workspace": "west" });
    let new_token = json!({ "name": "spy", "scopes": ["admin"], "workspace": "default" });
    for (what, method, path, body, status) in [
        ("adds a user there", "POST", "/api/v1/users".to_owned(), new_user.clone(), 403),
        ("makes a token there", "POST", "/api/v1/tokens".to_owned(), new_token, 403),
        ("removes a user there", "DELETE", "/api/v1/users/west".to_owned(), Value::Null, 404),
        ("changes a role there", "PUT", "/api/v1/users/west".to_owned(), json!({ "role": "admin" }), 404),
        (
            "sets a password there",
            "POST",
            "/api/v1/users/west/password".to_owned(),
            json!({ "password": PASSWORD }),
            404,
        ),
        ("revokes a token there", "DELETE", format!("/api/v1/tokens/{id}"), Value::Null, 404),
        ("reads the log there", "GET", "/api/v1/audit?workspace=west".to_owned(), Value::Null, 403),
    ] {
        let reply = here.page(&east, method, &path, body).await;
        assert_eq!(reply.status, status, "{what}: {}", reply.body);
    }
    let names = async |browser: &Browser, path: &str| {
        let list = here.page(browser, "GET", path, Value::Null).await;
        assert_eq!(list.status, 200, "{path}: {}", list.body);
        let items = list.body["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&east, "/api/v1/users").await, ["east"]);
    assert_eq!(names(&root, "/api/v1/users").await, ["east", "root", "west"]);
    assert!(names(&east, "/api/v1/tokens").await.is_empty());
    assert_eq!(names(&east, "/api/v1/workspaces").await, ["east"]);
    assert_eq!(names(&root, "/api/v1/workspaces").await, ["default", "east", "west"]);
    assert_eq!(here.page(&root, "POST", "/api/v1/users", new_user).await.status, 201, "the node's may");
    let log = here.page(&east, "GET", "/api/v1/audit", Value::Null).await;
    let workspaces: BTreeSet<_> =
        log.body["items"].as_array().unwrap().iter().map(|l| l["workspace"].clone().to_string()).collect();
    assert_eq!(workspaces, BTreeSet::from(["\"east\"".to_owned()]));
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing_with_the_cookie() {
    let here = Here::new().await;
    here.user("alice", Role::Admin, "default").await;
    let alice = here.sign_in("alice").await;
    let (cookie, csrf) = (("cookie", &*alice.cookie), ("x-csrf-token", &*alice.csrf));
    let host = ("host", "storm.example:8080");
    for (what, headers, status, kind) in [
        ("our page", vec![cookie, csrf, host, ("origin", "http://storm.example:8080")], 200, ""),
        ("our page in a new browser", vec![cookie, csrf, host, ("sec-fetch-site", "same-origin")], 200, ""),
        ("no word", vec![cookie, host, ("sec-fetch-site", "same-origin")], 403, "csrf"),
        ("an empty word", vec![cookie, ("x-csrf-token", ""), host], 403, "csrf"),
        ("another origin", vec![cookie, csrf, host, ("origin", "http://evil.test")], 403, "forbidden"),
        ("another site", vec![cookie, csrf, host, ("sec-fetch-site", "cross-site")], 403, "forbidden"),
        ("a neighbour", vec![cookie, csrf, host, ("sec-fetch-site", "same-site")], 403, "forbidden"),
        ("no origin", vec![cookie, csrf, host, ("origin", "null")], 403, "forbidden"),
    ] {
        let reply = here.call("POST", "/api/v1/flush", &headers, Value::Null).await;
        assert_eq!((reply.status, reply.kind()), (status, kind), "{what}");
    }
    let asks = here.call("POST", "/api/v1/sql", &[cookie, host], Value::Null).await;
    assert_eq!((asks.status, asks.kind()), (403, "csrf"), "every method but the safe ones");
    assert_eq!(here.call("GET", "/api/v1/services", &[cookie, host], Value::Null).await.status, 200, "a link");
    assert_eq!(here.figure("stormglass_access_csrf_refused_total"), 3);
    let login = json!({ "user": "alice", "password": PASSWORD });
    let forged = here.call("POST", "/api/v1/session", &[host, ("origin", "http://evil.test")], login).await;
    assert_eq!(forged.status, 403, "nobody is signed in as somebody else from afar");
}

#[tokio::test]
async fn over_tls_the_cookie_is_bound_to_the_host_and_the_plain_one_does_not_count() {
    let here = Here::with(Settings { tls: true, ..Settings::default() }).await;
    here.user("alice", Role::Admin, "default").await;
    let alice = here.sign_in("alice").await;
    assert!(alice.cookie.starts_with("__Host-stormglass="), "{}", alice.cookie);
    assert_eq!(here.page(&alice, "GET", "/api/v1/session", Value::Null).await.status, 200);
    let planted = alice.cookie.replace("__Host-stormglass", "stormglass-session");
    assert_eq!(here.call("GET", "/api/v1/session", &[("cookie", &planted)], Value::Null).await.status, 401);
}

#[test]
fn handlers_are_told_who_calls() {
    let caller = Caller::nobody();
    assert_eq!((caller.name(), caller.kind()), (None, "nobody"));
    assert!(ROUTES.iter().any(|route| route.effect == Effect::Changes));
}
