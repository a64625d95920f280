//! The SDKs of Python, JavaScript and Rust, and telemetrygen, over each transport they have.

use crate::{assert_all_shown, said};
use e2e::compare::Counts;
use e2e::relay::Relay;
use e2e::{Server, installed, skip};

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_over_grpc_and_http_with_gzip() {
    let home = match installed::find("python") {
        Ok(home) => home,
        Err(why) => skip!("the_python_sdk_over_grpc_and_http_with_gzip", "{why}"),
    };
    let server = Server::default().await;
    for transport in ["grpc", "http"] {
        let relay = Relay::to(&server).await;
        let endpoint = format!("http://{}", if transport == "grpc" { &relay.grpc } else { &relay.http });
        let script = installed::script("python/send.py");
        let arguments = [script.to_str().unwrap(), transport, &endpoint, &format!("python-{transport}")];
        let output = installed::run(&home.join("python/bin/python"), &arguments, &[]).await;
        assert_eq!(assert_all_shown(&server, &relay).await, said(&output), "{transport}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_javascript_sdk_as_json_protobuf_and_grpc() {
    let home = match installed::find("node") {
        Ok(home) => home,
        Err(why) => skip!("the_javascript_sdk_as_json_protobuf_and_grpc", "{why}"),
    };
    let server = Server::default().await;
    for transport in ["json", "proto", "grpc"] {
        let relay = Relay::to(&server).await;
        let endpoint = format!("http://{}", if transport == "grpc" { &relay.grpc } else { &relay.http });
        let script = installed::script("node/send.cjs");
        let modules = home.join("node/node_modules");
        let arguments = [script.to_str().unwrap(), transport, &endpoint, &format!("node-{transport}")];
        let output = installed::run("node".as_ref(), &arguments, &[("NODE_PATH", modules.to_str().unwrap())]).await;
        assert_eq!(assert_all_shown(&server, &relay).await, said(&output), "{transport}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_sdk_over_grpc_protobuf_and_json() {
    let home = match installed::find("rust") {
        Ok(home) => home,
        Err(why) => skip!("the_rust_sdk_over_grpc_protobuf_and_json", "{why}"),
    };
    let server = Server::default().await;
    for transport in ["grpc", "proto", "json"] {
        let relay = Relay::to(&server).await;
        let endpoint = format!("http://{}", if transport == "grpc" { &relay.grpc } else { &relay.http });
        let arguments = [transport, &endpoint, &format!("rust-{transport}")];
        let output = installed::run(&home.join("bin/rust-sender"), &arguments, &[]).await;
        assert_eq!(assert_all_shown(&server, &relay).await, said(&output), "{transport}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetrygen_sends_all_three_signals_over_both_transports() {
    let home = match installed::find("telemetrygen") {
        Ok(home) => home,
        Err(why) => skip!("telemetrygen_sends_all_three_signals_over_both_transports", "{why}"),
    };
    let server = Server::default().await;
    for http in [false, true] {
        let relay = Relay::to(&server).await;
        for (signal, count) in [("traces", "--traces"), ("logs", "--logs"), ("metrics", "--metrics")] {
            let endpoint = if http { &relay.http } else { &relay.grpc };
            let service = format!("telemetrygen-{signal}-{http}");
            let mut arguments =
                vec![signal, "--otlp-insecure", "--otlp-endpoint", endpoint, "--service", &service, count, "25"];
            arguments.extend(["--rate", "0", "--otlp-attributes", "deployment.environment.name=\"test\""]);
            arguments.extend(["--telemetry-attributes", "order.id=\"O-1\"", "--telemetry-attributes", "cups=3"]);
            if http {
                arguments.push("--otlp-http");
            }
            installed::run(&home.join("bin/telemetrygen"), &arguments, &[]).await;
        }
        // Each of its traces is a parent and a child.
        assert_eq!(assert_all_shown(&server, &relay).await, Counts { spans: 50, logs: 25, points: 25 }, "http {http}");
    }
}
