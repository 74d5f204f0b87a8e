//! When a statement ends before it is done: its time is over, or somebody says so.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use datafusion_postgres::pgwire::api::cancel::CancelHandler;
use datafusion_postgres::pgwire::api::results::Response;
use datafusion_postgres::pgwire::api::{ClientInfo, RandomPidSecretKeyGenerator};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::cancel::CancelRequest;
use datafusion_postgres::pgwire::messages::startup::SecretKey;
use futures_util::Stream;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::failure::{error, fatal};

/// How often it is looked whether somebody is there of whom something waits to be read.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// So many rows may come before it is looked at the clock, if they come without a pause.
const ROWS: u32 = 1024;

/// Who can be told to end a statement.
#[derive(Default)]
pub struct Cancels {
    connections: Mutex<HashMap<(i32, Bytes), Weak<Cancel>>>,
    /// What makes the numbers and keys that tell connections apart.
    pub pids: RandomPidSecretKeyGenerator,
}

/// A connection's statement, which may be told to end.
#[derive(Debug)]
pub struct Cancel(watch::Sender<()>);

impl Cancels {
    /// A connection by its number and key, for as long as what is returned is kept.
    pub fn register(&self, pid: i32, key: &SecretKey) -> Arc<Cancel> {
        let cancel = Arc::new(Cancel(watch::Sender::new(())));
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|_, connection| connection.strong_count() > 0);
        connections.insert((pid, key.to_bytes()), Arc::downgrade(&cancel));
        cancel
    }
}

#[async_trait]
impl CancelHandler for Cancels {
    async fn on_cancel_request(&self, request: CancelRequest) {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cancel) = connections.get(&(request.pid, request.secret_key.to_bytes())).and_then(Weak::upgrade) {
            cancel.0.send_replace(());
        }
    }
}

/// A connection, to see whether whoever was there is gone; nothing is read from it here.
pub struct Line(TcpStream);

impl Line {
    /// Of the same connection as a stream's.
    pub fn of(stream: &TcpStream) -> io::Result<Self> {
        let other = std::net::TcpStream::from(stream.as_fd().try_clone_to_owned()?);
        Ok(Self(TcpStream::from_std(other)?))
    }

    /// Over when nobody is there any more.
    async fn gone(&self) {
        loop {
            match self.0.peek(&mut [0]).await {
                Ok(0) | Err(_) => return,
                // Something waits to be read, which hides what comes after it.
                Ok(_) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }
}

/// What ends one statement.
#[derive(Clone)]
pub struct Stop {
    cancelled: Option<watch::Receiver<()>>,
    line: Arc<Line>,
    left: Duration,
}

impl Stop {
    /// For the statement of a client that begins now and has so much time.
    pub fn new<C: ClientInfo>(client: &C, line: Arc<Line>, time: Duration) -> Self {
        let cancel = client.session_extensions().get::<Arc<Cancel>>();
        // What was said before was not of this statement.
        let cancelled = cancel.map(|cancel| cancel.0.subscribe());
        Self { cancelled, line, left: time }
    }

    /// Waits for something of the statement.
    pub async fn wait<T>(&mut self, something: impl Future<Output = PgWireResult<T>>) -> PgWireResult<T> {
        let began = Instant::now();
        let done = tokio::select! {
            biased;
            err = self.over() => Err(err),
            done = something => done,
        };
        self.left = self.left.saturating_sub(began.elapsed());
        done
    }

    /// Over when it is to end, with the reason.
    async fn over(&mut self) -> PgWireError {
        let left = self.left;
        let cancelled = async {
            match &mut self.cancelled {
                // The sender is gone with the connection.
                Some(cancelled) => {
                    if cancelled.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = cancelled => cancelled_error(),
            () = tokio::time::sleep(left) => timeout_error(),
            () = self.line.gone() => fatal("08006", "the client is gone"),
        }
    }

    /// An answer whose rows end too.
    pub fn rows(&self, response: Response) -> Response {
        match response {
            Response::Query(mut query) => {
                let rows = std::mem::replace(&mut query.data_rows, Box::pin(futures_util::stream::empty()));
                query.data_rows = Box::pin(self.ending(rows));
                Response::Query(query)
            }
            Response::CopyOut(mut copy) => {
                let rows = std::mem::replace(&mut copy.data_stream, Box::pin(futures_util::stream::empty()));
                copy.data_stream = Box::pin(self.ending(rows));
                Response::CopyOut(copy)
            }
            other => other,
        }
    }

    fn ending<T>(&self, rows: BoxStream<PgWireResult<T>>) -> Rows<T> {
        Rows { rows, stop: self.clone(), waiting: None, taken: 0, is_over: false }
    }
}

fn cancelled_error() -> PgWireError {
    error("57014", "canceling statement due to user request")
}

fn timeout_error() -> PgWireError {
    error("57014", "canceling statement due to statement timeout")
}

/// A stream as responses have it.
type BoxStream<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

/// What ends waiting, with the reason.
type Over = Pin<Box<dyn Future<Output = PgWireError> + Send>>;

/// Rows that end when the statement does.
struct Rows<T> {
    rows: BoxStream<PgWireResult<T>>,
    stop: Stop,
    /// Since when a row is waited for, and what else ends the waiting.
    waiting: Option<(Instant, Over)>,
    taken: u32,
    /// Ended before its rows did; whoever asks again gets none.
    is_over: bool,
}

impl<T> Rows<T> {
    fn end(&mut self, err: PgWireError) -> Poll<Option<PgWireResult<T>>> {
        self.waiting = None;
        self.is_over = true;
        Poll::Ready(Some(Err(err)))
    }
}

impl<T> Stream for Rows<T> {
    type Item = PgWireResult<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.is_over {
            return Poll::Ready(None);
        }
        this.taken = this.taken.wrapping_add(1);
        let cancelled = this.stop.cancelled.as_ref().filter(|_| this.taken.is_multiple_of(ROWS));
        if cancelled.is_some_and(|cancelled| cancelled.has_changed().unwrap_or(false)) {
            return this.end(cancelled_error());
        }
        let polled = Instant::now();
        match this.rows.as_mut().poll_next(context) {
            Poll::Ready(row) => {
                let began = this.waiting.take().map_or(polled, |(began, _)| began);
                this.stop.left = this.stop.left.saturating_sub(began.elapsed());
                if this.stop.left.is_zero() {
                    return this.end(timeout_error());
                }
                Poll::Ready(row)
            }
            Poll::Pending => {
                let stop = &this.stop;
                let (_, over) = this.waiting.get_or_insert_with(|| {
                    let mut stop = stop.clone();
                    (polled, Box::pin(async move { stop.over().await }) as Over)
                });
                match over.as_mut().poll(context) {
                    Poll::Ready(err) => this.end(err),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}
