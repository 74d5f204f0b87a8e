//! Publishes rows over HTTP: `PUT {url}/{id}` with the row as JSON, so that doing it again changes nothing.
//! `config = { url = "https://app.example/orders", id = "order", token = "APP_TOKEN" }`, with
//! `grants = { http = ["https://app.example"], settings = ["APP_TOKEN"] }`.
use arrow_array::RecordBatch;
use arrow_json::LineDelimitedWriter;
use arrow_schema::SchemaRef;
use http::{Request, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use wasmill_sdk::{Context, Documents, Failure, Publish, ROW, Receipt, Rejects, Written};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    url: String,
    id: String,
    token: Option<String>,
}

impl Publish for Webhook {
    type Config = Self;

    fn configure(config: Self) -> Result<Self, String> {
        Ok(config)
    }

    fn bind(&mut self, input: SchemaRef, _: &mut dyn Documents) -> Result<(), String> {
        input.index_of(&self.id).map(drop).map_err(|_| format!("`id`: there is no column `{}`", self.id))
    }

    fn process(&mut self, _: &Context, rows: RecordBatch, _: &mut dyn Documents) -> Result<Receipt, Failure> {
        let mut written = Written::default();
        let token = self.token.as_deref().and_then(wasmill_sdk::setting);
        for index in 0..rows.num_rows() {
            let (id, body) = self.document(&rows.slice(index, 1))?;
            let mut request =
                Request::put(format!("{}/{id}", self.url)).header(header::CONTENT_TYPE, "application/json");
            if let Some(token) = &token {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            let request = request.body(body).map_err(|err| Failure::Reject(err.to_string()))?;
            // What answers 429 or 503, or not at all, is asked again later; what refuses is not.
            let answer = wasmill_sdk::http::accepted(wasmill_sdk::http::send(request)?)?;
            if answer.status() == StatusCode::CREATED { written.inserted += 1 } else { written.replaced += 1 }
        }
        Ok(Receipt { written, rejects: Rejects::default() })
    }
}

impl Webhook {
    /// The id and the JSON of one row.
    fn document(&self, row: &RecordBatch) -> Result<(String, Vec<u8>), Failure> {
        let schema = row.schema();
        let columns: Vec<usize> = (0..row.num_columns()).filter(|index| schema.field(*index).name() != ROW).collect();
        let mut body = Vec::new();
        let mut writer = LineDelimitedWriter::new(&mut body);
        writer.write(&row.project(&columns)?)?;
        writer.finish()?;
        let values: Value = serde_json::from_slice(&body).map_err(|err| Failure::Other(err.to_string()))?;
        let id = match values.get(&self.id) {
            Some(Value::String(id)) => id.clone(),
            Some(id) => id.to_string(),
            None => return Err(Failure::Reject(format!("a row has no `{}`", self.id))),
        };
        Ok((utf8_percent_encode(&id, NON_ALPHANUMERIC).to_string(), body))
    }
}

wasmill_sdk::export_publish!(Webhook);
