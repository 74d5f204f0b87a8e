//! Rows for rows: `POST /v1/score`.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_json::writer::{JsonArray, LineDelimited, Writer, WriterBuilder};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use serde_json::{Map, Value, json};
use wasmill_sdk::{Failure, arrow};

use crate::http::{JSON, Problem, Request, Response};
use crate::router::{Call, Gateway, Rejected, Score};

/// A form that rows come and go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Lines,
    Csv,
    Arrow,
}

/// All forms with their media types; the first of a form is what answers say.
const FORMS: [(Form, &str); 5] = [
    (Form::Json, JSON),
    (Form::Lines, "application/x-ndjson"),
    (Form::Lines, "application/jsonl"),
    (Form::Csv, "text/csv"),
    (Form::Arrow, "application/vnd.apache.arrow.stream"),
];

impl Form {
    fn media_type(self) -> &'static str {
        FORMS.iter().find(|(form, _)| *form == self).map_or(JSON, |(_, name)| name)
    }

    fn named(media_type: &str) -> Option<Self> {
        let name = media_type.split(';').next().unwrap_or_default().trim();
        FORMS.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(form, _)| *form)
    }

    /// The form of a request's body; JSON if it does not say.
    fn of(request: &Request) -> Result<Self, Problem> {
        let Some(given) = request.header("content-type") else { return Ok(Self::Json) };
        // What curl says if it is not told.
        if given == "application/x-www-form-urlencoded" {
            return Ok(Self::Json);
        }
        Self::named(given).ok_or_else(|| {
            Problem::new(415, format!("content-type `{given}` is not one of {}", known())).with("accept", known())
        })
    }

    /// The form of the answer: the first of `accept` that there is, or that of the request.
    fn accepted(request: &Request, given: Self) -> Result<Self, Problem> {
        let Some(accept) = request.header("accept") else { return Ok(given) };
        for wanted in accept.split(',') {
            let name = wanted.split(';').next().unwrap_or_default().trim();
            if ["*/*", "application/*"].contains(&name) {
                return Ok(given);
            }
            if let Some(form) = Self::named(name) {
                return Ok(form);
            }
        }
        Err(Problem::new(406, format!("accept `{accept}` has none of {}", known())))
    }
}

fn known() -> String {
    FORMS.map(|(_, name)| name).join(", ")
}

/// Answers a request.
pub(crate) fn score(
    gateway: &Gateway,
    request: &Request,
    call: &mut Call<'_, impl Score>,
) -> Result<Response, Problem> {
    let form = Form::of(request)?;
    let answer = Form::accepted(request, form)?;
    let rows = read(form, &gateway.input, &request.body)?;
    let (mut scored, rejects) = call.score(&rows)?;
    if let Some(columns) = request.parameter("columns") {
        scored = select(&scored, &columns)?;
    }
    let mut response = Response::ok(answer.media_type(), write(answer, &scored, &rejects)?);
    if scored.num_rows() == 0 && !rejects.is_empty() {
        response.status = 422;
    }
    Ok(response)
}

/// The columns with these names, separated by commas.
fn select(scored: &RecordBatch, columns: &str) -> Result<RecordBatch, Problem> {
    let schema = scored.schema();
    let index = |name: &str| {
        let unknown =
            || Problem::bad(format!("`columns` names `{name}`; the columns of an answer are {}", names(&schema)));
        schema.index_of(name).map_err(|_| unknown())
    };
    let indices = columns.split(',').map(index).collect::<Result<Vec<_>, _>>()?;
    scored.project(&indices).map_err(|err| Failure::from(err).into())
}

fn read(form: Form, schema: &SchemaRef, body: &[u8]) -> Result<RecordBatch, Problem> {
    match form {
        Form::Json => {
            let value: Value =
                serde_json::from_slice(body).map_err(|err| Problem::bad(format!("the body is not JSON: {err}")))?;
            let rows = match value {
                Value::Array(rows) => rows,
                Value::Object(mut object) => match object.get_mut("rows").map(Value::take) {
                    Some(Value::Array(rows)) if object.len() == 1 => rows,
                    Some(_) => return Err(Problem::bad("`rows` is not a list, or not all that there is")),
                    None => vec![Value::Object(object)],
                },
                _ => return Err(Problem::bad("the body is neither a row (an object) nor a list of rows")),
            };
            from_json(schema, rows)
        }
        Form::Lines => {
            let lines = body.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
            let rows = lines.map(|(number, line)| {
                serde_json::from_slice(line).map_err(|err| Problem::bad(format!("line {}: {err}", number + 1)))
            });
            from_json(schema, rows.collect::<Result<_, _>>()?)
        }
        Form::Csv => from_csv(schema, body),
        Form::Arrow => {
            let batch = arrow::decode_one(body.to_vec())
                .map_err(|err| Problem::bad(format!("the body is not an Arrow stream: {err}")))?;
            fit(schema, &batch)
        }
    }
}

/// Rows of JSON objects.
pub(crate) fn from_json(schema: &SchemaRef, rows: Vec<Value>) -> Result<RecordBatch, Problem> {
    let mut objects: Vec<Map<String, Value>> = Vec::with_capacity(rows.len());
    for (number, row) in rows.into_iter().enumerate() {
        let Value::Object(row) = row else { return Err(Problem::bad(format!("row {number} is not an object"))) };
        if let Some(unknown) = row.keys().find(|name| schema.field_with_name(name).is_err()) {
            return Err(Problem::bad(format!(
                "row {number} has `{unknown}`, which is not a column; the columns are {}",
                names(schema)
            )));
        }
        for field in schema.fields().iter().filter(|field| !field.is_nullable()) {
            if row.get(field.name()).is_none_or(Value::is_null) {
                let name = field.name();
                return Err(Problem::bad(format!(
                    "row {number} has no `{name}` ({}), which may not be missing",
                    field.data_type()
                )));
            }
        }
        objects.push(row);
    }
    let read = || {
        let mut decoder =
            arrow_json::ReaderBuilder::new(schema.clone()).with_batch_size(objects.len().max(1)).build_decoder()?;
        decoder.serialize(&objects)?;
        decoder.flush()
    };
    let batch = read().map_err(|err: ArrowError| Problem::bad(format!("the rows do not fit the columns: {err}")))?;
    Ok(batch.unwrap_or_else(|| RecordBatch::new_empty(schema.clone())))
}

