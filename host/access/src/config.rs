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
//! ```

use std::collections::BTreeMap;

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
    /// `/v2/health/*`). `/healthz` never needs any.
    pub public: Option<Vec<String>>,
    /// The API keys.
    #[serde(default)]
    pub key: Vec<Key>,
    /// The issuer whose tokens are taken.
    pub jwt: Option<Jwt>,
    /// The paths that each principal may call, as in `public`; `"*"` stands for principals that are not named. If it
    /// is not given, every principal may call everything; if it is, who is not in it may call nothing but `public`.
    pub allow: Option<BTreeMap<String, Vec<String>>>,
}

/// An API key, as `wasmill access new-key` prints it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Key {
    /// Who has it: visible ASCII without spaces.
    pub principal: Principal,
    /// The SHA-256 of the key, in hexadecimal.
    pub sha256: String,
    /// When it ends, as in `"2027-01-01T00:00:00Z"`; never if not given.
    pub expires: Option<String>,
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
