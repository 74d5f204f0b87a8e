//! The ledger of totals: who contributed what to which of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use wasmill_runtime::documents::totals::{At, Sums, Totals};
use wasmill_runtime::documents::{Document, Origin};
use wasmill_settle::{Stamp, There, settle};

use crate::journal::JournalError;
use crate::sql::{Db, Row, values};

/// How many totals are written together at most.
pub const MOST_TOTALS: usize = 1_000;

/// How many contributions, or totals, are looked at together.
const AT_ONCE: i64 = MOST_TOTALS as i64;

/// The key of a total: its partition and id.
type Key = (String, String);

/// What somebody contributes.
pub struct Contribution {
    /// The source, and which part of it.
    source: String,
    part: String,
    /// What it is written with, and to which total; nothing if it is withdrawn.
    stamp: Stamp<(Key, String)>,
    /// The same body, read.
    body: Option<Map<String, Value>>,
}

/// What came of contributions that are not added.
#[derive(Default)]
pub struct Added {
    /// Contributions that lost against newer ones.
    pub stale: u64,
    /// Contributions of a source that had another in the same event.
    pub duplicates: u64,
}

/// What documents contribute. An error says which of them cannot be added up.
pub fn contributions(
    totals: &Totals,
    origin: &Origin,
    pipeline: i64,
    documents: &[Document],
) -> Result<Vec<Contribution>, String> {
    let found = totals.contributions(documents)?;
    let each = found.into_iter().zip(documents).map(|(found, document)| {
        let Document { partition_key, id, version, row, .. } = document;
        let row = (*row).min(i64::MAX.unsigned_abs());
        let key = (partition_key.clone(), id.clone());
        let text = found.body.as_ref().map(serde_json::to_string).transpose().map_err(|err| err.to_string())?;
        let (source, part, version) = match found.source {
            Some(source) => (source, String::new(), *version),
            // What came of a whole event has rows without numbers of their own.
            None => (origin.name.clone(), format!("{row}/{}/{partition_key}/{id}", partition_key.len()), origin.time),
        };
        let stamp = Stamp { version, row, pipeline, body: text.map(|text| (key, text)) };
        Ok(Contribution { source, part, stamp, body: found.body })
    });
    each.collect()
}

/// Adds contributions, those that are not in already, and takes back what they take the place of.
pub fn add(
    db: &mut dyn Db,
    pipeline: &str,
    collection: &str,
    totals: &Totals,
    origin: &Origin,
    contributions: Vec<Contribution>,
    now: i64,
) -> Result<Added, JournalError> {
    let mut ledger = Ledger::open(db, pipeline, collection, totals, now)?;
    let mut added = Added::default();
    let is_over = totals.source.is_none() && ledger.newest(&origin.name)?.is_some_and(|newest| newest > origin.time);
    if is_over {
        added.stale = contributions.len() as u64;
        return Ok(added);
    }
    for Contribution { source, part, stamp, body } in contributions {
        let there = ledger.find(&source, &part)?;
        if let Some((key, _)) = &stamp.body {
            // Also if it is in already; see `close`.
            ledger.total(key)?;
        }
        let old = there.as_ref().map(|there| (place(there, &source, &part), there.body.clone()));
        let settled = settle(there.map_or(There::Nothing, There::Written), [(0, stamp)]);
        added.stale += settled.counts.stale;
        added.duplicates += settled.counts.duplicates;
        let Some((_, stamp)) = settled.write else { continue };
        if let Some((at, Some((key, body)))) = old {
            ledger.remove(&key, &body, &at)?;
        }
        if let (Some((key, _)), Some(body)) = (&stamp.body, &body) {
            ledger.add(key, body, &place(&stamp, &source, &part))?;
        }
        ledger.put(&source, &part, &stamp)?;
    }
    ledger.close()?;
    Ok(added)
}

