//! The document database, as it is planned.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use url::{Host, Url};

use crate::diagnostics::Reporter;
use crate::documents::adapter::AdapterPlan;
use crate::documents::query::Field;
use crate::documents::totals::Totals;
use crate::manifest::{DocumentCollection, Documents};

/// Where tokens of Microsoft Entra come from, unless the environment says otherwise.
const ENTRA: &str = "https://login.microsoftonline.com";

/// The document database.
#[derive(Debug, Clone, PartialEq)]
pub enum DocumentsPlan {
    /// An embedded one.
    Sqlite {
        /// Its file.
        path: PathBuf,
        /// The fields that there are indexes over, by collection.
        indexes: Indexes,
        /// After how many seconds documents expire, by collection.
        ttl_seconds: BTreeMap<String, u32>,
    },
    /// One of PostgreSQL.
    Postgres(PostgresPlan),
    /// One that is reached by an adapter.
    Adapter(AdapterPlan),
}

/// Fields that there are indexes over, by collection.
pub type Indexes = BTreeMap<String, Vec<Field>>;

/// A document database of PostgreSQL.
#[derive(Debug, Clone, PartialEq)]
pub struct PostgresPlan {
    /// Where it is.
    pub url: String,
    /// Whether what is not there is created.
    pub create: bool,
    /// The fields that there are indexes over, by collection.
    pub indexes: Indexes,
    /// After how many seconds documents expire, by collection.
    pub ttl_seconds: BTreeMap<String, u32>,
}

/// The document database of a manifest; none if what it says of it is wrong, which is reported.
pub fn documents(documents: &Documents, folder: &Path, reporter: &mut Reporter) -> Option<DocumentsPlan> {
    let url = &documents.url;
    let kind = match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Kind::Sqlite,
        Some(("postgres" | "postgresql", _)) => Kind::Postgres,
        Some(("cosmos+https" | "cosmos+http", _)) => Kind::Cosmos,
        Some(("couchdb+https" | "couchdb+http", _)) => Kind::Couch,
        _ => {
            let message = format!(
                "the document database `{url}` is not of a known kind\nhint: a file is `sqlite:FILE`, PostgreSQL `postgres://USER@HOST/DATABASE`, Azure Cosmos DB `cosmos+https://ACCOUNT.documents.azure.com/DATABASE`, Apache CouchDB `couchdb+https://HOST/`"
            );
            reporter.at(&["documents", "url"], message);
            return None;
        }
    };
    kind.refuse_what_is_of_others(documents, reporter);
    let indexes = indexes(&documents.collections, reporter);
    let ttl_seconds = ttl_seconds(&documents.collections, reporter);
    let planned = match kind {
        Kind::Sqlite => {
            let path = folder.join(url.trim_start_matches("sqlite:"));
            Ok(DocumentsPlan::Sqlite { path, indexes, ttl_seconds })
        }
        Kind::Postgres => postgres(documents, indexes, ttl_seconds),
        Kind::Cosmos => cosmos(documents).map(DocumentsPlan::Adapter),
        Kind::Couch => couch(documents).map(DocumentsPlan::Adapter),
    };
    planned.map_err(|message| reporter.at(&["documents", "url"], message)).ok()
}

/// The kinds of databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
    Cosmos,
    Couch,
}

impl Kind {
    fn refuse_what_is_of_others(self, documents: &Documents, reporter: &mut Reporter) {
        let name = match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Cosmos => "Cosmos DB",
            Self::Couch => "CouchDB",
        };
        let mut refuse = |place: &[&str]| {
            let key = place.last().copied().unwrap_or_default();
            reporter.at(place, format!("a document database of {name} has no use for `{key}`\nhint: remove it"));
        };
        if self == Self::Sqlite && documents.create {
            refuse(&["documents", "create"]);
        }
        if self != Self::Cosmos && !documents.regions.is_empty() {
            refuse(&["documents", "regions"]);
        }
        for (name, collection) in &documents.collections {
            let DocumentCollection { indexes, partition_key, ttl_seconds, throughput, max_throughput, .. } = collection;
            let given = [
                ("indexes", matches!(self, Self::Cosmos | Self::Couch) && !indexes.is_empty()),
                ("partition_key", self != Self::Cosmos && partition_key.is_some()),
                ("ttl_seconds", self == Self::Couch && ttl_seconds.is_some()),
                ("throughput", self != Self::Cosmos && throughput.is_some()),
                ("max_throughput", self != Self::Cosmos && max_throughput.is_some()),
            ];
            for (key, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
                refuse(&["documents", "collections", name, key]);
            }
        }
    }
}

