//! Batches as files of a table: added to it, or in the place of whole partitions.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use deltalake_core::DeltaTable;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::kernel::{Action, Add};
use deltalake_core::protocol::{DeltaOperation, SaveMode};

use super::payload::Staged;
use super::{DeltaSink, failed};

/// The values of a partition's columns, in the order of their names.
type Partition = BTreeMap<String, Option<String>>;

/// Adds rows; the version that has them.
pub async fn append(
    sink: &DeltaSink,
    table: DeltaTable,
    staged: Vec<Staged>,
    properties: CommitProperties,
) -> io::Result<u64> {
    let adds = files(sink, &table, staged).await?;
    commit(sink, &table, adds.into_iter().map(Action::Add).collect(), SaveMode::Append, properties).await
}

/// Puts the rows of each event in the place of all that is in their partitions; of two events with rows in one partition the
/// later stays. The version that has them.
pub async fn overwrite(
    sink: &DeltaSink,
    table: DeltaTable,
    staged: Vec<(&str, Staged)>,
    properties: CommitProperties,
) -> io::Result<u64> {
    let mut events: Vec<(&str, Vec<Staged>)> = Vec::new();
    for (event, staged) in staged {
        match events.iter_mut().find(|(known, _)| *known == event) {
            Some((_, known)) => known.push(staged),
            None => events.push((event, vec![staged])),
        }
    }
    let mut partitions: HashMap<Partition, Vec<Add>> = HashMap::new();
    for (_, staged) in events {
        let mut touched = HashSet::new();
        for add in files(sink, &table, staged).await? {
            let partition: Partition = add.partition_values.clone().into_iter().collect();
            let adds = partitions.entry(partition.clone()).or_default();
            if touched.insert(partition) {
                adds.clear();
            }
            adds.push(add);
        }
    }
    let log = table.snapshot().map_err(failed)?.log_data();
    let removed = log.iter().filter(|file| partitions.contains_key(&file.partition_values_map().into_iter().collect()));
    let mut actions: Vec<Action> = removed.map(|file| Action::Remove(file.remove_action(true))).collect();
    actions.extend(partitions.into_values().flatten().map(Action::Add));
    commit(sink, &table, actions, SaveMode::Overwrite, properties).await
}

/// What was staged, all of it as files.
async fn files(sink: &DeltaSink, table: &DeltaTable, staged: Vec<Staged>) -> io::Result<Vec<Add>> {
    let (mut adds, mut rows) = (Vec::new(), Vec::new());
    for staged in staged {
        match staged {
            Staged::Rows(more) => rows.extend(more),
            Staged::Files(more) => adds.extend(more),
            Staged::Object(path) => {
                rows.extend(super::payload::get(&sink.location, &path).await?);
            }
        }
    }
    if !rows.is_empty() {
        adds.extend(sink.write(table, &rows).await?);
    }
    Ok(adds)
}

async fn commit(
    sink: &DeltaSink,
    table: &DeltaTable,
    actions: Vec<Action>,
    mode: SaveMode,
    properties: CommitProperties,
) -> io::Result<u64> {
    let partition_by = Some(sink.plan.partition_by().to_vec()).filter(|columns| !columns.is_empty());
    let operation = DeltaOperation::Write { mode, partition_by, predicate: None };
    let snapshot = table.snapshot().map_err(failed)?;
    let committed = CommitBuilder::from(properties)
        .with_actions(actions)
        .build(Some(snapshot), table.log_store(), operation)
        .await
        .map_err(failed)?;
    Ok(committed.version())
}
