//! An HTTP component that is no gateway, for the tests of hosts (`tests/conformance`): it does what the path says.
//! Every answer that it gives has `x-used`, how many requests this instance has had.
//!
//! | path | what it does |
//! |---|---|
//! | `/echo` | gives the body back while it reads it |
//! | `/headers` | gives the request's headers, a line each, sorted |
//! | `/count` | gives nothing but `x-used` |
//! | `/stream?mb=N` | gives N MiB |
//! | `/memory` | takes memory until it is refused, and says how many MiB it got |
//! | `/cut` | says that it gives 2000 bytes, and traps after 1000 |
//! | `/trap`, `/panic`, `/exit` | end the instance before there is an answer |
//! | `/loop`, `/hang` | never answer: the one computes, the other waits |
#![allow(clippy::all, reason = "harm is the point")]

#[cfg(target_family = "wasm")]
mod component {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use self::bindings::exports::wasi::http0_2_0::incoming_handler::Guest;
    use self::bindings::wasi::http0_2_0::types::{
        Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
    };
    use self::bindings::wasi::io::streams::{OutputStream, StreamError};

    mod bindings {
        wit_bindgen::generate!({
            inline: "
                package wasmill:probe;
                world probe { export wasi:http/incoming-handler@0.2.0; }
            ",
            path: "../../wit",
            generate_all,
        });
    }

    const MIB: usize = 1 << 20;

    /// How much of a body is held at once, in bytes.
    const CHUNK: u64 = 64 << 10;

    static USED: AtomicU32 = AtomicU32::new(0);

    struct Probe;

    bindings::export!(Probe with_types_in bindings);

    impl Guest for Probe {
        fn handle(request: IncomingRequest, out: ResponseOutparam) {
            let used = USED.fetch_add(1, Ordering::Relaxed) + 1;
            let target = request.path_with_query().unwrap_or_default();
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            match path {
                "/echo" => {
                    let body = Body::start(used, 200, None, out);
                    let _ = body.echo(&request);
                    body.finish();
                }
                "/headers" => text(used, 200, &headers(&request), out),
                "/count" => text(used, 200, "", out),
                "/stream" => {
                    let mebibytes = query.strip_prefix("mb=").unwrap().parse().unwrap();
                    let body = Body::start(used, 200, None, out);
                    let _ = (0..mebibytes).try_for_each(|_| body.write(&[b'x'; MIB]));
                    body.finish();
                }
                "/memory" => text(used, 200, &hoard().to_string(), out),
                "/cut" => {
                    let body = Body::start(used, 200, Some(2000), out);
                    let _ = body.write(&[b'x'; 1000]);
                    std::process::abort();
                }
                "/trap" => std::process::abort(),
                "/panic" => panic!("the path is /panic"),
                "/exit" => std::process::exit(3),
                "/loop" => loop {
                    std::hint::black_box(());
                },
                "/hang" => std::thread::sleep(Duration::MAX),
                _ => text(used, 404, "", out),
            }
        }
    }

    /// The body of an answer that has begun.
    struct Body {
        body: OutgoingBody,
        stream: OutputStream,
    }

    impl Body {
        fn start(used: u32, status: u16, length: Option<u64>, out: ResponseOutparam) -> Self {
            let headers = Fields::new();
            let append = |name: &str, value: &str| headers.append(&name.to_owned(), &value.as_bytes().to_vec());
            append("x-used", &used.to_string()).unwrap();
            if let Some(length) = length {
                append("content-length", &length.to_string()).unwrap();
            }
            let response = OutgoingResponse::new(headers);
            response.set_status_code(status).unwrap();
            let body = response.body().unwrap();
            ResponseOutparam::set(out, Ok(response));
            let stream = body.write().unwrap();
            Self { body, stream }
        }

        fn echo(&self, request: &IncomingRequest) -> Result<(), StreamError> {
            let body = request.consume().unwrap();
            let stream = body.stream().unwrap();
            loop {
                match stream.blocking_read(CHUNK) {
                    Ok(chunk) => self.write(&chunk)?,
                    Err(StreamError::Closed) => break,
                    // Who sent it hung up; an answer that seems complete would be a lie.
                    Err(StreamError::LastOperationFailed(_)) => std::process::abort(),
                }
            }
            drop(stream);
            IncomingBody::finish(body);
            Ok(())
        }

        /// Fails if nobody listens any more.
        fn write(&self, mut bytes: &[u8]) -> Result<(), StreamError> {
            while !bytes.is_empty() {
                let most = usize::try_from(self.stream.check_write()?).unwrap();
                if most == 0 {
                    self.stream.subscribe().block();
                    continue;
                }
                let (now, rest) = bytes.split_at(most.min(bytes.len()));
                self.stream.write(now)?;
                bytes = rest;
            }
            self.stream.blocking_flush()
        }

        fn finish(self) {
            drop(self.stream);
            let _ = OutgoingBody::finish(self.body, None);
        }
    }

    fn text(used: u32, status: u16, text: &str, out: ResponseOutparam) {
        let body = Body::start(used, status, None, out);
        let _ = body.write(text.as_bytes());
        body.finish();
    }

    fn headers(request: &IncomingRequest) -> String {
        let headers = request.headers().entries().into_iter();
        let mut lines: Vec<String> =
            headers.map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(&value))).collect();
        lines.sort();
        lines.concat()
    }

    /// How many MiB there were to have, all of them written to.
    fn hoard() -> usize {
        let mut hoard: Vec<Vec<u8>> = Vec::with_capacity(1 << 16);
        loop {
            let mut chunk = Vec::new();
            if chunk.try_reserve_exact(MIB).is_err() {
                return hoard.len();
            }
            chunk.resize(MIB, 1);
            hoard.push(std::hint::black_box(chunk));
        }
    }
}
