//! What the tests of the second tier share.

pub mod nats;
pub mod proxy;
pub mod registry;
pub mod store;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use wasmill_runtime::code_cache::CodeCache;
use wasmill_runtime::engine::{Engine, on_deep_stack};
use wasmill_runtime::event::Event;
use wasmill_runtime::function::{Function, Instance, Setup};
use wasmill_runtime::rows::{self, Rows};
use wasmill_runtime::sandbox::{self, Grants, Limits};

/// The folder or file that a variable names; `make test-full` sets it.
pub fn folder(variable: &str) -> PathBuf {
    let folder = std::env::var_os(variable);
    folder.unwrap_or_else(|| panic!("{variable} is not set: run these tests with `make test-full`")).into()
}

/// The score function in its sandbox.
pub struct Scorer {
    engine: Engine,
    function: Function,
}

impl Scorer {
    /// Compiles the function.
    pub fn load() -> Self {
        let engine = Engine::new(Some(CodeCache::new(folder("WASMILL_CACHE").join("code")))).unwrap();
        let bytes = std::fs::read(folder("WASMILL_COMPONENTS").join("score.wasm")).unwrap();
        let linker = sandbox::linker(&engine).unwrap();
        let function = Function::load(&engine, &linker, &bytes).unwrap();
        Self { engine, function }
    }

    /// What a model gives for batches of rows, each of so many from the first on; an error says what the function, or
    /// its sandbox, said.
    pub fn score<const N: usize>(
        &self,
        config: &str,
        model: Vec<u8>,
        rows: &Path,
        sizes: [usize; N],
    ) -> Result<[RecordBatch; N], String> {
        let stream = std::fs::read(rows).unwrap();
        let input = rows::read_schema(stream.clone()).unwrap();
        let setup = Setup {
            config: config.to_owned(),
            tables: Vec::new(),
            model: Some(Arc::new(model)),
            input: input.clone(),
            limits: Limits::default(),
            grants: Grants::default(),
        };
        let event = Event::of_file(rows).unwrap();
        let all = Rows::read(stream, &input).unwrap().batch;
        let score = || {
            let (instance, _) = self.function.start(&self.engine, &setup).map_err(|failure| failure.to_string())?;
            let Instance::Score(mut score) = instance else { panic!("score.wasm is not of kind score") };
            let mut batches = sizes.map(|_| RecordBatch::new_empty(input.clone()));
            for (batch, size) in batches.iter_mut().zip(sizes) {
                let rows = Rows::new(all.slice(0, size.min(all.num_rows()))).unwrap();
                let output = score.process(&event, 1, &rows).map_err(|failure| failure.to_string())?;
                if let Some(reject) = output.rejects.first() {
                    return Err(format!("row {} was rejected: {}", reject.row, reject.reason));
                }
                *batch = output.rows.batch;
            }
            Ok(batches)
        };
        on_deep_stack(score).unwrap()
    }
}

/// The rows of an Arrow IPC stream.
pub fn read(path: &Path) -> RecordBatch {
    let stream = std::fs::read(path).unwrap();
    let schema = rows::read_schema(stream.clone()).unwrap();
    Rows::read(stream, &schema).unwrap().batch
}
