//! E-mail: text and HTML, threaded by incident, over TLS and never without.
//!
//! The root of a thread is a message that is never sent, which all mails of an incident answer. The subject is
//! the first mail's for ever, since some readers thread by it. Invariant: without TLS not one byte of a mail
//! leaves, unless the server is this machine and the operator has said so.

use super::{Channel, Outcome, Parcel};
use crate::config::{Email, MailSecurity};
use crate::guard::{Refused, look_up};
use crate::limits::Limits;
use crate::outbox::Content;
use crate::policy::Faults;
use crate::render::{self, Dialect};
use crate::wire::Wire;
use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{Error as SmtpError, PoolConfig};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor};
use std::error::Error as _;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// Most addresses of one receiver.
const RECIPIENTS_MAX: usize = 100;
const SUBJECT_BYTES_MAX: usize = 200;

#[derive(Debug)]
struct Mailer {
    settings: Email,
    from: Mailbox,
    to: Vec<Mailbox>,
}

pub(super) fn check(settings: &Email, at: &str, faults: &mut Faults) -> Option<Box<dyn Channel>> {
    let mut mailbox = |text: &str, place: String| {
        let read = text.parse::<Mailbox>();
        if read.is_err() {
            faults.add(place, format!("`{text}` is no mail address: write ops@example.com or Ops <ops@example.com>"));
        }
        read.ok()
    };
    let from = mailbox(&settings.from, format!("{at}.from"));
    let to: Vec<Mailbox> =
        settings.to.iter().enumerate().filter_map(|(n, text)| mailbox(text, format!("{at}.to[{n}]"))).collect();
    if settings.to.is_empty() || settings.to.len() > RECIPIENTS_MAX {
        faults.add(format!("{at}.to"), format!("1 to {RECIPIENTS_MAX} addresses"));
    }
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
    if settings.host.is_empty() || !settings.host.chars().all(is_host) {
        faults.add(format!("{at}.host"), "the mail server's name is wanted");
    }
    if settings.insecure && !is_here(&settings.host) {
        faults.add(format!("{at}.insecure"), "only for a server on this machine (localhost, 127.0.0.1, ::1)");
    }
    if settings.user.is_some() != settings.password.is_some() {
        faults.add(at, "`user` and `password` belong together");
    }
    if let Some(pem) = &settings.ca_pem
        && !Certificate::from_pem(pem.as_bytes()).is_ok_and(|_| pem.contains("BEGIN CERTIFICATE"))
    {
        faults.add(format!("{at}.ca_pem"), "a certificate in PEM is wanted");
    }
    Some(Box::new(Mailer { settings: settings.clone(), from: from?, to }))
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Mailer {
    fn host(&self) -> &str {
        self.from.email.domain()
    }

    /// The mail and its subject.
    fn mail(&self, parcel: &Parcel<'_>) -> Result<(Mail, String), String> {
        let text = render::whole(parcel, Dialect::Plain);
        let subject = match (&parcel.dispatch.reference, &parcel.dispatch.content) {
            (Some(first), _) => first.clone(),
            (None, Content::Incident(message)) => {
                let title = render::said(&message.title, parcel.target.language);
                format!("[{}] {}", message.incident, Dialect::Html.escape(title, SUBJECT_BYTES_MAX))
            }
            (None, Content::Digest(_)) => text.title.clone(),
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(parcel.now.0).unwrap_or(0));
        let mut builder = Mail::builder()
            .from(self.from.clone())
            .subject(subject.clone())
            .date(now)
            // The same for every attempt: a mail system that has it already may drop the repetition.
            .message_id(Some(format!("<{}@{}>", parcel.dispatch.entry, self.host())));
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        if let Content::Incident(message) = &parcel.dispatch.content {
            let incident: String =
                message.incident.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
            let root = format!("<incident-{incident}@{}>", self.host());
            builder = builder.in_reply_to(root.clone()).references(root);
        }
        let parts = MultiPart::alternative().boundary(format!("part-{}", parcel.dispatch.entry));
        let parts = parts.singlepart(SinglePart::plain(format!("{}\n\n{}\n", text.title, text.body)));
        let parts = match render::html(parcel, &text.title) {
            Some(html) => parts.singlepart(SinglePart::html(html)),
            None => parts,
        };
        let mut mail = builder.multipart(parts).map_err(|error| error.to_string())?;
        let auto = HeaderName::new_from_ascii_str("Auto-Submitted");
        mail.headers_mut().insert_raw(HeaderValue::new(auto, "auto-generated".to_owned()));
        Ok((mail, subject))
    }

    /// The server at an address that has been checked; its certificate must be for its name all the same.
    async fn server(&self, wire: &Wire) -> Result<AsyncSmtpTransport<Tokio1Executor>, Outcome> {
        let refused = |refused: Refused| Outcome::Refused { reason: refused.to_string() };
        let retry = |reason: String| Outcome::Retry { after: None, reason };
        let host = self.settings.host.trim_matches(['[', ']']);
        let addresses = look_up(host).await.map_err(|unknown| retry(unknown.to_string()))?;
        for address in &addresses {
            let insecure_here = self.settings.insecure && address.is_loopback();
            if !insecure_here {
                wire.guard().admit_address(host, *address).map_err(refused)?;
            }
        }
        let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
        let address = address.ok_or_else(|| retry(format!("the host `{host}` has no address")))?;
        let tls = match (self.settings.insecure, self.settings.security) {
            (true, _) if address.is_loopback() => Tls::None,
            (true, _) => return Err(Outcome::Refused { reason: "insecure is for this machine only".to_owned() }),
            (false, MailSecurity::StartTls) => Tls::Required(self.tls(host).map_err(retry)?),
            (false, MailSecurity::Implicit) => Tls::Wrapper(self.tls(host).map_err(retry)?),
        };
        let port = self.settings.port.unwrap_or(match self.settings.security {
            MailSecurity::StartTls => 587,
            MailSecurity::Implicit => 465,
        });
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.to_string())
            .port(port)
            .tls(tls)
            .timeout(Some(wire.timeout()))
            .pool_config(PoolConfig::new().max_size(1));
        if let Some((user, password)) = self.settings.user.as_ref().zip(self.settings.password.as_ref()) {
            builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
        }
        Ok(builder.build())
    }

    fn tls(&self, host: &str) -> Result<TlsParameters, String> {
        let mut builder = TlsParameters::builder(host.to_owned());
        if let Some(pem) = &self.settings.ca_pem {
            builder = builder.add_root_certificate(Certificate::from_pem(pem.as_bytes()).map_err(|e| e.to_string())?);
        }
        builder.build_rustls().map_err(|error| error.to_string())
    }

    /// One address that the server refuses must not keep the others from being told.
    async fn one_by_one(&self, server: &AsyncSmtpTransport<Tokio1Executor>, mail: &Mail) -> Result<(), Outcome> {
        let (body, mut refused, mut last) = (mail.formatted(), Vec::new(), None);
        for to in &self.to {
            let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.email.clone()]);
            let Ok(envelope) = envelope else { continue };
            if let Err(error) = server.send_raw(&envelope, &body).await {
                refused.push(to.email.clone());
                last = Some(judged(&error));
            }
        }
        match last {
            Some(outcome) if refused.len() == self.to.len() => Err(outcome),
            Some(_) => {
                let refused: Vec<String> = refused.iter().map(Address::to_string).collect();
                tracing::warn!(refused = refused.join(" "), "some addresses were refused by the mail server");
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// What the server's or the connection's error means.
fn judged(error: &SmtpError) -> Outcome {
    let reason: String = error.to_string().chars().filter(|c| !c.is_control()).take(300).collect();
    if error.is_permanent() {
        return Outcome::Refused { reason };
    }
    // Greylisting and full queues; no TLS, which may be somebody in between, is no reason to go on without.
    if error.is_transient() || error.is_tls() || error.is_client() {
        return Outcome::Retry { after: None, reason };
    }
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    use std::io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable};
    if matches!(io, Some(ConnectionRefused | HostUnreachable | NetworkUnreachable | AddrNotAvailable)) {
        return Outcome::Retry { after: None, reason };
    }
    Outcome::InDoubt { reason }
}

#[async_trait]
impl Channel for Mailer {
    fn name(&self) -> &'static str {
        "email"
    }

    fn identity(&self) -> String {
        format!("email {}:{:?}", self.settings.host, self.settings.port)
    }

    fn limits(&self) -> Limits {
        Limits {
            per_minute: 60,
            per_second: 10,
            reserve: 15,
            concurrent: 2,
            penalty: Duration::from_secs(60),
            digest: (200, 500),
        }
    }

    async fn send(&self, parcel: &Parcel<'_>, wire: &Wire) -> Outcome {
        let (mail, subject) = match self.mail(parcel) {
            Ok(made) => made,
            Err(reason) => return Outcome::Refused { reason },
        };
        let server = match self.server(wire).await {
            Ok(server) => server,
            Err(outcome) => return outcome,
        };
        let sent = match server.send(mail.clone()).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() && self.to.len() > 1 => self.one_by_one(&server, &mail).await,
            Err(error) => Err(judged(&error)),
        };
        server.shutdown().await;
        let is_incident = matches!(parcel.dispatch.content, Content::Incident(_));
        sent.map_or_else(
            |outcome| outcome,
            |()| Outcome::Delivered { reference: Some(subject).filter(|_| is_incident) },
        )
    }
}

#[cfg(test)]
pub(super) fn formatted(settings: &Email, parcel: &Parcel<'_>) -> String {
    let mailbox = |text: &String| text.parse::<Mailbox>().ok();
    let (from, to) = (mailbox(&settings.from), settings.to.iter().filter_map(mailbox).collect());
    let mailer = from.map(|from| Mailer { settings: settings.clone(), from, to });
    let mail = mailer.and_then(|mailer| mailer.mail(parcel).ok());
    mail.map_or_else(String::new, |(mail, _)| String::from_utf8_lossy(&mail.formatted()).into_owned())
}
