//! The protobuf wire format: fields of a message, one after the other, borrowed from the bytes.
//!
//! It knows no message. Unknown fields and groups are skipped by whoever reads; overlong varints
//! are read as any parser does.

use std::fmt;

/// Why bytes are no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    VarintCut,
    VarintTooLong,
    LengthPastEnd,
    FixedCut,
    FieldNumber,
    WireType,
    UnexpectedWireType,
    GroupUnbalanced,
    GroupTooDeep,
    PackedLength,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VarintCut => "a varint is cut off",
            Self::VarintTooLong => "a varint is longer than 64 bits",
            Self::LengthPastEnd => "a length runs past the end",
            Self::FixedCut => "a fixed-size number is cut off",
            Self::FieldNumber => "a field number is zero or above 2^29",
            Self::WireType => "a wire type does not exist",
            Self::UnexpectedWireType => "a field has another wire type than its definition",
            Self::GroupUnbalanced => "a group does not end where it should",
            Self::GroupTooDeep => "groups are nested deeper than 64",
            Self::PackedLength => "a packed list is not a whole number of elements",
        })
    }
}

/// One field's content.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'b> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'b [u8]),
    Fixed32(u32),
}

impl<'b> Field<'b> {
    #[inline]
    pub(crate) fn bytes(self) -> Result<&'b [u8], Broken> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Broken::UnexpectedWireType),
        }
    }

    #[inline]
    pub(crate) fn varint(self) -> Result<u64, Broken> {
        match self {
            Self::Varint(value) => Ok(value),
            _ => Err(Broken::UnexpectedWireType),
        }
    }

    /// `int32` and enums: the low 32 bits, as all parsers read them.
    #[inline]
    pub(crate) fn int32(self) -> Result<i32, Broken> {
        Ok(self.varint()? as i32)
    }

    #[inline]
    pub(crate) fn uint32(self) -> Result<u32, Broken> {
        Ok(self.varint()? as u32)
    }

    pub(crate) fn sint32(self) -> Result<i32, Broken> {
        let value = self.varint()? as u32;
        Ok((value >> 1) as i32 ^ -((value & 1) as i32))
    }

    #[inline]
    pub(crate) fn fixed64(self) -> Result<u64, Broken> {
        match self {
            Self::Fixed64(value) => Ok(value),
            _ => Err(Broken::UnexpectedWireType),
        }
    }

    pub(crate) fn double(self) -> Result<f64, Broken> {
        self.fixed64().map(f64::from_bits)
    }

    #[inline]
    pub(crate) fn fixed32(self) -> Result<u32, Broken> {
        match self {
            Self::Fixed32(value) => Ok(value),
            _ => Err(Broken::UnexpectedWireType),
        }
    }

    /// A repeated 8-byte number, packed or not.
    pub(crate) fn each_fixed64(self, mut each: impl FnMut(u64)) -> Result<(), Broken> {
        match self {
            Self::Fixed64(value) => each(value),
            Self::Bytes(packed) => {
                let (values, rest) = packed.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(Broken::PackedLength);
                }
                values.iter().for_each(|value| each(u64::from_le_bytes(*value)));
            }
            _ => return Err(Broken::UnexpectedWireType),
        }
        Ok(())
    }

    /// A repeated varint, packed or not.
    pub(crate) fn each_varint(self, mut each: impl FnMut(u64)) -> Result<(), Broken> {
        match self {
            Self::Varint(value) => each(value),
            Self::Bytes(mut packed) => {
                while !packed.is_empty() {
                    each(varint(&mut packed)?);
                }
            }
            _ => return Err(Broken::UnexpectedWireType),
        }
        Ok(())
    }
}

/// The fields of a message. Groups (of which OTLP has none) are skipped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'b> {
    rest: &'b [u8],
}

const GROUP_DEPTH_MAX: usize = 64;
const FIELD_NUMBER_MAX: u64 = (1 << 29) - 1;

impl<'b> Fields<'b> {
    pub(crate) fn of(message: &'b [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field's number and content, `None` at the end.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Field<'b>)>, Broken> {
        while !self.rest.is_empty() {
            let (number, wire_type) = self.tag()?;
            let field = match wire_type {
                2 => Field::Bytes(self.length_delimited()?),
                0 => Field::Varint(varint(&mut self.rest)?),
                1 => Field::Fixed64(u64::from_le_bytes(self.fixed()?)),
                5 => Field::Fixed32(u32::from_le_bytes(self.fixed()?)),
                3 => {
                    self.skip_group(number)?;
                    continue;
                }
                4 => return Err(Broken::GroupUnbalanced),
                _ => return Err(Broken::WireType),
            };
            return Ok(Some((number, field)));
        }
        Ok(None)
    }

    #[inline(always)]
    fn tag(&mut self) -> Result<(u32, u8), Broken> {
        let tag = varint(&mut self.rest)?;
        let number = tag >> 3;
        if number == 0 || number > FIELD_NUMBER_MAX {
            return Err(Broken::FieldNumber);
        }
        Ok((number as u32, (tag & 7) as u8))
    }

