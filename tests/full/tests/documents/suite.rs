//! What every document database must do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use wasmill_runtime::documents::query::Query;
use wasmill_runtime::documents::{Database, Document, DocumentCounts, Documents};
use wasmill_runtime::failure::Failure;
use wasmill_tests_full::proxy::{Fault, Proxy};

/// A running database.
pub trait Rig: Sync {
    /// A connection of its own.
    fn connect(&self) -> Arc<dyn Documents>;
    /// What is in a collection, by another client than Wasmill: partition, id, and the body without what was added.
    fn read(&self, collection: &str) -> BTreeMap<(String, String), Value>;
    /// Whether a batch of one partition is written as a whole or not at all.
    fn is_atomic(&self) -> bool;
    /// Whether a body may have a field of this name.
    fn takes(&self, _field: &str) -> bool {
        true
    }
    /// What a body becomes there.
    fn changed(&self, body: Value) -> Value {
        body
    }
}

/// One that is a server.
pub trait Served: Rig {
    /// A connection through a proxy.
    fn connect_by(&self, proxy: &Proxy) -> Arc<dyn Documents>;
    /// Where the server listens.
    fn port(&self) -> u16;
}

/// A document; its partition, id and version.
pub fn document(partition: &str, id: &str, version: i64, body: Value) -> Document {
    Document {
        id: id.into(),
        partition_key: partition.into(),
        version,
        row: 1,
        body: (!body.is_null()).then(|| body.to_string()),
    }
}

fn counts(counts: DocumentCounts) -> [u64; 6] {
    let DocumentCounts { inserted, replaced, deleted, unchanged, stale, duplicates, .. } = counts;
    [inserted, replaced, deleted, unchanged, stale, duplicates]
}

/// Bodies by partition and id.
fn bodies(documents: &[Document]) -> BTreeMap<(String, String), Value> {
    let body = |document: &Document| serde_json::from_str(document.body.as_deref().unwrap()).unwrap();
    documents.iter().map(|one| ((one.partition_key.clone(), one.id.clone()), body(one))).collect()
}

/// Random writes come to what they come to in the embedded database, by every number, and do so again from other
/// connections and in another order.
pub fn the_newest_write_wins(rig: &dyn Rig, collection: &str, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let embedded = Database::in_memory().unwrap();
    let mut store = rig.connect();
    let mut all: Vec<(i64, Vec<Document>)> = Vec::new();
    for round in 0..30 {
        if random.random_bool(0.2) {
            store = rig.connect();
        }
        let pipeline = if random.random_bool(0.8) { 1 } else { i64::MIN + 3 };
        // Of one version and row there is one body, so that the order in which they come does not matter.
        let write = |random: &mut StdRng| {
            let (version, row): (i64, i64) = (random.random_range(0..6), random.random_range(1..4));
            let body =
                if (version * 5 + row) % 6 == 0 { Value::Null } else { json!({"value": (version * 7 + row) % 3}) };
            let id = format!("id {}", random.random_range(0..8));
            let partition = ["", "a", "ü 1"][random.random_range(0..3)];
            Document { row: row.unsigned_abs(), ..document(partition, &id, version, body) }
        };
        let documents: Vec<Document> = (0..random.random_range(1..40)).map(|_| write(&mut random)).collect();
        let expected = counts(embedded.upsert_batch(collection, pipeline, &documents).unwrap());
        let found = counts(store.upsert_batch(collection, pipeline, &documents).unwrap());
        assert_eq!(found, expected, "round {round} of seed {seed}: {documents:#?}");
        all.push((pipeline, documents));
    }
    assert_eq!(rig.read(collection), embedded_bodies(&embedded, collection), "seed {seed}");
    // What was written with the same version by two pipelines depends on who came last; the rest does not.
    let mut of_one: Vec<_> = all.into_iter().filter(|(pipeline, _)| *pipeline == 1).collect();
    let other = format!("{collection}-again");
    let embedded = Database::in_memory().unwrap();
    for (_, documents) in &of_one {
        embedded.upsert_batch(&other, 1, documents).unwrap();
    }
    of_one.shuffle(&mut random);
    for (_, documents) in &of_one {
        store.upsert_batch(&other, 1, documents).unwrap();
    }
    assert_eq!(rig.read(&other), embedded_bodies(&embedded, &other), "seed {seed}");
}

