//! What is packed by gzip or zstd, unpacked.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use wasmill_sdk::Failure;

use crate::config::Compression;
use crate::stored::{Account, Layer, peek};

/// What `packed` holds. It is refused if it is not packed as declared.
pub fn unpack(packed: Box<dyn Read>, declared: Compression, account: &Account) -> Result<Box<dyn Read>, Failure> {
    let (head, packed) = peek(packed, 4, account)?;
    let found = packed_by(&head);
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
        Compression::Gzip => Box::new(Layer::new(MultiGzDecoder::new(BufReader::new(packed)), "gzip data", account)),
        Compression::Zstd => Box::new(Layer::new(Frames::new(BufReader::new(packed)), "zstd data", account)),
        Compression::Auto | Compression::None => packed,
    })
}

/// What something is packed by that begins like this.
pub fn packed_by(head: &[u8]) -> Compression {
    match head {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

/// The most that a frame may ask to keep in memory, in bytes: 128 MiB, as for the tool zstd, whose highest level
/// needs that. Only `--long=28` and more would need more.
const WINDOW_LIMIT: u64 = 128 * 1024 * 1024;

/// Frames of zstd, one after another.
pub struct Frames<R> {
    packed: R,
    decoder: FrameDecoder,
    inside: bool,
}

impl<R: BufRead> Frames<R> {
    /// The frames that `packed` holds.
    pub fn new(packed: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_LIMIT);
        Self { packed, decoder, inside: false }
    }

    /// Starts the next frame, if there is one.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.packed.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.packed) {
                Ok(()) => {
                    self.inside = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    if io::copy(&mut self.packed.by_ref().take(length), &mut io::sink())? < length {
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

impl<R: BufRead> Read for Frames<R> {
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
                    .decode_blocks(&mut self.packed, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
        }
    }
}
