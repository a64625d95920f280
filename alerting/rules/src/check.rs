//! `rules check` as a function: the text that tells a person what is wrong with a file.

use crate::read_yaml;

/// What is right and wrong with a file, for a terminal: one line per problem, `FILE:LINE:COLUMN: ...`, and a
/// last line that counts. The flag says whether all is good.
pub fn check(file: &str, text: &str) -> (bool, String) {
    let read = read_yaml(text);
    let mut out = String::new();
    for problem in &read.problems {
        let place = match (problem.line, problem.column) {
            (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
            _ => file.to_owned(),
        };
        let at = if problem.at.is_empty() { String::new() } else { format!("{}: ", problem.at) };
        out.push_str(&format!("{place}: {at}{}\n", problem.what));
    }
    if read.unlisted > 0 {
        out.push_str(&format!("{file}: and {} problems more\n", read.unlisted));
    }
    let problems = read.problems.len() + read.unlisted;
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    out.push_str(&format!(
        "{} good rule{}, {problems} problem{}\n",
        read.rules.len(),
        plural(read.rules.len()),
        plural(problems)
    ));
    (read.is_good(), out)
}
