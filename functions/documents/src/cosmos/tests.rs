//! The adapter before a server of a few lines, which answers as Cosmos DB documents it. The real servers are asked in
//! `tests/full`.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use http::{Request, Response};
use serde_json::{Value, json};
use wasmill_sdk::{Document, Failure, Written};

use super::Cosmos;
use crate::web::Web;

/// Answers that are given before the server's own, and everything that was asked.
#[derive(Default)]
struct Server {
    items: BTreeMap<(String, String), Value>,
    has_container: bool,
    first: VecDeque<Answer>,
    asked: Vec<String>,
    bodies: Vec<Value>,
    clock: Duration,
    changes: u32,
    settings: BTreeMap<&'static str, &'static str>,
    /// The most that a batch may have, in bytes.
    most: usize,
}

#[derive(Clone, Copy)]
enum Answer {
    /// Status, substatus, milliseconds to wait.
    Status(u16, u32, u32),
    /// None at all.
    Gone,
    /// It does what was asked, and the answer is lost.
    Lost,
}

fn server() -> Server {
    Server { has_container: true, most: usize::MAX, settings: [("COSMOS_KEY", "a2V5")].into(), ..Server::default() }
}

fn answer(status: u16, body: Value) -> Response<Vec<u8>> {
    Response::builder().status(status).header("x-ms-request-charge", "1.5").body(body.to_string().into()).unwrap()
}

impl Server {
    fn one(&mut self, request: &Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
        let uri = request.uri();
        self.asked.push(format!("{} {}{}", request.method(), uri.authority().unwrap(), uri.path()));
        match self.first.pop_front() {
            Some(Answer::Status(status, substatus, wait)) => {
                let body = json!({"message": "said\nActivityId: x"}).to_string().into();
                let answer = Response::builder().status(status).header("x-ms-substatus", substatus);
                return Ok(answer.header("x-ms-retry-after-ms", wait).body(body).unwrap());
            }
            Some(Answer::Gone) => return Err(Failure::Retry("connection refused".into())),
            Some(Answer::Lost) => {
                self.own(request);
                return Err(Failure::Retry("the answer broke off".into()));
            }
            None => {}
        }
        Ok(self.own(request))
    }

    fn own(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let path = request.uri().path();
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        self.bodies.push(body.clone());
        match (request.method().as_str(), path) {
            ("GET", "/") => {
                let region = |name, host| json!({"name": name, "databaseAccountEndpoint": format!("https://{host}.example:443/")});
                answer(
                    200,
                    json!({"writableLocations": [region("West", "west")],
                    "readableLocations": [region("West", "west"), region("North", "north")]}),
                )
            }
            ("POST", path) if path.ends_with("/token") => {
                answer(200, json!({"access_token": format!("t{}", self.asked.len()), "expires_in": 3600}))
            }
            ("POST", "/dbs") => answer(409, json!({})),
            ("POST", "/dbs/shop/colls") => {
                self.has_container = true;
                answer(201, body)
            }
            ("GET", "/dbs/shop/colls/orders") if self.has_container => {
                answer(200, json!({"partitionKey": {"paths": ["/partitionKey"]}}))
            }
            _ if !self.has_container => answer(404, json!({})),
            ("POST", "/dbs/shop/colls/orders/docs") => {
                let partition: Vec<String> =
                    serde_json::from_str(&header("x-ms-documentdb-partitionkey").unwrap()).unwrap();
                if header("x-ms-documentdb-isquery").is_some() {
                    self.query(&partition[0], &body)
                } else {
                    assert_eq!(header("x-ms-cosmos-batch-atomic").as_deref(), Some("True"));
                    self.batch(&partition[0], request.body().len(), &body)
                }
            }
            other => panic!("{other:?}"),
        }
    }

