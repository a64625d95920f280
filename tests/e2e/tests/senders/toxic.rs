//! A proxy before the S3 server that answers as a store in trouble does: it refuses, or does what it was
//! told and loses the answer.

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rand::Rng;
use rand::rngs::SmallRng;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

const BODY_MAX: usize = 64 << 20;

/// What goes wrong, each request by chance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    /// 503 SlowDown, and nothing was done.
    Refuses,
    /// Objects are stored, and the gateway between knows nothing of it.
    LosesAnswers,
}

/// How many requests came, and to how many of them the trouble happened.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) harmed: u64,
}

#[derive(Clone)]
struct Upstream {
    port: u16,
    mood: Mood,
    share: f64,
    client: Client<HttpConnector, Full<Bytes>>,
    chance: Arc<Mutex<(SmallRng, Counts)>>,
}

/// Serves until dropped.
pub(crate) struct Toxic {
    pub(crate) port: u16,
    upstream: Upstream,
    task: tokio::task::JoinHandle<()>,
}

impl Toxic {
    pub(crate) async fn before(port: u16, mood: Mood, share: f64, chance: SmallRng) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let chance = Arc::new(Mutex::new((chance, Counts::default())));
        let upstream = Upstream { port, mood, share, client, chance };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let router = axum::Router::new().fallback(pass_on).with_state(upstream.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("the proxy serves") });
        Self { port, upstream, task }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.upstream.chance.lock().expect("no panic while held").1
    }
}

impl Drop for Toxic {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    fn is_harmed(&self, method: &Method) -> bool {
        let mut held = self.chance.lock().expect("no panic while held");
        let (chance, counts) = &mut *held;
        counts.requests += 1;
        let harmed = (self.mood == Mood::Refuses || method == Method::PUT) && chance.random_bool(self.share);
        counts.harmed += u64::from(harmed);
        harmed
    }
}

async fn pass_on(State(upstream): State<Upstream>, request: axum::extract::Request) -> Response {
    let harmed = upstream.is_harmed(request.method());
    if harmed && upstream.mood == Mood::Refuses {
        return trouble(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
    }
    // The host stays as the sender signed it.
    let (mut head, body) = request.into_parts();
    let body = to_bytes(body, BODY_MAX).await.expect("a whole request body");
    let path = head.uri.path_and_query().expect("a path").as_str();
    head.uri = format!("http://127.0.0.1:{}{path}", upstream.port).parse::<Uri>().expect("an address and a path");
    for hop_by_hop in ["connection", "transfer-encoding"] {
        head.headers.remove(hop_by_hop);
    }
    let answer = upstream.client.request(http::Request::from_parts(head, Full::new(body))).await;
    match answer {
        Ok(_) if harmed => trouble(StatusCode::BAD_GATEWAY, "AnswerLost"),
        Ok(answer) => {
            let (head, body) = answer.into_parts();
            Response::from_parts(head, Body::new(body))
        }
        Err(_) => trouble(StatusCode::BAD_GATEWAY, "Unreachable"),
    }
}

fn trouble(status: StatusCode, code: &str) -> Response {
    let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code></Error>");
    let answer = Response::builder().status(status).header("content-type", "application/xml").body(Body::from(text));
    answer.expect("a plain answer")
}
