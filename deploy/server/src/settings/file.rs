//! `stormglass.toml` and the environment as pairs of setting and value, each with its place.

use super::input::{Input, Table};
use super::keys::KEYS;
use super::{Given, SettingsError};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// All settings of a file's text, in order.
pub(super) fn given(file: &str, text: &str) -> Result<Vec<Given>, SettingsError> {
    let place = |span: Range<usize>| {
        let (line, column) = line_and_column(text, span.start);
        format!("{file}:{line}:{column}")
    };
    let root = DeTable::parse(text).map_err(|error| SettingsError {
        place: place(error.span().unwrap_or(0..0)),
        problem: error.message().trim().to_owned(),
    })?;
    let mut given = Vec::new();
    for (key, value) in root.get_ref() {
        let name = key.get_ref().to_string();
        match value.get_ref() {
            DeValue::Table(section) if !KEYS.iter().any(|k| k.name == name) => {
                section_of(&name, section, &place, &mut given);
                if section.is_empty() && !is_section(&name) {
                    given.push(Given { name, place: place(key.span()), input: Input::Other("a section") });
                }
            }
            _ => given.push(Given { name, place: place(key.span()), input: input(value, &place) }),
        }
    }
    Ok(given)
}

fn section_of(section: &str, table: &DeTable<'_>, place: &impl Fn(Range<usize>) -> String, given: &mut Vec<Given>) {
    for (key, value) in table {
        let name = format!("{section}.{}", key.get_ref());
        given.push(Given { name, place: place(key.span()), input: input(value, place) });
    }
}

fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.split_once('.').is_some_and(|(section, _)| section == name))
}

fn input(value: &Spanned<DeValue<'_>>, place: &impl Fn(Range<usize>) -> String) -> Input {
    match value.get_ref() {
        DeValue::String(text) => Input::Text(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i64::from_str_radix(&digits, number.radix()).map_or(Input::Other("so large a number"), Input::Integer)
        }
        DeValue::Boolean(yes) => Input::Bool(*yes),
        DeValue::Array(items) => Input::List(items.iter().map(|item| input(item, place)).collect()),
        DeValue::Float(_) => Input::Other("a number with a point"),
        DeValue::Datetime(_) => Input::Other("a date"),
        DeValue::Table(table) => Input::Table(Table {
            place: place(value.span()),
            fields: table.iter().map(|(key, value)| (key.get_ref().to_string(), input(value, place))).collect(),
        }),
    }
}

/// Line and column, both from 1, of a byte in a text; columns count characters.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Settings among environment variables: `STORMGLASS_DATA_DIR`, `STORMGLASS_SECTION__KEY`.
pub(super) fn from_environment(variables: impl IntoIterator<Item = (String, String)>) -> Vec<Given> {
    let mut given: Vec<Given> = variables
        .into_iter()
        .filter_map(|(variable, value)| {
            let name = variable.strip_prefix("STORMGLASS_")?.to_ascii_lowercase();
            let name = match name.split_once("__") {
                Some((section, key)) => format!("{section}.{key}"),
                // Other variables of this prefix (a token for the command line) are no settings.
                None => KEYS.iter().find(|key| key.name == name)?.name.to_owned(),
            };
            Some(Given { name, place: format!("environment variable {variable}"), input: Input::Text(value) })
        })
        .collect();
    given.sort_by(|a, b| a.name.cmp(&b.name));
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_with_line_and_column() {
        let text = "data_dir = \"d\"\n\n[listen]\nhttp = \"127.0.0.1:0\"\n\n[operations]\n  request_id_keys = [\"a\", \"é\"]\n";
        let found: Vec<_> = given("s.toml", text).unwrap().into_iter().map(|g| (g.name, g.place)).collect();
        let expected =
            [("data_dir", "s.toml:1:1"), ("listen.http", "s.toml:4:1"), ("operations.request_id_keys", "s.toml:7:3")];
        assert_eq!(found, expected.map(|(name, place)| (name.to_owned(), place.to_owned())));
    }

    #[test]
    fn a_file_that_is_not_toml_is_refused_at_its_place() {
        let error = given("s.toml", "data_dir = \"d\"\n[listen\nhttp = 1\n").unwrap_err();
        assert!(error.place.starts_with("s.toml:2:"), "{error}");
    }

    #[test]
    fn the_environment_names_settings_with_two_underscores() {
        let variables = [
            ("STORMGLASS_LISTEN__HTTP", "127.0.0.1:1"),
            ("STORMGLASS_DATA_DIR", "/d"),
            ("STORMGLASS_TOKEN", "secret"),
            ("STORMGLASS_LISTEN__HTPP", "x"),
            ("HOME", "/root"),
        ];
        let found: Vec<_> = from_environment(variables.map(|(k, v)| (k.to_owned(), v.to_owned())))
            .into_iter()
            .map(|g| g.name)
            .collect();
        assert_eq!(found, ["data_dir", "listen.htpp", "listen.http"]);
    }
}
