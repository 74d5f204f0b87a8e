//! Functions that turn rows into other rows.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use serde::de::DeserializeOwned;

use crate::types::{Context, Failure, Output};

/// What a row's result depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The row alone, and tables.
    Row,
    /// All rows of the event.
    Object,
}

/// A function that turns rows into other rows.
pub trait Transform: Sized + 'static {
    /// What the step's `config` holds; unknown keys should be refused.
    type Config: DeserializeOwned;

    /// Makes the function; called once.
    fn configure(config: Self::Config) -> Result<Self, String>;

    /// Takes a reference table, before [`Transform::bind`] or again to refresh it.
    fn put_table(&mut self, name: &str, _rows: RecordBatch) -> Result<(), String> {
        Err(format!("the function takes no tables, so not `{name}`"))
    }

    /// The schema of what comes of rows of this schema, and what a row's result depends on. Unless it is
    /// given, the function is tried on no rows, and has scope `row`.
    fn bind(&mut self, input: SchemaRef) -> Result<(SchemaRef, Scope), String> {
        let ctx = Context { event_id: "bind".into(), event_time: 0, attempt: 1 };
        let output = self.process(&ctx, RecordBatch::new_empty(input)).map_err(|failure| failure.to_string())?;
        Ok((output.batch.schema(), Scope::Row))
    }

    /// The names of the routes that its outputs have; asked for after [`Transform::bind`].
    fn routes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Takes rows of an event; with scope `object` it keeps them and gives none.
    fn process(&mut self, ctx: &Context, rows: RecordBatch) -> Result<Output, Failure>;

    /// With scope `object`: what came of the event's rows.
    fn finish(&mut self, _ctx: &Context) -> Result<Output, Failure> {
        Err(Failure::Other("the function has scope `row`: there is nothing to finish".into()))
    }
}

/// Makes a component of a type that implements [`Transform`].
#[macro_export]
macro_rules! export_transform {
    ($function:ty) => {
        $crate::component!($function, transform, export_transform_world);
    };
}

#[doc(hidden)]
pub mod adapter {
    use super::{Scope, Transform};
    use crate::arrow;
    use crate::bindings::imports::wasmill::pipeline::types as wit;
    use crate::bindings::transform::exports::wasmill::pipeline::transform as exports;
    use crate::component::{Slot, set_up};
    use crate::types::{Context, Failure};

    /// The component whose function is kept in `S`.
    pub struct Component<S>(std::marker::PhantomData<S>);

    impl<S: Slot<Function: Transform>> exports::Guest for Component<S> {
        fn configure(config: String) -> Result<(), String> {
            S::fill(S::Function::configure(crate::config::parse(&config)?)?);
            Ok(())
        }

        fn put_table(name: String, rows: Vec<u8>) -> Result<(), String> {
            let rows = arrow::decode_one(rows).map_err(|err| err.to_string())?;
            S::with(|function| function.put_table(&name, rows))?
        }

        fn bind(input: Vec<u8>) -> Result<exports::Bound, String> {
            let (input, _) = arrow::decode(input).map_err(|err| err.to_string())?;
            let (schema, scope) = S::with(|function| function.bind(input))??;
            let routes = S::with(|function| function.routes())?;
            let scope = match scope {
                Scope::Row => exports::Scope::Row,
                Scope::Object => exports::Scope::Object,
            };
            let schema = arrow::encode_schema(&schema).map_err(|err| err.to_string())?;
            set_up();
            Ok(exports::Bound { schema, scope, routes })
        }

        fn process(ctx: wit::Context, rows: Vec<u8>) -> Result<wit::Output, wit::Failure> {
            let rows = arrow::decode_one(rows).map_err(Failure::from)?;
            S::with(|function| function.process(&Context::from(ctx), rows)).map_err(Failure::Other)??.try_into()
        }

        fn finish(ctx: wit::Context) -> Result<wit::Output, wit::Failure> {
            S::with(|function| function.finish(&Context::from(ctx))).map_err(Failure::Other)??.try_into()
        }
    }
}
