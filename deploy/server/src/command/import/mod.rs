//! `stormglass import`: files of OTLP, told by their content, sent to a running server piece by piece.

mod content;
mod pieces;
mod send;
mod shift;

use super::remote::Server;
use crate::Outcome;
use crate::cli::Import;
use crate::telemetry::{complain, say};
use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::{Clock, SystemClock};
use pieces::{NotOtlp, Piece, Pieces};
use send::Sending;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// One file to read, and whether it was named itself rather than found in a folder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Source {
    path: PathBuf,
    named: bool,
}

pub(super) async fn run(args: Import) -> Outcome {
    let sources = found(&args.paths)?;
    let offset = if args.shift_to_now { Some(offset_to_now(&sources)?) } else { None };
    let bytes = sources.iter().filter_map(|source| std::fs::metadata(&source.path).ok()).map(|file| file.len()).sum();
    let progress = bar(bytes);
    let mut sending = Sending::new(Server::new(&args.remote)?);
    let (mut files, mut skipped) = (0_u64, 0_u64);
    for source in &sources {
        progress.set_message(source.path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        let pieces = match opened(source, &progress)? {
            Some(pieces) => pieces,
            None => {
                skipped += 1;
                continue;
            }
        };
        for piece in pieces {
            let piece = piece.with_context(|| source.path.display().to_string())?;
            let piece = match offset {
                Some(offset) => shift::shifted(piece, offset).with_context(|| source.path.display().to_string())?,
                None => piece,
            };
            sending.send(piece).await.with_context(|| source.path.display().to_string())?;
        }
        files += 1;
    }
    let sent = sending.finish().await?;
    progress.finish_and_clear();
    let skipped = if skipped > 0 { format!(", {skipped} files skipped (not OTLP)") } else { String::new() };
    say(&format!("imported {files} files in {} requests, {} bytes{skipped}", sent.requests, sent.bytes));
    for message in &sent.refusals {
        complain(message);
    }
    if sent.rejected > 0 {
        return Err(anyhow::anyhow!("{} items were refused", sent.rejected).into());
    }
    Ok(())
}

/// All files below the given paths, in order.
fn found(paths: &[PathBuf]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths {
        let kind = std::fs::metadata(path).with_context(|| path.display().to_string())?;
        if kind.is_dir() { walk(path, &mut sources)? } else { sources.push(Source { path: path.clone(), named: true }) }
    }
    if sources.is_empty() {
        bail!("there are no files to import");
    }
    Ok(sources)
}

fn walk(folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let entries: Result<Vec<_>, _> = std::fs::read_dir(folder).and_then(Iterator::collect);
    let mut entries = entries.with_context(|| folder.display().to_string())?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type().with_context(|| entry.path().display().to_string())?;
        if kind.is_dir() {
            walk(&entry.path(), sources)?;
        } else if kind.is_file() {
            sources.push(Source { path: entry.path(), named: false });
        }
    }
    Ok(())
}

/// The pieces of a file; none when it is not OTLP and was only found in a folder.
fn opened(source: &Source, progress: &ProgressBar) -> Result<Option<Pieces>> {
    match Pieces::open(&source.path, progress.clone()) {
        Ok(pieces) => Ok(Some(pieces)),
        Err(error) if !source.named && error.is::<NotOtlp>() => Ok(None),
        Err(error) => Err(error.context(source.path.display().to_string())),
    }
}

/// Nanoseconds to add so that the newest time of all files is now.
fn offset_to_now(sources: &[Source]) -> Result<i64> {
    let hidden = ProgressBar::hidden();
    let mut newest = 0;
    for source in sources {
        let Some(pieces) = opened(source, &hidden)? else { continue };
        for piece in pieces {
            let piece: Piece = piece.with_context(|| source.path.display().to_string())?;
            newest = newest.max(shift::newest(&piece).with_context(|| source.path.display().to_string())?);
        }
    }
    if newest == 0 {
        bail!("there is no time in these files to shift");
    }
    Ok(SystemClock::new().now().0.saturating_sub(i64::try_from(newest).unwrap_or(i64::MAX)))
}

fn bar(bytes: u64) -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let template = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(bytes), target).with_style(style)
}
