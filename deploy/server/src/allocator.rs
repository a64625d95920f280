//! jemalloc, told to give memory back: telemetry comes in bursts, and an idle server should be small.

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const OPTIONS_TEXT: &[u8; 73] = b"background_thread:true,narenas:4,dirty_decay_ms:2000,muzzy_decay_ms:1000\0";

/// Read by the allocator before `main`, as a C string: few arenas (two cores' worth of threads do the
/// work), unused pages returned within seconds by a thread of its own.
#[expect(unsafe_code, reason = "the allocator looks its options up under this symbol; they are a constant")]
#[unsafe(export_name = "_rjem_malloc_conf")]
#[used]
static OPTIONS: &[u8; 73] = OPTIONS_TEXT;
