//! A4: the power goes, for real as far as the file system is concerned.

use crate::load::{BUSY_STORE, assert_no_panic, assert_nothing_lost, load_while};
use crate::mount::Mount;
use e2e::oracle::{Load, Oracle};
use e2e::{Server, Setup, environment, random};
use rand::Rng;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a4_power_cuts_under_load_lose_nothing_acknowledged() {
    const NAME: &str = "a4_power_cuts_under_load_lose_nothing_acknowledged";
    let mount = match Mount::ext4(512) {
        Ok(mount) => mount,
        Err(why) => e2e::skip!(NAME, "{why}"),
    };
    let cycles = environment::number("STORMGLASS_TEST_CYCLES", 5);
    let seed = random::seed(NAME);
    let (oracle, mut chance) = (Oracle::new(seed, Load::default()), random::generator(seed));
    let mut server = Server::start(Setup::config(BUSY_STORE).in_dir(&mount.data_dir())).await;
    for cycle in 0..cycles {
        let before = Duration::from_millis(chance.random_range(200..1800));
        load_while(&oracle, &server, cycle, async {
            tokio::time::sleep(before).await;
            mount.cut_power().expect("a mounted ext4 can be shut down");
            // Whatever is acknowledged from here on would be a lie; give it time to lie.
            tokio::time::sleep(Duration::from_millis(300)).await;
        })
        .await;
        assert_no_panic(&server);
        server.kill9();
        mount.power_on();
        server.restart().await;
        let found = oracle.compare_cycle(&server, cycle).await;
        assert!(found.is_clean(), "{NAME}, cut {cycle} after {before:?}: {found}");
    }
    assert_nothing_lost(NAME, cycles, &oracle, &server).await;
}
