//! A transform that does harm on purpose, for the host's tests. Its configuration says which and when:
//! `{ "harm": "trap", "when": "process" }`, `when` being some of `configure`, `bind` and `process`. It is written
//! against the bindings, not the SDK's traits, so that it can answer with what the SDK would never encode.
#![allow(clippy::all, unconditional_recursion, reason = "harm is the point")]

#[cfg(target_family = "wasm")]
mod component {
    use std::cell::RefCell;
    use std::sync::Arc;

    use wasmill_sdk::arrow;
    use wasmill_sdk::bindings::imports::wasmill::pipeline::types::{Context, Failure, Output};
    use wasmill_sdk::bindings::outbound::wasi::http0_2_0::outgoing_handler::handle;
    use wasmill_sdk::bindings::outbound::wasi::http0_2_0::types::{Fields, IncomingBody, OutgoingRequest, Scheme};
    use wasmill_sdk::bindings::transform::exports::wasmill::pipeline::transform::{Bound, Guest, Scope};

    struct Hostile;

    thread_local! {
        static HARM: RefCell<(String, String)> = RefCell::default();
        static INPUT: RefCell<Vec<u8>> = RefCell::default();
        static FETCH: RefCell<(String, String)> = RefCell::default();
    }

    impl Guest for Hostile {
        fn configure(config: String) -> Result<(), String> {
            let config: serde_json::Value = serde_json::from_str(&config).unwrap();
            let text = |key: &str| config[key].as_str().unwrap_or_default().to_owned();
            HARM.set((text("when"), text("harm")));
            FETCH.set((text("url"), text("setting")));
            harm("configure");
            Ok(())
        }

        fn put_table(_: String, _: Vec<u8>) -> Result<(), String> {
            Ok(())
        }

        fn bind(input: Vec<u8>) -> Result<Bound, String> {
            let schema = match harm("bind") {
                Some(answer) => answer,
                None => input.clone(),
            };
            INPUT.set(input);
            Ok(Bound { schema, scope: Scope::Row, routes: Vec::new() })
        }

        fn process(ctx: Context, rows: Vec<u8>) -> Result<Output, Failure> {
            match HARM.with_borrow(|(_, harm)| harm.clone()).as_str() {
                "fetch" => {
                    return fetch().map(|()| Output { batch: rows, rejects: None, routes: None }).map_err(Into::into);
                }
                "long-reject" => return Err(Failure::Reject("x".repeat(10 << 20))),
                "retry-twice" if ctx.attempt <= 2 => return Err(Failure::Retry(format!("attempt {}", ctx.attempt))),
                "trap-twice" if ctx.attempt <= 2 => std::process::abort(),
                _ => {}
            }
            let batch = match harm("process") {
                Some(answer) => answer,
                None => rows,
            };
            Ok(Output { batch, rejects: None, routes: None })
        }

        fn finish(_: Context) -> Result<Output, Failure> {
            Err(Failure::Other("scope is row".into()))
        }
    }

