//! Separated values: the delimiter, whether there is a header, and types.

use wasmill_sdk::Failure;

use super::guess::Guess;
use super::reader;
use super::toml::{Column, Proposal, quoted};
use crate::csv::split::{Dialect, Record, Splitter};
use crate::encoding::Charset;
use crate::stored::Account;
use crate::text::Text;

/// How many records are looked at.
const RECORDS: usize = 10_000;

/// A configuration for separated values like these.
pub fn propose(sample: &[u8], account: &Account) -> Result<Proposal, Failure> {
    let mut best: Option<(usize, u8, Vec<Vec<String>>)> = None;
    for delimiter in [b',', b';', b'\t', b'|'] {
        let records = records(sample, delimiter, account)?;
        let width = records.first().map_or(0, Vec::len);
        let alike = records.iter().filter(|record| record.len() == width).count();
        // Of two delimiters, the one by which more records have as many fields as the first, and more of them.
        let score = if width < 2 { 0 } else { alike * 1_000 / records.len().max(1) * 1_000 + width.min(999) };
        if best.as_ref().is_none_or(|(other, ..)| score > *other) {
            best = Some((score, delimiter, records));
        }
    }
    let (_, delimiter, records) = best.unwrap_or_default();
    let Some((first, rest)) = records.split_first() else {
        return Err(Failure::Reject("the object has no records".to_owned()));
    };
    let mut guesses: Vec<Guess> = first.iter().map(|_| Guess::new()).collect();
    for record in rest.iter().filter(|record| record.len() == first.len()) {
        guesses.iter_mut().zip(record).for_each(|(guess, field)| guess.see(field));
    }
    let header = is_header(first);
    if !header {
        guesses.iter_mut().zip(first).for_each(|(guess, field)| guess.see(field));
    }
    let columns = guesses.into_iter().enumerate().zip(first).map(|((index, guess), field)| {
        let (of, note) = guess.finish();
        let column = match (header, field.as_str()) {
            (true, "") => Column::named("index", of).from(""),
            (true, name) => Column::named(name, of),
            (false, _) => Column::named(&format!("column_{}", index + 1), of),
        };
        column.with_note(note)
    });
    let mut proposal = Proposal::of(if delimiter == b'\t' { "tsv" } else { "csv" }, columns.collect());
    if !matches!(delimiter, b',' | b'\t') {
        proposal.options.push(("delimiter", quoted(&char::from(delimiter).to_string())));
    }
    if !header {
        proposal.options.push(("header", "false".to_owned()));
    }
    proposal.notes.push(format!("from {} records", records.len()));
    Ok(proposal)
}

/// Whether the first record names the others' fields: names that differ, and are neither numbers nor dates. The first may be
/// empty, as pandas leaves that of its index.
fn is_header(first: &[String]) -> bool {
    let is_text = |field: &String| {
        let mut guess = Guess::new();
        guess.see(field);
        guess.is_text()
    };
    let named =
        if first.len() > 1 && first.first().is_some_and(String::is_empty) { first.get(1..) } else { Some(first) };
    let named = named.unwrap_or_default();
    let distinct = named
        .iter()
        .enumerate()
        .all(|(at, name)| !name.is_empty() && !named.iter().skip(at + 1).any(|other| other == name));
    distinct && named.iter().all(is_text)
}

/// The records of a sample, as texts.
fn records(sample: &[u8], delimiter: u8, account: &Account) -> Result<Vec<Vec<String>>, Failure> {
    let dialect = Dialect { delimiter, quote: Some(b'"'), escape: None, comment: None, max_bytes: sample.len() };
    let mut text = Text::open(reader(sample), Charset::utf8(), account)?;
    let mut splitter = Splitter::new(dialect);
    let mut records = Vec::new();
    while records.len() < RECORDS {
        let len = match splitter.next(&mut text)? {
            Some(Record::Whole(len)) => len,
            Some(Record::Broken { .. }) => continue,
            None => break,
        };
        let raw = text.unread().get(..len).unwrap_or_default();
        let fields = (0..splitter.len())
            .map(|index| String::from_utf8_lossy(splitter.field(raw, index).unwrap_or_default()).into_owned());
        records.push(fields.collect());
        text.consume(len);
    }
    Ok(records)
}
