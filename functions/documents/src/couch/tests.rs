//! The adapter before a server of a few lines. A real server is asked in `tests/full`.

mod server;

use std::time::Duration;

use serde_json::{Value, json};
use wasmill_sdk::{Document, Failure, Written};

use self::server::{Answer, Server, server};
use super::Couch;

fn adapter(server: Server, more: Value) -> Couch<Server> {
    let mut config = json!({"endpoint": "https://couch.example", "pipeline": 7});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Couch::new(wasmill_sdk::config::parse(&config.to_string()).unwrap(), server).unwrap()
}

const ORDERS: &str = "shop/orders";
const BULK: &str = "POST /shop%2Forders/_bulk_docs";
const LOOK: &str = "POST /shop%2Forders/_all_docs?include_docs=true";

fn document(partition: &str, id: &str, version: i64, body: &str) -> Document {
    Document {
        id: id.into(),
        partition_key: partition.into(),
        version,
        row: 1,
        body: (!body.is_empty()).then(|| body.to_owned()),
    }
}

fn many(count: usize, version: i64) -> Vec<Document> {
    (0..count).map(|n| document("p", &format!("id{n}"), version, &format!("{{\"n\":{n},\"v\":{version}}}"))).collect()
}

/// Inserted, replaced, deleted, unchanged, stale.
fn write(couch: &mut Couch<Server>, documents: &[Document]) -> [u64; 5] {
    let written: Written = couch.write(ORDERS, documents).unwrap();
    [written.inserted, written.replaced, written.deleted, written.unchanged, written.stale]
}

fn asked(couch: &mut Couch<Server>) -> Vec<String> {
    std::mem::take(&mut couch.client.web.asked)
}

#[test]
fn documents_are_written_in_batches_and_only_newer_ones_replace() {
    let mut couch = adapter(server(), json!({}));
    assert_eq!(write(&mut couch, &many(1_200, 1)), [1_200, 0, 0, 0, 0]);
    assert_eq!(asked(&mut couch), [BULK; 3]);
    // Conflicts tell that there is something, after which it is looked for at once.
    assert_eq!(write(&mut couch, &many(1_200, 2)), [0, 1_200, 0, 0, 0]);
    assert_eq!(asked(&mut couch)[..4], [BULK, BULK, BULK, LOOK]);
    assert_eq!(write(&mut couch, &many(1_200, 2)), [0, 0, 0, 1_200, 0]);
    assert_eq!(asked(&mut couch), [LOOK; 2], "a replay only looks");
    assert_eq!(write(&mut couch, &many(1_200, 1)), [0, 0, 0, 0, 1_200]);
    let doc = &couch.client.web.docs["p:id7"];
    assert_eq!((&doc["n"], &doc["v"], &doc["_rev"]), (&json!(7), &json!(2), &json!("2-x")));
    let with = &doc["wasmill_"];
    assert_eq!((&with["version"], &with["partition_key"], &with["id"]), (&json!("2"), &json!("p"), &json!("id7")));
    // What is new is looked for once more, and then not.
    let new =
        |from: usize| -> Vec<Document> { (from..from + 9).map(|n| document("q", &format!("{n}"), 1, "{}")).collect() };
    assert_eq!(write(&mut couch, &new(0)), [9, 0, 0, 0, 0]);
    assert_eq!(write(&mut couch, &new(9)), [9, 0, 0, 0, 0]);
    assert_eq!(asked(&mut couch)[2..], [LOOK, BULK, BULK]);
}

#[test]
fn several_writes_of_one_document_come_to_the_last() {
    let mut couch = adapter(server(), json!({}));
    let [one, two, three] = ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"];
    let documents =
        [("a", "x", 1, one), ("b", "x", 1, one), ("a", "x", 3, three), ("a", "x", 2, two), ("", "a:x", 1, one)];
    let documents = documents.map(|(partition, id, version, body)| document(partition, id, version, body));
    assert_eq!(write(&mut couch, &documents), [3, 1, 0, 0, 1]);
    let docs = &couch.client.web.docs;
    assert_eq!((docs.len(), &docs["a:x"]["n"], &docs[":a:x"]["n"]), (3, &json!(3), &json!(1)));
}

#[test]
fn what_is_deleted_is_remembered() {
    let mut couch = adapter(server(), json!({}));
    let mut one = |version, body| write(&mut couch, &[document("p", "x", version, body)]);
    assert_eq!(one(1, "{\"n\":1}"), [1, 0, 0, 0, 0]);
    assert_eq!(one(3, ""), [0, 0, 1, 0, 0]);
    assert_eq!(one(2, "{}"), [0, 0, 0, 0, 1]);
    assert_eq!(one(4, ""), [0, 0, 0, 1, 0]);
    assert_eq!(one(3, "{}"), [0, 0, 0, 0, 1]);
    let doc = &couch.client.web.docs["p:x"];
    assert_eq!((&doc["wasmill_"]["deleted"], &doc["wasmill_"]["version"]), (&json!(true), &json!("4")));
    assert_eq!((doc.get("n"), doc.get("_deleted")), (None, None));
    assert_eq!(write(&mut couch, &[document("p", "x", 5, "{}")]), [1, 0, 0, 0, 0]);
    // What is not there and is not to be.
    assert_eq!(write(&mut couch, &[document("p", "y", 5, "")]), [0, 0, 0, 1, 0]);
    assert_eq!(write(&mut couch, &[document("p", "y", 4, "{}")]), [0, 0, 0, 0, 1]);
}

