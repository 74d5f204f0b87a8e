//! Tensors for tensors: the protocol's `infer`, in JSON or with the binary tensor extension
//! (<https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md>).

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasmill_sdk::Failure;

use crate::config::{Input, Output};
use crate::http::{JSON, Problem, Request, Response};
use crate::router::{Call, Gateway, Score};
use crate::rows;
use crate::tensor::Values;

/// The header that says how much of a body is JSON; the rest is tensors.
const JSON_LENGTH: &str = "inference-header-content-length";

#[derive(Debug, Default, Deserialize)]
struct Parameters {
    #[serde(default)]
    binary_data_size: Option<usize>,
    #[serde(default)]
    binary_data: Option<bool>,
    #[serde(default)]
    binary_data_output: bool,
}

#[derive(Debug, Deserialize)]
struct Given {
    name: String,
    datatype: String,
    shape: Vec<usize>,
    #[serde(default)]
    parameters: Parameters,
    #[serde(default)]
    data: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Wanted {
    name: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Debug, Deserialize)]
struct Inference {
    #[serde(default)]
    id: Option<String>,
    inputs: Vec<Given>,
    #[serde(default)]
    outputs: Option<Vec<Wanted>>,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Debug, Serialize)]
struct Answer<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    outputs: Vec<Gives<'a>>,
}

#[derive(Debug, Serialize)]
struct Gives<'a> {
    name: &'a str,
    datatype: &'a str,
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Values>,
}

/// Answers a request.
pub(crate) fn infer(
    gateway: &Gateway,
    request: &Request,
    call: &mut Call<'_, impl Score>,
) -> Result<Response, Problem> {
    let (json, mut binary) = split(request)?;
    let inference: Inference = serde_json::from_slice(json)
        .map_err(|err| Problem::bad(format!("the body is not an inference request: {err}")))?;
    let wanted = outputs(gateway, &inference)?;

    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    if inference.inputs.is_empty() {
        return Err(Problem::bad("`inputs` is empty; without one there are no rows"));
    }
    let mut count = None;
    for given in &inference.inputs {
        let input = gateway.config.inputs.iter().find(|input| input.name == given.name);
        let input = input
            .ok_or_else(|| unknown("input", &given.name, gateway.config.inputs.iter().map(|input| &input.name)))?;
        if inference.inputs.iter().filter(|other| other.name == given.name).count() > 1 {
            return Err(Problem::bad(format!("the input `{}` is given twice", given.name)));
        }
        let values = values(given, input, &mut binary)?;
        let rows = given.shape.first().copied().unwrap_or(0);
        if *count.get_or_insert(rows) != rows {
            return Err(Problem::bad("the inputs do not have the same first dimension, which counts rows"));
        }
        for (column, values) in of_columns(gateway, input, rows, &values)? {
            fields.push(Field::new(column, values.data_type().clone(), true));
            columns.push(values);
        }
    }
    if !binary.is_empty() {
        return Err(Problem::bad(format!("{} bytes of the body belong to no input", binary.len())));
    }
    let missing = |input: &&Input| inference.inputs.iter().all(|given| given.name != input.name);
    let may_miss = |input: &&Input| {
        input.columns.iter().all(|column| gateway.input.field_with_name(column).is_ok_and(Field::is_nullable))
    };
    if let Some(input) = gateway.config.inputs.iter().filter(missing).find(|input| !may_miss(input)) {
        return Err(Problem::bad(format!(
            "the input `{}` ({} {:?}) is missing",
            input.name, input.datatype, input.shape
        )));
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(Failure::from)?;
    let (scored, rejects) = call.score(&rows::fit(&gateway.input, &batch)?)?;
    // An answer has a row for each of the request's, so one that cannot be scored fails them all.
    if let Some(first) = rejects.first() {
        return Err(Problem::new(422, format!("row {} of {}: {}", first.row, batch.num_rows(), first.reason)));
    }
    respond(gateway, &inference, &wanted, &scored)
}

/// The JSON of a body, and the tensors after it.
fn split(request: &Request) -> Result<(&[u8], &[u8]), Problem> {
    let Some(length) = request.header(JSON_LENGTH) else { return Ok((&request.body, &[])) };
    let length = length.parse().ok().and_then(|length| request.body.split_at_checked(length));
    length.ok_or_else(|| Problem::bad(format!("`{JSON_LENGTH}` is not a length within the body")))
}

/// The outputs that are asked for, and whether each is to be binary.
fn outputs<'a>(gateway: &'a Gateway, inference: &Inference) -> Result<Vec<(&'a Output, bool)>, Problem> {
    let all = &gateway.config.outputs;
    let Some(wanted) = &inference.outputs else {
        return Ok(all.iter().map(|output| (output, inference.parameters.binary_data_output)).collect());
    };
    let find = |wanted: &Wanted| {
        let output = all.iter().find(|output| output.name == wanted.name);
        let output = output.ok_or_else(|| unknown("output", &wanted.name, all.iter().map(|output| &output.name)))?;
        Ok((output, wanted.parameters.binary_data.unwrap_or(inference.parameters.binary_data_output)))
    };
    wanted.iter().map(find).collect()
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a String>) -> Problem {
    let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    Problem::bad(format!("the model has no {what} `{name}`; it has {}", known.join(", ")))
}

