//! Statistics that a few wild values do not lead astray.

/// Points that a slope is made of: pairs grow with the square.
const SLOPE_POINTS_MAX: usize = 64;

/// The value below which a share of the values lies, by linear interpolation; NaN of nothing.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n => {
            let at = share.clamp(0.0, 1.0) * (n - 1) as f64;
            let below = values[at.floor() as usize];
            below + (values[at.ceil() as usize] - below) * at.fract()
        }
    }
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// A line by Theil and Sen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Trend {
    /// Units of y per unit of x.
    pub(crate) slope: f64,
    /// Share of pairs of points that rise, 0.5 for no trend.
    pub(crate) rising: f64,
    /// The line's value at the last x.
    pub(crate) last: f64,
}

/// The median slope over all pairs; of more than [`SLOPE_POINTS_MAX`] points, evenly chosen ones.
pub(crate) fn theil_sen(points: &[(f64, f64)]) -> Option<Trend> {
    let step = points.len().div_ceil(SLOPE_POINTS_MAX).max(1);
    // Counted from the end, so that the newest point is always in.
    let mut chosen: Vec<(f64, f64)> = points.iter().rev().step_by(step).copied().collect();
    chosen.reverse();
    let mut slopes = Vec::with_capacity(chosen.len() * chosen.len() / 2);
    for (i, (x0, y0)) in chosen.iter().enumerate() {
        slopes.extend(chosen[i + 1..].iter().filter(|(x1, _)| x1 > x0).map(|(x1, y1)| (y1 - y0) / (x1 - x0)));
    }
    if slopes.is_empty() {
        return None;
    }
    let rising = slopes
        .iter()
        .map(|s| {
            if *s > 0.0 {
                1.0
            } else if *s == 0.0 {
                0.5
            } else {
                0.0
            }
        })
        .sum::<f64>();
    let rising = rising / slopes.len() as f64;
    let slope = median(&mut slopes);
    let last_x = chosen[chosen.len() - 1].0;
    let mut heights: Vec<f64> = chosen.iter().map(|(x, y)| y + slope * (last_x - x)).collect();
    Some(Trend { slope, rising, last: median(&mut heights) })
}

/// The lower end of the 95 % interval of a share by Wilson: what the true share is at least.
pub(crate) fn wilson_lower(hits: f64, of: f64) -> f64 {
    if of <= 0.0 {
        return 0.0;
    }
    let z = 1.96;
    let share = (hits / of).clamp(0.0, 1.0);
    let middle = share + z * z / (2.0 * of);
    let spread = z * (share * (1.0 - share) / of + z * z / (4.0 * of * of)).sqrt();
    ((middle - spread) / (1.0 + z * z / of)).max(0.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_few_wild_points_do_not_bend_a_trend() {
        let mut points: Vec<_> = (0..30).map(|i| (f64::from(i), 2.0 * f64::from(i) + 1.0)).collect();
        for wild in [3, 11, 20] {
            points[wild].1 = 10_000.0;
        }
        let trend = theil_sen(&points).unwrap();
        assert!((trend.slope - 2.0).abs() < 0.2 && (trend.last - 59.0).abs() < 2.0, "{trend:?}");
        assert!(trend.rising > 0.8);
        assert_eq!(theil_sen(&[(1.0, 1.0)]), None);
        assert_eq!(theil_sen(&[(1.0, 1.0), (1.0, 2.0)]), None);
    }

    #[test]
    fn one_error_of_two_calls_says_little() {
        assert!(wilson_lower(1.0, 2.0) < 0.1);
        assert!(wilson_lower(50.0, 100.0) > 0.4);
        assert_eq!(wilson_lower(0.0, 0.0), 0.0);
    }

    proptest! {
        #[test]
        fn the_interval_lies_below_the_share(hits in 0u32..1_000, more in 0u32..1_000) {
            let (hits, of) = (f64::from(hits), f64::from(hits + more));
            let lower = wilson_lower(hits, of);
            prop_assert!((0.0..=1.0).contains(&lower));
            prop_assert!(of == 0.0 || lower <= hits / of + 1e-9);
        }

        #[test]
        fn a_quantile_lies_between_the_ends(mut values in prop::collection::vec(-1e9f64..1e9, 1..50), share in 0.0f64..1.0) {
            let q = quantile(&mut values, share);
            prop_assert!(q >= values[0] && q <= values[values.len() - 1]);
        }
    }
}
