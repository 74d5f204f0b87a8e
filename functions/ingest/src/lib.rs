//! The bundled function of kind ingest: separated values, JSON, Avro, Arrow and Parquet to typed rows.
//!
//! # Configuration
//!
//! ```toml
//! format = "csv"              # or "tsv", "jsonl", "json", "avro", "arrow", "parquet"
//! nulls = ["", "NA"]          # texts that mean null, quoted or not; [""] unless given, [] but for csv and tsv
//! batch_rows = 16384          # the most rows of a batch
//! max_row_bytes = 1048576     # the longest record of text; a longer one is rejected without being held
//!
//! # not parquet, which is read from its end
//! compression = "auto"        # or "none", "gzip", "zstd"; auto goes by the first bytes, of members of archives too
//! archive = "auto"            # or "none", "zip", "tar"
//! members = "2026/*.csv"      # which members are read; `*` stands for anything; all that are not hidden
//! max_members = 65536         # the most members of an archive
//! max_expansion = 200         # an object may unpack to so many times its size, and to 64 MiB in any case
//!
//! # csv, tsv, jsonl and json only
//! encoding = "auto"           # by its byte order mark, UTF-8 without one; or a name of the WHATWG's list: "latin1"
//!
//! # csv and tsv only
//! delimiter = ","             # a tab for tsv
//! quote = "\""                # or "none"; in quotes a doubled quote is one
//! escape = "none"             # or a character, in quotes, besides doubled quotes
//! comment = "none"            # or a character that begins lines to leave out
//! header = true               # columns are found by name, in any order, others are ignored; false: by position
//! trim = false                # whether spaces around fields are dropped
//!
//! # json and jsonl only
//! records = "data.items"      # json only: where a document's rows are; without it, the document
//! explode = "lines"           # an array in each record, whose items are the rows; no item is one without anything
//!
//! [[columns]]
//! name = "departure"
//! from = "dep.time"           # the name in the header, or elsewhere a path into objects; `\.` is a dot in a key
//! type = "timestamp"          # bool, int8 to int64, uint8 to uint64, float32, float64, decimal, date, utf8, json
//! nullable = true
//! nulls = ["-"]               # instead of those for all columns
//! format = "%d.%m.%Y %H:%M"   # date and timestamp: strftime, for timestamps also "unix", "unix_ms"
//! timezone = "Europe/Berlin"  # timestamp: where times without an offset were read off a clock; UTC unless given
//! ambiguous = "reject"        # or "earliest", "latest": times that clocks showed twice or skipped
//!
//! [[columns]]
//! name = "price"
//! type = "decimal"
//! precision = 12
//! scale = 2
//!
//! [[columns]]
//! name = "sku"
//! from = "lines.sku"          # in an item of `explode`
//! type = "utf8"
//!
//! [[columns]]
//! name = "image"
//! type = "float32"
//! length = 3072               # a list of so many, as a JSON array: `[0.5, 1, …]`, in csv and tsv too
//! ```
//!
//! Timestamps become microseconds in UTC (digits beyond that are dropped) of the years 1 to 9999. Integers may
//! be written `12.0` if they are whole, decimals may not have more digits than the scale. In JSON, numbers are
//! numbers and everything else is strings; a missing key is null, and of a key that is there twice the last counts.
//! A column of the type json takes any value as it stands, nested at most 127 deep. In Avro, Arrow and Parquet, numbers
//! may be of another type that holds the value, and text is read as in a field of csv.
//!
//! Rows are numbered by the line they start on; those of json, avro, arrow, parquet and with `explode` are counted from
//! 1. The members of an archive are numbered on, one after another.
//!
//! Objects of csv, tsv and jsonl (without `explode`) in UTF-8 that are not packed can be read in parts, several at once.
//!
//! # Memory
//!
//! A record and a batch are held, whatever the object's size; of Avro a block (64 MiB at most), of Arrow a batch as it
//! was written, of Parquet the columns that are read of a row group. `max_expansion` counts what gzip, zstd, zip and
//! Avro's blocks unpack to; what is packed inside Arrow and Parquet is bounded by the sandbox's memory.
//!
//! # Rejects
//!
//! A row is rejected, with its number and, in an archive, its member and the line in that, if a value is not of its
//! column's type, is null where it may not be, holds a NUL byte or is not text in the encoding; if it has too many or
//! too few fields; if it is too long or a quote is left open. The object is refused if it lacks a column, or has one of
//! a type that never fits (or is missing: an empty object of csv has rows only by `header = false`, and then none), if
//! its first bytes are those of another format, if it unpacks to too much, or if it is damaged; rows before the damage
//! are given. (Damage that the decoders of Arrow and Parquet do not expect is a fault of the sandbox instead.)
//!
//! # Layout
//! - [`ingest`]: the function: configured once, then opening objects.
//! - [`config`]: the configuration as typed; [`schema`]: its columns, checked.
//! - [`stored`], [`compression`], [`archive`]: from an object to the bytes in it.
//! - [`encoding`], [`text`]: from bytes to text, a window at a time.
//! - [`csv`], [`json`], [`avro`], [`typed`]: from text or bytes to records.
//! - [`decoder`], [`rows`], [`mod@column`]: from records to batches and rejects; [`reason`]: why a row is rejected.
//! - [`parts`]: from an object of text to parts that are read at the same time.
//! - [`mod@infer`]: from the beginning of an object to a configuration.
//! - [`number`], [`time`], [`zone`]: from a field to a value.

pub mod archive;
pub mod avro;
pub mod column;
pub mod compression;
pub mod config;
pub mod csv;
pub mod decoder;
pub mod encoding;
pub mod infer;
pub mod ingest;
pub mod json;
pub mod number;
pub mod parts;
pub mod reason;
pub mod rows;
pub mod schema;
pub mod stored;
pub mod text;
pub mod time;
pub mod typed;
pub mod zone;

#[cfg(test)]
mod tests;

/// The function that this crate is.
pub type Function = ingest::Reader;