/// An object has contributed all that it does: what an older version of it contributed, or the same by a pipeline that was
/// another, does not count any more.
pub fn end(
    db: &mut dyn Db,
    pipeline: &str,
    collection: &str,
    totals: &Totals,
    origin: &Origin,
    digest: i64,
    now: i64,
) -> Result<(), JournalError> {
    let mut ledger = Ledger::open(db, pipeline, collection, totals, now)?;
    if ledger.newest(&origin.name)?.is_some_and(|newest| newest > origin.time) {
        return Ok(());
    }
    let older = "SELECT part, version, row, digest, partition_key, id, body FROM contributions
        WHERE pipeline = $1 AND collection = $2 AND source = $3 AND (version < $4 OR (version = $4 AND digest <> $5)) LIMIT $6";
    loop {
        let asked = values![pipeline, collection, origin.name.as_str(), origin.time, digest, AT_ONCE];
        let found = ledger.db.query(older, asked)?;
        if found.is_empty() {
            break;
        }
        for mut row in found {
            let part = row.text(0)?;
            let stamp = stamp(&mut row, 1)?;
            let at = place(&stamp, &origin.name, &part);
            if let Some((key, body)) = stamp.body {
                ledger.remove(&key, &body, &at)?;
            }
            let delete =
                "DELETE FROM contributions WHERE pipeline = $1 AND collection = $2 AND source = $3 AND part = $4";
            ledger.db.execute(delete, values![pipeline, collection, origin.name.as_str(), part.as_str()])?;
        }
    }
    if origin.is_stored {
        // An older version that comes late is known by it.
        let newest = "INSERT INTO contributors (pipeline, collection, source, version) VALUES ($1, $2, $3, $4)
            ON CONFLICT (pipeline, collection, source) DO UPDATE SET version = excluded.version";
        ledger.db.execute(newest, values![pipeline, collection, origin.name.as_str(), origin.time])?;
    }
    ledger.close()
}

/// Totals that are to be written, a bounded number of them.
pub fn pending(
    db: &mut dyn Db,
    pipeline: &str,
    collection: &str,
    totals: &Totals,
) -> Result<Vec<Document>, JournalError> {
    let pending = "SELECT partition_key, id, version, state FROM totals
        WHERE pipeline = $1 AND collection = $2 AND pending = 1 ORDER BY version LIMIT $3";
    let found = db.query(pending, values![pipeline, collection, AT_ONCE])?;
    let document = |mut row: Row| {
        let (partition_key, id, version) = (row.text(0)?, row.text(1)?, row.integer(2)?);
        let body = sums(&row.text(3)?)?.body(totals);
        Ok(Document { id, partition_key, version, row: 0, body })
    };
    found.into_iter().map(document).collect()
}

/// A total was written, unless it is another by now.
pub fn is_written(db: &mut dyn Db, pipeline: &str, collection: &str, document: &Document) -> Result<(), JournalError> {
    let Document { partition_key, id, version, .. } = document;
    let update = "UPDATE totals SET pending = 0
        WHERE pipeline = $1 AND collection = $2 AND partition_key = $3 AND id = $4 AND version = $5";
    db.execute(update, values![pipeline, collection, partition_key.as_str(), id.as_str(), *version]).map(drop)
}

/// Sees to it that totals are by these rules: if they are by others, they are added up anew.
pub fn adopt(db: &mut dyn Db, pipeline: &str, collection: &str, totals: &Totals, now: i64) -> Result<(), JournalError> {
    let now = now.saturating_add(db.skew());
    let (rules, source) = (totals.fingerprint(), totals.source_fingerprint());
    let mut ledger = Ledger::open(db, pipeline, collection, totals, now)?;
    let known = "SELECT rules, source FROM total_rules WHERE pipeline = $1 AND collection = $2";
    let known = ledger.db.first(known, values![pipeline, collection])?;
    let set = "INSERT INTO total_rules (pipeline, collection, rules, source) VALUES ($1, $2, $3, $4)
        ON CONFLICT (pipeline, collection) DO UPDATE SET rules = excluded.rules, source = excluded.source";
    let set_values = values![pipeline, collection, rules.as_str(), source.as_str()];
    let Some(mut known) = known else { return ledger.db.execute(set, set_values).map(drop) };
    let (known_rules, known_source) = (known.text(0)?, known.text(1)?);
    if known_source != source {
        let named = |source: &str| if source.is_empty() { "none".to_owned() } else { format!("`{source}`") };
        return Err(JournalError::Totals {
            collection: collection.to_owned(),
            what: format!(
                "contributions were told apart by another `source`, {}, not {}\nhint: name the collection otherwise, and run again what it is made of",
                named(&known_source),
                named(&source)
            ),
        });
    }
    if known_rules == rules {
        return Ok(());
    }
    let (mut partition, mut id) = (String::new(), String::new());
    let next = "SELECT partition_key, id, version FROM totals
        WHERE pipeline = $1 AND collection = $2 AND (partition_key, id) > ($3, $4) ORDER BY partition_key, id LIMIT $5";
    loop {
        let found = ledger.db.query(next, values![pipeline, collection, partition.as_str(), id.as_str(), AT_ONCE])?;
        if found.is_empty() {
            break;
        }
        for mut row in found {
            (partition, id) = (row.text(0)?, row.text(1)?);
            let key = (partition.clone(), id.clone());
            let sums = ledger.added_up(&key)?;
            ledger.save(&key, &Total { sums, version: row.integer(2)?, is_changed: true })?;
        }
    }
    ledger.db.execute(set, set_values).map(drop)
}

