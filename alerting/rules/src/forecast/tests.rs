//! How good the forecast is, on generated stores whose last month it has not seen.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use super::*;

/// A small generator of its own, so that no figure depends on a library's version.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

const FIRST_DAY: i32 = 20_000;

/// Daily sales: weekly season, a little growth, noise, promotions, and days the store was shut.
fn store(random: &mut Random, days: i32) -> Vec<(UnixNanos, f64)> {
    let size = (4.5 + 3.0 * random.unit()).exp();
    let growth = 0.002 * random.normal();
    let weekend = 0.2 + 0.5 * random.unit();
    let quiet = (random.unit() * 7.0) as i32;
    let noise = 0.05 + 0.05 * random.unit();
    (0..days)
        .map(|day| {
            let week =
                if (day + quiet) % 7 < 2 { 1.0 + weekend } else { 1.0 - 0.08 * f64::from((day + quiet) % 7 - 2) };
            let event = match random.unit() {
                u if u < 0.02 => 1.8,
                u if u < 0.03 => 0.0,
                _ => 1.0,
            };
            let value = size * week * (growth * f64::from(day)).exp() * (noise * random.normal()).exp() * event;
            (UnixNanos(i64::from(FIRST_DAY + day) * UnixNanos::DAY), value.round())
        })
        .collect()
}

fn held_out(history_days: i32, seed: u64) -> (f64, f64, f64) {
    let mut random = Random(seed);
    let (mut ours, mut naive, mut inside, mut points) = (0.0, 0.0, 0, 0);
    let stores = 200;
    for _ in 0..stores {
        let all = store(&mut random, history_days + 30);
        let (history, future) = all.split_at(history_days as usize);
        let forecast = Seasonal::fit(Step::Day, history).unwrap().ahead(30, 0.95);
        assert_eq!(forecast.len(), 30);
        ours += accuracy(future.iter().zip(&forecast).map(|((_, actual), point)| (*actual, point.expected)));
        let last_week = &history[history.len() - 7..];
        naive += accuracy(future.iter().enumerate().map(|(i, (_, actual))| (*actual, last_week[i % 7].1)));
        for ((time, actual), point) in future.iter().zip(&forecast) {
            assert_eq!(*time, point.time);
            inside += u32::from((point.low..=point.high).contains(actual));
            points += 1;
        }
    }
    (ours / f64::from(stores), naive / f64::from(stores), f64::from(inside) / f64::from(points))
}

#[test]
fn thirty_days_ahead_are_right_by_87_percent_per_store_from_one_month_of_history() {
    for (days, seed) in [(28, 7), (56, 11), (84, 13)] {
        let (ours, naive, inside) = held_out(days, seed);
        println!(
            "forecast of 30 held-out days from {days} days of history: mean accuracy per store {:.1} % \
             (same day of the last week: {:.1} %), inside the 95 % band: {:.1} %",
            ours * 100.0,
            naive * 100.0,
            inside * 100.0
        );
        assert!(ours >= 0.87, "{days} days of history: {ours}");
        assert!(ours > naive, "{ours} is no better than last week's {naive}");
        assert!(inside >= 0.85, "{inside}");
    }
}

#[test]
fn hours_have_the_profile_of_their_weekday() {
    let mut random = Random(3);
    let mut all = Vec::new();
    for (day, value) in store(&mut random, 65) {
        for hour in 0..24 {
            let share = if (9..21).contains(&hour) { 1.0 / 12.0 } else { 0.0 };
            all.push((UnixNanos(day.0 + hour * HOUR_NS), value * share * (1.0 + 0.05 * random.normal())));
        }
    }
    let (history, future) = all.split_at(35 * 24);
    let forecast = Seasonal::fit(Step::Hour, history).unwrap().ahead(30, 0.95);
    assert_eq!(forecast.len(), 30 * 24);
    assert!(forecast.iter().all(|p| p.low <= p.expected && p.expected <= p.high));
    assert!(forecast[3].expected < 1e-6 && forecast[12].expected > 1.0, "shops are shut at night");
    let right = accuracy(future.iter().zip(&forecast).map(|((_, actual), point)| (*actual, point.expected)));
    assert!(right > 0.8, "{right}");
}

#[test]
fn too_little_history_and_nothing_but_zeros_give_no_forecast() {
    let day = |i: i64| UnixNanos(i * UnixNanos::DAY);
    let few: Vec<_> = (0..20).map(|i| (day(i), 100.0)).collect();
    assert_eq!(Seasonal::fit(Step::Day, &few), None);
    let zeros: Vec<_> = (0..60).map(|i| (day(i), 0.0)).collect();
    assert_eq!(Seasonal::fit(Step::Day, &zeros), None);
    let odd: Vec<_> = (0..60).map(|i| (day(i), if i % 2 == 0 { f64::NAN } else { f64::INFINITY })).collect();
    assert_eq!(Seasonal::fit(Step::Day, &odd), None);
    assert_eq!(Seasonal::fit(Step::Hour, &[]), None);
}

#[test]
fn a_sale_and_an_outage_do_not_bend_the_forecast() {
    let day = |i: i64| UnixNanos((20_000 + i) * UnixNanos::DAY);
    let mut history: Vec<_> = (0..42).map(|i| (day(i), 1_000.0 + 10.0 * (i % 7) as f64)).collect();
    let calm = Seasonal::fit(Step::Day, &history).unwrap().at(day(45), 0.95).unwrap();
    for i in [38, 39] {
        history[i].1 = 9_000.0;
    }
    history[30].1 = 0.0;
    let bent = Seasonal::fit(Step::Day, &history).unwrap().at(day(45), 0.95).unwrap();
    assert!((bent.expected / calm.expected - 1.0).abs() < 0.02, "{} {}", bent.expected, calm.expected);
}
