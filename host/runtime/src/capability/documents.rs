//! `documents`: writing to the pipeline's document database, in the collections that the manifest grants.

use std::collections::BTreeSet;
use std::sync::Arc;

use wasmill_settle::problem;
use wasmtime::component::{HasData, Linker};

use crate::bindings::imports::wasmill::pipeline::documents::{self, Document, Host, Written};
use crate::bindings::imports::wasmill::pipeline::types::Failure;
use crate::documents::{DocumentCounts, Documents, Origin};
use crate::failure;

/// The documents of one sandbox.
#[derive(Debug, Clone, Default)]
pub struct DocumentsCtx {
    /// The pipeline's database; none while a pipeline is only validated.
    pub database: Option<Arc<dyn Documents>>,
    /// The collections that the manifest grants.
    pub granted: BTreeSet<String>,
    /// A digest of what makes the rows; see [`crate::documents`].
    pub pipeline: i64,
    /// What is worked on.
    pub origin: Origin,
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
        if let Some(problem) = documents.iter().find_map(|document| problem(&document.id, document.body.as_deref())) {
            return Ok(Err(Failure::Other(problem)));
        }
        if documents.is_empty() {
            return Ok(Ok(DocumentCounts::default().into()));
        }
        let Some(database) = &self.database else {
            return Ok(Err(Failure::Other("no document database is open".into())));
        };
        let counts = database.upsert_of(&self.origin, &collection, self.pipeline, &documents);
        Ok(counts.map(Written::from).map_err(|failure| match failure {
            failure::Failure::Reject(message) => Failure::Reject(message),
            failure::Failure::Retry(message) => Failure::Retry(message),
            failure::Failure::Fault(fault) => Failure::Other(fault.to_string()),
        }))
    }
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
