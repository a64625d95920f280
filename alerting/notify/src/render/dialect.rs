//! How each platform writes text, and how text that is not ours is kept from speaking its language.
//!
//! Invariant: whatever stands in an alert, it makes no mention, no link, no line and no markup of its own.

use crate::config::Person;
use crate::message::cut;
use reqwest::Url;

/// A joiner that shows nothing and breaks what a client would make a link or a mention of.
const BREAK: char = '\u{2060}';

/// The written language of a platform.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    /// No markup at all: fallbacks, text parts of mails.
    Plain,
    DingTalk,
    WeCom,
    Feishu,
    Slack,
    Teams,
    /// The template engine escapes.
    Html,
}

impl Dialect {
    /// A text from outside as one line of at most `max` bytes before escaping.
    pub(crate) fn escape(self, text: &str, max: usize) -> String {
        let mut text = clean(text);
        cut(&mut text, max);
        if matches!(self, Dialect::Html) {
            return text;
        }
        let text = defanged(&text);
        let escaped: String = match self {
            Dialect::Plain | Dialect::Html => text,
            Dialect::DingTalk | Dialect::WeCom | Dialect::Teams => text.chars().map(look_alike).collect(),
            Dialect::Feishu => text.chars().map(entity).collect(),
            Dialect::Slack => text.chars().map(slack).collect(),
        };
        if begins_a_block(&escaped) { format!("{BREAK}{escaped}") } else { escaped }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        match self {
            Dialect::Plain | Dialect::Html => text.to_owned(),
            Dialect::Slack => format!("*{text}*"),
            _ => format!("**{text}**"),
        }
    }

    /// A link with a text that has been escaped; the text alone where the address is none of HTTP.
    pub(crate) fn link(self, text: &str, url: &str) -> String {
        let Some(url) = address(url) else { return text.to_owned() };
        match self {
            Dialect::Plain | Dialect::Html => format!("{text}: {url}"),
            Dialect::Slack => format!("<{url}|{text}>"),
            _ => format!("[{text}]({url})"),
        }
    }

    /// The end of a line: robots that join lines want an empty one between.
    pub(crate) fn line_end(self) -> &'static str {
        match self {
            Dialect::DingTalk | Dialect::Teams => "\n\n",
            _ => "\n",
        }
    }

    pub(crate) fn bullet(self) -> &'static str {
        match self {
            Dialect::Slack => "• ",
            _ => "- ",
        }
    }

    /// What calls a person. `None`: nothing rings on this platform.
    pub(crate) fn mention(self, person: &Person) -> Option<String> {
        match self {
            Dialect::DingTalk => {
                person.dingtalk_mobile.as_ref().or(person.dingtalk_user.as_ref()).map(|id| format!("@{id}"))
            }
            Dialect::WeCom => person.wecom.as_ref().map(|id| format!("<@{id}>")),
            Dialect::Feishu => person.feishu.as_ref().map(|id| format!("<at id={id}></at>")),
            Dialect::Slack => person.slack.as_ref().map(|id| format!("<@{id}>")),
            Dialect::Teams => person.teams_upn.as_ref().map(|id| format!("<at>{id}</at>")),
            Dialect::Plain | Dialect::Html => None,
        }
    }
}

