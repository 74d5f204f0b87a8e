//! The adapter on SQLite by itself, of which a statement is run as Spin runs it. The component is run in `tests/full`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use rusqlite::types::{Value as Own, ValueRef};
use rusqlite::{Connection, params_from_iter};
use serde_json::json;
use wasmill_sdk::{Document, Failure, Written};
use wasmill_settle::{Counts, Stamp, There, settle};

use super::Spin;
use super::sql::{Sql, SqlError, Value};

/// One connection that all share, as Spin's components do.
type Shared = Arc<Mutex<Connection>>;

/// A connection with what is to happen to it, and what was.
struct Rig {
    connection: Shared,
    /// Done one after the other, each just before documents are written.
    before_writes: VecDeque<Box<dyn FnMut()>>,
    /// What statements fail with, in place of being run.
    failures: VecDeque<Option<SqlError>>,
    opened: u32,
    asked: Vec<String>,
}

impl Sql for Rig {
    fn open(&mut self, database: &str) -> Result<(), SqlError> {
        match database {
            "default" => self.opened += 1,
            "theirs" => return Err(SqlError::AccessDenied),
            _ => return Err(SqlError::NoSuchDatabase),
        }
        Ok(())
    }

    fn execute(&mut self, statement: &str, parameters: Vec<Value>) -> Result<Vec<Vec<Value>>, SqlError> {
        assert!(self.opened > 0);
        self.asked.push(statement.to_owned());
        if let Some(failure) = self.failures.pop_front().flatten() {
            return Err(failure);
        }
        if statement.contains("INSERT OR REPLACE")
            && let Some(mut first) = self.before_writes.pop_front()
        {
            first();
        }
        execute(&self.connection.lock().unwrap(), statement, parameters).map_err(|err| SqlError::Io(err.to_string()))
    }
}

fn execute(connection: &Connection, statement: &str, parameters: Vec<Value>) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut statement = connection.prepare_cached(statement)?;
    let columns = statement.column_count();
    let parameters = parameters.into_iter().map(|value| match value {
        Value::Integer(value) => Own::Integer(value),
        Value::Real(value) => Own::Real(value),
        Value::Text(value) => Own::Text(value),
        Value::Blob(value) => Own::Blob(value),
        Value::Null => Own::Null,
    });
    let value = |value: ValueRef<'_>| match value {
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(value) => Value::Text(String::from_utf8(value.to_vec()).unwrap()),
        ValueRef::Blob(value) => Value::Blob(value.to_vec()),
        ValueRef::Null => Value::Null,
    };
    let rows = statement.query_map(params_from_iter(parameters), |row| {
        (0..columns).map(|column| Ok(value(row.get_ref(column)?))).collect::<rusqlite::Result<Vec<_>>>()
    })?;
    rows.collect()
}

fn in_memory() -> Shared {
    Arc::new(Mutex::new(Connection::open_in_memory().unwrap()))
}

fn adapter(connection: &Shared, pipeline: i64) -> Spin<Rig> {
    let config = wasmill_sdk::config::parse(&json!({"pipeline": pipeline}).to_string()).unwrap();
    let rig = Rig {
        connection: connection.clone(),
        before_writes: VecDeque::new(),
        failures: VecDeque::new(),
        opened: 0,
        asked: Vec::new(),
    };
    Spin::new(config, rig).unwrap()
}

fn document(partition: &str, id: &str, version: i64, row: u64, body: &str) -> Document {
    Document {
        id: id.into(),
        partition_key: partition.into(),
        version,
        row,
        body: (!body.is_empty()).then(|| body.to_owned()),
    }
}

/// Inserted, replaced, deleted, unchanged, stale, duplicates.
fn counts(written: Written) -> [u64; 6] {
    let Written { inserted, replaced, deleted, unchanged, stale, duplicates, charge } = written;
    assert_eq!(charge, 0.0);
    [inserted, replaced, deleted, unchanged, stale, duplicates]
}

/// A row of the table: partition, id, sequence, version, row, pipeline, body.
type Row = (String, String, i64, i64, i64, i64, Option<String>);

