//! The rules as they are typed: `access.toml`.
//!
//! ```toml
//! [access]
//! public = ["/healthz", "/v2/health/*"]
//!
//! [[access.key]]                        # `wasmill access new-key --principal mobile-app` makes it
//! principal = "mobile-app"
//! sha256 = "5f0c…"
//! expires = "2027-01-01T00:00:00Z"
//!
//! [access.jwt]
//! issuer = "https://login.example"
//! audience = "scoring"
//! jwks = "keys.json"
//!
//! [access.allow]
//! mobile-app = ["/v1/score"]
//! "*" = ["/v1/*", "/v2/*"]
//!
//! [[access.read]]                       # documents, of `wasmill up`
//! collections = ["orders"]
//! partitions = ["{tenant}"]             # a claim of the token, or of the key
//!
//! [[access.sql]]                        # tables, of `wasmill up --sql` and of its queries over HTTP
//! tables = ["flights"]
//! rows = "carrier IN {carriers}"
//! ```

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::Principal;

/// The file.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct File {
    /// Who may call.
    pub access: Config,
}

/// Who may call. A principal may have several keys, and tokens besides: they are one namespace, so let the claim that
/// names a token's principal be one that its issuer sets, not the user.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// Paths that need no credentials, each `/PATH`, or `/PATH/*` for what is below it (default `/healthz` and
    /// `/v2/health/*`). `/healthz` never needs any, nor do `/health` and `/ready` of `wasmill up`.
    pub public: Option<Vec<String>>,
    /// The API keys.
    #[serde(default)]
    pub key: Vec<Key>,
    /// The issuer whose tokens are taken.
    pub jwt: Option<Jwt>,
    /// The paths that each principal may call, as in `public`; `"*"` stands for principals that are not named. If it
    /// is not given, every principal may call everything; if it is, who is not in it may call nothing but `public`.
    pub allow: Option<BTreeMap<String, Vec<String>>>,
    /// Which documents may be read, by whom: what no rule allows, nobody may read. `allow` says nothing of documents.
    #[serde(default)]
    pub read: Vec<Read>,
    /// Which tables may be queried, by whom: what no rule allows, is not there for whoever asks.
    #[serde(default)]
    pub sql: Vec<Sql>,
    /// How much each caller may ask for.
    pub limits: Option<Limits>,
    /// The pages that may read documents in a browser, by their origin, as in `"https://app.example"`; `"*"` for all.
    #[serde(default)]
    pub origins: Vec<String>,
    /// The file, relative to this one, to which a line of JSON is added for each request for documents: who asked for what,
    /// and what they got.
    pub audit: Option<String>,
}

/// A rule that allows callers to read documents.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Read {
    /// The collections; `"*"` for all.
    #[serde(default)]
    pub collections: Vec<String>,
    /// Whether no credentials are needed.
    #[serde(default)]
    pub anyone: bool,
    /// The principals that it is for; every one if there is none.
    #[serde(default)]
    pub principals: Vec<Principal>,
    /// What the caller's claims must say, each of them: a claim is the value, or a list that has it.
    #[serde(default)]
    pub claims: BTreeMap<String, serde_json::Value>,
    /// Only documents of these partitions. `{CLAIM}` stands for a claim of the caller, `{principal}` for the caller's name.
    pub partitions: Option<Vec<String>>,
}

/// A rule that allows callers to query tables.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Sql {
    /// The tables and views, by their names in SQL; `"*"` for all.
    #[serde(default)]
    pub tables: Vec<String>,
    /// Whether no credentials are needed, over HTTP. PostgreSQL's protocol needs them always.
    #[serde(default)]
    pub anyone: bool,
    /// The principals that it is for; every one if there is none.
    #[serde(default)]
    pub principals: Vec<Principal>,
    /// What the caller's claims must say, each of them: a claim is the value, or a list that has it.
    #[serde(default)]
    pub claims: BTreeMap<String, serde_json::Value>,
    /// Only rows for which this is true, SQL over the table's columns: `tenant = '{tenant}'`, `region IN {regions}`, where
    /// `{CLAIM}` stands for a claim of the caller, `{principal}` for the caller's name.
    pub rows: Option<String>,
}

/// How much each caller may ask for: each principal, and without credentials each address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Limits {
    /// Requests a second, in the long run.
    pub requests_per_second: NonZeroU32,
    /// Requests at once after a while without any (default: twice as many).
    pub burst: Option<NonZeroU32>,
}

/// An API key, as `wasmill access new-key` prints it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Key {
    /// Who has it: visible ASCII without spaces.
    pub principal: Principal,
    /// The SHA-256 of the key, in hexadecimal.
    pub sha256: String,
    /// What shows over PostgreSQL's protocol that a caller has the key: its SCRAM-SHA-256 verifier. A key without one is not
    /// taken there.
    pub scram: Option<String>,
    /// When it ends, as in `"2027-01-01T00:00:00Z"`; never if not given.
    pub expires: Option<String>,
    /// What it says of its principal, as the claims of a token do.
    #[serde(default)]
    pub claims: BTreeMap<String, serde_json::Value>,
}

/// An issuer of JWTs. Its tokens are signed by RS256, ES256 or EdDSA with a key of `jwks`, and have `exp`, `iss`,
/// `aud` and the claim that names the principal.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Jwt {
    /// What `iss` is.
    pub issuer: String,
    /// What `aud` is, or has in it.
    pub audience: String,
    /// The issuer's public keys, a JSON Web Key Set; a file, relative to this one.
    pub jwks: String,
    /// The claim that names the principal (default `sub`).
    #[serde(default = "subject")]
    pub principal: String,
}

fn subject() -> String {
    "sub".into()
}
