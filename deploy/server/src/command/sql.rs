//! `stormglass sql`: one query, printed as a table, or written as JSON, CSV or Parquet.

use super::remote::Server;
use crate::cli::{Format, Sql};
use crate::settings::duration;
use crate::telemetry::complain;
use crate::{Failure, Outcome};
use anyhow::{Context, Result, bail};
use futures::StreamExt;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};

pub(super) async fn run(args: Sql) -> Outcome {
    if args.format == Format::Parquet && args.output.is_none() && std::io::stdout().is_terminal() {
        return Err(Failure::Usage(vec!["Parquet is no text: say where to, with --output FILE".into()]));
    }
    let timeout_ms = match &args.timeout {
        None => None,
        Some(text) => match duration(text) {
            Some(timeout) => Some(timeout.as_millis() as u64),
            None => return Err(Failure::Usage(vec![format!("--timeout {text:?}: write it as 500ms, 30s or 5m")])),
        },
    };
    let format = match args.format {
        Format::Table | Format::Json => "json",
        Format::Csv => "csv",
        Format::Parquet => "parquet",
    };
    let mut question = json!({ "sql": args.sql, "format": format });
    if let Some(limit) = args.limit {
        question["limit"] = limit.into();
    }
    if let Some(timeout_ms) = timeout_ms {
        question["timeout_ms"] = timeout_ms.into();
    }
    let server = Server::new(&args.remote)?;
    let response = server.answer(server.post("/api/v1/sql").json(&question)).await?;
    let headers = response.headers().clone();
    let mut out: Box<dyn Write + Send> = match &args.output {
        Some(path) => {
            let file = std::fs::File::create(path).with_context(|| path.display().to_string());
            Box::new(std::io::BufWriter::new(file?))
        }
        None => Box::new(std::io::BufWriter::new(std::io::stdout())),
    };
    if args.format == Format::Table {
        let answer: Value = response.json().await.context("the answer is not JSON")?;
        written(out.write_all(table(&answer)?.as_bytes()).and_then(|()| out.flush()))?;
        warn_if_incomplete(&answer["complete"], answer["incomplete_reason"].as_str());
        return Ok(());
    }
    let mut body = response.bytes_stream();
    while let Some(piece) = body.next().await {
        written(out.write_all(&piece.context("the answer broke off: it is not complete")?))?;
    }
    written(out.flush())?;
    let told = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(complete) = told("stormglass-complete") {
        warn_if_incomplete(&Value::Bool(complete == "true"), told("stormglass-incomplete-reason"));
    }
    Ok(())
}

/// A reader that had enough (`| head`) is no failure.
fn written(result: std::io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}

fn warn_if_incomplete(complete: &Value, reason: Option<&str>) {
    if *complete != Value::Bool(true) {
        complain(&format!("this is not all there is: {}", reason.unwrap_or("the server does not say why")));
    }
}

/// Columns as wide as their widest cell; numbers to the right.
fn table(answer: &Value) -> Result<String> {
    let (Some(columns), Some(rows)) = (answer["columns"].as_array(), answer["rows"].as_array()) else {
        bail!("the answer has no columns and rows");
    };
    let names: Vec<String> = columns.iter().map(|column| cell(&column["name"])).collect();
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.as_array().into_iter().flatten().map(cell).collect()).collect();
    let right: Vec<bool> =
        columns.iter().map(|column| is_number(column["type"].as_str().unwrap_or_default())).collect();
    let width = |at: usize| {
        rows.iter()
            .filter_map(|row| row.get(at))
            .chain([&names[at]])
            .map(|text| text.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    let line = |cells: &[String]| {
        let cells =
            cells.iter().zip(&widths).zip(&right).map(|((text, width), right)| {
                if *right { format!("{text:>width$}") } else { format!("{text:width$}") }
            });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut out = line(&names) + &line(&rule);
    rows.iter().for_each(|row| out.push_str(&line(row)));
    out.push_str(&format!("({} {})\n", rows.len(), if rows.len() == 1 { "row" } else { "rows" }));
    Ok(out)
}

fn is_number(kind: &str) -> bool {
    ["INT", "REAL", "DOUBLE", "DECIMAL"].iter().any(|part| kind.contains(part)) && !kind.contains('(')
        || kind.starts_with("DECIMAL(")
}

/// A value on one line; control characters are shown, not sent to the terminal.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_shows_control_characters_harmlessly() {
        let answer = json!({
            "columns": [{ "name": "service", "type": "TEXT" }, { "name": "n", "type": "BIGINT" }],
            "rows": [["checkout\u{1b}[31m", 12], [null, 3]],
        });
        assert_eq!(
            table(&answer).unwrap(),
            "service              n\n------------------  --\ncheckout\\u{1b}[31m  12\n                     3\n(2 rows)\n"
        );
    }
}
