//! Tables of databases, by the crate `datafusion-table-providers`. Passwords come from the environment, as each database's
//! own programs have it: `PGPASSWORD`, `MYSQL_PWD`.

mod counted;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datafusion_table_providers::UnsupportedTypeAction;
use datafusion_table_providers::mysql::MySQLTableFactory;
use datafusion_table_providers::mysql::pool::MySQLConnectionPool;
use datafusion_table_providers::postgres::PostgresTableFactory;
use datafusion_table_providers::postgres::pool::PostgresConnectionPool;
use datafusion_table_providers::sql::db_connection_pool::Mode;
use datafusion_table_providers::sqlite::SqliteTableFactory;
use datafusion_table_providers::sqlite::pool::SqliteConnectionPoolFactory;
use datafusion_table_providers::util::secrets::to_secret_map;
use deltalake_core::datafusion::catalog::TableProvider;
use deltalake_core::datafusion::common::TableReference;
use url::Url;

use counted::Counted;

/// How long SQLite waits for others that write.
const PATIENCE: Duration = Duration::from_secs(10);

/// A table or view of PostgreSQL, by `postgres://USER@HOST:PORT/DATABASE?sslmode=…`.
pub async fn postgres(url: &str, table: &str) -> io::Result<Arc<dyn TableProvider>> {
    let mut parameters = parameters(url, "PGPASSWORD", ["db", "port"])?;
    // Moments in conditions are written without a zone, and meant in this one.
    parameters.insert("options".to_owned(), "-c timezone=UTC".to_owned());
    let pool = PostgresConnectionPool::new(to_secret_map(parameters)).await.map_err(failed)?;
    // `jsonb`, which sinks write lists as, is its text.
    let pool = pool.with_unsupported_type_action(UnsupportedTypeAction::String);
    let table = PostgresTableFactory::new(Arc::new(pool)).table_provider(named(table)).await;
    Ok(Arc::new(Counted(table.map_err(io::Error::other)?)))
}

/// A table or view of MySQL or MariaDB, by `mysql://USER@HOST:PORT/DATABASE?sslmode=…`.
pub async fn mysql(url: &str, table: &str) -> io::Result<Arc<dyn TableProvider>> {
    let mut parameters = parameters(url, "MYSQL_PWD", ["db", "tcp_port"])?;
    // Its words for the same.
    if let Some(mode) = parameters.get_mut("sslmode").filter(|mode| *mode == "disable") {
        "disabled".clone_into(mode);
    }
    if let Some(mode) = parameters.get_mut("sslmode").filter(|mode| *mode == "prefer") {
        "preferred".clone_into(mode);
    }
    let pool = MySQLConnectionPool::new(to_secret_map(parameters)).await.map_err(failed)?;
    let table = MySQLTableFactory::new(Arc::new(pool)).table_provider(named(table)).await;
    Ok(Arc::new(Counted(table.map_err(io::Error::other)?)))
}

/// A table or view of a file of SQLite.
pub async fn sqlite(file: &Path, table: &str) -> io::Result<Arc<dyn TableProvider>> {
    let path = file.to_str().ok_or_else(|| io::Error::other("its path is not UTF-8"))?;
    let pool = SqliteConnectionPoolFactory::new(path, Mode::File, PATIENCE).build().await.map_err(io::Error::other)?;
    let table = SqliteTableFactory::new(Arc::new(pool)).table_provider(named(table)).await;
    Ok(Arc::new(Counted(table.map_err(io::Error::other)?)))
}

fn named(table: &str) -> TableReference {
    match table.split_once('.') {
        Some((schema, table)) => TableReference::partial(schema, table),
        None => TableReference::bare(table),
    }
}

/// The parts of a URL as the crate names them.
fn parameters(url: &str, password: &str, names: [&str; 2]) -> io::Result<HashMap<String, String>> {
    let [database_name, port_name] = names;
    let url = Url::parse(url).map_err(io::Error::other)?;
    let mut parameters: HashMap<String, String> = url
        .query_pairs()
        .filter(|(name, _)| ["host", "sslmode", "sslrootcert"].contains(&name.as_ref()))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            parameters.entry(name.to_owned()).or_insert(value);
        }
    };
    add("host", url.host_str().map(str::to_owned));
    add("user", Some(url.username().to_owned()));
    add(port_name, url.port().map(|port| port.to_string()));
    add(database_name, Some(url.path().trim_start_matches('/').to_owned()));
    add("pass", std::env::var(password).ok());
    add("sslmode", Some("prefer".to_owned()));
    // A query that joins a table with itself reads it twice at once, and each part would wait for the other. They are opened
    // when they are needed.
    add("connection_pool_size", Some("8".to_owned()));
    Ok(parameters)
}

/// What went wrong, with the cause that the crate keeps to itself.
fn failed(err: impl std::error::Error) -> io::Error {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        if !text.contains(&err.to_string()) {
            text = format!("{text}: {err}");
        }
        cause = err.source();
    }
    io::Error::other(text.split_whitespace().collect::<Vec<_>>().join(" "))
}
