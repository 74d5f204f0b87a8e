//! The component `chain`: a transform of scope `row` and a scoring function as one scoring function. Neither is set up
//! through it: both are baked before they are composed.

#[cfg(target_family = "wasm")]
mod wasm {
    use exports::wasmill::pipeline::score::{Guest, Model, Tensor};
    use wasmill::pipeline::types::{Context, Failure, Output};
    use wasmill::pipeline::{score, transform};
    use wasmill_sdk::arrow;

    wit_bindgen::generate!({ world: "scoring-chain", path: "../../../wit" });

    struct Chain;

    export!(Chain);

    fn baked<T>() -> Result<T, String> {
        Err("a chain is not set up: its parts are baked before they are composed".into())
    }

    impl Guest for Chain {
        fn configure(_: String) -> Result<(), String> {
            baked()
        }

        fn load_model(_: Vec<u8>) -> Result<(), String> {
            baked()
        }

        fn metadata() -> Result<Model, String> {
            let model = score::metadata()?;
            let own = |score::Tensor { name, datatype, shape, columns }| Tensor { name, datatype, shape, columns };
            Ok(Model {
                inputs: model.inputs.into_iter().map(own).collect(),
                outputs: model.outputs.into_iter().map(own).collect(),
            })
        }

        fn bind(_: Vec<u8>) -> Result<Vec<u8>, String> {
            baked()
        }

        fn process(ctx: Context, rows: Vec<u8>) -> Result<Output, Failure> {
            let cleaned = transform::process(&ctx, &rows)?;
            let scored = score::process(&ctx, &cleaned.batch)?;
            let rejects = join(cleaned.rejects, scored.rejects).map_err(|err| Failure::Other(err.to_string()))?;
            Ok(Output { batch: scored.batch, rejects, routes: None })
        }
    }

    /// The rejects of both.
    fn join(first: Option<Vec<u8>>, second: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, arrow_schema::ArrowError> {
        let (Some(first), Some(second)) = (&first, &second) else { return Ok(first.or(second)) };
        let batches = [arrow::decode_one(first.clone())?, arrow::decode_one(second.clone())?];
        let joined = arrow_select::concat::concat_batches(&batches[0].schema(), &batches)?;
        Ok(Some(arrow::encode(&joined)?))
    }
}