fn from_csv(schema: &SchemaRef, body: &[u8]) -> Result<RecordBatch, Problem> {
    let wrong = |err: ArrowError| Problem::bad(format!("the rows do not fit the columns: {err}"));
    let format = arrow_csv::reader::Format::default().with_header(true);
    let (header, _) = format.infer_schema(Cursor::new(body), Some(0)).map_err(wrong)?;
    let mut fields = Vec::new();
    for column in header.fields() {
        let Ok(field) = schema.field_with_name(column.name()) else {
            return Err(Problem::bad(format!(
                "`{}` is not a column; the columns are {}",
                column.name(),
                names(schema)
            )));
        };
        fields.push(field.clone());
    }
    let given = Arc::new(Schema::new(fields));
    let reader =
        arrow_csv::ReaderBuilder::new(given.clone()).with_header(true).build(Cursor::new(body)).map_err(wrong)?;
    let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().map_err(wrong)?;
    let batch = arrow_select::concat::concat_batches(&given, &batches).map_err(wrong)?;
    fit(schema, &batch)
}

/// The columns of the schema, by name, cast to its types; one that is not there is null.
pub(crate) fn fit(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, Problem> {
    if let Some(unknown) = batch.schema().fields().iter().find(|field| schema.field_with_name(field.name()).is_err()) {
        return Err(Problem::bad(format!("`{}` is not a column; the columns are {}", unknown.name(), names(schema))));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let name = field.name();
        let column = match batch.column_by_name(name) {
            None if field.is_nullable() => arrow_array::new_null_array(field.data_type(), batch.num_rows()),
            None => return Err(Problem::bad(format!("`{name}` ({}) is missing", field.data_type()))),
            Some(column) => cast_with_options(column, field.data_type(), &options)
                .map_err(|err| Problem::bad(format!("`{name}` is not {}: {err}", field.data_type())))?,
        };
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(Problem::bad(format!("`{name}` ({}) may not be missing", field.data_type())));
        }
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(|err| Failure::from(err).into())
}

fn names(schema: &Schema) -> String {
    let names: Vec<String> = schema.fields().iter().map(|field| format!("`{}`", field.name())).collect();
    names.join(", ")
}

fn write(form: Form, scored: &RecordBatch, rejects: &[Rejected]) -> Result<Vec<u8>, Problem> {
    // Only JSON has a place for them beside rows.
    if let ([first, ..], Form::Csv | Form::Arrow) = (rejects, form) {
        return Err(Problem::new(422, format!("row {}: {}", first.row, first.reason)));
    }
    let failed = |err: ArrowError| Problem::from(Failure::from(err));
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    Ok(match form {
        Form::Json => {
            let mut writer: Writer<_, JsonArray> = builder.build(b"{\"rows\":".to_vec());
            writer.write(scored).map_err(failed)?;
            writer.finish().map_err(failed)?;
            let mut body = writer.into_inner();
            if scored.num_rows() == 0 {
                body = b"{\"rows\":[]".to_vec();
            }
            if !rejects.is_empty() {
                body.extend_from_slice(b",\"rejects\":");
                body.extend_from_slice(Value::from_iter(rejects.iter().map(as_json)).to_string().as_bytes());
            }
            body.push(b'}');
            body
        }
        Form::Lines => {
            let mut writer: Writer<_, LineDelimited> = builder.build(Vec::new());
            writer.write(scored).map_err(failed)?;
            writer.finish().map_err(failed)?;
            let mut body = writer.into_inner();
            for reject in rejects {
                body.extend_from_slice(json!({ "reject": as_json(reject) }).to_string().as_bytes());
                body.push(b'\n');
            }
            body
        }
        Form::Csv => {
            let mut body = Vec::new();
            let mut writer = arrow_csv::Writer::new(&mut body);
            writer.write(&flat(scored)?).map_err(failed)?;
            drop(writer);
            body
        }
        Form::Arrow => arrow::encode(scored).map_err(failed)?,
    })
}

fn as_json(reject: &Rejected) -> Value {
    json!({ "row": reject.row, "reason": reject.reason })
}

/// For CSV: a list of m values becomes the columns NAME_0 to NAME_m-1.
fn flat(batch: &RecordBatch) -> Result<RecordBatch, Problem> {
    use arrow_array::cast::AsArray;
    use arrow_schema::{DataType, Field};

    let schema = batch.schema();
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let DataType::FixedSizeList(item, width) = field.data_type() else {
            fields.push(field.as_ref().clone());
            columns.push(column.clone());
            continue;
        };
        let values = column.as_fixed_size_list().values();
        for index in 0..*width {
            let of_index = (0..batch.num_rows() as u64).map(|row| row * *width as u64 + index as u64);
            let picked = arrow_array::UInt64Array::from_iter_values(of_index);
            fields.push(Field::new(format!("{}_{index}", field.name()), item.data_type().clone(), true));
            columns.push(arrow_select::take::take(values, &picked, None).map_err(Failure::from)?);
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|err| Failure::from(err).into())
}