    /// Two rows a page.
    fn query(&self, partition: &str, body: &Value) -> Response<Vec<u8>> {
        let ids: Vec<&str> =
            body["parameters"].as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap()).collect();
        let found: Vec<&Value> =
            ids.iter().filter_map(|id| self.items.get(&(partition.to_owned(), (*id).to_owned()))).collect();
        answer(200, json!({"Documents": found}))
    }

    fn batch(&mut self, partition: &str, length: usize, body: &Value) -> Response<Vec<u8>> {
        let operations = body.as_array().unwrap();
        if length > self.most {
            return answer(413, json!({"message": "too large"}));
        }
        assert!(operations.len() <= 100);
        let mut items = self.items.clone();
        let mut failed = None;
        for (place, operation) in operations.iter().enumerate() {
            let mut item = operation["resourceBody"].clone();
            assert_eq!(item["partitionKey"], partition);
            let key = (partition.to_owned(), item["id"].as_str().unwrap().to_owned());
            let status = match (operation["operationType"].as_str().unwrap(), items.get(&key)) {
                ("Create", None) => 201,
                ("Create", Some(_)) => 409,
                ("Replace", None) => 404,
                ("Replace", Some(there)) if there["_etag"] == operation["ifMatch"] => 200,
                ("Replace", Some(_)) => 412,
                other => panic!("{other:?}"),
            };
            if status > 299 {
                failed = Some((place, status));
                break;
            }
            self.changes += 1;
            item["_etag"] = json!(format!("e{}", self.changes));
            items.insert(key, item);
        }
        let results: Vec<Value> = (0..operations.len())
            .map(|place| match failed {
                Some((bad, status)) => json!({"statusCode": if place == bad { status } else { 424 }}),
                None => json!({"statusCode": 201}),
            })
            .collect();
        if failed.is_none() {
            self.items = items;
        }
        answer(if failed.is_some() { 207 } else { 200 }, json!(results))
    }
}

impl Web for Server {
    fn send_all(&mut self, requests: Vec<Request<Vec<u8>>>) -> Vec<Result<Response<Vec<u8>>, Failure>> {
        requests.iter().map(|request| self.one(request)).collect()
    }

    fn setting(&self, name: &str) -> Option<String> {
        self.settings.get(name).map(|value| (*value).to_owned())
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.clock
    }

    fn sleep(&mut self, time: Duration) {
        self.clock += time;
    }
}

fn adapter(server: Server, more: Value) -> Cosmos<Server> {
    let mut config = json!({"endpoint": "https://account.example", "database": "shop", "pipeline": 7});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Cosmos::new(wasmill_sdk::config::parse(&config.to_string()).unwrap(), server).unwrap()
}

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
fn counts(written: Written) -> [u64; 5] {
    [written.inserted, written.replaced, written.deleted, written.unchanged, written.stale]
}

#[test]
fn documents_are_written_in_batches_and_only_newer_ones_replace() {
    let mut cosmos = adapter(server(), json!({}));
    let written = cosmos.write("orders", &many(250, 1)).unwrap();
    // Three batches, at one and a half request units each.
    assert_eq!((counts(written), written.charge), ([250, 0, 0, 0, 0], 4.5));
    assert_eq!(cosmos.client.web.asked.len(), 3);
    // The first conflict tells that there is something, after which it is looked for at once.
    assert_eq!(counts(cosmos.write("orders", &many(250, 2)).unwrap()), [0, 250, 0, 0, 0]);
    cosmos.client.web.asked.clear();
    assert_eq!(counts(cosmos.write("orders", &many(250, 2)).unwrap()), [0, 0, 0, 250, 0]);
    assert_eq!(cosmos.client.web.asked.len(), 3, "a replay only looks");
    assert_eq!(counts(cosmos.write("orders", &many(250, 1)).unwrap()), [0, 0, 0, 0, 250]);
    let item = &cosmos.client.web.items[&("p".into(), "id7".into())];
    assert_eq!((&item["n"], &item["v"], &item["partitionKey"]), (&json!(7), &json!(2), &json!("p")));
    assert_eq!(item["_wasmill"]["version"], "2");
}

