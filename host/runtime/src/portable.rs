//! Whether a component runs on other hosts: within their limits, and with what every host gives.

use crate::code_cache::CodeCache;
use crate::engine::Engine;

/// What a component asks of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// The interfaces it exports.
    pub exports: Vec<String>,
    /// Why it does not fit into the limits that `wasmtime serve` has by default: among others, 20,000 elements
    /// a table and 1 MiB of data an instance. Spin allows more.
    pub too_large: Option<String>,
}

impl Survey {
    /// Compiles a component under the limits of `wasmtime serve`, and lists its interfaces. What is compiled is kept
    /// in `cache`, for a run.
    pub fn of(bytes: &[u8], cache: Option<CodeCache>) -> wasmtime::Result<Self> {
        let limited = Engine::as_wasmtime_serve(cache.clone())?;
        let (component, too_large) = match limited.compile(bytes) {
            Ok(component) => (component, None),
            Err(err) => (Engine::new(cache)?.compile(bytes)?, Some(format!("{err:#}"))),
        };
        let kind = component.component_type();
        Ok(Self {
            imports: kind.imports(component.engine()).map(|(name, _)| name.to_owned()).collect(),
            exports: kind.exports(component.engine()).map(|(name, _)| name.to_owned()).collect(),
            too_large,
        })
    }

    /// The imports that are neither WASI's nor Wasmill's.
    pub fn foreign_imports(&self) -> impl Iterator<Item = &str> {
        let ours = |import: &&String| import.starts_with("wasi:") || import.starts_with("wasmill:pipeline/");
        self.imports.iter().filter(move |import| !ours(import)).map(String::as_str)
    }
}
