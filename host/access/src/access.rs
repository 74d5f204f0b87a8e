//! The rules, checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use wasmill_model::Attributes;
use wasmill_runtime::diagnostics::{Diagnostics, Reporter};
use wasmill_runtime::toml_file;

use crate::Principal;
use crate::config::{Config, File, Jwt, Key, Limits};
use crate::key::{self, Stored};
use crate::path::Pattern;
use crate::reading::{self, Caller, Readable, Rule};
use crate::scram::{Exchange, ScramError, Verifier};
use crate::tables::{self, Rows};
use crate::token::Tokens;

/// What needs no credentials unless the rules say otherwise.
const PUBLIC: [&str; 2] = [HEALTH, "/v2/health/*"];

/// What never needs credentials: who starts and stops servers asks it.
const HEALTH: &str = "/healthz";

/// Stands for principals that are not named.
const OTHERS: &str = "*";

/// Who may call what.
#[derive(Debug)]
pub struct Access {
    public: Vec<Pattern>,
    keys: Vec<Stored>,
    tokens: Option<Tokens>,
    allow: Option<BTreeMap<String, Vec<Pattern>>>,
    read: Vec<Rule>,
    sql: Vec<tables::Rule>,
    limits: Option<Limits>,
    origins: Vec<String>,
    audit: Option<PathBuf>,
}

/// Why credentials name no principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// They are no key and no token of the issuer's.
    #[error("the credentials are not known")]
    Unknown,
    /// The key was right once.
    #[error("the key has expired")]
    Expired,
    /// The token is not right.
    #[error("the token is refused: {0}")]
    Token(&'static str),
}

/// Whoever has shown to have a key, without telling it.
#[derive(Debug, Clone)]
pub struct Holder {
    /// Whose key it is.
    pub caller: Caller,
    /// The key, as the rules have it.
    sha256: String,
}

impl Access {
    /// Reads and checks the rules, and the keys they name.
    pub fn read(file: &Path) -> Result<Self, Diagnostics> {
        toml_file::read(file, |typed: File, _, reporter| Some(Check { file, reporter }.access(typed.access)))
    }

    /// Whether a path needs no credentials.
    pub fn is_public(&self, path: &str) -> bool {
        self.public.iter().any(|pattern| pattern.matches(path))
    }

    /// Whose credentials these are: an API key, or a JWT.
    pub fn caller(&self, credentials: &str) -> Result<Caller, Refused> {
        match &self.tokens {
            Some(tokens) if !credentials.starts_with(key::PREFIX) => tokens.caller(credentials).map_err(Refused::Token),
            _ => {
                let key = key::find(&self.keys, credentials).ok_or(Refused::Unknown)?;
                if key.is_over() {
                    return Err(Refused::Expired);
                }
                Ok(key.caller.clone())
            }
        }
    }

    /// Who has shown to have a key of the principal of this name, by the last message of an exchange; and the answer to it.
    /// A key whose time is over is as one that is not known.
    pub fn shown(&self, name: &str, exchange: &Exchange, last: &str) -> Result<(Holder, String), ScramError> {
        let keys = self.keys.iter().filter(|key| key.caller.principal.as_str() == name && !key.is_over());
        let (key, answer) = exchange.finish(last, keys.filter_map(|key| Some((key, key.scram.as_ref()?))))?;
        Ok((Holder { caller: key.caller.clone(), sha256: key.sha256.clone() }, answer))
    }

    /// Whether whoever has shown to have a key is still let in by it.
    pub fn still_has(&self, holder: &Holder) -> bool {
        let is_it = |key: &Stored| key.sha256 == holder.sha256 && key.caller == holder.caller;
        self.keys.iter().any(|key| is_it(key) && key.scram.is_some() && !key.is_over())
    }

    /// Which rows of a table a caller may query; without a caller, those that anyone may.
    pub fn rows(&self, caller: Option<&Caller>, table: &str) -> Rows {
        tables::rows(&self.sql, caller, table)
    }

    /// What is known of a caller, for conditions on rows.
    pub fn attributes(caller: Option<&Caller>) -> Attributes {
        tables::attributes(caller)
    }

    /// Whether there is a rule by which tables are queried.
    pub fn has_sql(&self) -> bool {
        !self.sql.is_empty()
    }

    /// Whether a principal may call a path.
    pub fn may(&self, principal: &Principal, path: &str) -> bool {
        let Some(allow) = &self.allow else { return true };
        let paths = allow.get(principal.as_str()).or_else(|| allow.get(OTHERS));
        self.is_public(path) || paths.is_some_and(|paths| paths.iter().any(|pattern| pattern.matches(path)))
    }

    /// What of a collection a caller may read; without a caller, what anyone may.
    pub fn readable(&self, caller: Option<&Caller>, collection: &str) -> Readable {
        reading::readable(&self.read, caller, collection)
    }

    /// Whether there is a rule by which documents are read.
    pub fn has_readers(&self) -> bool {
        !self.read.is_empty()
    }

    /// How much each caller may ask for.
    pub fn limits(&self) -> Option<Limits> {
        self.limits
    }

    /// The file of who read what.
    pub fn audit(&self) -> Option<&Path> {
        self.audit.as_deref()
    }

    /// The pages that may read documents in a browser, by their origin.
    pub fn origins(&self) -> &[String] {
        &self.origins
    }
}

/// From what was typed to the rules, with every problem reported.
struct Check<'a> {
    file: &'a Path,
    reporter: &'a mut Reporter,
}

