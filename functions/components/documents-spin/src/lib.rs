//! The component `documents-spin`: Spin's own SQLite; see the crate `wasmill-documents`. It runs where the host gives
//! `fermyon:spin/sqlite`, in a composition with the function that publishes.

use wasmill_documents::spin::sql::{Sql, SqlError, Value};

use self::bindings::fermyon::spin::sqlite;

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package wasmill:documents-spin;
            world imports {
                import fermyon:spin/sqlite@2.0.0;
            }
        ",
        path: "../../../wit",
        generate_all,
    });
}

wasmill_sdk::export_documents!(wasmill_documents::spin::Spin<Connection>);

/// The connection that Spin gives; none before it is asked for.
#[derive(Default)]
struct Connection(Option<sqlite::Connection>);

impl Sql for Connection {
    fn open(&mut self, database: &str) -> Result<(), SqlError> {
        // Of two a host keeps both.
        self.0 = None;
        self.0 = Some(sqlite::Connection::open(database).map_err(error)?);
        Ok(())
    }

    fn execute(&mut self, statement: &str, parameters: Vec<Value>) -> Result<Vec<Vec<Value>>, SqlError> {
        let connection = self.0.as_ref().ok_or(SqlError::InvalidConnection)?;
        let parameters: Vec<sqlite::Value> = parameters.into_iter().map(given).collect();
        let result = connection.execute(statement, &parameters).map_err(error)?;
        Ok(result.rows.into_iter().map(|row| row.values.into_iter().map(taken).collect()).collect())
    }
}

fn given(value: Value) -> sqlite::Value {
    match value {
        Value::Integer(value) => sqlite::Value::Integer(value),
        Value::Real(value) => sqlite::Value::Real(value),
        Value::Text(value) => sqlite::Value::Text(value),
        Value::Blob(value) => sqlite::Value::Blob(value),
        Value::Null => sqlite::Value::Null,
    }
}

fn taken(value: sqlite::Value) -> Value {
    match value {
        sqlite::Value::Integer(value) => Value::Integer(value),
        sqlite::Value::Real(value) => Value::Real(value),
        sqlite::Value::Text(value) => Value::Text(value),
        sqlite::Value::Blob(value) => Value::Blob(value),
        sqlite::Value::Null => Value::Null,
    }
}

fn error(err: sqlite::Error) -> SqlError {
    match err {
        sqlite::Error::NoSuchDatabase => SqlError::NoSuchDatabase,
        sqlite::Error::AccessDenied => SqlError::AccessDenied,
        sqlite::Error::InvalidConnection => SqlError::InvalidConnection,
        sqlite::Error::DatabaseFull => SqlError::DatabaseFull,
        sqlite::Error::Io(message) => SqlError::Io(message),
    }
}
