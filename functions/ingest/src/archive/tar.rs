//! Tar archives: their headers by the crate `tar`.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::rc::Rc;

use wasmill_sdk::Failure;

use super::Entry;
use crate::stored::Account;

/// A header's length in bytes; members are padded to a multiple of it.
pub const HEADER: u64 = 512;

/// The longest header, with what extends it, in bytes.
const MOST_HEADER: u64 = 1024 * 1024;

/// Whether an object that begins like this is a tar archive: POSIX's and GNU's have a mark.
pub fn is_header(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

/// A tar archive being read from its beginning to its end.
pub struct Tar {
    bytes: Shared,
    /// How much of the member is unread, and how much padding is behind it.
    left: Rc<Cell<u64>>,
    padding: u64,
}

#[derive(Clone)]
struct Shared(Rc<RefCell<Box<dyn Read>>>);

impl Read for Shared {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(out)
    }
}

/// The member that the archive is at.
struct Content {
    bytes: Shared,
    left: Rc<Cell<u64>>,
}

impl Read for Content {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        let amount = self.bytes.by_ref().take(left).read(out)?;
        if amount == 0 && left > 0 && !out.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left.set(left - amount as u64);
        Ok(amount)
    }
}

impl Tar {
    /// An archive, from its beginning.
    pub fn new(bytes: Box<dyn Read>) -> Self {
        Self { bytes: Shared(Rc::new(RefCell::new(bytes))), left: Rc::default(), padding: 0 }
    }

    /// Goes to the next member.
    pub fn next(&mut self, account: &Account) -> Result<Option<Entry>, Failure> {
        self.header().map_err(|err| account.explain(&err))
    }

    fn header(&mut self) -> io::Result<Option<Entry>> {
        self.skip()?;
        // An archive of the crate borrows its entries, so each header is read as the first of an archive.
        // What stands before one, a long name say, is held in memory.
        let mut archive = tar::Archive::new(self.bytes.clone().take(MOST_HEADER));
        let Some(mut entry) = archive.entries()?.next().transpose()? else {
            if archive.into_inner().limit() == MOST_HEADER {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            // What packs the archive may have a checksum behind it.
            io::copy(&mut self.bytes, &mut io::sink())?;
            return Ok(None);
        };
        let kind = entry.header().entry_type();
        let mut is_sparse = kind.is_gnu_sparse();
        for extension in entry.pax_extensions()?.into_iter().flatten() {
            is_sparse |= extension?.key_bytes().starts_with(b"GNU.sparse.");
        }
        if is_sparse {
            return Err(io::Error::other("a member is a sparse file, which is not read"));
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        self.left.set(entry.size());
        self.padding = entry.size().wrapping_neg() % HEADER;
        Ok(Some(Entry { name, is_file: kind.is_file() || kind.is_contiguous() }))
    }

    /// Leaves the rest of a member behind.
    fn skip(&mut self) -> io::Result<()> {
        let rest = self.left.replace(0).saturating_add(std::mem::take(&mut self.padding));
        if io::copy(&mut self.bytes.by_ref().take(rest), &mut io::sink())? < rest {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// What the member holds.
    pub fn content(&self) -> Box<dyn Read> {
        Box::new(Content { bytes: self.bytes.clone(), left: self.left.clone() })
    }
}
