//! The function: configured once, then opening objects.

use arrow_schema::SchemaRef;
use wasmill_sdk::{Context, Decoder, Failure, Ingest, Source};

use crate::config::{Compression, Config, Format};
use crate::csv::{CsvPlan, CsvRecords};
use crate::decoder::Batches;
use crate::jsonl::{JsonlPlan, JsonlRecords};
use crate::rows::Rows;
use crate::schema::{ColumnPlan, plan, schema};
use crate::text::Text;

/// Reads objects as a configuration says.
pub struct Reader {
    compression: Compression,
    batch_rows: usize,
    columns: Vec<ColumnPlan>,
    format: FormatPlan,
}

/// A format with its options.
enum FormatPlan {
    Csv(CsvPlan),
    Jsonl(JsonlPlan),
}

impl Ingest for Reader {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, String> {
        let columns = plan(&config)?;
        if !(1..=MOST_BATCH_ROWS).contains(&config.batch_rows) {
            return Err(format!("`batch_rows` is not from 1 to {MOST_BATCH_ROWS}; hint: batch_rows = 16384"));
        }
        if !(1..=MOST_ROW_BYTES).contains(&config.max_row_bytes) {
            return Err(format!("`max_row_bytes` is not from 1 to {MOST_ROW_BYTES}; hint: max_row_bytes = 1048576"));
        }
        let format = match config.format {
            Format::Csv | Format::Tsv => FormatPlan::Csv(CsvPlan::new(&config)?),
            Format::Jsonl => match CsvPlan::options(&config).iter().find(|(_, set)| *set) {
                Some((key, _)) => return Err(format!("`{key}` has no meaning for jsonl: leave it out")),
                None => FormatPlan::Jsonl(JsonlPlan::new(&columns, config.max_row_bytes)?),
            },
        };
        Ok(Self { compression: config.compression, batch_rows: config.batch_rows, columns, format })
    }

    fn schema(&self) -> SchemaRef {
        schema(&self.columns)
    }

    fn open(&self, _: &Context, source: Box<dyn Source>) -> Result<Box<dyn Decoder>, Failure> {
        let text = Text::open(source, self.compression)?;
        let rows = Rows::new(&self.columns, self.batch_rows);
        Ok(match &self.format {
            FormatPlan::Csv(plan) => Box::new(Batches::new(CsvRecords::open(plan, &self.columns, text)?, rows)),
            FormatPlan::Jsonl(plan) => Box::new(Batches::new(JsonlRecords::open(plan, text), rows)),
        })
    }
}

/// What a batch's vectors take in a sandbox stays in bounds.
const MOST_BATCH_ROWS: usize = 1024 * 1024;

/// 256 MiB: a record is held in memory.
const MOST_ROW_BYTES: usize = 256 * 1024 * 1024;
