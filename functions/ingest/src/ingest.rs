//! The function: configured once, then opening objects.

use std::io::{Cursor, Read};
use std::rc::Rc;

use arrow_schema::SchemaRef;
use wasmill_sdk::{Context, Decoder, Failure, Ingest, Part, Source, Splitter};
use wildmatch::WildMatch;

use crate::archive::{HEAD, Member, Members, Packing};
use crate::avro::AvroRecords;
use crate::config::{Archive, Compression, Config, Format};
use crate::csv::{CsvPlan, CsvRecords};
use crate::decoder::{Batches, Records};
use crate::encoding::Charset;
use crate::infer::infer;
use crate::json::{JsonPlan, JsonRecords, JsonlRecords};
use crate::parts::{Cutting, Hint, TextParts};
use crate::rows::Rows;
use crate::schema::{ColumnPlan, plan, schema};
use crate::stored::{Account, Stored};
use crate::text::Text;
use crate::typed::{ArrowBatches, ParquetBatches, TypedRecords};

/// Reads objects as a configuration says.
pub struct Reader(Rc<Plan>);

/// A configuration, checked.
struct Plan {
    packing: Packing,
    charset: Charset,
    batch_rows: usize,
    columns: Vec<ColumnPlan>,
    format: FormatPlan,
}

/// A format with its options.
enum FormatPlan {
    Csv(CsvPlan),
    Jsonl(JsonPlan),
    Json(JsonPlan),
    Avro,
    Arrow,
    Parquet,
}

impl Ingest for Reader {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, String> {
        let columns = plan(&config)?;
        for (key, value, most, hint) in [
            ("batch_rows", config.batch_rows, MOST_BATCH_ROWS, "16384"),
            ("max_row_bytes", config.max_row_bytes, MOST_ROW_BYTES, "1048576"),
        ] {
            if !(1..=most).contains(&value) {
                return Err(format!("`{key}` is not from 1 to {most}; hint: {key} = {hint}"));
            }
        }
        check_options(&config)?;
        let format = match config.format {
            Format::Csv | Format::Tsv => FormatPlan::Csv(CsvPlan::new(&config)?),
            Format::Jsonl => FormatPlan::Jsonl(JsonPlan::new(&config, &columns)?),
            Format::Json => FormatPlan::Json(JsonPlan::new(&config, &columns)?),
            Format::Avro => FormatPlan::Avro,
            Format::Arrow => FormatPlan::Arrow,
            Format::Parquet => FormatPlan::Parquet,
        };
        let packing = Packing {
            compression: config.compression,
            archive: config.archive,
            members: config.members.as_deref().map(WildMatch::new),
            max_members: config.max_members,
            max_expansion: config.max_expansion,
        };
        let (charset, batch_rows) = (config.encoding, config.batch_rows);
        Ok(Self(Rc::new(Plan { packing, charset, batch_rows, columns, format })))
    }

    fn infer(source: Box<dyn Source>) -> Result<String, Failure> {
        infer(source)
    }

    fn schema(&self) -> SchemaRef {
        schema(&self.0.columns)
    }

    fn open(&self, _: &Context, source: Box<dyn Source>) -> Result<Box<dyn Decoder>, Failure> {
        let plan = &self.0;
        let mut rows = Rows::new(&plan.columns, plan.batch_rows);
        Ok(match &plan.format {
            // It is read from its end, so as it is stored.
            FormatPlan::Parquet => {
                let stored = Stored::new(source, plan.packing.max_expansion);
                let batches = ParquetBatches::open(stored, &plan.columns, plan.batch_rows)?;
                Box::new(Batches::new(TypedRecords::open(&plan.columns, batches)?, rows))
            }
            _ => {
                let mut records =
                    MemberRecords { plan: plan.clone(), members: Members::open(source, &plan.packing)?, current: None };
                records.enter(&mut rows)?;
                Box::new(Batches::new(records, rows))
            }
        })
    }

    fn split(&self, source: Box<dyn Source>, size: u64) -> Result<Option<Box<dyn Splitter>>, Failure> {
        let stored = Stored::new(source, self.0.packing.max_expansion);
        let Some(cutting) = self.cutting(&stored)? else { return Ok(None) };
        Ok(Some(Box::new(TextParts::new(stored, size, cutting)?)))
    }

    fn open_part(&self, _: &Context, source: Box<dyn Source>, part: Part) -> Result<Box<dyn Decoder>, Failure> {
        let plan = &self.0;
        let stored = Stored::new(source, plan.packing.max_expansion);
        let Hint { line, header } = Hint::decode(&part.hint)?;
        let (content, account) = (stored.part(part.offset, part.length), stored.account());
        let text = if part.offset == 0 {
            Text::open(Box::new(content), Charset::utf8(), account)?
        } else {
            Text::resume(Box::new(Cursor::new(header).chain(content)), account)
        };
        let rows = Rows::new(&plan.columns, plan.batch_rows);
        match &plan.format {
            FormatPlan::Csv(csv) if part.offset == 0 => {
                Ok(Box::new(Batches::new(CsvRecords::open(csv, &plan.columns, text)?, rows)))
            }
            FormatPlan::Csv(csv) => {
                Ok(Box::new(Batches::new(CsvRecords::open_part(csv, &plan.columns, text, line)?, rows)))
            }
            FormatPlan::Jsonl(jsonl) => Ok(Box::new(Batches::new(JsonlRecords::open_part(jsonl, text, line), rows))),
            _ => Err(Failure::Other("objects of this format have no parts".to_owned())),
        }
    }
}

