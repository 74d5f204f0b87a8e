//! Between `wasi:http` 0.3 and the router. An instance takes requests while others wait for their bodies.

use wasmill_gateway::shell;

use self::bindings::exports::wasi::http0_3_0::handler::Guest as Handler;
use self::bindings::wasi::http0_3_0::types::{ErrorCode, Fields, Method, Request, Response};
use self::bindings::{wit_future, wit_stream};

mod bindings {
    wit_bindgen::generate!({ world: "scoring-gateway-p3", path: "../../../wit", generate_all });
}

/// How much of a body is read at once at least, in bytes.
const CHUNK: usize = 64 << 10;

struct Shell;

bindings::export!(Shell with_types_in bindings);
wasmill_gateway::shell!();

impl Handler for Shell {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let head = shell::head(
            method_name(request.get_method()),
            request.get_path_with_query(),
            request.get_headers().copy_all(),
        );
        let body = read(request).await;
        Ok(send(shell::answer(head, body, &mut Scoring)))
    }
}

async fn read(request: Request) -> Result<Vec<u8>, String> {
    // The host hears that the body was taken when the other end is dropped.
    let (_taken, taken) = wit_future::new(|| Ok(()));
    let (mut stream, end) = Request::consume_body(request, taken);
    let mut bytes = Vec::with_capacity(CHUNK);
    loop {
        if bytes.len() == bytes.capacity() {
            bytes.reserve(CHUNK);
        }
        let (result, read) = stream.read(bytes).await;
        bytes = read;
        if result == wit_bindgen::StreamResult::Dropped {
            break;
        }
    }
    match end.await {
        Ok(_) => Ok(bytes),
        Err(err) => Err(err.to_string()),
    }
}

fn send(response: wasmill_gateway::Response) -> Response {
    let headers = Fields::new();
    for (name, value) in &response.headers {
        // A request id that is no header's value is left out; the others always are.
        let _ = headers.append(name, value.as_bytes());
    }
    let (mut writer, body) = wit_stream::new();
    // No trailers: what is said when the other end is dropped.
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (outgoing, _) = Response::new(headers, Some(body), trailers);
    // 200 is what it has.
    let _ = outgoing.set_status_code(response.status);
    wit_bindgen::spawn_local(async move {
        // Who hung up does not hear the rest.
        let _ = writer.write_all(response.body).await;
    });
    outgoing
}
