#![no_main]
//! Any bytes as an OTLP request in the Json encoding.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Some((signal, body)) = fuzz::split(input) {
        decode::fuzz_entry(&fuzz::LAYOUT, signal, decode::Encoding::Json, body);
    }
});
