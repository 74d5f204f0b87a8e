//! The columns of tables, and those that tables of an earlier version have not.

use postgres::{Client, Transaction};
use wasmill_runtime::plan::PostgresPlan;

use crate::table::{MAKING, is_there};
use crate::{Error, quoted};

/// The table of all collections.
const ALL: &str = "wasmill_collections";

/// Names and types of columns.
type Columns = [(&'static str, &'static str)];

/// The columns that the table of a collection had from the beginning.
const FIRST: &Columns = &[
    ("partition_key", "text COLLATE \"C\" NOT NULL"),
    ("id", "text COLLATE \"C\" NOT NULL"),
    ("body", "jsonb"),
    ("version", "bigint NOT NULL"),
    ("row", "bigint NOT NULL"),
    ("pipeline", "bigint NOT NULL"),
    ("digest", "bytea"),
    ("sequence", "bigint NOT NULL"),
];

/// Those that came later, which can be added to a table that has rows without writing them.
const LATER: &Columns = &[
    // How long the body is as a text, in bytes, for whoever reads no more than so much: to find out is to make the text.
    ("size", "integer"),
    // When it was written last, or deleted; before this version, at the time of the change.
    ("written", "timestamptz NOT NULL DEFAULT now()"),
];

/// What `wasmill_collections` says of collections since it says more than how many changes there are.
const OF_ALL: &Columns = &[
    // After how many seconds documents expire.
    ("ttl", "bigint"),
    // The last change that was a deletion and is forgotten.
    ("forgotten", "bigint NOT NULL DEFAULT 0"),
];

/// How the table of all collections is made.
pub fn definition_of_all() -> String {
    let columns = OF_ALL.iter().map(|(name, of)| format!(", {name} {of}")).collect::<String>();
    format!("CREATE TABLE {ALL} (name text PRIMARY KEY, last bigint NOT NULL{columns})")
}

/// How the table of a collection is made.
pub fn definition(collection: &str) -> String {
    let columns = FIRST.iter().chain(LATER).map(|(name, of)| format!("{} {of}", quoted(name)));
    let (columns, name) = (columns.collect::<Vec<_>>().join(", "), quoted(collection));
    format!(
        "CREATE TABLE {name} ({columns}, PRIMARY KEY (partition_key, id)); CREATE UNIQUE INDEX ON {name} (sequence)"
    )
}

/// Brings tables of earlier versions up to date, if that is wanted; also those that only others write to.
pub fn upgrade(client: &mut Client, plan: &PostgresPlan) -> Result<(), Error> {
    if !plan.create {
        return Ok(());
    }
    let mut transaction = client.transaction()?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&MAKING])?;
    if !is_there(&mut transaction, ALL)? {
        return Ok(());
    }
    add(&mut transaction, ALL, OF_ALL)?;
    let known = transaction.query("SELECT name FROM wasmill_collections ORDER BY name", &[])?;
    for collection in known.iter().map(|row| row.get::<_, String>(0)) {
        if missing(&mut transaction, &collection, FIRST)?.is_empty() {
            add(&mut transaction, &collection, LATER)?;
        }
    }
    Ok(transaction.commit()?)
}

/// Whether a table is one of documents, of this version.
pub fn check(transaction: &mut Transaction<'_>, collection: &str) -> Result<(), Error> {
    let columns = missing(transaction, collection, FIRST)?;
    if !columns.is_empty() {
        return Err(Error::Refused(format!(
            "the table `{collection}` of PostgreSQL is not one of documents: it has no column `{}`\nhint: name the collection otherwise, or another schema with `?options=-csearch_path%3DSCHEMA` in the url",
            columns.join("`, `")
        )));
    }
    for (table, columns) in [(collection, LATER), (ALL, OF_ALL)] {
        let columns = missing(transaction, table, columns)?;
        if !columns.is_empty() {
            return Err(Error::Refused(format!(
                "the table `{table}` of PostgreSQL is of an earlier version: it has no column `{}`\nhint: set `create = true` in [documents]",
                columns.join("`, `")
            )));
        }
    }
    Ok(())
}

/// Adds the columns that a table has not. One that has them all is not locked.
fn add(transaction: &mut Transaction<'_>, table: &str, columns: &Columns) -> Result<(), Error> {
    let missing = missing(transaction, table, columns)?;
    for (name, of) in columns.iter().filter(|(name, _)| missing.contains(name)) {
        transaction.batch_execute(&format!("ALTER TABLE {} ADD COLUMN {} {of}", quoted(table), quoted(name)))?;
    }
    Ok(())
}

/// Which of these columns a table has not.
fn missing(transaction: &mut Transaction<'_>, table: &str, columns: &Columns) -> Result<Vec<&'static str>, Error> {
    let found = transaction.query(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
        &[&quoted(table)],
    )?;
    let found: Vec<String> = found.iter().map(|row| row.get(0)).collect();
    Ok(columns.iter().map(|(name, _)| *name).filter(|name| !found.iter().any(|found| found == name)).collect())
}
