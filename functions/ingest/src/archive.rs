//! Archives: zip and tar. An object that is none is a member by itself.

mod tar;
mod zip;

use std::io::Read;

use wasmill_sdk::{Failure, Source};
use wildmatch::WildMatch;

use crate::compression::{packed_by, unpack};
use crate::config::{Archive, Compression};
use crate::reason::shorten;
use crate::stored::{Account, Stored, peek};

/// How much of an object's beginning tells whether it is packed, in bytes.
pub const HEAD: u64 = tar::HEADER;

/// How objects are packed.
#[derive(Debug, Clone)]
pub struct Packing {
    /// By what.
    pub compression: Compression,
    /// Whether they are archives.
    pub archive: Archive,
    /// Which members of archives are read.
    pub members: Option<WildMatch>,
    /// The most members of an archive.
    pub max_members: usize,
    /// How many times its size an object may unpack to.
    pub max_expansion: u64,
}

impl Packing {
    /// Whether an object that begins like this is not packed; `head` has [`HEAD`] bytes, if there are so many.
    pub fn is_none(&self, head: &[u8]) -> bool {
        let is_zip = head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06");
        let compression = match self.compression {
            Compression::None => true,
            Compression::Auto => packed_by(head) == Compression::None,
            Compression::Gzip | Compression::Zstd => false,
        };
        let archive = match self.archive {
            Archive::None => true,
            Archive::Auto => !is_zip && !tar::is_header(head),
            Archive::Zip | Archive::Tar => false,
        };
        compression && archive
    }
}

/// A part of an object that is read by itself.
pub struct Member {
    /// Its name in the archive, none if the object is no archive.
    pub name: Option<String>,
    /// What it holds.
    pub content: Box<dyn Read>,
}

/// The members of an object, one after another.
pub struct Members {
    kind: Kind,
    packing: Packing,
    account: Account,
    /// How many there were, and how many of them to read.
    seen: usize,
    found: usize,
}

enum Kind {
    Object(Option<Box<dyn Read>>),
    Zip(zip::Zip),
    Tar(tar::Tar),
}

/// What an archive says of a member that comes next.
struct Entry {
    name: String,
    /// Whether it is a file, and not a folder or a link.
    is_file: bool,
}

impl Members {
    /// Starts reading an object. It is refused if it is not packed as declared.
    pub fn open(source: Box<dyn Source>, packing: &Packing) -> Result<Self, Failure> {
        Self::of(Stored::new(source, packing.max_expansion), packing)
    }

    /// The members of an object as it is stored.
    pub fn of(stored: Stored, packing: &Packing) -> Result<Self, Failure> {
        let account = stored.account().clone();
        let kind = Self::kind(stored, packing, &account)?;
        Ok(Self { kind, packing: packing.clone(), account, seen: 0, found: 0 })
    }

    fn kind(stored: Stored, packing: &Packing, account: &Account) -> Result<Kind, Failure> {
        if matches!(packing.archive, Archive::Auto | Archive::Zip) {
            // An archive without members begins with its end.
            let head = stored.read_at(0, 4)?;
            if head == *b"PK\x03\x04" || head == *b"PK\x05\x06" {
                return Ok(Kind::Zip(zip::Zip::open(stored, account)?));
            }
            if packing.archive == Archive::Zip {
                return Err(Failure::Reject(
                    "the object is no zip archive: its first bytes are not; hint: archive = \"auto\"".to_owned(),
                ));
            }
        }
        let content = unpack(Box::new(stored), packing.compression, account)?;
        if packing.archive == Archive::None {
            return Ok(Kind::Object(Some(content)));
        }
        let (head, content) = peek(content, tar::HEADER, account)?;
        // The oldest archives have no mark, and must be declared.
        let is_tar = packing.archive == Archive::Tar || tar::is_header(&head);
        Ok(if is_tar { Kind::Tar(tar::Tar::new(content)) } else { Kind::Object(Some(content)) })
    }

    /// What reads from the object counts here.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The next member that is to be read, none after the last. What was left unread of the one before is left.
    pub fn advance(&mut self) -> Result<Option<Member>, Failure> {
        let Self { kind, packing, account, .. } = self;
        loop {
            let entry = match kind {
                Kind::Object(content) => return Ok(content.take().map(|content| Member { name: None, content })),
                Kind::Zip(zip) => zip.next(account)?,
                Kind::Tar(tar) => tar.next(account)?,
            };
            let Some(entry) = entry else { break };
            self.seen += 1;
            if self.seen > packing.max_members {
                let limit = packing.max_members;
                return Err(Failure::Reject(format!(
                    "the archive has more than {limit} members; hint: max_members = {}",
                    limit.saturating_mul(2)
                )));
            }
            if !entry.is_file || is_hidden(&entry.name) || !wanted(packing.members.as_ref(), &entry.name) {
                continue;
            }
            self.found += 1;
            let content = match kind {
                Kind::Zip(zip) => zip.content(account)?,
                Kind::Tar(tar) => tar.content(),
                Kind::Object(_) => break,
            };
            let declared = if packing.compression == Compression::None { Compression::None } else { Compression::Auto };
            let content = unpack(content, declared, account)?;
            return Ok(Some(Member { name: Some(shorten(&entry.name)), content }));
        }
        match &packing.members {
            Some(pattern) if self.found == 0 => Err(Failure::Reject(format!(
                "none of the {} members of the archive is like `{pattern}`; hint: members = \"*\"",
                self.seen
            ))),
            _ => Ok(None),
        }
    }
}

fn wanted(pattern: Option<&WildMatch>, name: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.matches(name))
}

/// Whether a member is none of the data's: hidden, or what macOS puts into archives beside it.
fn is_hidden(name: &str) -> bool {
    name.split('/').any(|part| part == "__MACOSX" || (part.starts_with('.') && part != "." && part != ".."))
}