fn embedded_bodies(database: &Database, collection: &str) -> BTreeMap<(String, String), Value> {
    let all = database.page(collection, &Query::all(10_000)).unwrap().documents;
    all.into_iter().map(|one| ((one.partition_key, one.id), serde_json::from_str(one.body.get()).unwrap())).collect()
}

/// Ids and partition keys of every character that may be in one.
pub fn every_legal_character(rig: &dyn Rig, collection: &str) {
    let characters = (' '..='~').chain("äß€中😀\u{a0}\u{200b}\u{2028}\u{feff}\u{fffd}\u{7ff}\u{e000}".chars());
    let legal = characters.filter(|character| !matches!(character, '/' | '\\' | '?' | '#'));
    let mut documents: Vec<Document> = legal
        .enumerate()
        .map(|(n, character)| document("all", &format!("x{character}y"), 1, json!({"n": n})))
        .collect();
    let texts = ["%2F", "a'b\"c`", "..", ".", "x&y=z;--", "SELECT * FROM c", "{\"a\":1}", "\u{1F468}\u{200d}\u{1F469}"];
    documents.extend(texts.iter().map(|text| document("all", text, 1, json!({"text": text}))));
    documents.extend(texts.iter().map(|text| document(text, "same", 1, json!({"text": text}))));
    documents.push(document("all", &"i".repeat(1_023), 1, json!({})));
    let store = rig.connect();
    let count = documents.len() as u64;
    assert_eq!(counts(store.upsert_batch(collection, 1, &documents).unwrap()), [count, 0, 0, 0, 0, 0]);
    assert_eq!(rig.read(collection), bodies(&documents));
    // They are found by what they are called.
    assert_eq!(counts(store.upsert_batch(collection, 1, &documents).unwrap()), [0, 0, 0, count, 0, 0]);
    documents.iter_mut().for_each(|document| document.version = 2);
    documents.iter_mut().for_each(|document| document.body = Some("{\"new\":true}".into()));
    assert_eq!(counts(store.upsert_batch(collection, 1, &documents).unwrap()), [0, count, 0, 0, 0, 0]);
    assert_eq!(rig.read(collection), bodies(&documents));
}

/// Bodies of many forms, also of nearly two million bytes.
pub fn bodies_of_all_forms(rig: &dyn Rig, collection: &str) {
    let deep = (0..60).fold(json!(1), |inner, _| json!({"in": inner}));
    let mut names = json!({"version": 7, "row": 1, "body": "b", "_id_": "x", "$type": "t"});
    names.as_object_mut().unwrap().retain(|name, _| rig.takes(name));
    let documents = [
        document("p", "large", 1, json!({"text": "ü".repeat(950_000)})),
        document("p", "large 2", 1, json!({"text": "x".repeat(1_900_000)})),
        document("p", "empty", 1, json!({})),
        document("p", "deep", 1, deep),
        document(
            "p",
            "values",
            1,
            json!({"a": null, "b": [1, 2.5, -0.125, 1e20, 9_007_199_254_740_991_i64], "c": {"": ""},
            "d": "\u{0}\u{1}\u{7f}\"\\/\u{2028}"}),
        ),
        document("p", "names", 1, names),
    ];
    let store = rig.connect();
    assert_eq!(counts(store.upsert_batch(collection, 1, &documents).unwrap()), [6, 0, 0, 0, 0, 0]);
    let changed = bodies(&documents).into_iter().map(|(key, body)| (key, rig.changed(body))).collect();
    assert_eq!(rig.read(collection), changed);
    assert_eq!(counts(store.upsert_batch(collection, 1, &documents).unwrap()), [0, 0, 0, 6, 0, 0]);
}

