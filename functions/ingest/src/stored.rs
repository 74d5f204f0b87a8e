//! The bytes of an object as they are stored, and what becomes of them.

use std::cell::Cell;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::rc::Rc;

use wasmill_sdk::{Failure, Source, SourceReader};

/// An object as it is stored, from some byte to another. Clones and parts of it have a place of their own, and share
/// the [`Account`].
#[derive(Clone)]
pub struct Stored {
    reader: SourceReader,
    end: u64,
    account: Account,
}

/// What is known of the reading of an object, shared by all that takes part in it.
#[derive(Clone)]
pub struct Account(Rc<State>);

struct State {
    source: SourceReader,
    position: Cell<u64>,
    ended: Cell<bool>,
    damaged: Cell<Option<&'static str>>,
    /// How many bytes more it may unpack to, and how many times its size that was.
    left: Cell<u64>,
    max_expansion: u64,
}

/// What an object may unpack to in any case, in bytes: 64 MiB.
const FREE_EXPANSION: u64 = 64 * 1024 * 1024;

impl Stored {
    /// Starts at the beginning. What it is unpacked to may be `max_expansion` times as long as the object.
    pub fn new(source: Box<dyn Source>, max_expansion: u64) -> Self {
        let reader = SourceReader::new(source);
        let end = reader.size();
        let account = Account(Rc::new(State {
            source: reader.clone(),
            position: Cell::new(0),
            ended: Cell::new(false),
            damaged: Cell::new(None),
            left: Cell::new(end.saturating_mul(max_expansion).max(FREE_EXPANSION)),
            max_expansion,
        }));
        Self { reader, end, account }
    }

    /// What is shared by all who read the object.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// `len` bytes from `start` on, as something to read by itself.
    pub fn part(&self, start: u64, len: u64) -> Self {
        let mut reader = self.reader.clone();
        // A source can be read from anywhere.
        let _ = reader.seek(SeekFrom::Start(start));
        Self { reader, end: start.saturating_add(len).min(self.end), account: self.account.clone() }
    }

    /// The length of the whole object.
    pub fn size(&self) -> u64 {
        self.reader.size()
    }

    /// The place of the next byte, from the object's beginning.
    pub fn place(&self) -> u64 {
        self.reader.place()
    }

    /// Leaves bytes behind.
    pub fn skip(&mut self, amount: u64) {
        // A source can be read from anywhere.
        let _ = self.reader.seek(SeekFrom::Start(self.reader.place().saturating_add(amount)));
    }

    /// Bytes of the object, wherever they are.
    pub fn read_at(&self, offset: u64, len: u64) -> Result<Vec<u8>, Failure> {
        self.reader.read_at(offset, len).map_err(|err| self.account.explain(&err))
    }
}

impl BufRead for Stored {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = usize::try_from(self.end.saturating_sub(self.reader.place())).unwrap_or(usize::MAX);
        let at_end = self.end >= self.reader.size();
        let bytes = if left == 0 { &[] } else { self.reader.fill_buf()? };
        if bytes.is_empty() && at_end {
            self.account.0.ended.set(true);
        }
        Ok(bytes.get(..left).unwrap_or(bytes))
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
        self.account.0.position.set(self.reader.place());
    }
}

impl Read for Stored {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(out)?;
        self.consume(amount);
        Ok(amount)
    }
}

impl Seek for Stored {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}

impl Account {
    /// The source's own failure, if it failed.
    pub fn failure(&self) -> Option<Failure> {
        self.0.source.take_failure()
    }

    /// What an error of a reader means: the source failed, or the object is damaged, cut off, or a bomb.
    pub fn explain(&self, err: &io::Error) -> Failure {
        let state = &*self.0;
        if let Some(failure) = self.failure() {
            return failure;
        }
        let (position, name) = (state.position.get(), state.damaged.get().unwrap_or("object"));
        Failure::Reject(if state.left.get() == 0 {
            let limit = state.max_expansion;
            format!(
                "the object unpacks to more than {limit} times its {} bytes; hint: max_expansion = {}",
                state.source.size(),
                limit.saturating_mul(2)
            )
        } else if state.ended.get() {
            format!("the {name} ends at byte {position} of the object before it is complete: was the object cut off?")
        } else {
            format!("the {name} is damaged before byte {position} of the object: {err}")
        })
    }

    /// Counts bytes that were unpacked.
    pub fn spend(&self, amount: u64) -> io::Result<()> {
        let left = self.0.left.get().saturating_sub(amount);
        self.0.left.set(left);
        if left == 0 { Err(io::Error::other("it unpacks to too much")) } else { Ok(()) }
    }
}

/// Something that unpacks: what it gives is counted, and it is named when it fails.
pub struct Layer<R> {
    inner: R,
    name: &'static str,
    account: Account,
}

impl<R> Layer<R> {
    /// `inner`, which unpacks what is called `name`.
    pub fn new(inner: R, name: &'static str, account: &Account) -> Self {
        Self { inner, name, account: account.clone() }
    }
}

impl<R: Read> Read for Layer<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(out) {
            Ok(amount) => {
                self.account.spend(amount as u64)?;
                Ok(amount)
            }
            Err(err) => {
                // Whatever fails first is what the others fail of.
                let first = self.account.0.damaged.get().unwrap_or(self.name);
                self.account.0.damaged.set(Some(first));
                Err(err)
            }
        }
    }
}

/// The first `len` bytes, fewer if there are fewer or they are damaged, and the same from the beginning again: damage is
/// told to whoever comes to it. If the source fails, that is told at once.
pub fn peek(mut bytes: Box<dyn Read>, len: u64, account: &Account) -> Result<(Vec<u8>, Box<dyn Read>), Failure> {
    let mut head = Vec::new();
    let outcome = bytes.by_ref().take(len).read_to_end(&mut head);
    let again = io::Cursor::new(head.clone());
    match (outcome, account.failure()) {
        (_, Some(failure)) => Err(failure),
        (Ok(_), None) => Ok((head, Box::new(again.chain(bytes)))),
        (Err(err), None) => Ok((head, Box::new(again.chain(Damaged(err))))),
    }
}

/// What cannot be read on.
struct Damaged(io::Error);

impl Read for Damaged {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(self.0.kind(), self.0.to_string()))
    }
}