#[test]
fn what_others_wrote_or_deleted_is_replaced() {
    let mut server = server();
    server.put(json!({"_id": "p:id0", "text": "of somebody else"}));
    server.put(json!({"_id": "p:id1"}));
    server.put(json!({"_id": "p:id1", "_rev": "1-x", "_deleted": true}));
    let mut couch = adapter(server, json!({}));
    assert_eq!(write(&mut couch, &many(3, 1)), [2, 1, 0, 0, 0]);
    assert_eq!(write(&mut couch, &many(3, 1)), [0, 0, 0, 3, 0]);
    assert_eq!(couch.client.web.docs["p:id0"].get("text"), None);
}

#[test]
fn a_newer_write_that_comes_between_wins() {
    let of = |version: &str, rev: Option<&str>| {
        let with = json!({"version": version, "row": "1", "pipeline": "0000000000000007", "digest": "d"});
        let rev = rev.map(|rev| ("_rev".to_owned(), json!(rev)));
        let fields = [("_id".to_owned(), json!("p:id1")), ("wasmill_".to_owned(), with)];
        Value::Object(fields.into_iter().chain(rev).collect())
    };
    // Before what was taken for absent, and before what was read is replaced.
    let others = [of("1", None), of("9", Some("1-x"))].into();
    let mut couch = adapter(Server { others, ..server() }, json!({}));
    assert_eq!(write(&mut couch, &many(3, 5)), [2, 0, 0, 0, 1]);
    assert_eq!(asked(&mut couch), [BULK, LOOK, BULK, LOOK]);
    assert_eq!(couch.client.web.docs["p:id1"]["wasmill_"]["version"], "9");

    let others = (1..40).map(|n| of("1", (n > 1).then(|| format!("{}-x", n - 1)).as_deref())).collect();
    let mut couch = adapter(Server { others, ..server() }, json!({}));
    let failure = couch.write(ORDERS, &many(3, 5)).unwrap_err();
    let expected = "CouchDB: others write the same documents of `shop/orders` all the time";
    assert_eq!(failure, Failure::Retry(expected.into()));
}

#[test]
fn a_server_that_is_busy_is_waited_for() {
    let mut couch = adapter(server(), json!({}));
    couch.client.web.first = [Answer::Status(429, Some(3)), Answer::Status(503, None), Answer::Gone].into();
    assert_eq!(write(&mut couch, &many(2, 1)), [2, 0, 0, 0, 0]);
    assert_eq!(couch.client.web.clock, Duration::from_millis(3_000 + 20 + 40));

    couch.client.web.first = std::iter::repeat_n(Answer::Status(503, Some(9)), 5).collect();
    let failure = couch.write(ORDERS, &many(2, 2)).unwrap_err();
    assert_eq!(failure, Failure::Retry("CouchDB: status 503: busy: said, after 3 attempts".into()));

    let before = couch.client.web.clock;
    couch.client.web.first = std::iter::repeat_n(Answer::Gone, 100).collect();
    let failure = couch.write(ORDERS, &many(2, 2)).unwrap_err();
    assert!(matches!(&failure, Failure::Retry(why) if why.contains("connection refused, after 2")), "{failure}");
    let waited = couch.client.web.clock - before;
    assert!(waited > Duration::from_secs(18) && waited <= Duration::from_secs(20), "{waited:?}");
}

#[test]
fn a_write_whose_answer_was_lost_is_written_once() {
    let mut couch = adapter(server(), json!({}));
    couch.client.web.first = [Answer::Lost].into();
    // It cannot be told any more that it was this call.
    assert_eq!(write(&mut couch, &many(3, 1)), [0, 0, 0, 3, 0]);
    assert!(couch.client.web.docs.values().all(|doc| doc["_rev"] == "1-x"));
}

#[test]
fn a_database_that_is_missing_is_created_if_that_is_wanted() {
    let missing = || Server { has_database: false, ..server() };
    let mut couch = adapter(missing(), json!({}));
    for documents in [many(1, 1), Vec::new()] {
        let failure = couch.write(ORDERS, &documents).unwrap_err().to_string();
        let expected = "CouchDB has no database `shop/orders`\nhint: create it, or set `create = true` in [documents]";
        assert_eq!(failure, expected);
    }
    let mut couch = adapter(missing(), json!({"create": true}));
    assert_eq!(write(&mut couch, &many(1, 1)), [1, 0, 0, 0, 0]);
    let ensured = ["GET /shop%2Forders", "PUT /shop%2Forders"];
    assert_eq!(asked(&mut couch), [BULK, ensured[0], ensured[1], BULK]);
    // It goes away, and documents are looked for.
    assert_eq!(write(&mut couch, &many(1, 2)), [0, 1, 0, 0, 0]);
    couch.client.web.has_database = false;
    couch.client.web.docs.clear();
    asked(&mut couch);
    assert_eq!(write(&mut couch, &many(1, 3)), [1, 0, 0, 0, 0]);
    assert_eq!(asked(&mut couch), [LOOK, ensured[0], ensured[1], LOOK, BULK]);

    let mut couch = adapter(missing(), json!({"create": true}));
    assert_eq!(write(&mut couch, &[]), [0; 5]);
    assert_eq!(asked(&mut couch), ensured);
    let failure = couch.write("Orders", &[]).unwrap_err().to_string();
    assert!(failure.contains("`Orders`\nhint: a name begins with a letter of a to z"), "{failure}");
}

