//! What senders say they have dropped themselves, from their own cumulative counters.
//!
//! A counter's growth since its last reading is what was dropped in between; a smaller reading means
//! that the sender was restarted and counted from nothing. The first reading of a counter tells nothing
//! about this minute and counts nothing. Readings are not kept over a restart of ours.

use crate::stats::Counters;
use hashbrown::HashMap;
use model::ContentHash;
use std::sync::Arc;
use tables::SenderCount;

/// The last reading of each counter.
#[derive(Debug)]
pub(crate) struct Readings {
    last: HashMap<ContentHash, u64>,
    series_max: usize,
    counters: Arc<Counters>,
}

impl Readings {
    pub(crate) fn new(series_max: usize, counters: Arc<Counters>) -> Self {
        Self { last: HashMap::new(), series_max, counters }
    }

    /// Adds the growth of the counters in a request to what it states as dropped.
    pub(crate) fn settle(&mut self, senders: &mut [SenderCount]) {
        for sender in senders {
            for reading in std::mem::take(&mut sender.drop_counters) {
                sender.dropped_by_sender += self.growth(reading.series, reading.cumulative);
            }
        }
    }

    fn growth(&mut self, series: ContentHash, now: u64) -> u64 {
        if let Some(last) = self.last.get_mut(&series) {
            let before = std::mem::replace(last, now);
            return if now >= before { now - before } else { now };
        }
        if self.last.len() >= self.series_max {
            self.counters.drop_series_ignored.add(1);
        } else {
            self.last.insert(series, now);
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tables::batch::DropCounter;

    #[test]
    fn growth_counts_restarts_count_and_first_readings_do_not() {
        let mut readings = Readings::new(1, Arc::default());
        let mut reads = |series: u8, cumulative| {
            let drop_counters = vec![DropCounter { series: ContentHash([series; 16]), cumulative }];
            let mut senders = [SenderCount { drop_counters, dropped_by_sender: 100, ..SenderCount::default() }];
            readings.settle(&mut senders);
            senders[0].dropped_by_sender - 100
        };
        let growths: Vec<u64> = [7, 7, 10, 4, 5].into_iter().map(|n| reads(1, n)).collect();
        assert_eq!(growths, [0, 0, 3, 4, 1]);
        assert_eq!((reads(2, 1), reads(2, 5)), (0, 0), "beyond the bound nothing is claimed");
        assert_eq!(readings.counters.drop_series_ignored.get(), 2);
    }
}
