//! The function `transform`: SQL over the rows of an event and over reference tables.
//!
//! # Configuration
//!
//! ```toml
//! sql = """
//!   SELECT input.*, airports.name AS airport
//!   FROM input LEFT JOIN airports ON airports.faa = input.dest
//! """
//! scope = "row"
//! rules = [
//!   { name = "known-airport", predicate = "airport IS NOT NULL" },
//!   { name = "has-number", predicate = "flight > 0", on = "input" },
//! ]
//! routes = [{ name = "late", predicate = "delay > $late" }]
//! parameters = { late = 15 }
//! ```
//!
//! - `sql`: one query, in DataFusion's SQL. The rows are the table `input`, reference tables have the names
//!   they are given by. Names without quotes are lower case, as in PostgreSQL: write `"FL_DATE"` for a
//!   column in capitals.
//! - `scope`: `row` (the default) or `object`. With `row` each row stands alone, so that an event's rows
//!   can be split over instances and come in any number of batches: a query that aggregates, sorts, limits,
//!   deduplicates or numbers rows of `input` is refused. Over reference tables all of SQL is fine. With
//!   `object` the query sees all rows of the event at once.
//! - `rules`: what must hold of a row. One that fails a rule (the predicate is false or null) is rejected
//!   with the names of all rules that it fails. `on = "output"` (the default) is about the columns of the
//!   result, `on = "input"` about rows before the query. Predicates may have subqueries over tables.
//! - `routes`: named predicates over the result; a row may be on several routes or on none.
//! - `parameters`: what stands for `$NAME` in the query and in predicates: texts, numbers, `true` or `false`. They are put
//!   in as literals, so a text is never read as SQL.
//!
//! Names of rules and routes have lower-case letters, digits, `-` and `_`.
//!
//! # What a query may count on
//!
//! - `now()`, `current_timestamp`, `current_date`, `today()` and `current_time` are about the event's time,
//!   in UTC, so a replay gives the same. `random()`, `uuid()` and the like are refused.
//! - The hidden column `__row` goes along with each row from `input` to the result. With scope `row` it is
//!   not seen by the query; with scope `object` it is a column like others, and in the result if selected.
//! - With scope `row` a row on which the query fails (a bad cast, a division by zero) is rejected; the
//!   others go on. With scope `object` the event is.
//! - Planning happens once, in `bind`; hash tables over reference tables are built once as well.
//! - Views (`Utf8View`, `BinaryView`) become `Utf8` and `Binary`, and columns of type `Null` become `Utf8`.
//!
//! # Layout
//! - [`function`]: the function, from `configure` to `finish`.
//! - [`bound`]: what `bind` makes, and the way of a batch through it.
//! - [`config`]: what the configuration holds.
//! - [`session`]: DataFusion as set up here: names, functions, planning.
//! - [`parameters`]: values in the place of `$NAME`.
//! - [`inspect`]: what is refused of any query.
//! - [`scope`]: scope `row`: what is refused, and how `__row` goes along.
//! - [`checks`]: rules and routes as columns, and what they make of rows.
//! - [`subquery`]: subqueries in places where DataFusion does not plan them.
//! - [`query`]: a plan that is kept and run for each batch.
//! - [`narrow`]: finds the rows on which a query fails.
//! - [`table`]: tables whose content changes under a plan.
//! - [`clock`]: the event's time in SQL.
//! - [`types`]: the types of columns between steps.
//! - [`text`]: errors and rows as text.

pub mod bound;
pub mod checks;
pub mod clock;
pub mod config;
pub mod function;
pub mod inspect;
pub mod narrow;
pub mod parameters;
pub mod query;
pub mod scope;
pub mod session;
pub mod subquery;
pub mod table;
pub mod text;
pub mod types;

#[cfg(test)]
mod tests;

pub use function::Sql;
