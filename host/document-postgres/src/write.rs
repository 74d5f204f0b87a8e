//! Documents as they are written: a batch is a transaction, in which one statement reads what is there and one writes what
//! wins.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use wasmill_postgres::json::without_nul;
use wasmill_runtime::crash;
use wasmill_runtime::documents::Document;
use wasmill_settle::{Counts, Stamp, There, settle};

use crate::sweep::expired;
use crate::{Connection, Error, quoted};

/// How long partition key and id may be together, in bytes: what an entry of an index has room for.
const KEY_LIMIT: usize = 2600;

/// Bytes of a digest of a body: nobody gains anything by two bodies that are taken for one.
const DIGEST: usize = 16;

/// Keeps PostgreSQL from reading a body as JSON in each place where it is used.
const ONCE: &str = "OFFSET 0";

/// Writes all of them or none.
pub fn write(
    connection: &mut Connection,
    clock: &str,
    collection: &str,
    pipeline: i64,
    documents: &[Document],
) -> Result<Counts, Error> {
    let (keys, by_key) = grouped(documents)?;
    let table = quoted(collection);
    let lock = connection.prepare("SELECT last FROM wasmill_collections WHERE name = $1 FOR UPDATE")?;
    let find = connection.prepare(&format!(
        "SELECT k.place::int, d.version, d.row, d.pipeline, d.digest, d.sequence, d.body IS NOT NULL AND d.written <= {}
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (partition_key, id, place)
         JOIN {table} AS d ON d.partition_key = k.partition_key AND d.id = k.id",
        expired(clock, collection)
    ))?;
    let confirm = connection.prepare(&format!(
        "UPDATE {table} AS d SET version = n.version, row = n.row, pipeline = n.pipeline, written = {clock}
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS n (sequence, version, row, pipeline)
         WHERE d.sequence = n.sequence"
    ))?;
    let insert = connection.prepare(&format!(
        "INSERT INTO {table} AS d (partition_key, id, body, version, row, pipeline, digest, sequence, size, written)
         SELECT n.*, octet_length(n.body::text), {clock}
         FROM (SELECT partition_key, id, body::jsonb, version, row, pipeline, digest, sequence
               FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[], $8::bigint[])
                   AS n (partition_key, id, body, version, row, pipeline, digest, sequence) {ONCE}) AS n
         ON CONFLICT (partition_key, id) DO UPDATE SET body = excluded.body, version = excluded.version,
             row = excluded.row, pipeline = excluded.pipeline, digest = excluded.digest, sequence = excluded.sequence,
             size = excluded.size, written = excluded.written"
    ))?;
    let count = connection.prepare("UPDATE wasmill_collections SET last = $2 WHERE name = $1")?;

    let mut transaction = connection.client.transaction()?;
    let last = transaction.query_opt(&lock, &[&collection])?;
    let Some(last) = last else {
        let message = format!("the collection `{collection}` is gone from `wasmill_collections`\nhint: start again");
        return Err(Error::Refused(message));
    };
    let mut last: i64 = last.get(0);
    let before = last;
    let (partitions, ids): (Vec<&str>, Vec<&str>) = keys.iter().copied().unzip();
    let mut there: HashMap<usize, (Stamp<Vec<u8>>, i64, bool)> = HashMap::new();
    for found in transaction.query(&find, &[&partitions, &ids])? {
        // What expired counts as deleted, before the sweep makes it that.
        let is_expired = found.get::<_, Option<bool>>(6) == Some(true);
        let body: Option<Vec<u8>> = found.get(4);
        let stamp = Stamp {
            version: found.get(1),
            row: found.get::<_, i64>(2).unsigned_abs(),
            pipeline: found.get(3),
            body: body.filter(|_| !is_expired),
        };
        // Counted from 1.
        let place = usize::try_from(found.get::<_, i32>(0) - 1).unwrap_or_default();
        there.insert(place, (stamp, found.get(5), is_expired));
    }

    let mut counts = Counts::default();
    let (mut confirmed, mut changed) = (Confirmed::default(), Changed::default());
    for (place, ((partition_key, id), places)) in keys.iter().zip(&by_key).enumerate() {
        let (there, sequence, is_expired) = match there.remove(&place) {
            Some((stamp, sequence, is_expired)) => (There::Written(stamp), Some(sequence), is_expired),
            None => (There::Nothing, None, false),
        };
        let stamped = |place: &usize| Some((*place, stamp(documents.get(*place)?, pipeline)));
        let settled = settle(there, places.iter().filter_map(stamped));
        counts += settled.counts;
        let Some((place, stamp)) = settled.write else { continue };
        match (sequence, settled.is_change || is_expired) {
            (Some(sequence), false) => confirmed.push(sequence, &stamp),
            _ => {
                last += 1;
                let body = documents.get(place).and_then(|document| document.body.as_deref());
                changed.push(partition_key, id, body, stamp, last);
            }
        }
    }
    if !confirmed.sequences.is_empty() {
        let Confirmed { sequences, versions, rows, pipelines } = &confirmed;
        transaction.execute(&confirm, &[sequences, versions, rows, pipelines])?;
    }
    if last > before {
        let Changed { partitions, ids, bodies, stamps, digests, sequences } = &changed;
        let Confirmed { versions, rows, pipelines, .. } = stamps;
        transaction.execute(&insert, &[partitions, ids, bodies, versions, rows, pipelines, digests, sequences])?;
        transaction.execute(&count, &[&collection, &last])?;
    }
    crash::point("effect", "before");
    transaction.commit()?;
    crash::point("effect", "after");
    Ok(counts)
}

