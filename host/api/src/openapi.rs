//! The description for clients: OpenAPI 3.1, made from the functions that answer.

use std::sync::LazyLock;

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{IntoParams, IntoResponses, Modify, OpenApi, PartialSchema, ToSchema};
use wasmill_runtime::documents::query::LIMIT;

use crate::model::Error;
use crate::{routes, tables};

/// All of it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Wasmill documents and tables",
        description = "What pipelines publish, for web and mobile apps; and, of a server with tables, queries of them. Integers of 64 bits are texts in documents. Who may read what is decided by `[[access.read]]` and `[[access.sql]]` in the file of `wasmill up --access`.",
    ),
    paths(
        routes::collections, routes::document, routes::query, routes::count, routes::batch_get, routes::changes,
        tables::sql, tables::query, tables::explain, tables::model, tables::reports, tables::report
    ),
    modifiers(&Credentials),
    security((), ("bearer" = []), ("key" = [])),
)]
struct Description;

/// How to show who one is.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let components = description.components.get_or_insert_default();
        let bearer =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A key, or a token of the issuer."));
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
        let key = ApiKeyValue::with_description("X-API-Key", "A key.");
        components.add_security_scheme("key", SecurityScheme::ApiKey(ApiKey::Header(key)));
    }
}

/// How requests are refused.
#[derive(IntoResponses)]
pub enum Refusals {
    /// The request is wrong.
    #[response(status = 400)]
    Bad(Error),
    /// There are no credentials, or not the right ones.
    #[response(status = 401)]
    Unauthorized(Error),
    /// No rule allows it.
    #[response(status = 403)]
    Forbidden(Error),
    /// The URL is too long.
    #[response(status = 414)]
    Long(Error),
    /// The caller asks for too much; `Retry-After` says when there may be more.
    #[response(status = 429)]
    TooMany(Error),
    /// The database does not answer.
    #[response(status = 503)]
    Away(Error),
}

/// The partition that a key means.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is only described")]
pub struct Partition {
    /// The partition. If it is not given: the only one that the caller may read, or else the empty one.
    #[param(required = false)]
    partition_key: String,
}

/// What the caller has already.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is only described")]
pub struct Known {
    /// Entity tags of what the caller has already.
    #[param(required = false, rename = "If-None-Match")]
    if_none_match: String,
}

/// Which documents are meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is only described")]
pub struct Which {
    /// Only this partition.
    #[param(required = false)]
    partition_key: String,
    /// Only documents of which this is true, each time it is given: field, operator and value, as `risk>=0.5`, `carrier=UA` or
    /// `gate="12"`. A field is a name, or names joined by dots. The operators are `=`, `!=`, `<`, `<=`, `>` and `>=`. A value
    /// is null, a truth value, a number or a text as JSON has it, or else a text as it stands; `=null` is true of what is
    /// missing. Values of another kind are only `!=`.
    #[param(required = false, max_items = 16, value_type = Vec<Condition>, inline)]
    r#where: Vec<String>,
}

/// In which order, and where to begin.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is only described")]
pub struct Paged {
    /// The field that they are ordered by, the greatest first if it begins with `-`: `risk`, `-risk.mean`. What is equal, and
    /// everything if it is not given, is ordered by partition key and id. Kinds of values come in this order: missing and
    /// null, truth values, numbers, texts (by the code points of their first 256 characters), arrays and objects.
    #[param(required = false, value_type = Order, inline)]
    order: String,
    /// How many at most (default 100).
    #[param(required = false, minimum = 1, maximum = 1000)]
    limit: u32,
    /// `next` of the page before.
    #[param(required = false)]
    after: String,
}

/// Which changes are meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is only described")]
pub struct Since {
    /// Only this partition.
    #[param(required = false)]
    partition_key: String,
    /// `next` of the answer before; `now` for what comes later; from the beginning if it is not given.
    #[param(required = false)]
    since: String,
    /// How many at most (default 100).
    #[param(required = false, minimum = 1, maximum = 1000)]
    limit: u32,
    /// How many seconds to wait for a change if there is none (default 0).
    #[param(required = false, minimum = 0, maximum = 60)]
    wait: u32,
}

/// Where a client was.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is only described")]
pub struct LastEvent {
    /// The last event's id: what browsers send instead of `since` when they connect again.
    #[param(required = false, rename = "Last-Event-ID")]
    last_event_id: String,
}

/// A field that documents are ordered by.
struct Order;

/// A condition.
struct Condition;

impl PartialSchema for Order {
    fn schema() -> RefOr<Schema> {
        // One more for the minus.
        text(&format!("^-?{}$", field()), LIMIT + 1)
    }
}

impl PartialSchema for Condition {
    fn schema() -> RefOr<Schema> {
        text(&format!(r"^{}(!=|<=|>=|=|<|>)[\s\S]*$", field()), LIMIT)
    }
}

impl ToSchema for Order {}
impl ToSchema for Condition {}

fn text(pattern: &str, longest: usize) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).max_length(Some(longest));
    Schema::Object(text.build()).into()
}

/// What [`wasmill_runtime::documents::query::Field`] reads, as a regular expression.
fn field() -> String {
    let illegal = r#"."\\<>=!\u0000-\u001f\u007f-\u009f"#;
    let (edge, inner) = (format!("[^ {illegal}]"), format!("[^{illegal}]"));
    let name = format!("{edge}({inner}*{edge})?");
    format!(r"{name}(\.{name})*")
}

static JSON: LazyLock<serde_json::Value> =
    LazyLock::new(|| serde_json::to_value(Description::openapi()).unwrap_or_default());

/// The description of what a server has: what is tagged so.
pub fn of(tags: &[&str]) -> serde_json::Value {
    let mut description = JSON.clone();
    let is_there = |operations: &serde_json::Value| {
        let tagged = operations.as_object().into_iter().flat_map(|operations| operations.values());
        tagged
            .flat_map(|operation| operation["tags"].as_array())
            .flatten()
            .any(|tag| tags.iter().any(|there| tag == there))
    };
    if let Some(paths) = description.get_mut("paths").and_then(serde_json::Value::as_object_mut) {
        paths.retain(|_, operations| is_there(operations));
    }
    description
}

/// The description as a file has it.
pub fn file() -> String {
    format!("{:#}", *JSON)
}
