//! The bundled function of kind ingest: CSV, TSV and JSON lines to typed rows.
//!
//! # Configuration
//!
//! ```toml
//! format = "csv"              # or "tsv", "jsonl"
//! compression = "auto"        # or "none", "gzip", "zstd"; auto goes by the first bytes
//! nulls = ["", "NA"]          # texts that mean null, quoted or not; [""] unless given, for jsonl []
//! batch_rows = 16384          # the most rows of a batch
//! max_row_bytes = 1048576     # the longest record; a longer one is rejected without being held
//!
//! # csv and tsv only
//! delimiter = ","             # a tab for tsv
//! quote = "\""                # or "none"; in quotes a doubled quote is one
//! escape = "none"             # or a character, in quotes, besides doubled quotes
//! comment = "none"            # or a character that begins lines to leave out
//! header = true               # columns are found by name, in any order, others are ignored; false: by position
//! trim = false                # whether spaces around fields are dropped
//!
//! [[columns]]
//! name = "departure"
//! from = "dep.time"           # the name in the header, or for jsonl a path into objects; `\.` is a dot in a key
//! type = "timestamp"          # bool, int8 to int64, uint8 to uint64, float32, float64, decimal, date, utf8
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
//! name = "image"
//! type = "float32"
//! length = 3072               # a list of so many, as a JSON array: `[0.5, 1, …]`, in csv and tsv too
//! ```
//!
//! Timestamps become microseconds in UTC (digits beyond that are dropped) of the years 1 to 9999. Integers may
//! be written `12.0` if they are whole, decimals may not have more digits than the scale. In JSON, numbers are
//! numbers and everything else is strings; a missing key is null, and of a key that is there twice the last counts.
//!
//! # Rejects
//!
//! A row is rejected, with the line it starts on, if a value is not of its column's type, is null where it may
//! not be, holds a NUL byte or is not UTF-8; if it has too many or too few fields; if it is too long or a quote
//! is left open. The object is refused if its header lacks a column (or is missing: an empty object has rows
//! only by `header = false` or jsonl, and then none), if it is not UTF-8 by its first bytes, or if it is
//! damaged; rows before the damage are given.
//!
//! # Layout
//! - [`ingest`]: the function: configured once, then opening objects.
//! - [`config`]: the configuration as typed; [`schema`]: its columns, checked.
//! - [`stored`], [`compression`], [`text`]: from an object to its text, a window at a time.
//! - [`csv`], [`jsonl`]: one format each: from text to records.
//! - [`decoder`], [`rows`], [`mod@column`]: from records to batches and rejects; [`reason`]: why a row is rejected.
//! - [`number`], [`time`], [`zone`]: from a field to a value.

pub mod column;
pub mod compression;
pub mod config;
pub mod csv;
pub mod decoder;
pub mod ingest;
pub mod jsonl;
pub mod number;
pub mod reason;
pub mod rows;
pub mod schema;
pub mod stored;
pub mod text;
pub mod time;
pub mod zone;

#[cfg(test)]
mod tests;

/// The function that this crate is.
pub type Function = ingest::Reader;
