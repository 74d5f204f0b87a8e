//! What queries are asked of, and who takes them.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use wasmill_access::Access;
use wasmill_access::live::Live;
use wasmill_api::tables::AskTables;
use wasmill_runtime::plan::{self, Plan};
use wasmill_warehouse::measures::Measures;
use wasmill_warehouse::query::{ObjectTables, Session, memory};
use wasmill_warehouse::wire::{Server, Tls};

use super::SqlArgs;
use super::http::{Explaining, Http};
use crate::commands::PipelineArgs;
use crate::commands::listen::{self, ListenArgs};
use crate::tables;

/// What queries have of the machine's memory beside everything else that is done, as a divisor of what a program has that
/// does nothing else.
const SHARE: usize = 2;

/// Queries.
pub struct Serving {
    now: Now,
    http: Arc<Http>,
    objects: ObjectTables,
    memory: usize,
    // Queries have threads of their own, so that they do not keep events waiting.
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
}

/// What is asked, as the pipeline is now.
pub type Now = Arc<RwLock<Arc<Asked>>>;

/// What is asked.
pub struct Asked {
    pub session: Arc<Session>,
    pub measures: Option<Measures>,
}

/// What it is now.
pub fn now(asked: &Now) -> Arc<Asked> {
    asked.read().unwrap_or_else(PoisonError::into_inner).clone()
}

impl Serving {
    /// See [`super::Sql::start`].
    pub async fn start(
        args: &SqlArgs,
        listen: &ListenArgs,
        rules: Option<Live<Access>>,
        pipeline: &PipelineArgs,
        plan: &Plan,
    ) -> Result<Option<Self>> {
        let Some(rules) = rules.filter(|rules| rules.get().has_sql()) else {
            if args.sql.is_some() {
                bail!(
                    "nobody may query anything: there is no `[[access.sql]]` in the file of --access\n\
                     hint: add `[[access.sql]]` with `tables = [\"*\"]` and `principals = [\"NAME\"]`"
                );
            }
            return Ok(None);
        };
        let timeout = Duration::try_from_secs_f64(args.sql_timeout).ok().filter(|time| !time.is_zero());
        let timeout = timeout.context("--sql-timeout is not a time above 0")?;
        let memory = args.sql_memory.map_or_else(|| memory::default_limit() / SHARE, |mib| (mib as usize) << 20);
        if memory < memory::LEAST {
            bail!("--sql-memory is less than a query needs\nhint: at least {} MiB", memory::LEAST >> 20);
        }
        let objects =
            tables::object_tables(Some(plan.file.clone()), pipeline.components.clone(), pipeline.parameters.clone());
        let now = Arc::new(RwLock::new(open(&plan.file, &objects, memory)?));
        let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("sql").enable_all().build()?;
        let http = Arc::new(Http {
            now: now.clone(),
            rules: rules.clone(),
            timeout,
            runtime: runtime.handle().clone(),
            explaining: Explaining::new(pipeline.components.clone()),
        });
        let mut serving = Self { now, http, objects, memory, runtime, stop: None };
        serving.listen(args, listen, rules, timeout).await?;
        Ok(Some(serving))
    }

    /// Listens for PostgreSQL's clients, if that was asked for, and says where.
    async fn listen(
        &mut self,
        args: &SqlArgs,
        listen: &ListenArgs,
        rules: Live<Access>,
        timeout: Duration,
    ) -> Result<()> {
        let Some(address) = args.sql else { return Ok(()) };
        let listener = listen::bind(address).await?;
        say!("postgresql://{}/wasmill", listener.local_addr()?)?;
        let asked = self.now.clone();
        let server = Server {
            session: Arc::new(move || now(&asked).session.clone()),
            rules,
            tls: listen
                .tls_for_postgres()?
                .map(|tls| Tls { acceptor: tls.acceptor.clone(), certificate: Arc::new(move || tls.certificate()) }),
            connections: args.sql_connections.max(1),
            timeout,
        };
        let (stop, stopped) = oneshot::channel();
        // It is polled by the threads that it was made for.
        let listener = listener.into_std()?;
        self.runtime.spawn(async move {
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    let stop = async {
                        // Either way it is to stop.
                        let _ = stopped.await;
                    };
                    server.serve(listener, stop).await;
                }
                Err(err) => tracing::error!("nobody can connect for SQL: {err}"),
            }
        });
        self.stop = Some(stop);
        Ok(())
    }

    /// See [`super::Sql::http`].
    pub fn http(&self) -> Arc<dyn AskTables> {
        self.http.clone()
    }

    /// See [`super::Sql::take_up`].
    pub fn take_up(&self, plan: &Plan) {
        match open(&plan.file, &self.objects, self.memory) {
            Ok(asked) => *self.now.write().unwrap_or_else(PoisonError::into_inner) = asked,
            Err(err) => tracing::error!("queries go on as they were: {err:#}"),
        }
    }

    /// See [`super::Sql::stop`].
    pub fn stop(self) {
        if let Some(stop) = self.stop {
            // It may be gone already.
            let _ = stop.send(());
        }
        self.runtime.shutdown_background();
    }
}

fn open(file: &Path, objects: &ObjectTables, memory: usize) -> Result<Arc<Asked>> {
    let plan = plan::query_of(file)?;
    let measures = Measures::read(&plan)?;
    let model = measures.as_ref().map(|measures| measures.model.clone());
    let session = Session::new(plan, objects.clone(), memory)?.with_model(model);
    Ok(Arc::new(Asked { session: Arc::new(session), measures }))
}
