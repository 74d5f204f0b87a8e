//! A proxy that breaks what goes through it, once each time it is told to.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What happens to what goes through next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends when it is made.
    Refused,
    /// It ends after so many bytes of a request.
    InRequest(usize),
    /// The request comes through, and the connection ends after so many bytes of its answer.
    InAnswer(usize),
    /// Nothing comes through for so long.
    Silence(Duration),
}

/// A proxy.
pub struct Proxy {
    /// Its port.
    pub port: u16,
    fault: Arc<Mutex<Option<Fault>>>,
}

impl Proxy {
    /// To a port of this machine.
    pub fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let fault: Arc<Mutex<Option<Fault>>> = Arc::default();
        let shared = fault.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if take(&shared, |fault| fault == Fault::Refused).is_some() {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let (there, back) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (of_request, of_answer) = (shared.clone(), shared.clone());
                thread::spawn(move || pump(there, server, &of_request, true));
                thread::spawn(move || pump(back, client, &of_answer, false));
            }
        });
        Self { port, fault }
    }

    /// Breaks what comes next.
    pub fn breaks(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    /// Whether the last fault is still to come.
    pub fn is_waiting(&self) -> bool {
        self.fault.lock().unwrap().is_some()
    }
}

fn take(fault: &Mutex<Option<Fault>>, wanted: impl Fn(Fault) -> bool) -> Option<Fault> {
    fault.lock().unwrap().take_if(|fault| wanted(*fault))
}

/// Carries bytes one way, until either end or a fault.
fn pump(mut from: TcpStream, mut to: TcpStream, fault: &Mutex<Option<Fault>>, is_request: bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(mut read @ 1..) = from.read(&mut buffer) {
        let wanted = |fault| match fault {
            Fault::InRequest(_) | Fault::Silence(_) => is_request,
            Fault::InAnswer(_) => !is_request,
            Fault::Refused => false,
        };
        let mut is_last = false;
        match take(fault, wanted) {
            Some(Fault::InRequest(bytes) | Fault::InAnswer(bytes)) => {
                read = read.min(bytes);
                is_last = true;
            }
            Some(Fault::Silence(time)) => thread::sleep(time),
            _ => {}
        }
        if to.write_all(&buffer[..read]).is_err() || is_last {
            break;
        }
    }
    // The other direction ends with it.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
