//! A bar on standard error while a workload is sent, where somebody watches.

use indicatif::{ProgressBar, ProgressStyle};

#[derive(Debug)]
pub(crate) struct Stage(ProgressBar);

impl Stage {
    pub(crate) fn new(shown: bool, what: &'static str, items: u64) -> Self {
        if !shown {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{msg:14} {bar:40} {human_pos} of {human_len}, {per_sec}, {eta} left");
        let bar = ProgressBar::new(items).with_message(what);
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    pub(crate) fn bar(&self) -> &ProgressBar {
        &self.0
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
