//! Databases and containers: looked at, and created if that is wanted.

use http::Method;
use serde_json::{Value, json};
use wasmill_sdk::Failure;

use super::client::{Answer, Call, Client, Kind};
use super::config::Config;
use crate::web::Web;

/// Sees to it that a container is there, and has the partition key that it is used with.
pub fn ensure<W: Web>(client: &mut Client<W>, config: &Config, container: &str) -> Result<(), Failure> {
    let database = &config.database;
    let read = Call {
        method: Method::GET,
        kind: Kind::Containers,
        ids: vec![database.clone(), container.to_owned()],
        is_feed: false,
        is_write: false,
        headers: Vec::new(),
        body: Vec::new(),
    };
    let found = client.ask(read.clone())?;
    match found.status {
        200 => return has_partition_key(&found, config, container),
        404 if config.create => {}
        404 => {
            return Err(Failure::Other(format!(
                "Cosmos DB has no database `{database}` with a container `{container}`\nhint: create it with the partition key `{}`, or set `create = true` in [documents]",
                config.partition_key(container)
            )));
        }
        _ => return Err(refused(&found, &format!("the container `{container}` cannot be read"))),
    }
    let made = client.ask(create(Kind::Databases, Vec::new(), json!({"id": database}), Vec::new()))?;
    if !made.is_success() && made.status != 409 {
        return Err(refused(&made, &format!("the database `{database}` cannot be created")));
    }
    let known = config.collections.get(container).cloned().unwrap_or_default();
    let body = json!({
        "id": container,
        "partitionKey": {"paths": [config.partition_key(container)], "kind": "Hash", "version": 2},
        // Minus one: only what says so itself expires, as what was deleted does.
        "defaultTtl": known.ttl_seconds.map_or(-1, i64::from),
    });
    let headers = match (known.throughput, known.max_throughput) {
        (Some(throughput), _) => vec![("x-ms-offer-throughput", throughput.to_string())],
        (None, Some(most)) => {
            vec![("x-ms-cosmos-offer-autopilot-settings", json!({"maxThroughput": most}).to_string())]
        }
        (None, None) => Vec::new(),
    };
    let made = client.ask(create(Kind::Containers, vec![database.clone()], body, headers))?;
    match made.status {
        200..300 => Ok(()),
        // Somebody else was faster.
        409 => has_partition_key(&client.ask(read)?, config, container),
        _ => Err(refused(&made, &format!("the container `{container}` cannot be created"))),
    }
}

fn create(kind: Kind, ids: Vec<String>, body: Value, mut headers: Vec<(&'static str, String)>) -> Call {
    headers.push(("content-type", "application/json".to_owned()));
    Call {
        method: Method::POST,
        kind,
        ids,
        is_feed: true,
        is_write: true,
        headers,
        body: body.to_string().into_bytes(),
    }
}

fn has_partition_key(found: &Answer, config: &Config, container: &str) -> Result<(), Failure> {
    let wanted = config.partition_key(container);
    let properties: Value = serde_json::from_slice(&found.body).unwrap_or_default();
    let paths: Vec<&str> = properties
        .pointer("/partitionKey/paths")
        .and_then(Value::as_array)
        .map(|paths| paths.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    if paths == [wanted] {
        return Ok(());
    }
    let hint = match paths.as_slice() {
        [path] => format!("set `partition_key = \"{path}\"` in [documents.collections.{container}]"),
        _ => "use a container with one".to_owned(),
    };
    Err(Failure::Other(format!(
        "the partition key of Cosmos DB's container `{container}` is {paths:?}, not `{wanted}`\nhint: {hint}"
    )))
}

/// What an answer means that nothing else was made of.
pub fn refused(answer: &Answer, what: &str) -> Failure {
    let message = format!("Cosmos DB: {what}: {}", answer.said());
    match answer.status {
        400 | 409 | 413 => Failure::Reject(message),
        401 => Failure::Other(format!("{message}\nhint: is COSMOS_KEY a key of this account, and the clock right?")),
        403 => Failure::Other(format!(
            "{message}\nhint: does the account let this network in, and may this principal write documents? Only a key creates databases and containers"
        )),
        404 => Failure::Other(message),
        _ => Failure::Retry(message),
    }
}
