//! A group's robot that keeps DingTalk's rules: it checks the signature, its age, the keyword, the size and the pace,
//! answers HTTP 200 whatever happens, and says in the body what it thinks.

use axum::extract::{Query, State};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use e2e::environment::now;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

pub(crate) const SECRET: &str = "SEC0123456789abcdef";
/// Every message has to contain it.
pub(crate) const KEYWORD: &str = "Stormglass";
const BODY_BYTES_MAX: usize = 20_000;
/// Messages within a minute; who sends more is limited for ten minutes.
const A_MINUTE_MAX: usize = 20;
const SECOND: u64 = 1_000_000_000;
const STAMP_AGE_MAX: u64 = 3_600 * SECOND;

#[derive(Clone, Default)]
pub(crate) struct Robot {
    taken: Arc<Mutex<Vec<Value>>>,
    refused: Arc<Mutex<Vec<String>>>,
    pace: Arc<Mutex<Pace>>,
}

/// When messages came lately, and until when none is taken.
#[derive(Default)]
struct Pace {
    came: Vec<u64>,
    limited_until: u64,
}

impl Pace {
    fn is_too_fast(&mut self, now: u64) -> bool {
        self.came.retain(|at| *at + 60 * SECOND > now);
        self.came.push(now);
        if self.came.len() > A_MINUTE_MAX {
            self.limited_until = now + 600 * SECOND;
        }
        now < self.limited_until
    }
}

impl Robot {
    /// Opens on a free port; gives the receiver's settings that lead to it.
    pub(crate) async fn open() -> (Self, Value) {
        let robot = Self::default();
        let router = Router::new().route("/robot/send", post(send)).with_state(robot.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let url = format!("http://{address}/robot/send?access_token=t0");
        (robot, json!({"url": url, "secret": SECRET, "keyword": KEYWORD}))
    }

    /// The texts of the messages it took, oldest first.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().map(Value::to_string).collect()
    }

    pub(crate) fn refused(&self) -> Vec<String> {
        self.refused.lock().unwrap().clone()
    }

    /// What is wrong with a message, as the robot's code and words.
    fn fault(&self, query: &HashMap<String, String>, body: &Bytes) -> Option<(i64, &'static str)> {
        let now = now();
        let stamp = query.get("timestamp").cloned().unwrap_or_default();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{stamp}\n{SECRET}").as_bytes());
        let sign = STANDARD.encode(mac.finalize().into_bytes());
        let age = now.abs_diff(stamp.parse::<u64>().unwrap_or_default() * (SECOND / 1_000));
        if self.pace.lock().unwrap().is_too_fast(now) {
            return Some((130_101, "send too fast"));
        }
        if query.get("sign") != Some(&sign) || age > STAMP_AGE_MAX {
            return Some((310_000, "sign not match"));
        }
        if body.len() > BODY_BYTES_MAX {
            return Some((460_101, "body too long"));
        }
        let message = serde_json::from_slice::<Value>(body).unwrap_or_default();
        match message["markdown"]["text"].as_str() {
            None => Some((400_001, "no markdown")),
            Some(text) if !text.contains(KEYWORD) => Some((310_000, "keywords not in content")),
            Some(_) => None,
        }
    }
}

async fn send(State(robot): State<Robot>, Query(query): Query<HashMap<String, String>>, body: Bytes) -> Json<Value> {
    if let Some((code, why)) = robot.fault(&query, &body) {
        robot.refused.lock().unwrap().push(why.to_owned());
        return Json(json!({"errcode": code, "errmsg": why}));
    }
    robot.taken.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    Json(json!({"errcode": 0, "errmsg": "ok"}))
}
