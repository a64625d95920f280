//! Fault D1, D2: any bytes, and almost valid requests, through the entry point that the fuzzer uses.

use crate::dice::Dice;
use crate::writer::Writer;
use crate::{layout, messages};
use decode::{Encoding, fuzz_entry};
use model::Signal;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;

/// One change to a valid request.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Cut(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let tokens = proptest::sample::select(vec![
        "{", "}", "[", "]", "\"", ":", ",", "null", "-", "1e999", "\\u", "\\ud800", "\u{0}", "\u{fffd}", "{}", "[]",
    ]);
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        (any::<Index>(), tokens).prop_map(|(at, token)| Damage::Insert(at, token.as_bytes().to_vec())),
        (any::<Index>(), vec(any::<u8>(), 1..6)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (any::<Index>(), 1..9usize).prop_map(|(at, count)| Damage::Remove(at, count)),
        (any::<Index>(), 1..40usize).prop_map(|(at, count)| Damage::Repeat(at, count)),
        any::<Index>().prop_map(Damage::Cut),
    ]
}

fn damaged(mut body: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if body.is_empty() {
            break;
        }
        let range = |at: usize, count: usize| at..(at + count).min(body.len());
        match damage {
            Damage::Flip(at, byte) => {
                let at = at.index(body.len());
                body[at] ^= byte;
            }
            Damage::Insert(at, bytes) => {
                let at = at.index(body.len());
                body.splice(at..at, bytes.iter().copied());
            }
            Damage::Remove(at, count) => {
                body.drain(range(at.index(body.len()), *count));
            }
            Damage::Repeat(at, count) => {
                let at = at.index(body.len());
                let piece = body[range(at, *count)].to_vec();
                body.splice(at..at, piece);
            }
            Damage::Cut(at) => body.truncate(at.index(body.len())),
        }
    }
    body
}

fn requests(message: &[u8], spelling: &[u8]) -> [(Signal, Vec<u8>, String); 3] {
    let mut writer = Writer(Dice::new(spelling));
    let traces = messages::traces(&mut Dice::new(message));
    let metrics = messages::metrics(&mut Dice::new(message));
    let logs = messages::logs(&mut Dice::new(message));
    [
        (Signal::Traces, traces.encode_to_vec(), writer.traces(&traces)),
        (Signal::Metrics, metrics.encode_to_vec(), writer.metrics(&metrics)),
        (Signal::Logs, logs.encode_to_vec(), writer.logs(&logs)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(body in vec(any::<u8>(), 0..200)) {
        for signal in Signal::ALL {
            for encoding in [Encoding::Protobuf, Encoding::Json] {
                fuzz_entry(&layout(), signal, encoding, &body);
            }
        }
    }

    #[test]
    fn damaged_requests_are_survived(
        message in vec(any::<u8>(), 0..600),
        spelling in vec(any::<u8>(), 0..600),
        damages in vec(damage(), 1..5),
    ) {
        let layout = layout();
        for (signal, protobuf, json) in requests(&message, &spelling) {
            fuzz_entry(&layout, signal, Encoding::Protobuf, &damaged(protobuf, &damages));
            fuzz_entry(&layout, signal, Encoding::Json, &damaged(json.into_bytes(), &damages));
        }
    }

    #[test]
    fn whole_requests_are_consistent(message in vec(any::<u8>(), 0..2_000), spelling in vec(any::<u8>(), 0..600)) {
        let layout = layout();
        for (signal, protobuf, json) in requests(&message, &spelling) {
            let taken = fuzz_entry(&layout, signal, Encoding::Protobuf, &protobuf);
            prop_assert!(taken.is_some());
            prop_assert_eq!(taken, fuzz_entry(&layout, signal, Encoding::Json, json.as_bytes()));
        }
    }
}