    /// Does the harm if now is when; an answer instead of the right one, if that is the harm.
    fn harm(now: &str) -> Option<Vec<u8>> {
        let (when, harm) = HARM.with_borrow(Clone::clone);
        if !when.split(' ').any(|when| when == now) {
            return None;
        }
        match harm.as_str() {
            // What is printed is shown only with an error.
            "print" => {
                eprintln!("printed in {now}");
                if now == "process" {
                    std::process::abort();
                }
                None
            }
            "setting" => {
                wasmill_sdk::setting("API_KEY");
                None
            }
            // Depends on the attempt, which `process` knows.
            "retry-twice" | "trap-twice" => None,
            "fetch" => {
                let _ = fetch();
                None
            }
            // Into a request that is never sent.
            "stuck" => {
                let request = OutgoingRequest::new(Fields::new());
                let body = request.body().unwrap();
                let stream = body.write().unwrap();
                loop {
                    stream.blocking_write_and_flush(&[0; 4096]).unwrap();
                }
            }
            // Before an answer that has no end.
            "trailers" => {
                let request = OutgoingRequest::new(Fields::new());
                let url: http::Uri = FETCH.with_borrow(|(url, _)| url.parse()).unwrap();
                request.set_scheme(Some(&Scheme::Http)).unwrap();
                request.set_authority(url.authority().map(|authority| authority.as_str())).unwrap();
                request.set_path_with_query(Some("/")).unwrap();
                let answer = handle(request, None).unwrap();
                answer.subscribe().block();
                let answer = answer.get().unwrap().unwrap().unwrap();
                let trailers = IncomingBody::finish(answer.consume().unwrap());
                loop {
                    trailers.subscribe().block();
                }
            }
            "handles" => loop {
                std::mem::forget(Fields::new());
            },
            "headers" => {
                let fields = Fields::new();
                for index in 0.. {
                    fields.append(&format!("x-{index}"), &[b'x'; 1000]).expect("more headers");
                }
                None
            }
            "trap" => std::process::abort(),
            "panic" => panic!("harm was asked for"),
            "loop" => loop {
                std::hint::black_box(());
            },
            "sleep" => {
                std::thread::sleep(std::time::Duration::from_secs(u64::MAX));
                None
            }
            "memory" => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(vec![1_u8; 1 << 20]);
                    std::hint::black_box(&hoard);
                }
            }
            "recursion" => Some(vec![deeper(1); 1]),
            "stderr" => {
                for line in 0..200_000 {
                    eprintln!("line {line} of far too many, {}", "x".repeat(100));
                }
                panic!("after much was printed");
            }
            "not-arrow" => Some(b"this is not an Arrow stream, whatever the interface says".to_vec()),
            "cut-arrow" => INPUT.with_borrow(|input| Some(input[..input.len() / 2].to_vec())),
            "empty" => Some(Vec::new()),
            "wide" => Some(columns(5_000)),
            "columns" => Some(columns(1_000_000)),
            "other-schema" => {
                let field = arrow_schema::Field::new("surprise", arrow_schema::DataType::Int8, true);
                Some(arrow::encode_schema(&Arc::new(arrow_schema::Schema::new(vec![field]))).unwrap())
            }
            other => panic!("no such harm: {other}"),
        }
    }

    /// Asks for the URL with what is secret, follows where it leads, and tells everybody.
    fn fetch() -> Result<(), wasmill_sdk::Failure> {
        let (mut url, setting) = FETCH.with_borrow(Clone::clone);
        let asked = Some(setting).filter(|setting| !setting.is_empty());
        let secret = asked.and_then(|setting| wasmill_sdk::setting(&setting)).unwrap_or_default();
        loop {
            println!("asking {url} with {secret}");
            let request = http::Request::get(&url).header("authorization", format!("Bearer {secret}"));
            let answer = wasmill_sdk::http::send(request.body(Vec::new()).unwrap())?;
            match answer.headers().get("location") {
                Some(next) => url = next.to_str().unwrap().to_owned(),
                None => {
                    wasmill_sdk::http::accepted(answer)?;
                    return if url.ends_with("/tell") {
                        Err(wasmill_sdk::Failure::Reject(format!("it is {secret}")))
                    } else {
                        Ok(())
                    };
                }
            }
        }
    }

    fn columns(count: usize) -> Vec<u8> {
        let field = |index| arrow_schema::Field::new(format!("c{index}"), arrow_schema::DataType::Int8, true);
        arrow::encode_schema(&Arc::new(arrow_schema::Schema::new((0..count).map(field).collect::<Vec<_>>()))).unwrap()
    }

    #[inline(never)]
    fn deeper(depth: u64) -> u8 {
        let page = std::hint::black_box([depth as u8; 64]);
        std::hint::black_box(deeper(depth + 1)).wrapping_add(page[depth as usize % 64])
    }

    wasmill_sdk::bindings::transform::export_transform_world!(Hostile with_types_in wasmill_sdk::bindings::transform);
}
