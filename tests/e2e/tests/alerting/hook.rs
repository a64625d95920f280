//! An endpoint that messages are sent to, with moods: it hangs, throttles, fails, or says no in HTTP 200.
//!
//! Like a good receiver it takes a message once, by its idempotency key; robots send none, so theirs is the body.

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// How it answers one call instead of taking what it is sent.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    Hangs,
    /// This status, and how many seconds to stay away.
    Says(u16, u32),
    /// HTTP 200 with this body.
    Answers(Value),
}

#[derive(Debug, Default)]
struct Seen {
    calls: usize,
    /// What was taken, by key.
    taken: BTreeMap<String, Value>,
    moods: VecDeque<Mood>,
    /// Its answer to everything.
    always: Option<Mood>,
}

#[derive(Clone, Debug)]
pub(crate) struct Hook {
    seen: Arc<Mutex<Seen>>,
    address: SocketAddr,
}

/// A port of this machine that nobody listens on now.
pub(crate) async fn closed_port() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

impl Hook {
    pub(crate) async fn open() -> Self {
        Self::open_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub(crate) async fn open_at(address: SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let hook = Self { seen: Arc::default(), address: listener.local_addr().unwrap() };
        let router = Router::new().route("/hook", any(call)).with_state(hook.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        hook
    }

    /// Answers the next calls so, one each; then it takes what it is sent.
    pub(crate) fn in_turn(self, moods: impl IntoIterator<Item = Mood>) -> Self {
        self.seen.lock().unwrap().moods.extend(moods);
        self
    }

    /// Answers every call so.
    pub(crate) fn always(self, mood: Mood) -> Self {
        self.seen.lock().unwrap().always = Some(mood);
        self
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen.lock().unwrap().calls
    }

    /// The messages it took, each once.
    pub(crate) fn taken(&self) -> Vec<Value> {
        self.seen.lock().unwrap().taken.values().cloned().collect()
    }

    /// How many different messages began each incident.
    pub(crate) fn openings(&self) -> BTreeMap<String, usize> {
        let mut openings = BTreeMap::new();
        for message in self.taken().iter().filter(|message| message["notification_reason"] == "opened") {
            *openings.entry(message["groupLabels"]["incident"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        openings
    }
}

async fn call(State(hook): State<Hook>, headers: HeaderMap, body: Bytes) -> Response {
    let mood = {
        let mut seen = hook.seen.lock().unwrap();
        seen.calls += 1;
        seen.moods.pop_front().or_else(|| seen.always.clone())
    };
    match mood {
        Some(Mood::Hangs) => std::future::pending().await,
        Some(Mood::Says(status, seconds)) => {
            let status = axum::http::StatusCode::from_u16(status).unwrap();
            (status, [("retry-after", seconds.to_string())]).into_response()
        }
        Some(Mood::Answers(body)) => axum::Json(body).into_response(),
        None => {
            let text = String::from_utf8_lossy(&body).into_owned();
            let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
            let message = serde_json::from_str(&text).unwrap_or_default();
            hook.seen.lock().unwrap().taken.entry(key.unwrap_or(text)).or_insert(message);
            // What each platform calls a yes.
            axum::Json(json!({"errcode": 0, "errmsg": "ok", "code": 0, "msg": "success"})).into_response()
        }
    }
}
