//! Functions that add a model's outputs to rows.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use serde::de::DeserializeOwned;

use crate::types::{Context, Failure, Output};

/// A tensor of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// As in the model's file.
    pub name: String,
    /// In the Open Inference Protocol's spelling: `FP32`, `INT64`, `BOOL`, `BYTES`, and so on.
    pub datatype: String,
    /// -1 where any size will do.
    pub shape: Vec<i64>,
    /// The columns that fill it, or that it becomes; none if it is an output that was not asked for.
    pub columns: Vec<String>,
}

/// A model's inputs and outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// In the order of the file.
    pub inputs: Vec<Tensor>,
    /// In the order of the file.
    pub outputs: Vec<Tensor>,
}

/// A function that adds a model's outputs to rows.
pub trait Score: Sized + 'static {
    /// What the step's `config` holds; unknown keys should be refused.
    type Config: DeserializeOwned;

    /// Makes the function; called once.
    fn configure(config: Self::Config) -> Result<Self, String>;

    /// Takes the model's file; called once.
    fn load_model(&mut self, model: Vec<u8>) -> Result<(), String>;

    /// Describes the model, also if it could not be loaded because of the configuration: then without columns.
    fn metadata(&self) -> Result<Model, String>;

    /// The schema of what comes of rows of this schema; called once, after `load_model`.
    fn bind(&mut self, input: SchemaRef) -> Result<SchemaRef, String>;

    /// Scores rows.
    fn process(&mut self, ctx: &Context, rows: RecordBatch) -> Result<Output, Failure>;
}

/// Makes a component of a type that implements [`Score`].
#[macro_export]
macro_rules! export_score {
    ($function:ty) => {
        $crate::component!($function, score, export_score_world);
    };
}

#[doc(hidden)]
pub mod adapter {
    use super::{Score, Tensor};
    use crate::arrow;
    use crate::bindings::imports::wasmill::pipeline::types as wit;
    use crate::bindings::score::exports::wasmill::pipeline::score as exports;
    use crate::component::{Slot, set_up};
    use crate::types::{Context, Failure};

    /// The component whose function is kept in `S`.
    pub struct Component<S>(std::marker::PhantomData<S>);

    impl From<Tensor> for exports::Tensor {
        fn from(tensor: Tensor) -> Self {
            Self { name: tensor.name, datatype: tensor.datatype, shape: tensor.shape, columns: tensor.columns }
        }
    }

    impl<S: Slot<Function: Score>> exports::Guest for Component<S> {
        fn configure(config: String) -> Result<(), String> {
            S::fill(S::Function::configure(crate::config::parse(&config)?)?);
            Ok(())
        }

        fn load_model(model: Vec<u8>) -> Result<(), String> {
            S::with(|function| function.load_model(model))?
        }

        fn metadata() -> Result<exports::Model, String> {
            let model = S::with(|function| function.metadata())??;
            Ok(exports::Model {
                inputs: model.inputs.into_iter().map(Into::into).collect(),
                outputs: model.outputs.into_iter().map(Into::into).collect(),
            })
        }

        fn bind(input: Vec<u8>) -> Result<Vec<u8>, String> {
            let (input, _) = arrow::decode(input).map_err(|err| err.to_string())?;
            let schema = S::with(|function| function.bind(input))??;
            let schema = arrow::encode_schema(&schema).map_err(|err| err.to_string())?;
            set_up();
            Ok(schema)
        }

        fn process(ctx: wit::Context, rows: Vec<u8>) -> Result<wit::Output, wit::Failure> {
            let rows = arrow::decode_one(rows).map_err(Failure::from)?;
            S::with(|function| function.process(&Context::from(ctx), rows)).map_err(Failure::Other)??.try_into()
        }
    }
}
