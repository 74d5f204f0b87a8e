//! Settings that clients ask for and set. Few of them mean something; others that are known are remembered and told again.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use async_trait::async_trait;
use datafusion_postgres::QueryHook;
use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::pgwire::api::results::{DataRowEncoder, FieldFormat, FieldInfo, QueryResponse, Response, Tag};
use datafusion_postgres::pgwire::api::{ClientInfo, Type};
use datafusion_postgres::pgwire::error::PgWireResult;
use deltalake_core::datafusion::common::{DFSchema, ParamValues};
use deltalake_core::datafusion::logical_expr::{EmptyRelation, LogicalPlan};
use deltalake_core::datafusion::prelude::SessionContext;
use deltalake_core::datafusion::sql::sqlparser::ast::{DiscardObject, Expr, Reset, Set, Statement};

use super::asked::TIMEOUT;
use super::failure::{error, failed};
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

/// Those that clients set and that mean nothing here.
const MEANINGLESS: [&str; 24] = [
    "backslash_quote",
    "check_function_bodies",
    "client_connection_check_interval",
    "commit_delay",
    "cursor_tuple_fraction",
    "default_transaction_deferrable",
    "effective_cache_size",
    "enable_hashjoin",
    "enable_mergejoin",
    "enable_nestloop",
    "enable_seqscan",
    "escape_string_warning",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "maintenance_work_mem",
    "quote_all_identifiers",
    "row_security",
    "synchronous_commit",
    "work_mem",
];

/// Where what a client set is kept.
const KEPT: &str = "setting ";

/// A setting by its name, as it is written and what it is by itself.
pub fn setting(name: &str) -> Option<(&'static str, &'static str)> {
    SETTINGS.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// What a client is told of itself, among which are the settings that it made.
pub type Metadata = HashMap<String, String>;

/// A setting by its name, as it is written and what it is for a client.
pub fn told(metadata: &Metadata, name: &str) -> Option<(&'static str, String)> {
    let (name, default) = setting(name)?;
    let lower = name.to_lowercase();
    if lower == "statement_timeout" {
        let time = metadata.get(TIMEOUT).and_then(|time| time.parse().ok());
        return Some((name, time.map_or("0".to_owned(), time_as_text)));
    }
    let kept = metadata.get(&format!("{KEPT}{lower}")).or_else(|| metadata.get(&lower));
    Some((name, kept.map_or(default, String::as_str).to_owned()))
}

/// Where what a client had set when it connected is kept, of what else would be lost.
pub const LOGIN_TIMEOUT: &str = "login statement_timeout_ms";

/// Has a setting, or all of them, be as when the client connected.
fn reset(metadata: &mut Metadata, name: Option<&str>) {
    let is_it = |other: &str| name.is_none_or(|name| name.eq_ignore_ascii_case(other));
    metadata.retain(|key, _| !key.strip_prefix(KEPT).is_some_and(is_it));
    if is_it("statement_timeout") {
        match metadata.get(LOGIN_TIMEOUT).cloned() {
            Some(time) => metadata.insert(TIMEOUT.to_owned(), time),
            None => metadata.remove(TIMEOUT),
        };
    }
}

/// Tells and takes settings.
#[derive(Debug)]
pub struct Shown;

impl Shown {
    /// The setting that a `SHOW` asks for.
    fn shown(statement: &Statement) -> Option<String> {
        let Statement::ShowVariable { variable } = statement else { return None };
        let words: Vec<String> = variable.iter().map(|word| word.value.to_lowercase()).collect();
        let name = match words.join(" ").as_str() {
            "transaction isolation level" => "transaction_isolation".to_owned(),
            "time zone" => "TimeZone".to_owned(),
            name => name.to_owned(),
        };
        setting(&name).map(|(name, _)| name.to_owned())
    }

    fn answer(statement: &Statement, client: &mut dyn HookClient) -> Option<PgWireResult<Response>> {
        if let Some((name, value)) = Self::shown(statement).and_then(|name| told(client.metadata(), &name)) {
            return Some(one(name, &value));
        }
        if let Statement::Reset(statement) = statement {
            let name = match &statement.reset {
                Reset::ConfigurationParameter(name) => Some(name.to_string()),
                Reset::ALL => None,
            };
            reset(client.metadata_mut(), name.as_deref());
            return Some(Ok(Response::Execution(Tag::new("RESET"))));
        }
        if let Statement::Discard { object_type } = statement {
            if *object_type == DiscardObject::ALL {
                reset(client.metadata_mut(), None);
            }
            return Some(Ok(Response::Execution(Tag::new(&statement.to_string()))));
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
                } else if !MEANINGLESS.contains(&name.as_str()) {
                    let message = format!("unrecognized configuration parameter \"{name}\"");
                    return Some(Err(error("42704", &message)));
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
        let fields = match statement {
            Statement::Reset(_) | Statement::Discard { .. } => Vec::new(),
            _ => vec![Field::new(Self::shown(statement)?, DataType::Utf8, false)],
        };
        let schema = DFSchema::try_from(Schema::new(fields));
        let plan =
            |schema| LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, schema: Arc::new(schema) });
        Some(schema.map(plan).map_err(failed))
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
