//! Documents, written many at once: what is there is replaced only if it is older and still what was read.
//!
//! Source: <https://docs.couchdb.org/en/stable/api/database/bulk-api.html>.

use std::collections::{HashMap, VecDeque};

use http::Method;
use serde::Deserialize;
use serde_json::Value;
use wasmill_sdk::http::BODY_LIMIT;
use wasmill_sdk::{Document, Failure};
use wasmill_settle::{Counts, There, settle};

use super::client::{Answer, Call, Client, Said};
use super::config::Config;
use super::{body, databases};
use crate::stamp;
use crate::web::Web;

/// How much a request to write holds. More at once makes no server faster, and it is in memory three times.
const BATCH_DOCUMENTS: usize = 500;
const BATCH_BYTES: usize = 1 << 20;

/// How many of them are made before they are sent.
const BATCHES: usize = 16;

/// How much a request to look holds: documents come with their bodies.
const LOOKED_FOR: usize = 1_000;
const LOOKED_FOR_BYTES: usize = 4 << 20;

/// How many of them are sent at once.
const LOOKS: usize = 4;

/// How large a document is taken to be before one was seen, in bytes.
const UNSEEN: usize = 64 << 10;

/// How often what is there is read again because it is not any more what it was.
const ROUNDS: usize = 16;

/// What was learnt of a database.
#[derive(Debug)]
pub struct Learnt {
    /// Whether documents are looked for before they are written, because those before were there already.
    looks_first: bool,
    /// How large those were that were found last, in bytes.
    size: Option<usize>,
    /// How many bytes a request may have; less after one was too large.
    most: usize,
}

impl Default for Learnt {
    fn default() -> Self {
        Self { looks_first: false, size: None, most: BATCH_BYTES }
    }
}

/// What is known of a document that is there.
#[derive(Debug, Clone, Default)]
enum Known {
    /// Nothing: it is taken to be absent, and found out if it is not.
    #[default]
    Nothing,
    /// It has to be looked for.
    LookFor,
    /// It is not there.
    Absent,
    /// It is, and was written with that; or something else wrote it.
    There { rev: String, with: There<String> },
}

/// The writes of one document.
struct Key {
    /// Its `_id`.
    id: String,
    /// The places of its writes among all.
    places: Vec<usize>,
    known: Known,
    is_done: bool,
}

/// Writes documents of one database.
pub struct Writer<'a, W> {
    /// Where to.
    pub client: &'a mut Client<W>,
    /// What the adapter was told.
    pub config: &'a Config,
    /// The database.
    pub database: &'a str,
    /// What was learnt of it.
    pub learnt: &'a mut Learnt,
}

