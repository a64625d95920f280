//! Words of changes and of evidence, made comparable: identifiers whole and in parts, without plurals and
//! without the words that every program is full of.

use std::collections::BTreeMap;

/// Words that tell nothing.
const COMMON: &[&str] = &[
    "and",
    "the",
    "for",
    "with",
    "from",
    "that",
    "this",
    "not",
    "was",
    "are",
    "but",
    "has",
    "have",
    "into",
    "per",
    "via",
    "all",
    "new",
    "old",
    "get",
    "set",
    "let",
    "var",
    "val",
    "const",
    "func",
    "function",
    "def",
    "return",
    "returning",
    "returned",
    "self",
    "nil",
    "err",
    "ctx",
    "context",
    "string",
    "int",
    "bool",
    "float",
    "error",
    "errors",
    "fail",
    "failed",
    "failure",
    "request",
    "response",
    "http",
    "status",
    "server",
    "client",
    "service",
    "svc",
    "code",
    "handler",
    "handle",
    "add",
    "use",
    "using",
    "update",
    "tidy",
    "refactor",
    "chore",
    "feat",
    "fix",
    "test",
    "docs",
    "src",
    "pkg",
    "internal",
    "cmd",
    "main",
    "file",
    "line",
    "log",
    "type",
    "struct",
    "import",
    "export",
    "async",
    "await",
    "public",
    "private",
    "static",
    "after",
    "before",
    "upstream",
    "call",
    "exception",
    "message",
    "total",
    "count",
    "ratio",
    "rate",
];
const TOKEN_BYTES_MIN: usize = 3;
/// Text beyond is not looked at.
const TEXT_BYTES_MAX: usize = 60_000;

/// Tokens of a text, each with how often it occurs.
pub(super) fn of(text: &str) -> BTreeMap<String, u32> {
    let mut tokens = BTreeMap::new();
    let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty()) {
        add(&mut tokens, word);
        let parts = parts(word);
        if parts.len() > 1 {
            for part in parts {
                add(&mut tokens, part);
            }
        }
    }
    tokens
}

fn add(tokens: &mut BTreeMap<String, u32>, word: &str) {
    let mut token = word.to_lowercase();
    if token.len() > 4 && token.ends_with('s') && !token.ends_with("ss") {
        token.pop();
    }
    if token.len() >= TOKEN_BYTES_MIN && !COMMON.contains(&token.as_str()) {
        *tokens.entry(token).or_default() += 1;
    }
}

/// `registerPredefinedAgents`, `dashboard_favorites` -> their words.
fn parts(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    let mut lower_before = false;
    for (at, c) in word.char_indices() {
        if c == '_' || (c.is_uppercase() && lower_before) {
            parts.push(&word[from..at]);
            from = at + usize::from(c == '_');
        }
        lower_before = c.is_lowercase() || c.is_numeric();
    }
    parts.push(&word[from..]);
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_count_whole_and_in_parts() {
        let tokens: Vec<String> =
            of("registerPredefinedAgents(registry) and dashboard_favorites, err").into_keys().collect();
        assert_eq!(
            tokens,
            [
                "agent",
                "dashboard",
                "dashboard_favorite",
                "favorite",
                "predefined",
                "register",
                "registerpredefinedagent",
                "registry"
            ]
        );
    }
}
