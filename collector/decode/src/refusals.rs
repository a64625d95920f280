//! Items that could not be taken: how many, and the first few by name.

/// Counts refusals and keeps the reasons of the first ten.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    items: u64,
    reasons: Vec<String>,
    unnamed: u64,
}

const REASONS_MAX: usize = 10;

impl Refusals {
    /// `items` refused for one reason; `reason` is only evaluated while there is room for it.
    pub(crate) fn add(&mut self, items: u64, reason: impl FnOnce() -> String) {
        self.items += items;
        if self.reasons.len() < REASONS_MAX {
            self.reasons.push(reason());
        } else {
            self.unnamed += 1;
        }
    }

    /// The number of items and the lines for the sender.
    pub(crate) fn finish(mut self) -> (u64, Vec<String>) {
        if self.unnamed > 0 {
            self.reasons.push(format!("... and {} more", self.unnamed));
        }
        (self.items, self.reasons)
    }
}
