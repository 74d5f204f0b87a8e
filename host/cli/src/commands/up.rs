//! `wasmill up`.

mod sql;
mod web;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use http::Request;
use hyper::body::Incoming;
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use wasmill_api::Api;
use wasmill_journal::{Journal, Terms};
use wasmill_runtime::documents::Documents;
use wasmill_runtime::engine;
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::plan::{ExtractPlan, Plan, TriggerPlan};
use wasmill_serve::access::Gate;
use wasmill_serve::{Settings, server};
use wasmill_worker::clock::{self, micros};
use wasmill_worker::durable::{self, Durable};
use wasmill_worker::leases::Leases;
use wasmill_worker::metrics::Metrics;
use wasmill_worker::nats::{Feed, connect};
use wasmill_worker::sinks::{Committer, Sinks};
use wasmill_worker::trigger::http::{Endpoint, Events};
use wasmill_worker::trigger::{Intake, chain, extract, object, schedule};
use wasmill_worker::{Worker, worker};

use super::listen::{self, ListenArgs};
use super::{Exit, PipelineArgs};
use crate::session::Session;
use crate::tables;
use crate::telemetry::Telemetry;
use sql::{Sql, SqlArgs};
use web::Web;

/// How often the manifest is looked at, and with --drain the journal.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How often tables in stores over the network are looked at.
const LOOK_AGAIN_FAR: Duration = Duration::from_secs(10);

/// How often it is looked for what ended long ago, and how long to wait while there is more of it.
const FORGET_AGAIN: Duration = Duration::from_secs(600);
const FORGET_MORE: Duration = Duration::from_millis(200);

/// How often it is looked for documents that expired, and deletions of long ago.
const SWEEP_AGAIN: Duration = Duration::from_secs(10);

/// How often metrics that are sent say how the events stand.
const STAND_AGAIN: Duration = Duration::from_secs(10);

/// How many more attempts may end with their worker than in a fault.
const DEATHS: u32 = 10;

/// So many events are sure to come that baking pays.
const MANY: usize = 100_000;

/// Run a pipeline's triggers: take every event as it comes, and see it through.
///
/// What becomes of an event is in the journal, `.wasmill/journal.db` beside the manifest unless it says otherwise; after
/// a crash or a `kill -9` the next `wasmill up` goes on from there. `wasmill runs` and `wasmill dead-letters` look at it.
/// A message of NATS is the broker's until its effects are durable; any number of `wasmill up` share a consumer.
/// `/health`, `/ready` and `/metrics` are answered. When the manifest changes, or a component, a model, a table or another
/// file that it names, the pipeline is taken up as it is then; if something is wrong with it, it goes on as it was. Where
/// documents and the journal are cannot change. Ctrl-C or SIGTERM lets what is worked on finish.
#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    pipeline: PipelineArgs,

    #[command(flatten)]
    listen: ListenArgs,

    #[command(flatten)]
    sql: SqlArgs,

    /// The worker's name in the history [default: `HOST-PID`].
    #[arg(long, value_name = "NAME")]
    worker: Option<String>,

    /// End when every event that is there is done, or a dead letter.
    #[arg(long)]
    drain: bool,
}

/// What is the same whatever the manifest becomes.
struct Common {
    database: Option<Arc<dyn Documents>>,
    journal: Arc<Journal>,
    sync: Arc<durable::Sync>,
    accepted: Arc<Notify>,
    metrics: Arc<Metrics>,
    worker: String,
}

