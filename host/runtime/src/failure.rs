//! How a call of a function can end badly. The three kinds of DESIGN stay apart: a refused batch, one to try
//! again, and a fault, after which the sandbox is thrown away. (A bad row is none of them: it is a reject.)

use std::fmt;
use std::time::Duration;

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The function refused what it was given, for good.
    #[error("{0}")]
    Reject(String),
    /// The function asks to be called again later.
    #[error("{0}")]
    Retry(String),
    /// The function or its sandbox broke.
    #[error("{0}")]
    Fault(Fault),
}

/// What broke, and what the function printed before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What broke.
    pub cause: Cause,
    /// The end of the function's output; empty if it printed nothing.
    pub printed: String,
}

/// What broke in a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// It trapped: a panic, mostly, whose message is in what it printed.
    Trap(String),
    /// It did not answer in time.
    Deadline(Duration),
    /// The attempt at the event as a whole took too long.
    Timeout(Duration),
    /// It asked for more memory than it may have, in bytes.
    Memory(usize),
    /// Its calls nested too deeply.
    Stack,
    /// It answered with something that is not what it said it would give.
    Answer(String),
    /// It said itself that something is wrong with it.
    Said(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Trap(trap) => write!(f, "trap: {trap}")?,
            Cause::Deadline(limit) => write!(f, "deadline: no answer within {limit:?}")?,
            Cause::Timeout(longest) => write!(f, "timeout: the event took longer than {longest:?}")?,
            Cause::Memory(limit) => write!(f, "memory: it needs more than {} MiB", limit >> 20)?,
            Cause::Stack => f.write_str("stack: its calls nest too deeply")?,
            Cause::Answer(what) => write!(f, "answer: {what}")?,
            Cause::Said(what) => f.write_str(what)?,
        }
        if !self.printed.is_empty() {
            write!(f, "\nit printed:")?;
            for line in self.printed.lines() {
                write!(f, "\n    {line}")?;
            }
        }
        match self.cause {
            Cause::Deadline(_) => {
                f.write_str("\nhint: give the step more time with `limits = { deadline_seconds = … }`")
            }
            Cause::Timeout(_) => f.write_str("\nhint: give it more time with `[delivery] timeout_seconds = …`"),
            Cause::Memory(_) => f.write_str("\nhint: give the step more memory with `limits = { memory_mib = … }`"),
            _ => Ok(()),
        }
    }
}
