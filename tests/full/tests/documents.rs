//! Document databases: one suite for each of them, and what only one has. `make test-full` runs this.

#[path = "documents/common.rs"]
mod common;
#[path = "documents/cosmos.rs"]
mod cosmos;
#[path = "documents/couch.rs"]
mod couch;
#[path = "documents/embedded.rs"]
mod embedded;
#[path = "documents/expiry.rs"]
mod expiry;
#[path = "documents/postgres.rs"]
mod postgres;
#[path = "documents/reading.rs"]
mod reading;
#[path = "documents/spin.rs"]
mod spin;
#[path = "documents/suite.rs"]
mod suite;

use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::adapter;
use cosmos::{Cosmos, REGIONS, Server};
use couch::Couch;
use embedded::Embedded;
use serde_json::json;
use spin::Spin;
use suite::{Rig, Served, document};
use wasmill_document_postgres::Postgres;
use wasmill_runtime::documents::query::Filter;
use wasmill_runtime::documents::{Document, Documents, ReadDocuments};
use wasmill_runtime::failure::Failure;
use wasmill_runtime::plan::PostgresPlan;
use wasmill_tests_full::folder as folder_of;

/// What of the suite needs no server.
fn all_but_faults(rig: &dyn Rig) {
    for seed in 0..3 {
        suite::the_newest_write_wins(rig, &format!("newest{seed}"), seed);
    }
    suite::every_legal_character(rig, "characters");
    suite::bodies_of_all_forms(rig, "bodies");
    suite::many_at_once(rig, "many");
    suite::several_at_once(rig, "several");
}

/// All of the suite.
fn all(rig: &dyn Served) {
    all_but_faults(rig);
    suite::broken_connections(rig, "broken");
}

/// The fields that are asked for, with an index over some.
const INDEXED: [&str; 2] = ["risk", "of.O'"];

#[test]
fn the_embedded_database() {
    let embedded = Embedded::new();
    all_but_faults(&embedded);
    for seed in 0..3 {
        let collection = format!("read{seed}");
        let database = embedded.indexed(&collection, &INDEXED[..seed.min(2)]);
        reading::answers_are_those_of_a_plain_search(database.as_ref(), database.as_ref(), &collection, seed as u64);
    }
    let database = embedded.indexed("large", &["n"]);
    reading::answers_are_bounded(database.as_ref(), database.as_ref(), "large");
    let reader = embedded.connect().reader().unwrap();
    reading::a_feed_skips_nothing(&|| embedded.connect(), reader.as_ref(), "feed");
}

#[test]
fn spins_own_sqlite() {
    let spin = Spin::new();
    all_but_faults(&spin);
    let refused = Document { body: Some("[1]".into()), ..document("p", "x", 1, json!({})) };
    suite::all_or_nothing(&spin, "whole", refused);
}

#[test]
fn spins_own_sqlite_says_what_is_wrong() {
    let spin = Spin::new();
    let says = |config| spin.says(&config).err().unwrap_or_default();
    assert_eq!(says(json!({})), "");
    assert!(says(json!({"database": "none"})).contains("--runtime-config-file` with [sqlite_database.none]"));
    assert!(says(json!({"database": "theirs"})).contains("to the component in spin.toml"));
    assert!(says(json!({"databse": "default"})).starts_with("`databse`: unknown field"));
}

#[test]
fn postgresql() {
    let server = postgres::Server::start();
    all(&server);
    let refused = Document { body: Some("{\"n\":1e999999}".into()), ..document("p", "x", 1, json!({})) };
    suite::all_or_nothing(&server, "whole", refused);
    for seed in 0..3 {
        let collection = format!("read{seed}");
        let database = server.indexed(&collection, &INDEXED[..seed.min(2)]);
        reading::answers_are_those_of_a_plain_search(database.as_ref(), database.as_ref(), &collection, seed as u64);
    }
    let database = server.indexed("large", &["n"]);
    reading::answers_are_bounded(database.as_ref(), database.as_ref(), "large");
    let reader = server.indexed("feed", &[]);
    reading::a_feed_skips_nothing(&|| server.connect(), reader.as_ref(), "feed");
}

