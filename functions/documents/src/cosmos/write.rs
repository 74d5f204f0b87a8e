//! Documents, written in transactional batches of one partition each: what is there is replaced only if it is older and
//! still what was read.
//!
//! Source: <https://learn.microsoft.com/azure/cosmos-db/nosql/transactional-batch>: at most 100 operations and 2 MB.

use std::collections::BTreeMap;
use std::collections::HashMap;

use http::Method;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use wasmill_sdk::{Document, Failure};
use wasmill_settle::{Counts, There, settle};

use super::client::{Answer, Call, Client, Kind};
use super::config::Config;
use super::containers;
use crate::stamp::{self, PROPERTY, Stamp};
use crate::web::Web;

/// How much a batch holds.
const BATCH_OPERATIONS: usize = 100;
const BATCH_BYTES: usize = 2 * 1024 * 1024;

/// How many documents are looked for at once.
const LOOKED_FOR: usize = 100;

/// How often what is there is read again because it is not any more what it was.
const ROUNDS: usize = 16;

/// How long what was deleted is remembered, in seconds: what comes later is taken for new.
const REMEMBERED: u32 = 30 * 24 * 60 * 60;

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
    There { etag: String, with: There<String> },
}

/// The writes of one document.
struct Key<'a> {
    id: &'a str,
    /// The places of its writes in the batch.
    places: Vec<usize>,
    known: Known,
    is_done: bool,
}

/// The documents of one partition.
struct Partition<'a> {
    key: &'a str,
    keys: Vec<Key<'a>>,
    /// How many bytes a batch of its may have; less after one was too large.
    most: usize,
}

/// Writes documents of one container.
pub struct Writer<'a, W> {
    /// Where to.
    pub client: &'a mut Client<W>,
    /// What the adapter was told.
    pub config: &'a Config,
    /// The container.
    pub container: &'a str,
    /// Whether documents are looked for before they are written, because those before were there already.
    pub looks_first: &'a mut bool,
}

