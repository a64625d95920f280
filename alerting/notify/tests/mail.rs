//! Mail against a real server, with TLS and without, down and up again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use incident::Severity;
use model::{Bilingual, Clock, ManualClock, UnixNanos};
use notify::{Deliverer, Message, Occasion, Outbox, Outcome, Policy, Settings, Silences, State};
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const START: UnixNanos = UnixNanos(1_795_154_575 * UnixNanos::SECOND);
/// How long a step may hang before its test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// The folder of installed programs, if the mail server is there.
#[expect(clippy::disallowed_methods, reason = "tests have no settings file: this is their rim")]
fn installed() -> Option<PathBuf> {
    let home = std::env::var("STORMGLASS_SENDERS").map(PathBuf::from);
    let home = home.or_else(|_| std::env::var("HOME").map(|home| Path::new(&home).join(".cache/stormglass/senders")));
    home.ok().filter(|home| home.join("smtp.installed").exists())
}

/// Says past the harness' capture that this could not be tried here.
fn skipped(test: &str) {
    let _ = writeln!(std::io::stdout().lock(), "\nSKIPPED {test}: smtp is not installed: run tests/senders/install");
}

/// A mail server of this machine. Dropped, it ends.
struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
    ca: String,
}

impl Server {
    async fn start(home: &Path, folder: &Path, mode: &str, port: u16, options: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/senders/smtp/server.py");
        let mut command = Command::new(home.join("smtp/bin/python"));
        command.arg(script).args([mode, &port.to_string(), &folder.display().to_string()]).args(options);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child = spawned.unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = next(&mut lines).await;
        let port = first["port"].as_u64().unwrap() as u16;
        let ca = std::fs::read_to_string(first["ca"].as_str().unwrap()).unwrap();
        Self { child, lines, port, ca }
    }

    /// The next mail it takes.
    async fn mail(&mut self) -> Value {
        next(&mut self.lines).await
    }

    /// Ends it; the mails that nobody has asked for yet.
    async fn stop(mut self) -> Vec<Value> {
        drop(self.child.stdin.take());
        let mut mails = Vec::new();
        while let Some(line) = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.unwrap().unwrap() {
            mails.push(serde_json::from_str(&line).unwrap());
        }
        self.child.wait().await.unwrap();
        mails
    }
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> Value {
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    serde_json::from_str(&line).unwrap()
}

/// A receiver's settings for a server.
fn receiver(server: &Server, security: &str, to: &str) -> String {
    let ca = server.ca.replace('\n', "\\n");
    format!(
        "receivers: [{{name: mail, email: {{host: localhost, port: {}, {security}, ca_pem: \"{ca}\",
  from: 'Stormglass <storm@example.com>', to: [{to}]}}}}]
route: {{receivers: [mail], group_wait: 0s}}
network: {{allow: [localhost]}}
",
        server.port
    )
}

struct Loop {
    clock: Arc<ManualClock>,
    policy: Arc<Policy>,
    outbox: Outbox,
    deliverer: Deliverer,
}

impl Loop {
    fn new(config: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(ManualClock::at(START));
        let deliverer = Deliverer::with_timeout(Arc::clone(&clock) as Arc<dyn Clock>, Duration::from_secs(20));
        let policy = Arc::new(Policy::read(config).unwrap());
        Self { clock, policy, outbox: Outbox::new(Settings::default()), deliverer }
    }

    fn tell(&mut self, revision: u64, occasion: Occasion) {
        let title = Bilingual::new("orders fail\r\nBcc: evil@example.com", "下单失败");
        let mut message = Message::new("I-20261120-0001", title, Severity::High, START);
        (message.revision, message.occasion) = (revision, occasion);
        if occasion == Occasion::Resolved {
            message.state = State::Resolved;
            message.title = Bilingual::new("another title by now", "标题已变");
        }
        self.outbox.tell(&self.policy, message, self.clock.now());
    }

    /// One round of what goes now.
    async fn round(&mut self) -> Option<Outcome> {
        let now = self.clock.now();
        let dispatches = self.outbox.due(&self.policy, &Silences::default(), now);
        self.deliverer.start(&self.policy, dispatches).unwrap();
        let delivery = self.deliverer.finished().await?;
        self.outbox.conclude(&self.policy, &delivery.entry, delivery.outcome.clone(), now);
        Some(delivery.outcome)
    }
}

fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let content = mail["content"].as_str().unwrap();
    let head = content.split("\r\n\r\n").next().unwrap();
    let start = format!("{name}: ");
    head.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default()
}

