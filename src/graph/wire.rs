//! Fields of protocol buffers (protobuf.dev, "Encoding"), and the numbers they are made of.

/// One field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A number of variable length.
    Number(u64),
    /// Bytes, text, or a message.
    Bytes(&'a [u8]),
    /// A number of fixed length, which none of the messages here has.
    Fixed,
}

/// The bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The fields of a message, in the order they are written in. Ends after the first error.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) const fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn field(&mut self) -> Result<(u64, Value<'a>), Malformed> {
        let tag = take_number(&mut self.rest)?;
        let value = match tag & 7 {
            0 => Value::Number(take_number(&mut self.rest)?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = take_number(&mut self.rest)?;
                Value::Bytes(self.take(usize::try_from(length).map_err(|_| Malformed)?)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            // Groups, which nothing has used for long, and what there is not.
            _ => return Err(Malformed),
        };
        match tag >> 3 {
            0 => Err(Malformed),
            number => Ok((number, value)),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Takes a number off the front.
pub(super) fn take_number(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if index == 9 && bits > 1 {
            return Err(Malformed);
        }
        number |= bits << (7 * index);
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Ok(number);
        }
    }
    Err(Malformed)
}

/// Appends a number in as few bytes as it takes (multiformats, "unsigned-varint").
pub(super) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// How many bytes [`push_number`] appends.
pub(super) const fn number_length(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends a field with a number.
pub(super) fn push_number_field(out: &mut Vec<u8>, field: u64, number: u64) {
    push_number(out, field << 3);
    push_number(out, number);
}

/// Appends a field with bytes.
pub(super) fn push_bytes_field(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    push_length_field(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends what comes before the bytes of a field.
pub(super) fn push_length_field(out: &mut Vec<u8>, field: u64, length: usize) {
    push_number(out, field << 3 | 2);
    push_number(out, length as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_in_the_length_foretold() {
        for number in [0, 1, 127, 128, 16383, 16384, u64::from(u32::MAX), u64::MAX >> 1, u64::MAX] {
            let mut bytes = Vec::new();
            push_number(&mut bytes, number);
            assert_eq!(bytes.len(), number_length(number), "{number}");
            assert_eq!(take_number(&mut &*bytes), Ok(number));
            bytes.pop();
            assert_eq!(take_number(&mut &*bytes), Err(Malformed));
        }
        // One bit more than 64, and a number without an end.
        assert_eq!(take_number(&mut &[&[0xff; 9][..], &[2]].concat()[..]), Err(Malformed));
        assert_eq!(take_number(&mut &[0x80; 20][..]), Err(Malformed));
    }

    #[test]
    fn fields_end_at_the_first_that_is_none() {
        let fields = |bytes: &'static [u8]| Fields::of(bytes).collect::<Vec<_>>();
        assert_eq!(
            fields(b"\x08\x05\x12\x01x\x1d1234\x21\x31\x32\x33\x34\x35\x36\x37\x38"),
            [
                Ok((1, Value::Number(5))),
                Ok((2, Value::Bytes(b"x"))),
                Ok((3, Value::Fixed)),
                Ok((4, Value::Fixed))
            ]
        );
        // Longer than there are bytes; a group; the number 0.
        for wrong in [&b"\x12\x02x"[..], b"\x0b", b"\x00\x00", b"\x08", b"\x0d123"] {
            assert_eq!(fields(wrong), [Err(Malformed)], "{wrong:?}");
        }
    }
}
