//! Where tables are: folders, and prefixes of the stores that everything else is read from.

use std::io;
use std::sync::{Arc, Once};

use arrow_schema::SchemaRef;
use chrono::{DateTime, SecondsFormat, Utc};
use deltalake_core::logstore::{
    LogStore, LogStoreFactory, ObjectStoreRef, StorageConfig, default_logstore, logstore_factories,
};
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::SaveMode;
use deltalake_core::{DeltaResult, DeltaTable, DeltaTableBuilder, DeltaTableError};
use futures_util::TryStreamExt;
use url::Url;
use wasmill_runtime::store::{self, Location};

use super::{columns, failed};
use crate::query::Moment;

/// The schemes of stores over the network.
const SCHEMES: [&str; 5] = ["s3", "az", "abfs", "abfss", "gs"];

/// Logs in stores over the network: a version is written on the condition that it is not there.
struct Conditional;

impl LogStoreFactory for Conditional {
    fn with_options(
        &self,
        prefixed_store: ObjectStoreRef,
        root_store: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(prefixed_store, root_store, location, options))
    }
}

/// The table there, whose log was not read.
pub fn at(location: &Location) -> io::Result<DeltaTable> {
    static KNOWN: Once = Once::new();
    KNOWN.call_once(|| {
        for scheme in SCHEMES {
            if let Ok(url) = Url::parse(&format!("{scheme}://")) {
                logstore_factories().insert(url, Arc::new(Conditional));
            }
        }
    });
    let builder = match location {
        Location::File(folder) => {
            let folder = std::path::absolute(folder)?;
            let url = Url::from_directory_path(&folder)
                .map_err(|()| io::Error::other(format!("`{}` is no folder", folder.display())))?;
            DeltaTableBuilder::from_url(url).map_err(failed)?
        }
        Location::Url(url) => {
            let (client, _) = store::client(url)?;
            DeltaTableBuilder::from_url(url.clone()).map_err(failed)?.with_storage_backend(client, url.clone())
        }
    };
    builder.build().map_err(failed)
}

/// The table there as it is now, if there is one.
pub async fn existing(location: &Location) -> io::Result<Option<DeltaTable>> {
    if matches!(location, Location::File(folder) if !folder.join("_delta_log").is_dir()) {
        return Ok(None);
    }
    let mut table = at(location)?;
    match table.load().await {
        Ok(()) => Ok(Some(table)),
        Err(DeltaTableError::NotATable(_) | DeltaTableError::InvalidVersion(_)) => Ok(None),
        Err(err) => Err(failed(err)),
    }
}

/// Makes a table what it was.
pub async fn go_back(table: &mut DeltaTable, moment: Moment) -> io::Result<()> {
    let newest = table.version().unwrap_or_default();
    let version = match moment {
        Moment::Version(version) if version > newest => {
            return Err(io::Error::other(format!("it has no version {version}\nhint: the last one is {newest}")));
        }
        Moment::Version(version) => version,
        Moment::Time(time) => version_at(table, newest, time).await?,
    };
    table.load_version(version).await.map_err(failed)
}

/// The last version that was committed by then, as its commit tells the time: that of its file is another once a folder is copied.
async fn version_at(table: &DeltaTable, newest: u64, time: DateTime<Utc>) -> io::Result<u64> {
    let mut commits = table.history(None);
    let mut first = None;
    for version in (0..=newest).rev() {
        let Some(commit) = commits.try_next().await.map_err(failed)? else { break };
        let made = commit.timestamp.and_then(DateTime::from_timestamp_millis);
        if made.is_some_and(|made| made <= time) {
            return Ok(version);
        }
        first = made.or(first);
    }
    let first = first.map_or_else(String::new, |made| {
        format!("\nhint: the first version that is left is of {}", made.to_rfc3339_opts(SecondsFormat::Millis, true))
    });
    Err(io::Error::other(format!("it was not there by then{first}")))
}

/// That there is no table.
pub fn missing(location: &Location) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no table of Delta Lake at `{location}`"))
}

/// The table of a sink, which is made unless someone else just did.
pub async fn create(location: &Location, partition_by: &[String], schema: &SchemaRef) -> io::Result<DeltaTable> {
    if let Location::File(folder) = location {
        std::fs::create_dir_all(folder)?;
    }
    let table = at(location)?;
    let created = CreateBuilder::new()
        .with_log_store(table.log_store())
        .with_save_mode(SaveMode::Ignore)
        .with_columns(columns::fields(schema)?)
        .with_partition_columns(partition_by)
        .await;
    match created {
        Ok(table) => Ok(table),
        // Someone else was faster.
        Err(DeltaTableError::VersionAlreadyExists(_)) => {
            let mut table = table;
            table.load().await.map_err(failed)?;
            Ok(table)
        }
        Err(err) => Err(failed(err)),
    }
}
