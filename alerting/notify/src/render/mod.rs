//! Messages as text: templates in the reader's language, in the platform's dialect, within its size.
//!
//! It refuses to know how text is sent. Invariant: there is always a text, however broken a template and however
//! large a message; and it is never longer than asked for.

mod dialect;
mod fit;
mod preview;
mod view;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use dialect::{Dialect, address};
use fit::{DETAILS, Detail};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
pub use preview::{Preview, preview};
use serde::Serialize;
use view::Eye;
pub(crate) use words::{said, words};

use crate::channel::Parcel;
use crate::message::cut;
use crate::outbox::Content;

/// Most bytes of a template of one's own.
pub(crate) const TEMPLATE_BYTES_MAX: usize = 16 * 1024;
/// How deep loops may stand in each other there: lists are short, and their product stays so.
const LOOP_DEPTH_MAX: usize = 2;

/// A message as text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Text {
    /// One line without markup.
    pub(crate) title: String,
    pub(crate) body: String,
}

/// The message with as much detail as keeps `body_of` within `most` bytes. `body_of` makes the platform's whole
/// request of a text: what is measured is what is sent.
pub(crate) fn fitted(
    parcel: &Parcel<'_>,
    dialect: Dialect,
    most: usize,
    body_of: impl Fn(&Text) -> Vec<u8>,
) -> Vec<u8> {
    let details = if parcel.dispatch.plain { &DETAILS[5..] } else { &DETAILS[..] };
    let dialect_of = |detail: &Detail| text(parcel, dialect, *detail);
    for made in details.iter().map(|detail| body_of(&dialect_of(detail))) {
        if made.len() <= most {
            return made;
        }
    }
    // A template of one's own, or names beyond all measure: the plain words, cut until they fit.
    let whole = plain(parcel, dialect);
    let mut room = most;
    loop {
        let mut text = whole.clone();
        cut(&mut text.title, (room / 4).max(16));
        cut(&mut text.body, room);
        let made = body_of(&text);
        if made.len() <= most || room == 0 {
            return made;
        }
        room /= 2;
    }
}

/// The message in full detail, for channels that have room.
pub(crate) fn whole(parcel: &Parcel<'_>, dialect: Dialect) -> Text {
    let detail = if parcel.dispatch.plain { DETAILS[5] } else { DETAILS[0] };
    text(parcel, dialect, detail)
}

/// The HTML part of a mail. `None` where the template fails: the text part says it all.
pub(crate) fn html(parcel: &Parcel<'_>, heading: &str) -> Option<String> {
    #[derive(Serialize)]
    struct Page<'a, V> {
        heading: &'a str,
        #[serde(flatten)]
        view: V,
    }
    let eye = eye(parcel, Dialect::Html, DETAILS[0]);
    let page = match &parcel.dispatch.content {
        Content::Incident(message) => Value::from_serialize(Page { heading, view: eye.incident(message, parcel) }),
        Content::Digest(digest) => Value::from_serialize(Page { heading, view: eye.digest(digest, parcel) }),
    };
    run("mail.html", include_str!("templates/mail.html"), page, Dialect::Html)
        .inspect_err(|error| tracing::error!(%error, "the mail template fails"))
        .ok()
}

fn text(parcel: &Parcel<'_>, dialect: Dialect, detail: Detail) -> Text {
    let eye = eye(parcel, dialect, detail);
    // Titles go where no markup is read.
    let title_eye = Eye { dialect: if dialect == Dialect::Html { dialect } else { Dialect::Plain }, ..eye_like(&eye) };
    let own = parcel.target.written.template.as_deref();
    let made = match &parcel.dispatch.content {
        Content::Incident(message) => {
            let title = Value::from_serialize(title_eye.incident(message, parcel));
            let view = Value::from_serialize(eye.incident(message, parcel));
            run("title.txt", include_str!("templates/title.txt"), title, dialect).and_then(|title| {
                Ok((title, run("body.txt", own.unwrap_or(include_str!("templates/body.txt")), view, dialect)?))
            })
        }
        Content::Digest(digest) => {
            let title = Value::from_serialize(title_eye.digest(digest, parcel));
            let view = Value::from_serialize(eye.digest(digest, parcel));
            run("title.txt", include_str!("templates/digest_title.txt"), title, dialect)
                .and_then(|title| Ok((title, run("digest.txt", include_str!("templates/digest.txt"), view, dialect)?)))
        }
    };
    match made {
        Ok((title, body)) => Text { title: title.trim().to_owned(), body: lines(&body, dialect) },
        Err(error) => {
            tracing::warn!(receiver = parcel.target.name(), %error, "a template fails; the plain text is sent");
            plain(parcel, dialect)
        }
    }
}

