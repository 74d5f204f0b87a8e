//! A pipeline's endpoint of events: all steps from the one that reads to one that publishes, and the adapter of the document
//! database, as one component. It takes the rows of a request all the way.

use serde::Serialize;
use serde_json::{Value, json};

use super::{EndpointError, bake_step, the_step};
use crate::bake::{BakeError, Image, part};
pub use crate::compose::events::Target;
use crate::compose::events::{EventParts, Granted, compose as join};
use crate::documents::adapter::AdapterPlan;
use crate::engine::{Engine, on_deep_stack};
use crate::function::Kind;
use crate::pipeline::{Pipeline, Step};
use crate::plan::{DocumentsPlan, Plan};

/// The bundled components that an endpoint of events is made with.
pub struct Shells {
    /// The gateway.
    pub gateway: Vec<u8>,
    /// What makes objects of requests' bodies.
    pub buffer: Vec<u8>,
    /// What stands in for steps that the pipeline does not have.
    pub pass: Vec<u8>,
    /// What answers settings.
    pub settings: Vec<u8>,
    /// What the endpoint runs on.
    pub target: Target,
    /// What keeps documents to the collections that are granted.
    pub guard: Vec<u8>,
    /// The adapter of the document database; see [`adapter`].
    pub adapter: Vec<u8>,
}

/// An endpoint of events.
pub struct Endpoint {
    /// The component.
    pub component: Vec<u8>,
    /// The steps it is made of, and the adapter, with what their memory starts with.
    pub parts: Vec<(String, Image)>,
    /// The steps of the pipeline that it leaves out, and its sinks.
    pub left_out: Vec<String>,
    /// The settings that it reads.
    pub settings: Vec<String>,
    /// Where it sends requests.
    pub origins: Vec<String>,
}

/// The adapter that a pipeline's documents go to. On Spin its own SQLite takes the place of the embedded one.
pub fn adapter(plan: &Plan, target: Target) -> Result<AdapterPlan, EndpointError> {
    let kind = match &plan.documents {
        Some(DocumentsPlan::Adapter(adapter)) => return Ok(adapter.clone()),
        Some(DocumentsPlan::Sqlite { ttl_seconds, .. }) if target == Target::Spin => {
            if let Some(collection) = ttl_seconds.keys().next() {
                return Err(EndpointError::Database(format!(
                    "documents of `{collection}` expire, and in Spin's own SQLite nothing does\nhint: remove `ttl_seconds`, or set `url = \"cosmos+https://ACCOUNT.documents.azure.com/DATABASE\"` in [documents]"
                )));
            }
            let (config, origins, settings) = Default::default();
            return Ok(AdapterPlan { component: "documents-spin", config, origins, settings });
        }
        Some(DocumentsPlan::Sqlite { .. }) => "is a file of SQLite",
        Some(DocumentsPlan::Postgres(_)) => "is of PostgreSQL",
        None => "is not there",
    };
    Err(EndpointError::Database(format!(
        "an endpoint reaches its document database over HTTP, and that of this pipeline {kind}\nhint: set `url = \"cosmos+https://ACCOUNT.documents.azure.com/DATABASE\"` or `\"couchdb+https://HOST/\"` in [documents]; or for Spin's own SQLite `sqlite:FILE`, with `--target spin`; or run the pipeline with `wasmill up`"
    )))
}

/// Makes the component of a pipeline's endpoint of events. `step` names the step of kind `publish` that it ends in; what
/// does not lead to that is left out, which has to be asked for.
pub fn compose(
    engine: &Engine,
    plan: &Plan,
    pipeline: &Pipeline,
    step: Option<&str>,
    shells: &Shells,
) -> Result<Endpoint, EndpointError> {
    let composer = Composer { engine, plan, pipeline, shells, parts: Vec::new(), settings: Vec::new() };
    on_deep_stack(|| composer.compose(step)).unwrap_or_else(|err| Err(EndpointError::Failed(err.to_string())))
}

struct Composer<'a> {
    engine: &'a Engine,
    plan: &'a Plan,
    pipeline: &'a Pipeline,
    shells: &'a Shells,
    parts: Vec<(String, Image)>,
    settings: Vec<String>,
}

/// The steps of a linear pipeline.
struct Chain<'a> {
    ingest: &'a Step,
    transform: Option<&'a Step>,
    score: Option<&'a Step>,
    publish: &'a Step,
}

/// What the gateway is told; see the crate `wasmill-events`.
#[derive(Serialize)]
struct Config<'a> {
    pipeline: &'a str,
    steps: Value,
    whole: bool,
}

