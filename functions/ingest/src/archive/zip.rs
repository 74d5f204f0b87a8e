//! Zip archives: their directory by the crate `zip`, what is in them by the same decoders as objects.

use std::cell::Cell;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use wasmill_sdk::Failure;
use zip::CompressionMethod;
use zip::read::ZipArchive;
use zip::result::{ZipError, ZipResult};

use super::Entry;
use crate::compression::Frames;
use crate::stored::{Account, Layer, Stored};

/// A zip archive being read, in the order of its directory.
pub struct Zip {
    archive: ZipArchive<Directory>,
    stored: Stored,
    seeks: Rc<Cell<u32>>,
    next: usize,
}

/// How long the end of an archive is at most, in bytes: a record of 22 and a comment.
const END: u64 = 22 + 0xffff;

/// How often the reader of a directory may go elsewhere: some times to find it, a few for each member. Archives can be
/// made that have it look for a directory again and again.
const SEEKS: u32 = 1_000;

impl Zip {
    /// Reads the directory.
    pub fn open(stored: Stored, account: &Account) -> Result<Self, Failure> {
        let members = members(&stored.read_at(stored.size().saturating_sub(END), END)?)?;
        let seeks = Rc::new(Cell::new(SEEKS));
        let archive = settled(ZipArchive::new(Directory(stored.clone(), seeks.clone())), account)?;
        if members.is_some_and(|members| archive.len() != members) {
            return Err(Failure::Reject(
                "the zip archive has several members of one name: rename them, or pack them as tar".to_owned(),
            ));
        }
        Ok(Self { archive, stored, seeks, next: 0 })
    }

    /// Goes to the next member.
    pub fn next(&mut self, account: &Account) -> Result<Option<Entry>, Failure> {
        if self.next >= self.archive.len() {
            return Ok(None);
        }
        self.next += 1;
        self.seeks.set(SEEKS);
        let file = settled(self.archive.by_index_raw(self.next - 1), account)?;
        Ok(Some(Entry { name: file.name().to_owned(), is_file: file.is_file() }))
    }

    /// What the member holds.
    pub fn content(&mut self, account: &Account) -> Result<Box<dyn Read>, Failure> {
        let index = self.next.saturating_sub(1);
        let file = settled(self.archive.by_index_raw(index), account)?;
        let refuse = |problem: String| Failure::Reject(format!("the member `{}` {problem}", file.name()));
        if file.encrypted() {
            return Err(refuse("is encrypted: decrypt it before".to_owned()));
        }
        let start = file.data_start().ok_or_else(|| refuse("has no data".to_owned()))?;
        let packed = self.stored.part(start, file.compressed_size());
        let content: Box<dyn Read> = match file.compression() {
            CompressionMethod::Stored => Box::new(packed),
            // By their numbers: the crate is without what unpacks them.
            method if method == CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(packed)),
            method if method == CompressionMethod::ZSTD => Box::new(Frames::new(BufReader::new(packed))),
            method => {
                return Err(refuse(format!("is packed by {method}, not by deflate or zstd: pack it anew")));
            }
        };
        let (crc, size) = (file.crc32(), file.size());
        let checked = Checked { content, found: Crc::new(), crc, left: size };
        Ok(Box::new(Layer::new(checked, "zip archive", account)))
    }
}

/// What the crate says, unless the source failed: it may go on without what it could not read.
fn settled<T>(outcome: ZipResult<T>, account: &Account) -> Result<T, Failure> {
    match (account.failure(), outcome) {
        (Some(failure), _) => Err(failure),
        (None, Ok(value)) => Ok(value),
        (None, Err(ZipError::Io(err))) => Err(account.explain(&err)),
        (None, Err(err)) => Err(Failure::Reject(format!("the zip archive is damaged: {err}"))),
    }
}

/// How many members an archive that ends like this says it has; none if that is said elsewhere.
fn members(end: &[u8]) -> Result<Option<usize>, Failure> {
    let at = memchr::memmem::rfind(end, b"PK\x05\x06").ok_or_else(|| {
        Failure::Reject("the zip archive has no directory at its end: was the object cut off?".to_owned())
    })?;
    let number = |offset: usize| match end.get(at + offset..) {
        Some([low, high, ..]) => Some(usize::from(u16::from_le_bytes([*low, *high]))),
        _ => None,
    };
    let is_last = number(20).is_some_and(|comment| at + 22 + comment == end.len());
    Ok(number(10).filter(|members| is_last && *members != 0xffff))
}

/// What the directory is read from, which may go elsewhere so many times.
struct Directory(Stored, Rc<Cell<u32>>);

impl Read for Directory {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

impl Seek for Directory {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if to != SeekFrom::Current(0) {
            let left = self.1.get().checked_sub(1).ok_or_else(|| io::Error::other("its directory is not found"))?;
            self.1.set(left);
        }
        self.0.seek(to)
    }
}

/// Content of the length and with the checksum that the directory says.
struct Checked {
    content: Box<dyn Read>,
    found: Crc,
    crc: u32,
    left: u64,
}

impl Read for Checked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let amount = self.content.read(out)?;
        self.found.update(out.get(..amount).unwrap_or_default());
        match self.left.checked_sub(amount as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other("a member is longer than it says")),
        }
        if amount == 0 && !out.is_empty() && (self.left > 0 || self.found.sum() != self.crc) {
            return Err(io::Error::other("a member is not of the length or checksum that it says"));
        }
        Ok(amount)
    }
}