#[test]
fn what_is_too_large_for_one_request_is_taken_apart() {
    let mut couch = adapter(Server { most: 2_000, ..server() }, json!({}));
    assert_eq!(write(&mut couch, &many(40, 1)), [40, 0, 0, 0, 0]);
    let large = document("p", "large", 1, &format!("{{\"text\":\"{}\"}}", "x".repeat(3_000)));
    let failure = couch.write(ORDERS, &[large]).unwrap_err();
    assert!(matches!(&failure, Failure::Reject(message) if message.contains("documents `p:large`: status 413")));

    // Answers as well, which may have documents of any size.
    let mut couch = adapter(server(), json!({}));
    assert_eq!(write(&mut couch, &many(1_000, 1)), [1_000, 0, 0, 0, 0]);
    assert_eq!(write(&mut couch, &many(1_000, 1)), [0, 0, 0, 1_000, 0]);
    couch.client.web.first = [Answer::Long].into();
    asked(&mut couch);
    assert_eq!(write(&mut couch, &many(1_000, 1)), [0, 0, 0, 1_000, 0]);
    let looks = asked(&mut couch);
    assert!(looks.iter().all(|asked| asked == LOOK) && (3..40).contains(&looks.len()), "{looks:?}");
}

#[test]
fn bodies_of_large_documents_are_written_and_read_a_few_at_a_time() {
    let mut couch = adapter(server(), json!({}));
    let text = "x".repeat(1_900_000);
    let of = |version| -> Vec<Document> {
        (0..6).map(|n| document("p", &format!("{n}"), version, &format!("{{\"text\":\"{text}\"}}"))).collect()
    };
    assert_eq!(write(&mut couch, &of(1)), [6, 0, 0, 0, 0]);
    assert_eq!(asked(&mut couch), [BULK; 6]);
    assert_eq!(write(&mut couch, &of(2)), [0, 0, 0, 6, 0]);
    assert_eq!(asked(&mut couch)[6..9], [LOOK; 3]);
}

#[test]
fn what_cannot_be_stored_as_it_is_is_refused_before_anything_is_written() {
    let mut couch = adapter(server(), json!({}));
    let failure = couch.write(ORDERS, &[document("p", "a", 1, "{}"), document("p", "x", 1, "{\"_b\":1}")]).unwrap_err();
    assert!(
        matches!(&failure, Failure::Reject(message) if message.contains("`x` of `shop/orders`: it has a field `_b`"))
    );
    assert_eq!(asked(&mut couch), [""; 0]);

    let mut couch = adapter(Server { forbidden: "p:id1", ..server() }, json!({}));
    let failure = couch.write(ORDERS, &many(3, 1)).unwrap_err();
    assert_eq!(failure, Failure::Reject("CouchDB: `shop/orders`, document `p:id1`: forbidden: not now".into()));
}

#[test]
fn a_user_has_a_name_and_a_password() {
    let with = |settings: &[(&'static str, &'static str)]| {
        adapter(Server { settings: settings.iter().copied().collect(), ..server() }, json!({}))
    };
    let (user, password) = (("COUCHDB_USER", "ada"), ("COUCHDB_PASSWORD", "secret"));
    assert_eq!(write(&mut with(&[user, password]), &many(1, 1)), [1, 0, 0, 0, 0]);
    for (settings, expected) in [
        (vec![user], "there is COUCHDB_USER, but no COUCHDB_PASSWORD\nhint: set both, or neither"),
        (vec![password], "there is COUCHDB_PASSWORD, but no COUCHDB_USER\nhint: set both, or neither"),
        (vec![("COUCHDB_USER", "a:b"), password], "COUCHDB_USER has a `:`, which no name of a user has"),
        (
            vec![user, ("COUCHDB_PASSWORD", "wrong")],
            "CouchDB: `shop/orders`, documents `p:id0`: status 401: unauthorized: Name or password is incorrect.\nhint: are COUCHDB_USER and COUCHDB_PASSWORD the name and password of a user of this server?",
        ),
    ] {
        assert_eq!(with(&settings).write(ORDERS, &many(1, 1)).unwrap_err(), Failure::Other(expected.into()));
    }
    let mut couch = adapter(server(), json!({}));
    couch.client.web.first = [Answer::Status(403, None)].into();
    let failure = couch.write(ORDERS, &[]).unwrap_err().to_string();
    assert!(failure.contains("hint: may COUCHDB_USER write to this database?"), "{failure}");
}
