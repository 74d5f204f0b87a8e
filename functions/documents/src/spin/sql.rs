//! SQLite as Spin gives it: one statement at a time, on a connection that others may have as well.

use wasmill_sdk::Failure;

/// A connection to a database. Every statement is a transaction of its own: between two of them others write, and what
/// `BEGIN` began would be theirs as much.
pub trait Sql {
    /// Opens a database by its name, in place of what was open.
    fn open(&mut self, database: &str) -> Result<(), SqlError>;
    /// Runs one statement to its end, and gives its rows.
    fn execute(&mut self, statement: &str, parameters: Vec<Value>) -> Result<Vec<Vec<Value>>, SqlError>;
}

/// A parameter, or a value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// 64 bits, all of them.
    Integer(i64),
    /// A float.
    Real(f64),
    /// A text; it may have NULs in it.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// Nothing.
    Null,
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Why something was not done; the same as in `fermyon:spin/sqlite`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqlError {
    /// The host has no database of that name.
    NoSuchDatabase,
    /// The component may not use it.
    AccessDenied,
    /// The connection is not open.
    InvalidConnection,
    /// The database is full.
    DatabaseFull,
    /// Anything else, what SQLite says as well.
    Io(String),
}

impl SqlError {
    /// The same as a function is told it.
    pub fn failure(self, database: &str) -> Failure {
        let said = |what: &str| format!("Spin's database `{database}`: {what}");
        match self {
            Self::NoSuchDatabase => Failure::Other(format!(
                "{}\nhint: give `spin up` a `--runtime-config-file` with [sqlite_database.{database}]",
                said("this host has none of that name")
            )),
            Self::AccessDenied => Failure::Other(format!(
                "{}\nhint: add `sqlite_databases = [\"{database}\"]` to the component in spin.toml",
                said("this component may not use it")
            )),
            Self::InvalidConnection => Failure::Retry(said("the connection is not open any more")),
            Self::DatabaseFull => Failure::Retry(said("it is full")),
            Self::Io(message) => Failure::Retry(said(&message)),
        }
    }
}
