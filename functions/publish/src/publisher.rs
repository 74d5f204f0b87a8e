//! The function: bind, process.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray, Int64Array, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{DataType, SchemaRef, TimeUnit};
use wasmill_sdk::{Context, Document, Documents, Failure, Publish, ROW, Receipt, Rejects, RowNumbers, Written};

use crate::column::{self, Column};
use crate::config::{Config, Field};
use crate::number::MAX_DIGITS;
use crate::shape::Object;
use crate::template::{Bound, Template, check_id};

/// How many documents one call writes at most: few enough for one transaction of any database.
pub const CALL_DOCUMENTS: usize = 2_000;

/// After how many bytes of bodies a call is made, so that a sandbox holds one call's worth of documents.
pub const CALL_BYTES: usize = 4 * 1024 * 1024;

/// The longest body, in bytes: Cosmos DB takes 2 MB with what it adds.
pub const BODY_LIMIT: usize = 2_000_000;

/// Makes rows into documents and writes them.
pub struct Publisher {
    config: Config,
    id: Template,
    partition_key: Template,
    bound: Option<Content>,
}

/// What documents are made of.
struct Content {
    fields: Vec<Field>,
    object: Object,
}

impl Publish for Publisher {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, String> {
        if config.collection.is_empty() {
            return Err("`collection` is empty".into());
        }
        let id = Template::parse("id", &config.id)?;
        if id.is_constant() {
            let hint = "hint: id = \"{carrier}{flight}\", with columns in braces";
            return Err(format!(
                "`id` is `{}` for every row: each document would replace the one before; {hint}",
                config.id
            ));
        }
        let partition_key = Template::parse("partition_key", &config.partition_key)?;
        Ok(Self { config, id, partition_key, bound: None })
    }

    fn bind(&mut self, input: SchemaRef, documents: &mut dyn Documents) -> Result<(), String> {
        let granted = documents.upsert_batch(&self.config.collection, Vec::new());
        granted.map_err(|failure| format!("`collection`: {failure}"))?;
        self.id.check(&input)?;
        self.partition_key.check(&input)?;
        if let Some(name) = &self.config.version {
            let datatype = column::find(&input, name, "`version`")?.data_type();
            if !(datatype.is_integer() || matches!(datatype, DataType::Timestamp(..))) {
                return Err(format!(
                    "column `{name}` is {datatype}, and `version` cannot take it: it must be an integer or a timestamp"
                ));
            }
        }
        if let Some(name) = &self.config.delete_if {
            let datatype = column::find(&input, name, "`delete_if`")?.data_type();
            if *datatype != DataType::Boolean {
                return Err(format!("column `{name}` is {datatype}, and `delete_if` takes a boolean"));
            }
        }
        let all = || {
            let is_shown = |name: &&String| **name != ROW && Some(*name) != self.config.delete_if.as_ref();
            let names = input.fields().iter().map(|field| field.name()).filter(is_shown);
            names.map(|name| Field::of(name)).collect()
        };
        let fields: Vec<Field> = self.config.fields.clone().unwrap_or_else(all);
        for field in &fields {
            let name = &field.column;
            let datatype = column::find(&input, name, "`fields`")?.data_type();
            column::check(datatype)
                .map_err(|why| format!("column `{name}` is {datatype}, which cannot be published: {why}"))?;
            match field.round {
                Some(digits) if digits > MAX_DIGITS => {
                    return Err(format!(
                        "`round` of `{name}` is {digits}: a float has no more than {MAX_DIGITS} digits"
                    ));
                }
                Some(_) if !column::has_floats(datatype) => {
                    return Err(format!("column `{name}` is {datatype}, and `round` is for floats"));
                }
                _ => {}
            }
        }
        self.bound = Some(Content { object: Object::new(&fields)?, fields });
        Ok(())
    }

