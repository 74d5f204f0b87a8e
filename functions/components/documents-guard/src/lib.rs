//! The component `documents-guard`: what a host looks at before documents reach an adapter, in a composition. Only
//! collections that are granted are written, and only what is a document.

#[cfg(target_family = "wasm")]
mod wasm {
    use std::cell::RefCell;

    use exports::wasmill::pipeline::documents::{Document, Written};
    use exports::wasmill::pipeline::{documents as exported, part};
    use serde::Deserialize;
    use wasmill::pipeline::documents;
    use wasmill::pipeline::types::Failure;
    use wasmill_settle::problem;

    wit_bindgen::generate!({ world: "documents-guard", path: "../../../wit" });

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
            if let Some(problem) = documents.iter().find_map(|document| problem(&document.id, document.body.as_deref()))
            {
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
}
