//! When documents expire, and when deletions are forgotten.
//!
//! A document that expired is not shown any more, and counts as deleted for whoever writes it. The sweep makes it what a
//! deletion leaves, with a place in the order of changes.

use wasmill_runtime::documents::REMEMBERED_SECONDS;

use crate::{Connection, Error, literal, quoted};

/// How many documents are swept at once: others who write wait for as long.
const SWEPT: u64 = 1000;

/// Up to which time of being written documents of a collection are expired, as SQL has it.
pub fn expired(clock: &str, collection: &str) -> String {
    format!(
        "(SELECT coalesce({clock} - ttl * interval '1 second', '-infinity') FROM wasmill_collections WHERE name = {})",
        literal(collection)
    )
}

/// Removes documents of a collection that expired, and forgets deletions of long ago, a bounded number of them; whether there
/// may be more.
pub fn sweep(connection: &mut Connection, clock: &str, collection: &str) -> Result<bool, Error> {
    let (table, expired) = (quoted(collection), expired(clock, collection));
    let forgotten = format!("{clock} - interval '{REMEMBERED_SECONDS} seconds'");
    // Mostly there is nothing, and whoever writes meanwhile need not wait.
    let look = connection.prepare(&format!(
        "SELECT (SELECT ttl IS NOT NULL FROM wasmill_collections WHERE name = $1)
             AND (SELECT min(written) FROM {table} WHERE body IS NOT NULL) <= {expired},
             (SELECT min(written) FROM {table} WHERE body IS NULL) <= {forgotten}"
    ))?;
    let lock = connection.prepare("SELECT last FROM wasmill_collections WHERE name = $1 FOR UPDATE")?;
    let remove = connection.prepare(&format!(
        "UPDATE {table} AS d SET body = NULL, digest = NULL, size = NULL, written = {clock}, sequence = $1 + gone.place
         FROM (SELECT sequence, row_number() OVER (ORDER BY written, sequence) AS place
               FROM (SELECT sequence, written FROM {table} WHERE body IS NOT NULL AND written <= {expired} ORDER BY written LIMIT {SWEPT}) AS gone) AS gone
         WHERE d.sequence = gone.sequence"
    ))?;
    let count = connection.prepare("UPDATE wasmill_collections SET last = last + $2 WHERE name = $1")?;
    let forget = connection.prepare(&format!(
        "WITH gone AS (DELETE FROM {table} WHERE sequence IN
             (SELECT sequence FROM {table} WHERE body IS NULL AND written <= {forgotten} ORDER BY written LIMIT {SWEPT}) RETURNING sequence)
         SELECT count(*), coalesce(max(sequence), 0) FROM gone"
    ))?;
    let note =
        connection.prepare("UPDATE wasmill_collections SET forgotten = greatest(forgotten, $2) WHERE name = $1")?;

    let found = connection.client.query_one(&look, &[&collection])?;
    let [is_to_remove, is_to_forget] = [0, 1].map(|place| found.get::<_, Option<bool>>(place) == Some(true));
    if !is_to_remove && !is_to_forget {
        return Ok(false);
    }
    let mut transaction = connection.client.transaction()?;
    let Some(last) = transaction.query_opt(&lock, &[&collection])? else { return Ok(false) };
    // Without an index over what expires, none of it would be found by reading all there is.
    let removed = if is_to_remove { transaction.execute(&remove, &[&last.get::<_, i64>(0)])? } else { 0 };
    transaction.execute(&count, &[&collection, &removed.cast_signed()])?;
    let forgotten = transaction.query_one(&forget, &[])?;
    let (count, last) = (forgotten.get::<_, i64>(0).unsigned_abs(), forgotten.get::<_, i64>(1));
    transaction.execute(&note, &[&collection, &last])?;
    transaction.commit()?;
    Ok(removed >= SWEPT || count >= SWEPT)
}
