//! X5: TLS on every port, by a certificate that is exchanged while the server runs.

use e2e::{Server, Setup, content, environment, random, skip};
use std::path::Path;
use std::process::Command;

/// A self-signed certificate for loopback, as `NAME.pem` and `NAME.key`; false where openssl is missing.
fn certificate(dir: &Path, name: &str) -> bool {
    let (cert, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(key)
        .arg("-out")
        .arg(cert)
        .output();
    made.is_ok_and(|output| output.status.success())
}

/// Trusts this certificate and nothing else.
fn trusting(dir: &Path, name: &str) -> reqwest::Client {
    drop(e2e::server::http_client());
    let pem = std::fs::read(dir.join(format!("{name}.pem"))).unwrap();
    let root = reqwest::Certificate::from_pem(&pem).unwrap();
    reqwest::Client::builder().no_proxy().tls_built_in_root_certs(false).add_root_certificate(root).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_on_every_port_and_the_certificate_is_exchanged_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    if !certificate(dir.path(), "served") || !certificate(dir.path(), "next") {
        skip!("tls_is_spoken_on_every_port_and_the_certificate_is_exchanged_without_a_restart", "no openssl here");
    }
    std::fs::copy(path("served.pem"), path("first.pem")).unwrap();
    let setup = Setup::default()
        .env("STORMGLASS_TLS__CERT", &path("served.pem"))
        .env("STORMGLASS_TLS__KEY", &path("served.key"));
    let server = Server::start(setup).await;
    let https = |listener: &str, what: &str| format!("https://{}{what}", server.address(listener));

    let first = trusting(dir.path(), "first");
    let span = content::traces("shop", vec![content::span(&mut random::generator(71), "op", environment::now(), 1)]);
    let sent = first
        .post(https("otlp_http", span.path()))
        .header("content-type", "application/x-protobuf")
        .body(span.protobuf())
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 200);
    let sql = serde_json::json!({ "sql": "SELECT count(*) FROM spans" });
    let answer = first.post(https("http", "/api/v1/sql")).json(&sql).send().await.unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(answer["rows"], serde_json::json!([[1]]));
    // gRPC answers HTTP/2 over TLS: the handshake agrees on h2.
    let grpc = first.post(https("otlp_grpc", "/grpc.health.v1.Health/Check")).send().await.unwrap();
    assert_eq!(grpc.version(), reqwest::Version::HTTP_2);
    let plain = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(plain.get(format!("http://{}/healthz", server.address("http"))).send().await.is_err(), "plain text");

    for kind in ["pem", "key"] {
        std::fs::copy(path(&format!("next.{kind}")), path(&format!("served.{kind}"))).unwrap();
    }
    server.signal(rustix::process::Signal::HUP);
    let exchanged = async {
        while trusting(dir.path(), "next").get(https("http", "/healthz")).send().await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(environment::PATIENCE, exchanged).await.expect("the new certificate is served");
    assert!(trusting(dir.path(), "first").get(https("http", "/healthz")).send().await.is_err(), "the old one is gone");
}
