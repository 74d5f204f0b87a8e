//! What a function prints: captured, bounded, and attached to its errors.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamResult};

/// How much of a sandbox's output is kept, in bytes. The end matters most: a panic is the last thing said.
pub const OUTPUT_LIMIT: usize = 16 * 1024;

/// A standard stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// Standard input, which is empty.
    In,
}

impl Stream {
    /// The interface that gives it.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Out => "wasi:cli/stdout@",
            Self::Err => "wasi:cli/stderr@",
            Self::In => "wasi:cli/stdin@",
        }
    }

    /// The interface's function.
    pub fn function(self) -> &'static str {
        match self {
            Self::Out => "get-stdout",
            Self::Err => "get-stderr",
            Self::In => "get-stdin",
        }
    }
}

/// The standard streams that a function has opened, in order.
#[derive(Debug, Clone, Default)]
pub struct Opened(Arc<Mutex<Vec<Stream>>>);

impl Opened {
    /// In the order that they were opened.
    pub fn streams(&self) -> Vec<Stream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, stream: Stream) {
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A function that opens more than it has use for is none to bake.
        if opened.len() < 16 {
            opened.push(stream);
        }
    }
}

/// A standard stream of a sandbox, and where it is noted that it was opened.
#[derive(Debug, Clone)]
pub struct Standard {
    /// Which.
    pub stream: Stream,
    /// What is printed on it.
    pub output: Captured,
    /// Where that is noted.
    pub opened: Opened,
}

impl IsTerminal for Standard {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Standard {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        self.opened.push(self.stream);
        self.output.p2_stream()
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        self.output.async_stream()
    }
}

impl StdinStream for Standard {
    fn p2_stream(&self) -> Box<dyn InputStream> {
        self.opened.push(self.stream);
        Box::new(ClosedInputStream)
    }

    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(tokio::io::empty())
    }
}

/// The output of one sandbox. Writing never fails and never blocks; past the limit the oldest bytes go.
#[derive(Debug, Clone, Default)]
pub struct Captured(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    /// Whether something before them was dropped.
    cut: bool,
}

impl Captured {
    /// What was printed so far, as text; then it starts anew.
    pub fn take(&self) -> String {
        self.take_without(|_| 0)
    }

    /// The same. Where something before was dropped, `rest` says how many bytes at the beginning are to be dropped with it.
    pub fn take_without(&self, rest: impl FnOnce(&[u8]) -> usize) -> String {
        let kept = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let dropped = if kept.cut { rest(&kept.bytes) } else { 0 };
        let text = String::from_utf8_lossy(kept.bytes.get(dropped..).unwrap_or_default());
        // The rest of a line that was cut says nothing, unless there is no other.
        let whole = if kept.cut { text.split_once('\n').map_or(&*text, |(_, rest)| rest) } else { &text };
        whole.trim().to_owned()
    }

    fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes.extend_from_slice(bytes);
        // Twice the limit before cutting, so that many small writes do not move the rest each time.
        if kept.bytes.len() > 2 * OUTPUT_LIMIT {
            let surplus = kept.bytes.len() - OUTPUT_LIMIT;
            kept.bytes.drain(..surplus);
            kept.cut = true;
        }
    }
}

impl IsTerminal for Captured {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Captured {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Captured {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Captured {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(OUTPUT_LIMIT)
    }
}

impl AsyncWrite for Captured {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_output_is_kept() {
        let captured = Captured::default();
        for line in 0..100_000 {
            captured.push(format!("line {line}\n").as_bytes());
        }
        let text = captured.take();
        assert!(text.starts_with("line ") && text.ends_with("line 99999") && text.len() <= 2 * OUTPUT_LIMIT);
        assert_eq!(captured.take(), "");
    }
}
