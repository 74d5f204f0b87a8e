//! Many small transactions in one: what waits while a commit reaches the disk is committed together after it. Each is a
//! part of its own, so that one that fails leaves the others alone, and hears of its success only after the commit.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use wasmill_runtime::crash;

use crate::journal::JournalError;
use crate::sql::{Backend, Db, Durability, Transaction};

/// The most that are committed together: an answer should not wait for much more work than its own.
const MOST_TOGETHER: usize = 256;

/// Makes effects durable, those that were had until it is called.
pub type Effects = Box<dyn Fn() -> std::io::Result<()> + Send>;

/// Something to do.
struct Task {
    /// What it is, for crash points.
    name: &'static str,
    work: Work,
    /// Whether it records effects.
    settles: bool,
    durability: Durability,
}

/// Work on the tables, if a transaction could begin, which gives what is to be said once it was committed, or was not.
type Work = Box<dyn FnOnce(Result<&mut dyn Transaction, JournalError>) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), JournalError>)>;

/// A thread with a connection; it connects with the first thing to do.
#[derive(Debug)]
pub struct Writer {
    tasks: Option<Sender<Task>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Takes over a connection.
    pub fn start(backend: Box<dyn Backend>, effects: Effects) -> std::io::Result<Self> {
        let (tasks, waiting) = channel();
        let thread =
            std::thread::Builder::new().name("journal".into()).spawn(move || write(backend, &effects, &waiting))?;
        Ok(Self { tasks: Some(tasks), thread: Some(thread) })
    }

    /// Does something in a transaction; the answer comes when it is as durable as it is to be. What `settles` records effects,
    /// which are made durable before.
    pub async fn transact<T: Send + 'static>(
        &self,
        name: &'static str,
        settles: bool,
        durability: Durability,
        work: impl FnOnce(&mut dyn Db) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.begin(name, settles, durability, work)?.await.unwrap_or(Err(JournalError::Closed))
    }

    /// The same; where the answer comes.
    pub fn begin<T: Send + 'static>(
        &self,
        name: &'static str,
        settles: bool,
        durability: Durability,
        work: impl FnOnce(&mut dyn Db) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, JournalError>>, JournalError> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |transaction| {
            let result = transaction.and_then(|transaction| as_part(transaction, work));
            Box::new(move |committed| {
                // Whoever asked may have given up.
                let _ = answer.send(committed.and(result));
            })
        });
        let sent =
            self.tasks.as_ref().is_some_and(|tasks| tasks.send(Task { name, work, settles, durability }).is_ok());
        if sent { Ok(answered) } else { Err(JournalError::Closed) }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // What was sent is written first.
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(mut backend: Box<dyn Backend>, effects: &Effects, waiting: &Receiver<Task>) {
    while let Ok(first) = waiting.recv() {
        let tasks: Vec<Task> = std::iter::once(first).chain(waiting.try_iter().take(MOST_TOGETHER - 1)).collect();
        let durable = if tasks.iter().any(|task| task.settles) { effects() } else { Ok(()) };
        let durable = durable.map_err(|err| JournalError::Effects(Arc::new(err)));
        let durability = if tasks.iter().any(|task| task.durability == Durability::Now) {
            Durability::Now
        } else {
            Durability::Later
        };
        let names: Vec<&str> = tasks.iter().map(|task| task.name).collect();
        let (answers, committed): (Vec<Answer>, _) = match backend.begin(durability) {
            Ok(mut transaction) => {
                let work = |task: Task| match &durable {
                    Err(err) if task.settles => (task.work)(Err(err.clone())),
                    _ => (task.work)(Ok(&mut *transaction)),
                };
                let answers = tasks.into_iter().map(work).collect();
                names.iter().for_each(|name| crash::point(name, "before"));
                let committed = transaction.commit();
                names.iter().for_each(|name| crash::point(name, "after"));
                (answers, committed)
            }
            Err(err) => (tasks.into_iter().map(|task| (task.work)(Err(err.clone()))).collect(), Ok(())),
        };
        for answer in answers {
            answer(committed.clone());
        }
    }
}

fn as_part<T>(
    transaction: &mut dyn Transaction,
    work: impl FnOnce(&mut dyn Db) -> Result<T, JournalError>,
) -> Result<T, JournalError> {
    transaction.begin_part()?;
    let result = work(transaction);
    transaction.end_part(result.is_ok())?;
    result
}