    #[inline(always)]
    fn length_delimited(&mut self) -> Result<&'b [u8], Broken> {
        let len = varint(&mut self.rest)?;
        if len > self.rest.len() as u64 {
            return Err(Broken::LengthPastEnd);
        }
        let (bytes, rest) = self.rest.split_at(len as usize);
        self.rest = rest;
        Ok(bytes)
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(Broken::FixedCut)?;
        self.rest = rest;
        Ok(*bytes)
    }

    #[cold]
    fn skip_group(&mut self, number: u32) -> Result<(), Broken> {
        let mut open = vec![number];
        while let Some(innermost) = open.last() {
            let (number, wire_type) =
                if self.rest.is_empty() { return Err(Broken::GroupUnbalanced) } else { self.tag()? };
            match wire_type {
                0 => drop(varint(&mut self.rest)?),
                1 => drop(self.fixed::<8>()?),
                2 => drop(self.length_delimited()?),
                3 if open.len() == GROUP_DEPTH_MAX => return Err(Broken::GroupTooDeep),
                3 => open.push(number),
                4 if *innermost == number => drop(open.pop()),
                4 => return Err(Broken::GroupUnbalanced),
                5 => drop(self.fixed::<4>()?),
                _ => return Err(Broken::WireType),
            }
        }
        Ok(())
    }
}

/// Reads a varint off the front.
#[inline(always)]
fn varint(rest: &mut &[u8]) -> Result<u64, Broken> {
    match **rest {
        [low, ref tail @ ..] if low < 0x80 => {
            *rest = tail;
            Ok(u64::from(low))
        }
        [low, high, ref tail @ ..] if high < 0x80 => {
            *rest = tail;
            Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
        }
        _ => long_varint(rest),
    }
}

#[cold]
fn long_varint(rest: &mut &[u8]) -> Result<u64, Broken> {
    let mut value = 0u64;
    for (at, byte) in rest.iter().enumerate().take(10) {
        // Of the tenth byte one bit is left.
        if at == 9 && *byte > 1 {
            return Err(Broken::VarintTooLong);
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            *rest = &rest[at + 1..];
            return Ok(value);
        }
    }
    Err(if rest.len() >= 10 { Broken::VarintTooLong } else { Broken::VarintCut })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &[u8]) -> Result<Vec<(u32, String)>, Broken> {
        let (mut fields, mut out) = (Fields::of(message), Vec::new());
        while let Some((number, field)) = fields.next()? {
            out.push((number, format!("{field:?}")));
        }
        Ok(out)
    }

    #[test]
    fn each_kind_of_breakage_has_its_name() {
        for (message, why) in [
            (&[0x80][..], Broken::VarintCut),
            (&[0x08, 0x80], Broken::VarintCut),
            (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], Broken::VarintTooLong),
            (&[0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], Broken::VarintTooLong),
            (&[0x0a, 0x05, 1, 2], Broken::LengthPastEnd),
            (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], Broken::LengthPastEnd),
            (&[0x09, 1, 2, 3], Broken::FixedCut),
            (&[0x0d, 1, 2, 3], Broken::FixedCut),
            (&[0x00], Broken::FieldNumber),
            (&[0x0f, 0], Broken::WireType),
            (&[0x0c], Broken::GroupUnbalanced),
            (&[0x0b], Broken::GroupUnbalanced),
            (&[0x0b, 0x14], Broken::GroupUnbalanced),
            (&[0x0b; 200], Broken::GroupTooDeep),
        ] {
            assert_eq!(read(message), Err(why), "{message:02x?}");
        }
    }

    #[test]
    fn overlong_varints_and_groups_are_read_over() {
        // Field 1 = 1 written in ten bytes; a group of field 2 with all wire types and a group inside; field 3.
        let message = [
            &[0x08, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00][..],
            &[0x13, 0x08, 0x01, 0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0x01, 0x14, 0x0b, 0x0c, 0x0d, 0, 0, 0, 0, 0x14],
            &[0x1a, 0x00],
        ]
        .concat();
        assert_eq!(read(&message).unwrap(), [(1, "Varint(1)".to_owned()), (3, "Bytes([])".to_owned())]);
    }

    #[test]
    fn the_widest_varint_is_read_and_zigzag_undone() {
        let widest = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let (_, field) = Fields::of(&widest).next().unwrap().unwrap();
        assert_eq!(field.varint(), Ok(u64::MAX));
        assert_eq!(field.int32(), Ok(-1));
        for (sent, value) in
            [(0, 0), (1, -1), (2, 1), (u64::from(u32::MAX), i32::MIN), (u64::from(u32::MAX - 1), i32::MAX)]
        {
            assert_eq!(Field::Varint(sent).sint32(), Ok(value));
        }
    }

    #[test]
    fn lists_are_read_packed_and_not() {
        let (mut fixed, mut varints) = (Vec::new(), Vec::new());
        Field::Bytes(&[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]).each_fixed64(|v| fixed.push(v)).unwrap();
        Field::Fixed64(3).each_fixed64(|v| fixed.push(v)).unwrap();
        Field::Bytes(&[1, 0x80, 0x01]).each_varint(|v| varints.push(v)).unwrap();
        Field::Varint(3).each_varint(|v| varints.push(v)).unwrap();
        assert_eq!((fixed, varints), (vec![1, 2, 3], vec![1, 128, 3]));
        assert_eq!(Field::Bytes(&[1]).each_fixed64(|_| {}), Err(Broken::PackedLength));
        assert_eq!(Field::Bytes(&[0x80]).each_varint(|_| {}), Err(Broken::VarintCut));
    }
}
