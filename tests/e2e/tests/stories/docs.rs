//! The pages under docs/ say only what works: every example in them is tried on a real server.

use e2e::server::{both, run};
use e2e::{Server, Setup};
use std::path::Path;
use tempfile::TempDir;

/// An example: what its fence says it is, where it stands, its text.
struct Example {
    language: String,
    place: String,
    text: String,
}

fn examples(folder: &Path) -> Vec<Example> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let page = std::fs::read_to_string(&path).unwrap();
        let mut open: Option<Example> = None;
        for (number, line) in (1..).zip(page.lines()) {
            match (line.strip_prefix("```"), &mut open) {
                (Some(language), None) => {
                    let place = format!("{}:{number}", path.display());
                    open = Some(Example { language: language.to_owned(), place, text: String::new() });
                }
                (Some(_), Some(_)) => found.extend(open.take()),
                (None, Some(example)) => example.text.extend([line, "\n"]),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a fence is not closed", path.display());
    }
    found
}

/// Runs the binary over the example as a file.
async fn checked(example: &Example, folder: &TempDir, command: &[&str]) {
    let file = folder.path().join("example");
    std::fs::write(&file, &example.text).unwrap();
    let arguments: Vec<&str> = command.iter().copied().chain([file.to_str().unwrap()]).collect();
    let output = run(&arguments, &[]).await;
    assert!(output.status.success(), "{}: {command:?}: {}", example.place, both(&output));
}

/// Starts a server with the example as its catalog.
async fn served(example: &Example, folder: &TempDir) {
    let file = folder.path().join("catalog.yaml");
    std::fs::write(&file, &example.text).unwrap();
    let setup = Setup::config(&format!("[catalog]\nfile = {:?}\n", file.to_str().unwrap()));
    let server = Server::try_start(setup).await.unwrap_or_else(|r| panic!("{}: {}", example.place, r.output));
    let listed = server.get_json("/api/v1/catalog/services").await;
    assert!(!listed["items"].as_array().unwrap().is_empty(), "{}", example.place);
}

/// Runs the example's calls against a server as a reader would.
async fn called(example: &Example, server: &Server) {
    let calls = example.text.replace("http://127.0.0.1:8080", &server.url(""));
    let script = format!("set -e\ncurl() {{ command curl -sS --fail-with-body \"$@\"; echo; }}\n{calls}");
    let output = tokio::process::Command::new("bash").args(["-c", &script]).output().await.unwrap();
    assert!(output.status.success(), "{}: {}", example.place, both(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_docs_works() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::default().await;
    let all = examples(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs"));
    let has_curl = std::process::Command::new("curl").arg("--version").output().is_ok();
    let mut tried = 0;
    for example in &all {
        let first = example.text.split_whitespace().next().unwrap_or_default();
        match (example.language.as_str(), first) {
            ("yaml", "rules:") => {
                checked(example, &folder, &["rules", "check"]).await;
                if example.text.contains("\ntests:") {
                    checked(example, &folder, &["rules", "test"]).await;
                }
            }
            ("yaml", "services:") => served(example, &folder).await,
            ("yaml", _) => {
                let request = server.http().post(server.url("/api/v1/routes")).body(example.text.clone());
                let answer = request.send().await.unwrap();
                let status = answer.status();
                assert!(status.is_success(), "{}: {status}: {}", example.place, answer.text().await.unwrap());
            }
            ("toml", _) => checked(example, &folder, &["check-config"]).await,
            ("sh", "curl") if !has_curl => {
                println!("SKIPPED {}: curl is not here", example.place);
                continue;
            }
            ("sh", "curl") => called(example, &server).await,
            // Commands over files of the reader's own.
            ("sh", "stormglass") => continue,
            (language, first) => panic!("{}: nothing tries a {language:?} that begins with {first:?}", example.place),
        }
        tried += 1;
    }
    assert!(tried >= 6, "{tried} of {} examples were tried", all.len());
}
