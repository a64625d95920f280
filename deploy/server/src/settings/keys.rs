//! Every setting by name, in one table: what it is, and which field of which crate it sets.

use super::{Input, Settings, TlsFiles};
use api::PingSecrets;
use engine::Durability;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use tables::TableId;

/// One setting.
pub(crate) struct Key {
    /// `section.name` as in the file; in the environment `STORMGLASS_SECTION__NAME`.
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) set: fn(&mut Settings, &Input) -> Result<(), String>,
}

macro_rules! keys {
    ($($name:literal, $about:literal, |$s:ident, $v:ident| $set:expr;)*) => {
        pub(crate) const KEYS: &[Key] = &[$(Key {
            name: $name,
            about: $about,
            set: |$s, $v| { $set; Ok(()) },
        }),*];
    };
}

keys! {
    "data_dir", "Where everything is kept. Default ./stormglass-data", |s, v| s.data_dir = v.path()?;

    "listen.otlp_grpc", "OTLP/gRPC. Default 127.0.0.1:4317; port 0 picks a free one", |s, v| s.listen.otlp_grpc = v.address()?;
    "listen.otlp_http", "OTLP/HTTP. Default 127.0.0.1:4318", |s, v| s.listen.otlp_http = v.address()?;
    "listen.http", "HTTP API and /metrics. Default 127.0.0.1:8080", |s, v| s.listen.http = v.address()?;

    "tls.cert", "PEM file with the certificate chain, for all three ports", |s, v| tls(s).cert = v.path()?;
    "tls.key", "PEM file with its private key", |s, v| tls(s).key = v.path()?;
    "access.insecure_plaintext", "Serve other addresses than loopback without TLS. Default false", |s, v| s.insecure_plaintext = v.flag()?;

    "access.setup", "While there is no user and no token: closed, until the first user is made with a secret that is printed. Default false", |s, v| s.setup = v.flag()?;
    "access.session_idle_max", "A session that is not used for this long ends. Default 12h", |s, v| s.access.session_idle_max = v.duration()?;
    "access.session_age_max", "A session ends at this age, however busy. Default 7d", |s, v| s.access.session_age_max = v.duration()?;
    "access.sessions_per_user_max", "Sessions of one user; the oldest ends when there is one more. Default 20", |s, v| s.access.sessions_per_user_max = number(v)?;
    "access.users_max", "Users over all workspaces. Default 1000", |s, v| s.access.users_max = number(v)?;
    "access.tokens_max", "Tokens that are not revoked. Default 10000", |s, v| s.access.tokens_max = v.count(1)? as usize;
    "access.hashes_max", "Passwords that are checked at a time, 19 MiB each. Default 2", |s, v| s.access.hashes_max = v.count(1)? as usize;
    "access.hashes_waiting_max", "Passwords that wait to be checked; more are refused with 503. Default 16", |s, v| s.access.hashes_waiting_max = v.count(1)? as usize;
    "access.attempts_per_name_max", "Failed sign-ins under one name within attempts_window; more are refused with 429. Default 10", |s, v| s.access.attempts_per_name_max = number(v)?;
    "access.attempts_per_address_max", "The same from one address, and separately for wrong tokens. Default 30", |s, v| s.access.attempts_per_address_max = number(v)?;
    "access.attempts_window", "Default 5m", |s, v| s.access.attempts_window = v.duration()?;
    "access.trusted_proxies", "Addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed. Default none", |s, v| s.access.trusted_proxies = proxies(v)?;
    "access.audit_rows_max", "Rows of the audit log; the oldest leave when there are more. Default 1000000", |s, v| s.access.audit_rows_max = number(v)?;

    "ingest.body_bytes_max", "Largest request as it travels. Default 64MiB", |s, v| s.receive.body_bytes_max = size(v)?;
    "ingest.message_bytes_max", "Largest request after decompression. Default 64MiB", |s, v| s.receive.message_bytes_max = size(v)?;
    "ingest.inflight_bytes_max", "Request bytes on their way to the disk at a time. Default 96MiB", |s, v| s.engine.inflight_bytes_max = v.bytes()?;
    "ingest.body_pause_max", "How long a request body may pause. Default 10s", |s, v| s.receive.body_pause_max = v.duration()?;
    "ingest.body_bytes_per_second_min", "Slowest request body after its grace. Default 4KiB", |s, v| s.receive.body_bytes_per_second_min = v.bytes()?;
    "ingest.cors_origins", "Web origins that may send from browsers. Default none", |s, v| s.receive.cors.origins = v.list()?;
    "ingest.cors_headers", "Request headers that pages may set beyond the usual ones", |s, v| s.receive.cors.headers = v.list()?;

    "net.connections_max", "Open connections over all ports. Default 4096", |s, v| s.net.connections_max = v.count(1)? as usize;
    "net.header_timeout", "How long a client may take to send a request's head. Default 5s", |s, v| s.net.header_timeout = v.duration()?;
    "net.idle_timeout", "How long a connection may rest between requests. Default 75s", |s, v| s.net.idle_timeout = v.duration()?;
    "net.refused_body_bytes_max", "Of a body that is refused unread, so much is read on before the refusal. Default 64MiB", |s, v| s.net.refused_body_bytes_max = v.bytes()?;
    "net.drain", "How long requests may take to end at shutdown. Default 20s", |s, v| s.net.drain = v.duration()?;

    "store.durability",
    "fsync, or the unsafe os (a power cut loses acknowledged data) or none (a crash does too). Default fsync", |s, v| {
        let choices = [("fsync", Durability::Fsync), ("os", Durability::Os), ("none", Durability::None)];
        s.engine.durability = v.choice(&choices)?;
    };
    "store.group_commit_wait", "How long a group of requests gathers before its fsync. Default 2ms", |s, v| s.engine.group_commit_wait = v.duration()?;
    "store.flush_rows", "Rows in memory at which Parquet is written. Default 196608", |s, v| s.engine.flush_rows = v.count(1)?;
    "store.flush_bytes", "Bytes in memory at which Parquet is written. Default 72MiB", |s, v| s.engine.flush_bytes = v.bytes()?;
    "store.flush_after", "Age of the oldest row in memory at which Parquet is written. Default 30s", |s, v| s.engine.flush_after = v.duration()?;
    "store.memtable_bytes_max", "Bytes of rows in memory; more is refused with 503. Default 192MiB", |s, v| s.engine.memtable_bytes_max = v.bytes()?;
    "store.wal_segment_bytes", "Size of a WAL segment. Default 64MiB", |s, v| s.engine.wal_segment_bytes = v.bytes()?;
    "store.wal_bytes_max", "WAL not yet in Parquet; more is refused with 503. Default 8GiB", |s, v| s.engine.wal_bytes_max = v.bytes()?;
    "store.disk_reserve", "Free disk that ingest leaves alone. Default 256MiB", |s, v| s.engine.space.disk_reserve_bytes = v.bytes()?;
    "store.disk_use_max", "Disk that the store may use in all. Default: what there is", |s, v| s.engine.space.disk_use_max = Some(v.bytes()?);
    "store.delete_oldest", "Delete the oldest data to stay below disk_use_max, instead of refusing. Default false", |s, v| s.engine.space.by_space = v.flag()?;
    "store.repeat_window", "How long a repeat of the same bytes is recognised. Default 15m", |s, v| s.engine.repeat_window = v.duration()?;
    "store.compaction", "Merge small Parquet files into large ones. Default true", |s, v| s.engine.compaction.enabled = v.flag()?;
    "store.compaction_settle", "Rest after which an hour's files are merged. Default 60s", |s, v| s.engine.compaction.settle = v.duration()?;

    "object_store.url", "s3://BUCKET/PREFIX for Parquet files. Default: DATA_DIR/parquet", |s, v| {
        let url = v.text()?;
        if !url.starts_with("s3://") {
            return Err(format!("{url:?} is not an object store: write s3://BUCKET or s3://BUCKET/PREFIX"));
        }
        s.object_store.url = Some(url);
    };
    "object_store.endpoint", "http(s)://HOST:PORT of an S3 server other than Amazon's", |s, v| s.object_store.endpoint = Some(v.text()?);
    "object_store.region", "Default us-east-1", |s, v| s.object_store.region = v.text()?;
    "object_store.access_key", "Access key id", |s, v| s.object_store.access_key = Some(v.text()?);
    "object_store.secret_key", "Secret key; better in the environment than in a file", |s, v| s.object_store.secret_key = Some(v.text()?);
    "object_store.allow_http", "Plain http to the endpoint. Default false", |s, v| s.object_store.allow_http = v.flag()?;
    "object_store.path_style", "ENDPOINT/BUCKET/KEY rather than BUCKET.ENDPOINT/KEY. Default true", |s, v| s.object_store.path_style = v.flag()?;

    "retention.spans", "How long spans are kept. Default 30d; \"forever\"", |s, v| keep(s, TableId::Spans, v.age()?);
    "retention.logs", "How long log records are kept. Default 30d", |s, v| keep(s, TableId::Logs, v.age()?);
    "retention.metrics", "How long metric points are kept. Default 90d", |s, v| keep(s, TableId::Metrics, v.age()?);
    "retention.ledger", "How long the ledger is kept. Default 365d", |s, v| keep(s, TableId::Ledger, v.age()?);
    "retention.business_events", "How long business events and the values of entities are kept. Default 365d", |s, v| {
        let age = v.age()?;
        keep(s, TableId::BusinessEvents, age);
        keep(s, TableId::EntityChanges, age);
    };
    "retention.changes", "How long changes are kept. Default 365d", |s, v| keep(s, TableId::Changes, v.age()?);
    "retention.rollups", "How long request rates and service edges are kept. Default 400d", |s, v| {
        let age = v.age()?;
        keep(s, TableId::Red, age);
        keep(s, TableId::ServiceEdges, age);
    };
    "retention.audit", "How long the audit log is kept. Default 400d", |s, v| {
        s.access.audit_keep = v.age()?.ok_or("the audit log is not kept forever: write how long, such as 3650d")?;
    };
    "retention.heartbeats", "How long heartbeats are kept. Default 90d", |s, v| keep(s, TableId::Heartbeats, v.age()?);

    "query.workers_max", "Query worker processes; of two or more one is for rules only. Default 2", |s, v| s.query.workers_max = v.count(1)? as usize;
    "query.queries_per_worker_max", "Queries at a time in one worker. Default 4", |s, v| s.query.queries_per_worker_max = v.count(1)? as usize;
    "query.threads", "Threads of one worker. Default 2", |s, v| s.query.threads = v.count(1)? as usize;
    "query.memory_bytes_max", "Memory of one worker; above it queries are cancelled. Default 1GiB", |s, v| s.query.memory_bytes_max = v.bytes()?;
    "query.pool_bytes_max", "Memory that the operators of one worker may reserve. Default 512MiB", |s, v| s.query.pool_bytes_max = v.bytes()?;
    "query.spill_bytes_max", "Disk that one worker may spill to; 0 for none. Default 1GiB", |s, v| s.query.spill_bytes_max = v.bytes()?;
    "query.idle_stop", "A worker without queries for this long is stopped. Default 60s", |s, v| s.query.idle_stop = v.duration()?;
    "query.timeout_default", "Deadline of a query that asks for none. Default 30s", |s, v| s.query.timeout_default = v.duration()?;
    "query.timeout_max", "Longest deadline that a query may ask for. Default 300s", |s, v| s.query.timeout_max = v.duration()?;
    "query.rows_max", "Rows of one result; more are cut, and the answer says so. Default 1000000", |s, v| s.query.rows_max = v.count(1)?;
    "query.bytes_max", "Bytes of one result, likewise. Default 256MiB", |s, v| s.query.bytes_max = v.bytes()?;

    "operations.request_id_keys", "Further attributes that hold a request id", |s, v| s.operations.request_id_keys = v.list()?;
    "operations.extract", "Rules that make business events of spans and logs which name the values otherwise. Default none", |s, v| s.operations.extract = super::extract::rules(v)?;
    "operations.trace_context_keys", "Attributes that hold trace contexts of other propagators, beside the usual headers. Default none", |s, v| s.operations.trace_context_keys = v.list()?;
    "operations.deadline", "Time from create to complete of an operation before it counts as stuck. Default 1h", |s, v| s.operations.deadline = v.duration()?;
    "operations.deadlines", "The same by operation: [\"buy tea=15m\"]. Default none", |s, v| s.operations.deadlines = deadlines(v)?;
    "operations.business_keys", "Attributes that are columns with an index. Default order.id, user.id, member.id, sku.id, store.id, tenant.id, coupon.id, payment.id", |s, v| s.operations.business_keys = v.list()?;
    "heartbeats.ping_key", "Secret of /ping/KEY/NAME, for clients of healthchecks; at least 16 characters. Default none", |s, v| s.operations.ping_secrets.key = Some(secret(&v.text()?)?);
    "heartbeats.pings", "Secrets of /ping/SECRET by name: [\"nightly=SECRET\"]. Default none", |s, v| s.operations.ping_secrets.names = pings(v)?;

    "alerting.enabled", "Judge rules, keep incidents, send messages. Default true", |s, v| s.alerting.watch.enabled = v.flag()?;
    "alerting.step", "How often rules are judged. Default 5s", |s, v| s.alerting.watch.step = v.duration()?;
    "alerting.lateness", "How long an instant waits for data that is on its way. Default 2s", |s, v| s.alerting.watch.lateness = v.duration()?;
    "alerting.idle", "After so long without data a sender holds nothing up. Default 30s", |s, v| s.alerting.watch.idle = v.duration()?;
    "alerting.catch_up", "How far back a new period of data is judged. Default 2h", |s, v| s.alerting.watch.catch_up = v.duration()?;
    "alerting.keep_firing", "How long the end of an alert must stand before it is over, and its incident is told to be. Default 5m; 20s in the demo", |s, v| s.alerting.watch.keep_firing = v.duration()?;
    "alerting.reference", "Healthy telemetry that an incident is measured against. Default 1h", |s, v| s.alerting.watch.reference = v.duration()?;
    "alerting.evidence_rows_max", "Rows of telemetry that are read to find a cause; of more, whole traces are chosen. Default 400000", |s, v| s.alerting.watch.evidence_rows_max = v.count(1)?;
    "alerting.rule_timeout", "How long one question, of a rule or for a cause, may take. Default 20s", |s, v| s.alerting.watch.rule_timeout = v.duration()?;
    "alerting.inbox_max", "Alerts that wait to be taken in; senders of more are told to come back. Default 200000", |s, v| s.alerting.watch.inbox_max = v.count(1)? as usize;
    "alerting.rules_files", "Files with rules, beside those on after install and those of the API. Default none", |s, v| s.alerting.watch.rules_files = v.list()?.into_iter().map(PathBuf::from).collect();
    "alerting.external_url", "Where people reach this server, for links in messages. Default its own address", |s, v| s.alerting.external_url = Some(v.text()?);

    "lanes.keys", "Attributes that name a lane; the first that is said counts. Default lane, env.tag, gray, load_test", |s, v| s.engine.rollups.lane_keys = v.list()?;

    "rollups.spans_max", "Recent spans remembered, to know children and copies in memory; 50 bytes each. Default 524288", |s, v| s.engine.rollups.spans_max = v.count(1)? as usize;
    "rollups.waiting_max", "Spans that wait for their parent in memory; those beyond are found among stored spans. Default 131072", |s, v| s.engine.rollups.waiting_max = v.count(1)? as usize;
    "rollups.operations_max", "Operations of one service counted apart between two flushes; the rest is __overflow__. Default 2000", |s, v| s.engine.rollups.operations_max = v.count(1)? as usize;
    "rollups.edges_max", "Edges counted apart between two flushes; nodes beyond are __overflow__. Default 50000", |s, v| s.engine.rollups.edges_max = v.count(1)? as usize;
    "rollups.names_max", "Names of services, and of nodes, held at a time; the rest is __overflow__. Default 65536", |s, v| s.engine.rollups.names_max = v.count(1)? as usize;
    "rollups.links_max", "Links of one consumer span that are followed. Default 128", |s, v| s.engine.rollups.links_max = v.count(1)? as usize;
    "rollups.reconcile_every", "How often parents that memory did not know are looked for among stored spans. Default 60s", |s, v| s.reconcile.every = v.duration()?;
    "rollups.reconcile_after", "Age at which a span without its parent is first looked at; 4, 16 and more times later again. Default 60s", |s, v| s.reconcile.after = v.duration()?;

    "catalog.file", "YAML file that says whose services are, who matters, and what stands where. Default none", |s, v| s.catalog = catalog(&v.path()?)?;

    "log.level", "error, warn, info, debug or trace, also by crate as in \"info,engine=debug\". Default info", |s, v| s.log.level = v.text()?;
    "log.json", "Log lines as JSON. Default false", |s, v| s.log.json = v.flag()?;
}

