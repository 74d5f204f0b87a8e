//! Databases: looked at, and created if that is wanted; and what answers mean that nothing else was made of.

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wasmill_sdk::Failure;

use super::client::{Answer, Call, Client, PASSWORD, USER};
use super::config::Config;
use crate::web::Web;

/// What stands as it is in a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path of a database; a name may have a `/`.
pub fn path(database: &str) -> String {
    format!("/{}", utf8_percent_encode(database, SEGMENT))
}

/// Sees to it that a database is there.
pub fn ensure<W: Web>(client: &mut Client<W>, config: &Config, database: &str) -> Result<(), Failure> {
    let path = path(database);
    let found = client.ask(Call { method: Method::GET, path: path.clone(), body: Vec::new() })?;
    match found.status {
        200..300 => return Ok(()),
        404 if config.create => {}
        404 => {
            return Err(Failure::Other(format!(
                "CouchDB has no database `{database}`\nhint: create it, or set `create = true` in [documents]"
            )));
        }
        _ => return Err(refused(&found, &format!("the database `{database}` cannot be read"))),
    }
    let made = client.ask(Call { method: Method::PUT, path, body: Vec::new() })?;
    match made.status {
        // 412: somebody else was faster.
        200..300 | 412 => Ok(()),
        _ => Err(refused(&made, &format!("the database `{database}` cannot be created"))),
    }
}

/// What an answer means that nothing else was made of.
pub fn refused(answer: &Answer, what: &str) -> Failure {
    let message = format!("CouchDB: {what}: {}", answer.said());
    match answer.status {
        400 | 413 => Failure::Reject(message),
        401 => Failure::Other(format!("{message}\n{}", unauthorized())),
        403 => Failure::Other(format!("{message}\n{}", forbidden())),
        404 => Failure::Other(message),
        _ => Failure::Retry(message),
    }
}

/// What to do if CouchDB does not know who asks.
pub fn unauthorized() -> String {
    format!("hint: are {USER} and {PASSWORD} the name and password of a user of this server?")
}

fn forbidden() -> String {
    format!("hint: may {USER} write to this database? Only an administrator of the server creates databases")
}