impl Up {
    /// Runs until it is asked to stop.
    pub fn run(self) -> Result<Exit> {
        self.listen.start_log();
        let session = Session::open(&self.pipeline)?;
        let database = session.documents()?;
        let durable = database.clone();
        let sync: Arc<durable::Sync> = Arc::new(move || durable.as_ref().map_or(Ok(()), |database| database.sync()));
        let effects = sync.clone();
        let journal = Journal::open(&session.plan.journal, &session.plan.name, Box::new(move || effects()))?;
        let worker = self.worker.clone().unwrap_or_else(worker::default_name);
        let (accepted, metrics) = (Arc::default(), Arc::default());
        let telemetry = Telemetry::start(session.plan.name.as_str(), &metrics)?;
        let common = Common { database, journal: Arc::new(journal), sync, accepted, metrics, worker };
        let pipeline = Arc::new(common.load(&session)?);
        let sinks = tables::sinks(&pipeline)?;
        for (table, reject) in &pipeline.table_rejects {
            tracing::warn!("table `{table}`, line {}: {}", reject.row, reject.reason);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let common = Arc::new(common);
        runtime.spawn(common.clone().forget(session.plan.delivery.keep));
        if let Some(database) = session.with_totals(common.database.clone(), Some(&common.journal))? {
            runtime.spawn(sweep(database));
        }
        if telemetry.sends_metrics() {
            runtime.spawn(common.clone().stand());
        }
        let exit = runtime.block_on(self.work(common, session, pipeline, sinks));
        // Baking may still go on.
        runtime.shutdown_background();
        exit
    }

    async fn work(
        &self,
        common: Arc<Common>,
        session: Session,
        mut pipeline: Arc<Pipeline>,
        mut sinks: Sinks,
    ) -> Result<Exit> {
        let mut session = Arc::new(session);
        check_brokers(&session.plan).await?;
        let (tls, rules) = (self.listen.tls()?, self.listen.rules()?);
        let gate = Gate::new(rules.clone());
        let listener = listen::bind(self.listen.addr).await?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        say!("{scheme}://{}", listener.local_addr()?)?;
        let sql = Sql::start(&self.sql, &self.listen, rules, &self.pipeline, &session.plan).await?;
        let intake = Intake {
            journal: common.journal.clone(),
            accepted: common.accepted.clone(),
            metrics: common.metrics.clone(),
        };
        let events = Arc::new(Events::new(endpoints(&session.plan), intake.clone(), gate.clone()));
        let (stop_server, mut stopped) = watch::channel(());
        let api = self.api(&common, &sql, &gate, &stopped)?;
        let web = Arc::new(Web::new(events.clone(), api, self.pipeline.components.as_deref()));
        if web.has_page() {
            tracing::info!("reports are at {scheme}://{}/reports", listener.local_addr()?);
        }
        let answer = move |request: Request<Incoming>| {
            let web = web.clone();
            async move { web.answer(request).await }
        };
        let settings = Settings::default();
        let server = tokio::spawn(async move {
            let stop = async {
                // Either way it is to stop.
                let _ = stopped.changed().await;
            };
            server::serve(listener, tls, &settings, answer, stop).await;
        });
        let mut asked = tokio::spawn(server::asked_to_stop());
        // Until the functions are baked, which may take a minute, work goes on without.
        let mut baking = Baking::of(&session, &pipeline, &common);
        let mut extracts = Extracts::default();
        let are_in = loop {
            let plan = &session.plan;
            events.set_endpoints(endpoints(plan));
            let (stop, stopped) = watch::channel(());
            let (mut triggers, mut lists) = (JoinSet::new(), Vec::new());
            for trigger in &plan.triggers {
                match trigger {
                    TriggerPlan::Object { objects, settle } => {
                        let is_listed = Arc::new(AtomicBool::new(false));
                        lists.push(is_listed.clone());
                        triggers.spawn(object::watch(objects.clone(), *settle, intake.clone(), is_listed));
                    }
                    TriggerPlan::Schedule(schedule) => {
                        triggers.spawn(schedule::keep(*schedule.clone(), intake.clone()));
                    }
                    TriggerPlan::Pipeline(chain) => {
                        triggers.spawn(chain::follow(chain.clone(), intake.clone()));
                    }
                    TriggerPlan::Http { .. } | TriggerPlan::Nats(_) | TriggerPlan::Extract(_) => {}
                }
            }
            lists.extend(extracts.follow(plan, &intake));
            let worker = common.worker(&pipeline, &sinks, plan);
            let feeds = worker.feeds.clone();
            let committers = common.committers(&sinks, plan, &stopped);
            let working = tokio::spawn(worker.run(stopped));
            let next = tokio::select! {
                _ = &mut asked => None,
                next = self.changed(plan, &pipeline, &common) => {
                    baking = Baking::of(&next.0, &next.1, &common);
                    Some(next)
                }
                baked = baking.done() => Some((session.clone(), baked, sinks.clone())),
                () = drained(plan, &common, &feeds, &lists), if self.drain => None,
            };
            triggers.shutdown().await;
            if next.is_none() {
                tracing::info!("stopping: what is worked on is finished");
                extracts.tasks.shutdown().await;
                drop(stop_server);
                sql.stop();
                // It was asked to stop, and does.
                let _ = server.await;
                drop(stop);
                working.await?;
                committers.join_all().await;
                break common.flush(&sinks, plan).await;
            }
            drop(stop);
            working.await?;
            committers.join_all().await;
            if let Some(next) = next {
                (session, pipeline, sinks) = next;
                sql.take_up(&session.plan);
            }
        };
        let counts = common.journal.counts().await?;
        Ok(if counts.dead > 0 || counts.letters > 0 || !are_in { Exit::Failures } else { Exit::Done })
    }

    /// What answers requests for documents and tables, if there are any.
    fn api(&self, common: &Common, sql: &Sql, gate: &Gate, stopped: &watch::Receiver<()>) -> Result<Option<Arc<Api>>> {
        let documents = common.database.as_ref().and_then(|database| {
            let reader = database.clone().reader();
            if reader.is_none() {
                tracing::info!("documents are read with the database's own clients, not here");
            } else if !gate.rules().is_some_and(|rules| rules.has_readers()) {
                tracing::info!(
                    "nobody may read documents over HTTP\nhint: `--access FILE`, in which `[[access.read]]` says who may; see docs/documents.md"
                );
            }
            reader
        });
        let tables = sql.http();
        if documents.is_none() && tables.is_none() {
            return Ok(None);
        }
        let api = tokio::task::block_in_place(|| Api::new(documents, tables, gate.clone(), stopped.clone()))?;
        Ok(Some(Arc::new(api)))
    }

    /// What the pipeline became, once its manifest, or a file that it was made of, changed to something that works.
    async fn changed(&self, plan: &Plan, pipeline: &Pipeline, common: &Common) -> (Arc<Session>, Arc<Pipeline>, Sinks) {
        let mut seen = plan.files.clone();
        let (remote_tables, mut looked) = (&pipeline.remote_tables, Instant::now());
        let mut foreign_tables: Vec<_> = pipeline.foreign_tables.iter().map(|table| (table, Instant::now())).collect();
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let now = plan.files.now();
            let mut changed: Vec<String> = now.changed(&seen).map(|path| format!("`{}`", path.display())).collect();
            if looked.elapsed() >= LOOK_AGAIN_FAR {
                for table in remote_tables {
                    // One that cannot be looked at is taken for what it was.
                    let now = table.location.look_while_others_wait().await;
                    changed.extend(now.ok().filter(|now| now != table).map(|now| format!("`{}`", now.location)));
                }
                looked = Instant::now();
            }
            for (table, looked) in foreign_tables.iter_mut().filter(|(table, at)| at.elapsed() >= table.plan.refresh) {
                match tokio::task::block_in_place(|| table.changed(tables::source())) {
                    Ok(is_other) => changed.extend(is_other.then(|| format!("table `{}`", table.name))),
                    Err(err) => {
                        tracing::warn!("table `{}`: {}: {err}; it stays as it was", table.name, table.plan.place)
                    }
                }
                *looked = Instant::now();
            }
            if changed.is_empty() {
                continue;
            }
            let changed = changed.join(", ");
            seen = now;
            let loaded = tokio::task::block_in_place(|| {
                let session = Session::open(&self.pipeline)?;
                if (&session.plan.documents, &session.plan.journal) != (&plan.documents, &plan.journal) {
                    bail!(
                        "where documents and the journal are cannot change while it runs\nhint: start `wasmill up` again"
                    );
                }
                let pipeline = common.load(&session)?;
                let sinks = tables::sinks(&pipeline)?;
                anyhow::Ok((Arc::new(session), Arc::new(pipeline), sinks))
            });
            let checked = match loaded {
                Ok(loaded) => check_brokers(&loaded.0.plan).await.map(|()| loaded),
                Err(err) => Err(err),
            };
            match checked {
                Ok(loaded) => {
                    tracing::info!("{changed} changed, and the pipeline is taken up as it is now");
                    return loaded;
                }
                Err(err) => tracing::error!("{changed} changed, and the pipeline goes on as it was: {err:#}"),
            }
        }
    }
}