#[tokio::test]
async fn mails_of_an_incident_are_encrypted_and_stand_in_one_thread() {
    let Some(home) = installed() else {
        return skipped("mails_of_an_incident_are_encrypted_and_stand_in_one_thread");
    };
    let folder = tempfile::tempdir().unwrap();
    for (mode, security) in [("starttls", "security: start_tls"), ("tls", "security: implicit")] {
        let mut server = Server::start(&home, folder.path(), mode, 0, &[]).await;
        let mut world = Loop::new(&receiver(&server, security, "ops@example.com, dev@example.com"));
        world.tell(1, Occasion::Opened);
        assert!(matches!(world.round().await, Some(Outcome::Delivered { .. })), "{mode}");
        world.tell(2, Occasion::Resolved);
        assert!(matches!(world.round().await, Some(Outcome::Delivered { .. })), "{mode}");
        let (first, second) = (server.mail().await, server.mail().await);
        for mail in [&first, &second] {
            assert_eq!(mail["tls"], true, "{mode}");
            assert_eq!(mail["to"], serde_json::json!(["ops@example.com", "dev@example.com"]));
            assert_eq!(header(mail, "In-Reply-To"), "<incident-I-20261120-0001@example.com>");
            assert_eq!(header(mail, "References"), "<incident-I-20261120-0001@example.com>");
            assert_eq!(header(mail, "Bcc"), "", "a title makes no header");
            let content = mail["content"].as_str().unwrap();
            assert!(content.contains("text/plain") && content.contains("text/html"), "{content}");
        }
        assert_eq!(header(&first, "Subject"), header(&second, "Subject"), "the subject keeps the thread together");
        assert_ne!(header(&first, "Message-ID"), header(&second, "Message-ID"));
        assert_eq!(server.stop().await, [Value::Null; 0]);
    }
}

#[tokio::test]
async fn without_tls_nothing_leaves() {
    let Some(home) = installed() else { return skipped("without_tls_nothing_leaves") };
    let folder = tempfile::tempdir().unwrap();
    // Somebody in between has taken STARTTLS out of the greeting.
    let stripped = Server::start(&home, folder.path(), "plain", 0, &[]).await;
    let mut world = Loop::new(&receiver(&stripped, "security: start_tls", "ops@example.com"));
    world.tell(1, Occasion::Opened);
    let outcome = world.round().await;
    assert!(matches!(outcome, Some(Outcome::Retry { .. })), "{outcome:?}");
    assert_eq!(stripped.stop().await, [Value::Null; 0], "downgrades");
    // A certificate that nobody here has signed.
    let (other, server) = (tempfile::tempdir().unwrap(), Server::start(&home, folder.path(), "starttls", 0, &[]).await);
    let foreign = Server::start(&home, other.path(), "starttls", 0, &[]).await;
    let config = receiver(&Server { ca: foreign.ca.clone(), ..server }, "security: start_tls", "ops@example.com");
    let mut world = Loop::new(&config);
    world.tell(1, Occasion::Opened);
    let outcome = world.round().await;
    assert!(matches!(outcome, Some(Outcome::Retry { .. })), "{outcome:?}");
    // On this machine, and only there, an operator may do without.
    let mut here = Server::start(&home, folder.path(), "plain", 0, &[]).await;
    let mut world = Loop::new(&receiver(&here, "insecure: true", "ops@example.com"));
    world.tell(1, Occasion::Opened);
    assert!(matches!(world.round().await, Some(Outcome::Delivered { .. })));
    assert_eq!(here.mail().await["tls"], false);
}

#[tokio::test]
async fn a_server_that_was_down_gets_every_mail_when_it_is_up() {
    let Some(home) = installed() else { return skipped("a_server_that_was_down_gets_every_mail_when_it_is_up") };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&home, folder.path(), "starttls", 0, &[]).await;
    let (port, config) = (server.port, receiver(&server, "security: start_tls", "ops@example.com"));
    server.stop().await;
    let mut world = Loop::new(&config);
    world.tell(1, Occasion::Opened);
    for _ in 0..8 {
        let outcome = world.round().await;
        assert!(matches!(outcome, None | Some(Outcome::Retry { .. })), "{outcome:?}");
        world.clock.advance(Duration::from_secs(20));
    }
    let mut server = Server::start(&home, folder.path(), "starttls", port, &["greylist=1"]).await;
    let mut outcomes = Vec::new();
    for _ in 0..12 {
        outcomes.extend(world.round().await);
        world.clock.advance(Duration::from_secs(10));
    }
    assert!(matches!(outcomes.as_slice(), [Outcome::Retry { .. }, Outcome::Delivered { .. }]), "{outcomes:?}");
    assert!(header(&server.mail().await, "Subject").contains("I-20261120-0001"));
    assert_eq!((server.stop().await.len(), world.outbox.entries().count()), (0, 0), "once, and none is left");
}

#[tokio::test]
async fn an_address_that_is_refused_keeps_nobody_else_from_being_told() {
    let Some(home) = installed() else {
        return skipped("an_address_that_is_refused_keeps_nobody_else_from_being_told");
    };
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&home, folder.path(), "starttls", 0, &["refuse=gone@example.com"]).await;
    let to = "a@example.com, gone@example.com, b@example.com";
    let mut world = Loop::new(&receiver(&server, "security: start_tls", to));
    world.tell(1, Occasion::Opened);
    assert!(matches!(world.round().await, Some(Outcome::Delivered { .. })));
    let told = [server.mail().await, server.mail().await].map(|mail| mail["to"][0].as_str().unwrap().to_owned());
    assert_eq!(told, ["a@example.com", "b@example.com"]);
    let mut world = Loop::new(&receiver(&server, "security: start_tls", "gone@example.com"));
    world.tell(1, Occasion::Opened);
    let outcome = world.round().await;
    assert!(matches!(outcome, Some(Outcome::Refused { .. })), "{outcome:?}");
    assert_eq!(world.outbox.dead().count(), 1, "a dead letter, visible");
}
