//! Between `wasi:http` 0.2 and the gateway.

use wasmill_events::shell;

use self::bindings::exports::wasi::http0_2_0::incoming_handler::Guest as Handler;
use self::bindings::exports::wasmill::pipeline::part;
use self::bindings::wasi::http0_2_0::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use self::bindings::wasi::io::streams::{OutputStream, StreamError};
use self::bindings::wasi::random::random::get_random_u64;
use crate::chain::Steps;

pub mod bindings {
    wit_bindgen::generate!({ world: "events-gateway", path: "../../../wit", generate_all });
}

struct Shell;

bindings::export!(Shell with_types_in bindings);
wasmill_gateway::method_name!();
wasmill_gateway::wasi_http!();

impl part::Guest for Shell {
    fn configure(config: String) -> Result<(), String> {
        shell::configure(&config)
    }
}

impl Handler for Shell {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let (method, target) = (method_name(request.method()), request.path_with_query());
        let head = wasmill_gateway::shell::head(method, target, request.headers().entries());
        let fresh = || u128::from(get_random_u64()) << 64 | u128::from(get_random_u64());
        send(shell::answer(head, |most| read(&request, most), fresh, &mut Steps::default()), out);
    }
}
