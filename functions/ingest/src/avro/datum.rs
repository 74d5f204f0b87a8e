//! Values in Avro's binary encoding.

use crate::column::Value;

/// What a record has for a column.
#[derive(Debug, Clone)]
pub enum Slot<'a> {
    /// A value.
    Value(Value<'a>),
    /// An array.
    List(Vec<Value<'a>>),
}

impl Default for Slot<'_> {
    fn default() -> Self {
        Self::Value(Value::Null)
    }
}

/// Bytes that are left to decode.
pub struct Bytes<'a> {
    rest: &'a [u8],
    /// How many there were, and how many values were decoded or passed over.
    start: usize,
    values: usize,
}

/// Why bytes are not what their schema says.
pub type Outcome<T> = Result<T, &'static str>;

/// How many values a record may have whatever its bytes.
const FREE_VALUES: usize = 10_000;

/// What all decoders say at the end of bytes.
const CUT: &str = "it ends before it is complete";

impl<'a> Bytes<'a> {
    /// All of these.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, start: bytes.len(), values: 0 }
    }

    /// How many are left.
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Counts a value. Records without fields, in records of them and so on, would be values without end and bytes.
    pub fn count(&mut self) -> Outcome<()> {
        self.values += 1;
        let most = FREE_VALUES.saturating_add((self.start - self.rest.len()).saturating_mul(16));
        if self.values > most { Err("it has more values than data") } else { Ok(()) }
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Outcome<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(CUT)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(CUT)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// An int or a long: zigzag, seven bits a byte.
    pub fn long(&mut self) -> Outcome<i64> {
        let mut value = 0_u64;
        for place in 0..10 {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err("a number is too long")
    }

    /// An int.
    pub fn int(&mut self) -> Outcome<i32> {
        self.long()?.try_into().map_err(|_| "a number is too large")
    }

    /// Bytes behind their length.
    pub fn bytes(&mut self) -> Outcome<&'a [u8]> {
        let len = self.long()?;
        self.take(usize::try_from(len).map_err(|_| "a length is below zero")?)
    }

    /// How many items come next in an array or a map, and their length in bytes if it is said.
    pub fn items(&mut self) -> Outcome<(u64, Option<usize>)> {
        let count = self.long()?;
        let len = match count {
            ..0 => Some(usize::try_from(self.long()?).map_err(|_| "a length is below zero")?),
            _ => None,
        };
        Ok((count.unsigned_abs(), len))
    }
}
