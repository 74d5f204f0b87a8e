//! Rows that are staged: what stands for them in the journal.

use std::io;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use deltalake_core::kernel::Add;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};
use wasmill_runtime::store::Location;

use super::{durable, open};

/// The folder of a table in which rows wait that are to be merged. What begins with `_` is no data to any reader, and left
/// alone when files are cleaned up.
const FOLDER: &str = "_wasmill";

/// What a payload begins with.
const ROWS: u8 = b'R';
const OTHER: u8 = b'{';

/// Rows that were staged.
pub enum Staged {
    /// Themselves.
    Rows(Vec<RecordBatch>),
    /// As files of the table that are not in its log yet.
    Files(Vec<Add>),
    /// As a Parquet file beside the table.
    Object(String),
}

/// All that is not rows, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reference {
    Files(Vec<Add>),
    Object(String),
}

impl Staged {
    /// The file beside the table, if it is one.
    pub fn into_object(self) -> Option<String> {
        match self {
            Self::Object(path) => Some(path),
            Self::Rows(_) | Self::Files(_) => None,
        }
    }

    /// As bytes.
    pub fn encode(self, schema: &SchemaRef) -> io::Result<Vec<u8>> {
        let reference = match self {
            Self::Rows(rows) => {
                let mut bytes = vec![ROWS];
                let mut writer = StreamWriter::try_new(&mut bytes, schema).map_err(io::Error::other)?;
                rows.iter().try_for_each(|rows| writer.write(rows)).map_err(io::Error::other)?;
                writer.finish().map_err(io::Error::other)?;
                drop(writer);
                return Ok(bytes);
            }
            Self::Files(adds) => Reference::Files(adds),
            Self::Object(path) => Reference::Object(path),
        };
        serde_json::to_vec(&reference).map_err(io::Error::other)
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> io::Result<Self> {
        match bytes.split_first() {
            Some((&ROWS, stream)) => {
                let reader = StreamReader::try_new(stream, None).map_err(io::Error::other)?;
                Ok(Self::Rows(reader.collect::<Result<_, _>>().map_err(io::Error::other)?))
            }
            Some((&OTHER, _)) => Ok(match serde_json::from_slice(bytes)? {
                Reference::Files(adds) => Self::Files(adds),
                Reference::Object(path) => Self::Object(path),
            }),
            _ => Err(io::Error::other("rows that are staged are of no known form\nhint: they are of another wasmill")),
        }
    }
}

/// Puts rows beside a table, durably; where they are.
pub async fn put(table: &Location, schema: &SchemaRef, rows: &[RecordBatch]) -> io::Result<String> {
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), None)?;
    rows.iter().try_for_each(|rows| writer.write(rows))?;
    let bytes = Bytes::from(writer.into_inner()?);
    let path = format!("{FOLDER}/{:032x}.parquet", rand::random::<u128>());
    if let Location::File(folder) = table {
        std::fs::create_dir_all(folder)?;
    }
    let store = open::at(table)?.object_store();
    store.put(&Path::from(path.as_str()), bytes.into()).await.map_err(io::Error::other)?;
    durable::files(table, [path.as_str()])?;
    Ok(path)
}

/// Rows that are beside a table.
pub async fn get(table: &Location, path: &str) -> io::Result<Vec<RecordBatch>> {
    let store = open::at(table)?.object_store();
    let object = store.get(&Path::from(path)).await.map_err(io::Error::other)?;
    let bytes = object.bytes().await.map_err(io::Error::other)?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()?;
    reader.collect::<Result<_, _>>().map_err(io::Error::other)
}

/// Removes rows that are beside a table. What is left of one that could not be removed does no harm.
pub async fn remove(table: &Location, paths: &[String]) {
    let Ok(store) = open::at(table).map(|table| table.object_store()) else { return };
    for path in paths {
        if let Err(err) = store.delete(&Path::from(path.as_str())).await {
            tracing::warn!("`{path}` of the table at `{table}` cannot be removed: {err}");
        }
    }
}