#[test]
fn postgresql_that_is_started_again_goes_on() {
    let mut server = postgres::Server::start();
    let store = server.connect();
    let documents = |n: i64| [document("p", "a", n, json!({"n": n}))];
    assert_eq!(store.upsert_batch("orders", 1, &documents(1)).unwrap().inserted, 1);
    server.stop();
    let away = store.upsert_batch("orders", 1, &documents(2)).unwrap_err();
    assert!(matches!(&away, Failure::Retry(why) if why.contains("no connection to")), "{away:?}");
    server.restart();
    assert_eq!(store.upsert_batch("orders", 1, &documents(2)).unwrap().replaced, 1);
}

#[test]
fn documents_expire_in_the_embedded_database() {
    let embedded = Embedded::new();
    let database = embedded.expiring("visits", expiry::TTL);
    let pass = |seconds| {
        embedded::NOW.fetch_add(seconds, Ordering::SeqCst);
    };
    let (store, reader) = (database.as_ref(), database.as_ref());
    let case = |collection| expiry::Case { store, reader, collection, pass: &pass };
    expiry::documents_expire_and_are_forgotten(&case("visits"));
    // A collection in which nothing expires any more.
    store.upsert_batch("visits", 1, &[document("p", "a", 9, json!({}))]).unwrap();
    store.expire("visits", None).unwrap();
    pass(1_000_000);
    assert!(!store.sweep().unwrap());
    assert_eq!(ReadDocuments::count(reader, "visits", &Filter::default()).unwrap(), 1);
    store.expire("many", Some(expiry::TTL)).unwrap();
    expiry::many_expire(&case("many"));
}

#[test]
fn documents_expire_in_postgresql() {
    let server = postgres::Server::start();
    let pass = |seconds| server.pass(seconds);
    let expiring = |collection, check: fn(&expiry::Case<'_>)| {
        let database = server.expiring(collection, expiry::TTL);
        check(&expiry::Case { store: database.as_ref(), reader: database.as_ref(), collection, pass: &pass });
        database
    };
    expiring("many", expiry::many_expire);
    let database = expiring("visits", expiry::documents_expire_and_are_forgotten);
    database.upsert_batch("visits", 1, &[document("p", "a", 9, json!({}))]).unwrap();
    pass(i64::from(expiry::TTL));
    assert_eq!(database.count("visits", &Filter::default()).unwrap(), 0);
    // A collection in which nothing expires any more.
    let database = server.indexed("visits", &[]);
    assert_eq!(database.count("visits", &Filter::default()).unwrap(), 1);
    assert!(!database.sweep().unwrap());
}

#[test]
fn tables_of_an_earlier_version_are_brought_up_to_date_in_postgresql() {
    let server = postgres::Server::start();
    let store = server.indexed("large", &["n"]);
    reading::answers_are_bounded(store.as_ref(), store.as_ref(), "large");
    drop(store);
    server.sql("ALTER TABLE large DROP COLUMN size, DROP COLUMN written");
    server.sql("ALTER TABLE wasmill_collections DROP COLUMN ttl, DROP COLUMN forgotten");
    let read = Postgres::open(&PostgresPlan { create: false, ..server.plan(server.port, "", &[]) }, []).unwrap();
    let failed = read.count("large", &Filter::default()).unwrap_err().to_string();
    assert!(failed.contains("of an earlier version") && failed.contains("hint: set `create = true`"), "{failed}");
    let open = |create| {
        let plan = PostgresPlan { create, ..server.plan(server.port, "large", &["n"]) };
        Postgres::open(&plan, ["large"])
    };
    let refused = open(false).unwrap_err().to_string();
    assert!(
        refused.contains("of an earlier version: it has no column `size`, `written`\nhint: set `create = true`"),
        "{refused}"
    );
    let store = open(true).unwrap();
    reading::answers_are_bounded(&store, &store, "large");
}

#[test]
fn postgresql_says_what_is_wrong() {
    let server = postgres::Server::start();
    server.sql("CREATE TABLE theirs (id int)");
    let open = |create, collection: &str| {
        let plan = PostgresPlan { create, ..server.plan(server.port, "orders", &["risk"]) };
        Postgres::open(&plan, [collection]).err().map(|err| err.to_string()).unwrap_or_default()
    };
    assert!(open(true, "theirs").contains("the table `theirs` of PostgreSQL is not one of documents"));
    assert!(open(false, "orders").contains("hint: set `create = true`"));
    assert_eq!(open(true, "orders"), "");
    server.sql("DROP INDEX IF EXISTS none; SELECT 1");
    assert_eq!(open(false, "orders"), "");
    assert!(open(true, &"x".repeat(64)).contains("a name has 1 to 63 bytes"));
    let store = server.indexed("orders", &[]);
    let long = document(&"p".repeat(2_000), &"i".repeat(1_000), 1, json!({}));
    let refused = store.upsert_batch("orders", 1, &[long]).unwrap_err();
    assert!(matches!(&refused, Failure::Reject(why) if why.contains("3000 bytes")), "{refused:?}");
}

