//! Connections: HTTP/1.1 and HTTP/2, until it is told to stop; then those that are open finish.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;

use crate::service::Service;

/// How long to wait before the listener is asked again after it failed: no more files can be open, mostly.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves connections until `stop` is over; then it waits for the requests in flight, at most as long as one may take.
pub async fn serve(listener: TcpListener, service: Arc<Service>, stop: impl Future<Output = ()>, patience: Duration) {
    let builder = Builder::new(TokioExecutor::new());
    let open = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let stream = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(err) => {
                    eprintln!("cannot accept a connection: {err}");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        // An answer is written at once; waiting for more to send would delay it.
        let _ = stream.set_nodelay(true);
        let service = service.clone();
        let answer = service_fn(move |request| {
            let service = service.clone();
            async move { Ok::<_, Infallible>(service.answer(request).await) }
        });
        let connection = open.watch(builder.serve_connection(TokioIo::new(stream), answer).into_owned());
        tokio::spawn(async move {
            // A client that hangs up is nothing to report.
            let _ = connection.await;
        });
    }
    let _ = tokio::time::timeout(patience, open.shutdown()).await;
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
