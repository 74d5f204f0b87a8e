//! Zip archives: their directory by the crate `zip`, what is in them by the same decoders as objects.

use std::io::{self, BufReader, Read};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use wasmill_sdk::Failure;
use zip::CompressionMethod;
use zip::read::ZipArchive;
use zip::result::ZipError;

use super::Entry;
use crate::compression::Frames;
use crate::stored::{Account, Layer, Stored};

/// A zip archive being read, in the order of its directory.
pub struct Zip {
    archive: ZipArchive<Stored>,
    stored: Stored,
    next: usize,
}

impl Zip {
    /// Reads the directory.
    pub fn open(stored: Stored, account: &Account) -> Result<Self, Failure> {
        let archive = ZipArchive::new(stored.clone()).map_err(|err| explain(err, account))?;
        Ok(Self { archive, stored, next: 0 })
    }

    /// Goes to the next member.
    pub fn next(&mut self, account: &Account) -> Result<Option<Entry>, Failure> {
        if self.next >= self.archive.len() {
            return Ok(None);
        }
        self.next += 1;
        let file = self.archive.by_index_raw(self.next - 1).map_err(|err| explain(err, account))?;
        Ok(Some(Entry { name: file.name().to_owned(), is_file: file.is_file() }))
    }

    /// What the member holds.
    pub fn content(&mut self, account: &Account) -> Result<Box<dyn Read>, Failure> {
        let index = self.next.saturating_sub(1);
        let file = self.archive.by_index_raw(index).map_err(|err| explain(err, account))?;
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

fn explain(err: ZipError, account: &Account) -> Failure {
    match err {
        ZipError::Io(err) => account.explain(&err),
        err => Failure::Reject(format!("the zip archive is damaged: {err}; was it cut off?")),
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
