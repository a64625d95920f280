//! A company that is well wakes nobody. `QUIET_DAYS=7 VERDICTS_SEEDS=1,2` plays whole weeks, day and night.

use verdicts::quiet::{DAY, pass};

#[expect(clippy::disallowed_methods, reason = "tests have no settings file: this is their rim")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

#[test]
fn a_company_that_is_well_wakes_nobody() {
    let seconds = setting("QUIET_DAYS").and_then(|days| days.parse::<i64>().ok()).map_or(1_500, |days| days * DAY);
    let seeds = setting("VERDICTS_SEEDS").unwrap_or_else(|| "1".into());
    let mut allowed = 0;
    let mut told = Vec::new();
    for seed in seeds.split(',').filter_map(|seed| seed.parse().ok()) {
        let quiet = pass(seed, seconds);
        println!(
            "seed {seed}: {} incidents and {} alerts in {:.1} days, {} spans, {} searches for anomalies",
            quiet.incidents,
            quiet.alerts.len(),
            seconds as f64 / DAY as f64,
            quiet.spans,
            quiet.searches
        );
        // Of whole days one incident each is what the goal allows; of less, none.
        allowed += (seconds / DAY) as u64;
        told.push((quiet.incidents, quiet.alerts));
    }
    let opened: u64 = told.iter().map(|(incidents, _)| incidents).sum();
    assert!(opened <= allowed, "{opened} incidents for no reason, {allowed} allowed: {told:#?}");
}
