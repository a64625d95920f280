//! Growth of durations and counts: how much more often they exceed what they rarely exceeded.

use crate::statistic::{quantile, shift, sorted};
use crate::window::{Counts, SLOTS_MAX, Slots};

/// A sample: slot, value, index of the span it is of.
pub(crate) type Sample = (usize, f64, u32);

/// Fewer reference samples borrow from others of the same kind.
const SAMPLES_MIN: usize = 8;

/// How durations of one kind have grown.
#[derive(Clone, Debug)]
pub(crate) struct Growth {
    /// Nats.
    pub(crate) statistic: f64,
    /// Current median over reference median, in the slots after the split.
    pub(crate) ratio: f64,
    /// Growth of the share above the threshold.
    pub(crate) difference: f64,
    pub(crate) split: usize,
    pub(crate) now: f64,
    pub(crate) reference: f64,
    /// Spans that took longest, worst first.
    pub(crate) worst: Vec<u32>,
}

/// Thresholds of the reference whose exceedance is counted.
const QUANTILES: [f64; 3] = [0.5, 0.75, 0.95];
const WORST: usize = 3;

impl Growth {
    /// Looks whether samples exceed what the reference (else `borrowed`, sorted) rarely exceeded.
    pub(crate) fn of(samples: &[Sample], borrowed: &[f64], slots: &Slots, floor: f64) -> Option<Self> {
        let own: Vec<f64> =
            sorted(samples.iter().filter(|(slot, ..)| *slot == 0).map(|(_, value, _)| *value).collect());
        let known: &[f64] = if own.len() >= SAMPLES_MIN { &own } else { borrowed };
        if known.is_empty() {
            return None;
        }
        // Few samples of its own do not tell how far its times spread, but they do tell where they lie.
        let at = |q: f64| quantile(known, q).max(quantile(&own, q)).max(floor);
        let best = QUANTILES.into_iter().filter_map(|q| {
            let threshold = at(q);
            let (mut hits, mut of): (Counts, Counts) = ([0; SLOTS_MAX + 1], [0; SLOTS_MAX + 1]);
            for (slot, value, _) in samples {
                of[*slot] += 1;
                hits[*slot] += u32::from(*value > threshold);
            }
            if own.len() < SAMPLES_MIN {
                // What is borrowed weighs as much as the fewest samples that would do.
                of[0] = SAMPLES_MIN as u32;
                hits[0] = ((1.0 - q) * SAMPLES_MIN as f64).round() as u32;
            }
            shift(&hits, &of, slots)
        });
        let best = best.max_by(|a, b| a.nats.total_cmp(&b.nats))?;
        let mut current: Vec<&Sample> = samples.iter().filter(|(slot, ..)| *slot >= best.split).collect();
        current.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.2.cmp(&b.2)));
        let now = quantile(&sorted(current.iter().map(|sample| sample.1).collect()), 0.5);
        let reference = quantile(known, 0.5).max(quantile(&own, 0.5));
        Some(Self {
            statistic: if best.difference() > 0.0 { best.nats - (QUANTILES.len() as f64).ln() } else { 0.0 },
            ratio: now / at(0.5).max(1.0),
            difference: best.difference(),
            split: best.split,
            now,
            reference,
            worst: current.iter().take(WORST).map(|sample| sample.2).collect(),
        })
    }

    /// Large enough to be no drift: a quarter more than usual happens every evening.
    pub(crate) fn is_inflated(&self) -> bool {
        self.statistic > 5.0 && self.ratio >= 3.0 && self.difference >= 0.3
    }
}
