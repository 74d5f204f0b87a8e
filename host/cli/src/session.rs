//! What commands open: the plan of a pipeline, its database, its functions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use wasmill_document_postgres::Postgres;
use wasmill_journal::Journal;
use wasmill_journal::totals::WithTotals;
use wasmill_runtime::code_cache::CodeCache;
use wasmill_runtime::documents::adapter::{Adapter, AdapterPlan};
use wasmill_runtime::documents::{Database, Documents};
use wasmill_runtime::endpoint::events::{self, Target};
use wasmill_runtime::endpoint::{self, Endpoint, Shells};
use wasmill_runtime::engine::{Engine, on_deep_stack};
use wasmill_runtime::function::Function;
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::plan::{self, DocumentsPlan, Plan, Sources};
use wasmill_runtime::sandbox;
use wasmill_worker::clock;

use crate::commands::PipelineArgs;
use crate::{registry, tables};

/// A plan and the engine to run it.
pub struct Session {
    /// What will be done.
    pub plan: Plan,
    components: PathBuf,
    engine: Engine,
}

impl Session {
    /// Reads the manifest and starts the engine.
    pub fn open(args: &PipelineArgs) -> Result<Self> {
        let components = components(args.components.as_deref())?;
        let fetch = |reference: &str| registry::fetch(reference).map_err(|err| format!("{err:#}"));
        let sources = Sources { bundled: &components, registry: &fetch, parameters: &args.parameters };
        let plan = Plan::read_from(&plan::resolve(&args.pipeline)?, sources)?;
        let engine = Engine::new(Some(code_cache()?))?;
        Ok(Self { plan, components, engine })
    }

    /// The same for a dry run, in which steps send only requests that change nothing.
    pub fn open_dry(args: &PipelineArgs) -> Result<Self> {
        let mut session = Self::open(args)?;
        session.plan.only_ask();
        Ok(session)
    }

    /// The pipeline, ready to run; its documents go to `database`.
    pub fn load(&self, database: Option<Arc<dyn Documents>>) -> Result<Pipeline> {
        Ok(Pipeline::load_with(&self.engine, &self.plan, database, tables::source())?)
    }

