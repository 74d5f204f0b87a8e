//! Makes rows into JSON documents and writes them to a collection.
//!
//! # Configuration
//!
//! ```toml
//! collection = "flights"
//! id = "{carrier}{flight}-{origin}"
//! partition_key = "{origin}"
//! version = "updated_at"
//! fields = [
//!     "carrier",
//!     { column = "plane_model", as = "plane.model", null = "omit" },
//!     { column = "risk", round = 4 },
//! ]
//! ```
//!
//! - `collection`: where the documents go.
//! - `id`: a template over columns; `{{` and `}}` are braces. It takes integers, decimals, text, booleans,
//!   dates (`2013-01-31`) and timestamps (as below), but no floats: their text is no name. A null in it, an
//!   empty id, one over 1,023 bytes, and one with `/`, `\`, `?`, `#` or a control character reject the row.
//! - `partition_key`: a template like `id`; empty by default.
//! - `version`: an integer column, or a timestamp column (as microseconds), that orders the writes of one id;
//!   by default the time of the event. A null in it rejects the row. Rows of one batch with the same id are
//!   all written: the database keeps the one with the greatest version and, after that, row.
//! - `delete_if`: a boolean column; a row in which it is true deletes its document, if that is no newer than the row, and
//!   nothing else of the row is published. For what was withdrawn, or is not to be seen any more.
//! - `fields`: the document's fields in their order; by default all columns but `__row` and that of `delete_if`. A field is a column's
//!   name or `{ column, as, round, null }`:
//!   - `as`: its name in the document. Dots nest; fields of one object stand together, where its first one is.
//!   - `round`: how many decimal digits a float has, 0 to 15; half is rounded away from zero. It holds for all
//!     floats in the column. Without it a float is the shortest text that reads back as the same value of its
//!     type (16-bit floats: of 32 bits).
//!   - `null`: `"null"` (default) or `"omit"`.
//!
//! Integers are JSON numbers of all their digits, decimals text with their scale, dates `2013-01-31`,
//! timestamps RFC 3339 in UTC with 0, 3, 6 or 9 digits of a second (without a time zone they are taken as
//! UTC); lists, structs and dictionaries are what they hold. NaN and infinities are nulls. Binary, times of
//! day, durations, intervals, maps and unions are refused: say in a transform what text they shall be.
//!
//! A document over 2,000,000 bytes rejects its row. Documents are written in calls of up to 2,000 and about
//! 4 MiB; since writing again changes nothing, a batch that failed halfway is repeated.
//!
//! # Layout
//! - [`config`]: the configuration.
//! - [`publisher`]: the function: bind, process.
//! - [`template`]: ids and partition keys.
//! - [`shape`]: the document's fields, nested.
//! - [`mod@column`]: what can be published, and how a batch's columns are written.
//! - [`encode`]: how values of one type are written.
//! - [`number`]: floats as JSON numbers.
//! - [`time`]: dates and timestamps.

pub mod column;
pub mod config;
pub mod encode;
pub mod number;
pub mod publisher;
pub mod shape;
pub mod template;
#[cfg(test)]
mod tests;
pub mod time;

pub use publisher::Publisher;
