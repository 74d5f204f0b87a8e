//! What every document database that can be read must answer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use wasmill_runtime::documents::query::{ANSWER_BYTES, Condition, Filter, Key, Query};
use wasmill_runtime::documents::{Document, Documents, ReadDocuments};

use crate::suite::document;

/// By how many characters texts are ordered.
const SORTED_BY: usize = 256;

/// The kind of a value, in the order of kinds.
fn kind(value: Option<&Value>) -> u8 {
    match value {
        None | Some(Value::Null) => 0,
        Some(Value::Bool(_)) => 1,
        Some(Value::Number(_)) => 2,
        Some(Value::String(_)) => 3,
        Some(Value::Array(_) | Value::Object(_)) => 4,
    }
}

/// What a document is ordered by.
fn sorted(value: Option<&Value>) -> (u8, f64, String) {
    let number = match value {
        Some(Value::Bool(value)) => f64::from(u8::from(*value)),
        Some(Value::Number(value)) => value.as_f64().unwrap(),
        _ => 0.0,
    };
    let text = value.and_then(Value::as_str).unwrap_or_default().chars().take(SORTED_BY).collect();
    (kind(value), number, text)
}

fn field<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(body, |value, name| value.as_object()?.get(name))
}

/// Whether a condition as it is typed is true of a body.
fn holds(body: &Value, (path, operator, wanted): &(&str, &str, Value)) -> bool {
    let found = field(body, path);
    let is_same_kind = kind(found) == kind(Some(wanted));
    let order = match (found, wanted) {
        (Some(Value::String(found)), Value::String(wanted)) => found.partial_cmp(wanted),
        (_, Value::Null) => (kind(found) == 0).then_some(std::cmp::Ordering::Equal),
        _ => sorted(found).1.partial_cmp(&sorted(Some(wanted)).1),
    };
    let compares = |test: fn(std::cmp::Ordering) -> bool| is_same_kind && order.is_some_and(test);
    match *operator {
        "=" => compares(std::cmp::Ordering::is_eq),
        "!=" => !compares(std::cmp::Ordering::is_eq),
        "<" => compares(std::cmp::Ordering::is_lt),
        "<=" => compares(std::cmp::Ordering::is_le),
        ">" => compares(std::cmp::Ordering::is_gt),
        _ => compares(std::cmp::Ordering::is_ge),
    }
}

fn some_value(random: &mut StdRng) -> Value {
    let texts = ["", "a", "A", "ab", "ä", "中", "😀", "10", "9", "O'Hare", "%_\\"];
    match random.random_range(0..14) {
        0 => Value::Null,
        1 => json!(random.random_bool(0.5)),
        2 => json!([1, 2]),
        3 => json!({"x": 1}),
        4..=6 => json!(random.random_range(-3..4)),
        7 => json!(f64::from(random.random_range(-4..5)) / 4.0),
        8 => json!(random.random_range(i64::MAX - 3..=i64::MAX) >> 11),
        9 => json!(format!("{}{}", "long".repeat(70), random.random_range(0..3))),
        _ => json!(texts[random.random_range(0..texts.len())]),
    }
}

