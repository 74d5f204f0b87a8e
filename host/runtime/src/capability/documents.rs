//! `documents`: writing to the pipeline's document database, in the collections that the manifest grants.

use std::collections::BTreeSet;
use std::sync::Arc;

use wasmtime::component::{HasData, Linker};

use crate::bindings::imports::wasmill::pipeline::documents::{self, Document, Host, Written};
use crate::bindings::imports::wasmill::pipeline::types::Failure;
use crate::documents::Database;

/// The documents of one sandbox.
#[derive(Debug, Clone, Default)]
pub struct DocumentsCtx {
    /// The pipeline's database; none while a pipeline is only validated.
    pub database: Option<Arc<Database>>,
    /// The collections that the manifest grants.
    pub granted: BTreeSet<String>,
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
        let Some(database) = &self.database else {
            return Ok(Err(Failure::Other("no document database is open".into())));
        };
        Ok(database.upsert_batch(&collection, &documents).map_err(|err| Failure::Retry(err.to_string())))
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
