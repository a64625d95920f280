//! Every bound of this crate, by name.

use std::net::IpAddr;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    /// How often tokens and users are read again and uses written down: a revoked token dies within this
    /// time. Default 2 s.
    pub refresh: Duration,
    /// A token or name that is not known is looked up at once, but not more often than this. Default 250 ms.
    pub lookup_pause: Duration,
    /// A session that is not used for this long ends. Default 12 h.
    pub session_idle_max: Duration,
    /// A session ends at this age, however busy. Default 7 d.
    pub session_age_max: Duration,
    /// Sessions of one user; the oldest ends when there is one more. Default 20.
    pub sessions_per_user_max: u32,
    /// Users over all workspaces. Default 1,000.
    pub users_max: u32,
    /// Tokens that are not revoked, over all workspaces. Default 10,000.
    pub tokens_max: usize,
    /// Passwords that are hashed at a time, 19 MiB each. Default 2.
    pub hashes_max: usize,
    /// Passwords that wait to be hashed; more are refused with 503. Default 16.
    pub hashes_waiting_max: usize,
    /// Failed sign-ins under one name within `attempts_window`; more are refused with 429. Default 10.
    pub attempts_per_name_max: u32,
    /// The same from one address (of IPv6 its /64), and separately for wrong tokens. Default 30.
    pub attempts_per_address_max: u32,
    /// Default 5 min.
    pub attempts_window: Duration,
    /// Names and addresses that are remembered for this; the least guilty is forgotten first. Default 20,000.
    pub attempts_remembered_max: usize,
    /// How long the audit log is kept. Default 400 d.
    pub audit_keep: Duration,
    /// Rows of the audit log; the oldest leave when there are more. Default 1,000,000.
    pub audit_rows_max: u32,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Default none.
    pub trusted_proxies: Vec<IpAddr>,
    /// Whether this server speaks TLS itself. Default false.
    pub tls: bool,
}

impl Default for Settings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        Self {
            refresh: Duration::from_secs(2),
            lookup_pause: Duration::from_millis(250),
            session_idle_max: DAY / 2,
            session_age_max: DAY * 7,
            sessions_per_user_max: 20,
            users_max: 1_000,
            tokens_max: 10_000,
            hashes_max: 2,
            hashes_waiting_max: 16,
            attempts_per_name_max: 10,
            attempts_per_address_max: 30,
            attempts_window: Duration::from_secs(300),
            attempts_remembered_max: 20_000,
            audit_keep: DAY * 400,
            audit_rows_max: 1_000_000,
            trusted_proxies: vec![],
            tls: false,
        }
    }
}
