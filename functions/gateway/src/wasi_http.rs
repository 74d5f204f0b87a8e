//! What shells for WASI 0.2 share: between `wasi:http` and the types of [`crate::http`].

/// Functions to `read` a request's body and to `send` a response. In scope: `Fields`, `IncomingBody`, `IncomingRequest`,
/// `OutgoingBody`, `OutgoingResponse` and `ResponseOutparam` of `wasi:http`, `OutputStream` and `StreamError` of `wasi:io`.
#[macro_export]
macro_rules! wasi_http {
    () => {
        /// The request's body; of one that is longer than `most` bytes only so much that this can be told.
        fn read(request: &IncomingRequest, most: usize) -> Result<Vec<u8>, String> {
            let body = request.consume().map_err(|()| "it was read before")?;
            let mut bytes = Vec::new();
            let stream = body.stream().map_err(|()| "it was read before")?;
            while bytes.len() <= most {
                match stream.blocking_read(1 << 20) {
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

        fn send(response: $crate::Response, out: ResponseOutparam) {
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
    };
}
