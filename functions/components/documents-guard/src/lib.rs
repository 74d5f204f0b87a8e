//! The component `documents-guard`: what a host looks at before documents reach an adapter, in a composition. Only
//! collections that are granted are written, and only what is a document.

#[cfg(target_family = "wasm")]
mod wasm {
    use std::cell::RefCell;

    use exports::wasmill::pipeline::documents::{Document, Written};
    use exports::wasmill::pipeline::{documents as exported, part};
    use serde::Deserialize;
    use serde::de::IgnoredAny;
    use wasmill::pipeline::documents;
    use wasmill::pipeline::types::Failure;

    wit_bindgen::generate!({ world: "documents-guard", path: "../../../wit" });

    /// The longest id of a document, in bytes.
    const ID_LIMIT: usize = 1023;

    struct Guard;

    export!(Guard);

    /// What it is told.
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        /// The collections that are granted.
        granted: Vec<String>,
    }

    thread_local! {
        static CONFIG: RefCell<Config> = RefCell::default();
    }

    impl part::Guest for Guard {
        fn configure(config: String) -> Result<(), String> {
            CONFIG.set(wasmill_sdk::config::parse(&config)?);
            wasmill_sdk::component::set_up();
            Ok(())
        }
    }

    impl exported::Guest for Guard {
        fn upsert_batch(collection: String, documents: Vec<Document>) -> Result<Written, Failure> {
            if !CONFIG.with_borrow(|config| config.granted.contains(&collection)) {
                return Err(Failure::Other(format!("the collection `{collection}` is not granted")));
            }
            if let Some(problem) = documents.iter().find_map(problem) {
                return Err(Failure::Other(problem));
            }
            let own = |Document { id, partition_key, version, row, body }| documents::Document {
                id,
                partition_key,
                version,
                row,
                body,
            };
            let documents: Vec<documents::Document> = documents.into_iter().map(own).collect();
            let written = documents::upsert_batch(&collection, &documents)?;
            let documents::Written { inserted, replaced, deleted, unchanged, stale, duplicates, charge } = written;
            Ok(Written { inserted, replaced, deleted, unchanged, stale, duplicates, charge })
        }
    }

    /// What is wrong with a document, as the host has it.
    fn problem(Document { id, body, .. }: &Document) -> Option<String> {
        let illegal = |character: char| matches!(character, '/' | '\\' | '?' | '#') || character.is_control();
        if id.is_empty() || id.len() > ID_LIMIT || id.contains(illegal) {
            let id = id.get(..id.floor_char_boundary(ID_LIMIT)).unwrap_or_default();
            return Some(format!("the document id `{id}` is not of 1 to {ID_LIMIT} bytes without `/`, `\\`, `?`, `#`"));
        }
        let is_object = |body: &String| body.starts_with('{') && serde_json::from_str::<IgnoredAny>(body).is_ok();
        let is_valid = body.as_ref().is_none_or(is_object);
        (!is_valid).then(|| format!("the body of the document `{id}` is not a JSON object"))
    }
}
