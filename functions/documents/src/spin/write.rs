//! Documents, written by one statement for as many as a function writes at once: what is there is replaced only if it
//! still is what was read.
//!
//! Values are parameters, one each, and not a JSON array for `json_each`: before SQLite 3.45 that ends texts at a NUL.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use wasmill_sdk::{Document, Failure};
use wasmill_settle::{Counts, There, settle};

use super::sql::{Sql, SqlError, Value};
use crate::stamp::{self, Stamp};

/// How many documents a statement reads or writes: as many as the function `publish` writes at once. Each has ten
/// parameters at most, of the 32,766 that SQLite takes.
const AT_ONCE: usize = 2_000;

/// How often what is there is read again because it is not any more what it was.
const ROUNDS: usize = 16;

/// The longest id of a document, in bytes.
const ID_LIMIT: usize = 1023;

/// The writes of one document.
struct Key<'a> {
    partition: &'a str,
    id: &'a str,
    /// Each with its place in the batch.
    writes: Vec<(usize, Stamp)>,
}

/// What was found in the database.
#[derive(Clone)]
struct Found {
    sequence: i64,
    stamp: Stamp,
}

/// What is left to do for a document, if what was found is still there.
struct Write<'a> {
    key: Key<'a>,
    found: Option<Found>,
    stamp: Stamp,
    body: Option<&'a str>,
    counts: Counts,
}

/// Writes documents of one collection.
pub struct Writer<'a, S> {
    /// Where to.
    pub sql: &'a mut S,
    /// What the database is called.
    pub database: &'a str,
    /// The collection's number.
    pub collection: i64,
    /// A digest of what makes the documents.
    pub pipeline: i64,
}

impl<S: Sql> Writer<'_, S> {
    /// Writes documents.
    pub fn write(&mut self, documents: &[Document]) -> Result<Counts, Failure> {
        let mut counts = Counts::default();
        let mut keys = grouped(documents, self.pipeline).into_iter().peekable();
        while keys.peek().is_some() {
            counts += self.write_keys(documents, keys.by_ref().take(AT_ONCE).collect())?;
        }
        Ok(counts)
    }

    fn write_keys<'a>(&mut self, documents: &'a [Document], mut keys: Vec<Key<'a>>) -> Result<Counts, Failure> {
        let mut counts = Counts::default();
        for _ in 0..ROUNDS {
            let found = self.look(&keys)?;
            let mut writes = Vec::new();
            for (key, found) in keys.into_iter().zip(found) {
                let there = found.clone().map_or(There::Nothing, |found| There::Written(found.stamp));
                let settled = settle(there, key.writes.iter().cloned());
                let write = settled.write.and_then(|(place, stamp)| Some((documents.get(place)?, stamp)));
                match write {
                    None => counts += settled.counts,
                    Some((document, stamp)) => {
                        let body = document.body.as_deref();
                        writes.push(Write { key, found, stamp, body, counts: settled.counts });
                    }
                }
            }
            if !writes.is_empty() {
                writes = self.put(writes, &mut counts)?;
            }
            if writes.is_empty() {
                return Ok(counts);
            }
            keys = writes.into_iter().map(|write| write.key).collect();
        }
        let message = "others write the same documents all the time".to_owned();
        Err(SqlError::Io(message).failure(self.database))
    }

    /// What is there of documents, each in the place of its key.
    fn look(&mut self, keys: &[Key<'_>]) -> Result<Vec<Option<Found>>, Failure> {
        let rows = self.execute(&look(keys.len()), {
            let names = keys.iter().flat_map(|key| [key.partition.into(), key.id.into()]);
            names.chain([self.collection.into()]).collect()
        })?;
        let mut found = vec![None; keys.len()];
        for row in rows {
            let (place, one) = read(&row).ok_or_else(|| self.strange())?;
            *found.get_mut(place).ok_or_else(|| self.strange())? = Some(one);
        }
        Ok(found)
    }

    /// Writes documents, of which those are left that changed meanwhile.
    fn put<'k>(&mut self, writes: Vec<Write<'k>>, counts: &mut Counts) -> Result<Vec<Write<'k>>, Failure> {
        let parameters = writes.iter().flat_map(Write::parameters);
        let parameters = parameters.chain([self.collection.into(), self.pipeline.into()]).collect();
        let rows = self.execute(&put(writes.len()), parameters)?;
        let mut is_done = vec![false; writes.len()];
        let places: HashMap<(&str, &str), usize> =
            writes.iter().enumerate().map(|(place, write)| ((write.key.partition, write.key.id), place)).collect();
        for row in &rows {
            let [Value::Text(partition), Value::Text(id)] = row.as_slice() else { return Err(self.strange()) };
            let place = places.get(&(partition.as_str(), id.as_str())).and_then(|place| is_done.get_mut(*place));
            *place.ok_or_else(|| self.strange())? = true;
        }
        let mut left = Vec::new();
        for (write, is_done) in writes.into_iter().zip(is_done) {
            if is_done { *counts += write.counts } else { left.push(write) }
        }
        Ok(left)
    }

    fn execute(&mut self, statement: &str, parameters: Vec<Value>) -> Result<Vec<Vec<Value>>, Failure> {
        self.sql.execute(statement, parameters).map_err(|err| err.failure(self.database))
    }

    fn strange(&self) -> Failure {
        Failure::Other(format!("Spin's database `{}`: an answer that has not the form of a document", self.database))
    }
}