#[test]
fn cosmos_db_of_microsofts_emulator() {
    let cosmos = Cosmos::start(Server::Emulator, false);
    all(&cosmos);
    suite::all_or_nothing(&cosmos, "whole", document("p", "x", 1, json!({"id": "another"})));
}

#[test]
fn cosmos_db_read_by_javascript() {
    let cosmos = Cosmos::start(Server::Emulator, true);
    suite::every_legal_character(&cosmos, "characters");
    suite::bodies_of_all_forms(&cosmos, "bodies");
}

#[test]
fn cosmos_db_throttles_and_all_is_written() {
    let cosmos = Cosmos::start(Server::Emulator, false);
    let store = cosmos.connect();
    store.upsert_batch("orders", 1, &[]).unwrap();
    cosmos.order("throughput/100");
    let started = Instant::now();
    let documents: Vec<_> = (0..1_000).map(|n| document("p", &format!("{n}"), 1, json!({"n": n}))).collect();
    let counts = loop {
        match store.upsert_batch("orders", 1, &documents) {
            Ok(counts) => break counts,
            Err(Failure::Retry(why)) => assert!(why.contains("status 429"), "{why}"),
            Err(failure) => panic!("{failure}"),
        }
    };
    assert!(started.elapsed().as_secs() >= 2, "nothing was throttled");
    assert!(counts.charge > 0.0);
    cosmos.order("throughput/0");
    assert_eq!(cosmos.read("orders").len(), 1_000);
}

#[test]
fn cosmos_db_fails_over_to_another_region() {
    let cosmos = Cosmos::start(Server::Emulator, false);
    let store = adapter(&cosmos.plan(cosmos.ports[0], json!({"regions": REGIONS})));
    let write = |version: i64| {
        let documents: Vec<_> =
            (0..50).map(|n| document("p", &format!("{n}"), version, json!({"v": version}))).collect();
        store.upsert_batch("orders", 1, &documents).unwrap()
    };
    // Regions get what is written a little later; a failover that was planned waits for it.
    let settle = || std::thread::sleep(Duration::from_millis(500));
    assert_eq!(write(1).inserted, 50);
    settle();
    // The region that takes writes is another one now, which the account says when it is asked.
    cosmos.order("failover/North%20Europe");
    assert_eq!(write(2).replaced, 50);
    settle();
    // The other one is gone altogether: what is read comes from where there is somebody.
    cosmos.order("offline/West%20Europe");
    assert_eq!(write(2).unchanged, 50);
    assert_eq!(write(3).replaced, 50);
    settle();
    cosmos.order("online/West%20Europe");
    settle();
    cosmos.order("failover/West%20Europe");
    assert_eq!(write(4).replaced, 50);
    assert!(cosmos.read("orders").values().all(|body| *body == json!({"v": 4})));
}

#[test]
fn cosmos_db_says_what_is_wrong() {
    let cosmos = Cosmos::start(Server::Emulator, false);
    let refused = |more: serde_json::Value, collection: &str| {
        let store = adapter(&cosmos.plan(cosmos.ports[0], more));
        store.upsert_batch(collection, 1, &[document("p", "x", 1, json!({}))]).unwrap_err().to_string()
    };
    let missing = refused(json!({"create": false}), "orders");
    assert!(missing.contains("create = true"), "{missing}");
    cosmos.connect().upsert_batch("orders", 1, &[]).unwrap();
    let other = json!({"collections": {"orders": {"partition_key": "/customer"}}});
    let store = adapter(&cosmos.plan(cosmos.ports[0], other));
    let wrong = store.upsert_batch("orders", 1, &[]).unwrap_err().to_string();
    assert!(wrong.contains("set `partition_key = \"/partitionKey\"`"), "{wrong}");
    // The server has another key than the adapter.
    let strange = Cosmos::start_with(Server::Emulator, "bm90IHRoZSBrZXk=", false);
    let denied = strange.connect().upsert_batch("orders", 1, &[]).unwrap_err().to_string();
    assert!(denied.contains("hint: is COSMOS_KEY a key of this account"), "{denied}");
}