fn rows(connection: &Shared) -> Vec<Row> {
    let connection = connection.lock().unwrap();
    let mut statement = connection
        .prepare(
            "SELECT partition_key, id, sequence, version, row, pipeline, body FROM wasmill_documents ORDER BY sequence",
        )
        .unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

/// What is to be read: partition, id, body.
fn bodies(connection: &Shared) -> BTreeMap<(String, String), String> {
    rows(connection).into_iter().filter_map(|row| Some(((row.0, row.1), row.6?))).collect()
}

/// Numbers that are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

#[test]
fn random_batches_come_to_what_one_write_after_the_other_comes_to() {
    for seed in 0..30 {
        let mut random = Random(seed);
        let connection = in_memory();
        let mut model: BTreeMap<(String, String), Stamp<String>> = BTreeMap::new();
        for _ in 0..30 {
            let pipeline = [1, i64::MIN][usize::try_from(random.below(2)).unwrap()];
            let documents: Vec<Document> = (0..random.below(30))
                .map(|_| {
                    let body = ["", "{\"n\":1}", "{\"n\":2}"][usize::try_from(random.below(3)).unwrap()];
                    let (partition, id) = (["", "p"][usize::try_from(random.below(2)).unwrap()], random.below(5));
                    document(partition, &id.to_string(), random.below(4).cast_signed(), random.below(3), body)
                })
                .collect();
            let mut expected = Counts::default();
            for one in &documents {
                let key = (one.partition_key.clone(), one.id.clone());
                let there = model.get(&key).cloned().map_or(There::Nothing, There::Written);
                let new = Stamp { version: one.version, row: one.row, pipeline, body: one.body.clone() };
                let settled = settle(there, [(0, new)]);
                expected += settled.counts;
                if let Some((_, stamp)) = settled.write {
                    model.insert(key, stamp);
                }
            }
            let written = adapter(&connection, pipeline).write("c", &documents).unwrap();
            assert_eq!(counts(written), counts(crate::stamp::written(expected, 0.0)), "seed {seed}: {documents:?}");
            let there: BTreeMap<_, _> = rows(&connection)
                .into_iter()
                .map(|(partition, id, _, version, row, pipeline, body)| {
                    ((partition, id), Stamp { version, row: row.cast_unsigned(), pipeline, body })
                })
                .collect();
            assert_eq!(there, model, "seed {seed}");
        }
    }
}

#[test]
fn the_sequence_grows_with_every_change_and_with_nothing_else() {
    let connection = in_memory();
    let write = |pipeline, documents: &[Document]| {
        adapter(&connection, pipeline).write("c", documents).unwrap();
        rows(&connection).into_iter().map(|row| (row.1, row.2)).collect::<Vec<_>>()
    };
    let there = |expect: &[(&str, i64)]| -> Vec<(String, i64)> {
        expect.iter().map(|(id, sequence)| ((*id).to_owned(), *sequence)).collect()
    };
    let [a, b] = ["a", "b"].map(|id| document("p", id, 1, 1, "{}"));
    assert_eq!(write(1, &[a.clone(), b.clone()]), there(&[("a", 1), ("b", 2)]));
    assert_eq!(write(1, &[a.clone(), b.clone()]), there(&[("a", 1), ("b", 2)]), "a replay");
    assert_eq!(write(2, &[document("p", "a", 5, 1, "{}")]), there(&[("a", 1), ("b", 2)]), "a newer one, the same body");
    assert_eq!(rows(&connection)[0].3, 5);
    assert_eq!(write(2, &[document("p", "a", 6, 1, "{\"n\":1}")]), there(&[("b", 2), ("a", 3)]));
    assert_eq!(write(2, &[document("p", "a", 7, 1, "")]), there(&[("b", 2), ("a", 4)]), "a deletion");
    // What an application removes does not make room for the number of another change.
    connection.lock().unwrap().execute("DELETE FROM wasmill_documents WHERE id = 'a'", []).unwrap();
    assert_eq!(write(2, &[document("p", "c", 1, 1, "{}")]), there(&[("b", 2), ("c", 5)]));
}

#[test]
fn every_character_of_a_key_and_every_bit_of_a_number_is_kept() {
    let connection = in_memory();
    let texts = ["", "\u{0}", "a\u{0}b", "a\u{0}c", "a", "'\"`;--", "\u{1F600}", "e\u{301}", "é", "%", "\u{feff}x"];
    let mut documents: Vec<Document> = texts.iter().map(|text| document(text, "x", 1, 1, "{}")).collect();
    documents.extend(texts.iter().filter(|text| !text.is_empty()).map(|text| document("p", text, 1, 1, "{}")));
    documents.push(document("p", "text", 1, 1, "{\"a\\u0000b\":\"c\\u0000\\u2028\"}"));
    let numbers = [(i64::MIN, 0), (i64::MAX, u64::MAX), ((1 << 53) + 1, (1 << 63) + 1)];
    documents.extend(numbers.iter().map(|(version, row)| document("n", &row.to_string(), *version, *row, "{}")));
    let all = documents.len() as u64;
    let mut spin = adapter(&connection, i64::MIN);
    assert_eq!(counts(spin.write("c\u{0}d", &documents).unwrap()), [all, 0, 0, 0, 0, 0]);
    assert_eq!(counts(spin.write("c\u{0}d", &documents).unwrap()), [0, 0, 0, all, 0, 0]);
    assert_eq!(counts(spin.write("c", &documents).unwrap()), [all, 0, 0, 0, 0, 0]);
    for (one, row) in documents.iter().zip(rows(&connection)) {
        let of_row = (row.0, row.1, row.3, row.4.cast_unsigned(), row.5, row.6);
        let Document { partition_key, id, version, row, body } = one.clone();
        assert_eq!(of_row, (partition_key, id, version, row, i64::MIN, body));
    }
    // One less, in the last bit.
    let less: Vec<Document> =
        documents.iter().filter(|one| one.row > 0).map(|one| Document { row: one.row - 1, ..one.clone() }).collect();
    assert_eq!(counts(spin.write("c", &less).unwrap()), [0, 0, 0, 0, less.len() as u64, less.len() as u64]);
}

#[test]
fn a_batch_is_one_statement_that_reads_and_one_that_writes() {
    let connection = in_memory();
    let mut spin = adapter(&connection, 1);
    let documents = |count: usize, version| -> Vec<Document> {
        (0..count)
            .map(|n| document(&format!("p{}", n % 7), &n.to_string(), version, 1, &json!({"v": version}).to_string()))
            .collect()
    };
    assert_eq!(spin.write("c", &[]).unwrap().inserted, 0);
    spin.sql.asked.clear();
    assert_eq!(counts(spin.write("c", &documents(2_000, 1)).unwrap()), [2_000, 0, 0, 0, 0, 0]);
    assert_eq!(spin.sql.asked.len(), 2);
    assert_eq!(counts(spin.write("c", &documents(2_000, 2)).unwrap()), [0, 2_000, 0, 0, 0, 0]);
    assert_eq!(spin.sql.asked.len(), 4);
    assert_eq!(counts(spin.write("c", &documents(2_000, 2)).unwrap()), [0, 0, 0, 2_000, 0, 0]);
    assert_eq!(spin.sql.asked.len(), 5, "a replay only looks");
    // Neither reads what it does not need.
    for statement in &spin.sql.asked[..2] {
        let connection = connection.lock().unwrap();
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let plan =
            plan.raw_query().mapped(|row| row.get::<_, String>(3)).map(Result::unwrap).collect::<Vec<_>>().join("; ");
        assert!(
            plan.contains("SEARCH there USING INDEX") && plan.contains("(collection=? AND partition_key=? AND id=?)"),
            "{plan}"
        );
        assert!(!plan.contains("SCAN there") && !plan.contains("AUTOMATIC"), "{plan}");
    }
    assert_eq!(counts(spin.write("c", &documents(4_500, 2)).unwrap()), [2_500, 0, 0, 2_000, 0, 0]);
    assert_eq!(bodies(&connection).len(), 4_500);
}

#[test]
fn what_changed_since_it_was_read_is_settled_again() {
    let mine = || [document("p", "a", 5, 1, "{\"mine\":1}"), document("p", "b", 5, 1, "{\"mine\":2}")];
    let newer = "{\"theirs\":1}";
    // What is there before, what comes in between, the counts, and the body of `a` in the end.
    let none = None::<(i64, i64, &str)>;
    for (before, between, expect, body) in [
        (none, (1, 9, newer), [1, 0, 0, 0, 1, 0], newer),
        (none, (1, 4, newer), [1, 1, 0, 0, 0, 0], "{\"mine\":1}"),
        (none, (1, 9, ""), [1, 0, 0, 0, 1, 0], ""),
        (none, (2, 5, newer), [1, 1, 0, 0, 0, 0], "{\"mine\":1}"),
        (none, (1, 5, "{\"mine\":1}"), [1, 0, 0, 1, 0, 0], "{\"mine\":1}"),
        (Some((1, 1, "{}")), (1, 9, newer), [1, 0, 0, 0, 1, 0], newer),
        (Some((1, 1, "{}")), (1, 3, "{}"), [1, 1, 0, 0, 0, 0], "{\"mine\":1}"),
        (Some((1, 1, "{}")), (1, 3, ""), [2, 0, 0, 0, 0, 0], "{\"mine\":1}"),
        (Some((1, 1, "")), (1, 9, newer), [1, 0, 0, 0, 1, 0], newer),
        (Some((1, 1, "{\"mine\":1}")), (1, 9, "{\"mine\":1}"), [1, 0, 0, 0, 1, 0], "{\"mine\":1}"),
    ] {
        let connection = in_memory();
        let theirs = |(pipeline, version, body): (i64, i64, &str)| {
            adapter(&connection, pipeline).write("c", &[document("p", "a", version, 1, body)]).unwrap();
        };
        before.into_iter().for_each(&theirs);
        let mut spin = adapter(&connection, 1);
        let other = connection.clone();
        spin.sql.before_writes.push_back(Box::new(move || {
            let (pipeline, version, body) = between;
            adapter(&other, pipeline).write("c", &[document("p", "a", version, 1, body)]).unwrap();
        }));
        let what = format!("{before:?} {between:?}");
        assert_eq!(counts(spin.write("c", &mine()).unwrap()), expect, "{what}");
        let there = bodies(&connection);
        let key = |id: &str| ("p".to_owned(), id.to_owned());
        assert_eq!(there.get(&key("a")).map_or("", String::as_str), body, "{what}");
        assert_eq!(there[&key("b")], "{\"mine\":2}", "{what}");
    }
}

#[test]
fn what_changes_again_and_again_is_to_be_tried_again() {
    let connection = in_memory();
    let mut spin = adapter(&connection, 1);
    for round in 0..20 {
        let other = connection.clone();
        spin.sql.before_writes.push_back(Box::new(move || {
            adapter(&other, 1).write("c", &[document("p", "a", round, 1, &json!({"n": round}).to_string())]).unwrap();
        }));
    }
    let failure = spin.write("c", &[document("p", "a", 100, 1, "{}")]).unwrap_err();
    assert!(matches!(&failure, Failure::Retry(why) if why.contains("others write the same documents")), "{failure:?}");
    assert_eq!(spin.sql.before_writes.len(), 4, "sixteen rounds");
    spin.sql.before_writes.clear();
    assert_eq!(counts(spin.write("c", &[document("p", "a", 100, 1, "{}")]).unwrap()), [0, 1, 0, 0, 0, 0]);
}

/// Writers with a connection each, which may be the same one. A trigger notes every write.
fn several_at_once(connections: &[Shared]) {
    adapter(&connections[0], 1).write("c", &[]).unwrap();
    let setup = "CREATE TABLE log (id TEXT, version INTEGER, body TEXT);
        CREATE TRIGGER noted AFTER INSERT ON wasmill_documents BEGIN
            INSERT INTO log VALUES (NEW.id, NEW.version, NEW.body);
        END;";
    connections[0].lock().unwrap().execute_batch(setup).unwrap();
    let totals: Vec<[u64; 6]> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0_u64..)
            .zip(connections)
            .map(|(seed, connection)| {
                scope.spawn(move || {
                    let mut spin = adapter(connection, 1);
                    let mut random = Random(seed);
                    let mut versions: Vec<i64> = (0..30).collect();
                    let mut total = [0; 6];
                    while !versions.is_empty() {
                        let version =
                            versions.swap_remove(usize::try_from(random.below(versions.len() as u64)).unwrap());
                        let body = if version % 5 == 3 { String::new() } else { json!({"v": version}).to_string() };
                        let documents: Vec<Document> =
                            (0..20).map(|n| document("p", &n.to_string(), version, 1, &body)).collect();
                        // Whoever loses again and again is told to come back, and so is who finds the file locked.
                        let written = loop {
                            match spin.write("c", &documents) {
                                Ok(written) => break written,
                                Err(Failure::Retry(_)) => {}
                                Err(failure) => panic!("{failure}"),
                            }
                        };
                        total.iter_mut().zip(counts(written)).for_each(|(total, count)| *total += count);
                    }
                    total
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let there = bodies(&connections[0]);
    assert!(there.len() == 20 && there.values().all(|body| body == "{\"v\":29}"), "{there:?}");
    let connection = connections[0].lock().unwrap();
    let mut log = connection.prepare("SELECT version, body FROM log WHERE id = ?1 ORDER BY rowid").unwrap();
    // Inserted, replaced, deleted, unchanged: what is noted is what was counted, but for parts of batches that were told
    // to come back, which count when they do.
    let mut noted = 0;
    for n in 0..20 {
        let writes = log.query_map([n.to_string()], |row| row.get(0)).unwrap();
        let versions: Vec<i64> = writes.map(Result::unwrap).collect();
        assert!(versions.is_sorted_by(|one, other| one < other), "an older one replaced: {versions:?}");
        noted += versions.len() as u64;
    }
    let total = |index: usize| totals.iter().map(|total| total[index]).sum::<u64>();
    assert_eq!((0..5).map(total).sum::<u64>(), connections.len() as u64 * 30 * 20, "{totals:?}");
    assert!(noted >= total(0) + total(1) + total(2), "{totals:?}");
}

#[test]
fn several_at_once_on_the_connection_that_all_share() {
    let connection = in_memory();
    several_at_once(&[(); 4].map(|()| connection.clone()));
}

#[test]
fn several_at_once_on_connections_of_their_own() {
    for mode in ["DELETE", "WAL"] {
        let folder = tempfile::tempdir().unwrap();
        let connect = || {
            let connection = Connection::open(folder.path().join("spin.db")).unwrap();
            connection.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(())).unwrap();
            connection.pragma_update(None, "synchronous", "OFF").unwrap();
            Arc::new(Mutex::new(connection))
        };
        several_at_once(&[(); 4].map(|()| connect()));
    }
}

#[test]
fn a_document_that_is_none_is_refused_and_nothing_is_written() {
    let connection = in_memory();
    for (refused, why) in [
        (document("p", "x", 1, 1, "[]"), "the body of the document `x` is not a JSON object"),
        (document("p", "x", 1, 1, "{\"a\":1"), "the body of the document `x` is not a JSON object"),
        (document("p", "x", 1, 1, "{\"a\":\"\u{0}\"}"), "the body of the document `x` is not a JSON object"),
        (document("p", "", 1, 1, "{}"), "is not of 1 to 1023 bytes"),
        (document("p", "a/b", 1, 1, "{}"), "the document id `a/b` is not of 1 to 1023 bytes"),
        (document("p", &"é".repeat(512), 1, 1, "{}"), "is not of 1 to 1023 bytes"),
    ] {
        let mut spin = adapter(&connection, 1);
        let failure = spin.write("c", &[document("p", "a", 1, 1, "{}"), refused]).unwrap_err();
        assert!(matches!(&failure, Failure::Reject(message) if message.contains(why)), "{failure:?}");
        assert!(spin.sql.asked.is_empty());
    }
}

#[test]
fn what_the_host_says_is_said_with_what_to_do() {
    let connection = in_memory();
    let failure = |database: &str| {
        let mut spin = adapter(&connection, 1);
        spin.config.database = database.to_owned();
        spin.write("c", &[]).unwrap_err()
    };
    let none = "Spin's database `none`: this host has none of that name\nhint: give `spin up` a `--runtime-config-file` with [sqlite_database.none]";
    assert_eq!(failure("none"), Failure::Other(none.into()));
    let theirs = "Spin's database `theirs`: this component may not use it\nhint: add `sqlite_databases = [\"theirs\"]` to the component in spin.toml";
    assert_eq!(failure("theirs"), Failure::Other(theirs.into()));
    let refused = |config: &str| {
        let config = wasmill_sdk::config::parse::<super::config::Config>(config);
        config.and_then(|config| config.check()).unwrap_err()
    };
    assert!(refused("{\"databse\": \"x\"}").starts_with("`databse`: unknown field `databse`"));
    assert!(refused("{\"database\": \"\"}").starts_with("`database` is empty"));
}

#[test]
fn after_a_failure_the_database_is_opened_again() {
    let connection = in_memory();
    let mut spin = adapter(&connection, 1);
    let documents = [document("p", "a", 1, 1, "{}")];
    assert_eq!(spin.write("c", &documents).unwrap().inserted, 1);
    assert_eq!(spin.sql.opened, 1);
    for failure in [SqlError::InvalidConnection, SqlError::DatabaseFull, SqlError::Io("database is locked".into())] {
        spin.sql.failures = [Some(failure)].into();
        let failure = spin.write("c", &documents).unwrap_err();
        assert!(matches!(failure, Failure::Retry(_)), "{failure:?}");
        assert_eq!(spin.write("c", &documents).unwrap().unchanged, 1);
    }
    assert_eq!(spin.sql.opened, 4);
    // Somebody removed the tables: they are made again.
    connection.lock().unwrap().execute_batch("DROP TABLE wasmill_documents; DROP TABLE wasmill_collections").unwrap();
    assert!(matches!(spin.write("c", &documents), Err(Failure::Retry(why)) if why.contains("no such table")));
    assert_eq!(spin.write("c", &documents).unwrap().inserted, 1);
}
