//! Rows as one piece of JSON, for pages: names and kinds of columns, and a list for each row.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_json::StructMode;
use arrow_json::writer::{JsonArray, WriterBuilder};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use futures_util::TryStreamExt;
use serde_json::{Value, json};

use super::{Answer, QueryError, Session};

/// The most that an answer has, in bytes. It is held in memory as a whole.
const BYTES: usize = 64 << 20;

/// Rows as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonRows {
    /// `{"columns": […], "rows": [[…]], "truncated": false, "sql": "…"}`.
    pub json: String,
    /// How many rows.
    pub rows: u64,
}

/// The rows of an answer to `sql`, at most so many. Of each column `known` may say more, by its place. Decimals are numbers as
/// JavaScript has them.
pub async fn rows(
    session: &Session,
    answer: Answer,
    sql: &str,
    known: &[Value],
    most: u64,
) -> Result<JsonRows, QueryError> {
    let Answer { rows: mut stream, .. } = answer;
    let schema = stream.schema();
    let mut json = format!("{{\"columns\":{},\"rows\":[", columns(&schema, known));
    let (mut rows, mut truncated) = (0, false);
    while let Some(batch) = stream.try_next().await.map_err(|err| session.failed(err))? {
        let taken = (batch.num_rows() as u64).min(most - rows);
        truncated = taken < batch.num_rows() as u64;
        let part = lists(&batch.slice(0, taken as usize)).map_err(|why| QueryError::Form { format: "JSON", why })?;
        if rows > 0 && taken > 0 {
            json.push(',');
        }
        json.push_str(&part);
        rows += taken;
        if truncated || json.len() > BYTES {
            truncated = true;
            break;
        }
    }
    json.push_str(&format!("],\"truncated\":{truncated},\"sql\":{}}}", Value::from(sql)));
    Ok(JsonRows { json, rows })
}

fn columns(schema: &SchemaRef, known: &[Value]) -> Value {
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let mut column = json!({ "name": field.name(), "title": field.name(), "kind": kind(field.data_type()) });
        if let (Some(Value::Object(known)), Value::Object(column)) = (known.get(index), &mut column) {
            // What is null says nothing.
            let known = known.iter().filter(|(_, value)| !value.is_null());
            column.extend(known.map(|(name, value)| (name.clone(), value.clone())));
        }
        column
    });
    columns.collect()
}

fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "boolean",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Timestamp(..) => "timestamp",
        data_type if data_type.is_numeric() => "number",
        DataType::Dictionary(_, values) => kind(values),
        _ => "string",
    }
}

/// Rows as lists, without the brackets around them.
fn lists(batch: &RecordBatch) -> Result<String, String> {
    if batch.num_rows() == 0 {
        return Ok(String::new());
    }
    let cast = |(field, column): (&Arc<Field>, &ArrayRef)| {
        let to = match field.data_type() {
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
                DataType::Float64
            }
            // Within JSON they are texts.
            DataType::Interval(_) | DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_) => DataType::Utf8,
            other => other.clone(),
        };
        Ok((Field::new(field.name(), to.clone(), true), cast(column, &to).map_err(|err| err.to_string())?))
    };
    let schema = batch.schema();
    let cast: Result<Vec<(Field, ArrayRef)>, String> = schema.fields().iter().zip(batch.columns()).map(cast).collect();
    // Two columns may have one name; lists do not know names.
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = cast?.into_iter().unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|err| err.to_string())?;
    let mut bytes = Vec::new();
    let builder = WriterBuilder::new().with_struct_mode(StructMode::ListOnly).with_explicit_nulls(true);
    let mut writer = builder.build::<_, JsonArray>(&mut bytes);
    writer.write(&batch).and_then(|()| writer.finish()).map_err(|err| err.to_string())?;
    let text = String::from_utf8(bytes).map_err(|err| err.to_string())?;
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inner.map(str::to_owned).ok_or_else(|| "the rows are no list".to_owned())
}

#[cfg(test)]
mod tests {
    use arrow_array::{
        BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
    };

    use super::*;

    #[test]
    fn rows_are_lists_of_what_javascript_knows() {
        let decimals = Decimal128Array::from(vec![Some(1234), None]).with_precision_and_scale(10, 2).unwrap();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("n", Arc::new(Int64Array::from(vec![Some(1), None]))),
            ("d", Arc::new(decimals)),
            ("f", Arc::new(Float64Array::from(vec![0.5, f64::NAN]))),
            ("t", Arc::new(StringArray::from(vec!["a\"b", ""]))),
            ("b", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("w", Arc::new(TimestampMicrosecondArray::from(vec![0, 1_000_000]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        assert_eq!(
            lists(&batch).unwrap(),
            r#"[1,12.34,0.5,"a\"b",true,"1970-01-01T00:00:00"],[null,null,null,"",null,"1970-01-01T00:00:01"]"#
        );
        let known = [json!({ "title": "Number", "format": null })];
        assert_eq!(
            super::columns(&batch.schema(), &known)[0],
            json!({ "name": "n", "title": "Number", "kind": "number" })
        );
    }
}