/// One line without anything that is not seen: controls, direction marks, joiners, tags.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(4096));
    let mut spaced = true;
    for c in text.chars() {
        let invisible = matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
        if invisible {
            continue;
        }
        if c.is_whitespace() || c.is_control() {
            if !spaced {
                out.push(' ');
            }
            spaced = true;
        } else {
            out.push(c);
            spaced = false;
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// What at the beginning of a line would be a heading, a quotation or a list.
fn begins_a_block(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered =
        rest.len() < text.len() && rest.starts_with(['.', ')']) && !rest[1..].starts_with(|c: char| !c.is_whitespace());
    numbered || text.starts_with(['#', '=', '>']) || ["- ", "+ ", "--", "++"].iter().any(|sign| text.starts_with(sign))
}

/// Breaks addresses and mentions without changing what is seen.
fn defanged(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        out.push(c);
        let rest = &text[at + c.len_utf8()..];
        let is_www = matches!(c, 'w' | 'W') && rest.starts_with('.');
        if c == '@'
            || c == '＠'
            || is_www
            || (c == ':' && rest.starts_with("//"))
            || (c == '_' && rest.starts_with('_'))
        {
            out.push(BREAK);
        }
    }
    out
}

/// Robots do not agree on how to escape; signs that look alike mean nothing to any of them.
fn look_alike(c: char) -> char {
    match c {
        '<' => '＜',
        '>' => '＞',
        '[' => '［',
        ']' => '］',
        '*' => '∗',
        '`' => 'ˋ',
        '~' => '∼',
        '\\' => '＼',
        '|' => '｜',
        '&' => '＆',
        other => other,
    }
}

fn entity(c: char) -> String {
    match c {
        '&' | '<' | '>' | '*' | '~' | '\\' | '[' | ']' | '(' | ')' | '`' | '_' | '#' | '!' => {
            format!("&#{};", c as u32)
        }
        other => other.to_string(),
    }
}

fn slack(c: char) -> String {
    match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '*' | '`' | '~' => look_alike(c).to_string(),
        other => other.to_string(),
    }
}

/// An address that may stand in a link, with everything encoded that could end the link.
pub(crate) fn address(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let mut out = String::with_capacity(text.len() + 8);
    for c in url.as_str().chars() {
        match c {
            '(' | ')' | '<' | '>' | '|' | '@' | '"' | '\'' | '[' | ']' | '*' | '`' | '\\' | '~' => {
                out.push_str(&format!("%{:02X}", c as u32));
            }
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    const CHATS: [Dialect; 6] =
        [Dialect::Plain, Dialect::DingTalk, Dialect::WeCom, Dialect::Feishu, Dialect::Slack, Dialect::Teams];

    #[test]
    fn no_naughty_string_speaks_for_itself() {
        let own = [
            "@all",
            "<@all>",
            "<at id=all></at>",
            "<!channel>",
            "<!here|here>",
            "[click](https://evil.example)",
            "![x](http://evil.example/x.png)",
            "https://evil.example",
            "www.evil.example",
            "a\nb\r\n# c",
            "**b**",
            "`x`",
            "<font color=\"info\">x</font>",
            "\u{202e}reversed",
            "# heading",
            "- item",
            "{{ 7 * 7 }}",
            "{% raw %}",
        ];
        for text in naughty_strings::BLNS.iter().copied().chain(own) {
            for dialect in CHATS {
                let escaped = dialect.escape(text, 4000);
                let markup: &[&str] = match dialect {
                    Dialect::Plain => &[],
                    Dialect::Slack => &["<at", "<@", "<!", "<font", "<http", "**"],
                    _ => &["<at", "<@", "<!", "](", "<font", "**"],
                };
                let everywhere = ["@all", "://", "\n", "\r", "\u{202e}", "www."];
                for forbidden in everywhere.iter().chain(markup) {
                    assert!(
                        !escaped.contains(forbidden),
                        "{dialect:?} lets `{forbidden}` of {text:?} through: {escaped:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_link_leads_where_it_says_or_nowhere() {
        for (url, link) in [
            ("https://a.example/x?y=1", "[t](https://a.example/x?y=1)"),
            ("https://a.example/)](https://evil.example", "[t](https://a.example/%29%5D%28https://evil.example)"),
            ("javascript:alert(1)", "t"),
            ("not an address", "t"),
        ] {
            assert_eq!(Dialect::DingTalk.link("t", url), link);
        }
        assert_eq!(Dialect::Slack.link("t", "https://a.example/|b>"), "<https://a.example/%7Cb%3E|t>");
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let cut = Dialect::Plain.escape(&"面".repeat(100), 10);
        assert_eq!(cut, "面面…");
    }
}
