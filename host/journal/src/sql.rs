//! What journals ask of a database, whichever it is: statements with values, rows of cells.
//!
//! Statements are written for PostgreSQL (`$1`, `FOR UPDATE SKIP LOCKED`); [`crate::sqlite`] puts them into SQLite's words.

use crate::journal::JournalError;

/// A value in the place of `$1` and so on.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// `NULL`.
    Null,
    /// A number or a time.
    Integer(i64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The values of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$(crate::sql::Value::from($value)),*] };
}
pub(crate) use values;

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// `NULL`.
    Null,
    /// A number or a time.
    Integer(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A row of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(pub Vec<Cell>);

impl Row {
    /// A number that may be missing.
    pub fn optional_integer(&mut self, column: usize) -> Result<Option<i64>, JournalError> {
        match self.take(column) {
            Some(Cell::Integer(number)) => Ok(Some(number)),
            Some(Cell::Null) => Ok(None),
            other => Err(unexpected(column, "a number", other)),
        }
    }

    /// A number.
    pub fn integer(&mut self, column: usize) -> Result<i64, JournalError> {
        self.optional_integer(column)?.ok_or_else(|| unexpected(column, "a number", Some(Cell::Null)))
    }

    /// A number that is small and not below 0.
    pub fn small(&mut self, column: usize) -> Result<u32, JournalError> {
        let number = self.integer(column)?;
        u32::try_from(number).map_err(|_| unexpected(column, "a number of 32 bits", Some(Cell::Integer(number))))
    }

    /// A number that is not below 0.
    pub fn count(&mut self, column: usize) -> Result<u64, JournalError> {
        Ok(self.integer(column)?.unsigned_abs())
    }

    /// A text that may be missing.
    pub fn optional_text(&mut self, column: usize) -> Result<Option<String>, JournalError> {
        match self.take(column) {
            Some(Cell::Text(text)) => Ok(Some(text)),
            Some(Cell::Null) => Ok(None),
            other => Err(unexpected(column, "a text", other)),
        }
    }

    /// A text.
    pub fn text(&mut self, column: usize) -> Result<String, JournalError> {
        self.optional_text(column)?.ok_or_else(|| unexpected(column, "a text", Some(Cell::Null)))
    }

    /// Bytes.
    pub fn bytes(&mut self, column: usize) -> Result<Vec<u8>, JournalError> {
        match self.take(column) {
            Some(Cell::Bytes(bytes)) => Ok(bytes),
            other => Err(unexpected(column, "bytes", other)),
        }
    }

    fn take(&mut self, column: usize) -> Option<Cell> {
        self.0.get_mut(column).map(|cell| std::mem::replace(cell, Cell::Null))
    }
}

fn unexpected(column: usize, expected: &str, found: Option<Cell>) -> JournalError {
    let found = found.map_or_else(|| "none".to_owned(), |found| format!("{found:?}"));
    JournalError::Answer(format!("column {column} is not {expected}: {found}"))
}

/// A database within a transaction.
pub trait Db {
    /// Changes rows; how many.
    fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, JournalError>;

    /// Asks for rows.
    fn query(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, JournalError>;

    /// Waits until no other transaction has the lock of this name; it is given back with the end of this one.
    fn lock(&mut self, name: &str) -> Result<(), JournalError>;

    /// By how many microseconds the clock that decides is ahead of that of this machine.
    fn skew(&self) -> i64;

    /// Asks for a row.
    fn first(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Option<Row>, JournalError> {
        Ok(self.query(sql, values)?.into_iter().next())
    }

    /// Asks for a row that must be there.
    fn one(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Row, JournalError> {
        self.first(sql, values)?.ok_or_else(|| JournalError::Answer("no row where there must be one".into()))
    }
}

/// A transaction that has begun; it is taken back when it is dropped.
pub trait Transaction: Db {
    /// Begins a part that can be taken back by itself, where that costs nothing.
    fn begin_part(&mut self) -> Result<(), JournalError>;

    /// Ends the part, or takes it back.
    fn end_part(&mut self, keep: bool) -> Result<(), JournalError>;

    /// Ends the transaction; it is durable when this returns, if it was to be.
    fn commit(self: Box<Self>) -> Result<(), JournalError>;
}

/// When what a transaction wrote is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When it is committed, with all that was committed before.
    Now,
    /// When another is that must be. Until then a power cut takes it back, with all that came after it.
    Later,
}

/// A connection to a database, which it makes anew when it is lost.
pub trait Backend: Send {
    /// Begins a transaction.
    fn begin(&mut self, durability: Durability) -> Result<Box<dyn Transaction + '_>, JournalError>;
}