/// Partition and id.
type Key<'a> = (&'a str, &'a str);

/// The keys of documents, each once, and where its writes are.
fn grouped(documents: &[Document]) -> Result<(Vec<Key<'_>>, Vec<Vec<usize>>), Error> {
    let (mut keys, mut places): (Vec<Key<'_>>, Vec<Vec<usize>>) = Default::default();
    let mut known: HashMap<Key<'_>, usize> = HashMap::new();
    for (place, document) in documents.iter().enumerate() {
        let key = (document.partition_key.as_str(), document.id.as_str());
        if key.0.len() + key.1.len() > KEY_LIMIT {
            return Err(Error::Refused(format!(
                "a document has a partition key and an id of {} bytes together; in PostgreSQL they have at most {KEY_LIMIT}",
                key.0.len() + key.1.len()
            )));
        }
        let index = *known.entry(key).or_insert_with(|| {
            keys.push(key);
            places.push(Vec::new());
            keys.len() - 1
        });
        if let Some(places) = places.get_mut(index) {
            places.push(place);
        }
    }
    Ok((keys, places))
}

fn stamp(document: &Document, pipeline: i64) -> Stamp<Vec<u8>> {
    let digest = |body: &String| Sha256::digest(body.as_bytes()).iter().take(DIGEST).copied().collect();
    // PostgreSQL's integers are signed; row numbers never come near the difference.
    let row = document.row.min(i64::MAX.unsigned_abs());
    Stamp { version: document.version, row, pipeline, body: document.body.as_ref().map(digest) }
}

/// Documents that stay as they are, but for what they were written with last.
#[derive(Default)]
struct Confirmed {
    sequences: Vec<i64>,
    versions: Vec<i64>,
    rows: Vec<i64>,
    pipelines: Vec<i64>,
}

impl Confirmed {
    fn push(&mut self, sequence: i64, stamp: &Stamp<Vec<u8>>) {
        self.sequences.push(sequence);
        self.versions.push(stamp.version);
        self.rows.push(stamp.row.cast_signed());
        self.pipelines.push(stamp.pipeline);
    }
}

/// Documents that become something else.
#[derive(Default)]
struct Changed<'a> {
    partitions: Vec<&'a str>,
    ids: Vec<&'a str>,
    bodies: Vec<Option<String>>,
    stamps: Confirmed,
    digests: Vec<Option<Vec<u8>>>,
    sequences: Vec<i64>,
}

impl<'a> Changed<'a> {
    fn push(&mut self, partition: &'a str, id: &'a str, body: Option<&str>, stamp: Stamp<Vec<u8>>, sequence: i64) {
        self.partitions.push(partition);
        self.ids.push(id);
        let clean = |body: &str| String::from_utf8_lossy(&without_nul(body.as_bytes())).into_owned();
        self.bodies.push(body.map(clean));
        self.stamps.push(sequence, &stamp);
        self.digests.push(stamp.body);
        self.sequences.push(sequence);
    }
}
