//! For whom a rule is.

use serde_json::{Map, Value};
use wasmill_runtime::diagnostics::Reporter;

use crate::{Caller, Principal};

/// For whom a rule is.
#[derive(Debug)]
pub struct Audience {
    anyone: bool,
    principals: Vec<Principal>,
    claims: Map<String, Value>,
}

impl Audience {
    /// From what was typed, at a place of the file.
    pub(crate) fn check(
        anyone: bool,
        principals: Vec<Principal>,
        claims: impl IntoIterator<Item = (String, Value)>,
        place: &[&str],
        reporter: &mut Reporter,
    ) -> Self {
        let claims: Map<String, Value> = claims.into_iter().collect();
        if anyone && (!principals.is_empty() || !claims.is_empty()) {
            reporter.at(place, "`anyone` needs no principal and no claims\nhint: remove one or the other");
        }
        Self { anyone, principals, claims }
    }

    /// Whether it is for somebody without credentials too.
    pub(crate) fn is_anyone(&self) -> bool {
        self.anyone
    }

    /// Whether it is for a caller; none has no credentials.
    pub(crate) fn has(&self, caller: Option<&Caller>) -> bool {
        let Some(caller) = caller.filter(|_| !self.anyone) else { return self.anyone };
        let says = |(name, wanted): (&String, &Value)| match caller.claims.get(name) {
            Some(Value::Array(values)) => values.contains(wanted),
            Some(value) => value == wanted,
            None => false,
        };
        (self.principals.is_empty() || self.principals.contains(&caller.principal)) && self.claims.iter().all(says)
    }
}