impl<W: Web> Writer<'_, W> {
    /// Writes documents.
    pub fn write(&mut self, documents: &[Document]) -> Result<Counts, Failure> {
        documents.iter().try_for_each(|document| body::check(self.database, document))?;
        let mut keys = grouped(documents, if self.learnt.looks_first { Known::LookFor } else { Known::Nothing });
        let mut counts = Counts::default();
        for _ in 0..ROUNDS {
            self.look(documents, &mut keys)?;
            self.write_what_wins(documents, &mut keys, &mut counts)?;
            if keys.iter().all(|key| key.is_done) {
                let there = keys.iter().filter(|key| matches!(key.known, Known::There { .. })).count();
                self.learnt.looks_first = 2 * there >= keys.len();
                return Ok(counts);
            }
        }
        Err(Failure::Retry(format!("CouchDB: others write the same documents of `{}` all the time", self.database)))
    }

    /// Looks for the documents that have to be looked for.
    fn look(&mut self, documents: &[Document], keys: &mut [Key]) -> Result<(), Failure> {
        let has_to = |(place, key): (usize, &Key)| matches!(key.known, Known::LookFor).then_some(place);
        let mut places: VecDeque<usize> = keys.iter().enumerate().filter_map(has_to).collect();
        while !places.is_empty() {
            // How large an answer is nobody knows before the first.
            let at_once = if self.learnt.size.is_some() { LOOKS } else { 1 };
            let mut asked = Vec::new();
            while !places.is_empty() && asked.len() < at_once {
                asked.push(self.some(documents, keys, &mut places));
            }
            let calls: Vec<Call> = asked.iter().map(|some| self.question(keys, some)).collect();
            let answers = self.client.ask_all(&calls);
            for (some, answer) in asked.into_iter().zip(answers) {
                match answer {
                    // It is longer than what is read of one.
                    Err(Failure::Reject(_)) if some.len() > 1 => {
                        self.learnt.size = Some(BODY_LIMIT / some.len());
                        places.extend(some);
                    }
                    answer => self.found(keys, &some, &answer?)?,
                }
            }
        }
        Ok(())
    }

    /// As many of the places as are looked for at once.
    fn some(&self, documents: &[Document], keys: &[Key], places: &mut VecDeque<usize>) -> Vec<usize> {
        let (mut some, mut bytes) = (Vec::new(), 0);
        while let Some(place) = places.front().filter(|_| some.len() < LOOKED_FOR) {
            // What is there is likely to be as large as what comes.
            let write = keys.get(*place).and_then(|key| documents.get(*key.places.last()?));
            let new = write.and_then(|write| write.body.as_ref()).map_or(0, String::len);
            bytes += new.max(self.learnt.size.unwrap_or(UNSEEN));
            if bytes > LOOKED_FOR_BYTES && !some.is_empty() {
                break;
            }
            some.extend(places.pop_front());
        }
        some
    }

    fn question(&self, keys: &[Key], places: &[usize]) -> Call {
        let ids: Vec<&str> = places.iter().filter_map(|place| Some(keys.get(*place)?.id.as_str())).collect();
        Call {
            method: Method::POST,
            path: format!("{}/_all_docs?include_docs=true", databases::path(self.database)),
            body: serde_json::json!({"keys": ids}).to_string().into_bytes(),
        }
    }

    /// Takes what was found of the documents at these places.
    fn found(&mut self, keys: &mut [Key], places: &[usize], answer: &Answer) -> Result<(), Failure> {
        if answer.status == 404 {
            // They are looked for again.
            return databases::ensure(self.client, self.config, self.database);
        }
        if !answer.is_success() {
            return Err(databases::refused(answer, &format!("`{}` cannot be read", self.database)));
        }
        let page: Page = serde_json::from_slice(&answer.body)
            .map_err(|err| Failure::Retry(format!("CouchDB: the answer to what is there: {err}")))?;
        // One that CouchDB deleted has none.
        let found = page.rows.into_iter().filter_map(|row| Some((row.key, row.doc?)));
        let mut found: HashMap<String, Found> = found.collect();
        if !found.is_empty() {
            self.learnt.size = Some(answer.body.len() / found.len());
        }
        for place in places {
            let Some(key) = keys.get_mut(*place) else { continue };
            key.known = match found.remove(&key.id) {
                None => Known::Absent,
                Some(Found { rev, with }) => {
                    let with = with.as_ref().and_then(stamp::from_json);
                    Known::There { rev, with: with.map_or(There::Foreign, There::Written) }
                }
            };
        }
        Ok(())
    }

    /// Writes what is left to write, with what is known; what turns out to be written already is done.
    fn write_what_wins(
        &mut self,
        documents: &[Document],
        keys: &mut [Key],
        counts: &mut Counts,
    ) -> Result<(), Failure> {
        let mut batches = vec![Batch::default()];
        for place in 0..keys.len() {
            let Some(key) = keys.get_mut(place).filter(|key| !key.is_done) else { continue };
            let (there, rev) = match &key.known {
                Known::LookFor => continue,
                Known::There { rev, with } => (with.clone(), Some(rev.as_str())),
                Known::Nothing | Known::Absent => (There::Nothing, None),
            };
            let stamped = |place: &usize| Some((*place, stamp::stamp(documents.get(*place)?, self.config.pipeline)));
            let settled = settle(there, key.places.iter().filter_map(stamped));
            let write = settled.write.and_then(|(place, with)| Some((documents.get(place)?, with)));
            let Some((document, with)) = write else {
                *counts += settled.counts;
                key.is_done = true;
                continue;
            };
            let text = body::stored(document, &with, rev);
            if batches.last().is_none_or(|batch| !batch.holds(&text, self.learnt.most)) {
                if batches.len() == BATCHES {
                    self.send(std::mem::take(&mut batches), keys, counts)?;
                }
                batches.push(Batch::default());
            }
            if let Some(batch) = batches.last_mut() {
                batch.push(place, &text, settled.counts);
            }
        }
        self.send(batches, keys, counts)
    }

    fn send(&mut self, batches: Vec<Batch>, keys: &mut [Key], counts: &mut Counts) -> Result<(), Failure> {
        let mut calls = Vec::new();
        let mut sent = Vec::new();
        for Batch { documents, docs } in batches.into_iter().filter(|batch| !batch.documents.is_empty()) {
            let path = format!("{}/_bulk_docs", databases::path(self.database));
            calls.push(Call { method: Method::POST, path, body: format!("{{\"docs\":[{docs}]}}").into_bytes() });
            sent.push((documents, docs.len()));
        }
        let answers = self.client.ask_all(&calls);
        for ((documents, bytes), answer) in sent.into_iter().zip(answers) {
            let answer = answer?;
            if answer.status == 404 {
                databases::ensure(self.client, self.config, self.database)?;
            } else if answer.status == 413 && documents.len() > 1 {
                self.learnt.most = self.learnt.most.min(bytes / 2);
            } else {
                self.take(documents, &answer, keys, counts)?;
            }
        }
        Ok(())
    }

    /// Takes the answer to a batch.
    fn take(
        &self,
        documents: Vec<(usize, Counts)>,
        answer: &Answer,
        keys: &mut [Key],
        counts: &mut Counts,
    ) -> Result<(), Failure> {
        if !answer.is_success() {
            let ids = documents.iter().filter_map(|(place, _)| keys.get(*place)).map(|key| format!("`{}`", key.id));
            let ids = ids.take(3).collect::<Vec<_>>().join(", ");
            return Err(databases::refused(answer, &format!("`{}`, documents {ids}", self.database)));
        }
        let outcomes: Vec<Outcome> = serde_json::from_slice(&answer.body)
            .map_err(|err| Failure::Retry(format!("CouchDB: the answer to a batch: {err}")))?;
        let mut outcomes: HashMap<String, Outcome> =
            outcomes.into_iter().map(|outcome| (outcome.id.clone(), outcome)).collect();
        for (place, settled) in documents {
            let Some(key) = keys.get_mut(place) else { continue };
            let outcome = outcomes.remove(&key.id).unwrap_or_default();
            let said = || format!("CouchDB: `{}`, document `{}`: {}", self.database, key.id, outcome.said);
            match outcome.said.error.as_str() {
                _ if outcome.ok => {
                    key.is_done = true;
                    *counts += settled;
                }
                // It is there already, not there any more, or has changed.
                "conflict" => key.known = Known::LookFor,
                // The database has rules of its own, and it breaks one.
                "forbidden" => return Err(Failure::Reject(said())),
                "unauthorized" => return Err(Failure::Other(format!("{}\n{}", said(), databases::unauthorized()))),
                _ => return Err(Failure::Retry(said())),
            }
        }
        Ok(())
    }
}

