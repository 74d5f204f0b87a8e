//! Errors, with the SQLSTATEs by which PostgreSQL's clients know them
//! (<https://www.postgresql.org/docs/16/errcodes-appendix.html>).

use std::error::Error;

use arrow_schema::ArrowError;
use datafusion_postgres::pgwire::api::{ClientInfo, ErrorHandler};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError};
use deltalake_core::datafusion::common::SchemaError;
use deltalake_core::datafusion::error::DataFusionError;
use deltalake_core::datafusion::sql::sqlparser::parser::ParserError;

use crate::query::{QueryError, error as query_error};

/// An error of a statement.
pub fn error(code: &str, message: &str) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new("ERROR".to_owned(), code.to_owned(), message.to_owned())))
}

/// An error of the engine's.
pub fn failed(err: DataFusionError) -> PgWireError {
    PgWireError::ApiError(Box::new(err))
}

/// That a statement gives other columns than its client was told. Drivers know it by the routine, and prepare it again.
pub fn changed() -> PgWireError {
    let message = "cached plan must not change result type".to_owned();
    let mut info = ErrorInfo::new("ERROR".to_owned(), "0A000".to_owned(), message);
    info.routine = Some("RevalidateCachedQuery".to_owned());
    PgWireError::UserError(Box::new(info))
}

/// An error that ends the connection.
pub fn fatal(code: &str, message: &str) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new("FATAL".to_owned(), code.to_owned(), message.to_owned())))
}

/// An error as PostgreSQL says it; none if it is said so already.
fn told(err: &PgWireError) -> Option<ErrorInfo> {
    let (code, message) = match err {
        PgWireError::QueryCanceled => ("57014", "canceling statement due to user request".to_owned()),
        PgWireError::PortalNotFound(name) => ("34000", format!("portal \"{name}\" does not exist")),
        PgWireError::ApiError(cause) => known(cause.as_ref()),
        _ => return None,
    };
    // A hint is a line of its own with us.
    let (message, hint) = match message.split_once("\nhint: ") {
        Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
        None => (message, None),
    };
    let mut info = ErrorInfo::new("ERROR".to_owned(), code.to_owned(), message);
    info.hint = hint;
    Some(info)
}

/// The SQLSTATE of an error.
pub fn sqlstate(err: &PgWireError) -> String {
    match (told(err), err) {
        (Some(info), _) => info.code,
        (None, PgWireError::UserError(info)) => info.code.clone(),
        _ => "XX000".to_owned(),
    }
}

/// Says errors as PostgreSQL does.
pub struct Failures;

impl ErrorHandler for Failures {
    fn on_error<C: ClientInfo>(&self, _: &C, err: &mut PgWireError) {
        tracing::debug!("a statement of SQL failed: {err}");
        if let Some(info) = told(err) {
            *err = PgWireError::UserError(Box::new(info));
        }
    }
}