#[test]
fn a_pipeline_goes_to_cosmos_db_by_one_url() {
    let cosmos = Cosmos::start(Server::Emulator, false);
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        r#"
        version = 1
        name = "orders"
        [documents]
        url = "cosmos+http://127.0.0.1:{}/shop"
        create = true
        collections = {{ orders = {{ partition_key = "/customer" }} }}
        [[step]]
        id = "read"
        component = "ingest"
        config = {{ format = "csv", columns = [
            {{ name = "order", type = "int64" }}, {{ name = "customer", type = "utf8" }}, {{ name = "gone", type = "bool" }},
        ] }}
        [[step]]
        id = "publish"
        component = "publish"
        grants = {{ documents = ["orders"] }}
        config = {{ collection = "orders", id = "{{order}}", partition_key = "{{customer}}", delete_if = "gone" }}
        "#,
        cosmos.ports[0]
    );
    std::fs::write(folder.path().join("pipeline.toml"), manifest).unwrap();
    std::fs::write(folder.path().join("orders.csv"), "order,customer,gone\n1,ada,false\n2,ada,false\n3,bob,false\n")
        .unwrap();
    let run = || {
        let output = Command::new(folder_of("WASMILL_PROGRAM"))
            .args(["run", ".", "orders.csv"])
            .current_dir(&folder)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        said
    };
    let said = run();
    assert!(
        said.contains("3 inserted, 0 replaced, 0 unchanged, 0 stale; ") && said.contains("request units"),
        "{said}"
    );
    assert!(run().contains("0 inserted, 0 replaced, 3 unchanged"));
    std::fs::write(folder.path().join("orders.csv"), "order,customer,gone\n2,ada,true\n").unwrap();
    let said = run();
    assert!(said.contains("1 deleted"), "{said}");
    let items = cosmos.items("orders");
    let live = items.iter().filter(|item| item["_wasmill"].get("deleted").is_none());
    let mut live: Vec<_> = live.map(|item| format!("{} {}", item["customer"], item["id"])).collect();
    live.sort();
    assert_eq!(live, ["\"ada\" \"1\"", "\"bob\" \"3\""]);
}

#[test]
fn cosmos_db_of_another_maker() {
    // Only what is new: it does not replace in a batch, for it looks for the partition key where no client of
    // Microsoft's puts it, and a batch that fails leaves a part behind.
    let cosmos = Cosmos::start(Server::Vercel, false);
    let documents: Vec<_> =
        (0..300).map(|n| document(&format!("p{}", n % 3), &format!("ä {n}"), 1, json!({"n": n}))).collect();
    let counts = cosmos.connect().upsert_batch("orders", 1, &documents).unwrap();
    assert_eq!((counts.inserted, cosmos.read("orders").len()), (300, 300));
}

#[test]
fn couchdb_of_pouchdb_server() {
    let couch = Couch::start();
    all(&couch);
    suite::all_or_nothing(&couch, "whole", document("p", "x", 1, json!({"_id": "another"})));
}

#[test]
fn collections_in_couchdb_have_names_that_begin_alike() {
    let couch = Couch::start();
    let store = adapter(&couch.plan(couch.port(), json!({"prefix": "shop"})));
    assert_eq!(store.upsert_batch("a/b", 1, &[document("p", "x", 1, json!({"n": 1}))]).unwrap().inserted, 1);
    let found = couch.read("shop-a/b");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(("p".into(), "x".into()), json!({"n": 1}))]);
}

#[test]
fn couchdb_says_what_is_wrong() {
    let couch = Couch::start();
    let refused = |more: serde_json::Value, collection: &str| {
        let store = adapter(&couch.plan(couch.port(), more));
        store.upsert_batch(collection, 1, &[document("p", "x", 1, json!({}))]).unwrap_err().to_string()
    };
    let missing = refused(json!({"create": false}), "orders");
    assert!(missing.contains("hint: create it, or set `create = true`"), "{missing}");
    let name = refused(json!({}), "Orders");
    assert!(name.contains("hint: a name begins with a letter of a to z"), "{name}");
    // The user of this server has another password than the adapter.
    let strange = Couch::start_with("another");
    let denied = strange.connect().upsert_batch("orders", 1, &[]).unwrap_err().to_string();
    assert!(denied.contains("hint: are COUCHDB_USER and COUCHDB_PASSWORD"), "{denied}");
}
