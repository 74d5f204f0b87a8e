//! A caller's name.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

/// The longest name, in bytes: what OpenID Connect allows a subject.
const LONGEST: usize = 255;

/// A caller that has shown who it is. The name is visible ASCII without spaces, so it can stand in a header and in a
/// line of a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct Principal(String);

impl Principal {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Principal {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if !name.is_empty() && name.len() <= LONGEST && name.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(name))
        } else {
            Err(format!("`{}` is not a principal: visible ASCII, no spaces, at most {LONGEST}", name.escape_debug()))
        }
    }
}

impl std::str::FromStr for Principal {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        name.to_owned().try_into()
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_forge_a_header_or_a_line_of_a_log() {
        for good in ["mobile-app", "auth0|5f7c8ec7c33c6c004bbafe82", "a@b.example", &"a".repeat(255)] {
            assert_eq!(good.parse::<Principal>().map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "a b", "a\r\nx: y", "é", "\u{7f}", &"a".repeat(256)] {
            assert!(bad.parse::<Principal>().is_err(), "{bad:?}");
        }
    }
}
