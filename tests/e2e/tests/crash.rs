//! A1, A3: the process that acknowledges is killed under load - at random moments, and at every
//! failpoint there is - and nothing that it acknowledged is lost, doubled, altered or torn.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use e2e::oracle::{Findings, Load, Oracle, statement};
use e2e::{Server, Setup, environment, random};
use rand::Rng;
use std::time::Duration;
use tokio::sync::watch;

/// Small segments and frequent flushes, so that a second of load meets every step of the store.
const BUSY_STORE: &str = r#"
[store]
wal_segment_bytes = "1MiB"
flush_rows = 2000
flush_after = "500ms"
compaction_settle = "0s"
[retention]
ledger = "1s"
"#;

/// The load until `ended` is ready.
async fn load_until(oracle: &Oracle, server: &Server, cycle: u64, ended: impl Future<Output = ()>) {
    let (stop, stopped) = watch::channel(false);
    let ending = async {
        ended.await;
        let _ = stop.send(true);
    };
    tokio::join!(oracle.produce(server, cycle, stopped), ending);
}

/// What must hold after each recovery.
#[track_caller]
fn assert_clean(what: &str, findings: &Findings) {
    assert!(findings.is_clean(), "{what}: {findings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_kill_9_at_random_moments_under_load_loses_nothing() {
    const NAME: &str = "a1_kill_9";
    let cycles = environment::number("STORMGLASS_TEST_CYCLES", 50);
    let seed = random::seed(NAME);
    let (oracle, mut chance) = (Oracle::new(seed, Load::default()), random::generator(seed));
    let mut server = Server::start(Setup::config(BUSY_STORE)).await;
    let mut ready = Vec::new();
    for cycle in 0..cycles {
        let alive = Duration::from_millis(chance.random_range(100..1_600));
        let pid = server.pid();
        load_until(&oracle, &server, cycle, async {
            tokio::time::sleep(alive).await;
            kill_9(pid);
        })
        .await;
        server.exited().await;
        server.restart().await;
        ready.push(server.started_in());
        let findings = oracle.compare_cycle(&server, cycle).await;
        assert_clean(&format!("{NAME} cycle {cycle}"), &findings);
    }
    let findings = oracle.compare(&server).await;
    assert_clean(NAME, &findings);
    assert!(findings.acknowledged > cycles * 100, "the load was not worth the name: {findings}");
    ready.sort_unstable();
    println!("{}; slowest start {:?}", statement(NAME, cycles, &findings), ready.last());
}

fn kill_9(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid as i32).expect("a process id");
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

/// The names of all failpoints, from the refusal of one that does not exist.
async fn failpoints() -> Vec<String> {
    let refused =
        Server::try_start(Setup::default().env("STORMGLASS_FAILPOINT", "nowhere")).await.expect_err("no such place");
    let known = refused.output.split_once("known: ").unwrap_or_else(|| panic!("no list in: {}", refused.output)).1;
    let names = known.lines().next().unwrap_or_default().split(", ").map(|n| n.trim().to_owned());
    names.filter(|n| !n.is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_a_death_at_every_failpoint_there_is_loses_nothing() {
    const NAME: &str = "a3_failpoints";
    let places = failpoints().await;
    assert!(places.len() >= 10, "{places:?}");
    let oracle = Oracle::new(random::seed(NAME), Load::default());
    let mut server = Server::start(Setup::config(BUSY_STORE)).await;
    let mut cycle = 0;
    for place in &places {
        server.kill9();
        server.setup_mut().environment = vec![("STORMGLASS_FAILPOINT".into(), place.clone())];
        // Places on the way of a start end the start itself; all others end a life under load.
        match server.try_restart().await {
            Ok(()) => die_under_load(&oracle, &mut server, cycle, place).await,
            Err(refused) => assert!(!refused.status.success(), "{place}: {}", refused.output),
        }
        server.setup_mut().environment.clear();
        server.restart().await;
        assert_clean(place, &oracle.compare_cycle(&server, cycle).await);
        cycle += 1;
    }
    let findings = oracle.compare(&server).await;
    assert_clean(NAME, &findings);
    println!("{}; places: {}", statement(NAME, cycle, &findings), places.join(", "));
}

/// Load, flushes and compactions until the server is dead of its failpoint.
async fn die_under_load(oracle: &Oracle, server: &mut Server, cycle: u64, place: &str) {
    let dead = async {
        for _ in 0..600 {
            // Whatever takes part in upkeep is asked for, so that no place is waited for in vain.
            for call in ["/api/v1/flush", "/api/v1/compact"] {
                let asked = server.http().post(server.url(call)).send().await;
                if asked.is_err() && !alive(server.pid()) {
                    return;
                }
            }
        }
        panic!("{place} was never reached");
    };
    load_until(oracle, server, cycle, async {
        tokio::time::timeout(environment::PATIENCE, dead).await.unwrap_or_else(|_| panic!("{place} was never reached"))
    })
    .await;
    let status = server.exited().await;
    assert!(!status.success(), "{place}: {status}");
}

/// Whether the process runs: a child that died and was not waited for is a zombie.
fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}
