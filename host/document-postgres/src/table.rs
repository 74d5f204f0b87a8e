//! Tables of collections, and the indexes over fields of their documents.

use postgres::{Client, Transaction};
use wasmill_runtime::documents::query::{Field, SORTED_BY};
use wasmill_runtime::documents::sql::Place;
use wasmill_runtime::plan::PostgresPlan;

use crate::columns::{check, definition};
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
    let indexes = plan.indexes.get(collection).map(Vec::as_slice).unwrap_or_default();
    if plan.create {
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&MAKING])?;
        if !is_there(&mut transaction, "wasmill_identity")? {
            transaction.batch_execute(
                "CREATE TABLE wasmill_identity (secret bytea NOT NULL);
                INSERT INTO wasmill_identity VALUES (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))",
            )?;
        }
        if !is_there(&mut transaction, "wasmill_collections")? {
            transaction
                .batch_execute("CREATE TABLE wasmill_collections (name text PRIMARY KEY, last bigint NOT NULL)")?;
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
        let add = "INSERT INTO wasmill_collections VALUES ($1, 0) ON CONFLICT DO NOTHING";
        transaction.execute(add, &[&collection])?;
    }
    index(&mut transaction, plan.create, collection, indexes)?;
    Ok(transaction.commit()?)
}

/// Whether there is a table of this name.
pub fn is_there(transaction: &mut Transaction<'_>, name: &str) -> Result<bool, Error> {
    let found = transaction.query_one("SELECT to_regclass($1) IS NOT NULL", &[&quoted(name)])?;
    Ok(found.get(0))
}

/// Makes the indexes over these fields, and removes those over others.
fn index(transaction: &mut Transaction<'_>, may_create: bool, collection: &str, fields: &[Field]) -> Result<(), Error> {
    // The name says what it is over; long ones would be cut.
    let name = |field: &Field| {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(format!("{collection}\0{field}"));
        let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("wasmill_{digest}")
    };
    let there = "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = to_regclass($1) AND c.relname LIKE 'wasmill\\_%'";
    let there = transaction.query(there, &[&quoted(collection)])?;
    let there: Vec<String> = there.iter().map(|row| row.get(0)).collect();
    let wanted: Vec<String> = fields.iter().map(name).collect();
    let missing: Vec<&Field> =
        fields.iter().zip(&wanted).filter(|(_, name)| !there.contains(name)).map(|(field, _)| field).collect();
    if let (Some(field), false) = (missing.first(), may_create) {
        return Err(Error::Refused(format!(
            "the table `{collection}` has no index over `{field}`\nhint: set `create = true` in [documents]"
        )));
    }
    if may_create {
        for gone in there.iter().filter(|name| !wanted.contains(name)) {
            transaction.batch_execute(&format!("DROP INDEX {}", quoted(gone)))?;
        }
    }
    for field in missing {
        let Place { kind, number, text, .. } = place(field);
        transaction.batch_execute(&format!(
            "CREATE INDEX {} ON {} (({kind}), ({number}), ({text})) WHERE body IS NOT NULL",
            quoted(&name(field)),
            quoted(collection)
        ))?;
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
