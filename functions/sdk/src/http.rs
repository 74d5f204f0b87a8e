//! HTTP requests, to where the manifest grants (`grants = { http = ["https://api.example.com"] }`): `wasi:http` 0.2 with
//! the types of the crate `http`. Natively there is nobody to send them: keep what makes requests and reads answers in
//! functions of its own, and test those.

use http::{Request, Response, StatusCode};

use crate::types::Failure;

/// The longest body of an answer that is read, in bytes.
pub const BODY_LIMIT: usize = 64 << 20;

/// Sends a request and waits for the whole answer, whatever its status. Redirects are not followed. What does not answer
/// is [`Failure::Retry`]; what is not granted is [`Failure::Other`], and the host says what to write to grant it.
///
/// The wait for the answer's head ends a little before the deadline of the call (`limits = { deadline_seconds = … }` of the
/// step), so that there is time left to return the failure.
pub fn send(request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
    send_all(vec![request], 1).pop().unwrap_or_else(|| Err(Failure::Other("no answer".into())))
}

/// Sends requests, `at_once` of them at the same time, and waits for all answers, which are in the order of the requests;
/// see [`send`]. A host allows 32 at once.
pub fn send_all(requests: Vec<Request<Vec<u8>>>, at_once: usize) -> Vec<Result<Response<Vec<u8>>, Failure>> {
    #[cfg(target_family = "wasm")]
    return wasi::send_all(requests, at_once.max(1));
    #[cfg(not(target_family = "wasm"))]
    {
        let _ = at_once;
        let refused = |request: Request<Vec<u8>>| {
            Err(Failure::Other(format!(
                "{} {}: requests are sent only in a component",
                request.method(),
                request.uri()
            )))
        };
        requests.into_iter().map(refused).collect()
    }
}

/// The answer, if it is one of success (2xx). Statuses that pass (408, 425, 429, 5xx) are [`Failure::Retry`], others
/// [`Failure::Reject`], with the beginning of the body.
pub fn accepted(response: Response<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = String::from_utf8_lossy(response.body().get(..200).unwrap_or(response.body())).trim().to_owned();
    let message = if body.is_empty() { status.to_string() } else { format!("{status}: {body}") };
    let passes = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
    Err(if passes || status.is_server_error() { Failure::Retry(message) } else { Failure::Reject(message) })
}

#[cfg(target_family = "wasm")]
mod wasi {
    use http::uri::Scheme;
    use http::{Request, Response};

    use super::BODY_LIMIT;
    use crate::bindings::outbound::wasi::http0_2_0::outgoing_handler::handle;
    use crate::bindings::outbound::wasi::http0_2_0::types::{
        ErrorCode, Fields, FutureIncomingResponse, IncomingBody, Method, OutgoingBody, OutgoingRequest,
        Scheme as WasiScheme,
    };
    use crate::bindings::outbound::wasi::io::poll::{Pollable, poll};
    use crate::bindings::outbound::wasi::io::streams::StreamError;
    use crate::types::Failure;

    /// How much is written or read at once, in bytes.
    const CHUNK: usize = 4096;

    /// A request that was sent.
    struct Sent {
        /// Its place among all.
        index: usize,
        origin: String,
        // Dropped before what it waits for.
        ready: Pollable,
        answer: FutureIncomingResponse,
    }

    pub fn send_all(requests: Vec<Request<Vec<u8>>>, at_once: usize) -> Vec<Result<Response<Vec<u8>>, Failure>> {
        let mut answers: Vec<_> = requests.iter().map(|_| Err(Failure::Other("no answer".into()))).collect();
        let mut waiting = requests.into_iter().enumerate();
        let mut sent: Vec<Sent> = Vec::new();
        loop {
            for (index, request) in waiting.by_ref().take(at_once.saturating_sub(sent.len())) {
                match start(index, request) {
                    Ok(one) => sent.push(one),
                    Err(failure) => put(&mut answers, index, Err(failure)),
                }
            }
            if sent.is_empty() {
                // Of those that were taken last none may have been sent.
                if waiting.len() == 0 {
                    return answers;
                }
                continue;
            }
            let mut ready = poll(&sent.iter().map(|one| &one.ready).collect::<Vec<_>>());
            // From the last, so that the places of the others stay what they are; a host may name them in any order.
            ready.sort_unstable();
            for place in ready.into_iter().rev() {
                let one = sent.swap_remove(place as usize);
                put(&mut answers, one.index, finish(one));
            }
        }
    }

    fn put<T>(answers: &mut [T], index: usize, answer: T) {
        if let Some(place) = answers.get_mut(index) {
            *place = answer;
        }
    }