impl Write<'_> {
    fn parameters(&self) -> [Value; 10] {
        let Self { key, found, stamp, body, .. } = self;
        let read = |value: fn(&Found) -> i64| Value::from(found.as_ref().map(value));
        [
            key.partition.into(),
            key.id.into(),
            stamp.version.into(),
            stamp.row.cast_signed().into(),
            stamp.body.as_deref().into(),
            (*body).into(),
            read(|found| found.sequence),
            read(|found| found.stamp.version),
            read(|found| found.stamp.row.cast_signed()),
            read(|found| found.stamp.pipeline),
        ]
    }
}

// Of parameters only those at the end have numbers: SQLite keeps each number as a name, in a list that it searches.

/// The statement that finds documents. They are looked up by the keys, of which SQLite may not make it the other way round.
fn look(count: usize) -> String {
    let keys: Vec<String> = (0..count).map(|place| format!("({place},?,?)")).collect();
    let (keys, collection) = (keys.join(","), 2 * count + 1);
    format!(
        "WITH wanted (place, partition_key, id) AS (VALUES {keys})
         SELECT place, sequence, version, row, pipeline, digest FROM wanted CROSS JOIN wasmill_documents AS there
         ON there.collection = ?{collection} AND there.partition_key = wanted.partition_key AND there.id = wanted.id"
    )
}

/// The statement that writes documents where there is what was read, and gives the keys of those. What changes a body
/// gets the next sequence, as if it were deleted and inserted; the rest keeps its own. A sequence, version, row and
/// pipeline are never those of two bodies.
fn put(count: usize) -> String {
    let writes = vec!["(?,?,?,?,?,?,?,?,?,?)"; count].join(",");
    let (collection, pipeline) = (10 * count + 1, 10 * count + 2);
    format!(
        "WITH new (partition_key, id, version, row, digest, body, old_sequence, old_version, old_row, old_pipeline)
         AS (VALUES {writes})
         INSERT OR REPLACE INTO wasmill_documents
             (sequence, collection, partition_key, id, version, row, pipeline, digest, body)
         SELECT CASE WHEN there.digest IS new.digest THEN there.sequence END, ?{collection},
             new.partition_key, new.id, new.version, new.row, ?{pipeline}, new.digest, new.body
         FROM new LEFT JOIN wasmill_documents AS there
         ON there.collection = ?{collection} AND there.partition_key = new.partition_key AND there.id = new.id
         WHERE there.sequence IS new.old_sequence AND there.version IS new.old_version
             AND there.row IS new.old_row AND there.pipeline IS new.old_pipeline
         RETURNING partition_key, id"
    )
}

/// A row of [`look`]: a place, and what is there.
fn read(row: &[Value]) -> Option<(usize, Found)> {
    use Value::Integer;
    let [Integer(place), Integer(sequence), Integer(version), Integer(row), Integer(pipeline), digest] = row else {
        return None;
    };
    let body = match digest {
        Value::Text(digest) => Some(digest.clone()),
        Value::Null => None,
        _ => return None,
    };
    let stamp = Stamp { version: *version, row: row.cast_unsigned(), pipeline: *pipeline, body };
    Some((usize::try_from(*place).ok()?, Found { sequence: *sequence, stamp }))
}

/// Documents by partition and id, in the order in which they are first named.
fn grouped(documents: &[Document], pipeline: i64) -> Vec<Key<'_>> {
    let mut keys: Vec<Key<'_>> = Vec::new();
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    for (place, document) in documents.iter().enumerate() {
        let (partition, id) = (document.partition_key.as_str(), document.id.as_str());
        let index = *places.entry((partition, id)).or_insert_with(|| {
            keys.push(Key { partition, id, writes: Vec::new() });
            keys.len() - 1
        });
        if let Some(key) = keys.get_mut(index) {
            key.writes.push((place, stamp::stamp(document, pipeline)));
        }
    }
    keys
}

/// Refuses what would spoil the database, whoever let it through: a host looks itself, and so does the guard of a
/// composition, by [`wasmill_settle::problem`]; control characters in an id are their matter.
pub fn check(document: &Document) -> Result<(), Failure> {
    let Document { id, body, .. } = document;
    if id.is_empty() || id.len() > ID_LIMIT || id.contains(['/', '\\', '?', '#']) {
        let begin: String = id.chars().take(100).collect();
        let message = format!("the document id `{begin}` is not of 1 to {ID_LIMIT} bytes without `/`, `\\`, `?`, `#`");
        return Err(Failure::Reject(message));
    }
    let is_object = |body: &String| body.starts_with('{') && serde_json::from_str::<IgnoredAny>(body).is_ok();
    if !body.as_ref().is_none_or(is_object) {
        return Err(Failure::Reject(format!("the body of the document `{id}` is not a JSON object")));
    }
    Ok(())
}
