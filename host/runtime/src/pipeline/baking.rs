//! Baking steps of a pipeline that is about to run, where that pays.

use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime::component::Linker;

use super::{Pipeline, Step};
use crate::bake::{self, BakeError, Image};
use crate::engine::on_deep_stack;
use crate::function::{Function, Setup};
use crate::plan::{Artifact, Plan, StepPlan};
use crate::rows;
use crate::sandbox::{self, State};

/// How fast components are compiled, in bytes a second: about what two cores do. A bake compiles one twice.
const COMPILED_A_SECOND: f64 = 2e6;

/// What the key of a baked component says of how it was made; to be changed when that changes.
const FORM: &str = "wasmill bake 1";

impl Pipeline {
    /// Whether a step gains from being baked, if each is started `starts` times.
    pub fn gains_from_baking(&self, starts: usize) -> bool {
        self.engine.cache().is_some() && self.steps.iter().any(|step| step.pays(starts))
    }

    /// Bakes the steps that gain from it, if each is started `starts` times, and keeps what it made for later runs.
    /// Says which; what could not be baked stays as it is.
    pub fn bake_where_it_pays(&mut self, plan: &Plan, starts: usize) -> Vec<Result<String, (String, BakeError)>> {
        let Some(cache) = self.engine.cache().cloned() else { return Vec::new() };
        let mut done = Vec::new();
        for (step, plan) in self.steps.iter_mut().zip(&plan.steps) {
            if !step.pays(starts) {
                continue;
            }
            let made = on_deep_stack(|| {
                let linker = sandbox::linker(&self.engine).map_err(BakeError::Instrument)?;
                step.replace(&self.engine, &linker, plan)
            });
            done.push(match made.unwrap_or_else(|err| Err(BakeError::Component(err))) {
                Ok(component) => {
                    // Without it a later run bakes again.
                    let _ = cache.keep_baked(&step.key, &component);
                    Ok(step.id.to_string())
                }
                Err(err) => Err((step.id.to_string(), err)),
            });
        }
        done
    }
}

impl Step {
    /// Whether so many starts take longer than baking.
    fn pays(&self, starts: usize) -> bool {
        let cost = Duration::from_secs_f64(2.0 * self.size as f64 / COMPILED_A_SECOND);
        self.start.is_some_and(|start| start.as_secs_f64() * starts as f64 > cost.as_secs_f64())
    }

    /// Bakes the step's function and takes it from now on.
    fn replace(
        &mut self,
        engine: &crate::engine::Engine,
        linker: &Linker<State>,
        plan: &StepPlan,
    ) -> Result<Vec<u8>, BakeError> {
        let bytes = plan.component.read().map_err(BakeError::Component)?;
        let component = bake::bake(engine, &bytes, &self.setup)?;
        let image = Image::of(&component).map_err(BakeError::Snapshot)?;
        if !image.is_mapped() {
            return Err(BakeError::Sparse(image));
        }
        self.function = Function::load(engine, linker, &component)?;
        self.start = None;
        Ok(component)
    }
}

/// Names what a step is baked from: its function, and everything that it is set up with.
pub(super) fn key(plan: &StepPlan, setup: &Setup) -> String {
    let mut digest = Sha256::new();
    let mut part = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    part(FORM.as_bytes());
    part(plan.component.digest.as_bytes());
    part(setup.config.as_bytes());
    part(plan.model.as_ref().map_or("", |Artifact { digest, .. }| digest.as_str()).as_bytes());
    for (name, rows) in &setup.tables {
        part(name.as_bytes());
        part(rows);
    }
    part(&rows::encode_schema(&setup.input).unwrap_or_default());
    // A binding may ask whether a collection may be written.
    let mut granted: Vec<&str> = setup.grants.documents.granted.iter().map(String::as_str).collect();
    granted.sort_unstable();
    granted.iter().for_each(|collection| part(collection.as_bytes()));
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
