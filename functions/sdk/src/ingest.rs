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

    /// Starts to look for parts of about `size` bytes that several instances can read at once; none if the object can only
    /// be read as a whole. See `split` in `wit/pipeline.wit` for what parts must be.
    fn split(&self, _source: Box<dyn Source>, _size: u64) -> Result<Option<Box<dyn Splitter>>, Failure> {
        Ok(None)
    }

    /// Starts reading a part of an object, one that [`Ingest::split`] found.
    fn open_part(&self, _ctx: &Context, _source: Box<dyn Source>, _part: Part) -> Result<Box<dyn Decoder>, Failure> {
        Err(Failure::Other("this function finds no parts".to_owned()))
    }
}

/// A part of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it begins, in bytes from the object's beginning.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// What else must be known to read it.
    pub hint: Vec<u8>,
}

/// An object that parts are looked for in.
pub trait Splitter {
    /// The next part, none after the last.
    fn next(&mut self) -> Result<Option<Part>, Failure>;
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

    use super::{Decoder, Ingest, Part, Splitter};
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
        type Splitter = OpenSplitter;

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

        fn split(source: objects::Source, size: u64) -> Result<Option<exports::Splitter>, wit::Failure> {
            let splitter = S::with(|function| function.split(Box::new(source), size)).map_err(Failure::Other)??;
            Ok(splitter.map(|splitter| exports::Splitter::new(OpenSplitter(RefCell::new(splitter)))))
        }

        fn open_part(
            ctx: wit::Context,
            source: objects::Source,
            part: exports::Part,
        ) -> Result<exports::Decoder, wit::Failure> {
            let exports::Part { offset, length, hint } = part;
            let part = Part { offset, length, hint };
            let decoder = S::with(|function| function.open_part(&ctx.into(), Box::new(source), part));
            Ok(exports::Decoder::new(OpenDecoder(RefCell::new(decoder.map_err(Failure::Other)??))))
        }
    }

    /// The resource `splitter`.
    pub struct OpenSplitter(RefCell<Box<dyn Splitter>>);

    impl exports::GuestSplitter for OpenSplitter {
        fn next(&self) -> Result<Option<exports::Part>, wit::Failure> {
            let part = self.0.borrow_mut().next()?;
            Ok(part.map(|Part { offset, length, hint }| exports::Part { offset, length, hint }))
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
