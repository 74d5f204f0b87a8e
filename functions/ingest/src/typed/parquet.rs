//! Parquet: the columns that are wanted, a row group at a time.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, FieldRef, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::basic::Type;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};
use wasmill_sdk::Failure;

use super::BatchSource;
use crate::schema::ColumnPlan;
use crate::stored::Stored;

/// The batches of a Parquet file.
pub struct ParquetBatches {
    stored: Stored,
    decoder: ParquetPushDecoder,
    schema: SchemaRef,
}

impl ParquetBatches {
    /// Reads the footer of an object.
    pub fn open(stored: Stored, columns: &[ColumnPlan], batch_rows: usize) -> Result<Self, Failure> {
        let mut footer = ParquetMetaDataPushDecoder::try_new(stored.size())
            .map_err(|err| damaged(&err))?
            .with_page_index_policy(PageIndexPolicy::Skip);
        let metadata = loop {
            match footer.try_decode().map_err(|err| damaged(&err))? {
                DecodeResult::NeedsData(ranges) => {
                    let bytes = read(&stored, &ranges)?;
                    footer.push_ranges(ranges, bytes).map_err(|err| damaged(&err))?;
                }
                DecodeResult::Data(metadata) => break metadata,
                DecodeResult::Finished => return Err(Failure::Reject("the Parquet file has no footer".to_owned())),
            }
        };
        let metadata = Arc::new(metadata);
        let found = ArrowReaderMetadata::try_new(metadata.clone(), ArrowReaderOptions::new());
        let schema = within_years(found.map_err(|err| damaged(&err))?.schema(), &metadata)?;
        let options = ArrowReaderOptions::new().with_schema(schema);
        let builder = ParquetPushDecoderBuilder::try_new_decoder_with_options(metadata, options);
        let builder = builder.map_err(|err| damaged(&err))?;
        let schema = builder.schema().clone();
        let paths: Vec<Vec<String>> = columns.iter().map(ColumnPlan::path).collect();
        let leaves = builder
            .parquet_schema()
            .columns()
            .iter()
            .enumerate()
            .filter(|(_, leaf)| paths.iter().any(|path| leaf.path().parts().starts_with(path)));
        let leaves: Vec<usize> = leaves.map(|(index, _)| index).collect();
        let projection = ProjectionMask::leaves(builder.parquet_schema(), leaves);
        let builder = builder.with_projection(projection).with_batch_size(batch_rows.min(MOST_ROWS));
        let decoder = builder.build().map_err(|err| damaged(&err))?;
        Ok(Self { stored, decoder, schema })
    }
}

/// The schema, with times of the old type INT96 in microseconds: in nanoseconds those before 1677 or after 2262 would be
/// other times.
fn within_years(schema: &SchemaRef, metadata: &ParquetMetaData) -> Result<SchemaRef, Failure> {
    let mut fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
    for leaf in metadata.file_metadata().schema_descr().columns() {
        if leaf.physical_type() != Type::INT96 {
            continue;
        }
        let [name] = leaf.path().parts() else {
            return Err(Failure::Reject(format!(
                "`{}` is of the type INT96 within a structure: write it as a timestamp of 64 bits",
                leaf.path().string()
            )));
        };
        for field in fields.iter_mut().filter(|field| field.name() == name) {
            let of = DataType::Timestamp(TimeUnit::Microsecond, None);
            *field = Arc::new(field.as_ref().clone().with_data_type(of));
        }
    }
    Ok(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
}

/// The most rows that are decoded at once.
const MOST_ROWS: usize = 16 * 1024;

impl BatchSource for ParquetBatches {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        loop {
            match self.decoder.try_decode().map_err(|err| damaged(&err))? {
                DecodeResult::NeedsData(ranges) => {
                    let bytes = read(&self.stored, &ranges)?;
                    self.decoder.push_ranges(ranges, bytes).map_err(|err| damaged(&err))?;
                }
                DecodeResult::Data(batch) => return Ok(Some(batch)),
                DecodeResult::Finished => return Ok(None),
            }
        }
    }
}

/// The bytes of ranges, all of them.
fn read(stored: &Stored, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Failure> {
    ranges
        .iter()
        .map(|range| {
            let len = range.end.saturating_sub(range.start);
            let bytes = stored.read_at(range.start, len)?;
            if range.start <= range.end && bytes.len() as u64 == len {
                Ok(Bytes::from(bytes))
            } else {
                Err(Failure::Reject(format!(
                    "the Parquet file refers to bytes {} to {} of {}: was it cut off?",
                    range.start,
                    range.end,
                    stored.size()
                )))
            }
        })
        .collect()
}

fn damaged(err: &ParquetError) -> Failure {
    Failure::Reject(format!("the object is no Parquet file, or damaged, or uses what is not supported: {err}"))
}