#[test]
fn documents_of_several_partitions_and_several_of_one_id_come_to_the_last() {
    let mut cosmos = adapter(server(), json!({}));
    let documents = [
        document("a", "x", 1, "{\"n\":1}"),
        document("b", "x", 1, "{\"n\":2}"),
        document("a", "x", 3, "{\"n\":3}"),
        document("a", "x", 2, "{\"n\":4}"),
        document("é\u{1F600}", "x", 1, "{}"),
    ];
    assert_eq!(counts(cosmos.write("orders", &documents).unwrap()), [3, 1, 0, 0, 1]);
    let items = &cosmos.client.web.items;
    assert_eq!((items.len(), &items[&("a".into(), "x".into())]["n"]), (3, &json!(3)));
}

#[test]
fn what_is_deleted_is_remembered_for_a_while() {
    let mut cosmos = adapter(server(), json!({}));
    let write = |cosmos: &mut Cosmos<Server>, version, body| {
        counts(cosmos.write("orders", &[document("p", "x", version, body)]).unwrap())
    };
    assert_eq!(write(&mut cosmos, 1, "{}"), [1, 0, 0, 0, 0]);
    assert_eq!(write(&mut cosmos, 3, ""), [0, 0, 1, 0, 0]);
    let item = &cosmos.client.web.items[&("p".into(), "x".into())];
    assert_eq!((&item["_wasmill"]["deleted"], &item["ttl"]), (&json!(true), &json!(30 * 24 * 60 * 60)));
    assert_eq!(write(&mut cosmos, 2, "{}"), [0, 0, 0, 0, 1]);
    assert_eq!(write(&mut cosmos, 4, "{}"), [1, 0, 0, 0, 0]);
    assert_eq!(cosmos.client.web.items[&("p".into(), "x".into())].get("ttl"), None);
}

#[test]
fn throttling_is_waited_for_as_long_as_it_says() {
    let mut cosmos = adapter(server(), json!({}));
    cosmos.client.web.first = [Answer::Status(429, 3200, 700), Answer::Status(449, 0, 30)].into();
    assert_eq!(counts(cosmos.write("orders", &many(2, 1)).unwrap()), [2, 0, 0, 0, 0]);
    assert_eq!(cosmos.client.web.clock, Duration::from_millis(730));

    cosmos.client.web.first = std::iter::repeat_n(Answer::Status(429, 3200, 9_000), 5).collect();
    let failure = cosmos.write("orders", &many(2, 2)).unwrap_err();
    assert_eq!(failure, Failure::Retry("Cosmos DB: status 429, substatus 3200: said, after 3 attempts".into()));
}

#[test]
fn a_write_whose_answer_was_lost_is_written_once() {
    let mut cosmos = adapter(server(), json!({}));
    cosmos.client.web.first = [Answer::Lost].into();
    // It cannot be told any more that it was this call.
    assert_eq!(counts(cosmos.write("orders", &many(3, 1)).unwrap()), [0, 0, 0, 3, 0]);
    assert_eq!((cosmos.client.web.items.len(), cosmos.client.web.changes), (3, 3));
}

#[test]
fn a_region_that_does_not_answer_is_left_out_and_writes_follow_the_account() {
    let mut cosmos = adapter(server(), json!({"regions": ["North", "West"]}));
    cosmos.write("orders", &[]).unwrap();
    assert_eq!(cosmos.client.web.asked, ["GET account.example/", "GET north.example:443/dbs/shop/colls/orders"]);
    cosmos.client.web.asked.clear();
    cosmos.client.web.first = [Answer::Gone].into();
    cosmos.write("orders", &[]).unwrap();
    assert_eq!(
        cosmos.client.web.asked,
        [
            "GET north.example:443/dbs/shop/colls/orders",
            "GET account.example/",
            "GET west.example:443/dbs/shop/colls/orders"
        ]
    );
    cosmos.client.web.asked.clear();
    cosmos.client.web.first = [Answer::Status(403, 3, 0)].into();
    cosmos.write("orders", &many(1, 1)).unwrap();
    let docs = "POST west.example:443/dbs/shop/colls/orders/docs";
    assert_eq!(cosmos.client.web.asked, [docs, "GET account.example/", docs]);
}

