//! Functions that turn an object into rows.

use arrow_schema::SchemaRef;
use serde::de::DeserializeOwned;

use crate::host::Source;
use crate::types::{Context, Failure, Output};

/// A function that turns an object into rows.
pub trait Ingest: Sized + 'static {
    /// What the step's `config` holds; unknown keys should be refused.
    type Config: DeserializeOwned;

    /// Makes the function; called once.
    fn configure(config: Self::Config) -> Result<Self, String>;

    /// Looks at the beginning of an object, and proposes a configuration for objects like it: TOML, as it stands under
    /// `[step.config]`. Called instead of [`Ingest::configure`].
    fn infer(_source: Box<dyn Source>) -> Result<String, Failure> {
        Err(Failure::Reject("this function proposes no configuration".to_owned()))
    }

    /// The schema of the rows it gives, with [`crate::row_field`] last.
    fn schema(&self) -> SchemaRef;

    /// Starts reading an object.
    fn open(&self, ctx: &Context, source: Box<dyn Source>) -> Result<Box<dyn Decoder>, Failure>;
}

/// An object being read.
pub trait Decoder {
    /// The next rows, none after the last.
    fn next(&mut self) -> Result<Option<Output>, Failure>;
}

/// Makes a component of a type that implements [`Ingest`].
#[macro_export]
macro_rules! export_ingest {
    ($function:ty) => {
        $crate::component!($function, ingest, export_ingest_world);
    };
}

#[doc(hidden)]
pub mod adapter {
    use std::cell::RefCell;

    use super::{Decoder, Ingest};
    use crate::arrow;
    use crate::bindings::imports::wasmill::pipeline::objects;
    use crate::bindings::imports::wasmill::pipeline::types as wit;
    use crate::bindings::ingest::exports::wasmill::pipeline::ingest as exports;
    use crate::component::{Slot, set_up};
    use crate::host::Source;
    use crate::types::Failure;

    /// The component whose function is kept in `S`.
    pub struct Component<S>(std::marker::PhantomData<S>);

    impl Source for objects::Source {
        fn size(&self) -> u64 {
            objects::Source::size(self)
        }

        fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, Failure> {
            objects::Source::read(self, offset, len).map_err(Failure::from)
        }
    }

    impl<S: Slot<Function: Ingest>> exports::Guest for Component<S> {
        type Decoder = OpenDecoder;

        fn configure(config: String) -> Result<(), String> {
            S::fill(S::Function::configure(crate::config::parse(&config)?)?);
            Ok(())
        }

        fn bind() -> Result<Vec<u8>, String> {
            let schema = S::with(|function| arrow::encode_schema(&function.schema()).map_err(|err| err.to_string()))??;
            set_up();
            Ok(schema)
        }

        fn infer(source: objects::Source) -> Result<String, wit::Failure> {
            Ok(S::Function::infer(Box::new(source))?)
        }

        fn open(ctx: wit::Context, source: objects::Source) -> Result<exports::Decoder, wit::Failure> {
            let decoder =
                S::with(|function| function.open(&ctx.into(), Box::new(source))).map_err(Failure::Other)??;
            Ok(exports::Decoder::new(OpenDecoder(RefCell::new(decoder))))
        }
    }

    /// The resource `decoder`.
    pub struct OpenDecoder(RefCell<Box<dyn Decoder>>);

    impl exports::GuestDecoder for OpenDecoder {
        fn next(&self) -> Result<Option<wit::Output>, wit::Failure> {
            self.0.borrow_mut().next()?.map(TryInto::try_into).transpose()
        }
    }
}
