#![no_main]
//! Any bytes as a segment of the write-ahead log.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    wal::fuzz_replay(input);
});
