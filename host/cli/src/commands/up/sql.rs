//! Queries, of PostgreSQL's clients and over HTTP.

#[cfg(feature = "warehouse")]
mod http;
#[cfg(feature = "warehouse")]
mod serving;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use wasmill_access::Access;
use wasmill_access::live::Live;
use wasmill_api::tables::AskTables;
use wasmill_runtime::plan::Plan;

use crate::commands::PipelineArgs;
use crate::commands::listen::ListenArgs;

/// Where and how queries are taken.
#[derive(Debug, Args)]
pub struct SqlArgs {
    /// Where to listen for PostgreSQL's clients, which query tables and views as --access allows by `[[access.sql]]`; port 0
    /// takes a free one. Encrypted if --tls-cert is given.
    #[arg(long, value_name = "ADDRESS", requires = "access")]
    sql: Option<SocketAddr>,

    /// The most clients connected at once.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    sql_connections: usize,

    /// How long a query may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300.0)]
    sql_timeout: f64,

    /// How much memory all queries together have for what is sorted, grouped and joined, in MiB; the rest of it goes into
    /// files in TMPDIR [default: a quarter of the machine's].
    #[arg(long, value_name = "MIB")]
    sql_memory: Option<u32>,
}

/// Queries, if somebody may ask any.
pub struct Sql {
    #[cfg(feature = "warehouse")]
    serving: Option<serving::Serving>,
}

#[cfg(feature = "warehouse")]
impl Sql {
    /// Takes queries, if the rules let anybody ask, and listens for PostgreSQL's clients where that was asked for.
    pub async fn start(
        args: &SqlArgs,
        listen: &ListenArgs,
        rules: Option<Live<Access>>,
        pipeline: &PipelineArgs,
        plan: &Plan,
    ) -> Result<Self> {
        Ok(Self { serving: serving::Serving::start(args, listen, rules, pipeline, plan).await? })
    }

    /// What answers them over HTTP.
    pub fn http(&self) -> Option<Arc<dyn AskTables>> {
        self.serving.as_ref().map(serving::Serving::http)
    }

    /// Has queries that come now see what the pipeline became.
    pub fn take_up(&self, plan: &Plan) {
        if let Some(serving) = &self.serving {
            serving.take_up(plan);
        }
    }

    /// Cuts off who is connected.
    pub fn stop(self) {
        if let Some(serving) = self.serving {
            serving.stop();
        }
    }
}

#[cfg(not(feature = "warehouse"))]
impl Sql {
    /// Says what is missing, if it was asked for.
    pub async fn start(
        args: &SqlArgs,
        _: &ListenArgs,
        _: Option<Live<Access>>,
        _: &PipelineArgs,
        _: &Plan,
    ) -> Result<Self> {
        if args.sql.is_some() {
            anyhow::bail!("this wasmill was built without queries\nhint: `make build FEATURES=warehouse`");
        }
        Ok(Self {})
    }

    /// Nobody answers them.
    pub fn http(&self) -> Option<Arc<dyn AskTables>> {
        None
    }

    /// Nobody asks it.
    pub fn take_up(&self, _: &Plan) {}

    /// There is nothing to stop.
    pub fn stop(self) {}
}
