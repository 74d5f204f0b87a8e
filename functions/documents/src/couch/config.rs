//! What the adapter is told.

use serde::Deserialize;
use wasmill_sdk::Failure;

/// What the adapter is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The server: `https://couch.example:6984`.
    pub endpoint: String,
    /// What the names of databases begin with, before a `-` and the collection's name; nothing if it is empty.
    #[serde(default)]
    pub prefix: String,
    /// Whether databases are created if they are not there.
    #[serde(default)]
    pub create: bool,
    /// How long a call is tried again while the server does not answer, or is busy.
    #[serde(default = "patience")]
    pub patience_seconds: u32,
    /// A digest of what makes the documents, as a decimal number: see [`wasmill_settle`].
    #[serde(default)]
    pub pipeline: i64,
}

fn patience() -> u32 {
    20
}

impl Config {
    /// What is wrong with it, if anything is.
    pub fn check(&self) -> Result<(), String> {
        let url: http::Uri = self.endpoint.parse().map_err(|err| format!("`endpoint`: `{}`: {err}", self.endpoint))?;
        let is_origin =
            matches!(url.scheme_str(), Some("https" | "http")) && url.path() == "/" && url.query().is_none();
        let host = url.authority().map(|authority| authority.as_str());
        if !is_origin || host.is_none_or(|host| host.contains('@')) {
            return Err(format!("`endpoint`: `{}` is not like `https://couch.example:6984`", self.endpoint));
        }
        if !self.prefix.is_empty() && !is_name(&self.prefix) {
            return Err(format!("`prefix`: `{}` is not the beginning of a name of a database\n{HINT}", self.prefix));
        }
        Ok(())
    }

    /// The database of a collection.
    pub fn database(&self, collection: &str) -> Result<String, Failure> {
        let separator = if self.prefix.is_empty() { "" } else { "-" };
        let name = format!("{}{separator}{collection}", self.prefix);
        if is_name(&name) && !collection.is_empty() {
            return Ok(name);
        }
        Err(Failure::Other(format!("CouchDB has no databases with names like `{name}`\n{HINT}")))
    }
}

const HINT: &str = "hint: a name begins with a letter of a to z, and has those, digits and `_$()+-/`";

/// Whether a database may have this name: <https://docs.couchdb.org/en/stable/api/database/common.html#put--db>.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_$()+-/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(prefix: &str) -> Config {
        let json = serde_json::json!({"endpoint": "https://couch.example", "prefix": prefix});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_collection_is_a_database() {
        assert_eq!(config("").database("orders").unwrap(), "orders");
        assert_eq!(config("shop").database("orders").unwrap(), "shop-orders");
        assert_eq!(config("shop").database("2024/orders_$()+-").unwrap(), "shop-2024/orders_$()+-");
        for wrong in ["Orders", "2024", "_users", "", "a b", "é", "a.b"] {
            let failure = config("").database(wrong).unwrap_err().to_string();
            assert!(failure.contains(&format!("`{wrong}`\nhint: a name begins with")), "{failure}");
        }
        assert!(config("shop").database("").is_err());
    }

    #[test]
    fn what_is_no_server_is_refused() {
        let of = |endpoint: &str| Config { endpoint: endpoint.into(), ..config("") }.check();
        assert_eq!(of("http://[::1]:5984"), Ok(()));
        for wrong in
            ["couch.example", "ftp://couch.example", "https://ada:secret@couch.example", "https://couch.example/a"]
        {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert!(config("Shop").check().is_err());
    }
}
