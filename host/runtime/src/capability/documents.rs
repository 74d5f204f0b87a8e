//! `documents`: writing to the pipeline's document database, in the collections that the manifest grants.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::de::IgnoredAny;
use wasmtime::component::{HasData, Linker};

use crate::bindings::imports::wasmill::pipeline::documents::{self, Document, Host, Written};
use crate::bindings::imports::wasmill::pipeline::types::Failure;
use crate::documents::{DocumentCounts, Documents};
use crate::failure;
use crate::rows::cut;

/// The longest id of a document, in bytes.
const ID_LIMIT: usize = 1023;

/// The documents of one sandbox.
#[derive(Debug, Clone, Default)]
pub struct DocumentsCtx {
    /// The pipeline's database; none while a pipeline is only validated.
    pub database: Option<Arc<dyn Documents>>,
    /// The collections that the manifest grants.
    pub granted: BTreeSet<String>,
    /// A digest of what makes the rows; see [`crate::documents`].
    pub pipeline: i64,
}

impl Host for DocumentsCtx {
    fn upsert_batch(
        &mut self,
        collection: String,
        documents: Vec<Document>,
    ) -> wasmtime::Result<Result<Written, Failure>> {
        if !self.granted.contains(&collection) {
            return Ok(Err(Failure::Other(format!(
                "the collection `{collection}` is not granted\nhint: add `grants = {{ documents = [\"{collection}\"] }}` to the step"
            ))));
        }
        if let Some(problem) = documents.iter().find_map(problem) {
            return Ok(Err(Failure::Other(problem)));
        }
        if documents.is_empty() {
            return Ok(Ok(DocumentCounts::default().into()));
        }
        let Some(database) = &self.database else {
            return Ok(Err(Failure::Other("no document database is open".into())));
        };
        let counts = database.upsert_batch(&collection, self.pipeline, &documents);
        Ok(counts.map(Written::from).map_err(|failure| match failure {
            failure::Failure::Reject(message) => Failure::Reject(message),
            failure::Failure::Retry(message) => Failure::Retry(message),
            failure::Failure::Fault(fault) => Failure::Other(fault.to_string()),
        }))
    }
}

/// What is wrong with a document, by what `wit/pipeline.wit` says of one: one that is not JSON would spoil every
/// query over its collection.
fn problem(document: &Document) -> Option<String> {
    let Document { id, body, .. } = document;
    let illegal = |character: char| matches!(character, '/' | '\\' | '?' | '#') || character.is_control();
    if id.is_empty() || id.len() > ID_LIMIT || id.contains(illegal) {
        let id = cut(id.clone());
        return Some(format!("the document id `{id}` is not of 1 to {ID_LIMIT} bytes without `/`, `\\`, `?`, `#`"));
    }
    let is_object = |body: &String| body.starts_with('{') && serde_json::from_str::<IgnoredAny>(body).is_ok();
    if !body.as_ref().is_none_or(is_object) {
        return Some(format!("the body of the document `{id}` is not a JSON object"));
    }
    None
}

/// How the linker finds the context.
pub struct HasDocuments;

impl HasData for HasDocuments {
    type Data<'a> = &'a mut DocumentsCtx;
}

/// Gives functions the interface.
pub fn add_to_linker<T: 'static>(linker: &mut Linker<T>, get: fn(&mut T) -> &mut DocumentsCtx) -> wasmtime::Result<()> {
    documents::add_to_linker::<T, HasDocuments>(linker, get)
}
