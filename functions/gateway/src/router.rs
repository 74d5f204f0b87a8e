//! What a request asks for, and the answer.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions, UInt64Array};
use arrow_schema::{ArrowError, FieldRef, Schema, SchemaRef};
use serde_json::{Value, json};
use wasmill_sdk::{Context, Failure, ROW, arrow};

use crate::config::Config;
use crate::http::{Problem, Request, Response, decode};
use crate::{infer, rows};

/// A scoring function.
pub trait Score {
    /// Scores rows, an Arrow stream; gives rows and rejects.
    fn process(&mut self, ctx: &Context, rows: Vec<u8>) -> Result<(Vec<u8>, Option<Vec<u8>>), Failure>;
}

/// A row that was not scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Which row of the request, from 0.
    pub row: u64,
    /// Why.
    pub reason: String,
}

/// The gateway of a scoring function.
#[derive(Debug)]
pub struct Gateway {
    /// What it was told.
    pub config: Config,
    /// The columns that requests give.
    pub input: SchemaRef,
    /// The schema of the rows that the function takes: the same, and with [`ROW`] if it wants rows numbered.
    taken: SchemaRef,
}

impl Gateway {
    /// A gateway of a function that takes rows of this schema.
    pub fn new(config: Config, taken: SchemaRef) -> Self {
        let columns: Vec<FieldRef> = taken.fields().iter().filter(|field| field.name() != ROW).cloned().collect();
        Self { config, input: Arc::new(Schema::new(columns)), taken }
    }

    /// Answers a request. `now` is in microseconds since 1970-01-01T00:00:00Z.
    pub fn answer(&self, request: &Request, id: &str, now: i64, score: &mut impl Score) -> Response {
        let mut call = Call { id, now, taken: self.taken.clone(), score };
        match self.route(request, &mut call) {
            Ok(response) => response,
            Err(problem) => problem.into(),
        }
    }

    fn route(&self, request: &Request, call: &mut Call<'_, impl Score>) -> Result<Response, Problem> {
        let encoding = request.header("content-encoding");
        if let Some(encoding) = encoding.filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            let message = format!("content-encoding `{encoding}` is not taken; send the body as it is");
            return Err(Problem::new(415, message).with("accept-encoding", "identity"));
        }
        let path: Vec<_> = request.path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
        match &*path {
            [] => get(request, || Response::json(&self.index())),
            ["v1", "score"] => {
                expect(request, "POST")?;
                rows::score(self, request, call)
            }
            ["v2"] => get(request, || Response::json(&server())),
            ["v2", "health", "live"] => get(request, || Response::json(&json!({ "live": true }))),
            ["v2", "health", "ready"] => get(request, || Response::json(&json!({ "live": true, "ready": true }))),
            ["v2", "repository", "index"] => {
                expect(request, "POST")?;
                let Config { model, version, .. } = &self.config;
                Ok(Response::json(&json!([{ "name": model, "version": version, "state": "READY", "reason": "" }])))
            }
            ["v2", "models", model, rest @ ..] => {
                let action = match rest {
                    ["versions", version, action @ ..] => {
                        if *version != self.config.version {
                            let message =
                                format!("model `{model}` has no version `{version}`; it has `{}`", self.config.version);
                            return Err(Problem::new(404, message));
                        }
                        action
                    }
                    action => action,
                };
                if *model != self.config.model {
                    let message = format!("there is no model `{model}`; there is `{}`", self.config.model);
                    return Err(Problem::new(404, message));
                }
                match action {
                    [] => get(request, || Response::json(&self.metadata())),
                    ["ready"] => get(request, || Response::json(&json!({ "name": model, "ready": true }))),
                    ["infer"] => {
                        expect(request, "POST")?;
                        infer::infer(self, request, call)
                    }
                    _ => Err(not_found(request)),
                }
            }
            _ => Err(not_found(request)),
        }
    }

    fn index(&self) -> Value {
        let model = &self.config.model;
        json!({
            "name": "wasmill",
            "model": model,
            "score": "POST /v1/score",
            "infer": format!("POST /v2/models/{model}/infer"),
            "metadata": format!("GET /v2/models/{model}"),
        })
    }

    fn metadata(&self) -> Value {
        let Config { model, version, inputs, outputs } = &self.config;
        let tensor =
            |name: &str, datatype: &str, shape: &[i64]| json!({ "name": name, "datatype": datatype, "shape": shape });
        json!({
            "name": model,
            "versions": [version],
            "platform": "wasmill",
            "inputs": inputs.iter().map(|input| tensor(&input.name, &input.datatype, &input.shape)).collect::<Vec<_>>(),
            "outputs": outputs.iter().map(|output| tensor(&output.name, &output.datatype, &output.shape)).collect::<Vec<_>>(),
        })
    }
}

/// One request on its way to the function.
pub(crate) struct Call<'a, S> {
    id: &'a str,
    now: i64,
    taken: SchemaRef,
    score: &'a mut S,
}

impl<S: Score> Call<'_, S> {
    /// Scores rows; those that were not, with the reason.
    pub(crate) fn score(&mut self, rows: &RecordBatch) -> Result<(RecordBatch, Vec<Rejected>), Problem> {
        let ctx = Context { event_id: self.id.to_owned(), event_time: self.now, attempt: 1 };
        let stream = self.number(rows).and_then(|rows| arrow::encode(&rows)).map_err(Failure::from)?;
        let (scored, rejects) = self.score.process(&ctx, stream)?;
        let mut scored = arrow::decode_one(scored).map_err(Failure::from)?;
        if let Ok(index) = scored.schema().index_of(ROW) {
            scored.remove_column(index);
        }
        let rejects = rejects.map_or(Ok(Vec::new()), read_rejects)?;
        Ok((scored, rejects))
    }
}

impl<S> Call<'_, S> {
    /// The rows as the function takes them: numbered from 0, if it wants that.
    fn number(&self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let mut columns = rows.columns().to_vec();
        if columns.len() < self.taken.fields().len() {
            columns.push(Arc::new(UInt64Array::from_iter_values(0..rows.num_rows() as u64)));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(self.taken.clone(), columns, &options)
    }
}

fn read_rejects(stream: Vec<u8>) -> Result<Vec<Rejected>, Failure> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::UInt64Type;

    let batch = arrow::decode_one(stream)?;
    let (Some(rows), Some(reasons)) = (
        batch.column_by_name("row").and_then(|rows| rows.as_primitive_opt::<UInt64Type>()),
        batch.column_by_name("reason").and_then(|reasons| reasons.as_string_opt::<i32>()),
    ) else {
        return Err(Failure::Other("the function's rejects have no `row` and `reason`".into()));
    };
    let pairs = rows.values().iter().zip(reasons.iter());
    Ok(pairs.map(|(row, reason)| Rejected { row: *row, reason: reason.unwrap_or_default().to_owned() }).collect())
}

fn server() -> Value {
    json!({ "name": "wasmill", "version": env!("CARGO_PKG_VERSION"), "extensions": ["binary_tensor_data", "model_repository"] })
}

fn expect(request: &Request, method: &'static str) -> Result<(), Problem> {
    if request.method == method {
        return Ok(());
    }
    let message = format!("`{}` takes {method}, not {}", request.path, request.method);
    Err(Problem::new(405, message).with("allow", method))
}

fn get(request: &Request, answer: impl FnOnce() -> Response) -> Result<Response, Problem> {
    if request.method != "HEAD" {
        expect(request, "GET")?;
    }
    Ok(answer())
}

fn not_found(request: &Request) -> Problem {
    Problem::new(404, format!("there is nothing at `{}`; `GET /` lists what there is", request.path))
}