impl Check<'_> {
    fn access(mut self, mut typed: Config) -> Access {
        let read = typed.read.drain(..).enumerate();
        let read: Vec<Rule> = read
            .map(|(index, rule)| Rule::check(rule, &["access", "read", &index.to_string()], self.reporter))
            .collect();
        let sql = typed.sql.drain(..).enumerate();
        let sql: Vec<tables::Rule> = sql
            .map(|(index, rule)| tables::Rule::check(rule, &["access", "sql", &index.to_string()], self.reporter))
            .collect();
        let is_for_anyone = read.iter().any(Rule::is_for_anyone) || sql.iter().any(tables::Rule::is_for_anyone);
        if typed.key.is_empty() && typed.jwt.is_none() && !is_for_anyone {
            let message = "nobody may call: there is neither a key nor `jwt`\n\
                           hint: `wasmill access new-key --principal NAME` makes a key";
            self.reporter.at(&["access"], message);
        }
        let public = match &typed.public {
            Some(typed) => {
                let mut public = self.patterns(&["access", "public"], typed);
                public.extend(Pattern::parse(HEALTH));
                public
            }
            None => PUBLIC.into_iter().flat_map(Pattern::parse).collect(),
        };
        let allow = typed.allow.as_ref().map(|allow| self.allow(allow, &typed));
        let keys = self.keys(typed.key);
        let tokens = typed.jwt.and_then(|jwt| self.tokens(jwt));
        for (index, origin) in typed.origins.iter().enumerate() {
            let is_origin = origin == OTHERS
                || ["https://", "http://"].iter().any(|scheme| {
                    origin.strip_prefix(scheme).is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ']))
                });
            if !is_origin {
                let message =
                    format!("`{origin}` is not an origin\nhint: it is like `https://app.example`, without a path");
                self.reporter.at(&["access", "origins", &index.to_string()], message);
            }
        }
        let folder = self.file.parent().unwrap_or(Path::new(""));
        let audit = typed.audit.as_ref().map(|file| folder.join(file));
        Access { public, keys, tokens, allow, read, sql, limits: typed.limits, origins: typed.origins, audit }
    }

    fn patterns(&mut self, place: &[&str], typed: &[String]) -> Vec<Pattern> {
        let mut patterns = Vec::new();
        for (index, typed) in typed.iter().enumerate() {
            match Pattern::parse(typed) {
                Ok(pattern) => patterns.push(pattern),
                Err(err) => self.reporter.at(&[place, &[&index.to_string()]].concat(), err),
            }
        }
        patterns
    }

    fn allow(&mut self, allow: &BTreeMap<String, Vec<String>>, typed: &Config) -> BTreeMap<String, Vec<Pattern>> {
        let mut checked = BTreeMap::new();
        for (name, paths) in allow {
            let place = ["access", "allow", name];
            // Whom an issuer names is not known here.
            if name != OTHERS && typed.jwt.is_none() && !typed.key.iter().any(|key| key.principal.as_str() == name) {
                self.reporter.at(&place, format!("principal `{name}` has no key"));
            }
            checked.insert(name.clone(), self.patterns(&place, paths));
        }
        checked
    }

    fn keys(&mut self, typed: Vec<Key>) -> Vec<Stored> {
        let mut seen = BTreeSet::new();
        let mut keys = Vec::new();
        for (index, key) in typed.into_iter().enumerate() {
            let index = index.to_string();
            let sha256 = key.sha256.to_ascii_lowercase();
            if !key::is_sha256(&sha256) {
                let message = "this is not a SHA-256 in hexadecimal\n\
                               hint: `wasmill access new-key --principal NAME` makes a key and prints its hash";
                self.reporter.at(&["access", "key", &index, "sha256"], message);
            } else if !seen.insert(sha256.clone()) {
                self.reporter.at(&["access", "key", &index, "sha256"], "this key is here twice");
            }
            let scram = key.scram.as_deref().and_then(|typed| {
                let verifier = typed.parse().ok().filter(|verifier: &Verifier| verifier.is_of(&key.principal));
                if verifier.is_none() {
                    let message = format!(
                        "this is not the SCRAM-SHA-256 verifier of a key of `{}`\n\
                         hint: `wasmill access new-key --principal NAME` makes a key and prints it",
                        key.principal
                    );
                    self.reporter.at(&["access", "key", &index, "scram"], message);
                }
                verifier
            });
            let expires = key.expires.as_deref().and_then(|typed| {
                let time = time(typed);
                if time.is_none() {
                    let message = format!("`{typed}` is not a time\nhint: write it as `2027-01-01T00:00:00Z`");
                    self.reporter.at(&["access", "key", &index, "expires"], message);
                }
                time
            });
            let caller = Caller { principal: key.principal, claims: key.claims.into_iter().collect() };
            keys.push(Stored { caller, sha256, scram, expires });
        }
        keys
    }

    fn tokens(&mut self, jwt: Jwt) -> Option<Tokens> {
        let path = self.file.parent().unwrap_or(Path::new("")).join(&jwt.jwks);
        let tokens = match std::fs::read(&path) {
            Ok(jwks) => Tokens::new(&jwks, &jwt),
            Err(err) => Err(err.to_string()),
        };
        tokens
            .map_err(|err| self.reporter.at(&["access", "jwt", "jwks"], format!("key set `{}`: {err}", jwt.jwks)))
            .ok()
    }
}

/// A time as it is typed, after 1970.
pub fn time(typed: &str) -> Option<SystemTime> {
    let seconds = DateTime::parse_from_rfc3339(typed).ok()?.timestamp();
    Some(UNIX_EPOCH + Duration::from_secs(seconds.try_into().ok()?))
}

#[cfg(test)]
mod tests;
