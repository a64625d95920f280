//! Tries a published suite of JSON texts: `json_suite DIR`, where file names begin with `y_` (must be
//! read), `n_` (must be refused) or `i_` (must do no harm). Each text stands as a whole body, under
//! an unknown key and inside an attribute value. `tests/fuzz/json_suite.sh` fetches one and runs this.

use bytes::Bytes;
use decode::{Encoding, decode};
use model::{Signal, UnixNanos};
use std::path::Path;
use std::process::ExitCode;
use tables::PromotedSet;
use tables::build::{BuildSettings, Layout};

const AROUND: [(&str, &str); 2] = [
    (r#"{"unknown":"#, "}"),
    (r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[{"key":"k","value":{"x":"#, "}}]}]}]}]}"),
];

fn read(layout: &Layout, body: Vec<u8>) -> bool {
    decode(layout, Signal::Logs, Encoding::Json, &Bytes::from(body), UnixNanos(0)).is_ok()
}

/// What was wrong with how a case was taken.
fn judge(layout: &Layout, name: &str, text: &[u8]) -> Option<&'static str> {
    let whole = read(layout, text.to_vec());
    let around = AROUND.map(|(before, after)| read(layout, [before.as_bytes(), text, after.as_bytes()].concat()));
    match name.as_bytes().first() {
        // A request is an object: other texts are right as JSON and wrong as a request.
        Some(b'y') if whole != text.trim_ascii_start().starts_with(b"{") => Some("as a whole body"),
        Some(b'y') if around.contains(&false) => Some("refused inside a request"),
        Some(b'n') if whole || around.contains(&true) => Some("accepted"),
        _ => None,
    }
}

#[expect(clippy::print_stdout, reason = "a program for a terminal")]
fn run(dir: &Path) -> std::io::Result<bool> {
    let layout = Layout::new(BuildSettings::new(PromotedSet::default(), &[]));
    let (mut right, mut wrong) = ([0u32; 3], 0);
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(kind) = ["y_", "n_", "i_"].iter().position(|kind| name.starts_with(kind)) else { continue };
        match judge(&layout, &name, &std::fs::read(entry.path())?) {
            None => right[kind] += 1,
            Some(why) => {
                wrong += 1;
                println!("{name}: {why}");
            }
        }
    }
    let [accepted, refused, open] = right;
    let (word, passed) = if wrong == 0 && accepted > 0 { ("ok", 1) } else { ("FAILED", 0) };
    println!(
        "published JSON suite: {accepted} accepted as they must, {refused} refused as they must, {open} survived, {wrong} wrong"
    );
    println!("test result: {word}. {passed} passed; {} failed; 0 ignored", 1 - passed);
    Ok(passed == 1)
}

fn main() -> std::io::Result<ExitCode> {
    let dir = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    Ok(if run(Path::new(&dir))? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