/// Forgets totals that nothing was contributed to since a time; whether there may be more.
pub fn forget(db: &mut dyn Db, pipeline: &str, collection: &str, before: i64) -> Result<bool, JournalError> {
    db.lock(&lock_of(pipeline, collection))?;
    let old = "SELECT partition_key, id FROM totals
        WHERE pipeline = $1 AND collection = $2 AND version < $3 AND pending = 0 LIMIT $4";
    let found = db.query(old, values![pipeline, collection, before, AT_ONCE])?;
    let is_all = (found.len() as i64) < AT_ONCE;
    for mut row in found {
        let (partition, id) = (row.text(0)?, row.text(1)?);
        let key = values![pipeline, collection, partition.as_str(), id.as_str()];
        let parts =
            "DELETE FROM contributions WHERE pipeline = $1 AND collection = $2 AND partition_key = $3 AND id = $4";
        db.execute(parts, key)?;
        let total = "DELETE FROM totals WHERE pipeline = $1 AND collection = $2 AND partition_key = $3 AND id = $4";
        db.execute(total, key)?;
    }
    Ok(!is_all)
}

fn lock_of(pipeline: &str, collection: &str) -> String {
    format!("totals {pipeline} {collection}")
}

/// What a row has from a column on: version, row, digest, partition key, id, body.
fn stamp(row: &mut Row, from: usize) -> Result<Stamp<(Key, String)>, JournalError> {
    let (version, number, pipeline) = (row.integer(from)?, row.count(from + 1)?, row.integer(from + 2)?);
    let key = (row.text(from + 3)?, row.text(from + 4)?);
    let body = row.optional_text(from + 5)?.map(|body| (key, body));
    Ok(Stamp { version, row: number, pipeline, body })
}

fn body_of(text: &str) -> Result<Map<String, Value>, JournalError> {
    serde_json::from_str(text).map_err(|err| JournalError::Answer(format!("a contribution is no document: {err}")))
}

/// Where a contribution stands among those to a total.
fn place(stamp: &Stamp<(Key, String)>, source: &str, part: &str) -> At {
    At { version: stamp.version, row: stamp.row, source: format!("{source}\n{part}") }
}

/// A total that is being changed.
struct Total {
    sums: Sums,
    version: i64,
    is_changed: bool,
}

/// A collection's ledger within a transaction, in which nobody else changes it.
struct Ledger<'a> {
    db: &'a mut dyn Db,
    pipeline: &'a str,
    collection: &'a str,
    totals: &'a Totals,
    now: i64,
    open: BTreeMap<Key, Total>,
}

impl<'a> Ledger<'a> {
    fn open(
        db: &'a mut dyn Db,
        pipeline: &'a str,
        collection: &'a str,
        totals: &'a Totals,
        now: i64,
    ) -> Result<Self, JournalError> {
        db.lock(&lock_of(pipeline, collection))?;
        Ok(Self { db, pipeline, collection, totals, now, open: BTreeMap::new() })
    }

    /// The time of the newest version of an object that has contributed.
    fn newest(&mut self, source: &str) -> Result<Option<i64>, JournalError> {
        let newest = "SELECT version FROM contributors WHERE pipeline = $1 AND collection = $2 AND source = $3";
        let found = self.db.first(newest, values![self.pipeline, self.collection, source])?;
        found.map(|mut row| row.integer(0)).transpose()
    }

    /// What is in from a source.
    fn find(&mut self, source: &str, part: &str) -> Result<Option<Stamp<(Key, String)>>, JournalError> {
        let find = "SELECT version, row, digest, partition_key, id, body FROM contributions
            WHERE pipeline = $1 AND collection = $2 AND source = $3 AND part = $4";
        let found = self.db.first(find, values![self.pipeline, self.collection, source, part])?;
        found.map(|mut row| stamp(&mut row, 0)).transpose()
    }

    fn put(&mut self, source: &str, part: &str, stamp: &Stamp<(Key, String)>) -> Result<(), JournalError> {
        let put = "INSERT INTO contributions
                (pipeline, collection, source, part, version, row, digest, partition_key, id, body)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT (pipeline, collection, source, part) DO UPDATE SET version = excluded.version,
                row = excluded.row, digest = excluded.digest, partition_key = excluded.partition_key, id = excluded.id,
                body = excluded.body";
        let Stamp { version, row, pipeline: digest, body } = stamp;
        let ((partition, id), body) = match body {
            Some(((partition, id), body)) => ((partition.as_str(), id.as_str()), Some(body.as_str())),
            None => (("", ""), None),
        };
        let (pipeline, collection, row) = (self.pipeline, self.collection, row.cast_signed());
        let given = values![pipeline, collection, source, part, *version, row, *digest, partition, id, body];
        self.db.execute(put, given).map(drop)
    }