/// The extracts that are kept. One that is the same when the pipeline is taken up anew goes on: reading a table may take longer
/// than a pipeline stays as it is.
#[derive(Default)]
struct Extracts {
    tasks: JoinSet<()>,
    kept: Vec<(Arc<ExtractPlan>, AbortHandle, Arc<AtomicBool>)>,
}

impl Extracts {
    /// Keeps those of a plan, and no others; for each whether all that was there is accepted.
    fn follow(&mut self, plan: &Plan, intake: &Intake) -> Vec<Arc<AtomicBool>> {
        let (same, gone) = self.kept.drain(..).partition(|(known, ..)| plan.extracts().any(|extract| extract == known));
        self.kept = same;
        let gone: Vec<_> = gone;
        gone.iter().for_each(|(_, task, _)| task.abort());
        for extract in plan.extracts() {
            if !self.kept.iter().any(|(known, ..)| known == extract) {
                let is_looked = Arc::new(AtomicBool::new(false));
                let (intake, lease, looked) = (intake.clone(), plan.delivery.lease, is_looked.clone());
                let keep = extract::keep(extract.clone(), tables::source(), intake, lease, looked);
                self.kept.push((extract.clone(), self.tasks.spawn(keep), is_looked));
            }
        }
        self.kept.iter().map(|(.., is_looked)| is_looked.clone()).collect()
    }
}