    /// A bundled component that endpoints are composed with.
    pub fn shell(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.components.join(format!("endpoint/{name}.wasm"));
        std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))
    }

    /// The component of the pipeline's scoring endpoint.
    pub fn compose(&self, pipeline: &Pipeline, step: Option<&str>, shells: &Shells) -> Result<Endpoint> {
        Ok(endpoint::compose(&self.engine, &self.plan, pipeline, step, shells)?)
    }

    /// The component of the pipeline's endpoint of events, for a host.
    pub fn compose_events(&self, pipeline: &Pipeline, step: Option<&str>, target: Target) -> Result<events::Endpoint> {
        let adapter = events::adapter(&self.plan, target)?;
        let shells = events::Shells {
            gateway: self.shell("events")?,
            buffer: self.shell("buffer")?,
            pass: self.shell("pass")?,
            settings: self.shell(target.settings())?,
            target,
            guard: self.shell("documents-guard")?,
            adapter: self.adapter(&adapter)?,
        };
        Ok(events::compose(&self.engine, &self.plan, pipeline, step, &shells)?)
    }

    /// The component of an adapter.
    fn adapter(&self, plan: &AdapterPlan) -> Result<Vec<u8>> {
        let path = self.components.join(format!("documents/{}.wasm", plan.component));
        std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))
    }

    /// The pipeline's document database for a dry run, if it has one: what is there already is seen if it is a file. Totals are
    /// of what the run alone contributes.
    pub fn rehearsal(&self) -> Result<Option<Arc<dyn Documents>>> {
        let database = match &self.plan.documents {
            None => return Ok(None),
            Some(DocumentsPlan::Sqlite { path, .. }) => Database::rehearsal(path)?,
            Some(DocumentsPlan::Postgres(_) | DocumentsPlan::Adapter(_)) => Database::in_memory()?,
        };
        self.rehearsed(Arc::new(database)).map(Some)
    }

    /// A document database, with totals whose ledger is gone with it.
    pub fn rehearsed(&self, database: Arc<dyn Documents>) -> Result<Arc<dyn Documents>> {
        if self.plan.totals.is_empty() {
            return Ok(database);
        }
        let journal = Arc::new(Journal::in_memory(&self.plan.name)?);
        Ok(Arc::new(WithTotals::new(database, journal, self.plan.totals.clone(), clock::now)?))
    }

    /// The document database, with totals, if there are any, whose ledger is in the journal.
    pub fn with_totals(
        &self,
        database: Option<Arc<dyn Documents>>,
        journal: Option<&Arc<Journal>>,
    ) -> Result<Option<Arc<dyn Documents>>> {
        let (Some(database), Some(journal), false) = (&database, journal, self.plan.totals.is_empty()) else {
            return Ok(database);
        };
        let totals = self.plan.totals.clone();
        Ok(Some(Arc::new(WithTotals::new(database.clone(), journal.clone(), totals, clock::now)?)))
    }

    /// The pipeline's document database, if it has one, with the collections that steps write.
    pub fn documents(&self) -> Result<Option<Arc<dyn Documents>>> {
        let granted: BTreeSet<&str> =
            self.plan.steps.iter().flat_map(|step| &step.documents).map(String::as_str).collect();
        Ok(match &self.plan.documents {
            None => None,
            Some(DocumentsPlan::Sqlite { path, indexes, ttl_seconds }) => {
                let database = Database::open(path)?;
                for (collection, fields) in indexes {
                    database.index(collection, fields)?;
                }
                // What the manifest does not say any more is not so any more.
                for collection in granted.iter().copied().chain(indexes.keys().map(String::as_str)) {
                    database.expire(collection, ttl_seconds.get(collection).copied())?;
                }
                Some(Arc::new(database))
            }
            Some(DocumentsPlan::Postgres(plan)) => {
                let database = Postgres::open(plan, granted);
                Some(Arc::new(database.context("the document database")?))
            }
            Some(DocumentsPlan::Adapter(plan)) => {
                let adapter = Adapter::new(&self.engine, &self.adapter(plan)?, plan)?;
                for collection in granted {
                    let asked = adapter.upsert_batch(collection, 0, &[]);
                    asked.with_context(|| format!("the collection `{collection}` of the document database"))?;
                }
                Some(Arc::new(adapter))
            }
        })
    }
}

/// The folder of the bundled functions: the one that was given, or the one beside the program.
pub fn components(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = given {
        return Ok(folder.to_owned());
    }
    let program = std::env::current_exe().context("cannot find the bundled functions")?;
    Ok(program.parent().map(|folder| folder.join("components")).unwrap_or_default())
}

/// A bundled function, by its name.
pub fn function(engine: &Engine, components: &Path, name: &str) -> Result<Function> {
    let component = components.join(format!("{name}.wasm"));
    let bytes = std::fs::read(&component).with_context(|| format!("cannot read `{}`", component.display()))?;
    let linker = sandbox::linker(engine).map_err(anyhow::Error::from)?;
    let function = on_deep_stack(|| Function::load(engine, &linker, &bytes))?;
    function.with_context(|| format!("cannot load `{}`", component.display()))
}

/// Where compiled code is kept.
pub fn code_cache() -> Result<CodeCache> {
    Ok(CodeCache::new(cache_folder()?.join("code")))
}

/// Where everything is kept that can be had again.
pub fn cache_folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("WASMILL_CACHE") {
        return Ok(folder.into());
    }
    let home =
        std::env::var_os("HOME").context("there is no place for compiled code\nhint: set WASMILL_CACHE to a folder")?;
    Ok(PathBuf::from(home).join(".cache/wasmill"))
}
