//! `wasmill serve`.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use wasmill_runtime::engine::Engine;
use wasmill_serve::access::Gate;
use wasmill_serve::grants::Grants;
use wasmill_serve::metrics::Metrics;
use wasmill_serve::sandbox::{self, Sandboxes};
use wasmill_serve::service::Service;
use wasmill_serve::{Settings, server};

use super::Exit;
use super::listen::{self, ListenArgs};
use crate::registry::{RegistryArgs, Source};
use crate::session::code_cache;

/// Serve a component that exports `wasi:http` (0.2 or 0.3), such as `wasmill compose` makes.
///
/// Every request gets a fresh sandbox, unless --reuse says otherwise. `/metrics` (Prometheus) and `/healthz` are
/// answered by the server itself. A component sees nothing of the environment and sends no requests, unless --env and
/// --allow-http say so. Ctrl-C or SIGTERM lets the requests in flight finish. The certificate and the rules
/// of access are read again every 10 seconds, so that they can be replaced while the server runs.
#[derive(Debug, Args)]
pub struct Serve {
    /// The component: a file, or `oci://HOST/NAME@sha256:…` (or `:TAG`), which is kept in the cache.
    #[arg(value_name = "FILE", value_parser = Source::parser())]
    component: Source,

    #[command(flatten)]
    registry: RegistryArgs,

    #[command(flatten)]
    listen: ListenArgs,

    /// How many requests an instance answers, one after the other, before it is thrown away.
    #[arg(long, value_name = "COUNT", default_value = "1")]
    reuse: NonZeroUsize,

    /// Requests worked on at once.
    #[arg(long, value_name = "COUNT", default_value = "64")]
    concurrency: NonZeroUsize,

    /// Requests that may wait for that; more are answered with 503.
    #[arg(long, value_name = "COUNT", default_value = "1024")]
    queue: usize,

    /// The longest body of a request, in MiB; a longer one is answered with 413.
    #[arg(long, value_name = "MIB", default_value = "256")]
    body_limit: u64,

    /// The time that a request may take, in seconds; a longer one is answered with 504.
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    deadline: f64,

    /// Memory of an instance, in MiB.
    #[arg(long, value_name = "MIB", default_value = "1024")]
    memory: usize,

    /// Connections open at once; more wait to be accepted.
    #[arg(long, value_name = "COUNT", default_value = "2048")]
    connections: NonZeroUsize,

    /// The time that a client has at least for the TLS handshake, and for the headers of each request after the answer
    /// before, in seconds; within twice that its connection is closed.
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    idle: f64,

    /// Let the component see this variable of the environment, if it is set; several times for several.
    #[arg(long, value_name = "NAME")]
    env: Vec<String>,

    /// Let the component send requests to this origin, like `https://api.example.com` or `https://*.example.com`; several
    /// times for several. Others are denied.
    #[arg(long, value_name = "ORIGIN")]
    allow_http: Vec<String>,

    /// Log every request on standard error: principal, method, path, status and time.
    #[arg(long)]
    access_log: bool,
}

impl Serve {
    /// Serves until it is asked to stop.
    pub fn run(self) -> Result<Exit> {
        self.listen.start_log();
        let bytes = self.component.read(&self.registry)?;
        let (tls, gate) = (self.listen.tls()?, Gate::new(self.listen.rules()?));
        let engine = Engine::to_serve(Some(code_cache()?))?;
        let pre = sandbox::link(&engine, &bytes).map_err(anyhow::Error::from);
        let pre = pre.with_context(|| format!("cannot serve `{}`", self.component))?;
        let room = sandbox::room(&pre);
        if self.concurrency.get() > room {
            eprintln!("note: the component has many parts: {room} requests are worked on at once, others wait");
        }
        let deadline = Duration::try_from_secs_f64(self.deadline).context("--deadline is not a time")?;
        let idle = Duration::try_from_secs_f64(self.idle).ok().filter(|idle| !idle.is_zero());
        let idle = idle.context("--idle is not a time above 0")?;
        let settings = Arc::new(Settings {
            reuse: self.reuse.get(),
            concurrency: self.concurrency.get().min(room),
            queue: self.queue,
            body_limit: self.body_limit << 20,
            deadline,
            memory: self.memory << 20,
            connections: self.connections.get(),
            idle,
            access_log: self.access_log,
        });
        let mut grants = Grants::default();
        for name in &self.env {
            let value = std::env::var_os(name).map(OsString::into_string).transpose();
            let value = value.map_err(|_| anyhow!("--env: the variable `{name}` is not UTF-8"))?;
            grants.environment.extend(value.map(|value| (name.clone(), value)));
        }
        grants.allow_http(&self.allow_http, deadline).map_err(|err| anyhow!("--allow-http: {err}"))?;
        let metrics = Arc::new(Metrics::default());
        let sandboxes = Sandboxes::new(engine, pre, grants, settings.clone(), metrics.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let service = Arc::new(Service::new(sandboxes, gate, settings.clone(), metrics));
            let answer = move |request| {
                let service = service.clone();
                async move { service.answer(request).await }
            };
            let listener = listen::bind(self.listen.addr).await?;
            let scheme = if tls.is_some() { "https" } else { "http" };
            say!("{scheme}://{}", listener.local_addr()?)?;
            let stop = async {
                // Without it only a kill ends the server.
                let _ = server::asked_to_stop().await;
            };
            server::serve(listener, tls, &settings, answer, stop).await;
            anyhow::Ok(())
        })?;
        Ok(Exit::Done)
    }
}