impl Composer<'_> {
    fn compose(mut self, wanted: Option<&str>) -> Result<Endpoint, EndpointError> {
        let adapter = adapter(self.plan, self.shells.target)?;
        let chain = chain(self.pipeline, the_step(self.pipeline, Kind::Publish, wanted)?)?;
        let left_out = self.left_out(&chain);
        if wanted.is_none() && !left_out.is_empty() {
            let publish = &chain.publish.id;
            let why = format!(
                "{} would be left out: an endpoint is one chain of steps, without sinks\nhint: `--step {publish}` composes it without them",
                left_out.join(", ")
            );
            return Err(EndpointError::Step { step: publish.to_string(), why });
        }
        let name = |step: Option<&Step>| step.map(|step| step.id.to_string());
        let config = Config {
            pipeline: self.pipeline.name.as_str(),
            steps: json!({
                "ingest": chain.ingest.id.as_str(),
                "transform": name(chain.transform),
                "score": name(chain.score),
                "publish": chain.publish.id.as_str(),
            }),
            whole: chain.transform.is_some_and(|transform| transform.bound.whole),
        };
        let config = serde_json::to_string(&config).map_err(|err| EndpointError::Failed(err.to_string()))?;
        let granted = self.planned(chain.publish).map(|planned| planned.documents.clone()).unwrap_or_default();
        if let Some(collection) = granted.iter().find(|name| self.plan.totals.contains_key(*name)) {
            let why = format!(
                "the documents of `{collection}` are totals, which the host adds up: an endpoint cannot\nhint: run the pipeline with `wasmill up`, or `--step` composes one that publishes to another collection"
            );
            return Err(EndpointError::Step { step: chain.publish.id.to_string(), why });
        }
        let parts = EventParts {
            ingest: self.step(chain.ingest)?,
            transform: chain.transform.map(|step| self.step(step)).transpose()?,
            score: chain.score.map(|step| self.step(step)).transpose()?,
            publish: self.step(chain.publish)?,
            adapter: self.adapter(&adapter)?,
            guard: self.part(
                "the guard of documents",
                &self.shells.guard,
                &json!({ "granted": granted }).to_string(),
            )?,
            gateway: self.part("the gateway", &self.shells.gateway, &config)?,
            buffer: self.shells.buffer.clone(),
            pass: self.shells.pass.clone(),
            target: self.shells.target,
        };
        let component = join(&parts)?;
        let Self { parts, settings, .. } = self;
        Ok(Endpoint { component, parts, left_out, settings, origins: adapter.origins })
    }

    fn left_out(&self, chain: &Chain<'_>) -> Vec<String> {
        let inside = |step: &&Step| {
            let steps = [Some(chain.ingest), chain.transform, chain.score, Some(chain.publish)];
            steps.into_iter().flatten().any(|one| one.id == step.id)
        };
        let steps = self.pipeline.steps.iter().filter(|step| !inside(step));
        let sinks = self.pipeline.sinks.iter().map(|sink| format!("sink `{}`", sink.id()));
        steps.map(|step| format!("step `{}`", step.id)).chain(sinks).collect()
    }

    fn planned(&self, step: &Step) -> Option<&crate::plan::StepPlan> {
        self.plan.steps.iter().find(|planned| planned.id == step.id)
    }

    fn step(&mut self, step: &Step) -> Result<Granted, EndpointError> {
        let (component, image) = bake_step(self.engine, self.plan, step)?;
        self.parts.push((step.id.to_string(), image));
        let names = self.planned(step).map(|planned| planned.settings.clone()).unwrap_or_default();
        Ok(Granted { component, settings: self.answering(names)? })
    }

    fn adapter(&mut self, plan: &AdapterPlan) -> Result<Granted, EndpointError> {
        let mut config = plan.config.clone();
        config.insert("pipeline".to_owned(), self.pipeline.digest.into());
        let config = Value::Object(config).to_string();
        let failed = |source| EndpointError::Part { part: "the adapter of the document database", source };
        let component = part::bake_adapter(self.engine, &self.shells.adapter, &config).map_err(failed)?;
        let image = Image::of(&component).map_err(|err| failed(BakeError::Snapshot(err)))?;
        self.parts.push((plan.component.to_owned(), image));
        Ok(Granted { component, settings: self.answering(plan.settings.clone())? })
    }

    /// What answers these settings; none for none.
    fn answering(&mut self, names: Vec<String>) -> Result<Option<Vec<u8>>, EndpointError> {
        if names.is_empty() {
            return Ok(None);
        }
        let config = json!({ "granted": names }).to_string();
        let settings = self.part("what answers settings", &self.shells.settings, &config)?;
        for name in names {
            if !self.settings.contains(&name) {
                self.settings.push(name);
            }
        }
        Ok(Some(settings))
    }

    fn part(&self, what: &'static str, component: &[u8], config: &str) -> Result<Vec<u8>, EndpointError> {
        part::bake_part(self.engine, component, config).map_err(|source| EndpointError::Part { part: what, source })
    }
}

/// The steps whose rows a step publishes, from the one that reads.
fn chain<'a>(pipeline: &'a Pipeline, publish: &'a Step) -> Result<Chain<'a>, EndpointError> {
    let mut step = before(pipeline, publish)?;
    let mut take = |kind: Kind| -> Result<Option<&'a Step>, EndpointError> {
        if step.kind != kind {
            return Ok(None);
        }
        let taken = step;
        step = before(pipeline, taken)?;
        Ok(Some(taken))
    };
    let score = take(Kind::Score)?;
    let transform = take(Kind::Transform)?;
    if step.kind != Kind::Ingest {
        let why = format!(
            "it is of kind {}, and an endpoint goes through at most one transform and then one step that scores\nhint: make one query of several, or run the pipeline with `wasmill up`",
            step.kind
        );
        return Err(EndpointError::Step { step: step.id.to_string(), why });
    }
    Ok(Chain { ingest: step, transform, score, publish })
}

/// The step whose rows a step takes, all of them.
fn before<'a>(pipeline: &'a Pipeline, step: &Step) -> Result<&'a Step, EndpointError> {
    let refuse = |why: &str| Err(EndpointError::Step { step: step.id.to_string(), why: why.to_owned() });
    match &*step.from {
        [edge] if edge.route.is_some() => refuse(
            "it takes the rows of a route, and in an endpoint a step takes all rows of the one before\nhint: say which rows in the query's WHERE",
        ),
        [edge] => match pipeline.steps.get(edge.step) {
            Some(before) => Ok(before),
            None => refuse("it takes the rows of a step that there is not"),
        },
        [] => refuse("it takes the rows of no step"),
        _ => refuse("it takes the rows of several steps, and an endpoint is one chain of steps"),
    }
}
