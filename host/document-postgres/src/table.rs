//! Tables of collections, and the indexes over fields of their documents.

use postgres::{Client, Transaction};
use sha2::{Digest, Sha256};
use wasmill_runtime::documents::query::{Field, SORTED_BY};
use wasmill_runtime::documents::sql::Place;
use wasmill_runtime::plan::PostgresPlan;

use crate::columns::{check, definition, definition_of_all};
use crate::{Error, literal, quoted};

/// The lock under which tables are made: any number that nobody else takes.
pub const MAKING: i64 = 0x5741_534d_444f_4353;

/// The longest name of a table, in bytes.
const NAME_LIMIT: usize = 63;

/// Sees to it that a collection's table is there with its indexes; if it may, it makes what is not.
pub fn ensure(client: &mut Client, plan: &PostgresPlan, collection: &str) -> Result<(), Error> {
    if collection.is_empty() || collection.len() > NAME_LIMIT || collection.contains('\0') {
        return Err(Error::Refused(format!(
            "the collection `{collection}` cannot be a table: a name has 1 to {NAME_LIMIT} bytes"
        )));
    }
    let mut transaction = client.transaction()?;
    if plan.create {
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&MAKING])?;
        if !is_there(&mut transaction, "wasmill_identity")? {
            transaction.batch_execute(
                "CREATE TABLE wasmill_identity (secret bytea NOT NULL);
                INSERT INTO wasmill_identity VALUES (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))",
            )?;
        }
        if !is_there(&mut transaction, "wasmill_collections")? {
            transaction.batch_execute(&definition_of_all())?;
        }
        if !is_there(&mut transaction, collection)? {
            transaction.batch_execute(&definition(collection))?;
        }
    } else if !is_there(&mut transaction, collection)? || !is_there(&mut transaction, "wasmill_collections")? {
        return Err(Error::Refused(format!(
            "PostgreSQL has no table of documents `{collection}`\nhint: set `create = true` in [documents]"
        )));
    }
    check(&mut transaction, collection)?;
    let known = "SELECT count(*) FROM wasmill_collections WHERE name = $1";
    if transaction.query_one(known, &[&collection])?.get::<_, i64>(0) == 0 {
        let add = "INSERT INTO wasmill_collections (name, last) VALUES ($1, 0) ON CONFLICT DO NOTHING";
        transaction.execute(add, &[&collection])?;
    }
    let ttl = plan.ttl_seconds.get(collection).copied().map(i64::from);
    let set = "UPDATE wasmill_collections SET ttl = $2 WHERE name = $1 AND ttl IS DISTINCT FROM $2";
    transaction.execute(set, &[&collection, &ttl])?;
    let fields = plan.indexes.get(collection).map(Vec::as_slice).unwrap_or_default();
    let indexes = fields.iter().map(|field| Index::of_field(collection, field));
    let indexes: Vec<Index> = indexes.chain(Index::of_times(collection, ttl.is_some())).collect();
    index(&mut transaction, plan.create, collection, &indexes)?;
    Ok(transaction.commit()?)
}

/// Whether there is a table of this name.
pub fn is_there(transaction: &mut Transaction<'_>, name: &str) -> Result<bool, Error> {
    let found = transaction.query_one("SELECT to_regclass($1) IS NOT NULL", &[&quoted(name)])?;
    Ok(found.get(0))
}

/// An index.
struct Index {
    /// Its name, which says what it is over; long ones would be cut.
    name: String,
    /// What it is over, for people.
    over: String,
    /// The same, as SQL has it.
    sql: String,
}

impl Index {
    fn new(collection: &str, over: &str, sql: String) -> Self {
        let digest = Sha256::digest(format!("{collection}\0{over}"));
        let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { name: format!("wasmill_{digest}"), over: over.replace('\0', ""), sql }
    }

    fn of_field(collection: &str, field: &Field) -> Self {
        let Place { kind, number, text, .. } = place(field);
        Self::new(collection, &field.to_string(), format!("(({kind}), ({number}), ({text})) WHERE body IS NOT NULL"))
    }

    /// Those that the sweep goes by. No field is called so.
    fn of_times(collection: &str, expires: bool) -> impl Iterator<Item = Self> {
        let deleted = Self::new(collection, "\0written", "(written) WHERE body IS NULL".to_owned());
        let expiring = || Self::new(collection, "\0\0written", "(written) WHERE body IS NOT NULL".to_owned());
        [deleted].into_iter().chain(expires.then(expiring))
    }
}

/// Makes these indexes, and removes others that were made here.
fn index(transaction: &mut Transaction<'_>, may_create: bool, collection: &str, wanted: &[Index]) -> Result<(), Error> {
    let there = "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = to_regclass($1) AND c.relname LIKE 'wasmill\\_%'";
    let there = transaction.query(there, &[&quoted(collection)])?;
    let there: Vec<String> = there.iter().map(|row| row.get(0)).collect();
    let missing: Vec<&Index> = wanted.iter().filter(|index| !there.contains(&index.name)).collect();
    if let (Some(index), false) = (missing.first(), may_create) {
        return Err(Error::Refused(format!(
            "the table `{collection}` has no index over `{}`\nhint: set `create = true` in [documents]",
            index.over
        )));
    }
    if may_create {
        for gone in there.iter().filter(|name| !wanted.iter().any(|index| index.name == **name)) {
            transaction.batch_execute(&format!("DROP INDEX {}", quoted(gone)))?;
        }
    }
    for Index { name, sql, .. } in missing {
        transaction.batch_execute(&format!("CREATE INDEX {} ON {} {sql}", quoted(name), quoted(collection)))?;
    }
    Ok(())
}

/// A field of a body.
pub fn place(field: &Field) -> Place {
    let names: Vec<String> = field.names().iter().map(|name| format!("\"{name}\"")).collect();
    let path = literal(&format!("{{{}}}", names.join(",")));
    let (kind, value) = (format!("jsonb_typeof(body #> {path})"), format!("(body #>> {path})"));
    Place {
        kind: format!(
            "CASE {kind} WHEN 'boolean' THEN 1 WHEN 'number' THEN 2 WHEN 'string' THEN 3 WHEN 'array' THEN 4 \
             WHEN 'object' THEN 4 ELSE 0 END"
        ),
        number: format!(
            "CASE {kind} WHEN 'number' THEN {value}::numeric WHEN 'boolean' THEN {value}::boolean::int::numeric \
             ELSE 0::numeric END"
        ),
        text: format!("(CASE {kind} WHEN 'string' THEN left({value}, {SORTED_BY}) ELSE '' END) COLLATE \"C\""),
        value: format!("({value} COLLATE \"C\")"),
    }
}
