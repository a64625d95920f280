//! Robots of this machine that keep the platforms' rules: signatures, sizes, rates, "no" in HTTP 200.
//!
//! Their time is the test's clock, so that a minute's limit is judged without waiting for a minute.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use model::{Clock, ManualClock, UnixNanos};
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const SECRET: &str = "SECret-of-the-robot";
pub(crate) const KEYWORD: &str = "告警";

/// What a robot has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) taken: Vec<Value>,
    /// Messages that came while the limit was reached or the robot was mute.
    pub(crate) over: usize,
    pub(crate) refused: Vec<String>,
    arrivals: Vec<UnixNanos>,
    muted_until: UnixNanos,
    /// Idempotency keys with how often they came.
    pub(crate) keys: BTreeMap<String, usize>,
    pub(crate) edited: Vec<Value>,
}

impl Seen {
    /// Whether a message at this time is within the platform's limit.
    fn is_within(&mut self, now: UnixNanos, most: usize, penalty: Duration) -> bool {
        let from = now.saturating_sub(Duration::from_secs(60));
        let recent = self.arrivals.iter().filter(|at| **at > from).count();
        if now < self.muted_until || recent >= most {
            self.over += 1;
            self.muted_until = now.saturating_add(penalty);
            return false;
        }
        self.arrivals.push(now);
        true
    }
}

