//! The container: a header, then blocks of records, each packed by itself.

use std::io::{self, Cursor, Read};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use wasmill_sdk::Failure;

use super::datum::Bytes;
use super::types::Types;
use crate::compression::Frames;
use crate::stored::{Account, Layer};

/// Records that follow each other.
#[derive(Default)]
pub struct Block {
    /// How many are left.
    pub rows: u64,
    /// What they are in.
    pub data: Vec<u8>,
}

/// The blocks of a file.
pub struct Blocks {
    content: Box<dyn Read>,
    account: Account,
    codec: Codec,
    marker: [u8; 16],
}

#[derive(Debug, Clone, Copy)]
enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
}

/// The longest header and the longest block, packed or not, in bytes; writers make blocks of some kilobytes.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

impl Blocks {
    /// Reads the header: the schema of the records as well.
    pub fn open(content: Box<dyn Read>, account: &Account) -> Result<(Self, Types), Failure> {
        let mut blocks = Self { content, account: account.clone(), codec: Codec::Null, marker: [0; 16] };
        let mut magic = [0; 4];
        blocks.exact(&mut magic)?;
        if magic != *b"Obj\x01" {
            return Err(Failure::Reject("the object is no Avro file: its first bytes are not `Obj1`".to_owned()));
        }
        let (mut schema, mut codec) = (None, None);
        loop {
            let mut entries = blocks.long()?.ok_or_else(|| damaged("its header is cut off"))?;
            if entries == 0 {
                break;
            }
            if entries < 0 {
                entries = entries.saturating_neg();
                blocks.long()?;
            }
            for _ in 0..entries {
                let (key, value) = (blocks.bytes()?, blocks.bytes()?);
                match key.as_slice() {
                    b"avro.schema" => schema = Some(value),
                    b"avro.codec" => codec = Some(value),
                    _ => {}
                }
            }
        }
        let marker = &mut [0; 16];
        blocks.exact(marker)?;
        blocks.marker = *marker;
        blocks.codec = match codec.as_deref() {
            None | Some(b"null") => Codec::Null,
            Some(b"deflate") => Codec::Deflate,
            Some(b"snappy") => Codec::Snappy,
            Some(b"zstandard") => Codec::Zstandard,
            Some(other) => {
                let other = String::from_utf8_lossy(other);
                return Err(Failure::Reject(format!(
                    "the Avro file is packed by `{other}`, not by deflate, snappy or zstandard: write it anew"
                )));
            }
        };
        let schema = schema.ok_or_else(|| damaged("it has no schema"))?;
        let schema = Types::parse(&schema).map_err(|problem| damaged(&format!("its schema: {problem}")))?;
        Ok((blocks, schema))
    }

    /// The next block, none after the last.
    pub fn next(&mut self) -> Result<Option<Block>, Failure> {
        let Some(rows) = self.long()? else { return Ok(None) };
        let rows = u64::try_from(rows).map_err(|_| damaged("a block has less than no records"))?;
        let packed = self.bytes()?;
        let mut marker = [0; 16];
        self.exact(&mut marker)?;
        if marker != self.marker {
            return Err(damaged("the mark behind a block is not that of the header"));
        }
        let data = match self.codec {
            Codec::Null => packed,
            Codec::Deflate => self.unpack(DeflateDecoder::new(Cursor::new(packed)))?,
            Codec::Zstandard => self.unpack(Frames::new(Cursor::new(packed)))?,
            Codec::Snappy => self.unpack_snappy(&packed)?,
        };
        Ok(Some(Block { rows, data }))
    }

    fn unpack(&self, data: impl Read) -> Result<Vec<u8>, Failure> {
        let mut unpacked = Vec::new();
        let mut layer = Layer::new(data, "Avro file", &self.account).take(MOST_BYTES + 1);
        layer.read_to_end(&mut unpacked).map_err(|err| self.account.explain(&err))?;
        if unpacked.len() as u64 > MOST_BYTES { Err(too_long()) } else { Ok(unpacked) }
    }

    /// Snappy has a checksum behind it, of what was packed.
    fn unpack_snappy(&self, packed: &[u8]) -> Result<Vec<u8>, Failure> {
        let broken = || damaged("a block is not packed by snappy as it should be");
        let (packed, checksum) = packed.split_last_chunk::<4>().ok_or_else(broken)?;
        let len = snap::raw::decompress_len(packed).map_err(|_| broken())? as u64;
        if len > MOST_BYTES {
            return Err(too_long());
        }
        self.account.spend(len).map_err(|err| self.account.explain(&err))?;
        let data = snap::raw::Decoder::new().decompress_vec(packed).map_err(|_| broken())?;
        let mut crc = Crc::new();
        crc.update(&data);
        if crc.sum() == u32::from_be_bytes(*checksum) {
            Ok(data)
        } else {
            Err(damaged("a block's checksum does not match"))
        }
    }

    fn exact(&mut self, out: &mut [u8]) -> Result<(), Failure> {
        self.content.read_exact(out).map_err(|err| self.explain(&err))
    }

    /// A number; none at the end of the file.
    fn long(&mut self) -> Result<Option<i64>, Failure> {
        let mut number = Vec::new();
        loop {
            let mut byte = [0];
            match self.content.read(&mut byte) {
                Ok(0) if number.is_empty() => return Ok(None),
                Ok(0) => return Err(damaged("it is cut off")),
                Ok(_) => number.extend(byte),
                Err(err) => return Err(self.account.explain(&err)),
            }
            if byte[0] < 0x80 || number.len() == 10 {
                return Bytes::new(&number).long().map(Some).map_err(damaged);
            }
        }
    }

    /// Bytes behind their length. As many are held as there are, whatever the length says.
    fn bytes(&mut self) -> Result<Vec<u8>, Failure> {
        let len = self.long()?.ok_or_else(|| damaged("it is cut off"))?;
        let len = u64::try_from(len).map_err(|_| damaged("a length is below zero"))?;
        if len > MOST_BYTES {
            return Err(too_long());
        }
        let mut bytes = Vec::new();
        let read = self.content.by_ref().take(len).read_to_end(&mut bytes).map_err(|err| self.account.explain(&err))?;
        if (read as u64) < len { Err(damaged("it is cut off")) } else { Ok(bytes) }
    }

    fn explain(&self, err: &io::Error) -> Failure {
        match err.kind() {
            io::ErrorKind::UnexpectedEof => damaged("it is cut off"),
            _ => self.account.explain(err),
        }
    }
}

fn damaged(problem: &str) -> Failure {
    Failure::Reject(format!("the Avro file is damaged: {problem}"))
}

fn too_long() -> Failure {
    Failure::Reject(format!("the Avro file has a block of more than {MOST_BYTES} bytes: write it with smaller ones"))
}
