//! What a pod says of its insides: pools, threads, heap, processor, restarts.

use super::points::Sheet;
use crate::estate::services::Language;
use crate::estate::stores::DATABASES;
use crate::telemetry::text;
use crate::world::pod::PodState;

/// Processors that a container may use.
const CPU_LIMIT: f64 = 2.0;

pub(super) fn tell(sheet: &mut Sheet, state: &PodState, now: u64) {
    if state.is_down(now) {
        // A process that is gone says nothing; its container is still known to the cluster.
        container(sheet, state, now);
        return;
    }
    pools(sheet, state, now);
    processor(sheet, state, now);
    container(sheet, state, now);
    if state.pod.service.language == Language::Java {
        jvm(sheet, state, now);
    } else {
        sheet.level("process.memory.usage", "By", [(vec![], state.heap() * 1.1)]);
    }
}

fn pools(sheet: &mut Sheet, state: &PodState, now: u64) {
    let of = |id: usize| vec![text("db.client.connection.pool.name", format!("mysql/{}", DATABASES[id].namespace))];
    let in_state = |id: usize, what: &str| {
        let mut attributes = of(id);
        attributes.push(text("db.client.connection.state", what));
        attributes
    };
    let pools = state.pools();
    if pools.is_empty() {
        return;
    }
    let counts = pools.iter().flat_map(|(id, pool)| {
        let used = pool.used(now);
        [(in_state(*id, "used"), used as f64), (in_state(*id, "idle"), pool.limit().saturating_sub(used) as f64)]
    });
    sheet.level("db.client.connection.count", "{connection}", counts);
    let each = |value: fn(&crate::world::slots::Slots, u64) -> f64| {
        pools.iter().map(move |(id, pool)| (of(*id), value(pool, now)))
    };
    sheet.level("db.client.connection.max", "{connection}", each(|pool, _| pool.limit() as f64));
    sheet.level("db.client.connection.pending_requests", "{request}", each(|pool, now| pool.pending(now) as f64));
    sheet.counter("db.client.connection.timeouts", "{timeout}", each(|pool, _| pool.timeouts() as f64));
}

fn processor(sheet: &mut Sheet, state: &PodState, now: u64) {
    let busy = (state.load.utilization(now) + state.collection_share()).min(1.0);
    sheet.gauge("process.cpu.utilization", "1", [(vec![], busy)]);
    sheet.counter("process.cpu.time", "s", [(vec![], state.load.total())]);
    let threads = |sheet: &mut Sheet, name: &str, value: usize| {
        sheet.level(name, "{thread}", [(vec![text("executor.name", "server")], value as f64)]);
    };
    threads(sheet, "executor.active", state.threads.used(now));
    threads(sheet, "executor.queued", state.threads.pending(now));
    threads(sheet, "executor.pool.max", state.threads.limit());
}

fn container(sheet: &mut Sheet, state: &PodState, now: u64) {
    let down = state.is_down(now);
    let busy = if down { 0.0 } else { (state.load.utilization(now) + state.collection_share()).min(1.0) };
    let memory = if down { 0.0 } else { state.heap() + 2.2e8 };
    sheet.gauge("container.cpu.usage", "{cpu}", [(vec![], busy * CPU_LIMIT)]);
    sheet.gauge("container.memory.working_set", "By", [(vec![], memory)]);
    sheet.gauge("k8s.container.cpu_limit", "{cpu}", [(vec![], CPU_LIMIT)]);
    sheet.gauge("k8s.container.memory_limit", "By", [(vec![], state.heap_limit() + 2.6e8)]);
    sheet.gauge("k8s.container.restarts", "{restart}", [(vec![], state.restarts as f64)]);
    sheet.gauge("k8s.container.ready", "1", [(vec![], f64::from(u8::from(!down)))]);
}

fn jvm(sheet: &mut Sheet, state: &PodState, now: u64) {
    let heap = || vec![text("jvm.memory.type", "heap"), text("jvm.memory.pool.name", "G1 Old Gen")];
    sheet.level("jvm.memory.used", "By", [(heap(), state.heap())]);
    sheet.level("jvm.memory.limit", "By", [(heap(), state.heap_limit())]);
    sheet.level("jvm.memory.used_after_last_gc", "By", [(heap(), state.live)]);
    let collector = vec![text("jvm.gc.name", "G1 Young Generation"), text("jvm.gc.action", "end of minor GC")];
    sheet.counter("jvm.gc.collection_time", "s", [(collector, state.collecting)]);
    sheet.gauge("jvm.gc.overhead", "1", [(vec![], state.collection_share())]);
    sheet.level("jvm.thread.count", "{thread}", [(vec![], 24.0 + state.threads.used(now) as f64)]);
    let busy = (state.load.utilization(now) + state.collection_share()).min(1.0);
    sheet.gauge("jvm.cpu.recent_utilization", "1", [(vec![], busy)]);
}
