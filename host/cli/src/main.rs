//! The command line of Wasmill.

use std::io;
use std::process::ExitCode;

use clap::Parser;

/// A line of standard output; unlike `println!` it does not panic when nobody reads any more.
macro_rules! say {
    ($($argument:tt)*) => {
        std::io::Write::write_fmt(&mut std::io::stdout().lock(), format_args!("{}\n", format_args!($($argument)*)))
    };
}

#[cfg(feature = "warehouse")]
mod analysis;
mod commands;
mod cost;
mod log;
mod objects;
mod page;
mod registry;
mod session;
mod tables;
mod telemetry;
mod text;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _points = fail::FailScenario::setup();
    give_memory_back();
    // What is linked has more than one, and rustls would not choose. It fails only where one was chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match commands::Cli::parse().run() {
        Ok(exit) => exit.into(),
        // Whoever read has seen enough.
        Err(err) if is_closed_pipe(&err) => commands::Exit::Done.into(),
        Err(err) => {
            eprintln!("error: {err:#}");
            commands::Exit::Unusable.into()
        }
    }
}

/// Has glibc give back to the system what is larger than 16 MiB. Left alone it raises that to the size of the largest
/// component that was ever read, and keeps what batches took: an eighth of the peak of `make bench`.
fn give_memory_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const KEPT: libc::c_int = 16 << 20;
        // SAFETY: it sets a number, before there are other threads.
        #[expect(unsafe_code, reason = "the allocator is C's")]
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, KEPT);
        }
    }
}

fn is_closed_pipe(err: &anyhow::Error) -> bool {
    err.downcast_ref::<io::Error>().is_some_and(|err| err.kind() == io::ErrorKind::BrokenPipe)
}
