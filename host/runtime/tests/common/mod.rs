//! What the host's tests share: the functions that `make components-quick` built, and one engine.

#![allow(dead_code, reason = "no test uses all of it")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use wasmill_runtime::code_cache::CodeCache;
use wasmill_runtime::diagnostics::Diagnostics;
use wasmill_runtime::documents::Database;
use wasmill_runtime::engine::Engine;
use wasmill_runtime::event::Event;
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::plan::Plan;
use wasmill_runtime::rows::Reject;
use wasmill_runtime::run::{EventReport, Progress, RunError, RunOptions};

/// The folder of the functions.
pub fn components() -> PathBuf {
    std::env::var_os("WASMILL_COMPONENTS")
        .expect("WASMILL_COMPONENTS is not set: run the tests with `make test`, which builds the functions")
        .into()
}

/// One engine for all tests of a program; compiled code is kept where the program keeps it.
pub static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let cache = std::env::var_os("WASMILL_CACHE").expect("WASMILL_CACHE is not set: run the tests with `make test`");
    Engine::new(Some(CodeCache::new(Path::new(&cache).join("code")))).unwrap()
});

/// The root of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A pipeline in a folder of its own.
pub struct Case {
    pub folder: tempfile::TempDir,
    pub database: Arc<Database>,
}

impl Case {
    /// A folder with this manifest.
    pub fn new(manifest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pipeline.toml"), manifest).unwrap();
        Self { folder, database: Arc::new(Database::in_memory().unwrap()) }
    }

    /// The pipeline, or what is wrong with it.
    pub fn load(&self) -> Result<Pipeline, Diagnostics> {
        let plan = Plan::read(&self.folder.path().join("pipeline.toml"), &components())?;
        Pipeline::load(&ENGINE, &plan, Some(self.database.clone()))
    }

    /// Runs an object of this content.
    pub fn run(&self, pipeline: &Pipeline, object: &[u8]) -> (Result<EventReport, RunError>, Vec<(String, Reject)>) {
        self.run_with(pipeline, object, &RunOptions::default())
    }

    /// The same, as `options` say.
    pub fn run_with(
        &self,
        pipeline: &Pipeline,
        object: &[u8],
        options: &RunOptions<'_>,
    ) -> (Result<EventReport, RunError>, Vec<(String, Reject)>) {
        let path = self.folder.path().join("object");
        std::fs::write(&path, object).unwrap();
        run(pipeline, &Event::of_file(&path).unwrap(), options)
    }
}

/// Runs an event, and gives its rejects by step.
pub fn run(
    pipeline: &Pipeline,
    event: &Event,
    options: &RunOptions<'_>,
) -> (Result<EventReport, RunError>, Vec<(String, Reject)>) {
    let mut rejects = Vec::new();
    let outcome = pipeline.run(event, options, &Progress::default(), &mut |chunk| {
        rejects.extend(chunk.rejects.into_iter().map(|(step, reject)| (step.to_string(), reject)));
        Ok(())
    });
    (outcome, rejects)
}
