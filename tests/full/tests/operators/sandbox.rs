//! The program `operators` in a sandbox of its own for each run.

use std::fs;
use std::path::Path;
use std::time::Duration;

use wasmill_runtime::code_cache::CodeCache;
use wasmill_runtime::engine::{Engine, TICK};
use wasmill_tests_full::folder;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::p2::bindings::sync::CommandPre;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::verdict::Verdict;

/// The memory of one run, in bytes.
const MEMORY: usize = 1 << 30;

/// The time of one run.
const DEADLINE: Duration = Duration::from_secs(20);

/// What one run may print, in bytes.
const PRINTED: usize = 1 << 20;

pub struct Operators {
    engine: Engine,
    program: CommandPre<State>,
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    limits: StoreLimits,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl Operators {
    /// Compiles the program.
    pub fn load() -> Self {
        let engine = Engine::new(Some(CodeCache::new(folder("WASMILL_CACHE").join("code")))).unwrap();
        let program = fs::read(folder("WASMILL_COMPONENTS").join("programs/operators.wasm")).unwrap();
        let mut linker = Linker::new(engine.inner());
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
        let program = linker.instantiate_pre(&engine.compile(&program).unwrap()).unwrap();
        Self { engine, program: CommandPre::new(program).unwrap() }
    }

    /// What comes of a case, of which the sandbox sees nothing but its folder.
    pub fn run(&self, case: &Path, constants: &str) -> Verdict {
        let name = case.file_name().unwrap().to_str().unwrap();
        let (stdout, stderr) = (MemoryOutputPipe::new(PRINTED), MemoryOutputPipe::new(PRINTED));
        let wasi = WasiCtxBuilder::new()
            .args(&["operators", "score", constants, name])
            .stdout(stdout.clone())
            .stderr(stderr.clone())
            .preopened_dir(case, name, FsPerms::ReadOnly)
            .unwrap()
            .build();
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY).build();
        let mut store = Store::new(self.engine.inner(), State { wasi, table: ResourceTable::new(), limits });
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(DEADLINE.div_duration_f64(TICK) as u64);
        let program = self.program.instantiate(&mut store).unwrap();
        let ended = program.wasi_cli_run().call_run(&mut store);
        let text = |pipe: MemoryOutputPipe| String::from_utf8_lossy(&pipe.contents()).trim_end().to_owned();
        match ended {
            Ok(Ok(())) => Verdict::parse(text(stdout).strip_prefix(name).unwrap().trim_start()),
            // Whatever ends a sandbox is something that the score function should refuse.
            ended => Verdict::Wrong(f64::INFINITY, format!("the sandbox ended, {ended:?}: {}", text(stderr))),
        }
    }
}