fn tls(settings: &mut Settings) -> &mut TlsFiles {
    settings.tls.get_or_insert_with(|| TlsFiles { cert: PathBuf::new(), key: PathBuf::new() })
}

fn catalog(path: &std::path::Path) -> Result<api::CatalogFile, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    api::CatalogFile::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// A secret that stands in a path and in place of a token.
fn secret(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match text.len() >= PingSecrets::BYTES_MIN && text.chars().all(fits) {
        true => Ok(text.to_owned()),
        false => Err(format!("a secret has at least {} of a-z, A-Z, 0-9, '-' and '_'", PingSecrets::BYTES_MIN)),
    }
}

fn pings(input: &Input) -> Result<Vec<(String, String)>, String> {
    let ping = |text: String| match text.split_once('=') {
        Some((name, own)) if !name.is_empty() => Ok((name.to_owned(), secret(own)?)),
        _ => Err("a ping is no NAME=SECRET".to_owned()),
    };
    input.list()?.into_iter().map(ping).collect()
}

fn deadlines(input: &Input) -> Result<Vec<(String, Duration)>, String> {
    let deadline = |text: String| {
        let wrong = || format!("{text:?} is no deadline: write \"OPERATION=15m\"");
        let (operation, time) = text.rsplit_once('=').ok_or_else(wrong)?;
        Ok((operation.to_owned(), super::duration(time).ok_or_else(wrong)?))
    };
    input.list()?.into_iter().map(deadline).collect()
}

fn proxies(input: &Input) -> Result<Vec<IpAddr>, String> {
    let proxy = |text: String| text.parse().map_err(|_| format!("{text:?} is no IP address"));
    input.list()?.into_iter().map(proxy).collect()
}

fn number(input: &Input) -> Result<u32, String> {
    u32::try_from(input.count(1)?).map_err(|_| format!("at most {}", u32::MAX))
}

fn size(input: &Input) -> Result<usize, String> {
    input.bytes().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
}

fn keep(settings: &mut Settings, table: TableId, age: Option<Duration>) {
    match age {
        Some(age) => settings.engine.retention.age.insert(table, age),
        None => settings.engine.retention.age.remove(&table),
    };
}
