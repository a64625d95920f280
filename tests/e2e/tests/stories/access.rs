//! X1, X2, X5: tokens, scopes, workspaces, and the refusal to be open to the world.

use e2e::server::{both, run};
use e2e::{Reply, Sender, Server, Setup, Wire, content, environment, random};

/// A token made by the command line in the server's own directory.
async fn token(server: &Server, name: &str, scope: &str, more: &[&str]) -> String {
    let dir = server.data_dir().to_str().unwrap();
    let mut arguments = vec!["token", "create", "--data-dir", dir, "--name", name, "--scope", scope];
    arguments.extend(more);
    let output = run(&arguments, &[]).await;
    assert!(output.status.success(), "{}", both(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let token = text.split_whitespace().find(|w| w.starts_with("sg_")).unwrap_or_else(|| panic!("no token in {text}"));
    token.to_owned()
}

async fn stopped() -> Server {
    let mut server = Server::default().await;
    assert!(server.stop().await.success());
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_what_its_scopes_say_and_nothing_else() {
    let mut server = stopped().await;
    let traces = token(&server, "shop", "ingest:traces", &[]).await;
    let viewer = token(&server, "grafana", "viewer", &[]).await;
    let gone = token(&server, "gone", "ingest", &["--expires", "1s"]).await;
    server.restart().await;
    let mut random = random::generator(40);
    let span = content::traces("shop", vec![content::span(&mut random, "op", environment::now(), 1)]);
    let record = content::logs("shop", vec![content::record(environment::now(), "x")]);
    let sender = |token: &str| Sender::to(&server).with_token(token);
    let refused = |reply: Reply| match reply {
        Reply::Refused { code, .. } => code,
        other => panic!("{other:?}"),
    };
    let expired = async {
        while sender(&gone).send(Wire::HttpProtobuf, &content::logs("shop", vec![])).await.accepted() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(environment::PATIENCE, expired).await.expect("a token expires");
    for (wire, unknown, forbidden) in [(Wire::HttpProtobuf, 401, 403), (Wire::Grpc, 16, 7)] {
        assert_eq!(refused(Sender::to(&server).send(wire, &span).await), unknown, "no token");
        assert_eq!(refused(sender("sg_12345678_nonsense").send(wire, &span).await), unknown, "a made-up token");
        assert_eq!(refused(sender(&gone).send(wire, &span).await), unknown, "an expired token");
        assert_eq!(refused(sender(&traces).send(wire, &record).await), forbidden, "logs with a token for traces");
        assert_eq!(refused(sender(&viewer).send(wire, &span).await), forbidden, "ingest with a viewer's token");
        sender(&traces).send(wire, &span).await.expect_accepted();
    }
    let (status, _) = server.try_sql("SELECT 1").await.expect_err("no token");
    assert_eq!(status, 401);
    server.use_token(Some(&traces));
    let (status, _) = server.try_sql("SELECT 1").await.expect_err("a token for ingest");
    assert_eq!(status, 403);
    server.use_token(Some(&viewer));
    assert_eq!(server.sql("SELECT count(*) FROM spans").await.count(), 1);
    let flush = server.authorized(server.http().post(server.url("/api/v1/flush"))).send().await.unwrap();
    assert_eq!(flush.status().as_u16(), 403, "a viewer does not run the store");
    let nowhere = server.get("/api/v1/nowhere").await.status().as_u16();
    assert!([403, 404].contains(&nowhere), "{nowhere}");
}

#[tokio::test(flavor = "multi_thread")]
async fn x1_workspaces_do_not_see_each_other() {
    let mut server = stopped().await;
    let mut tokens = Vec::new();
    for workspace in ["east", "west"] {
        let ingest = token(&server, &format!("{workspace}-in"), "ingest", &["--workspace", workspace]).await;
        let viewer = token(&server, &format!("{workspace}-out"), "viewer,operator", &["--workspace", workspace]).await;
        tokens.push((workspace, ingest, viewer));
    }
    server.restart().await;
    for (i, (workspace, ingest, _)) in tokens.iter().enumerate() {
        let mut random = random::generator(41 + i as u64);
        let spans = (0..=i).map(|_| content::span(&mut random, workspace, environment::now(), 1)).collect();
        Sender::to(&server)
            .with_token(ingest)
            .send(Wire::Grpc, &content::traces("shop", spans))
            .await
            .expect_accepted();
    }
    for moment in ["hot", "flushed"] {
        for (i, (workspace, _, viewer)) in tokens.iter().enumerate() {
            server.use_token(Some(viewer));
            let seen = server.sql("SELECT operation FROM spans").await.texts("operation");
            assert_eq!(seen, vec![(*workspace).to_owned(); i + 1], "{moment}");
            server.flush().await;
        }
    }
    for workspace in ["east", "west"] {
        assert!(server.data_dir().join("parquet").join(workspace).join("spans").is_dir());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn x5_an_address_for_all_the_world_is_refused_without_tokens_and_tls() {
    let open = Setup::default().env("STORMGLASS_LISTEN__HTTP", "0.0.0.0:0");
    let refused = Server::try_start(open.clone()).await.expect_err("no tokens");
    assert!(refused.output.contains("token create"), "{}", refused.output);
    let server = stopped().await;
    token(&server, "admin", "admin", &[]).await;
    let refused = Server::try_start(open.in_dir(server.data_dir())).await.expect_err("no TLS");
    assert!(refused.output.contains("--insecure-plaintext"), "{}", refused.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_a_table_for_administrators_of_its_own_workspace() {
    let mut server = stopped().await;
    let operator = token(&server, "runner", "operator", &[]).await;
    let admin = token(&server, "boss", "admin", &[]).await;
    let elsewhere = token(&server, "neighbour", "admin", &["--workspace", "east"]).await;
    server.restart().await;
    server.use_token(Some(&operator));
    let flush = server.authorized(server.http().post(server.url("/api/v1/flush"))).send().await.unwrap();
    assert!(flush.status().is_success());
    let asked = "SELECT actor, role, status FROM audit WHERE route = '/api/v1/flush'";
    let hidden = server.try_sql(asked).await.expect("a question");
    assert!(hidden.rows.is_empty() && !hidden.complete, "{hidden:?}");
    assert!(hidden.incomplete_reason.is_some_and(|why| why.contains("administrators")));
    server.use_token(Some(&admin));
    let seen = server.sql(asked).await;
    assert_eq!((seen.texts("actor"), seen.texts("role")), (vec!["runner".to_owned()], vec!["operator".to_owned()]));
    server.use_token(Some(&elsewhere));
    assert_eq!(server.sql(asked).await.rows.len(), 0, "another workspace");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_telemetry_cannot_raise_an_alert_and_one_for_alerts_can() {
    let mut server = stopped().await;
    let telemetry = token(&server, "shop", "ingest", &[]).await;
    let alerts = token(&server, "prometheus", "ingest:alerts", &[]).await;
    server.restart().await;
    for path in ["/api/v1/alerts", "/alertmanager/api/v2/alerts"] {
        for (token, allowed) in [(&telemetry, false), (&alerts, true)] {
            let body = serde_json::json!([{ "labels": { "alertname": "Down", "service": "shop" } }]);
            let post = server.http().post(server.url(path)).bearer_auth(token).json(&body);
            let status = post.send().await.unwrap().status();
            assert_eq!(status != 403, allowed, "{path} {status}");
        }
    }
}
