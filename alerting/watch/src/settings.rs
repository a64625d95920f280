//! How the loop runs, and its bounds.

use std::time::Duration;

/// Settings of `[alerting]`.
#[derive(Clone, Debug)]
pub struct Settings {
    pub enabled: bool,
    /// How often rules are judged and incidents move on.
    pub step: Duration,
    /// How long an instant waits for data that is on its way.
    pub lateness: Duration,
    /// After so long without data, a sender holds nothing up.
    pub idle: Duration,
    /// How far back a new period of data is judged.
    pub catch_up: Duration,
    /// How long the end of an alert must stand before it is over, and its incident with it.
    pub keep_firing: Duration,
    /// Alerts that wait to be taken in; beyond it senders are told to come back.
    pub inbox_max: usize,
    /// Most rows that one question of a rule may bring.
    pub rule_rows_max: u64,
    /// How long one question may take.
    pub rule_timeout: Duration,
    /// Telemetry before an incident that a cause is measured against.
    pub reference: Duration,
    /// Most spans, log records and points that are read to find a cause.
    pub evidence_rows_max: u64,
    /// Address under which people reach this server, for links in messages.
    pub external_url: String,
    /// Files with rules, receivers and routes, beside what the API was told.
    pub rules_files: Vec<std::path::PathBuf>,
    /// Whether receivers may be on loopback or in private networks.
    pub private_receivers: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            step: Duration::from_secs(5),
            lateness: Duration::from_secs(2),
            idle: Duration::from_secs(30),
            catch_up: Duration::from_secs(2 * 3_600),
            keep_firing: incident::Settings::default().keep_firing,
            inbox_max: 200_000,
            rule_rows_max: 100_000,
            rule_timeout: Duration::from_secs(20),
            reference: Duration::from_secs(60 * 60),
            evidence_rows_max: 400_000,
            external_url: "http://127.0.0.1:8080".into(),
            rules_files: Vec::new(),
            private_receivers: false,
        }
    }
}
