//! Who the adapter is: the account's key, which signs each request, or an application of Microsoft Entra, whose token
//! stands in each.
//!
//! - Signature: <https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources>.
//! - Token: the OAuth 2.0 client credentials grant (RFC 6749, section 4.4), with the settings that Azure's own libraries
//!   take from the environment: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`, `AZURE_AUTHORITY_HOST`.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sha2::Sha256;
use wasmill_sdk::Failure;

use crate::web::Web;

/// The setting with the account's key.
pub const KEY: &str = "COSMOS_KEY";

/// The settings of an application, and where its tokens come from.
pub const TENANT: &str = "AZURE_TENANT_ID";
/// See [`TENANT`].
pub const CLIENT: &str = "AZURE_CLIENT_ID";
/// See [`TENANT`].
pub const SECRET: &str = "AZURE_CLIENT_SECRET";
/// See [`TENANT`].
pub const AUTHORITY: &str = "AZURE_AUTHORITY_HOST";

const DEFAULT_AUTHORITY: &str = "https://login.microsoftonline.com";

/// What a token is for.
const SCOPE: &str = "https://cosmos.azure.com/.default";

/// How long before it ends a token is renewed.
const EARLY: Duration = Duration::from_secs(300);

/// What stands as it is in a header's value or a form.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Who the adapter is.
#[derive(Debug)]
pub enum Credentials {
    /// The account's key.
    Key(Vec<u8>),
    /// A token, until when it holds.
    Token(String, SystemTime),
}

impl Credentials {
    /// From the settings: the key if there is one, or else a token.
    pub fn find(web: &mut impl Web) -> Result<Self, Failure> {
        if let Some(key) = web.setting(KEY) {
            let key = BASE64_STANDARD.decode(key.trim());
            return key.map(Self::Key).map_err(|_| Failure::Other(format!("{KEY} is not the base64 text of a key")));
        }
        let missing = |name: &str| {
            Failure::Other(format!(
                "there is no {name}\nhint: set {KEY} to a key of the account, or {TENANT}, {CLIENT} and {SECRET} for an application of Microsoft Entra"
            ))
        };
        let tenant = web.setting(TENANT).ok_or_else(|| missing(KEY))?;
        let client = web.setting(CLIENT).ok_or_else(|| missing(CLIENT))?;
        let secret = web.setting(SECRET).ok_or_else(|| missing(SECRET))?;
        let authority = web.setting(AUTHORITY).unwrap_or_else(|| DEFAULT_AUTHORITY.to_owned());
        let authority = authority.trim_end_matches('/');
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &client),
            ("client_secret", &secret),
            ("scope", SCOPE),
        ];
        let form = form.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, UNRESERVED))).join("&");
        let request =
            Request::post(format!("{authority}/{}/oauth2/v2.0/token", utf8_percent_encode(&tenant, UNRESERVED)))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.into_bytes())
                .map_err(|err| Failure::Other(format!("{AUTHORITY} `{authority}`: {err}")))?;
        let asked = web.now();
        let answer = web.send_all(vec![request]).pop().unwrap_or_else(|| Err(Failure::Other("no answer".into())))?;
        #[derive(Deserialize)]
        struct Granted {
            access_token: String,
            expires_in: u64,
        }
        #[derive(Deserialize)]
        struct Refused {
            #[serde(default)]
            error_description: String,
        }
        if !answer.status().is_success() {
            let why = serde_json::from_slice::<Refused>(answer.body()).map(|refused| refused.error_description);
            let why = why.unwrap_or_default();
            let message =
                format!("{authority} gives no token ({}): {}", answer.status(), why.lines().next().unwrap_or(""));
            let passes = answer.status().is_server_error() || answer.status().as_u16() == 429;
            return Err(if passes { Failure::Retry(message) } else { Failure::Other(message) });
        }
        let granted: Granted = serde_json::from_slice(answer.body())
            .map_err(|err| Failure::Other(format!("{authority} gives no token: {err}")))?;
        Ok(Self::Token(granted.access_token, asked + Duration::from_secs(granted.expires_in)))
    }

    /// Whether they still hold.
    pub fn hold(&self, now: SystemTime) -> bool {
        match self {
            Self::Key(_) => true,
            Self::Token(_, until) => now + EARLY < *until,
        }
    }

    /// The value of `authorization` for a request: its method, what kind of resource it is about, which, and its date
    /// (`x-ms-date`).
    pub fn header(&self, method: &Method, kind: &str, link: &str, date: &str) -> String {
        let value = match self {
            Self::Key(key) => {
                let text = format!("{}\n{kind}\n{link}\n{}\n\n", method.as_str().to_lowercase(), date.to_lowercase());
                format!("type=master&ver=1.0&sig={}", sign(key, &text))
            }
            Self::Token(token, _) => format!("type=aad&ver=1.0&sig={token}"),
        };
        utf8_percent_encode(&value, UNRESERVED).to_string()
    }
}

fn sign(key: &[u8], text: &str) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(text.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_signed_as_the_documentation_does_it() {
        // The example of the documentation, with the result that it gives.
        let key = "dsZQi3KtZmCv1ljt3VNWNm7sQUF1y5rJfC6kv5JiwvW0EndXdDku/dkKBp8/ufDToSxLzR4y+O/0H/t4bQtVNw==";
        let key = Credentials::Key(BASE64_STANDARD.decode(key).unwrap());
        let header = key.header(&Method::GET, "dbs", "dbs/ToDoList", "Thu, 27 Apr 2017 00:51:12 GMT");
        assert_eq!(header, "type%3Dmaster%26ver%3D1.0%26sig%3Dc09PEVJrgp2uQRkr934kFbTqhByc7TVr3OHyqlu%2Bc%2Bc%3D");
    }
}
