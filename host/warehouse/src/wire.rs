//! PostgreSQL's wire protocol (<https://www.postgresql.org/docs/16/protocol.html>), so that whatever speaks to PostgreSQL asks
//! the tables of a pipeline. By `datafusion-postgres`, which has the messages, the types and PostgreSQL's catalog; here is who
//! may connect, what they see, what may be asked, and when it ends.
//!
//! # What is so
//! - Whoever connects is a principal of the rules and shows to have one of its keys (SCRAM-SHA-256). Each statement is under
//!   the rules as they are then: a key that is gone or a table that is not allowed any more ends at the next one.
//! - It only reads. What would change something is refused with SQLSTATE 25006, the engine's own settings with 42501.
//! - A statement has a time, of which what the client takes to read its rows is no part; and all have one memory, which
//!   they share fairly, and files for what does not fit.
//!
//! # Layout
//! - [`Server`]: connections; `login`: who connects; `asked`: statements and their rows; `allowed`: what may be asked; `dialect`: in whose
//!   words; `prepared`: what is asked again and again; `copy`, `cursor`: rows as drivers take them; `transaction`: what else they send;
//! - `words`, `relations`: what DataFusion has other words for;
//! - `catalog`, `functions`, `settings`: what PostgreSQL tells of itself;
//! - `stop`: when a statement ends before it is done; `failure`: errors as PostgreSQL's clients know them.

mod allowed;
mod asked;
mod catalog;
mod copy;
mod cursor;
mod dialect;
mod failure;
mod functions;
mod login;
mod prepared;
mod queries;
mod relations;
mod rows;
mod settings;
mod stop;
mod transaction;
mod truths;
mod words;

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use datafusion_postgres::pgwire::api::auth::StartupHandler;
use datafusion_postgres::pgwire::api::cancel::CancelHandler;
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use datafusion_postgres::pgwire::api::{ClientInfo, ErrorHandler, PgWireServerHandlers};
use datafusion_postgres::pgwire::tokio::{TlsAcceptor, process_socket};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use wasmill_access::audit::Audit;
use wasmill_access::live::Live;
use wasmill_access::{Access, Holder};

use crate::query::seen::Current;
use asked::Asked;
use failure::Failures;
use login::Login;
use stop::{Cancels, Line};

/// So many connections that have not yet said who they are may be there besides.
const AT_THE_DOOR: usize = 100;

/// What a server is made of.
pub struct Server {
    /// What is asked.
    pub session: Current,
    /// Who may ask what.
    pub rules: Live<Access>,
    /// How connections are encrypted; if it is given, there are no others.
    pub tls: Option<Tls>,
    /// How many may be connected.
    pub connections: usize,
    /// The most time that a statement has.
    pub timeout: Duration,
}

/// How connections are encrypted.
#[derive(Clone)]
pub struct Tls {
    /// What shakes hands.
    pub acceptor: TlsAcceptor,
    /// The certificate that it presents now, in DER.
    pub certificate: Arc<dyn Fn() -> Option<Vec<u8>> + Send + Sync>,
}

/// What all connections share.
struct Shared {
    audit: Audit,
    session: Current,
    rules: Live<Access>,
    tls: Option<Tls>,
    connections: Arc<Semaphore>,
    cancels: Arc<Cancels>,
    timeout: Duration,
}

impl Server {
    /// Serves whoever connects, until `stop` is over. Who is connected then is cut off: nothing was to be changed.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let Self { session, rules, tls, connections, timeout } = self;
        let shared = Arc::new(Shared {
            audit: Audit::default(),
            session,
            rules,
            tls,
            connections: Arc::new(Semaphore::new(connections)),
            cancels: Arc::default(),
            timeout,
        });
        let doors = Arc::new(Semaphore::new(connections.saturating_add(AT_THE_DOOR)));
        let mut connected = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                // Those that are over make room.
                Some(_) = connected.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(err) => {
                    tracing::warn!("a connection for SQL cannot be taken: {err}");
                    // There may be no file handle left; a client that goes gives one back.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Ok(door) = doors.clone().try_acquire_owned() else { continue };
            let Ok(line) = Line::of(&stream) else { continue };
            let tls = shared.tls.as_ref().map(|tls| tls.acceptor.clone());
            let connection = Connection::new(&shared, line);
            connected.spawn(async move {
                // Rows go out as they are sent; there is nothing to wait for.
                let _ = stream.set_nodelay(true);
                if let Err(err) = process_socket(stream, tls, connection).await {
                    tracing::debug!("the connection for SQL from {address} ended: {err}");
                }
                drop(door);
            });
        }
        connected.shutdown().await;
    }
}

/// What is kept of a connection, which is empty when it is first asked for.
fn kept<T: Default + Send + Sync + 'static, C: ClientInfo + ?Sized>(client: &C) -> Arc<T> {
    let extensions = client.session_extensions();
    extensions.get().unwrap_or_else(|| {
        extensions.insert(T::default());
        extensions.get().unwrap_or_default()
    })
}

/// What answers one connection.
struct Connection {
    login: Arc<Login>,
    asked: Arc<Asked>,
    cancels: Arc<Cancels>,
}

impl Connection {
    fn new(shared: &Arc<Shared>, line: Line) -> Self {
        let holder: Arc<OnceLock<Holder>> = Arc::default();
        Self {
            login: Arc::new(Login::new(shared.clone(), holder.clone())),
            asked: Arc::new(Asked::new(shared.clone(), holder, Arc::new(line))),
            cancels: shared.cancels.clone(),
        }
    }
}

impl PgWireServerHandlers for Connection {
    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        self.login.clone()
    }

    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        self.asked.clone()
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        self.asked.clone()
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        self.cancels.clone()
    }

    fn error_handler(&self) -> Arc<impl ErrorHandler> {
        Arc::new(Failures)
    }
}