/// As many as a function writes at once, of one partition and of many.
pub fn many_at_once(rig: &dyn Rig, collection: &str) {
    let store = rig.connect();
    let of = |partitions: usize, version| -> Vec<Document> {
        let one = |n: usize| {
            document(
                &format!("p{}", n % partitions),
                &format!("{partitions} {n}"),
                version,
                json!({"n": n, "v": version}),
            )
        };
        (0..2_000).map(one).collect()
    };
    for partitions in [1, 7, 500] {
        let documents = of(partitions, 1);
        assert_eq!(counts(store.upsert_batch(collection, 1, &documents).unwrap()), [2_000, 0, 0, 0, 0, 0]);
    }
    for partitions in [1, 7, 500] {
        let documents = of(partitions, 2);
        assert_eq!(counts(store.upsert_batch(collection, 1, &documents).unwrap()), [0, 2_000, 0, 0, 0, 0]);
    }
    let expected: Vec<Document> = [1, 7, 500].into_iter().flat_map(|partitions| of(partitions, 2)).collect();
    assert_eq!(rig.read(collection), bodies(&expected));
}

/// Several that write the same documents at the same time.
pub fn several_at_once(rig: &dyn Rig, collection: &str) {
    std::thread::scope(|scope| {
        for writer in 0..4_u64 {
            scope.spawn(move || {
                let store = rig.connect();
                let mut random = StdRng::seed_from_u64(writer);
                let mut versions: Vec<i64> = (0..12).collect();
                versions.shuffle(&mut random);
                for version in versions {
                    let documents: Vec<Document> =
                        (0..20).map(|n| document("p", &format!("{n}"), version, json!({"version": version}))).collect();
                    // Who loses against all others again and again is told to come back.
                    while let Err(failure) = store.upsert_batch(collection, 1, &documents) {
                        assert!(matches!(failure, Failure::Retry(_)), "{failure}");
                    }
                }
            });
        }
    });
    let found = rig.read(collection);
    assert_eq!(found.len(), 20);
    assert!(found.values().all(|body| *body == json!({"version": 11})), "{found:?}");
}

/// Connections that are refused, cut anywhere, and silent: what was written again is there once.
pub fn broken_connections(rig: &dyn Served, collection: &str) {
    let proxy = Proxy::start(rig.port());
    let mut faults = vec![Fault::Refused, Fault::Silence(Duration::from_millis(300))];
    for bytes in [0, 1, 40, 300, 1_000, 5_000] {
        faults.extend([Fault::InRequest(bytes), Fault::InAnswer(bytes)]);
    }
    let store = rig.connect_by(&proxy);
    let mut expected = Vec::new();
    for (n, fault) in faults.into_iter().enumerate() {
        let documents: Vec<Document> =
            (0..50).map(|of| document(&format!("p{}", of % 2), &format!("{n} {of}"), 1, json!({"n": n}))).collect();
        // A connection that was never used is one that is made.
        let store = if fault == Fault::Refused { rig.connect_by(&proxy) } else { store.clone() };
        proxy.breaks(fault);
        let mut attempts = 0;
        loop {
            attempts += 1;
            match store.upsert_batch(collection, 1, &documents) {
                Ok(_) => break,
                Err(Failure::Retry(_)) if attempts < 20 => {}
                Err(failure) => panic!("{fault:?}: {failure}"),
            }
        }
        assert!(!proxy.is_waiting(), "{fault:?} never came");
        assert_eq!(counts(store.upsert_batch(collection, 1, &documents).unwrap()), [0, 0, 0, 50, 0, 0], "{fault:?}");
        expected.extend(documents);
    }
    assert_eq!(rig.read(collection), bodies(&expected));
}

/// A batch of one partition that cannot be written as a whole changes nothing, where that is promised.
pub fn all_or_nothing(rig: &dyn Rig, collection: &str, refused: Document) {
    let store = rig.connect();
    store.upsert_batch(collection, 1, &[]).unwrap();
    let documents = [document("p", "a", 1, json!({"n": 1})), refused, document("p", "b", 1, json!({"n": 2}))];
    let failure = store.upsert_batch(collection, 1, &documents).unwrap_err();
    assert!(matches!(failure, Failure::Reject(_)), "{failure}");
    if rig.is_atomic() {
        assert_eq!(rig.read(collection), BTreeMap::new());
    }
}