/// Removes documents that expired, and forgets deletions of long ago, for as long as it is polled.
async fn sweep(database: Arc<dyn Documents>) {
    loop {
        let database = database.clone();
        let swept = tokio::task::spawn_blocking(move || database.sweep()).await;
        let has_more = match swept {
            Ok(Ok(has_more)) => has_more,
            Ok(Err(failure)) => {
                tracing::warn!("documents that expired are not removed: {failure}; trying again");
                false
            }
            Err(err) => {
                tracing::error!("documents that expired are not removed: {err}");
                false
            }
        };
        tokio::time::sleep(if has_more { FORGET_MORE } else { SWEEP_AGAIN }).await;
    }
}

/// The baking of a pipeline's functions, beside its work.
struct Baking(Option<JoinHandle<Option<Pipeline>>>);

impl Baking {
    fn of(session: &Arc<Session>, pipeline: &Pipeline, common: &Arc<Common>) -> Self {
        if !pipeline.gains_from_baking(MANY) {
            return Self(None);
        }
        let (session, common) = (session.clone(), common.clone());
        Self(Some(tokio::task::spawn_blocking(move || {
            // It was loaded before.
            let mut pipeline = common.load(&session).ok()?;
            let baked = engine::in_background(|| pipeline.bake_where_it_pays(&session.plan, MANY)).ok()?;
            for baked in &baked {
                match baked {
                    Ok(step) => tracing::info!("step `{step}` was baked, so that it starts faster"),
                    Err((step, err)) => tracing::warn!("step `{step}` was not baked: {err}"),
                }
            }
            tracing::info!("every function is baked that gains from it");
            baked.iter().any(Result::is_ok).then_some(pipeline)
        })))
    }

    /// The pipeline with functions that were baked; never over if there are none.
    async fn done(&mut self) -> Arc<Pipeline> {
        let baked = match &mut self.0 {
            Some(baking) => baking.await.ok().flatten(),
            None => None,
        };
        self.0 = None;
        match baked {
            Some(pipeline) => Arc::new(pipeline),
            None => std::future::pending().await,
        }
    }
}

impl Common {
    /// The pipeline of a session, ready to run.
    fn load(&self, session: &Session) -> Result<Pipeline> {
        session.load(session.with_totals(self.database.clone(), Some(&self.journal))?)
    }

    /// Forgets what ended long ago, for as long as it is polled. It gives way to what else is done with the journal.
    async fn forget(self: Arc<Self>, keep: Duration) {
        loop {
            match self.journal.prune(clock::now().saturating_sub(micros(keep))).await {
                Ok(true) => tokio::time::sleep(FORGET_MORE).await,
                Ok(false) => tokio::time::sleep(FORGET_AGAIN).await,
                Err(err) => {
                    self.metrics.journal_failed(&err);
                    tokio::time::sleep(FORGET_AGAIN).await;
                }
            }
        }
    }

    /// Keeps the metrics of how events stand, for as long as it is polled.
    async fn stand(self: Arc<Self>) {
        loop {
            match self.journal.counts().await {
                Ok(counts) => self.metrics.stand(&counts),
                Err(err) => self.metrics.journal_failed(&err),
            }
            tokio::time::sleep(STAND_AGAIN).await;
        }
    }