fn eye<'a>(parcel: &Parcel<'a>, dialect: Dialect, detail: Detail) -> Eye<'a> {
    let target = parcel.target;
    Eye { dialect, language: target.language, zone: &target.zone, detail, now: parcel.now }
}

fn eye_like<'a>(eye: &Eye<'a>) -> Eye<'a> {
    Eye { dialect: eye.dialect, language: eye.language, zone: eye.zone, detail: eye.detail, now: eye.now }
}

/// What is sent when nothing else can be: identity, grade, title, cause, page.
fn plain(parcel: &Parcel<'_>, dialect: Dialect) -> Text {
    let language = parcel.target.language;
    let text = |text: &str, max: usize| dialect.escape(text, max);
    match &parcel.dispatch.content {
        Content::Incident(message) => {
            let title = format!(
                "[{}] {} {}",
                words::severity(message.severity, language),
                text(&message.incident, 64),
                text(said(&message.title, language), 300)
            );
            let mut body = title.clone();
            if let Some(cause) = &message.cause {
                body +=
                    &format!("\n{}: {} ({})", words(language).cause, text(&cause.entity.to_string(), 200), cause.kind);
            }
            if let Some(url) = message.url.as_deref().and_then(address) {
                body += &format!("\n{url}");
            }
            Text { title, body }
        }
        Content::Digest(digest) => {
            let title = format!("{} {}", digest.items.len(), words(language).digest);
            let ids: Vec<String> = digest.items.iter().map(|item| text(&item.incident, 64)).collect();
            Text { body: format!("{title}\n{}", ids.join(" ")), title }
        }
    }
}

/// The template's lines as the platform ends them, without empty ones.
fn lines(body: &str, dialect: Dialect) -> String {
    let lines: Vec<&str> = body.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines.join(dialect.line_end())
}

fn run(name: &'static str, source: &str, view: Value, dialect: Dialect) -> Result<String, minijinja::Error> {
    environment(dialect).render_named_str(name, source, view)
}

fn environment(dialect: Dialect) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    let escape = if dialect == Dialect::Html { AutoEscape::Html } else { AutoEscape::None };
    environment.set_auto_escape_callback(move |_| escape);
    // Loops go over what the message has, and nothing longer.
    environment.add_function("range", || -> Result<Value, minijinja::Error> {
        Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, "`range` is not for message templates"))
    });
    environment.add_function("b", move |text: &str| dialect.bold(text));
    environment.add_function("link", move |text: &str, url: &str| dialect.link(text, url));
    environment.add_function("joiner", |between: String| {
        let first = std::sync::atomic::AtomicBool::new(true);
        Value::from_function(move || {
            if first.swap(false, std::sync::atomic::Ordering::Relaxed) { String::new() } else { between.clone() }
        })
    });
    environment.add_global("bullet", dialect.bullet());
    environment
}

/// Whether a template of one's own may be used.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_template(source: &str) -> Result<(), String> {
    if source.len() > TEMPLATE_BYTES_MAX {
        return Err(format!("{} bytes are more than the {TEMPLATE_BYTES_MAX} allowed", source.len()));
    }
    // What could run for long: loops within loops within loops, and what calls itself.
    let mut depth = 0_usize;
    for tag in source.split("{%").skip(1) {
        match tag.trim_start_matches(['-', '+']).split_whitespace().next().unwrap_or_default() {
            "for" => depth += 1,
            "endfor" => depth = depth.saturating_sub(1),
            word @ ("macro" | "call" | "include" | "import" | "from" | "extends" | "block") => {
                return Err(format!("`{word}` is not for message templates"));
            }
            _ => {}
        }
        if depth > LOOP_DEPTH_MAX || tag.contains("recursive") {
            return Err(format!("at most {LOOP_DEPTH_MAX} loops in each other, and none recursive"));
        }
    }
    environment(Dialect::Plain).template_from_str(source).map(|_| ()).map_err(|error| {
        let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
        format!("{line}{error}")
    })
}