#[test]
fn what_is_missing_is_created_if_that_is_wanted() {
    let mut cosmos = adapter(Server { has_container: false, ..server() }, json!({}));
    let failure = cosmos.write("orders", &many(1, 1)).unwrap_err();
    assert!(failure.to_string().contains("hint: create it with the partition key `/partitionKey`"), "{failure}");

    let collections = json!({"orders": {"ttl_seconds": 60, "max_throughput": 4000}});
    let more = json!({"create": true, "collections": collections});
    let mut cosmos = adapter(Server { has_container: false, ..server() }, more);
    assert_eq!(counts(cosmos.write("orders", &many(1, 1)).unwrap()), [1, 0, 0, 0, 0]);
    let made = cosmos.client.web.bodies.iter().find(|body| body.get("defaultTtl").is_some()).unwrap();
    assert_eq!((&made["id"], &made["defaultTtl"]), (&json!("orders"), &json!(60)));

    let mut cosmos = adapter(server(), json!({"collections": {"orders": {"partition_key": "/customer"}}}));
    let failure = cosmos.write("orders", &[]).unwrap_err();
    assert!(failure.to_string().contains("set `partition_key = \"/partitionKey\"` in [documents.collections.orders]"));
}

#[test]
fn a_batch_that_is_too_large_is_halved_and_a_document_refused() {
    let mut cosmos = adapter(Server { most: 2_000, ..server() }, json!({}));
    assert_eq!(counts(cosmos.write("orders", &many(40, 1)).unwrap()), [40, 0, 0, 0, 0]);
    let large = document("p", "large", 1, &format!("{{\"text\":\"{}\"}}", "x".repeat(3_000)));
    let failure = cosmos.write("orders", &[large]).unwrap_err();
    assert!(matches!(&failure, Failure::Reject(message) if message.contains("`large`")), "{failure}");
}

#[test]
fn what_cannot_be_stored_as_it_is_is_refused() {
    let mut cosmos = adapter(server(), json!({}));
    for (body, expected) in [
        (r#"{"id": "other"}"#, "a field `id` that is not its id"),
        (r#"{"partitionKey": "other"}"#, "`/partitionKey` in it is not its partition key, `p`"),
        (r#"{"_etag": 1}"#, "a field `_etag`"),
    ] {
        let failure = cosmos.write("orders", &[document("p", "x", 1, body)]).unwrap_err();
        assert!(matches!(&failure, Failure::Reject(message) if message.contains(expected)), "{failure}");
    }
    for body in [r#"{"id": "x"}"#, r#" {"id":"\u0078","partitionKey":"p"}"#, "{}", r#"{ }"#] {
        let mut cosmos = adapter(server(), json!({}));
        assert_eq!(counts(cosmos.write("orders", &[document("p", "x", 1, body)]).unwrap()), [1, 0, 0, 0, 0], "{body}");
    }
}

#[test]
fn a_token_of_microsoft_entra_is_asked_for_once_and_renewed() {
    let settings = [
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_CLIENT_ID", "client"),
        ("AZURE_CLIENT_SECRET", "se&cret"),
        ("AZURE_AUTHORITY_HOST", "https://login.example/"),
    ];
    let mut cosmos = adapter(Server { settings: settings.into(), ..server() }, json!({}));
    cosmos.write("orders", &many(1, 1)).unwrap();
    cosmos.write("orders", &many(1, 2)).unwrap();
    let tokens =
        |cosmos: &Cosmos<Server>| cosmos.client.web.asked.iter().filter(|asked| asked.ends_with("/token")).count();
    assert_eq!((tokens(&cosmos), &*cosmos.client.web.asked[0]), (1, "POST login.example/tenant/oauth2/v2.0/token"));
    cosmos.client.web.clock += Duration::from_secs(3_400);
    cosmos.write("orders", &many(1, 3)).unwrap();
    assert_eq!(tokens(&cosmos), 2);

    let mut cosmos = adapter(Server { settings: BTreeMap::new(), ..server() }, json!({}));
    let failure = cosmos.write("orders", &many(1, 1)).unwrap_err();
    assert!(failure.to_string().starts_with("there is no COSMOS_KEY\nhint: "), "{failure}");
}
