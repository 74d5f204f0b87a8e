//! The document database, as it is planned.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use url::{Host, Url};

use crate::diagnostics::Reporter;
use crate::documents::adapter::AdapterPlan;
use crate::manifest::{DocumentCollection, Documents};

/// Where tokens of Microsoft Entra come from, unless the environment says otherwise.
const ENTRA: &str = "https://login.microsoftonline.com";

/// The document database.
#[derive(Debug, Clone, PartialEq)]
pub enum DocumentsPlan {
    /// The file of an embedded one.
    Sqlite(PathBuf),
    /// One that is reached by an adapter.
    Adapter(AdapterPlan),
}

/// The document database of a manifest; none if what it says of it is wrong, which is reported.
pub fn documents(documents: &Documents, folder: &Path, reporter: &mut Reporter) -> Option<DocumentsPlan> {
    let url = &documents.url;
    let planned = match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => {
            let only_of_servers = [
                ("create", documents.create),
                ("regions", !documents.regions.is_empty()),
                ("collections", !documents.collections.is_empty()),
            ];
            for (key, _) in only_of_servers.into_iter().filter(|(_, is_given)| *is_given) {
                let message = format!("a document database of SQLite has no use for `{key}`\nhint: remove it");
                reporter.at(&["documents", key], message);
            }
            return Some(DocumentsPlan::Sqlite(folder.join(path)));
        }
        Some(("cosmos+https" | "cosmos+http", _)) => cosmos(documents),
        _ => Err(format!(
            "the document database `{url}` is not of a known kind\nhint: a file is `sqlite:FILE`, Azure Cosmos DB `cosmos+https://ACCOUNT.documents.azure.com/DATABASE`"
        )),
    };
    match planned {
        Ok(planned) => Some(DocumentsPlan::Adapter(planned)),
        Err(message) => {
            reporter.at(&["documents", "url"], message);
            None
        }
    }
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

fn collections(collections: &BTreeMap<String, DocumentCollection>) -> Map<String, Value> {
    let described = collections.iter().map(|(name, collection)| {
        let DocumentCollection { partition_key, ttl_seconds, throughput, max_throughput } = collection;
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