/// The columns of a tensor: one for each value of a row, or one of lists of them.
fn of_columns<'a>(
    gateway: &Gateway,
    input: &'a Input,
    rows: usize,
    values: &Values,
) -> Result<Vec<(&'a String, ArrayRef)>, Problem> {
    let width = |width: usize| match rows.checked_mul(width) == Some(values.len()) {
        true => Ok(width),
        false => Err(Problem::bad(format!("the input `{}`: a row of it has {width} values", input.name))),
    };
    if let [column] = &*input.columns
        && let Ok(field) = gateway.input.field_with_name(column)
        && let DataType::FixedSizeList(item, length) = field.data_type()
    {
        width(usize::try_from(*length).unwrap_or(0))?;
        return Ok(vec![(column, values.lists(item, *length).map_err(Failure::from)?)]);
    }
    let width = width(input.columns.len())?;
    let columns = input.columns.iter().enumerate();
    Ok(columns.map(|(index, column)| (column, values.column(index, width))).collect())
}

/// The values of an input, checked against what the model takes.
fn values(given: &Given, input: &Input, binary: &mut &[u8]) -> Result<Values, Problem> {
    let name = &given.name;
    let bad = |message: String| Problem::bad(format!("the input `{name}`: {message}"));
    let fits = given.shape.len() == input.shape.len()
        && given.shape.iter().zip(&input.shape).all(|(given, taken)| i64::try_from(*given) == Ok(*taken) || *taken < 0);
    if given.datatype != input.datatype || !fits {
        let (datatype, shape) = (&input.datatype, &input.shape);
        return Err(bad(format!("it is {} {:?}, the model takes {datatype} {shape:?}", given.datatype, given.shape)));
    }
    let values = match (given.parameters.binary_data_size, &given.data) {
        (Some(size), None) => {
            let (bytes, rest) =
                binary.split_at_checked(size).ok_or_else(|| bad(format!("the body has no {size} more bytes")))?;
            *binary = rest;
            Values::from_binary(&given.datatype, bytes)
        }
        (None, Some(data)) => Values::from_json(&given.datatype, data),
        _ => Err("it has either `data` or `parameters.binary_data_size`".to_owned()),
    };
    let values = values.map_err(bad)?;
    let expected = given.shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
    if expected != Some(values.len()) {
        return Err(bad(format!("it has {} values, which is not its shape {:?}", values.len(), given.shape)));
    }
    Ok(values)
}

fn respond(
    gateway: &Gateway,
    inference: &Inference,
    wanted: &[(&Output, bool)],
    scored: &RecordBatch,
) -> Result<Response, Problem> {
    let mut binary = Vec::new();
    let mut outputs = Vec::with_capacity(wanted.len());
    for (output, is_binary) in wanted {
        let Output { name, datatype, .. } = output;
        let column =
            scored.column_by_name(name).ok_or_else(|| Problem::new(500, format!("there is no column `{name}`")))?;
        let mut shape = vec![scored.num_rows()];
        let column = match column.as_fixed_size_list_opt() {
            Some(list) => {
                shape.push(list.value_length() as usize);
                list.values()
            }
            None => column,
        };
        let values = Values::from_column(datatype, column).map_err(Failure::from)?;
        let mut gives = Gives { name, datatype, shape, parameters: None, data: None };
        if *is_binary {
            let bytes = values.to_binary(datatype);
            gives.parameters = Some(serde_json::json!({ "binary_data_size": bytes.len() }));
            binary.extend(bytes);
        } else {
            gives.data = Some(values);
        }
        outputs.push(gives);
    }
    let answer = Answer {
        model_name: &gateway.config.model,
        model_version: &gateway.config.version,
        id: inference.id.as_deref(),
        outputs,
    };
    let mut body = serde_json::to_vec(&answer).map_err(|err| Problem::new(500, err.to_string()))?;
    if wanted.iter().all(|(_, is_binary)| !is_binary) {
        return Ok(Response::ok(JSON, body));
    }
    let length = body.len();
    body.extend(binary);
    let mut response = Response::ok("application/octet-stream", body);
    response.headers.push((JSON_LENGTH, length.to_string()));
    Ok(response)
}
