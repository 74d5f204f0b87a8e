//! Adapters of document databases: what functions write to `documents` becomes requests to a database.

use serde::de::DeserializeOwned;

use crate::host::{Document, Written};
use crate::types::Failure;

/// An adapter of a document database.
pub trait DocumentStore: Sized + 'static {
    /// What the adapter is told; unknown keys should be refused.
    type Config: DeserializeOwned;

    /// Makes the adapter; called once. No request is sent yet.
    fn configure(config: Self::Config) -> Result<Self, String>;

    /// Writes documents; see `documents` in `wit/pipeline.wit`.
    fn upsert_batch(&mut self, collection: &str, documents: Vec<Document>) -> Result<Written, Failure>;
}

/// Makes a component of a type that implements [`DocumentStore`].
#[macro_export]
macro_rules! export_documents {
    ($function:ty) => {
        $crate::component!($function, documents, export_documents_world);
    };
}

#[doc(hidden)]
pub mod adapter {
    use super::DocumentStore;
    use crate::bindings::documents::exports::wasmill::pipeline::{document_adapter, documents};
    use crate::bindings::imports::wasmill::pipeline::types as wit;
    use crate::component::{Slot, set_up};
    use crate::host::{Document, Written};
    use crate::types::Failure;

    /// The component whose adapter is kept in `S`.
    pub struct Component<S>(std::marker::PhantomData<S>);

    impl<S: Slot<Function: DocumentStore>> document_adapter::Guest for Component<S> {
        fn configure(config: String) -> Result<(), String> {
            S::fill(S::Function::configure(crate::config::parse(&config)?)?);
            set_up();
            Ok(())
        }
    }

    impl<S: Slot<Function: DocumentStore>> documents::Guest for Component<S> {
        fn upsert_batch(
            collection: String,
            documents: Vec<documents::Document>,
        ) -> Result<documents::Written, wit::Failure> {
            let documents = documents.into_iter().map(Document::from).collect();
            let written = S::with(|store| store.upsert_batch(&collection, documents)).map_err(Failure::Other)??;
            Ok(written.into())
        }
    }

    // The same records, as they are imported and as they are exported.

    impl From<documents::Document> for Document {
        fn from(document: documents::Document) -> Self {
            let documents::Document { id, partition_key, version, row, body } = document;
            Self { id, partition_key, version, row, body }
        }
    }

    impl From<Written> for documents::Written {
        fn from(written: Written) -> Self {
            let Written { inserted, replaced, deleted, unchanged, stale, duplicates, charge } = written;
            Self { inserted, replaced, deleted, unchanged, stale, duplicates, charge }
        }
    }
}
