//! A table of scores in a document, between the two marks that are its place.

use anyhow::{Context, Result};
use std::path::Path;

/// Writes a table between `<!-- scores NAME -->` and `<!-- /scores NAME -->` of a file.
///
/// # Errors
/// When the file does not read or write, or has no such place.
pub fn write(file: &Path, name: &str, table: &str) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let missing = || format!("{} has no <!-- scores {name} --> and <!-- /scores {name} --> after it", file.display());
    let text = replaced(&text, name, table).with_context(missing)?;
    std::fs::write(file, text).with_context(|| file.display().to_string())
}

fn replaced(text: &str, name: &str, table: &str) -> Option<String> {
    let (opens, closes) = (format!("<!-- scores {name} -->"), format!("<!-- /scores {name} -->"));
    let (before, rest) = text.split_once(&opens)?;
    let (_, after) = rest.split_once(&closes)?;
    Some(format!("{before}{opens}\n{}\n{closes}{after}", table.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let text = "a\n<!-- scores x -->\nold\n<!-- /scores x -->\nb\n";
        let new = replaced(text, "x", "new\n");
        assert_eq!(new.as_deref(), Some("a\n<!-- scores x -->\nnew\n<!-- /scores x -->\nb\n"));
        assert_eq!(replaced(text, "y", "new"), None);
    }
}
