//! Documents as they are stored.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;
use wasmill_sdk::{Document, Failure};

use crate::stamp::{self, Stamp};

/// The name of the property in which a document carries what it was written with. CouchDB keeps names that begin with `_`
/// for itself, and queries take those that begin with `$` for operators.
pub const PROPERTY: &str = "wasmill_";

/// The `_id` of a document: its partition key and its id, with `:` between them. In the partition key `:`, `%` and a `_` at
/// its beginning, which is not allowed there, stand as `%3A`, `%25` and `%5F`.
pub fn key(partition_key: &str, id: &str) -> String {
    let mut key = String::with_capacity(partition_key.len() + id.len() + 1);
    for (place, character) in partition_key.char_indices() {
        match character {
            '%' => key.push_str("%25"),
            ':' => key.push_str("%3A"),
            '_' if place == 0 => key.push_str("%5F"),
            _ => key.push(character),
        }
    }
    key.push(':');
    key.push_str(id);
    key
}

/// Refuses a document whose body cannot be stored as it is.
pub fn check(database: &str, document: &Document) -> Result<(), Failure> {
    let Document { id, body, .. } = document;
    let Some(body) = body else { return Ok(()) };
    let wrong = |what: String| Failure::Reject(format!("document `{id}` of `{database}`: {what}"));
    let fields: BTreeMap<String, &RawValue> =
        serde_json::from_str(body).map_err(|err| wrong(format!("its body is not a JSON object: {err}")))?;
    match fields.keys().find(|name| name.starts_with('_') || *name == PROPERTY) {
        None => Ok(()),
        Some(name) => Err(wrong(format!(
            "it has a field `{name}`, and CouchDB and its adapter keep `{PROPERTY}` and names that begin with `_` for themselves\nhint: give the field another name"
        ))),
    }
}

/// A document as it is stored: its body, that passed [`check`], with what it is written with. `rev` is the revision that it
/// replaces.
pub fn stored(document: &Document, with: &Stamp, rev: Option<&str>) -> String {
    let Document { id, partition_key, body, .. } = document;
    let mut stored = format!("{{\"_id\":{}", quoted(&key(partition_key, id)));
    if let Some(rev) = rev {
        stored.push_str(&format!(",\"_rev\":{}", quoted(rev)));
    }
    let with = stamp::to_json(with);
    let with = with.trim_start_matches('{');
    let (partition_key, id) = (quoted(partition_key), quoted(id));
    stored.push_str(&format!(",\"{PROPERTY}\":{{\"partition_key\":{partition_key},\"id\":{id},{with}"));
    let fields = body.as_deref().unwrap_or("{}").trim_start().trim_start_matches('{').trim_start();
    if !fields.starts_with('}') {
        stored.push(',');
    }
    stored.push_str(fields);
    stored
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_of_one_document_each() {
        assert_eq!(key("", "a"), ":a");
        assert_eq!(key("ü 1", "a:b_%"), "ü 1:a:b_%");
        assert_eq!(key("_design/a", "b"), "%5Fdesign/a:b");
        assert_eq!(key("a_:%3A", "b"), "a_%3A%253A:b");
        let texts = ["", ":", "::", "%", "%3A", "%253A", "_", "%5F", "_a", "a", "a:", ":a", "%3Aa"];
        let pairs = texts.iter().flat_map(|one| texts.iter().map(move |two| (*one, *two)));
        let keys: BTreeSet<String> = pairs.map(|(one, two)| key(one, two)).collect();
        assert_eq!(keys.len(), texts.len() * texts.len());
        assert!(keys.iter().all(|key| !key.starts_with('_')));
    }

    #[test]
    fn a_document_is_its_body_and_what_it_is_written_with() {
        let document = |body: Option<&str>| Document {
            id: "a\"b".into(),
            partition_key: "_p".into(),
            version: 7,
            row: 1,
            body: body.map(str::to_owned),
        };
        for (body, fields) in [
            (Some(" { \"n\" : 1 } "), json!({"n": 1})),
            (Some("{}"), json!({})),
            (Some("\n{\t}"), json!({})),
            (None, json!({})),
        ] {
            for rev in [None, Some("1-a")] {
                let document = document(body);
                let with = stamp::stamp(&document, 3);
                let mut stored: Value = serde_json::from_str(&stored(&document, &with, rev)).unwrap();
                let object = stored.as_object_mut().unwrap();
                assert_eq!(object.remove("_id").unwrap(), "%5Fp:a\"b");
                assert_eq!(object.remove("_rev").as_ref().and_then(Value::as_str), rev);
                let own = object.remove(PROPERTY).unwrap();
                assert_eq!((&own["partition_key"], &own["id"]), (&json!("_p"), &json!("a\"b")));
                assert_eq!((own.get("deleted").is_some(), stamp::from_json(&own)), (body.is_none(), Some(with)));
                assert_eq!(stored, fields);
            }
        }
    }

    #[test]
    fn fields_that_are_kept_for_others_are_refused() {
        let check = |body: &str| {
            let body = Some(body.to_owned());
            check("orders", &Document { id: "x".into(), partition_key: "p".into(), version: 1, row: 1, body })
        };
        for (body, field) in
            [(r#"{"_id": "x"}"#, "_id"), (r#"{"\u005fa": 1}"#, "_a"), (r#"{"wasmill_": 1}"#, "wasmill_")]
        {
            let failure = check(body).unwrap_err();
            let expected = format!("document `x` of `orders`: it has a field `{field}`, ");
            assert!(matches!(&failure, Failure::Reject(message) if message.starts_with(&expected)), "{failure}");
        }
        assert!(matches!(check("[]"), Err(Failure::Reject(_))));
        assert_eq!(check(r#"{"a": {"_id": 1}, "$b": 2, "": 3, "id": 4, "wasmill": 5}"#), Ok(()));
    }
}
