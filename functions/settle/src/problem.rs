//! What `wit/pipeline.wit` says of a document.

use serde::de::IgnoredAny;

/// The longest id, in bytes.
const ID_LIMIT: usize = 1023;

/// How much of an id that is wrong is said, in characters.
const SAID: usize = 100;

/// What is wrong with a document; none if nothing is. One that is not JSON would spoil every query over its collection.
pub fn problem(id: &str, body: Option<&str>) -> Option<String> {
    let illegal = |character: char| matches!(character, '/' | '\\' | '?' | '#') || character.is_control();
    if id.is_empty() || id.len() > ID_LIMIT || id.contains(illegal) {
        let id: String = id.chars().take(SAID).collect();
        return Some(format!("the document id `{id}` is not of 1 to {ID_LIMIT} bytes without `/`, `\\`, `?`, `#`"));
    }
    let is_object = |body: &str| body.starts_with('{') && serde_json::from_str::<IgnoredAny>(body).is_ok();
    let is_wrong = !body.is_none_or(is_object);
    is_wrong.then(|| format!("the body of the document `{id}` is not a JSON object"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        for (id, body, expect) in [
            ("a", Some("{}"), None),
            ("a", None, None),
            ("", Some("{}"), Some("is not of 1 to 1023 bytes")),
            ("a/b", Some("{}"), Some("`a/b` is not of 1 to")),
            ("a\u{7}", Some("{}"), Some("is not of 1 to")),
            (&"é".repeat(512), Some("{}"), Some("is not of 1 to")),
            ("a", Some("[]"), Some("is not a JSON object")),
            ("a", Some("{\"a\":1"), Some("is not a JSON object")),
        ] {
            let said = problem(id, body);
            assert!(
                said.as_deref().is_some_and(|said| said.contains(expect.unwrap_or("?"))) == expect.is_some(),
                "{said:?}"
            );
            assert_eq!(said.is_some(), expect.is_some(), "{id} {body:?}");
        }
    }
}
