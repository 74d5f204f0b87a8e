//! What survives a power cut: files of tables in folders are brought to the disk before anything is said of them. Stores
//! over the network do so by themselves.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use deltalake_core::DeltaTable;
use serde_json::Value;
use wasmill_runtime::store::Location;

/// Brings files of a table to the disk, which are named as its log has them.
pub fn files<'a>(table: &Location, paths: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    let Some(folder) = folder(table) else { return Ok(()) };
    let mut folders = BTreeSet::new();
    for path in paths {
        let file = folder.join(path);
        File::open(&file)?.sync_all()?;
        folders.extend(file.ancestors().skip(1).take_while(|above| above.starts_with(folder)).map(Path::to_owned));
    }
    folders.iter().try_for_each(|folder| File::open(folder)?.sync_all())
}

/// Brings the versions after `before` to the disk, to the table's own.
pub fn versions(location: &Location, before: Option<u64>, table: &DeltaTable) -> io::Result<()> {
    let Some(last) = table.version() else { return Ok(()) };
    (before.map_or(0, |before| before + 1)..=last).try_for_each(|each| version(location, each))
}

/// Brings a version of a table to the disk, with the files that it added.
pub fn version(table: &Location, version: u64) -> io::Result<()> {
    let Some(folder) = folder(table) else { return Ok(()) };
    let log = folder.join("_delta_log");
    let entry = log.join(format!("{version:020}.json"));
    let text = std::fs::read_to_string(&entry)?;
    let actions = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let added: Vec<String> = actions
        .filter_map(|action| action.get("add")?.get("path")?.as_str().map(str::to_owned))
        // The log has paths as URLs do; those that are of no file here are of another store.
        .filter_map(|path| Some(deltalake_core::Path::from_url_path(path).ok()?.to_string()))
        .filter(|path| folder.join(path).is_file())
        .collect();
    files(table, added.iter().map(String::as_str))?;
    let checkpoint: [PathBuf; 2] =
        [log.join(format!("{version:020}.checkpoint.parquet")), log.join("_last_checkpoint")];
    for file in checkpoint.iter().filter(|file| file.is_file()).chain([&entry]) {
        File::open(file)?.sync_all()?;
    }
    File::open(&log)?.sync_all()
}

/// The table's folder, if it is in one.
fn folder(table: &Location) -> Option<&Path> {
    match table {
        Location::File(folder) => Some(folder),
        Location::Url(_) => None,
    }
}
