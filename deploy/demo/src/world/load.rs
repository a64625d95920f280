//! How busy a processor has been lately, and how much longer work takes for it.

/// Over how long load is averaged, in nanoseconds.
const MEMORY: f64 = 5e9;
/// Load at which work takes ten times as long; above it, queues grow.
const FULL: f64 = 0.9;
const STRETCH_MAX: f64 = 45.0;

/// Demand for processor time, averaged over the last seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Seconds of work per second that it can do.
    capacity: f64,
    rate: f64,
    at: u64,
    total: f64,
}

impl Load {
    pub(crate) fn new(capacity: f64) -> Self {
        Self { capacity, rate: 0.0, at: 0, total: 0.0 }
    }

    /// Asks for so many seconds of work at a time.
    pub(crate) fn ask(&mut self, at: u64, seconds: f64) {
        self.rate = self.rate_at(at) + seconds / (MEMORY / 1e9);
        self.at = self.at.max(at);
        self.total += seconds;
    }

    /// Demand over capacity; above 1 it cannot keep up.
    pub(crate) fn utilization(&self, at: u64) -> f64 {
        self.rate_at(at) / self.capacity
    }

    /// How many times longer work takes than on an idle processor: shared among all that ask.
    pub(crate) fn stretch(&self, at: u64) -> f64 {
        let busy = self.utilization(at);
        let shared = 1.0 / (1.0 - busy.min(FULL));
        (shared + (busy - FULL).max(0.0) * 50.0).min(STRETCH_MAX)
    }

    /// Seconds of work since the beginning.
    pub(crate) fn total(&self) -> f64 {
        self.total
    }

    /// Seconds of work per second.
    pub(crate) fn capacity(&self) -> f64 {
        self.capacity
    }

    fn rate_at(&self, at: u64) -> f64 {
        self.rate * (-(at.saturating_sub(self.at) as f64) / MEMORY).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_longer_the_more_is_asked() {
        let stretch = |per_second: u64| {
            let mut load = Load::new(0.1);
            for i in 0..per_second * 20 {
                load.ask(i * 1_000_000_000 / per_second, 0.01);
            }
            load.stretch(20_000_000_000)
        };
        let (idle, usual, busy, flooded) = (stretch(1), stretch(3), stretch(8), stretch(20));
        assert!(idle < 1.2 && usual < 1.6 && busy > 4.0 && flooded > 40.0, "{idle} {usual} {busy} {flooded}");
    }

    #[test]
    fn load_is_forgotten() {
        let mut load = Load::new(0.1);
        load.ask(0, 5.0);
        assert!(load.utilization(0) > 9.0 && load.utilization(60_000_000_000) < 0.01);
    }
}
