//! A component that answers every request with the headers of the request.

use std::path::Path;
use std::sync::LazyLock;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const WORLD: &str = "
    package wasmill:echo;
    world echo {
        import wasi:http/types@0.2.0;
        export wasi:http/incoming-handler@0.2.0;
    }
";

/// The parameters of `response-outparam.set` are the place for the answer, 0 for `ok`, and the answer; the others are
/// of errors.
const MODULE: &str = r#"
    (module
        (import "wasi:http/types@0.2.0" "[method]incoming-request.headers" (func $headers (param i32) (result i32)))
        (import "wasi:http/types@0.2.0" "[method]fields.clone" (func $clone (param i32) (result i32)))
        (import "wasi:http/types@0.2.0" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
        (import "wasi:http/types@0.2.0" "[static]response-outparam.set"
            (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
            (call $set
                (local.get $out) (i32.const 0)
                (call $response (call $clone (call $headers (local.get $request))))
                (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))
"#;

pub static ECHO: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut resolve = Resolve::default();
    resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")).unwrap();
    let package = resolve.push_str("echo.wit", WORLD).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wat::parse_str(MODULE).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
});