    fn process(&mut self, ctx: &Context, rows: RecordBatch, documents: &mut dyn Documents) -> Result<Receipt, Failure> {
        let batch = Batch::new(self, ctx, &rows)?;
        let mut call = Call {
            collection: &self.config.collection,
            documents,
            ready: Vec::new(),
            bytes: 0,
            written: Written::default(),
        };
        let mut rejects = Rejects::default();
        let mut capacity = 256;
        for row in 0..rows.num_rows() {
            let mut body = Vec::with_capacity(capacity);
            batch.bound.object.write(&batch.columns, row, &mut body);
            capacity = body.len() + body.len() / 8;
            let body = String::from_utf8(body).map_err(|err| Failure::Other(err.to_string()))?;
            match batch.document(row, body) {
                Ok(document) => call.push(document)?,
                Err((reason, body)) => rejects.push(batch.numbers.get(row), reason, Some(&body)),
            }
        }
        call.flush()?;
        Ok(Receipt { written: call.written, rejects })
    }
}

/// A batch, ready to be written.
struct Batch<'a> {
    bound: &'a Content,
    columns: Vec<Column>,
    id: Bound<'a>,
    partition_key: Bound<'a>,
    /// The versions, or the one of all rows.
    versions: Result<Int64Array, i64>,
    /// Whether each row deletes its document.
    deletes: Option<BooleanArray>,
    numbers: RowNumbers,
}

impl<'a> Batch<'a> {
    fn new(publisher: &'a Publisher, ctx: &Context, rows: &RecordBatch) -> Result<Self, Failure> {
        let bound = publisher.bound.as_ref().ok_or_else(|| Failure::Other("called before `bind`".into()))?;
        let array =
            |name: &String| rows.column_by_name(name).ok_or_else(|| Failure::Other(format!("column `{name}` is gone")));
        let column = |field: &Field| Column::new(array(&field.column)?, field.round);
        let versions = match &publisher.config.version {
            None => Err(ctx.event_time),
            Some(name) => {
                let mut values = array(name)?.clone();
                if let DataType::Timestamp(_, zone) = values.data_type() {
                    values = cast(&values, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
                }
                Ok(cast(&values, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
            }
        };
        Ok(Self {
            bound,
            columns: bound.fields.iter().map(column).collect::<Result<_, Failure>>()?,
            id: publisher.id.bind(rows)?,
            partition_key: publisher.partition_key.bind(rows)?,
            versions,
            deletes: publisher
                .config
                .delete_if
                .as_ref()
                .map(array)
                .transpose()?
                .map(|array| array.as_boolean().clone()),
            numbers: RowNumbers::of(rows),
        })
    }

    /// A row's document; or why there is none, and its body.
    fn document(&self, row: usize, body: String) -> Result<Document, (String, String)> {
        let deletes = self.deletes.as_ref().is_some_and(|deletes| deletes.is_valid(row) && deletes.value(row));
        let named = || {
            if body.len() > BODY_LIMIT && !deletes {
                return Err(format!("the document has {} bytes, more than 2,000,000", body.len()));
            }
            let id = self.id.render(row)?;
            check_id(&id)?;
            let version = match &self.versions {
                Err(version) => *version,
                Ok(versions) if row < versions.len() && versions.is_valid(row) => versions.value(row),
                Ok(_) => return Err("the version is null, or not in the range of 64 bits".to_owned()),
            };
            Ok((id, self.partition_key.render(row)?, version))
        };
        match named() {
            Ok((id, partition_key, version)) => {
                let body = (!deletes).then_some(body);
                Ok(Document { id, partition_key, version, row: self.numbers.get(row), body })
            }
            Err(reason) => Err((reason, body)),
        }
    }
}

/// Documents that wait for the next call.
struct Call<'a> {
    collection: &'a str,
    documents: &'a mut dyn Documents,
    ready: Vec<Document>,
    bytes: usize,
    written: Written,
}

impl Call<'_> {
    fn push(&mut self, document: Document) -> Result<(), Failure> {
        self.bytes += document.body.as_ref().map_or(0, String::len);
        self.ready.push(document);
        if self.ready.len() >= CALL_DOCUMENTS || self.bytes >= CALL_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.bytes = 0;
        if self.ready.is_empty() {
            return Ok(());
        }
        let written = self.documents.upsert_batch(self.collection, std::mem::take(&mut self.ready))?;
        self.written += written;
        Ok(())
    }
}