/// The collections of totals; what a manifest says wrongly of them is reported.
pub fn totals(documents: &Documents, reporter: &mut Reporter) -> BTreeMap<String, Arc<Totals>> {
    let mut planned = BTreeMap::new();
    for (name, collection) in &documents.collections {
        let DocumentCollection { totals, source, withdrawn, .. } = collection;
        let mut report = |keys: &[&str], message: String| {
            let place: Vec<&str> = ["documents", "collections", name].into_iter().chain(keys.iter().copied()).collect();
            reporter.at(&place, message);
        };
        if totals.is_empty() {
            for (key, _) in [("source", source), ("withdrawn", withdrawn)].iter().filter(|(_, value)| value.is_some()) {
                let hint = "hint: add `totals = { FIELD = \"sum\" }`";
                report(&[*key], format!("`{key}` is of totals, and the collection has none\n{hint}"));
            }
            continue;
        }
        match Totals::new(source.as_deref(), withdrawn.as_deref(), totals) {
            Ok(totals) => {
                let totals = Totals { ttl_seconds: collection.ttl_seconds, ..totals };
                planned.insert(name.clone(), Arc::new(totals));
            }
            Err((keys, message)) => report(&keys.iter().map(String::as_str).collect::<Vec<_>>(), message),
        }
    }
    planned
}

fn indexes(collections: &BTreeMap<String, DocumentCollection>, reporter: &mut Reporter) -> Indexes {
    let mut indexes = Indexes::new();
    for (name, collection) in collections {
        let mut fields = Vec::new();
        for (place, field) in collection.indexes.iter().enumerate() {
            match field.parse() {
                Ok(field) if !fields.contains(&field) => fields.push(field),
                Ok(_) => {}
                Err(err) => {
                    reporter.at(&["documents", "collections", name, "indexes", &place.to_string()], err);
                }
            }
        }
        indexes.insert(name.clone(), fields);
    }
    indexes
}

/// After how many seconds documents expire, by collection.
fn ttl_seconds(collections: &BTreeMap<String, DocumentCollection>, reporter: &mut Reporter) -> BTreeMap<String, u32> {
    let given = collections.iter().filter_map(|(name, collection)| Some((name.clone(), collection.ttl_seconds?)));
    let ttl_seconds: BTreeMap<String, u32> = given.collect();
    for (name, _) in ttl_seconds.iter().filter(|(_, seconds)| !(1..=i32::MAX.unsigned_abs()).contains(*seconds)) {
        let message = format!("`ttl_seconds` is from 1 to {}\nhint: without it no document expires", i32::MAX);
        reporter.at(&["documents", "collections", name, "ttl_seconds"], message);
    }
    ttl_seconds
}

fn postgres(
    documents: &Documents,
    indexes: Indexes,
    ttl_seconds: BTreeMap<String, u32>,
) -> Result<DocumentsPlan, String> {
    let hint = "hint: it is like `postgres://USER@HOST:PORT/DATABASE?sslmode=require`";
    let url = &documents.url;
    let parsed = Url::parse(url).map_err(|err| format!("the document database `{url}`: {err}\n{hint}"))?;
    if parsed.password().is_some() {
        return Err("the URL of the document database has a password, and whoever reads the manifest could read it\nhint: remove it, and set PGPASSWORD in the environment".to_owned());
    }
    Ok(DocumentsPlan::Postgres(PostgresPlan { url: url.clone(), create: documents.create, indexes, ttl_seconds }))
}

