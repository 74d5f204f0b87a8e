//! Avro object container files (Apache Avro 1.12 specification): blocks of records behind their schema.
//!
//! Values are decoded here, those of the columns only and within bounds: what is nested, repeated or long costs what the
//! object is long, not what it says. (The crates `apache-avro` 0.21 and `arrow-avro` 59 allocate and recurse as they are
//! told, and panic at some schemas and blocks.)

mod block;
mod datum;
mod plan;
pub mod types;

use std::io::Read;

use wasmill_sdk::Failure;

use crate::column::Column;
use crate::decoder::Records;
use crate::rows::Rows;
use crate::schema::ColumnPlan;
use crate::stored::Account;
use crate::typed::describe;
use block::{Block, Blocks};
use datum::{Bytes, Slot};
use plan::Plan;
use types::Types;

/// The schema of an object's records.
pub fn schema(content: Box<dyn Read>, account: &Account) -> Result<Types, Failure> {
    Blocks::open(content, account).map(|(_, types)| types)
}

/// The records of an object, numbered from 1.
pub struct AvroRecords {
    blocks: Blocks,
    columns: Vec<ColumnPlan>,
    plan: Plan,
    block: Block,
    /// How much of the block is read.
    at: usize,
    count: u64,
}

impl AvroRecords {
    /// Reads the header of an object; it is refused if its records do not have the columns.
    pub fn open(columns: &[ColumnPlan], content: Box<dyn Read>, account: &Account) -> Result<Self, Failure> {
        let (blocks, types) = Blocks::open(content, account)?;
        let plan = Plan::new(types, columns).map_err(Failure::Reject)?;
        Ok(Self { blocks, columns: columns.to_vec(), plan, block: Block::default(), at: 0, count: 0 })
    }
}

impl Records for AvroRecords {
    fn next(&mut self, rows: &mut Rows) -> Result<bool, Failure> {
        while self.block.rows == 0 {
            if self.at < self.block.data.len() {
                return Err(Failure::Reject("the Avro file is damaged: a block is longer than its records".to_owned()));
            }
            let Some(block) = self.blocks.next()? else { return Ok(false) };
            (self.block, self.at) = (block, 0);
        }
        let mut bytes = Bytes::new(self.block.data.get(self.at..).unwrap_or_default());
        let before = bytes.len();
        let mut slots = vec![Slot::default(); self.columns.len()];
        self.count += 1;
        self.plan.read(&mut bytes, &mut slots).map_err(|problem| {
            Failure::Reject(format!("the Avro file is damaged: record {}: {problem}", self.count))
        })?;
        let used = before - bytes.len();
        // Records without bytes could be any number.
        if used == 0 {
            return Err(Failure::Reject("the Avro file has records without any data".to_owned()));
        }
        self.block.rows -= 1;
        self.at += used;
        let outcome = rows.try_push(self.count, used, |columns| {
            columns.iter_mut().zip(&slots).try_for_each(|(column, slot)| append(slot, column))
        });
        if let Err(reason) = outcome {
            let values = self.columns.iter().zip(&slots).map(|(column, slot)| (column.name.as_str(), show(slot)));
            rows.reject(self.count, describe(values).as_bytes(), &reason);
        }
        Ok(true)
    }
}

fn append(slot: &Slot<'_>, column: &mut Column) -> Result<(), String> {
    match slot {
        Slot::Value(value) => column.append_value(value),
        Slot::List(values) => column.append_list(values.iter().cloned()),
    }
}

fn show(slot: &Slot<'_>) -> String {
    match slot {
        Slot::Value(value) => value.to_json(),
        Slot::List(values) => {
            format!("[{}]", values.iter().map(|value| value.to_json()).collect::<Vec<_>>().join(","))
        }
    }
}
