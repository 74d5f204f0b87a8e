//! What every document database must do in which documents expire and that can be read.

use serde_json::{Value, json};
use wasmill_runtime::documents::query::{Filter, Key, Query};
use wasmill_runtime::documents::{Document, Documents, REMEMBERED_SECONDS, ReadDocuments};

use crate::suite::document;

/// After how many seconds documents of the collection expire.
pub const TTL: u32 = 60;

/// A collection.
pub struct Case<'a> {
    /// Written to.
    pub store: &'a dyn Documents,
    /// Read.
    pub reader: &'a dyn ReadDocuments,
    /// Its name.
    pub collection: &'a str,
    /// Lets so many seconds pass.
    pub pass: &'a dyn Fn(i64),
}

impl Case<'_> {
    /// Inserted, replaced, deleted, unchanged, stale.
    fn write(&self, documents: &[Document]) -> [u64; 5] {
        let counts = self.store.upsert_batch(self.collection, 1, documents).unwrap();
        [counts.inserted, counts.replaced, counts.deleted, counts.unchanged, counts.stale]
    }

    /// The ids of what is there, by everything that can be asked.
    fn ids(&self) -> Vec<String> {
        let Self { reader, collection, .. } = self;
        let ids = |query: Query| {
            let mut ids: Vec<String> = query.documents(*reader, collection).map(|one| one.unwrap().id).collect();
            ids.sort();
            ids
        };
        let found = ids(Query::all(2));
        assert_eq!(ids(Query { order: Some("n".parse().unwrap()), descending: true, ..Query::all(100) }), found);
        assert_eq!(reader.count(collection, &Filter::default()).unwrap(), found.len() as u64);
        let keys = ["a", "b", "c", "d", "e"].map(|id| Key { partition_key: "p".into(), id: id.into() });
        let got: Vec<String> = reader.get(collection, &keys).unwrap().into_iter().flatten().map(|one| one.id).collect();
        let known = found.iter().filter(|id| keys.iter().any(|key| key.id == **id));
        assert_eq!(got, known.cloned().collect::<Vec<_>>());
        found
    }

    /// What changed after a position: ids, and whether each is there.
    fn changes(&self, after: i64) -> Vec<(String, bool)> {
        let changes = self.reader.changes(self.collection, after, None, 1000).unwrap();
        changes.documents.into_iter().map(|one| (one.key.id, one.body.is_some())).collect()
    }

    fn position(&self) -> i64 {
        self.reader.position(self.collection).unwrap()
    }

    fn forgotten(&self) -> i64 {
        self.reader.forgotten(self.collection).unwrap()
    }
}

fn some(id: &str, version: i64, n: i64) -> Document {
    document("p", id, version, json!({"n": n}))
}

fn at(ids: &[&str], is_there: bool) -> Vec<(String, bool)> {
    ids.iter().map(|id| ((*id).to_owned(), is_there)).collect()
}

/// Documents expire, are removed with a change, and are forgotten in the end.
pub fn documents_expire_and_are_forgotten(case: &Case<'_>) {
    assert_eq!(case.write(&["a", "b", "c", "d", "e"].map(|id| some(id, 1, 1))), [5, 0, 0, 0, 0]);
    (case.pass)(30);
    // A greater version is written again, also if it changes nothing; the same once more is not.
    assert_eq!(case.write(&[some("b", 2, 2), some("c", 2, 1), some("a", 1, 1)]), [0, 1, 0, 2, 0]);
    (case.pass)(29);
    let before = case.position();
    assert_eq!(case.ids(), ["a", "b", "c", "d", "e"]);
    assert!(!case.store.sweep().unwrap());
    assert_eq!(case.position(), before);
    (case.pass)(1);
    assert_eq!(case.ids(), ["b", "c"]);
    let all = case.changes(0);
    assert_eq!(all.iter().filter(|(_, is_there)| *is_there).map(|(id, _)| id).collect::<Vec<_>>(), ["c", "b"]);

    // Before the sweep comes it is as after it: what is gone is neither replaced nor deleted once more, but its version counts.
    assert_eq!(case.write(&[some("d", 1, 1), document("p", "e", 2, Value::Null)]), [1, 0, 0, 1, 0]);
    assert_eq!(case.changes(before), [at(&["d"], true), at(&["e"], false)].concat());
    assert_eq!(case.write(&[some("a", 0, 1)]), [0, 0, 0, 0, 1]);
    let written = case.position();
    assert!(!case.store.sweep().unwrap());
    assert_eq!(case.changes(written), at(&["a"], false));
    assert_eq!(case.ids(), ["b", "c", "d"]);
    let swept = case.position();
    assert!(!case.store.sweep().unwrap());
    assert_eq!(case.position(), swept, "there is nothing more");
    assert_eq!(case.write(&[some("a", 0, 1)]), [0, 0, 0, 0, 1]);
    assert_eq!(case.write(&[some("a", 1, 1)]), [1, 0, 0, 0, 0], "what is run again brings it back");
    assert_eq!(case.ids(), ["a", "b", "c", "d"]);

    // All that is left goes within the next minute.
    (case.pass)(i64::from(TTL));
    let position = case.position();
    assert!(!case.store.sweep().unwrap());
    let mut gone = case.changes(position);
    gone.sort();
    assert_eq!(gone, at(&["a", "b", "c", "d"], false));
    assert!(case.ids().is_empty());
    let last = case.position();
    (case.pass)(i64::from(REMEMBERED_SECONDS) - i64::from(TTL) - 1);
    assert!(!case.store.sweep().unwrap());
    assert_eq!(case.changes(before).len(), 5, "who was away for less than that is told");
    assert_eq!(case.forgotten(), 0);
    (case.pass)(1);
    assert!(!case.store.sweep().unwrap());
    assert!(case.forgotten() > before && case.forgotten() < position, "only `e` was deleted so long ago");
    (case.pass)(i64::from(TTL));
    assert!(!case.store.sweep().unwrap());
    let changes = case.reader.changes(case.collection, before, None, 10).unwrap();
    assert_eq!((changes.documents.len(), changes.position, changes.forgotten), (0, last, last));
    assert_eq!((case.position(), case.forgotten()), (last, last), "positions do not go back");
    assert_eq!(case.write(&[some("a", 0, 1)]), [1, 0, 0, 0, 0], "nothing remembers it");
    assert!(case.position() > last);
    assert_eq!(case.changes(last), at(&["a"], true));
}

/// More than are swept at once are swept one part after the other.
pub fn many_expire(case: &Case<'_>) {
    let many: Vec<Document> = (0..2_500).map(|n| some(&format!("m{n}"), 1, n)).collect();
    case.write(&many);
    (case.pass)(i64::from(TTL));
    let position = case.position();
    let sweeps = (0..10).take_while(|_| case.store.sweep().unwrap()).count();
    assert_eq!(sweeps, 2);
    assert_eq!(case.position(), position + 2_500);
    assert!(case.ids().is_empty());
    (case.pass)(i64::from(REMEMBERED_SECONDS));
    while case.store.sweep().unwrap() {}
    assert!(case.changes(0).is_empty());
    assert_eq!(case.forgotten(), position + 2_500);
}