fn known(cause: &(dyn Error + Send + Sync + 'static)) -> (&'static str, String) {
    if let Some(err) = cause.downcast_ref::<DataFusionError>() {
        return (code(err), text(err));
    }
    if let Some(err) = cause.downcast_ref::<ArrowError>() {
        return (arrow_code(err), err.to_string());
    }
    if let Some(err) = cause.downcast_ref::<ParserError>() {
        return ("42601", parser_text(err));
    }
    if let Some(err) = cause.downcast_ref::<Box<DataFusionError>>() {
        return (code(err), text(err));
    }
    ("XX000", cause.to_string())
}

/// The text without the names of DataFusion's kinds of errors before it.
fn text(err: &DataFusionError) -> String {
    let root = err.find_root();
    match root {
        DataFusionError::SQL(err, _) => parser_text(err),
        DataFusionError::ArrowError(err, _) if matches!(**err, ArrowError::DivideByZero) => {
            "division by zero".to_owned()
        }
        DataFusionError::SchemaError(err, _) => match &**err {
            SchemaError::FieldNotFound { field, .. } if is_of_no_table(err) => {
                let table = field.relation.as_ref().map_or("", |table| table.table());
                format!("missing FROM-clause entry for table \"{table}\"")
            }
            SchemaError::FieldNotFound { field, valid_fields } => {
                let known: Vec<String> = valid_fields.iter().map(|field| field.name.clone()).collect();
                format!("column \"{}\" does not exist\nhint: there are {}", field.name, known.join(", "))
            }
            _ => query_error::text(root),
        },
        DataFusionError::Plan(text) if plan_code(text) == "42P01" => {
            let name = text.trim_start_matches("table '").split('\'').next().unwrap_or_default();
            let name = name.trim_start_matches("wasmill.").trim_start_matches("public.");
            format!("relation \"{name}\" does not exist")
        }
        DataFusionError::Execution(text) | DataFusionError::Plan(text) if unprepared(text).is_some() => {
            format!("prepared statement \"{}\" does not exist", unprepared(text).unwrap_or_default())
        }
        DataFusionError::NotImplemented(text) if no_type(text).is_some() => {
            format!("type \"{}\" does not exist", no_type(text).unwrap_or_default())
        }
        _ => query_error::text(err),
    }
}

/// The name of a type that is not there.
fn no_type(text: &str) -> Option<&str> {
    text.strip_prefix("Unsupported SQL type ")
}

/// Whether a column is named with a table that is not there.
fn is_of_no_table(err: &SchemaError) -> bool {
    let SchemaError::FieldNotFound { field, valid_fields } = err else { return false };
    field.relation.as_ref().is_some_and(|table| {
        !valid_fields.iter().any(|known| known.relation.as_ref().is_some_and(|known| known.table() == table.table()))
    })
}

/// The name of a prepared statement that is not there.
fn unprepared(text: &str) -> Option<&str> {
    text.strip_prefix("Prepared statement '")?.strip_suffix("' does not exist")
}

fn parser_text(err: &ParserError) -> String {
    match err {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => format!("syntax error: {text}"),
        ParserError::RecursionLimitExceeded => "the statement is nested too deeply".to_owned(),
    }
}

fn code(err: &DataFusionError) -> &'static str {
    match err.find_root() {
        DataFusionError::SQL(..) => "42601",
        DataFusionError::SchemaError(err, _) => match &**err {
            SchemaError::FieldNotFound { .. } if is_of_no_table(err) => "42P01",
            SchemaError::FieldNotFound { .. } => "42703",
            SchemaError::AmbiguousReference { .. } => "42702",
            _ => "42701",
        },
        DataFusionError::NotImplemented(text) if no_type(text).is_some() => "42704",
        DataFusionError::NotImplemented(_) => "0A000",
        DataFusionError::ResourcesExhausted(_) => "53200",
        DataFusionError::ArrowError(err, _) => arrow_code(err),
        DataFusionError::Execution(text) | DataFusionError::Plan(text) if unprepared(text).is_some() => "26000",
        DataFusionError::Plan(text) => plan_code(text),
        DataFusionError::External(err) if err.downcast_ref::<QueryError>().is_some() => "55000",
        DataFusionError::Execution(text) if text.contains("more than one row") => "21000",
        DataFusionError::Execution(_) => "22000",
        _ => "XX000",
    }
}

/// DataFusion tells some kinds apart by their text only.
fn plan_code(text: &str) -> &'static str {
    if text.starts_with("table '") && text.ends_with("not found") {
        "42P01"
    } else if text.starts_with("Invalid function '") || text.starts_with("table function '") {
        "42883"
    } else if text.contains("must be in GROUP BY") || text.contains("must appear in the GROUP BY") {
        "42803"
    } else if text.contains("No field named") {
        "42703"
    } else {
        "42000"
    }
}

fn arrow_code(err: &ArrowError) -> &'static str {
    match err {
        ArrowError::DivideByZero => "22012",
        ArrowError::ArithmeticOverflow(_) => "22003",
        ArrowError::CastError(_) | ArrowError::ParseError(_) => "22P02",
        ArrowError::ExternalError(err) => err.downcast_ref::<DataFusionError>().map_or("XX000", code),
        _ => "XX000",
    }
}
