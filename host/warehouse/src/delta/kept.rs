//! Tables that are read again and again: of each, only what was committed since is read.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use deltalake_core::DeltaTable;
use deltalake_core::logstore::commit_uri_from_version;
use object_store::{ObjectMeta, ObjectStoreExt};
use wasmill_runtime::store::Location;

use super::{failed, open};

/// So many tables are kept; of more, all are forgotten.
const MOST: usize = 256;

/// Tables as they were last seen.
#[derive(Default)]
pub struct Kept(Mutex<HashMap<Location, Last>>);

/// A table, and the file of its last commit.
#[derive(Clone)]
struct Last {
    table: DeltaTable,
    commit: ObjectMeta,
}

impl Kept {
    /// The table there as it is now, if there is one.
    pub async fn newest(&self, location: &Location) -> io::Result<Option<DeltaTable>> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(location).cloned();
        let table = match last {
            Some(Last { mut table, commit }) if commit_of(&table).await.as_ref() == Some(&commit) => {
                table.update_state().await.map_err(failed)?;
                Some(table)
            }
            // Another table may be there now, or none.
            _ => open::existing(location).await?,
        };
        let last = match &table {
            Some(table) => commit_of(table).await.filter(|commit| is_of(table, commit)),
            None => None,
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&table, last) {
            (Some(table), Some(commit)) => {
                if known.len() >= MOST && !known.contains_key(location) {
                    known.clear();
                }
                known.insert(location.clone(), Last { table: table.clone(), commit });
            }
            _ => drop(known.remove(location)),
        }
        drop(known);
        Ok(table)
    }
}

/// The file of a table's version, by which it is known from one that took its place.
async fn commit_of(table: &DeltaTable) -> Option<ObjectMeta> {
    let path = commit_uri_from_version(table.version());
    table.log_store().object_store(None).head(&path).await.ok()
}

/// Whether a file can be that of the commit which a table's state was read by: another table may have come meanwhile. Of a state that
/// was read by a checkpoint alone it is not known.
fn is_of(table: &DeltaTable, commit: &ObjectMeta) -> bool {
    let read = table.snapshot().ok().and_then(|state| state.version_timestamp(table.version()?));
    read.is_none_or(|read| read == commit.last_modified.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::{DataType, Field, Schema};

    use super::super::columns;
    use super::*;
    use crate::wait::wait;

    fn names(schema: &Schema) -> String {
        schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(" ")
    }

    fn schema(column: &str) -> Arc<Schema> {
        Arc::new(Schema::new(vec![Field::new(column, DataType::Int64, true)]))
    }

    /// Makes a table with a column.
    async fn make(location: &Location, column: &str) -> io::Result<DeltaTable> {
        open::create(location, &[], &schema(column)).await
    }

    /// Commits another column.
    async fn widen(table: DeltaTable, column: &str) -> io::Result<()> {
        let fields = columns::fields(&schema(column))?;
        table.add_columns().with_fields(fields).await.map(drop).map_err(failed)
    }

    #[test]
    fn what_was_committed_since_is_seen_and_a_table_in_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("table");
        let location = Location::File(folder.clone());
        let kept = Kept::default();
        let seen = async || -> io::Result<Option<(u64, String)>> {
            let table = kept.newest(&location).await?;
            let Some(table) = table else { return Ok(None) };
            let columns = columns::of_table(&table)?;
            Ok(Some((table.version().unwrap(), names(&columns))))
        };
        let at = |version: u64, columns: &str| Some((version, columns.to_owned()));
        wait(async {
            assert_eq!(seen().await?, None);
            let table = make(&location, "a").await?;
            assert_eq!(seen().await?, at(0, "a"));
            assert_eq!(seen().await?, at(0, "a"));
            widen(table, "b").await?;
            assert_eq!(seen().await?, at(1, "a b"));
            // One that is as far, one that is less far, none.
            std::fs::remove_dir_all(&folder)?;
            widen(make(&location, "c").await?, "d").await?;
            assert_eq!(seen().await?, at(1, "c d"));
            std::fs::remove_dir_all(&folder)?;
            make(&location, "e").await?;
            assert_eq!(seen().await?, at(0, "e"));
            std::fs::remove_dir_all(&folder)?;
            assert_eq!(seen().await?, None);
            Ok(())
        })
        .unwrap();
    }
}
