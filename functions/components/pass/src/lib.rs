//! The component `pass`: in the place of a transform or a scoring function that a pipeline does not have. Rows go through
//! it unchanged.

#[cfg(target_family = "wasm")]
mod wasm {
    use exports::wasmill::pipeline::{score, transform};
    use wasmill::pipeline::types::{Context, Failure, Output};

    wit_bindgen::generate!({ world: "passing-functions", path: "../../../wit" });

    struct Pass;

    export!(Pass);

    fn nothing_to<T>(what: &str) -> Result<T, String> {
        Err(format!("what rows only pass through is not {what}"))
    }

    impl transform::Guest for Pass {
        fn configure(_: String) -> Result<(), String> {
            nothing_to("configured")
        }

        fn put_table(_: String, _: Vec<u8>) -> Result<(), String> {
            nothing_to("given tables")
        }

        fn bind(_: Vec<u8>) -> Result<transform::Bound, String> {
            nothing_to("bound")
        }

        fn process(_: Context, batch: Vec<u8>) -> Result<Output, Failure> {
            Ok(Output { batch, rejects: None, routes: None })
        }

        fn finish(_: Context) -> Result<Output, Failure> {
            Err(Failure::Other("rows that only pass through are not kept".to_owned()))
        }
    }

    impl score::Guest for Pass {
        fn configure(_: String) -> Result<(), String> {
            nothing_to("configured")
        }

        fn load_model(_: Vec<u8>) -> Result<(), String> {
            nothing_to("given a model")
        }

        fn metadata() -> Result<score::Model, String> {
            nothing_to("a model")
        }

        fn bind(_: Vec<u8>) -> Result<Vec<u8>, String> {
            nothing_to("bound")
        }

        fn process(_: Context, batch: Vec<u8>) -> Result<Output, Failure> {
            Ok(Output { batch, rejects: None, routes: None })
        }
    }
}
