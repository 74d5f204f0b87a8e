//! How an object may be read: a configuration, from a look at its beginning.
//!
//! It is a proposal. What was not in the sample is not known, so columns of text formats may hold nulls, and text that
//! looks like numbers in the sample may be something else behind it: such rows are rejected, with the reason.

mod avro;
mod guess;
mod objects;
mod separated;
mod toml;

use std::io::{Cursor, Read};

use wasmill_sdk::{Failure, Source};

use crate::archive::{Members, Packing};
use crate::config::{Archive, Compression};
use crate::encoding::{Charset, transcode, utf16_without_mark};
use crate::stored::{Account, Stored, peek};
use crate::typed::{ArrowBatches, BatchSource, ParquetBatches};
use toml::{Column, Proposal};

/// How much of a text is looked at, in bytes of its content.
const SAMPLE: u64 = 1024 * 1024;

/// A configuration in TOML for an object like this.
pub fn infer(source: Box<dyn Source>) -> Result<String, Failure> {
    let packing = Packing {
        compression: Compression::Auto,
        archive: Archive::Auto,
        members: None,
        max_members: usize::MAX,
        max_expansion: u64::MAX,
    };
    // Looked at as it is stored first: Parquet is read from its end.
    let stored = Stored::new(source, packing.max_expansion);
    if stored.read_at(0, 4)? == *b"PAR1" {
        let batches = ParquetBatches::open(stored, &[], 1)?;
        return Ok(Proposal::of("parquet", Column::of_arrow(batches.schema())).to_string());
    }
    let mut members = Members::of(stored, &packing)?;
    let member = members.advance()?.ok_or_else(|| Failure::Reject("the archive has no members".to_owned()))?;
    let mut proposal = proposal(member.content, members.account())?;
    if let Some(name) = member.name {
        proposal.notes.push(format!("looked at `{name}`; `members = \"*.csv\"` would choose among the members"));
    }
    Ok(proposal.to_string())
}

fn proposal(content: Box<dyn Read>, account: &Account) -> Result<Proposal, Failure> {
    let (head, content) = peek(content, 8, account)?;
    if head.starts_with(b"PAR1") {
        return Err(Failure::Reject("a Parquet file is read as it is: unpack it".to_owned()));
    }
    if head.starts_with(b"Obj\x01") {
        return Ok(Proposal::of("avro", avro::columns(&crate::avro::schema(content, account)?)));
    }
    // A file, or a stream, whose first message is of less than 16 MiB.
    if head.starts_with(b"ARROW1\0\0") || matches!(head.as_slice(), [0xff, 0xff, 0xff, 0xff, _, _, _, 0]) {
        let batches = ArrowBatches::open(content, account)?;
        return Ok(Proposal::of("arrow", Column::of_arrow(batches.schema())));
    }
    let (sample, content) = peek(content, SAMPLE, account)?;
    let encoding = match (head.as_slice(), str::from_utf8(&sample)) {
        // It has a mark.
        ([0xff, 0xfe, ..] | [0xfe, 0xff, ..], _) => None,
        (head, Err(err)) if err.error_len().is_some() => utf16_without_mark(head).or(Some("windows-1252")),
        (head, _) => utf16_without_mark(head),
    };
    let charset = encoding.map(|label| Charset::try_from(label.to_owned())).transpose().map_err(Failure::Other)?;
    let mut text = Vec::new();
    let mut transcoded = transcode(content, charset.unwrap_or_default(), account)?.take(SAMPLE);
    transcoded.read_to_end(&mut text).map_err(|err| account.explain(&err))?;
    // Complete lines only, unless there is but one.
    let whole = (text.len() as u64) < SAMPLE;
    if !whole && let Some(end) = memchr::memrchr(b'\n', &text) {
        text.truncate(end + 1);
    }
    let mut proposal = match text.trim_ascii_start().first() {
        None => return Err(Failure::Reject("the object is empty".to_owned())),
        Some(_) if text.contains(&0) => {
            let known = "separated values, JSON, Avro, Arrow, Parquet";
            return Err(Failure::Reject(format!("it is neither text nor of a form that is known: {known}")));
        }
        Some(b'{' | b'[') => objects::propose(&String::from_utf8_lossy(&text))?,
        Some(_) => separated::propose(&text, account)?,
    };
    proposal.encoding = encoding;
    if encoding == Some("windows-1252") {
        proposal.notes.push("the text is not UTF-8: most text that is not is in windows-1252, but not all".to_owned());
    }
    if !whole {
        proposal.notes.push(format!("from the first {} KiB of text", text.len() / 1024));
    }
    Ok(proposal)
}

/// A sample as something to read.
fn reader(sample: &[u8]) -> Box<dyn Read> {
    Box::new(Cursor::new(sample.to_vec()))
}