    /// Starts what commits the rows of sinks.
    fn committers(&self, sinks: &Sinks, plan: &Plan, stop: &watch::Receiver<()>) -> JoinSet<()> {
        let mut committers = JoinSet::new();
        for committer in self.committer_of_each(sinks, plan) {
            let stop = stop.clone();
            committers.spawn(async move { committer.keep(stop).await });
        }
        committers
    }

    /// Commits what is left; whether all of it is in. What is not is committed by the next `wasmill up`.
    async fn flush(&self, sinks: &Sinks, plan: &Plan) -> bool {
        let mut are_in = true;
        for committer in self.committer_of_each(sinks, plan) {
            if let Err(err) = committer.flush().await {
                are_in = false;
                tracing::error!("{err}; its rows are in the journal, and the next `wasmill up` commits them");
            }
        }
        are_in
    }

    fn committer_of_each(&self, sinks: &Sinks, plan: &Plan) -> impl Iterator<Item = Committer> {
        let lease = plan.delivery.lease;
        sinks.iter().map(move |sink| Committer::new(sink.clone(), self.journal.clone(), self.metrics.clone(), lease))
    }

    fn worker(&self, pipeline: &Arc<Pipeline>, sinks: &Sinks, plan: &Plan) -> Worker {
        let mut delivery = plan.delivery;
        // More would find no room for their sandboxes.
        delivery.concurrency = delivery.concurrency.min(pipeline.most_events());
        let terms = Arc::new(Terms {
            worker: self.worker.clone(),
            plan: pipeline.digest_text(),
            lease: micros(delivery.lease),
            most_deaths: delivery.faults.saturating_mul(DEATHS),
        });
        let Self { journal, accepted, metrics, .. } = self;
        let leases = Leases::new(journal.clone(), terms.clone(), delivery, accepted.clone(), metrics.clone());
        let durable = Durable::new(self.sync.clone());
        let feed = |trigger: &TriggerPlan| match trigger {
            TriggerPlan::Nats(plan) => {
                let (terms, durable, metrics) = (terms.clone(), durable.clone(), metrics.clone());
                Some(Arc::new(Feed::new(*plan.clone(), journal.clone(), terms, delivery, durable, metrics)))
            }
            _ => None,
        };
        Worker {
            pipeline: pipeline.clone(),
            sinks: sinks.clone(),
            concurrency: delivery.concurrency,
            timeout: delivery.timeout,
            leases: Arc::new(leases),
            feeds: plan.triggers.iter().filter_map(feed).collect(),
            metrics: metrics.clone(),
        }
    }
}

/// Whether brokers that can be reached have what the triggers name.
async fn check_brokers(plan: &Plan) -> Result<()> {
    for trigger in &plan.triggers {
        if let TriggerPlan::Nats(plan) = trigger {
            connect::check_servers(plan).await?;
        }
    }
    Ok(())
}

fn endpoints(plan: &Plan) -> Vec<Endpoint> {
    let endpoint = |trigger: &TriggerPlan| match trigger {
        TriggerPlan::Http { path, store, body_limit } => {
            Some(Endpoint { path: path.clone(), store: store.clone(), body_limit: *body_limit })
        }
        _ => None,
    };
    plan.triggers.iter().filter_map(endpoint).collect()
}

/// Over when nothing waits or runs, in the journal and in brokers, twice in a row with time for triggers to look between.
async fn drained(plan: &Plan, common: &Common, feeds: &[Arc<Feed>], lists: &[Arc<AtomicBool>]) {
    let settle = plan.triggers.iter().map(|trigger| match trigger {
        TriggerPlan::Object { settle, .. } => *settle,
        _ => Duration::ZERO,
    });
    let wait = settle.max().unwrap_or_default() + LOOK_AGAIN;
    let mut before = None;
    loop {
        tokio::time::sleep(wait).await;
        // A store over the network may take its time to say what is there.
        let are_listed = lists.iter().all(|is_listed| is_listed.load(Ordering::Relaxed));
        if !are_listed || !all_drained(feeds).await {
            before = None;
            continue;
        }
        match common.journal.counts().await {
            Ok(counts) if counts.waiting + counts.running == 0 && before == Some(counts) => return,
            Ok(counts) => before = Some(counts),
            Err(err) => tracing::warn!("{err}; trying again"),
        }
    }
}

async fn all_drained(feeds: &[Arc<Feed>]) -> bool {
    for feed in feeds {
        if !feed.is_drained().await {
            return false;
        }
    }
    true
}
