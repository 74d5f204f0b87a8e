//! A server of a few lines, which answers as CouchDB documents it, and on one thing as its source does: what was deleted
//! is replaced only by what has no revision.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use http::{Request, Response};
use serde_json::{Value, json};
use wasmill_sdk::Failure;

use crate::web::Web;

/// Answers that are given before the server's own, and everything that was asked.
#[derive(Default)]
pub struct Server {
    pub docs: BTreeMap<String, Value>,
    pub has_database: bool,
    pub first: VecDeque<Answer>,
    pub asked: Vec<String>,
    pub clock: Duration,
    pub settings: BTreeMap<&'static str, &'static str>,
    /// What another writer stores before something is written, once each time.
    pub others: VecDeque<Value>,
    /// The most that a request may have, in bytes.
    pub most: usize,
    /// The `_id` of a document that a rule of the database's own forbids.
    pub forbidden: &'static str,
}

#[derive(Clone, Copy)]
pub enum Answer {
    /// Status, seconds to wait.
    Status(u16, Option<u32>),
    /// None at all.
    Gone,
    /// It does what was asked, and the answer is lost.
    Lost,
    /// It is longer than what is read.
    Long,
}

pub fn server() -> Server {
    Server { has_database: true, most: usize::MAX, ..Server::default() }
}

fn answer(status: u16, body: Value) -> Response<Vec<u8>> {
    Response::builder().status(status).body(body.to_string().into()).unwrap()
}

impl Server {
    fn one(&mut self, request: &Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
        let uri = request.uri();
        assert_eq!(uri.authority().unwrap(), "couch.example");
        self.asked.push(format!("{} {}", request.method(), uri.path_and_query().unwrap()));
        match self.first.pop_front() {
            Some(Answer::Status(status, wait)) => {
                let mut answer = answer(status, json!({"error": "busy", "reason": "said"}));
                if let Some(wait) = wait {
                    answer.headers_mut().insert("retry-after", wait.into());
                }
                return Ok(answer);
            }
            Some(Answer::Gone) => return Err(Failure::Retry("connection refused".into())),
            Some(Answer::Long) => return Err(Failure::Reject("the answer is longer than 64 MiB".into())),
            Some(Answer::Lost) => {
                self.own(request);
                return Err(Failure::Retry("the answer broke off".into()));
            }
            None => {}
        }
        Ok(self.own(request))
    }

    fn own(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        if let Some(password) = self.settings.get("COUCHDB_PASSWORD") {
            let given = request.headers().get("authorization").unwrap();
            if (*password, given.to_str().unwrap()) != ("secret", "Basic YWRhOnNlY3JldA==") {
                return answer(401, json!({"error": "unauthorized", "reason": "Name or password is incorrect."}));
            }
        }
        match (request.method().as_str(), request.uri().path()) {
            ("PUT", "/shop%2Forders") => {
                self.has_database = true;
                answer(201, json!({"ok": true}))
            }
            _ if !self.has_database => answer(404, json!({"error": "not_found", "reason": "no_db_file"})),
            ("GET", "/shop%2Forders") => answer(200, json!({})),
            ("POST", "/shop%2Forders/_all_docs") => {
                let row = |key: &Value| match self.docs.get(key.as_str().unwrap()) {
                    None => json!({"key": key, "error": "not_found"}),
                    Some(doc) if doc["_deleted"] == true => {
                        json!({"id": key, "key": key, "value": {"rev": doc["_rev"], "deleted": true}, "doc": null})
                    }
                    Some(doc) => json!({"id": key, "key": key, "value": {"rev": doc["_rev"]}, "doc": doc}),
                };
                answer(200, json!({"rows": body["keys"].as_array().unwrap().iter().map(row).collect::<Vec<_>>()}))
            }
            ("POST", "/shop%2Forders/_bulk_docs") if request.body().len() > self.most => {
                answer(413, json!({"error": "too_large", "reason": "the request entity is too large"}))
            }
            ("POST", "/shop%2Forders/_bulk_docs") => {
                if let Some(other) = self.others.pop_front() {
                    self.put(other);
                }
                let docs = body["docs"].as_array().unwrap();
                assert!(docs.len() <= 500);
                answer(201, docs.iter().map(|doc| self.put(doc.clone())).collect())
            }
            other => panic!("{other:?}"),
        }
    }

    /// Stores a document on CouchDB's conditions, and tells what became of it.
    pub fn put(&mut self, mut doc: Value) -> Value {
        let id = doc["_id"].as_str().unwrap().to_owned();
        assert!(!id.starts_with('_'), "{id}");
        for name in doc.as_object().unwrap().keys() {
            assert!(!name.starts_with('_') || ["_id", "_rev", "_deleted"].contains(&name.as_str()), "{name}");
        }
        if id == self.forbidden {
            return json!({"id": id, "error": "forbidden", "reason": "not now"});
        }
        let (there, rev) = (self.docs.get(&id), doc.get("_rev").cloned());
        let is_deleted = there.is_some_and(|there| there["_deleted"] == true);
        let is_allowed = match there {
            None => rev.is_none(),
            // Whatever the revision, only what has none replaces it.
            Some(_) if is_deleted => rev.is_none() && doc.get("_deleted").is_none(),
            Some(there) => rev.as_ref() == Some(&there["_rev"]),
        };
        if !is_allowed {
            return json!({"id": id, "error": "conflict", "reason": "Document update conflict."});
        }
        let before: u32 =
            there.map_or(0, |there| there["_rev"].as_str().unwrap().trim_end_matches("-x").parse().unwrap());
        let rev = json!(format!("{}-x", before + 1));
        doc["_rev"] = rev.clone();
        self.docs.insert(id.clone(), doc);
        json!({"ok": true, "id": id, "rev": rev})
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
