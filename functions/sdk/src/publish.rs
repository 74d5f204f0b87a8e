//! Functions that make rows into documents and write them.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use serde::de::DeserializeOwned;

use crate::host::{Documents, Written};
use crate::rejects::Rejects;
use crate::types::{Context, Failure};

/// What came of one batch.
#[derive(Debug)]
pub struct Receipt {
    /// What the database did.
    pub written: Written,
    /// The rows that were not published.
    pub rejects: Rejects,
}

/// A function that makes rows into documents and writes them.
pub trait Publish: Sized + 'static {
    /// What the step's `config` holds; unknown keys should be refused.
    type Config: DeserializeOwned;

    /// Makes the function; called once.
    fn configure(config: Self::Config) -> Result<Self, String>;

    /// Checks that rows of this schema can be published; called once. A call of `documents` with no documents finds
    /// out whether the collection is granted.
    fn bind(&mut self, input: SchemaRef, documents: &mut dyn Documents) -> Result<(), String>;

    /// Publishes rows. Publishing them again changes nothing.
    fn process(&mut self, ctx: &Context, rows: RecordBatch, documents: &mut dyn Documents) -> Result<Receipt, Failure>;
}

/// Makes a component of a type that implements [`Publish`].
#[macro_export]
macro_rules! export_publish {
    ($function:ty) => {
        $crate::component!($function, publish, export_publish_world);
    };
}

#[doc(hidden)]
pub mod adapter {
    use super::Publish;
    use crate::arrow;
    use crate::bindings::imports::wasmill::pipeline::documents;
    use crate::bindings::imports::wasmill::pipeline::types as wit;
    use crate::bindings::publish::exports::wasmill::pipeline::publish as exports;
    use crate::component::{Slot, set_up};
    use crate::host::{Document, Documents, Written};
    use crate::types::{Context, Failure};

    /// The component whose function is kept in `S`.
    pub struct Component<S>(std::marker::PhantomData<S>);

    struct HostDocuments;

    impl Documents for HostDocuments {
        fn upsert_batch(&mut self, collection: &str, documents: Vec<Document>) -> Result<Written, Failure> {
            documents::upsert_batch(collection, &documents).map_err(Failure::from)
        }
    }

    impl<S: Slot<Function: Publish>> exports::Guest for Component<S> {
        fn configure(config: String) -> Result<(), String> {
            S::fill(S::Function::configure(crate::config::parse(&config)?)?);
            Ok(())
        }

        fn bind(input: Vec<u8>) -> Result<(), String> {
            let (input, _) = arrow::decode(input).map_err(|err| err.to_string())?;
            S::with(|function| function.bind(input, &mut HostDocuments))??;
            set_up();
            Ok(())
        }

        fn process(ctx: wit::Context, rows: Vec<u8>) -> Result<exports::Receipt, wit::Failure> {
            let rows = arrow::decode_one(rows).map_err(Failure::from)?;
            let receipt = S::with(|function| function.process(&Context::from(ctx), rows, &mut HostDocuments))
                .map_err(Failure::Other)??;
            let rejects = receipt.rejects.encode().map_err(Failure::from)?;
            Ok(exports::Receipt { written: receipt.written, rejects })
        }
    }
}
