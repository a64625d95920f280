//! U10, X2, X3: people who sign in, what they may do, and the log of what they did.

use e2e::server::{both, run};
use e2e::{Server, Setup, environment};
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use std::process::{Output, Stdio};
use tokio::io::AsyncWriteExt;

const PASSWORD: &str = "correct horse";

/// A command that reads a password from its standard input.
async fn told(arguments: &[&str], password: &str) -> Output {
    let mut command = tokio::process::Command::new(environment::binary());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).await.unwrap();
    child.wait_with_output().await.unwrap()
}

/// A browser that is signed in.
struct Browser {
    cookie: String,
    csrf: String,
}

impl Browser {
    async fn of(answer: Response) -> Self {
        assert_eq!(answer.status().as_u16(), 200);
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let told: Value = answer.json().await.unwrap();
        Self { cookie, csrf: told["csrf"].as_str().unwrap().to_owned() }
    }

    async fn send(&self, request: RequestBuilder) -> (u16, Value) {
        let answer = request.header(COOKIE, &self.cookie).header("x-csrf-token", &self.csrf).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }
}

async fn sign_in(server: &Server, user: &str, password: &str) -> Response {
    let asked = json!({ "user": user, "password": password });
    server.http().post(server.url("/api/v1/session")).json(&asked).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn u10_a_user_made_on_the_command_line_signs_in_and_closes_the_loopback() {
    let server = Server::default().await;
    let who = server.get_json("/api/v1/session").await;
    assert_eq!((&who["open"], &who["role"]), (&json!(true), &json!("admin")));
    let dir = server.data_dir().to_str().unwrap();
    let weak = told(&["user", "add", "--data-dir", dir, "alice", "--role", "admin"], "short").await;
    assert_eq!(weak.status.code(), Some(2), "{}", both(&weak));
    let first = told(&["user", "add", "--data-dir", dir, "bob", "--role", "viewer"], PASSWORD).await;
    assert_eq!(first.status.code(), Some(2), "the first must be able to add others: {}", both(&first));
    let added = told(&["user", "add", "--data-dir", dir, "alice", "--role", "admin"], PASSWORD).await;
    assert!(added.status.success(), "{}", both(&added));
    let closed = async {
        while server.get("/api/v1/session").await.status().as_u16() != 401 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(environment::PATIENCE, closed).await.expect("the server notices");
    assert_eq!(sign_in(&server, "alice", "wrong horse").await.status().as_u16(), 401);
    let alice = Browser::of(sign_in(&server, "alice", PASSWORD).await).await;
    let bob = json!({ "name": "bob", "password": PASSWORD, "role": "viewer" });
    let (status, _) = alice.send(server.http().post(server.url("/api/v1/users")).json(&bob)).await;
    assert_eq!(status, 201);
    let bob = Browser::of(sign_in(&server, "bob", PASSWORD).await).await;
    let asked = json!({ "sql": "SELECT 1 AS one" });
    let (status, answer) = bob.send(server.http().post(server.url("/api/v1/sql")).json(&asked)).await;
    assert_eq!((status, &answer["rows"]), (200, &json!([[1]])));
    assert_eq!(bob.send(server.http().post(server.url("/api/v1/flush"))).await.0, 403, "a viewer looks only");
    assert_eq!(alice.send(server.http().post(server.url("/api/v1/flush"))).await.0, 200);
    let forged = server.http().post(server.url("/api/v1/flush")).header(COOKIE, &alice.cookie).send().await.unwrap();
    assert_eq!(forged.status().as_u16(), 403, "the cookie alone changes nothing");
    let (_, log) = alice.send(server.http().get(server.url("/api/v1/audit"))).await;
    let lines: Vec<_> =
        log["items"].as_array().unwrap().iter().map(|l| (l["path"].clone(), l["status"].clone())).collect();
    assert!(lines.contains(&(json!("user add"), json!(200))), "{log}");
    assert!(lines.contains(&(json!("/api/v1/flush"), json!(403))), "{log}");
    assert_eq!(log["items"][0]["ip"], "127.0.0.1");
    let (_, check) = alice.send(server.http().get(server.url("/api/v1/audit/verify"))).await;
    assert_eq!(check["intact"], true, "{check}");
    assert!(server.output().contains("ready") && !server.output().contains(PASSWORD));
}

#[tokio::test(flavor = "multi_thread")]
async fn u10_a_new_password_and_the_list_of_users_on_the_command_line() {
    let mut server = Server::default().await;
    assert!(server.stop().await.success());
    let dir = server.data_dir().to_str().unwrap().to_owned();
    let added = told(&["user", "add", "--data-dir", &dir, "alice", "--role", "admin"], PASSWORD).await;
    assert!(added.status.success(), "{}", both(&added));
    server.restart().await;
    let alice = Browser::of(sign_in(&server, "alice", PASSWORD).await).await;
    let changed = told(&["user", "passwd", "--data-dir", &dir, "alice"], "another horse").await;
    assert!(changed.status.success(), "{}", both(&changed));
    let ended = async {
        while alice.send(server.http().get(server.url("/api/v1/session"))).await.0 != 401 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(environment::PATIENCE, ended).await.expect("its sessions end");
    assert_eq!(sign_in(&server, "alice", PASSWORD).await.status().as_u16(), 401);
    assert_eq!(sign_in(&server, "alice", "another horse").await.status().as_u16(), 200);
    let list = run(&["user", "list", "--data-dir", &dir], &[]).await;
    let text = String::from_utf8(list.stdout).unwrap();
    assert!(text.contains("alice") && text.contains("admin") && !text.contains("argon2"), "{text}");
    let nobody = told(&["user", "passwd", "--data-dir", &dir, "nobody"], "another horse").await;
    assert_eq!(nobody.status.code(), Some(1), "{}", both(&nobody));
}

#[tokio::test(flavor = "multi_thread")]
async fn x5_a_first_start_from_afar_is_closed_and_opens_with_the_printed_secret_once() {
    let setup = Setup { arguments: vec!["--setup".into(), "--insecure-plaintext".into()], ..Setup::default() };
    let server = Server::try_start(setup.env("STORMGLASS_LISTEN__HTTP", "0.0.0.0:0")).await.expect("it starts closed");
    let output = server.output();
    let port = output.lines().find_map(|line| line.strip_prefix("http 0.0.0.0:")).unwrap_or_else(|| panic!("{output}"));
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let secret = output.lines().find_map(|line| line.strip_prefix("setup ")).unwrap_or_else(|| panic!("{output}"));
    assert_eq!(server.http().get(url("/api/v1/services")).send().await.unwrap().status().as_u16(), 401);
    let needed: Value = server.http().get(url("/api/v1/setup")).send().await.unwrap().json().await.unwrap();
    assert_eq!(needed, json!({ "needed": true }));
    let attempt = async |token: &str| {
        let asked = json!({ "token": token, "user": "alice", "password": PASSWORD });
        server.http().post(url("/api/v1/setup")).json(&asked).send().await.unwrap()
    };
    assert_eq!(attempt("guessed").await.status().as_u16(), 403);
    let alice = Browser::of(attempt(secret).await).await;
    assert_eq!(alice.send(server.http().get(url("/api/v1/users"))).await.0, 200);
    assert_eq!(attempt(secret).await.status().as_u16(), 403, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn x5_answers_tell_browsers_what_not_to_do_with_them() {
    let server = Server::default().await;
    for (path, status) in [("/api/v1/session", 200), ("/api/v1/unheard-of", 404), ("/healthz", 200)] {
        let answer = server.get(path).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
    }
}