impl Reader {
    /// What an object is cut apart by; none if it can only be read as a whole, or is refused when it is.
    fn cutting(&self, stored: &Stored) -> Result<Option<Cutting>, Failure> {
        let plan = &*self.0;
        let head = stored.read_at(0, HEAD)?;
        if !plan.packing.is_none(&head) || !plan.charset.is_utf8(&head) {
            return Ok(None);
        }
        let account = stored.account();
        let content = Box::new(stored.part(0, stored.size()));
        let text = match Text::open(content, Charset::utf8(), account) {
            Err(Failure::Reject(_)) => return Ok(None),
            text => text?,
        };
        match &plan.format {
            FormatPlan::Csv(csv) => match CsvRecords::cutting(csv, &plan.columns, text) {
                Err(Failure::Reject(_)) => Ok(None),
                cutting => cutting.map(Some),
            },
            FormatPlan::Jsonl(jsonl) if !jsonl.explodes() => Ok(Some(Cutting::lines())),
            _ => Ok(None),
        }
    }
}

impl FormatPlan {
    /// What records are numbered by.
    fn unit(&self) -> &'static str {
        match self {
            Self::Csv(_) => "line",
            Self::Jsonl(plan) if !plan.explodes() => "line",
            _ => "row",
        }
    }
}

impl Plan {
    /// Starts reading a member.
    fn open(&self, member: Member, account: &Account) -> Result<Box<dyn Records>, Failure> {
        let text = |content| Text::open(content, self.charset, account);
        let content = member.content;
        Ok(match &self.format {
            FormatPlan::Csv(plan) => Box::new(CsvRecords::open(plan, &self.columns, text(content)?)?),
            FormatPlan::Jsonl(plan) => Box::new(JsonlRecords::open(plan, text(content)?)),
            FormatPlan::Json(plan) => Box::new(JsonRecords::open(plan, text(content)?)),
            FormatPlan::Avro => Box::new(AvroRecords::open(&self.columns, content, account)?),
            FormatPlan::Arrow => Box::new(TypedRecords::open(&self.columns, ArrowBatches::open(content, account)?)?),
            FormatPlan::Parquet => return Err(Failure::Other("a Parquet file is no member".to_owned())),
        })
    }
}

/// The records of all members of an object.
struct MemberRecords {
    plan: Rc<Plan>,
    members: Members,
    current: Option<Current>,
}

/// The member that is read.
struct Current {
    name: Option<String>,
    records: Box<dyn Records>,
}

impl MemberRecords {
    /// Goes to the next member; none is current after the last.
    fn enter(&mut self, rows: &mut Rows) -> Result<(), Failure> {
        self.current = None;
        let Some(member) = self.members.advance()? else { return Ok(()) };
        let name = member.name.clone();
        rows.enter(name.clone(), self.plan.format.unit());
        let records =
            self.plan.open(member, self.members.account()).map_err(|failure| inside(name.as_deref(), failure))?;
        self.current = Some(Current { name, records });
        Ok(())
    }
}

impl Records for MemberRecords {
    fn next(&mut self, rows: &mut Rows) -> Result<bool, Failure> {
        while let Some(current) = &mut self.current {
            if current.records.next(rows).map_err(|failure| inside(current.name.as_deref(), failure))? {
                return Ok(true);
            }
            self.enter(rows)?;
        }
        Ok(false)
    }
}

/// A failure with the member that it happened in.
fn inside(member: Option<&str>, failure: Failure) -> Failure {
    match (member, failure) {
        (Some(member), Failure::Reject(reason)) => Failure::Reject(format!("in the member `{member}`: {reason}")),
        (_, failure) => failure,
    }
}

/// That no option is set that has no meaning for the format.
fn check_options(config: &Config) -> Result<(), String> {
    use Format::{Arrow, Avro, Csv, Json, Jsonl, Parquet, Tsv};
    let format = config.format;
    let name = format!("{format:?}").to_lowercase();
    let is_text = matches!(format, Csv | Tsv | Jsonl | Json);
    let packed = [
        ("compression", config.compression != Compression::Auto),
        ("archive", config.archive != Archive::Auto),
        ("members", config.members.is_some()),
    ];
    let unfit = |options: &[(&'static str, bool)]| options.iter().find(|(_, set)| *set).map(|(key, _)| *key);
    let key = match format {
        Csv | Tsv => None,
        Jsonl | Json | Avro | Arrow => unfit(&CsvPlan::options(config)),
        Parquet => unfit(&CsvPlan::options(config)).or_else(|| unfit(&packed)),
    };
    let key = key
        .or_else(|| unfit(&[("encoding", config.encoding != Charset::default() && !is_text)]))
        .or_else(|| unfit(&[("records", config.records.is_some() && format != Json)]))
        .or_else(|| unfit(&[("explode", config.explode.is_some() && !matches!(format, Json | Jsonl))]))
        .or_else(|| unfit(&[("members", config.members.is_some() && config.archive == Archive::None)]));
    match key {
        Some(key) => Err(format!("`{key}` has no meaning for {name}: leave it out")),
        None => Ok(()),
    }
}

/// What a batch's vectors take in a sandbox stays in bounds.
const MOST_BATCH_ROWS: usize = 1024 * 1024;

/// 256 MiB: a record is held in memory.
const MOST_ROW_BYTES: usize = 256 * 1024 * 1024;