fn cosmos(documents: &Documents) -> Result<AdapterPlan, String> {
    let url = documents.url.strip_prefix("cosmos+").unwrap_or(&documents.url);
    let hint = "hint: it is like `cosmos+https://ACCOUNT.documents.azure.com/DATABASE`";
    let parsed = Url::parse(url).map_err(|err| format!("the document database `{}`: {err}\n{hint}", documents.url))?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(format!("the URL of the document database has a secret in it\nhint: set COSMOS_KEY\n{hint}"));
    }
    let database = parsed.path().trim_matches('/');
    if database.is_empty() || database.contains('/') || parsed.query().is_some() {
        return Err(format!("the document database `{}` names no database\n{hint}", documents.url));
    }
    let endpoint = parsed.origin().ascii_serialization();
    let mut origins = vec![endpoint.clone()];
    // Regions have names beside the account's.
    if let Some(Host::Domain(name)) = parsed.host()
        && let Some((_, above)) = name.split_once('.')
        && above.contains('.')
    {
        let port = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
        origins.push(format!("{}://*.{above}{port}", parsed.scheme()));
    }
    let authority = std::env::var("AZURE_AUTHORITY_HOST").ok().and_then(|host| Url::parse(&host).ok());
    origins.push(authority.map_or_else(|| ENTRA.to_owned(), |host| host.origin().ascii_serialization()));
    let settings = ["COSMOS_KEY", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_AUTHORITY_HOST"];
    let config = [
        ("endpoint", json!(endpoint)),
        ("database", json!(percent_decode_str(database).decode_utf8_lossy())),
        ("create", json!(documents.create)),
        ("regions", json!(documents.regions)),
        ("collections", json!(collections(&documents.collections))),
    ];
    let config = config.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
    Ok(AdapterPlan { component: "documents-cosmos", config, origins, settings: settings.map(str::to_owned).to_vec() })
}

fn couch(documents: &Documents) -> Result<AdapterPlan, String> {
    let url = documents.url.strip_prefix("couchdb+").unwrap_or(&documents.url);
    let hint = "hint: it is like `couchdb+https://HOST/`, or `couchdb+https://HOST/PREFIX` for databases with names like `PREFIX-COLLECTION`";
    let parsed = Url::parse(url).map_err(|err| format!("the document database `{}`: {err}\n{hint}", documents.url))?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("the URL of the document database has a user or a password, and whoever reads the manifest could read it\nhint: remove it, and set COUCHDB_USER and COUCHDB_PASSWORD in the environment".to_owned());
    }
    let prefix = percent_decode_str(parsed.path().trim_matches('/')).decode_utf8_lossy();
    let is_prefix = prefix.is_empty() || prefix.starts_with(|first: char| first.is_ascii_lowercase());
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_$()+-".contains(&byte);
    if !is_prefix || !prefix.bytes().all(is_allowed) || parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(format!(
            "the document database `{}`: what is after the host is not the beginning of a name, which has letters of a to z, digits and `_$()+-`, the first a letter\n{hint}",
            documents.url
        ));
    }
    let endpoint = parsed.origin().ascii_serialization();
    let config = [("endpoint", json!(endpoint)), ("prefix", json!(prefix)), ("create", json!(documents.create))];
    let config = config.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
    let settings = ["COUCHDB_USER", "COUCHDB_PASSWORD"].map(str::to_owned).to_vec();
    Ok(AdapterPlan { component: "documents-couchdb", config, origins: vec![endpoint], settings })
}

fn collections(collections: &BTreeMap<String, DocumentCollection>) -> Map<String, Value> {
    let described = collections.iter().map(|(name, collection)| {
        let DocumentCollection { partition_key, ttl_seconds, throughput, max_throughput, .. } = collection;
        let described = json!({
            "partition_key": partition_key,
            "ttl_seconds": ttl_seconds,
            "throughput": throughput,
            "max_throughput": max_throughput,
        });
        (name.clone(), described)
    });
    described.collect()
}
