//! What places say of themselves beside their metrics: shops' boxes that live, kernels, the cluster.

use super::Company;
use super::flows::gateway_of;
use crate::estate::places::{DB_ORDER_REPLICA, HOSTS, SHOPS, TILL, shop_name};
use crate::estate::services::POS_CLIENT;
use crate::story::{INFO, SEVERE, record};
use crate::telemetry::{Item, int, text};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::LogRecord;

impl Company {
    /// A printer, relayed by the gateway of its region, or a till. What cannot reach us is silent.
    pub(super) fn beat(&mut self, which: usize) {
        let (source, name, what) = match gateway_of(which) {
            Some(gateway) if self.world.devices[gateway].offline => return,
            Some(gateway) => {
                (self.sources.device(gateway), format!("printer-{}", shop_name(which)), "ready, paper 80 %")
            }
            None => {
                let till = which - SHOPS;
                let first = self.sources.pods().iter().position(|pod| pod.service.id == POS_CLIENT.id).unwrap_or(0);
                (first + till, HOSTS[TILL + till].name.to_owned(), "open for sale")
            }
        };
        let shop = if which < SHOPS { which } else { which - SHOPS };
        let attributes =
            vec![text("heartbeat.name", name), text("heartbeat.status", "ok"), text("store.id", shop_name(shop))];
        let beat = record(self.now, INFO, what.into(), attributes);
        self.write(self.now, Item::Log(source, LogRecord { event_name: "stormglass.heartbeat".into(), ..beat }));
    }

    /// What a host's own log says of the state it is in, if anything.
    pub(super) fn say_of_host(&mut self, source: usize) {
        let Some(host) = source.checked_sub(self.sources.host(0)).filter(|host| *host < self.world.hosts.len()) else {
            return;
        };
        let state = &self.world.hosts[host];
        let line = if state.stall > 0.0 {
            "watchdog: BUG: soft lockup - CPU#3 stuck for 23s!"
        } else if state.disk >= 0.999 {
            "EXT4-fs warning (device vda1): ext4_da_write_begin: No space left on device"
        } else if host == DB_ORDER_REPLICA && self.world.replica_stuck {
            "replica SQL thread waits: ALTER TABLE `order`.`t_order` is running"
        } else {
            return;
        };
        let line = record(self.now, SEVERE, line.into(), vec![text("log.file.name", "messages")]);
        self.write(self.now, Item::Log(source, line));
    }

    /// A heap was full: the process is killed, and its container starts again.
    pub(super) fn kill(&mut self, at: u64, pod: usize) {
        if self.world.pods[pod].is_down(at) {
            return;
        }
        self.world.pods[pod].restart(at, true);
        let (name, service) = (self.world.pods[pod].pod.name(), self.world.pods[pod].pod.service.name);
        let exception =
            vec![text("exception.type", "java.lang.OutOfMemoryError"), text("exception.message", "Java heap space")];
        let last = record(at, SEVERE, "java.lang.OutOfMemoryError: Java heap space".into(), exception);
        self.write(at, Item::Log(pod, last));
        let restarts = self.world.pods[pod].restarts;
        let attributes: Vec<KeyValue> = vec![
            text("k8s.pod.name", name.clone()),
            text("k8s.deployment.name", service),
            text("k8s.event.reason", "OOMKilled"),
            int("k8s.container.restart_count", restarts as i64),
        ];
        let told =
            record(at, SEVERE, format!("container {service} in pod {name} was OOMKilled and is restarted"), attributes);
        self.write(at, Item::Log(self.sources.cluster(), told));
    }
}
