//! Parquet's run-length and bit-packing hybrid: how levels and dictionary indices are stored.

/// Appends `values`, each below `2^width`, to `out`. `width` is at most 32.
pub(crate) fn encode(values: &[u32], width: u8, out: &mut Vec<u8>) {
    let mut literal = 0;
    let mut at = 0;
    while at < values.len() {
        let run = run_length(&values[at..]);
        // Packed values come in eights: what the packed ones before the run lack is taken from it.
        let lacking = (8 - (at - literal) % 8) % 8;
        if run >= lacking + 8 {
            at += lacking;
            pack(&values[literal..at], width, out);
            repeat(values[at], run - lacking, width, out);
            at += run - lacking;
            literal = at;
        } else {
            at += run;
        }
    }
    pack(&values[literal..], width, out);
}

/// Bits that a value up to `max` needs.
pub(crate) fn width_of(max: u32) -> u8 {
    (32 - max.leading_zeros()) as u8
}

fn run_length(values: &[u32]) -> usize {
    values.iter().take_while(|value| **value == values[0]).count()
}

fn repeat(value: u32, count: usize, width: u8, out: &mut Vec<u8>) {
    varint((count as u64) << 1, out);
    out.extend_from_slice(&value.to_le_bytes()[..usize::from(width).div_ceil(8)]);
}

/// Packs values from the lowest bit up; the last eight are filled with zeros.
fn pack(values: &[u32], width: u8, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let eights = values.len().div_ceil(8);
    varint((eights as u64) << 1 | 1, out);
    let end = out.len() + eights * usize::from(width);
    let (mut bits, mut held) = (0_u64, 0);
    for value in values {
        bits |= u64::from(*value) << held;
        held += u32::from(width);
        if held >= 32 {
            out.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            held -= 32;
        }
    }
    out.extend_from_slice(&bits.to_le_bytes()[..held.div_ceil(8) as usize]);
    out.resize(end, 0);
}

pub(crate) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    }

    /// By the letter of the format, a bit at a time.
    fn decode(mut bytes: &[u8], width: u8, count: usize) -> Vec<u32> {
        let mut values = Vec::new();
        while values.len() < count {
            let head = read_varint(&mut bytes);
            if head & 1 == 0 {
                let (raw, rest) = bytes.split_at(usize::from(width).div_ceil(8));
                bytes = rest;
                let value = raw.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
                values.extend(std::iter::repeat_n(value, (head >> 1) as usize));
            } else {
                let (packed, rest) = bytes.split_at((head >> 1) as usize * usize::from(width));
                bytes = rest;
                let bit = |at: usize| u32::from(packed[at / 8] >> (at % 8) & 1);
                let value = |i: usize| (0..usize::from(width)).fold(0, |v, b| v | bit(i * usize::from(width) + b) << b);
                values.extend((0..(head >> 1) as usize * 8).map(value));
            }
        }
        assert!(bytes.is_empty(), "nothing is left over");
        values.truncate(count);
        values
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(runs in prop::collection::vec((any::<u32>(), 1..40_usize), 0..60), width in 0..33_u8) {
            let mask = if width == 32 { u32::MAX } else { (1 << width) - 1 };
            let values: Vec<u32> = runs.iter().flat_map(|(v, n)| std::iter::repeat_n(v & mask, *n)).collect();
            let mut out = Vec::new();
            encode(&values, width, &mut out);
            prop_assert_eq!(decode(&out, width, values.len()), values);
        }
    }

    #[test]
    fn long_runs_are_short_and_widths_are_as_narrow_as_can_be() {
        let mut out = Vec::new();
        encode(&[5; 20_000], 3, &mut out);
        assert_eq!(out, [0xc0, 0xb8, 0x02, 5]);
        assert_eq!([0, 1, 2, 255, 256, u32::MAX].map(width_of), [0, 1, 2, 8, 9, 32]);
    }
}
