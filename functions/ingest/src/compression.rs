//! From the bytes of an object to its content.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use wasmill_sdk::{Failure, Source};

use crate::config::Compression;
use crate::stored::Stored;

/// The content of an object.
pub enum Content {
    /// As it is stored.
    Plain(Stored),
    /// Unpacked by gzip.
    Gzip(Box<MultiGzDecoder<Stored>>),
    /// Unpacked by zstd.
    Zstd(Box<Frames>),
}

impl Content {
    /// Starts at the beginning of an object. It is refused if it is not packed as declared.
    pub fn open(source: Box<dyn Source>, declared: Compression) -> Result<Self, Failure> {
        let mut stored = Stored::new(source);
        let found = match stored.peek(4)? {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Compression::Zstd,
            _ => Compression::None,
        };
        match declared {
            Compression::Auto | Compression::None => {}
            declared if declared == found => {}
            declared => {
                let name = format!("{declared:?}").to_lowercase();
                return Err(Failure::Reject(format!(
                    "the object is not packed by {name}: its first bytes are not; hint: compression = \"auto\""
                )));
            }
        }
        Ok(match if declared == Compression::None { declared } else { found } {
            Compression::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(stored))),
            Compression::Zstd => Self::Zstd(Box::new(Frames::new(stored))),
            Compression::Auto | Compression::None => Self::Plain(stored),
        })
    }

    /// Reads some bytes; none at the end.
    pub fn read(&mut self, out: &mut [u8]) -> Result<usize, Failure> {
        let outcome = match self {
            Self::Plain(stored) => stored.read(out),
            Self::Gzip(gzip) => gzip.read(out),
            Self::Zstd(frames) => frames.read(out),
        };
        outcome.map_err(|err| self.explain(&err))
    }

    /// What an error of a decoder means: the source failed, or the object is damaged.
    fn explain(&mut self, err: &io::Error) -> Failure {
        let (name, stored) = match self {
            Self::Plain(stored) => ("object", stored),
            Self::Gzip(gzip) => ("gzip data", gzip.get_mut()),
            Self::Zstd(frames) => ("zstd data", &mut frames.stored),
        };
        let position = stored.position();
        match stored.failure() {
            Some(failure) => failure,
            None if stored.ended() => Failure::Reject(format!(
                "the {name} ends at byte {position} of the object before it is complete: was the object cut off?"
            )),
            None => Failure::Reject(format!("the {name} is damaged before byte {position} of the object: {err}")),
        }
    }
}

/// The most that a frame may ask to keep in memory, in bytes: 128 MiB, as for the tool zstd, whose highest level
/// needs that. Only `--long=28` and more would need more.
const WINDOW_LIMIT: u64 = 128 * 1024 * 1024;

/// Frames of zstd, one after another.
pub struct Frames {
    stored: Stored,
    decoder: FrameDecoder,
    inside: bool,
}

impl Frames {
    fn new(stored: Stored) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_LIMIT);
        Self { stored, decoder, inside: false }
    }

    /// Starts the next frame, if there is one.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.stored.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.stored) {
                Ok(()) => {
                    self.inside = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    if io::copy(&mut self.stored.by_ref().take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(err) => return Err(io::Error::other(err)),
            }
        }
        Ok(false)
    }

    /// Ends a frame: its content must have the checksum that it says, if it says one.
    fn end(&mut self) -> io::Result<()> {
        self.inside = false;
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(said), Some(found)) if said != found => Err(io::Error::other("the checksum does not match")),
            _ => Ok(()),
        }
    }
}

impl Read for Frames {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.inside && !self.begin()? {
                return Ok(0);
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(out);
            }
            if self.decoder.is_finished() {
                self.end()?;
            } else {
                self.decoder
                    .decode_blocks(&mut self.stored, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
        }
    }
}
