//! Between `wasi:http` 0.2 and the router.

use wasmill_gateway::{Response, shell};

use self::bindings::exports::wasi::http0_2_0::incoming_handler::Guest as Handler;
use self::bindings::wasi::http0_2_0::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use self::bindings::wasi::io::streams::{OutputStream, StreamError};

mod bindings {
    wit_bindgen::generate!({ world: "scoring-gateway", path: "../../../wit", generate_all });
}

/// How much of a body is read at once, in bytes.
const CHUNK: u64 = 1 << 20;

struct Shell;

bindings::export!(Shell with_types_in bindings);
wasmill_gateway::shell!();

impl Handler for Shell {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let head = shell::head(method_name(request.method()), request.path_with_query(), request.headers().entries());
        let body = read(&request);
        drop(request);
        send(shell::answer(head, body, &mut Scoring), out);
    }
}

fn read(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let body = request.consume().map_err(|()| "it was read before")?;
    let mut bytes = Vec::new();
    let stream = body.stream().map_err(|()| "it was read before")?;
    loop {
        match stream.blocking_read(CHUNK) {
            Ok(chunk) if bytes.is_empty() => bytes = chunk,
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(err)) => return Err(err.to_debug_string()),
        }
    }
    drop(stream);
    IncomingBody::finish(body);
    Ok(bytes)
}

fn send(response: Response, out: ResponseOutparam) {
    let headers = Fields::new();
    for (name, value) in &response.headers {
        // A request id that is no header's value is left out; the others always are.
        let _ = headers.append(&(*name).to_owned(), &value.clone().into_bytes());
    }
    let outgoing = OutgoingResponse::new(headers);
    // 200 is what it has.
    let _ = outgoing.set_status_code(response.status);
    let Ok(body) = outgoing.body() else { return };
    ResponseOutparam::set(out, Ok(outgoing));
    // Who hung up does not hear the rest.
    if let Ok(stream) = body.write() {
        let _ = write(&stream, &response.body);
    }
    let _ = OutgoingBody::finish(body, None);
}

fn write(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    // What a host must take at once.
    const ATOMIC: usize = 4096;
    while let Some((chunk, rest)) =
        bytes.split_at_checked(bytes.len().min(ATOMIC)).filter(|(chunk, _)| !chunk.is_empty())
    {
        stream.blocking_write_and_flush(chunk)?;
        bytes = rest;
    }
    Ok(())
}
