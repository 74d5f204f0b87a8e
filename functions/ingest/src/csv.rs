//! Separated values: `csv` and `tsv`.

pub(crate) mod split;

use wasmill_sdk::Failure;

use crate::config::{Config, Format, Symbol};
use crate::decoder::Records;
use crate::parts::Cutting;
use crate::reason::{names, shorten};
use crate::rows::Rows;
use crate::schema::ColumnPlan;
use crate::text::Text;
use split::{Dialect, Record, Splitter};

/// How separated values are read.
#[derive(Debug, Clone)]
pub struct CsvPlan {
    dialect: Dialect,
    header: bool,
    trim: bool,
}

impl CsvPlan {
    /// Checks the configuration.
    pub fn new(config: &Config) -> Result<Self, String> {
        let default = if config.format == Format::Tsv { b'\t' } else { b',' };
        let Some(delimiter) = config.delimiter.map_or(Some(default), |symbol| symbol.0) else {
            return Err("`delimiter` may not be `none`; hint: format = \"jsonl\" reads a value a line".to_owned());
        };
        let quote = config.quote.map_or(Some(b'"'), |symbol| symbol.0);
        // DuckDB says this for doubled quotes, which are always understood.
        let escape = config.escape.and_then(|symbol| symbol.0).filter(|escape| Some(*escape) != quote);
        let comment = config.comment.and_then(|symbol| symbol.0);
        let mut symbols: Vec<u8> = [Some(delimiter), quote, escape, comment].into_iter().flatten().collect();
        symbols.sort_unstable();
        if let Some((byte, _)) = symbols.iter().zip(symbols.iter().skip(1)).find(|(one, next)| one == next) {
            let byte = char::from(*byte).escape_default();
            return Err(format!("`{byte}` has two meanings among `delimiter`, `quote`, `escape` and `comment`"));
        }
        Ok(Self {
            dialect: Dialect { delimiter, quote, escape, comment, max_bytes: config.max_row_bytes },
            header: config.header.unwrap_or(true),
            trim: config.trim.unwrap_or(false),
        })
    }

    /// The options that only separated values have, and whether they are set.
    pub fn options(config: &Config) -> [(&'static str, bool); 6] {
        let set = |symbol: &Option<Symbol>| symbol.is_some();
        [
            ("delimiter", set(&config.delimiter)),
            ("quote", set(&config.quote)),
            ("escape", set(&config.escape)),
            ("comment", set(&config.comment)),
            ("header", config.header.is_some()),
            ("trim", config.trim.is_some()),
        ]
    }
}

/// The records of an object of separated values.
pub struct CsvRecords {
    text: Text,
    splitter: Splitter,
    trim: bool,
    /// How many fields each record has.
    width: usize,
    /// Where each column's field is.
    places: Vec<usize>,
}

impl CsvRecords {
    /// Starts reading an object; it is refused if its header does not have the columns.
    pub fn open(plan: &CsvPlan, columns: &[ColumnPlan], text: Text) -> Result<Self, Failure> {
        Ok(Self::with_header(plan, columns, text)?.0)
    }

    /// What objects of these records are cut apart by.
    pub fn cutting(plan: &CsvPlan, columns: &[ColumnPlan], text: Text) -> Result<Cutting, Failure> {
        let (records, mut header) = Self::with_header(plan, columns, text)?;
        if plan.header {
            header.push(b'\n');
        }
        Ok(Cutting { dialect: Some(plan.dialect), header, first: records.text.consumed() })
    }

    /// Starts reading a part of an object, which begins on a line. Before it, the text has the header, if there is one.
    pub fn open_part(plan: &CsvPlan, columns: &[ColumnPlan], text: Text, line: u64) -> Result<Self, Failure> {
        let mut records = Self::open(plan, columns, text)?;
        if plan.header && records.text.unread().first() == Some(&b'\n') {
            records.text.consume(1);
        }
        records.text.set_line(line);
        Ok(records)
    }

