//! Between `wasi:http` 0.2 and the router.

use wasmill_gateway::shell;

use self::bindings::exports::wasi::http0_2_0::incoming_handler::Guest as Handler;
use self::bindings::wasi::http0_2_0::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use self::bindings::wasi::io::streams::{OutputStream, StreamError};

mod bindings {
    wit_bindgen::generate!({ world: "scoring-gateway", path: "../../../wit", generate_all });
}

struct Shell;

bindings::export!(Shell with_types_in bindings);
wasmill_gateway::shell!();
wasmill_gateway::wasi_http!();

impl Handler for Shell {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let head = shell::head(method_name(request.method()), request.path_with_query(), request.headers().entries());
        let body = read(&request, usize::MAX);
        drop(request);
        send(shell::answer(head, body, &mut Scoring), out);
    }
}
