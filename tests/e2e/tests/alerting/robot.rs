//! A group's robot that keeps DingTalk's rules: it checks the signature and the size, answers HTTP 200
//! whatever happens, and says in the body what it thinks.

use axum::extract::{Query, State};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

pub(crate) const SECRET: &str = "SEC0123456789abcdef";
const BODY_BYTES_MAX: usize = 20_000;

#[derive(Clone, Default)]
pub(crate) struct Robot {
    taken: Arc<Mutex<Vec<Value>>>,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Robot {
    /// Opens on a free port; gives the address messages are sent to.
    pub(crate) async fn open() -> (Self, String) {
        let robot = Self::default();
        let router = Router::new().route("/robot/send", post(send)).with_state(robot.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (robot, format!("http://{address}/robot/send?access_token=t0"))
    }

    /// The texts of the messages it took, oldest first.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().map(Value::to_string).collect()
    }

    pub(crate) fn refused(&self) -> Vec<String> {
        self.refused.lock().unwrap().clone()
    }
}

async fn send(State(robot): State<Robot>, Query(query): Query<HashMap<String, String>>, body: Bytes) -> Json<Value> {
    let refuse = |code: i64, why: &str| {
        robot.refused.lock().unwrap().push(why.to_owned());
        Json(json!({"errcode": code, "errmsg": why}))
    };
    let stamp = query.get("timestamp").cloned().unwrap_or_default();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{stamp}\n{SECRET}").as_bytes());
    if query.get("sign") != Some(&STANDARD.encode(mac.finalize().into_bytes())) {
        return refuse(310_000, "sign not match");
    }
    if body.len() > BODY_BYTES_MAX {
        return refuse(460_101, "body too long");
    }
    let Ok(message) = serde_json::from_slice::<Value>(&body) else { return refuse(400_001, "no JSON") };
    robot.taken.lock().unwrap().push(message);
    Json(json!({"errcode": 0, "errmsg": "ok"}))
}
