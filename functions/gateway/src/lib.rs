//! The scoring gateway: HTTP in front of a scoring function. It speaks the Open Inference Protocol, version 2
//! (<https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol>), which KServe, Triton,
//! MLServer and OpenVINO share, and takes rows in the forms that data comes in.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v2` | name, version, extensions |
//! | `GET /v2/health/live`, `/v2/health/ready` | 200 |
//! | `GET /v2/models/MODEL[/versions/V]` | the model's tensors: names, datatypes, shapes |
//! | `GET /v2/models/MODEL[/versions/V]/ready` | 200 |
//! | `POST /v2/models/MODEL[/versions/V]/infer` | tensors for tensors, in JSON or with the binary tensor extension |
//! | `POST /v2/repository/index` | the one model |
//! | `POST /v1/score[?columns=A,B]` | rows for rows: JSON, JSON lines, CSV or an Arrow stream, as `Content-Type` and `Accept` say |
//!
//! An error is `{"error": "…"}` with what to change. The protocol's gRPC form is not covered.
//!
//! # Layout
//! - [`router`]: what a request asks for; [`http`]: requests and responses; [`config`]: what the gateway is told.
//! - [`shell`](mod@shell): what the components for WASI 0.2 and 0.3 share; `wasi_http`: what those for 0.2 do.
//! - [`rows`]: rows in and out, for `/v1/score`; [`infer`]: tensors in and out; [`tensor`]: a tensor's values.

pub mod config;
pub mod http;
pub mod infer;
pub mod router;
pub mod rows;
pub mod shell;
pub mod tensor;
mod wasi_http;

pub use config::Config;
pub use http::{Problem, Request, Response};
pub use router::{Gateway, Score};
#[cfg(test)]
mod tests;
