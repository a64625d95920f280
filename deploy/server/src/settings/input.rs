//! One value as somebody wrote it, and what it can be read as. A misreading says what would be right.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A value from a file, the environment or a flag.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Input {
    Text(String),
    Integer(i64),
    Bool(bool),
    List(Vec<Input>),
    Table(Table),
    /// A kind of value that no setting takes, by name.
    Other(&'static str),
}

/// Named values within a setting, and where they stand.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Table {
    pub(crate) place: String,
    pub(crate) fields: Vec<(String, Input)>,
}

impl Table {
    pub(crate) fn get(&self, name: &str) -> Option<&Input> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    pub(crate) fn need(&self, name: &str) -> Read<&Input> {
        self.get(name).ok_or_else(|| format!("{name} is missing"))
    }

    /// Refuses names that are not among these.
    pub(crate) fn only(&self, known: &[&str]) -> Read<()> {
        match self.fields.iter().find(|(field, _)| !known.contains(&field.as_str())) {
            Some((field, _)) => Err(format!("{field:?} is not known here: it takes {}", known.join(", "))),
            None => Ok(()),
        }
    }
}

type Read<T> = Result<T, String>;

impl Input {
    fn shown(&self) -> String {
        match self {
            Input::Text(text) => format!("{text:?}"),
            Input::Integer(number) => number.to_string(),
            Input::Bool(yes) => yes.to_string(),
            Input::List(_) => "a list".into(),
            Input::Table(_) => "a table".into(),
            Input::Other(kind) => (*kind).to_owned(),
        }
    }

    fn wrong<T>(&self, right: &str) -> Read<T> {
        Err(format!("{} is not {right}", self.shown()))
    }

    pub(crate) fn text(&self) -> Read<String> {
        match self {
            Input::Text(text) => Ok(text.clone()),
            other => other.wrong("text: write it in quotes"),
        }
    }

    pub(crate) fn path(&self) -> Read<PathBuf> {
        match self {
            Input::Text(text) if !text.is_empty() => Ok(text.into()),
            other => other.wrong("a path: write it in quotes"),
        }
    }

    pub(crate) fn address(&self) -> Read<SocketAddr> {
        let right = "an address: write IP:PORT, such as \"127.0.0.1:8080\" (port 0 picks a free one)";
        match self {
            Input::Text(text) => text.parse().or_else(|_| self.wrong(right)),
            other => other.wrong(right),
        }
    }

    pub(crate) fn flag(&self) -> Read<bool> {
        match self {
            Input::Bool(yes) => Ok(*yes),
            Input::Text(text) if text == "true" || text == "1" => Ok(true),
            Input::Text(text) if text == "false" || text == "0" => Ok(false),
            other => other.wrong("true or false"),
        }
    }

    /// A whole number of at least `min`.
    pub(crate) fn count(&self, min: u64) -> Read<u64> {
        let number = match self {
            Input::Integer(number) => u64::try_from(*number).ok(),
            Input::Text(text) => text.replace('_', "").parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if number >= min => Ok(number),
            _ => self.wrong(&format!("a whole number from {min}")),
        }
    }

    /// Bytes: a number, or text with a unit such as `"64MiB"`.
    pub(crate) fn bytes(&self) -> Read<u64> {
        let bytes = match self {
            Input::Integer(number) => u64::try_from(*number).ok(),
            Input::Text(text) => bytes(text),
            _ => None,
        };
        bytes.map_or_else(|| self.wrong("a size: write bytes as a number, or a unit as in \"64MiB\", \"2GB\""), Ok)
    }

    /// A duration: text with a unit such as `"30s"`.
    pub(crate) fn duration(&self) -> Read<Duration> {
        let duration = match self {
            Input::Text(text) => duration(text),
            _ => None,
        };
        duration
            .map_or_else(|| self.wrong("a duration: write it as \"200ms\", \"30s\", \"15m\", \"12h\" or \"30d\""), Ok)
    }

    /// A duration, or none for `"forever"`.
    pub(crate) fn age(&self) -> Read<Option<Duration>> {
        match self {
            Input::Text(text) if text == "forever" => Ok(None),
            other => other.duration().map(Some).map_err(|e| format!("{e}, or \"forever\"")),
        }
    }

    /// A list of texts; in the environment, separated by commas.
    pub(crate) fn list(&self) -> Read<Vec<String>> {
        match self {
            Input::List(items) => items.iter().map(Input::text).collect(),
            Input::Text(text) => {
                Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
            }
            other => other.wrong("a list of texts: write [\"a\", \"b\"]"),
        }
    }

    /// A table within a setting; `right` says what is wanted.
    pub(crate) fn table(&self, right: &str) -> Read<&Table> {
        match self {
            Input::Table(table) => Ok(table),
            other => other.wrong(right),
        }
    }

    /// One of some words.
    pub(crate) fn choice<T: Copy>(&self, words: &[(&str, T)]) -> Read<T> {
        if let Input::Text(text) = self
            && let Some((_, value)) = words.iter().find(|(word, _)| word == text)
        {
            return Ok(*value);
        }
        let words: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        self.wrong(&format!("one of {}", words.join(", ")))
    }
}

fn split_unit(text: &str) -> Option<(f64, &str)> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let number: f64 = text[..at].replace('_', "").parse().ok()?;
    number.is_finite().then(|| (number, text[at..].trim()))
}

fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text.trim())?;
    let factor: u64 = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    Some((number * factor as f64) as u64)
}

/// Reads `30s` and the like; also used for flags.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text.trim())?;
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Input {
        Input::Text(text.into())
    }

    #[test]
    fn sizes_and_durations_are_read_with_their_units() {
        for (input, expected) in
            [("64MiB", 64 << 20), ("2GB", 2_000_000_000), ("1.5KiB", 1536), ("1_000", 1000), ("7 B", 7)]
        {
            assert_eq!(text(input).bytes(), Ok(expected), "{input}");
        }
        for (input, millis) in
            [("200ms", 200), ("30s", 30_000), ("15m", 900_000), ("1.5h", 5_400_000), ("2d", 172_800_000)]
        {
            assert_eq!(text(input).duration(), Ok(Duration::from_millis(millis)), "{input}");
        }
        assert_eq!(text("forever").age(), Ok(None));
        assert_eq!(Input::Integer(5).bytes(), Ok(5));
    }

    #[test]
    fn a_misreading_says_what_would_be_right() {
        for (outcome, part) in [
            (text("8080").address().err(), "write IP:PORT"),
            (text("64 parsecs").bytes().err(), "\"64MiB\""),
            (Input::Integer(-1).bytes().err(), "-1 is not a size"),
            (Input::Integer(30).duration().err(), "30 is not a duration"),
            (text("soon").age().err(), "or \"forever\""),
            (text("yes").flag().err(), "true or false"),
            (Input::Integer(0).count(1).err(), "a whole number from 1"),
            (Input::Bool(true).list().err(), "[\"a\", \"b\"]"),
            (text("sync").choice(&[("fsync", 1), ("os", 2)]).err(), "one of \"fsync\", \"os\""),
        ] {
            let error = outcome.unwrap();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn lists_come_as_lists_or_with_commas() {
        assert_eq!(text("a, b,,c").list(), Ok(vec!["a".into(), "b".into(), "c".into()]));
        assert_eq!(Input::List(vec![text("a")]).list(), Ok(vec!["a".into()]));
    }
}
