//! Alerting through the built binary: alerts in, incidents, one message with the cause in it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod alerts_in;
mod clouds;
mod company;
mod endpoints;
mod estate;
mod fault;
mod follow_ups;
mod hook;
mod kills;
mod late;
mod mail;
mod odd;
mod prometheus;
mod robot;
mod rules;

use e2e::server::{Server, Setup};
use serde_json::Value;
use std::time::Duration;

/// A server that judges every second.
fn quick() -> Setup {
    Setup::config("[alerting]\nstep = \"1s\"\nlateness = \"1s\"\nidle = \"2s\"\n")
}

async fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let response = server.http().post(server.url(path)).json(body).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
}

fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().unwrap()
}

/// Asks again and again until the answer is as wanted. The limit only ends a test that has failed.
async fn until(server: &Server, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..600 {
        last = server.get_json(path).await;
        if wanted(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{path} never became what it should: {last:#}\n{}", server.output());
}