/// The robots behind one address.
#[derive(Clone, Debug)]
pub(crate) struct Robots {
    pub(crate) seen: Arc<Mutex<BTreeMap<&'static str, Seen>>>,
    clock: Arc<ManualClock>,
    pub(crate) base: String,
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

impl Robots {
    pub(crate) async fn start(clock: Arc<ManualClock>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let robots = Self { seen: Arc::default(), clock, base };
        let app = Router::new()
            .route("/robot/send", post(dingtalk))
            .route("/open-apis/bot/v2/hook/h", post(feishu))
            .route("/cgi-bin/webhook/send", post(wecom))
            .route("/hook", post(webhook))
            .route("/api/chat.postMessage", post(slack_post))
            .route("/api/chat.update", post(slack_update))
            .route("/teams", post(teams))
            .route("/beat", post(|| async { "OK" }))
            .route("/status/{status}", post(status))
            .route("/huge", post(|| async { "x".repeat(1 << 20) }))
            .route("/garbage", post(|| async { "<html>hello</html>" }))
            .with_state(robots.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        robots
    }

    pub(crate) fn with<T>(&self, robot: &'static str, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(self.seen.lock().unwrap().entry(robot).or_default())
    }

    fn now(&self) -> UnixNanos {
        self.clock.now()
    }

    fn judge(
        &self,
        robot: &'static str,
        refuse: Option<(i64, &str)>,
        most: usize,
        penalty: u64,
        body: Value,
    ) -> (i64, String) {
        let now = self.now();
        self.with(robot, |seen| {
            if let Some((code, text)) = refuse {
                seen.refused.push(text.to_owned());
                return (code, text.to_owned());
            }
            if !seen.is_within(now, most, Duration::from_secs(penalty)) {
                return (i64::MAX, "send too fast".to_owned());
            }
            seen.taken.push(body);
            (0, "ok".to_owned())
        })
    }
}

async fn dingtalk(State(robots): State<Robots>, Query(query): Query<HashMap<String, String>>, body: Bytes) -> String {
    let now_ms = robots.now().0 / 1_000_000;
    let timestamp = query.get("timestamp").and_then(|t| t.parse::<i64>().ok()).unwrap_or(0);
    let sign = base64(&hmac(SECRET.as_bytes(), format!("{timestamp}\n{SECRET}").as_bytes()));
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = message["markdown"]["text"].as_str().unwrap_or_default();
    let called = message["at"]["atMobiles"].as_array().cloned().unwrap_or_default();
    let refuse = if query.get("access_token").map(String::as_str) != Some("token-canary") {
        Some((300_001, "token is not exist"))
    } else if (now_ms - timestamp).abs() > 3_600_000 || query.get("sign") != Some(&sign) {
        Some((310_000, "sign not match"))
    } else if body.len() > 20_000 {
        Some((460_101, "message too long"))
    } else if text.is_empty() || message["markdown"]["title"].as_str().is_none_or(str::is_empty) {
        Some((400_105, "unsupported msgtype"))
    } else if !text.contains(KEYWORD) {
        Some((310_000, "keywords not in content"))
    } else if called.iter().any(|mobile| !text.contains(&format!("@{}", mobile.as_str().unwrap_or_default()))) {
        Some((400_000, "the mobile is not in the text"))
    } else {
        None
    };
    let (code, text) = robots.judge("dingtalk", refuse, 20, 600, message);
    let code = if code == i64::MAX { 130_101 } else { code };
    json!({"errcode": code, "errmsg": text}).to_string()
}

async fn feishu(State(robots): State<Robots>, body: Bytes) -> String {
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let timestamp = message["timestamp"].as_str().unwrap_or_default();
    let age = robots.now().0 / 1_000_000_000 - timestamp.parse::<i64>().unwrap_or(0);
    let sign = base64(&hmac(format!("{timestamp}\n{SECRET}").as_bytes(), b""));
    let refuse = if age.abs() > 3600 || message["sign"] != sign.as_str() {
        Some((19_021, "sign match fail or timestamp is not within one hour from current time"))
    } else if body.len() > 20 * 1024 {
        Some((19_036, "card too large"))
    } else if message["card"]["schema"] != "2.0" || !message["card"]["body"]["elements"].is_array() {
        Some((9_499, "Bad Request"))
    } else {
        None
    };
    let (code, text) = robots.judge("feishu", refuse, 100, 1, message);
    let code = if code == i64::MAX { 11_232 } else { code };
    json!({"code": code, "msg": text, "data": {}}).to_string()
}

async fn wecom(State(robots): State<Robots>, Query(query): Query<HashMap<String, String>>, body: Bytes) -> String {
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let content = message["markdown"]["content"].as_str().unwrap_or_default();
    let refuse = if query.get("key").map(String::as_str) != Some("key-canary") {
        Some((93_000, "invalid webhook url"))
    } else if content.is_empty() || content.len() > 4096 {
        Some((40_058, "markdown.content exceed max length 4096"))
    } else {
        None
    };
    let (code, text) = robots.judge("wecom", refuse, 20, 60, message);
    let code = if code == i64::MAX { 45_009 } else { code };
    json!({"errcode": code, "errmsg": text}).to_string()
}

async fn webhook(State(robots): State<Robots>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let signed = [header("x-timestamp").as_bytes(), b".", &body].concat();
    let signature = format!("sha256={}", hex::encode(hmac(SECRET.as_bytes(), &signed)));
    let age = robots.now().0 / 1_000_000_000 - header("x-timestamp").parse::<i64>().unwrap_or(0);
    if header("x-signature") != signature || age.abs() > 300 {
        robots.with("webhook", |seen| seen.refused.push("signature".to_owned()));
        return StatusCode::UNAUTHORIZED.into_response();
    }
    robots.with("webhook", |seen| {
        let times = seen.keys.entry(header("idempotency-key")).or_default();
        *times += 1;
        if *times == 1 {
            seen.taken.push(serde_json::from_slice(&body).unwrap_or_default());
        }
    });
    StatusCode::OK.into_response()
}

async fn slack_post(State(robots): State<Robots>, headers: HeaderMap, body: Bytes) -> String {
    if headers.get("authorization").is_none_or(|token| token != "Bearer xoxb-canary") {
        return json!({"ok": false, "error": "invalid_auth"}).to_string();
    }
    robots.with("slack", |seen| {
        seen.taken.push(serde_json::from_slice(&body).unwrap_or_default());
        json!({"ok": true, "channel": "C1", "ts": format!("1.{}", seen.taken.len())}).to_string()
    })
}

async fn slack_update(State(robots): State<Robots>, body: Bytes) -> String {
    robots.with("slack", |seen| seen.edited.push(serde_json::from_slice(&body).unwrap_or_default()));
    json!({"ok": true}).to_string()
}

async fn teams(State(robots): State<Robots>, body: Bytes) -> StatusCode {
    if body.len() > 21 * 1024 {
        return StatusCode::PAYLOAD_TOO_LARGE;
    }
    robots.with("teams", |seen| seen.taken.push(serde_json::from_slice(&body).unwrap_or_default()));
    StatusCode::ACCEPTED
}

async fn status(axum::extract::Path(status): axum::extract::Path<u16>) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let headers = [("retry-after", "7"), ("location", "http://169.254.169.254/")];
    (status, headers, "no").into_response()
}

/// An endpoint that never answers, stops after its headers, or drips for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bad {
    Hangs,
    ClosesAfterHeaders,
    Drips,
    ClosesAtOnce,
}

pub(crate) async fn bad(kind: Bad) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                let _ = stream.read(&mut buffer).await;
                let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\r\n";
                match kind {
                    Bad::Hangs => std::future::pending::<()>().await,
                    Bad::ClosesAtOnce => {}
                    Bad::ClosesAfterHeaders => {
                        let _ = stream.write_all(head).await;
                    }
                    Bad::Drips => {
                        let _ = stream.write_all(head).await;
                        let _ = stream.write_all(b"{").await;
                        std::future::pending::<()>().await;
                    }
                }
            });
        }
    });
    format!("http://{address}")
}