/// Documents that are sent at once.
#[derive(Default)]
struct Batch {
    /// The places of their keys, and what happened to the writes of each if it is written.
    documents: Vec<(usize, Counts)>,
    /// Their texts, with commas between them.
    docs: String,
}

impl Batch {
    /// Whether there is room for one more.
    fn holds(&self, text: &str, most: usize) -> bool {
        let is_full = self.documents.len() == BATCH_DOCUMENTS || self.docs.len() + text.len() >= most;
        self.documents.is_empty() || !is_full
    }

    fn push(&mut self, key: usize, text: &str, counts: Counts) {
        if !self.docs.is_empty() {
            self.docs.push(',');
        }
        self.docs.push_str(text);
        self.documents.push((key, counts));
    }
}

/// Documents by `_id`, in the order in which they are first named.
fn grouped(documents: &[Document], known: Known) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    let mut by_id: HashMap<String, usize> = HashMap::new();
    for (place, document) in documents.iter().enumerate() {
        let id = body::key(&document.partition_key, &document.id);
        let index = *by_id.entry(id).or_insert_with_key(|id| {
            keys.push(Key { id: id.clone(), places: Vec::new(), known: known.clone(), is_done: false });
            keys.len() - 1
        });
        if let Some(key) = keys.get_mut(index) {
            key.places.push(place);
        }
    }
    keys
}

/// What was looked for.
#[derive(Deserialize)]
struct Page {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    key: String,
    doc: Option<Found>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "_rev")]
    rev: String,
    #[serde(rename = "wasmill_")]
    with: Option<Value>,
}

/// What became of a document of a batch.
#[derive(Default, Deserialize)]
struct Outcome {
    id: String,
    #[serde(default)]
    ok: bool,
    #[serde(flatten)]
    said: Said,
}