    /// The same, and the header as it stands in the text.
    fn with_header(plan: &CsvPlan, columns: &[ColumnPlan], text: Text) -> Result<(Self, Vec<u8>), Failure> {
        let places = (0..columns.len()).collect();
        let splitter = Splitter::new(plan.dialect);
        let mut records = Self { text, splitter, trim: plan.trim, width: columns.len(), places };
        if !plan.header {
            return Ok((records, Vec::new()));
        }
        let (header, raw) = records.header()?;
        records.places = places_in(&header, columns).map_err(Failure::Reject)?;
        records.width = header.len();
        Ok((records, raw))
    }

    /// Reads the header: its names, and how it stands there.
    fn header(&mut self) -> Result<(Vec<String>, Vec<u8>), Failure> {
        let len = match self.splitter.next(&mut self.text)? {
            None => return Err(Failure::Reject("the object is empty: expected a header".to_owned())),
            Some(Record::Broken { reason, .. }) => return Err(Failure::Reject(format!("the header: {reason}"))),
            Some(Record::Whole(len)) => len,
        };
        let raw = self.text.unread().get(..len).unwrap_or_default();
        let fields = (0..self.splitter.len()).map(|index| {
            let name = trimmed(self.splitter.field(raw, index).unwrap_or_default(), self.trim);
            match str::from_utf8(name) {
                Ok(name) if !name.contains('\0') => Ok(name.to_owned()),
                _ => Err(Failure::Reject(format!(
                    "the header is not text in UTF-8: `{}`",
                    shorten(&String::from_utf8_lossy(name))
                ))),
            }
        });
        let header = fields.collect::<Result<_, _>>()?;
        let raw = raw.to_vec();
        self.text.consume(len);
        Ok((header, raw))
    }
}

impl Records for CsvRecords {
    fn next(&mut self, rows: &mut Rows) -> Result<bool, Failure> {
        let len = match self.splitter.next(&mut self.text)? {
            None => return Ok(false),
            Some(Record::Broken { line, raw, reason }) => {
                rows.reject(line, &raw, &reason);
                return Ok(true);
            }
            Some(Record::Whole(len)) => len,
        };
        let (raw, line) = (self.text.unread().get(..len).unwrap_or_default(), self.text.line());
        let (expected, found) = (self.width, self.splitter.len());
        if found == expected {
            rows.push(line, raw, |columns| {
                columns.iter_mut().zip(&self.places).try_for_each(|(column, place)| {
                    let field = self.splitter.field(raw, *place).unwrap_or_default();
                    column.append_text(trimmed(field, self.trim))
                })
            });
        } else {
            rows.reject(line, raw, &format!("expected {expected} fields, found {found}"));
        }
        if self.splitter.in_one_line() {
            self.text.consume_in_line(len);
        } else {
            self.text.consume(len);
        }
        Ok(true)
    }
}

/// A field without the spaces around it, if they do not belong to it.
fn trimmed(field: &[u8], trim: bool) -> &[u8] {
    if trim { field.trim_ascii() } else { field }
}

/// Where in the header each column is.
fn places_in(header: &[String], columns: &[ColumnPlan]) -> Result<Vec<usize>, String> {
    let mut places = Vec::with_capacity(columns.len());
    let mut missing = Vec::new();
    for column in columns {
        let name = column.from();
        let mut found = header.iter().enumerate().filter(|(_, field)| *field == name).map(|(place, _)| place);
        match (found.next(), found.next()) {
            (Some(place), None) => places.push(place),
            (Some(_), Some(_)) => return Err(format!("the header has `{name}` twice")),
            (None, _) => missing.push(name),
        }
    }
    if missing.is_empty() {
        return Ok(places);
    }
    let expected: Vec<&str> = columns.iter().map(ColumnPlan::from).collect();
    Err(format!(
        "the header has no {}: found {}, expected {}; hint: `from` names the header of a column",
        names(&missing),
        names(&header.iter().map(String::as_str).collect::<Vec<_>>()),
        names(&expected)
    ))
}
