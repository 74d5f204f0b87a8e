//! Text in other encodings than UTF-8, transcoded.
//!
//! Encodings have the names and tables of the WHATWG's Encoding Standard; there `latin1` is windows-1252, which has
//! printable characters where ISO 8859-1 has control codes.

use std::io::{self, Read};

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use serde::Deserialize;
use wasmill_sdk::Failure;

use crate::stored::{Account, peek};

/// How text is encoded: as declared, or as its byte order mark says, UTF-8 without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Charset(Option<&'static Encoding>);

impl Charset {
    /// UTF-8, whatever the text begins with.
    pub fn utf8() -> Self {
        Self(Some(UTF_8))
    }

    /// Whether text that begins like this is UTF-8.
    pub fn is_utf8(self, head: &[u8]) -> bool {
        let marked = Encoding::for_bom(head).is_none_or(|(marked, _)| marked == UTF_8);
        self.0 == Some(UTF_8) || (self.0.is_none() && marked && utf16_without_mark(head).is_none())
    }
}

impl TryFrom<String> for Charset {
    type Error = String;

    fn try_from(label: String) -> Result<Self, String> {
        match Encoding::for_label_no_replacement(label.as_bytes()) {
            _ if label == "auto" => Ok(Self(None)),
            Some(encoding) => Ok(Self(Some(encoding))),
            None => Err(format!(
                "`{label}` is not an encoding of the WHATWG's list; hint: \"auto\", \"utf-16le\", \"latin1\" or \
                 \"windows-1252\""
            )),
        }
    }
}

/// The text that `bytes` are, in UTF-8; where they are not text in their encoding there is the byte 0xff, which is no
/// UTF-8 either.
pub fn transcode(bytes: Box<dyn Read>, charset: Charset, account: &Account) -> Result<Box<dyn Read>, Failure> {
    let (head, mut bytes) = peek(bytes, 4, account)?;
    let marked = match head.as_slice() {
        // UTF-32, which is not in the list, begins like UTF-16.
        [0xff, 0xfe, 0, 0] => None,
        head => Encoding::for_bom(head),
    };
    let found = match (charset.0, marked) {
        (None, Some((marked, _))) => marked,
        (None, None) => UTF_8,
        // A mark says more than a declaration, which mostly does not tell the two UTF-16 apart.
        (Some(declared), Some((marked, _))) if is_utf16(declared) && is_utf16(marked) => marked,
        (Some(declared), _) => declared,
    };
    if let Some((_, len)) = marked.filter(|(marked, _)| *marked == found) {
        io::copy(&mut bytes.by_ref().take(len as u64), &mut io::sink()).map_err(|err| account.explain(&err))?;
    } else if charset.0.is_none()
        && let Some(label) = utf16_without_mark(&head)
    {
        return Err(Failure::Reject(format!(
            "the object is UTF-16 without a byte order mark, not text in UTF-8; hint: encoding = \"{label}\""
        )));
    }
    Ok(if found == UTF_8 { bytes } else { Box::new(Transcoder::new(bytes, found)) })
}

/// What text that begins like this is surely encoded in: ASCII in UTF-16, which UTF-8 would take for text with NUL bytes.
pub fn utf16_without_mark(head: &[u8]) -> Option<&'static str> {
    match head {
        [one, 0, other, 0, ..] if *one > 0 && *other > 0 => Some("utf-16le"),
        [0, one, 0, other, ..] if *one > 0 && *other > 0 => Some("utf-16be"),
        _ => None,
    }
}

fn is_utf16(encoding: &Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

/// How much is transcoded at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// Transcodes to UTF-8.
struct Transcoder<R> {
    bytes: R,
    decoder: encoding_rs::Decoder,
    raw: Chunk,
    text: Chunk,
    /// Whether all bytes were read, and whether the decoder was told and has said all.
    last: bool,
    done: bool,
}

/// A buffer, of which the bytes from `start` to `end` are to be used.
struct Chunk {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Chunk {
    fn new(len: usize) -> Self {
        Self { buffer: vec![0; len], start: 0, end: 0 }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }
}

impl<R: Read> Transcoder<R> {
    fn new(bytes: R, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_without_bom_handling();
        Self { bytes, decoder, raw: Chunk::new(CHUNK), text: Chunk::new(2 * CHUNK), last: false, done: false }
    }
}

impl<R: Read> Read for Transcoder<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.text.rest().is_empty() && !self.done {
            if self.raw.rest().is_empty() && !self.last {
                self.raw.start = 0;
                self.raw.end = self.bytes.read(&mut self.raw.buffer)?;
                self.last = self.raw.end == 0;
            }
            // One byte stays free for what is not text.
            let (room, _) = self.text.buffer.split_at_mut(2 * CHUNK - 1);
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(self.raw.rest(), room, self.last);
            self.raw.start += read;
            (self.text.start, self.text.end) = (0, written);
            match result {
                DecoderResult::InputEmpty => self.done = self.last,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    if let Some(byte) = self.text.buffer.get_mut(written) {
                        *byte = 0xff;
                        self.text.end += 1;
                    }
                }
            }
        }
        let amount = self.text.rest().read(out)?;
        self.text.start += amount;
        Ok(amount)
    }
}
