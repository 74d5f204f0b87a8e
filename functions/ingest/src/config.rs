//! The step's configuration, as it is typed.

use serde::Deserialize;

use crate::encoding::Charset;

/// The configuration; see the crate's documentation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the object holds.
    pub format: Format,
    /// How the object is packed.
    #[serde(default)]
    pub compression: Compression,
    /// Whether the object is an archive.
    #[serde(default)]
    pub archive: Archive,
    /// Which members of an archive are read: a pattern in which `*` stands for anything; all by default.
    pub members: Option<String>,
    /// The most members of an archive.
    #[serde(default = "max_members")]
    pub max_members: usize,
    /// How many times its size an object may unpack to; up to 64 MiB it may in any case.
    #[serde(default = "max_expansion")]
    pub max_expansion: u64,
    /// How text is encoded.
    #[serde(default)]
    pub encoding: Charset,
    /// Where in a JSON document the rows are: a path to an array.
    pub records: Option<String>,
    /// An array in each JSON object, of which every item is a row: its path.
    pub explode: Option<String>,
    /// Separates fields: `,` by default, a tab for `tsv`.
    pub delimiter: Option<Symbol>,
    /// Encloses fields: `"` by default.
    pub quote: Option<Symbol>,
    /// Takes the next character of a quoted field as it is, besides doubled quotes; `none` by default.
    pub escape: Option<Symbol>,
    /// Begins a line that is not read; `none` by default.
    pub comment: Option<Symbol>,
    /// Whether the first record names the fields; true by default.
    pub header: Option<bool>,
    /// Whether spaces around fields are dropped; false by default.
    pub trim: Option<bool>,
    /// Texts that mean null: the empty one by default for `csv` and `tsv`, else none.
    pub nulls: Option<Vec<String>>,
    /// The columns of the rows, in order.
    pub columns: Vec<ColumnConfig>,
    /// The most rows of a batch.
    #[serde(default = "batch_rows")]
    pub batch_rows: usize,
    /// The longest record, in bytes as it stands in the object.
    #[serde(default = "max_row_bytes")]
    pub max_row_bytes: usize,
}

/// 16,384: columns of a batch fit a processor's second-level cache.
fn batch_rows() -> usize {
    16 * 1024
}

/// 1 MiB: documents fit, a quote left open is found soon.
fn max_row_bytes() -> usize {
    1024 * 1024
}

/// 65,536: what zip had room for at first.
fn max_members() -> usize {
    64 * 1024
}

/// 200: text seldom packs better than that.
fn max_expansion() -> u64 {
    200
}

/// What an object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Separated values.
    Csv,
    /// [`Format::Csv`] with tabs.
    Tsv,
    /// A JSON object a line.
    Jsonl,
    /// A JSON document, or several.
    Json,
    /// An Avro object container file.
    Avro,
    /// Arrow IPC: a stream, or a file.
    Arrow,
    /// A Parquet file.
    Parquet,
}

/// How an object is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// As its first bytes say.
    #[default]
    Auto,
    /// Not at all.
    None,
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
}

/// Whether an object is an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Archive {
    /// As its first bytes say.
    #[default]
    Auto,
    /// It is none.
    None,
    /// PKWARE's APPNOTE, 64 bits as well.
    Zip,
    /// POSIX.1-2001 (pax), ustar and GNU.
    Tar,
}

/// A character that means something in a format, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Symbol(pub Option<u8>);

impl TryFrom<String> for Symbol {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_bytes() {
            b"none" => Ok(Self(None)),
            [byte @ (b'\t' | b' '..=b'~')] => Ok(Self(Some(*byte))),
            _ => Err(format!("`{text}` is not one ASCII character, nor `none`")),
        }
    }
}

/// A column.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnConfig {
    /// Its name in the rows.
    pub name: String,
    /// Its name in the header, or its path in the record; the same by default.
    pub from: Option<String>,
    /// The type of its values.
    #[serde(rename = "type")]
    pub kind: TypeName,
    /// Whether it may hold nulls; true by default.
    #[serde(default = "nullable")]
    pub nullable: bool,
    /// Texts that mean null, instead of [`Config::nulls`].
    pub nulls: Option<Vec<String>>,
    /// If its values are lists: how many items each has, of that type.
    pub length: Option<usize>,
    /// Of a decimal: how many digits it has, 1 to 38.
    pub precision: Option<u8>,
    /// Of a decimal: how many of them follow the point.
    pub scale: Option<u8>,
    /// Of a date or a timestamp: how it is written, by default as in RFC 3339 and ISO 8601.
    pub format: Option<String>,
    /// Of a timestamp: where a time without an offset was read off a clock, by default `UTC`.
    pub timezone: Option<String>,
    /// Of a timestamp: what is meant by a time that clocks showed twice or skipped.
    pub ambiguous: Option<Ambiguous>,
}

fn nullable() -> bool {
    true
}

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum TypeName {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float32,
    Float64,
    Decimal,
    Date,
    Timestamp,
    Utf8,
    /// Any JSON value, as text.
    Json,
}

/// What is meant by a time that the clocks of a place showed twice or skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ambiguous {
    /// Nothing: the row is rejected.
    #[default]
    Reject,
    /// The earlier of the two instants it may be.
    Earliest,
    /// The later.
    Latest,
}