impl<W: Web> Writer<'_, W> {
    /// Writes documents.
    pub fn write(&mut self, documents: &[Document]) -> Result<Counts, Failure> {
        let mut partitions = grouped(documents, if *self.looks_first { Known::LookFor } else { Known::Nothing });
        let mut counts = Counts::default();
        for _ in 0..ROUNDS {
            self.look(&mut partitions)?;
            let batches = self.batches(documents, &mut partitions, &mut counts)?;
            if batches.is_empty() {
                return Ok(counts);
            }
            let (batches, calls): (Vec<Batch>, Vec<Call>) = batches.into_iter().unzip();
            let answers = self.client.ask_all(&calls);
            for (batch, answer) in batches.into_iter().zip(answers) {
                self.take(batch, answer?, &mut partitions, &mut counts)?;
            }
        }
        Err(Failure::Retry(format!("Cosmos DB: others write the same documents of `{}` all the time", self.container)))
    }

    /// Looks for the documents that have to be looked for.
    fn look(&mut self, partitions: &mut [Partition<'_>]) -> Result<(), Failure> {
        let mut asked: Vec<(usize, Call)> = Vec::new();
        for (index, partition) in partitions.iter().enumerate() {
            let ids: Vec<&str> = partition
                .keys
                .iter()
                .filter(|key| !key.is_done && matches!(key.known, Known::LookFor))
                .map(|key| key.id)
                .collect();
            asked.extend(ids.chunks(LOOKED_FOR).map(|ids| (index, self.query(partition.key, ids))));
        }
        if asked.is_empty() {
            return Ok(());
        }
        let mut found: HashMap<(usize, String), Known> = HashMap::new();
        while !asked.is_empty() {
            let calls: Vec<Call> = asked.iter().map(|(_, call)| call.clone()).collect();
            let answers = self.client.ask_all(&calls);
            let mut more = Vec::new();
            for ((index, mut call), answer) in asked.into_iter().zip(answers) {
                let answer = answer?;
                if answer.status == 404 {
                    containers::ensure(self.client, self.config, self.container)?;
                    continue;
                }
                if !answer.is_success() {
                    return Err(containers::refused(&answer, &format!("`{}` cannot be read", self.container)));
                }
                let page: Page = serde_json::from_slice(&answer.body)
                    .map_err(|err| Failure::Retry(format!("Cosmos DB: the answer to a query: {err}")))?;
                for row in page.documents {
                    let with = row.with.as_ref().and_then(stamp::from_json);
                    let with = with.map_or(There::Foreign, There::Written);
                    found.insert((index, row.id), Known::There { etag: row.etag, with });
                }
                if let Some(next) = answer.header("x-ms-continuation").filter(|next| !next.is_empty()) {
                    call.headers.retain(|(name, _)| *name != "x-ms-continuation");
                    call.headers.push(("x-ms-continuation", next.to_owned()));
                    more.push((index, call));
                }
            }
            asked = more;
        }
        let (mut looked_for, there) = (0, found.len());
        for (index, partition) in partitions.iter_mut().enumerate() {
            for key in &mut partition.keys {
                if !key.is_done && matches!(key.known, Known::LookFor) {
                    looked_for += 1;
                    key.known = found.remove(&(index, key.id.to_owned())).unwrap_or(Known::Absent);
                }
            }
        }
        *self.looks_first = 2 * there >= looked_for;
        Ok(())
    }

    fn query(&self, partition: &str, ids: &[&str]) -> Call {
        let names: Vec<String> = (0..ids.len()).map(|index| format!("@id{index}")).collect();
        let parameters: Vec<Value> =
            names.iter().zip(ids).map(|(name, id)| serde_json::json!({"name": name, "value": id})).collect();
        let text = format!("SELECT c.id, c._etag, c.{PROPERTY} FROM c WHERE c.id IN ({})", names.join(", "));
        let body = serde_json::json!({"query": text, "parameters": parameters}).to_string().into_bytes();
        Call {
            method: Method::POST,
            kind: Kind::Documents,
            ids: self.ids(),
            is_feed: true,
            is_write: false,
            headers: vec![
                ("content-type", "application/query+json".to_owned()),
                ("x-ms-documentdb-isquery", "True".to_owned()),
                ("x-ms-documentdb-partitionkey", ascii(&[partition])),
            ],
            body,
        }
    }

    fn ids(&self) -> Vec<String> {
        vec![self.config.database.clone(), self.container.to_owned()]
    }

    /// What is left to write, with what is known; what turns out to be written already is done.
    fn batches(
        &self,
        documents: &[Document],
        partitions: &mut [Partition<'_>],
        counts: &mut Counts,
    ) -> Result<Vec<(Batch, Call)>, Failure> {
        let mut batches = Vec::new();
        for (index, partition) in partitions.iter_mut().enumerate() {
            let partition_key = partition.key;
            let mut batch = Batch::of(index);
            for (place, key) in partition.keys.iter_mut().enumerate().filter(|(_, key)| !key.is_done) {
                let (there, etag) = match &key.known {
                    Known::There { etag, with } => (with.clone(), Some(etag.as_str())),
                    _ => (There::Nothing, None),
                };
                let stamped =
                    |place: &usize| Some((*place, stamp::stamp(documents.get(*place)?, self.config.pipeline)));
                let settled = settle(there, key.places.iter().filter_map(stamped));
                let write = settled.write.and_then(|(place, with)| Some((documents.get(place)?, with)));
                let Some((document, with)) = write else {
                    *counts += settled.counts;
                    key.is_done = true;
                    continue;
                };
                let item = self.item(document, &with)?;
                let operation = operation(document, &item, etag);
                let is_full = batch.operations.len() == BATCH_OPERATIONS
                    || batch.bytes + operation.len() + 1 > partition.most && !batch.operations.is_empty();
                if is_full {
                    batches.push(self.with_call(std::mem::replace(&mut batch, Batch::of(index)), partition_key));
                }
                batch.push(place, operation, settled.counts);
            }
            if !batch.operations.is_empty() {
                batches.push(self.with_call(batch, partition_key));
            }
        }
        Ok(batches)
    }

    /// A batch, with the request that it is.
    fn with_call(&self, batch: Batch, partition: &str) -> (Batch, Call) {
        let call = Call {
            method: Method::POST,
            kind: Kind::Documents,
            ids: self.ids(),
            is_feed: true,
            is_write: true,
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("x-ms-cosmos-is-batch-request", "True".to_owned()),
                ("x-ms-cosmos-batch-atomic", "True".to_owned()),
                ("x-ms-cosmos-batch-continue-on-error", "False".to_owned()),
                ("x-ms-documentdb-partitionkey", ascii(&[partition])),
                ("prefer", "return=minimal".to_owned()),
            ],
            body: format!("[{}]", batch.operations.join(",")).into_bytes(),
        };
        (batch, call)
    }

    /// Takes the answer to a batch.
    fn take(
        &mut self,
        batch: Batch,
        answer: Answer,
        partitions: &mut [Partition<'_>],
        counts: &mut Counts,
    ) -> Result<(), Failure> {
        let Some(partition) = partitions.get_mut(batch.partition) else { return Ok(()) };
        if answer.status == 404 {
            return containers::ensure(self.client, self.config, self.container);
        }
        if answer.status == 413 && batch.operations.len() > 1 {
            partition.most = batch.bytes / 2;
            return Ok(());
        }
        let ids = || {
            let names =
                batch.keys.iter().filter_map(|place| partition.keys.get(*place)).map(|key| format!("`{}`", key.id));
            names.take(3).collect::<Vec<_>>().join(", ")
        };
        if !answer.is_success() {
            return Err(containers::refused(&answer, &format!("`{}`, documents {}", self.container, ids())));
        }
        let results: Vec<OperationResult> = serde_json::from_slice(&answer.body)
            .map_err(|err| Failure::Retry(format!("Cosmos DB: the answer to a batch: {err}")))?;
        if results.len() != batch.keys.len() {
            let message = format!("{} results of a batch of {}", results.len(), batch.keys.len());
            return Err(Failure::Retry(format!("Cosmos DB: {message}")));
        }
        // 424: another one failed, and so nothing was done.
        let failed = results.iter().map(|result| result.status).find(|status| *status >= 300 && *status != 424);
        match failed {
            None => {
                for (place, settled) in batch.keys.iter().zip(batch.counts) {
                    if let Some(key) = partition.keys.get_mut(*place) {
                        key.is_done = true;
                        *counts += settled;
                    }
                }
            }
            // It is there already, not there any more, or has changed. What is in one batch is mostly alike.
            Some(404 | 409 | 412) => {
                for place in &batch.keys {
                    if let Some(key) = partition.keys.get_mut(*place) {
                        key.known = Known::LookFor;
                    }
                }
            }
            // Within a batch as well: for it there is no header that says how long.
            Some(429 | 449) => {}
            Some(413) if batch.operations.len() > 1 => partition.most = batch.bytes / 2,
            Some(status @ (400 | 413)) => {
                let message = format!("Cosmos DB: `{}`, documents {}: status {status}", self.container, ids());
                return Err(Failure::Reject(message));
            }
            Some(status) => {
                let message = format!("Cosmos DB: `{}`, documents {}: status {status}", self.container, ids());
                return Err(Failure::Retry(message));
            }
        }
        Ok(())
    }

    /// A document as it is stored: its body with its id, its partition key, and what it was written with.
    fn item(&self, document: &Document, with: &Stamp) -> Result<String, Failure> {
        let Document { id, partition_key, body, .. } = document;
        let path = self.config.partition_key(self.container);
        let mut parts = path.trim_start_matches('/').split('/');
        let (first, rest) = (parts.next().unwrap_or_default(), parts.collect::<Vec<_>>());
        let with = stamp::to_json(with);
        let mut item = format!("{{\"id\":{},\"{PROPERTY}\":{with}", quoted(id));
        let Some(body) = body else {
            // Whatever the path is like, what is in it is the key.
            let key =
                rest.iter().rev().fold(quoted(partition_key), |value, name| format!("{{{}:{value}}}", quoted(name)));
            item.push_str(&format!(",{}:{key},\"ttl\":{REMEMBERED}}}", quoted(first)));
            return Ok(item);
        };
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(body)
            .map_err(|err| Failure::Reject(format!("the body of the document `{id}` is not a JSON object: {err}")))?;
        let wrong = |what: String| Failure::Reject(format!("document `{id}` of `{}`: {what}", self.container));
        let is_text =
            |value: &RawValue, text: &str| serde_json::from_str::<String>(value.get()).is_ok_and(|own| own == text);
        for name in [PROPERTY, "_rid", "_self", "_etag", "_ts", "_attachments"] {
            if fields.contains_key(name) {
                return Err(wrong(format!("it has a field `{name}`, which Cosmos DB or its adapter writes itself")));
            }
        }
        if let Some(own) = fields.get("id") {
            if !is_text(own, id) {
                return Err(wrong(
                    "it has a field `id` that is not its id\nhint: give the field another name".to_owned(),
                ));
            }
            // It is there once already.
            item = format!("{{\"{PROPERTY}\":{with}");
        }
        match (fields.get(first), rest.as_slice()) {
            (None, []) => item.push_str(&format!(",{}:{}", quoted(first), quoted(partition_key))),
            (Some(own), []) if is_text(own, partition_key) => {}
            (Some(own), [_, ..]) => {
                let own: Value = serde_json::from_str(own.get()).unwrap_or_default();
                if own.pointer(&format!("/{}", rest.join("/"))).and_then(Value::as_str) != Some(partition_key) {
                    return Err(wrong(format!("`{path}` in it is not its partition key, `{partition_key}`")));
                }
            }
            _ => return Err(wrong(format!("`{path}` in it is not its partition key, `{partition_key}`"))),
        }
        if !fields.is_empty() {
            item.push(',');
        }
        item.push_str(body.trim_start().strip_prefix('{').unwrap_or("}"));
        Ok(item)
    }
}

/// Operations that are done together or not at all.
struct Batch {
    partition: usize,
    keys: Vec<usize>,
    operations: Vec<String>,
    /// Of each, what happened to its writes if it is done.
    counts: Vec<Counts>,
    bytes: usize,
}

impl Batch {
    fn of(partition: usize) -> Self {
        Self { partition, keys: Vec::new(), operations: Vec::new(), counts: Vec::new(), bytes: 2 }
    }

    fn push(&mut self, key: usize, operation: String, counts: Counts) {
        self.bytes += operation.len() + 1;
        self.keys.push(key);
        self.operations.push(operation);
        self.counts.push(counts);
    }
}

fn operation(document: &Document, item: &str, etag: Option<&str>) -> String {
    match etag {
        None => format!("{{\"operationType\":\"Create\",\"resourceBody\":{item}}}"),
        Some(etag) => format!(
            "{{\"operationType\":\"Replace\",\"id\":{},\"ifMatch\":{},\"resourceBody\":{item}}}",
            quoted(&document.id),
            quoted(etag)
        ),
    }
}

/// Documents by partition and id, each in the order in which they are first named.
fn grouped(documents: &[Document], known: Known) -> Vec<Partition<'_>> {
    let mut partitions: Vec<Partition<'_>> = Vec::new();
    let mut by_partition: HashMap<&str, usize> = HashMap::new();
    let mut by_id: HashMap<(&str, &str), usize> = HashMap::new();
    for (place, document) in documents.iter().enumerate() {
        let (partition_key, id) = (document.partition_key.as_str(), document.id.as_str());
        let index = *by_partition.entry(partition_key).or_insert_with(|| {
            partitions.push(Partition { key: partition_key, keys: Vec::new(), most: BATCH_BYTES });
            partitions.len() - 1
        });
        let Some(partition) = partitions.get_mut(index) else { continue };
        let index = *by_id.entry((partition_key, id)).or_insert_with(|| {
            partition.keys.push(Key { id, places: Vec::new(), known: known.clone(), is_done: false });
            partition.keys.len() - 1
        });
        if let Some(key) = partition.keys.get_mut(index) {
            key.places.push(place);
        }
    }
    partitions
}

/// A page of what was looked for.
#[derive(Deserialize)]
struct Page {
    #[serde(rename = "Documents")]
    documents: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    #[serde(rename = "_etag")]
    etag: String,
    #[serde(rename = "_wasmill")]
    with: Option<Value>,
}

/// What became of an operation of a batch.
#[derive(Deserialize)]
struct OperationResult {
    #[serde(rename = "statusCode")]
    status: u16,
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A JSON array of texts for a header, in which only ASCII stands.
fn ascii(texts: &[&str]) -> String {
    let mut ascii = String::new();
    for character in Value::from(texts.to_vec()).to_string().chars() {
        if character.is_ascii() && character != '\u{7f}' {
            ascii.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    ascii
}
