//! The attributes that the semantic conventions ask for, by what a span is about.

use crate::estate::services::Pod;
use crate::estate::stores::{Database, Party, REPLICA_ADDRESS, Statement, Topic};
use crate::estate::{Operation, Protocol};
use crate::telemetry::{int, text};
use opentelemetry_proto::tonic::common::v1::KeyValue;

/// Method and route of an HTTP operation; of a remote procedure, the name it is posted to.
pub(super) fn method_and_route(operation: &Operation) -> (&'static str, &'static str) {
    operation.name.split_once(' ').unwrap_or(("POST", operation.name))
}

pub(super) fn server(operation: &Operation) -> Vec<KeyValue> {
    let mut attributes = match operation.protocol {
        Protocol::Http => {
            let (method, route) = method_and_route(operation);
            vec![text("http.request.method", method), text("http.route", route), text("url.scheme", "http")]
        }
        Protocol::Dubbo => vec![text("rpc.system.name", "dubbo"), text("rpc.method", operation.name)],
    };
    attributes.extend([text("server.address", operation.service.name), int("server.port", port(operation))]);
    attributes
}

pub(super) fn client(operation: &Operation, callee: Pod, attempt: u32) -> Vec<KeyValue> {
    let name = operation.service.name;
    let mut attributes = match operation.protocol {
        Protocol::Http => {
            let (method, route) = method_and_route(operation);
            vec![
                text("http.request.method", method),
                text("url.full", format!("http://{name}:{}{route}", port(operation))),
            ]
        }
        Protocol::Dubbo => vec![text("rpc.system.name", "dubbo"), text("rpc.method", operation.name)],
    };
    attributes.extend([
        text("server.address", name),
        int("server.port", port(operation)),
        text("service.peer.name", name),
        text("network.peer.address", callee.address()),
    ]);
    if attempt > 0 {
        attributes.push(int("http.request.resend_count", i64::from(attempt)));
    }
    attributes
}

fn port(operation: &Operation) -> i64 {
    match operation.protocol {
        Protocol::Http => 8080,
        Protocol::Dubbo => 20_880,
    }
}

pub(super) fn party(party: &Party, path: &str) -> Vec<KeyValue> {
    vec![
        text("http.request.method", "POST"),
        text("server.address", party.host),
        int("server.port", 443),
        text("url.full", format!("https://{}{path}", party.host)),
    ]
}

pub(super) fn statement(statement: &Statement) -> Vec<KeyValue> {
    let Database { namespace, address, .. } = statement.database;
    vec![
        text("db.system.name", "mysql"),
        text("db.namespace", *namespace),
        text("db.operation.name", verb(statement.text)),
        text("db.collection.name", statement.table),
        text("db.query.text", statement.text),
        text("server.address", if statement.on_replica { REPLICA_ADDRESS } else { address }),
        int("server.port", 3306),
    ]
}

pub(super) fn command(namespace: &'static str, command: String) -> Vec<KeyValue> {
    let operation = verb(&command).to_owned();
    vec![
        text("db.system.name", "redis"),
        text("db.namespace", namespace),
        text("db.operation.name", operation),
        text("db.query.text", command),
        text("server.address", "redis.cache.internal"),
        int("server.port", 6379),
    ]
}

pub(super) fn verb(statement: &str) -> &str {
    statement.split(' ').next().unwrap_or_default()
}

pub(super) fn messaging(topic: &Topic, operation: &str, id: &str, keys: &str) -> Vec<KeyValue> {
    vec![
        text("messaging.system", "rocketmq"),
        text("messaging.destination.name", topic.name),
        text("messaging.operation.name", operation),
        text("messaging.operation.type", operation),
        text("messaging.message.id", id),
        text("messaging.rocketmq.message.keys", keys),
        text("server.address", "mq-1"),
    ]
}