/// Random documents, asked for by random conditions in random orders a page at a time, are those of a plain search.
pub fn answers_are_those_of_a_plain_search(
    store: &dyn Documents,
    reader: &dyn ReadDocuments,
    collection: &str,
    seed: u64,
) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut there: BTreeMap<(String, String), Value> = BTreeMap::new();
    let mut documents = Vec::new();
    for n in 0..300 {
        let (partition, id) =
            (["", "a", "B", "ü"][random.random_range(0..4)], format!("{}", random.random_range(0..120)));
        let mut body = json!({"n": n});
        for name in ["risk", "of", "a b.c'd"] {
            if random.random_bool(0.8) {
                body[name] = some_value(&mut random);
            }
        }
        if random.random_bool(0.7) {
            body["of"] = json!({"mean": some_value(&mut random), "O'": some_value(&mut random)});
        }
        let body = if random.random_bool(0.1) { Value::Null } else { body };
        let key = (partition.to_owned(), id.clone());
        if body.is_null() {
            there.remove(&key)
        } else {
            there.insert(key, body.clone())
        };
        documents.push(document(partition, &id, n, body));
    }
    for batch in documents.chunks(37) {
        store.upsert_batch(collection, 1, batch).unwrap();
    }
    for round in 0..150 {
        let fields = ["risk", "of", "of.mean", "of.O'", "missing", "n"];
        let mut conditions = Vec::new();
        for _ in 0..random.random_range(0..3) {
            let operator = ["=", "!=", "<", "<=", ">", ">="][random.random_range(0..6)];
            let value = loop {
                let value = some_value(&mut random);
                if !value.is_array() && !value.is_object() {
                    break value;
                }
            };
            if value.is_null() && (operator == "<" || operator == ">") {
                continue;
            }
            conditions.push((fields[random.random_range(0..fields.len())], operator, value));
        }
        let partitions = match random.random_range(0..4) {
            0 => Some(vec!["a".to_owned()]),
            1 => Some(vec![String::new(), "ü".to_owned(), "none".to_owned()]),
            _ => None,
        };
        let order = random.random_bool(0.7).then(|| fields[random.random_range(0..fields.len())]);
        let descending = random.random_bool(0.5);
        let is_meant = |((partition, _), body): &(&(String, String), &Value)| {
            partitions.as_ref().is_none_or(|some| some.contains(partition))
                && conditions.iter().all(|condition| holds(body, condition))
        };
        let mut expected: Vec<_> = there.iter().filter(is_meant).collect();
        expected.sort_by(|(one, one_body), (other, other_body)| {
            let by = |body| order.map(|order| sorted(field(body, order)));
            by(one_body).partial_cmp(&by(other_body)).unwrap().then(one.cmp(other))
        });
        if descending {
            expected.reverse();
        }
        let expected: Vec<(String, String, Value)> =
            expected.into_iter().map(|((partition, id), body)| (partition.clone(), id.clone(), body.clone())).collect();

        let typed = conditions.iter().map(|(field, operator, value)| format!("{field}{operator}{value}"));
        let filter = Filter {
            partitions: partitions.clone(),
            id: None,
            conditions: typed.map(|typed| typed.parse::<Condition>().unwrap()).collect(),
        };
        let what = format!("round {round} of seed {seed}: {conditions:?} {partitions:?} {order:?} {descending}");
        assert_eq!(reader.count(collection, &filter).unwrap(), expected.len() as u64, "{what}");
        let limit = random.random_range(1..90);
        let mut query =
            Query { filter, order: order.map(|order| order.parse().unwrap()), descending, after: None, limit };
        let mut found = Vec::new();
        loop {
            let page = reader.query(collection, &query).unwrap();
            assert!(page.documents.len() <= limit as usize);
            found.extend(
                page.documents
                    .into_iter()
                    .map(|one| (one.partition_key, one.id, serde_json::from_str::<Value>(one.body.get()).unwrap())),
            );
            let Some(next) = page.next else { break };
            // As a token has it.
            query.after = Some(serde_json::from_value(serde_json::to_value(next).unwrap()).unwrap());
        }
        assert_eq!(found, expected, "{what}");
    }
    let keys: Vec<Key> =
        (0..130).map(|n| Key { partition_key: ["", "a", "B", "ü"][n % 4].to_owned(), id: n.to_string() }).collect();
    let found = reader.get(collection, &keys).unwrap();
    assert_eq!(found.len(), keys.len());
    for (key, found) in keys.into_iter().zip(found) {
        let found = found.map(|found| serde_json::from_str::<Value>(found.body.get()).unwrap());
        assert_eq!(found.as_ref(), there.get(&(key.partition_key, key.id)));
    }
    let nothing = reader.query("nothing", &Query::all(10)).unwrap();
    assert!(nothing.documents.is_empty() && nothing.next.is_none());
    assert_eq!(reader.count("nothing", &Filter::default()).unwrap(), 0);
    assert!(reader.changes("nothing", 0, None, 10).unwrap().documents.is_empty());
    assert!(reader.collections().unwrap().contains(&collection.to_owned()));
}

