//! How the server speaks of itself: log lines on standard error, figures of its process.

use crate::settings::Log;
use engine::{Kind, Metric};
use std::fs;
use std::io::{IsTerminal, Write};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

/// Changes the level of the log while it runs.
#[derive(Clone)]
pub(crate) struct LogLevel(Option<reload::Handle<EnvFilter, Registry>>);

impl LogLevel {
    pub(crate) fn set(&self, level: &str) -> Result<(), String> {
        let filter = EnvFilter::try_new(level).map_err(|error| format!("log.level {level:?}: {error}"))?;
        match &self.0 {
            Some(handle) => handle.reload(filter).map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }
}

/// Begins logging to standard error. A second call changes nothing (tests share a process).
pub(crate) fn begin_log(log: &Log) -> Result<LogLevel, String> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| format!("log.level {:?}: {error}", log.level))?;
    let (filter, handle) = reload::Layer::new(filter);
    let registry = tracing_subscriber::registry().with(filter);
    let begun = if log.json {
        registry.with(tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr)).try_init()
    } else {
        let colours = std::io::stderr().is_terminal();
        let layer = tracing_subscriber::fmt::layer().with_target(false).with_ansi(colours).with_writer(std::io::stderr);
        registry.with(layer).try_init()
    };
    Ok(LogLevel(begun.is_ok().then_some(handle)))
}

/// A line on standard output. Nobody may be reading any more; that is no failure.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A line on standard error, for who typed the command.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

pub(crate) fn counter(name: &'static str, help: &'static str, value: u64) -> Metric {
    Metric { name, help, kind: Kind::Counter, labels: vec![], value: value as f64 }
}

pub(crate) fn gauge(name: &'static str, help: &'static str, value: f64) -> Metric {
    Metric { name, help, kind: Kind::Gauge, labels: vec![], value }
}

/// Memory, CPU and files of this process, from `/proc`; what cannot be read is left out.
pub(crate) fn process_figures() -> Vec<Metric> {
    let mut figures = Vec::new();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(kib) = status_kib(&status, "VmRSS:") {
        let help = "Resident memory of the process that acknowledges.";
        figures.push(gauge("stormglass_process_resident_bytes", help, (kib * 1024) as f64));
    }
    if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().and_then(|stat| cpu_seconds(&stat)) {
        let help = "CPU time of the process that acknowledges.";
        let metric = gauge("stormglass_process_cpu_seconds_total", help, seconds);
        figures.push(Metric { kind: Kind::Counter, ..metric });
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        figures.push(gauge("stormglass_process_open_files", "Open file descriptors.", files.count() as f64));
    }
    figures
}

fn status_kib(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// User and system time; Linux counts in hundredths for all architectures we run on.
fn cpu_seconds(stat: &str) -> Option<f64> {
    // The command's name, in parentheses, may contain anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks as f64 / 100.0)
}

/// The whole story of an error: what each cause adds to what was said before it.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut story = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !story.ends_with(&cause) {
            story.push_str(": ");
            story.push_str(&cause);
        }
    }
    story
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cause_says_is_said_once() {
        let source = std::io::Error::other("no room");
        let twice = wal::WalError::Io { action: "create", path: "/a".into(), source };
        let error = anyhow::Error::new(twice).context("the log was not opened");
        assert_eq!(told(&error), "the log was not opened: cannot create /a: no room");
        assert_eq!(told(&anyhow::anyhow!("b").context("a")), "a: b");
    }

    #[test]
    fn figures_are_read_from_what_the_kernel_writes() {
        assert_eq!(status_kib("VmPeak:\t 9 kB\nVmRSS:\t   1234 kB\n", "VmRSS:"), Some(1234));
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 1 1 1";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert!(process_figures().len() == 3);
    }
}
