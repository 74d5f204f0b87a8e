//! Settings that clients ask for and set. Few of them mean something; others that are known are remembered and told again.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use async_trait::async_trait;
use datafusion_postgres::QueryHook;
use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::pgwire::api::results::{DataRowEncoder, FieldFormat, FieldInfo, QueryResponse, Response, Tag};
use datafusion_postgres::pgwire::api::{ClientInfo, Type};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use deltalake_core::datafusion::common::{DFSchema, ParamValues};
use deltalake_core::datafusion::logical_expr::{EmptyRelation, LogicalPlan};
use deltalake_core::datafusion::prelude::SessionContext;
use deltalake_core::datafusion::sql::sqlparser::ast::{Expr, Set, Statement};

use super::asked::TIMEOUT;
use super::functions::VERSION;

/// Settings and what they are unless a client says otherwise.
pub const SETTINGS: [(&str, &str); 23] = [
    ("application_name", ""),
    ("bytea_output", "hex"),
    ("client_encoding", "UTF8"),
    ("client_min_messages", "notice"),
    ("DateStyle", "ISO, MDY"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "on"),
    ("extra_float_digits", "1"),
    ("integer_datetimes", "on"),
    ("IntervalStyle", "postgres"),
    ("is_superuser", "off"),
    ("jit", "off"),
    ("max_identifier_length", "63"),
    ("max_index_keys", "32"),
    ("search_path", "public"),
    ("server_encoding", "UTF8"),
    ("server_version", VERSION),
    ("server_version_num", "160006"),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "0"),
    ("TimeZone", "UTC"),
    ("transaction_isolation", "read committed"),
    ("transaction_read_only", "on"),
];

/// Those that `datafusion-postgres` has.
const OTHERS: [&str; 6] =
    ["statement_timeout", "datestyle", "intervalstyle", "bytea_output", "application_name", "search_path"];

/// Where what a client set is kept.
const KEPT: &str = "setting ";

/// A setting by its name, as it is written and what it is by itself.
pub fn setting(name: &str) -> Option<(&'static str, &'static str)> {
    SETTINGS.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// Tells and takes settings.
#[derive(Debug)]
pub struct Shown;

impl Shown {
    /// The setting that a `SHOW` asks for.
    fn shown(statement: &Statement) -> Option<(&'static str, &'static str)> {
        let Statement::ShowVariable { variable } = statement else { return None };
        let words: Vec<String> = variable.iter().map(|word| word.value.to_lowercase()).collect();
        match words.join(" ").as_str() {
            "transaction isolation level" => setting("transaction_isolation"),
            "time zone" => setting("TimeZone"),
            name => setting(name),
        }
    }

    fn answer(statement: &Statement, client: &mut dyn HookClient) -> Option<PgWireResult<Response>> {
        if let Some((name, default)) = Self::shown(statement) {
            let lower = name.to_lowercase();
            if lower == "statement_timeout" {
                let time = client.metadata().get(TIMEOUT).and_then(|time| time.parse().ok());
                return Some(one(name, &time.map_or("0".to_owned(), time_as_text)));
            }
            let kept = client.metadata().get(&format!("{KEPT}{lower}")).or_else(|| client.metadata().get(&lower));
            let value = kept.map_or(default, String::as_str);
            return Some(one(name, value));
        }
        if let Statement::Set(Set::SingleAssignment { variable, values, .. }) = statement {
            let name = variable.to_string().to_lowercase();
            if !OTHERS.contains(&name.as_str()) {
                let text = match values.first() {
                    Some(Expr::Value(value)) => value.clone().into_string().unwrap_or_else(|| value.to_string()),
                    Some(other) => other.to_string(),
                    None => String::new(),
                };
                // What nobody can ask for is not kept: a client could fill the memory with it.
                if setting(&name).is_some() {
                    client.metadata_mut().insert(format!("{KEPT}{name}"), text);
                }
                return Some(Ok(Response::Execution(Tag::new("SET"))));
            }
        }
        None
    }
}

/// A time of so many milliseconds, as PostgreSQL tells it.
fn time_as_text(milliseconds: u64) -> String {
    match milliseconds {
        0 => "0".to_owned(),
        time if time % 60_000 == 0 => format!("{}min", time / 60_000),
        time if time % 1000 == 0 => format!("{}s", time / 1000),
        time => format!("{time}ms"),
    }
}

/// One row of one column.
fn one(name: &str, value: &str) -> PgWireResult<Response> {
    let fields = Arc::new(vec![FieldInfo::new(name.to_owned(), None, None, Type::TEXT, FieldFormat::Text)]);
    let mut encoder = DataRowEncoder::new(fields.clone());
    encoder.encode_field(&Some(value))?;
    let row = encoder.take_row();
    let mut rows = QueryResponse::new(fields, futures_util::stream::iter([Ok(row)]));
    rows.set_command_tag("SHOW");
    Ok(Response::Query(rows))
}

#[async_trait]
impl QueryHook for Shown {
    async fn handle_simple_query(
        &self,
        statement: &Statement,
        _: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        Self::answer(statement, client)
    }

    async fn handle_extended_parse_query(
        &self,
        statement: &Statement,
        _: &SessionContext,
        _: &(dyn ClientInfo + Send + Sync),
    ) -> Option<PgWireResult<LogicalPlan>> {
        let (name, _) = Self::shown(statement)?;
        let schema = DFSchema::try_from(Schema::new(vec![Field::new(name, DataType::Utf8, false)]));
        let plan =
            |schema| LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, schema: Arc::new(schema) });
        Some(schema.map(plan).map_err(|err| PgWireError::ApiError(Box::new(err))))
    }

    async fn handle_extended_query(
        &self,
        statement: &Statement,
        _: &LogicalPlan,
        _: &ParamValues,
        _: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        Self::answer(statement, client)
    }
}