/// Whatever asks for large documents gets no more of them at once than there is room for, at least one, and all of them one
/// after the other.
pub fn answers_are_bounded(store: &dyn Documents, reader: &dyn ReadDocuments, collection: &str) {
    let mut random = StdRng::seed_from_u64(1);
    let sizes = [1, 9 << 20, 1 << 20, 4 << 20, 3 << 20, 1 << 20, 2 << 20, 8 << 20, 5, 5, 9 << 20, 1 << 20];
    let documents: Vec<Document> = (0..sizes.len())
        // Letters that cannot be compressed.
        .map(|n| {
            let text: String = (0..sizes[n]).map(|_| char::from(random.random_range(b'A'..=b'Z'))).collect();
            document("p", &format!("{n:02}"), 1, json!({"n": n % 5, "text": text}))
        })
        .collect();
    let mut documents = documents;
    documents.insert(4, document("p", "gone", 1, json!({})));
    store.upsert_batch(collection, 1, &documents).unwrap();
    store.upsert_batch(collection, 1, &[document("p", "gone", 2, Value::Null)]).unwrap();
    let all: Vec<String> = (0..sizes.len()).map(|n| format!("{n:02}")).collect();
    let is_bounded = |sizes: &[usize]| {
        let before: usize = sizes.iter().rev().skip(1).sum();
        assert!(before < ANSWER_BYTES, "{sizes:?}");
    };
    for (order, descending, limit) in
        [(None, false, 100), (None, true, 3), (Some("n"), true, 100), (Some("of"), false, 5)]
    {
        let order = order.map(|order| order.parse().unwrap());
        let mut query = Query { order, descending, ..Query::all(limit) };
        let (mut found, mut pages) = (Vec::new(), 0);
        loop {
            let page = reader.query(collection, &query).unwrap();
            is_bounded(&page.documents.iter().map(|one| one.body.get().len()).collect::<Vec<_>>());
            assert!(!page.documents.is_empty());
            found.extend(page.documents.into_iter().map(|one| one.id));
            pages += 1;
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        assert!(pages > 3, "{pages} pages");
        found.sort();
        assert_eq!(found, all);
        let walked = Query { after: None, ..query }.documents(reader, collection);
        assert_eq!(walked.map(|one| one.unwrap().id).collect::<std::collections::BTreeSet<_>>().len(), all.len());
    }
    let (mut found, mut position) = (Vec::new(), 0);
    loop {
        let changes = reader.changes(collection, position, None, 100).unwrap();
        let sizes = changes.documents.iter().map(|one| one.body.as_ref().map_or(0, |body| body.get().len()));
        is_bounded(&sizes.collect::<Vec<_>>());
        found.extend(changes.documents.into_iter().map(|one| one.key.id));
        assert!(changes.position > position);
        position = changes.position;
        if !changes.has_more {
            break;
        }
    }
    assert_eq!(position, reader.position(collection).unwrap());
    assert_eq!(found.pop().as_deref(), Some("gone"));
    assert_eq!(found, all);
    let keys = ["none", "gone"].into_iter().chain(all.iter().map(String::as_str)).chain(["none", "00", "07"]);
    let keys: Vec<Key> = keys.map(|id| Key { partition_key: "p".to_owned(), id: id.to_owned() }).collect();
    let mut found = Vec::new();
    while found.len() < keys.len() {
        let some = reader.get(collection, &keys[found.len()..]).unwrap();
        assert!(!some.is_empty());
        is_bounded(&some.iter().flatten().map(|one| one.body.get().len()).collect::<Vec<_>>());
        found.extend(some.into_iter().map(|one| one.map(|one| one.id)));
    }
    let there = |key: &Key| (key.id != "none" && key.id != "gone").then(|| key.id.clone());
    assert_eq!(found, keys.iter().map(there).collect::<Vec<_>>());
}

/// Whoever follows the changes while several write has in the end what is there, of all partitions or of one, whatever the
/// size of the pages.
pub fn a_feed_skips_nothing(
    connect: &(dyn Fn() -> Arc<dyn Documents> + Sync),
    reader: &dyn ReadDocuments,
    collection: &str,
) {
    connect().upsert_batch(collection, 1, &[document("p0", "first", 1, json!({}))]).unwrap();
    let is_over = AtomicBool::new(false);
    let follow = |partitions: Option<Vec<String>>, limit: u32| {
        let (mut known, mut position) = (HashMap::new(), 0);
        loop {
            let was_over = is_over.load(Ordering::SeqCst);
            let changes = reader.changes(collection, position, partitions.as_deref(), limit).unwrap();
            assert!(changes.position >= position);
            position = changes.position;
            let is_last = was_over && !changes.has_more && changes.documents.is_empty();
            for changed in changes.documents {
                let key = (changed.key.partition_key, changed.key.id);
                match changed.body {
                    Some(body) => known.insert(key, serde_json::from_str::<Value>(body.get()).unwrap()),
                    None => known.remove(&key),
                };
            }
            if is_last {
                return known;
            }
        }
    };
    let known = std::thread::scope(|scope| {
        let follow = &follow;
        let followers = [(None, 1000), (None, 3), (Some(vec!["p1".to_owned()]), 7), (Some(vec![]), 7)]
            .map(|(partitions, limit)| scope.spawn(move || follow(partitions, limit)));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                scope.spawn(move || {
                    let store = connect();
                    let mut random = StdRng::seed_from_u64(writer);
                    for round in 0..60 {
                        let documents: Vec<Document> = (0..random.random_range(1..30))
                            .map(|_| {
                                let (partition, id) = (random.random_range(0..3), random.random_range(0..40));
                                let body = if random.random_bool(0.2) {
                                    Value::Null
                                } else {
                                    json!({"round": round, "writer": writer})
                                };
                                document(&format!("p{partition}"), &id.to_string(), round, body)
                            })
                            .collect();
                        store.upsert_batch(collection, 1, &documents).unwrap();
                    }
                })
            })
            .collect();
        let writers: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        // Whatever became of them: followers would go on for ever.
        is_over.store(true, Ordering::SeqCst);
        writers.into_iter().for_each(|written| written.unwrap());
        followers.map(|follower| follower.join().unwrap())
    });
    let there: HashMap<_, _> = reader
        .query(collection, &Query::all(1_000))
        .unwrap()
        .documents
        .into_iter()
        .map(|one| ((one.partition_key, one.id), serde_json::from_str(one.body.get()).unwrap()))
        .collect();
    assert_eq!(known[0], there);
    assert_eq!(known[1], there);
    let of_one: HashMap<_, _> = there.into_iter().filter(|((partition, _), _)| partition == "p1").collect();
    assert_eq!(known[2], of_one);
    assert!(known[3].is_empty());
}
