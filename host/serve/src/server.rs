//! Connections: HTTP/1.1 and HTTP/2, with TLS or without, until the server is told to stop; then those that are open
//! finish.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::Settings;
use crate::tls::Tls;

/// How long to wait before the listener is asked again after it failed: no more files can be open, mostly.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a connection that is not used may take to end: to say so, over HTTP/2.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves connections until `stop` is over; then it waits for the requests in flight, at most as long as one may take.
pub async fn serve<A, F>(
    listener: TcpListener,
    tls: Option<Tls>,
    settings: &Settings,
    answer: A,
    stop: impl Future<Output = ()>,
) where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<WasiBody>> + Send + 'static,
{
    let limit = u32::try_from(settings.connections).unwrap_or(u32::MAX);
    let open = Arc::new(Semaphore::new(limit as usize));
    let (stopping, stopped) = watch::channel(());
    let (idle, deadline) = (settings.idle, settings.deadline);
    let connection = Connection { builder: Builder::new(TokioExecutor::new()), answer, idle, deadline, stopped };
    let tls = tls.map(Arc::new);
    tokio::pin!(stop);
    loop {
        // More than may be open wait to be accepted.
        let next = async {
            let permit = open.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, stream, peer) = tokio::select! {
            () = &mut stop => break,
            (permit, accepted) = next => match accepted {
                Ok((stream, peer)) => (permit, stream, peer),
                Err(err) => {
                    tracing::warn!("cannot accept a connection: {err}");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        let (tls, connection) = (tls.clone(), connection.clone());
        tokio::spawn(async move {
            let _permit = permit;
            connection.run(stream, Peer(peer), tls.as_deref()).await;
        });
    }
    drop(stopping);
    drop(listener);
    let _ = timeout(deadline, open.acquire_many(limit)).await;
}

/// Who is at the other end of a request's connection; in its extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// What a connection needs.
#[derive(Clone)]
struct Connection<A> {
    builder: Builder<TokioExecutor>,
    answer: A,
    idle: Duration,
    deadline: Duration,
    /// Changes, by being closed, when the server stops.
    stopped: watch::Receiver<()>,
}

impl<A, F> Connection<A>
where
    A: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<WasiBody>> + Send + 'static,
{
    async fn run(self, stream: TcpStream, peer: Peer, tls: Option<&Tls>) {
        // An answer is written at once; waiting for more to send would delay it.
        let _ = stream.set_nodelay(true);
        match tls {
            None => self.converse(stream, peer).await,
            Some(tls) => {
                // A client that does not shake hands is nothing to report.
                if let Ok(Ok(stream)) = timeout(self.idle, tls.accept(stream)).await {
                    self.converse(stream, peer).await;
                }
            }
        }
    }

    async fn converse(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer) {
        let Self { builder, answer, idle, deadline, mut stopped } = self;
        let requests = Arc::new(Requests::default());
        let watched = requests.clone();
        let answer = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let open = Open::new(&requests);
            let answer = answer(request);
            async move { Ok::<_, Infallible>(answer.await.map(|body| Answering { body, open })) }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), answer);
        tokio::pin!(connection);
        let patience = tokio::select! {
            // A client that hangs up is nothing to report.
            _ = connection.as_mut() => return,
            () = unused(watched, idle, deadline) => FAREWELL,
            _ = stopped.changed() => deadline,
        };
        connection.as_mut().graceful_shutdown();
        let _ = timeout(patience, connection).await;
    }
}

/// Over when the client may be holding the connection for its own sake: it sends nothing, or headers too slowly, or does
/// not read an answer. This looks once in `idle`, so it may be twice as long. (hyper's `header_read_timeout` sees only
/// slow headers, and only over HTTP/1.)
async fn unused(requests: Arc<Requests>, idle: Duration, deadline: Duration) {
    let mut unchanged = Duration::ZERO;
    loop {
        let before = requests.changes.load(Relaxed);
        tokio::time::sleep(idle).await;
        if requests.changes.load(Relaxed) != before {
            unchanged = Duration::ZERO;
            continue;
        }
        unchanged += idle;
        if requests.open.load(Relaxed) == 0 || unchanged > deadline {
            return;
        }
    }
}

/// The requests of a connection.
#[derive(Default)]
struct Requests {
    /// Those whose answer was not sent yet.
    open: AtomicUsize,
    /// How often one began, went on or ended.
    changes: AtomicUsize,
}

/// A request, until its answer was sent.
struct Open(Arc<Requests>);

impl Open {
    fn new(requests: &Arc<Requests>) -> Self {
        requests.open.fetch_add(1, Relaxed);
        requests.changes.fetch_add(1, Relaxed);
        Self(requests.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
        self.0.changes.fetch_add(1, Relaxed);
    }
}

/// The body of an answer.
struct Answering {
    body: WasiBody,
    open: Open,
}

impl Body for Answering {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_ready() {
            // The client reads: an answer may go on for as long as it does.
            self.open.0.changes.fetch_add(1, Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Ends when the process is asked to stop: by Ctrl-C, or by SIGTERM.
pub async fn asked_to_stop() -> io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
