//! Whether two shares differ by more than chance: the two-proportion z-test, and the exact test of small counts.

/// The statistic of `x1` of `n1` against `x2` of `n2`, pooled: above zero where the first share is the
/// larger one, 0 where nothing can be said (an empty side, or a share of none or all in both).
pub fn z(x1: u64, n1: u64, x2: u64, n2: u64) -> f64 {
    if n1 == 0 || n2 == 0 {
        return 0.0;
    }
    let (x1, n1, x2, n2) = (x1 as f64, n1 as f64, x2 as f64, n2 as f64);
    let pooled = (x1 + x2) / (n1 + n2);
    let error = (pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2)).sqrt();
    if error > 0.0 { (x1 / n1 - x2 / n2) / error } else { 0.0 }
}

/// How likely chance alone gives a statistic at least this far from zero, on either side.
pub fn p_value(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// The complementary error function for `x >= 0`: by its power series where that converges quickly, by
/// its continued fraction beyond.
fn erfc(x: f64) -> f64 {
    let scale = std::f64::consts::FRAC_2_SQRT_PI;
    if x < 2.0 {
        let (mut term, mut sum) = (x, x);
        for n in 1..60 {
            let n = f64::from(n);
            term *= -x * x / n;
            sum += term / (2.0 * n + 1.0);
        }
        return 1.0 - scale * sum;
    }
    // erfc(x) = exp(-x^2)/sqrt(pi) * 1/(x + (1/2)/(x + (2/2)/(x + (3/2)/...)))
    let fraction = (1..=60).rev().fold(0.0, |below, n| f64::from(n) / 2.0 / (x + below));
    scale / 2.0 * (-x * x).exp() / (x + fraction)
}

/// Twice the chance of a count at least as far out as `x1`, were the `x1 + x2` hits dealt at random over
/// both sides (Fisher's exact test by the hypergeometric distribution); at most 1.
pub fn p_exact(x1: u64, n1: u64, x2: u64, n2: u64) -> f64 {
    let (hits, all) = (x1 + x2, n1 + n2);
    if n1 == 0 || n2 == 0 || hits == 0 || x1 > n1 || x2 > n2 {
        return 1.0;
    }
    let chance = |x: u64| (ln_choose(hits, x) + ln_choose(all - hits, n1 - x) - ln_choose(all, n1)).exp();
    let upward = x1 as f64 * all as f64 >= hits as f64 * n1 as f64;
    let (least, most) = ((hits + n1).saturating_sub(all), hits.min(n1));
    let mut tail = 0.0;
    let outward: Box<dyn Iterator<Item = u64>> =
        if upward { Box::new(x1..=most) } else { Box::new((least..=x1).rev()) };
    for x in outward {
        let term = chance(x);
        tail += term;
        // Terms fall ever faster away from the middle.
        if term <= tail * f64::EPSILON {
            break;
        }
    }
    (2.0 * tail).min(1.0)
}

fn ln_choose(n: u64, k: u64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// By its product for small numbers, by Stirling's series for others.
fn ln_factorial(n: u64) -> f64 {
    if n < 16 {
        return (2..=n).map(|k| (k as f64).ln()).sum();
    }
    let n = n as f64;
    let series = 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3)) + 1.0 / (1260.0 * n.powi(5));
    n * n.ln() - n + (std::f64::consts::TAU * n).ln() / 2.0 + series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_those_of_the_tables() {
        for (z, p) in [
            (0.0, 1.0),
            (0.674_489_750_196, 0.5),
            (1.0, 0.317_310_507_863),
            (1.959_963_984_540, 0.05),
            (2.575_829_303_549, 0.01),
            (3.290_526_731_492, 0.001),
            (-5.0, 5.733_031_437_58e-7),
            (10.0, 1.523_970_604_83e-23),
        ] {
            let got = p_value(z);
            assert!((got - p).abs() <= p * 1e-9, "{z}: {got} for {p}");
        }
        assert_eq!(p_value(1e9), 0.0);
    }

    #[test]
    fn the_statistic_is_that_of_a_worked_example() {
        // 30 of 100 against 20 of 200: pooled 1/6, error 0.045644.
        assert!((z(30, 100, 20, 200) - 4.381_780).abs() < 1e-5);
        assert!((z(20, 200, 30, 100) + 4.381_780).abs() < 1e-5);
        for (x1, n1, x2, n2) in [(0, 0, 5, 10), (5, 10, 0, 0), (0, 10, 0, 20), (10, 10, 20, 20)] {
            assert_eq!(z(x1, n1, x2, n2), 0.0);
        }
    }

    #[test]
    fn the_exact_test_is_that_of_worked_examples() {
        // The lady tasting tea: all four cups right, 1 in 70 on one side.
        assert!((p_exact(4, 4, 0, 4) - 2.0 / 70.0).abs() < 1e-12);
        assert!((p_exact(0, 4, 4, 4) - 2.0 / 70.0).abs() < 1e-12);
        assert!((p_exact(3, 4, 1, 4) - 34.0 / 70.0).abs() < 1e-12);
        // One hit, which is among 10 of 1,000.
        assert!((p_exact(1, 10, 0, 990) - 0.02).abs() < 1e-9);
        assert_eq!((p_exact(0, 10, 0, 10), p_exact(0, 0, 3, 9), p_exact(2, 4, 2, 4)), (1.0, 1.0, 1.0));
        // Far out and large it is as small as it should be, and never below zero.
        let p = p_exact(90, 100, 100, 10_000);
        assert!((0.0..1e-100).contains(&p), "{p}");
    }
}