    fn start(index: usize, request: Request<Vec<u8>>) -> Result<Sent, Failure> {
        let (head, body) = request.into_parts();
        let origin = format!("{} {}", head.method, head.uri.authority().map_or("", |authority| authority.as_str()));
        let bad = |what: &str| Failure::Other(format!("{origin}: {what}"));
        let headers: Vec<_> =
            head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        let headers = Fields::from_list(&headers).map_err(|err| bad(&format!("its headers are refused: {err}")))?;
        let outgoing = OutgoingRequest::new(headers);
        let scheme = match head.uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => WasiScheme::Http,
            Some(scheme) if *scheme == Scheme::HTTPS => WasiScheme::Https,
            _ => return Err(bad("a URL begins with `http://` or `https://`")),
        };
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        outgoing.set_method(&method(&head.method)).map_err(|()| bad("its method is refused"))?;
        outgoing.set_scheme(Some(&scheme)).map_err(|()| bad("its scheme is refused"))?;
        outgoing
            .set_authority(head.uri.authority().map(|authority| authority.as_str()))
            .map_err(|()| bad("its host is refused"))?;
        outgoing.set_path_with_query(Some(path)).map_err(|()| bad("its path is refused"))?;
        let sink = outgoing.body().map_err(|()| bad("it has no body"))?;
        let answer = handle(outgoing, None).map_err(|err| failed(&origin, &err))?;
        // A body that is not taken has its reason in the answer.
        let _ = write(sink, &body);
        Ok(Sent { index, origin, ready: answer.subscribe(), answer })
    }

    fn finish(sent: Sent) -> Result<Response<Vec<u8>>, Failure> {
        let Sent { origin, ready, answer, .. } = sent;
        drop(ready);
        let bad = |what: &str| Failure::Other(format!("{origin}: {what}"));
        let response = match answer.get() {
            Some(Ok(Ok(response))) => response,
            Some(Ok(Err(err))) => return Err(failed(&origin, &err)),
            _ => return Err(bad("the host gave no answer")),
        };
        let mut built = Response::builder().status(response.status());
        for (name, value) in response.headers().entries() {
            built = built.header(name, value);
        }
        let body = response.consume().map_err(|()| bad("its body is gone"))?;
        built.body(read(&origin, &body)?).map_err(|err| bad(&err.to_string()))
    }

    fn write(sink: OutgoingBody, body: &[u8]) -> Result<(), StreamError> {
        {
            let stream = sink.write().map_err(|()| StreamError::Closed)?;
            for chunk in body.chunks(CHUNK) {
                stream.blocking_write_and_flush(chunk)?;
            }
        }
        OutgoingBody::finish(sink, None).map_err(|_| StreamError::Closed)
    }

    fn read(origin: &str, body: &IncomingBody) -> Result<Vec<u8>, Failure> {
        let stream = body.stream().map_err(|()| Failure::Other(format!("{origin}: its body is gone")))?;
        let mut bytes = Vec::new();
        loop {
            match stream.blocking_read(16 * CHUNK as u64) {
                Ok(chunk) => bytes.extend_from_slice(&chunk),
                Err(StreamError::Closed) => return Ok(bytes),
                Err(StreamError::LastOperationFailed(err)) => {
                    return Err(Failure::Retry(format!("{origin}: the answer broke off: {}", err.to_debug_string())));
                }
            }
            if bytes.len() > BODY_LIMIT {
                return Err(Failure::Reject(format!("{origin}: the answer is longer than {} MiB", BODY_LIMIT >> 20)));
            }
        }
    }

    fn method(method: &http::Method) -> Method {
        match method.as_str() {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "CONNECT" => Method::Connect,
            "OPTIONS" => Method::Options,
            "TRACE" => Method::Trace,
            "PATCH" => Method::Patch,
            other => Method::Other(other.to_owned()),
        }
    }

    /// What a request that came to nothing means: nothing is gained by sending one again that is refused as it is.
    fn failed(origin: &str, err: &ErrorCode) -> Failure {
        let message = format!("{origin}: {err}");
        match err {
            ErrorCode::HttpRequestDenied
            | ErrorCode::HttpRequestUriInvalid
            | ErrorCode::HttpRequestMethodInvalid
            | ErrorCode::HttpRequestBodySize(_)
            | ErrorCode::HttpProtocolError
            | ErrorCode::ConfigurationError => Failure::Other(message),
            _ => Failure::Retry(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_what_refuses_is_not() {
        let answer = |status: u16, body: &str| accepted(Response::builder().status(status).body(body.into()).unwrap());
        assert!(answer(200, "").is_ok() && answer(204, "").is_ok());
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert!(matches!(answer(status, "later"), Err(Failure::Retry(_))), "{status}");
        }
        for status in [301, 400, 401, 404, 409] {
            assert!(matches!(answer(status, "no"), Err(Failure::Reject(_))), "{status}");
        }
        assert_eq!(answer(400, " no \n").unwrap_err(), Failure::Reject("400 Bad Request: no".into()));
        assert!(answer(500, &"x".repeat(10_000)).unwrap_err().to_string().len() < 300);
    }
}
