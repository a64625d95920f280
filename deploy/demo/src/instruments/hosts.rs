//! What hosts, their databases and brokers, devices and the cluster say of themselves.

use super::points::Sheet;
use crate::estate::places::{DB_ORDER_REPLICA, HOSTS, HostKind};
use crate::estate::stores::{CACHES, DATABASES, GROUPS, QUEUES};
use crate::story::group_name;
use crate::telemetry::{int, text};
use crate::trading::Broker;
use crate::world::World;

const MEMORY: f64 = 64e9;
const DISK: f64 = 500e9;
/// Above this a kubelet says that its disk is under pressure.
const PRESSURE: f64 = 0.9;

pub(super) fn tell(sheet: &mut Sheet, host: usize, world: &World, broker: &Broker, now: u64) {
    system(sheet, host, world, now);
    match HOSTS[host].kind {
        HostKind::Mysql => mysql(sheet, host, world, now),
        HostKind::Broker => queues(sheet, broker, now),
        HostKind::Redis => redis(sheet, world),
        HostKind::Node | HostKind::Site | HostKind::Till => {}
    }
}

fn system(sheet: &mut Sheet, host: usize, world: &World, now: u64) {
    let (place, state) = (&HOSTS[host], &world.hosts[host]);
    let pods = world.pods.iter().filter(|pod| pod.pod.host() == host);
    let (mut busy, mut memory) = (0.0, 0.12 * MEMORY);
    for pod in pods {
        busy += (pod.load.utilization(now) + pod.collection_share()).min(1.2) * 2.0;
        memory += pod.heap() + 2.2e8;
    }
    // Whoever is kept from the processor waits in line for it: the kernel has it.
    let stalled = (state.stall * 8.0).min(0.96);
    let user = (0.04 + busy / place.cores).min(0.98) * (1.0 - stalled);
    let mode = |what: &str| vec![text("cpu.mode", what)];
    let idle = (1.0 - user - stalled - 0.015).max(0.0);
    let modes = [("user", user), ("system", 0.015 + stalled), ("iowait", 0.0), ("idle", idle)];
    sheet.gauge("system.cpu.utilization", "1", modes.map(|(what, share)| (mode(what), share)));
    sheet.gauge("system.cpu.load_average.1m", "{thread}", [(vec![], place.cores * (user + stalled * 6.0))]);
    let used = || vec![text("system.memory.state", "used")];
    sheet.gauge("system.memory.utilization", "1", [(used(), memory / MEMORY)]);
    sheet.level("system.memory.usage", "By", [(used(), memory)]);
    let root = || vec![text("system.filesystem.mountpoint", "/"), text("system.device", "/dev/vda1")];
    sheet.gauge("system.filesystem.utilization", "1", [(root(), state.disk)]);
    let mut in_use = root();
    in_use.push(text("system.filesystem.state", "used"));
    sheet.level("system.filesystem.usage", "By", [(in_use, state.disk * DISK)]);
    let direction = |way: &str| vec![text("network.io.direction", way), text("network.interface.name", "eth0")];
    sheet.counter(
        "system.network.io",
        "By",
        [(direction("receive"), state.bytes), (direction("transmit"), state.bytes * 1.3)],
    );
    if place.kind == HostKind::Node {
        let pressure = f64::from(u8::from(state.disk > PRESSURE));
        sheet.gauge(
            "k8s.node.condition",
            "1",
            [
                (vec![text("k8s.node.condition.type", "Ready")], 1.0),
                (vec![text("k8s.node.condition.type", "DiskPressure")], pressure),
            ],
        );
    }
}

fn mysql(sheet: &mut Sheet, host: usize, world: &World, now: u64) {
    if host == DB_ORDER_REPLICA {
        sheet.gauge("mysql.replica.time_behind_source", "s", [(vec![text("db.namespace", "order")], world.lag)]);
        let applying = f64::from(u8::from(!world.replica_stuck));
        sheet.gauge("mysql.replica.applier.running", "1", [(vec![text("db.namespace", "order")], applying)]);
        return;
    }
    let here = || DATABASES.iter().filter(|database| database.host == host);
    let of = |namespace: &'static str| vec![text("db.namespace", namespace)];
    let states = || here().map(|database| (database, &world.databases[database.id]));
    let running = states().map(|(database, state)| (of(database.namespace), state.workers.used(now) as f64));
    sheet.level("mysql.threads.running", "{thread}", running);
    let statements = states().map(|(database, state)| (of(database.namespace), state.statements as f64));
    sheet.counter("mysql.query.count", "{query}", statements);
    let slow = states().map(|(database, state)| (of(database.namespace), state.slow as f64));
    sheet.counter("mysql.query.slow.count", "{query}", slow);
    let connections = here().map(|database| {
        let pools = world.pods.iter().flat_map(|pod| pod.pools()).filter(|(id, _)| *id == database.id);
        (of(database.namespace), pools.map(|(_, pool)| pool.used(now)).sum::<usize>() as f64)
    });
    sheet.level("mysql.connection.count", "{connection}", connections);
}

fn queues(sheet: &mut Sheet, broker: &Broker, now: u64) {
    let of = |group: &'static crate::estate::stores::Group, queue: usize| {
        vec![
            text("messaging.system", "rocketmq"),
            text("messaging.destination.name", group.topic.name),
            text("messaging.consumer.group.name", group_name(group)),
            int("messaging.destination.partition.id", queue as i64),
        ]
    };
    let all = || GROUPS.iter().flat_map(|group| (0..QUEUES).map(move |queue| (*group, queue)));
    let lag = all().map(|(group, queue)| (of(group, queue), broker.backlog(group.id, queue).0 as f64));
    sheet.gauge("rocketmq.consumer.lag.messages", "{message}", lag);
    let waits = all().map(|(group, queue)| {
        let since = broker.backlog(group.id, queue).1;
        (of(group, queue), since.map_or(0.0, |since| now.saturating_sub(since) as f64 / 1e9))
    });
    sheet.gauge("rocketmq.consumer.queueing.latency", "s", waits);
    let handled = GROUPS.iter().map(|group| (of(group, 0), broker.handled[group.id] as f64));
    sheet.counter("rocketmq.messages.out.count", "{message}", handled);
}

fn redis(sheet: &mut Sheet, world: &World) {
    let commands =
        CACHES.iter().map(|cache| (vec![text("db.namespace", cache.namespace)], world.commands[cache.id] as f64));
    sheet.counter("redis.commands.processed", "{command}", commands);
    sheet.gauge("redis.clients.connected", "{client}", [(vec![], 4.0 * world.pods.len() as f64)]);
}

pub(super) fn device(sheet: &mut Sheet, device: usize, world: &World) {
    let state = world.devices[device];
    let up = f64::from(u8::from(!state.offline));
    sheet.gauge("hw.status", "1", [(vec![text("hw.state", "ok")], up)]);
    sheet.counter("hw.network.packets", "{packet}", [(vec![], state.packets as f64)]);
    sheet.counter("hw.errors", "{error}", [(vec![text("error.type", "packet_loss")], state.lost as f64)]);
}

pub(super) fn cluster(sheet: &mut Sheet, world: &World, now: u64) {
    let nodes = HOSTS.iter().filter(|host| host.kind == HostKind::Node).count();
    sheet.gauge("k8s.cluster.nodes", "{node}", [(vec![], nodes as f64)]);
    let ready = world.pods.iter().filter(|pod| !pod.is_down(now)).count();
    sheet.gauge("k8s.cluster.pods.ready", "{pod}", [(vec![], ready as f64)]);
}