    /// A total, as it is before it is changed.
    fn total(&mut self, key: &Key) -> Result<&mut Total, JournalError> {
        if !self.open.contains_key(key) {
            let find = "SELECT state, version FROM totals
                WHERE pipeline = $1 AND collection = $2 AND partition_key = $3 AND id = $4";
            let found = self.db.first(find, values![self.pipeline, self.collection, key.0.as_str(), key.1.as_str()])?;
            let total = match found {
                None => Total { sums: Sums::new(self.totals), version: i64::MIN, is_changed: false },
                Some(mut row) => Total { sums: sums(&row.text(0)?)?, version: row.integer(1)?, is_changed: false },
            };
            self.open.insert(key.clone(), total);
        }
        self.open.get_mut(key).ok_or_else(|| JournalError::Answer("a total is gone".into()))
    }

    fn add(&mut self, key: &Key, body: &Map<String, Value>, at: &At) -> Result<(), JournalError> {
        let totals = self.totals;
        let total = self.total(key)?;
        total.sums.add(totals, body, at);
        total.is_changed = true;
        Ok(())
    }

    fn remove(&mut self, key: &Key, body: &str, at: &At) -> Result<(), JournalError> {
        let (body, totals) = (body_of(body)?, self.totals);
        let total = self.total(key)?;
        total.sums.remove(totals, &body, at);
        total.is_changed = true;
        Ok(())
    }

    /// All contributions to a total, added up.
    fn added_up(&mut self, key: &Key) -> Result<Sums, JournalError> {
        let mut sums = Sums::new(self.totals);
        let (mut source, mut part) = (String::new(), String::new());
        let next = "SELECT source, part, version, row, digest, partition_key, id, body FROM contributions
            WHERE pipeline = $1 AND collection = $2 AND partition_key = $3 AND id = $4 AND (source, part) > ($5, $6)
                AND body IS NOT NULL
            ORDER BY source, part LIMIT $7";
        loop {
            let (pipeline, collection) = (self.pipeline, self.collection);
            let (partition, id) = (key.0.as_str(), key.1.as_str());
            let asked = values![pipeline, collection, partition, id, source.as_str(), part.as_str(), AT_ONCE];
            let found = self.db.query(next, asked)?;
            if found.is_empty() {
                return Ok(sums);
            }
            for mut row in found {
                (source, part) = (row.text(0)?, row.text(1)?);
                let stamp = stamp(&mut row, 2)?;
                if let Some((_, body)) = &stamp.body {
                    sums.add(self.totals, &body_of(body)?, &place(&stamp, &source, &part));
                }
            }
        }
    }

    /// Keeps a total as it is now, to be written.
    fn save(&mut self, key: &Key, total: &Total) -> Result<(), JournalError> {
        let save = "INSERT INTO totals (pipeline, collection, partition_key, id, state, version, pending)
            VALUES ($1, $2, $3, $4, $5, $6, 1)
            ON CONFLICT (pipeline, collection, partition_key, id) DO UPDATE SET state = excluded.state,
                version = excluded.version, pending = 1";
        let state = serde_json::to_string(&total.sums).map_err(|err| JournalError::Answer(err.to_string()))?;
        // By the clock, so that a journal that is new overrules what another has left.
        let version = total.version.saturating_add(1).max(self.now);
        let (pipeline, collection) = (self.pipeline, self.collection);
        let given = values![pipeline, collection, key.0.as_str(), key.1.as_str(), state.as_str(), version];
        self.db.execute(save, given).map(drop)
    }

    /// Keeps what was changed. What was looked at is written again as well: the database may be another one.
    fn close(mut self) -> Result<(), JournalError> {
        for (key, mut total) in std::mem::take(&mut self.open) {
            if !total.sums.is_known() {
                total.sums = self.added_up(&key)?;
            }
            if total.is_changed {
                self.save(&key, &total)?;
                continue;
            }
            let again = "UPDATE totals SET pending = 1
                WHERE pipeline = $1 AND collection = $2 AND partition_key = $3 AND id = $4";
            self.db.execute(again, values![self.pipeline, self.collection, key.0.as_str(), key.1.as_str()])?;
        }
        Ok(())
    }
}

fn sums(state: &str) -> Result<Sums, JournalError> {
    serde_json::from_str(state).map_err(|err| JournalError::Answer(format!("a total is none: {err}")))
}
