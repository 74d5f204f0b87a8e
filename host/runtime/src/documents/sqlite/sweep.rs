//! When documents expire, and when deletions are forgotten.
//!
//! A document that expired is not shown any more, and counts as deleted for whoever writes it. The sweep makes it what a
//! deletion leaves, with a place in the order of changes.

use std::collections::BTreeMap;

use rusqlite::{Transaction, TransactionBehavior, params};

use super::{Collection, Database, DatabaseError, collection_of};
use crate::documents::REMEMBERED_SECONDS;

/// How many documents are swept at once: others wait for as long.
const SWEPT: usize = 1000;

impl Database {
    /// Sets after how many seconds a collection's documents expire that were not written again; none if they never do.
    pub fn expire(&self, collection: &str, ttl_seconds: Option<u32>) -> Result<(), DatabaseError> {
        let mut connection = self.lock();
        // Mostly it is so already, and whoever starts need not wait for whoever writes.
        let there = Collection::find(&connection, collection)?;
        if there.map_or(ttl_seconds.is_none(), |there| there.ttl == ttl_seconds.map(i64::from)) {
            return Ok(());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let number = collection_of(&transaction, collection)?.number;
        transaction.execute("UPDATE collections SET ttl = ?2 WHERE id = ?1", params![number, ttl_seconds])?;
        let index = match ttl_seconds {
            // As it stands in what is asked, so that it is used.
            Some(_) => format!(
                "CREATE INDEX IF NOT EXISTS expiring_{number} ON documents (written)
                 WHERE collection = {number} AND body IS NOT NULL"
            ),
            None => format!("DROP INDEX IF EXISTS expiring_{number}"),
        };
        transaction.execute_batch(&index)?;
        Ok(transaction.commit()?)
    }

    /// Removes documents that expired, and forgets deletions of long ago, a bounded number of them; whether there may be more.
    pub fn sweep(&self) -> Result<bool, DatabaseError> {
        let now = (self.clock)();
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let swept = [remove(&transaction, now)?, forget(&transaction, now)?];
        transaction.commit()?;
        Ok(swept.iter().any(|count| *count >= SWEPT))
    }
}

/// Removes what expired; how many documents.
fn remove(transaction: &Transaction<'_>, now: i64) -> rusqlite::Result<usize> {
    let mut collections = transaction.prepare_cached("SELECT id, ?1 - ttl FROM collections WHERE ttl IS NOT NULL")?;
    let collections = collections.query_map([now], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let collections = collections.collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
    let mut removed = 0;
    for (number, expired) in collections {
        // What is inserted takes the place of what was there, and gets a place of its own in the order of changes.
        let mut remove = transaction.prepare_cached(&format!(
            "INSERT OR REPLACE INTO documents (collection, partition_key, id, version, row, pipeline, written)
             SELECT collection, partition_key, id, version, row, pipeline, ?1
             FROM documents INDEXED BY expiring_{number}
             WHERE collection = {number} AND body IS NOT NULL AND written <= ?2 ORDER BY written, sequence LIMIT ?3"
        ))?;
        removed += remove.execute(params![now, expired, SWEPT - removed])?;
        if removed >= SWEPT {
            break;
        }
    }
    Ok(removed)
}

/// Forgets deletions of long ago; how many.
fn forget(transaction: &Transaction<'_>, now: i64) -> rusqlite::Result<usize> {
    let mut delete = transaction.prepare_cached(
        "DELETE FROM documents WHERE sequence IN
             (SELECT sequence FROM documents WHERE body IS NULL AND written <= ?1 ORDER BY written LIMIT ?2)
         RETURNING collection, sequence",
    )?;
    let deleted = delete.query_map(params![now - i64::from(REMEMBERED_SECONDS), SWEPT], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
    })?;
    let (mut count, mut last) = (0, BTreeMap::new());
    for deleted in deleted {
        let (collection, sequence) = deleted?;
        count += 1;
        last.entry(collection).and_modify(|last: &mut i64| *last = sequence.max(*last)).or_insert(sequence);
    }
    let mut note = transaction.prepare_cached("UPDATE collections SET forgotten = max(forgotten, ?2) WHERE id = ?1")?;
    for (collection, sequence) in last {
        note.execute([collection, sequence])?;
    }
    Ok(count)
}
