//! What the standard library asks of a C library that has no threads.
//!
//! Some wasm32-wasip2 toolchains link without these. Nothing here starts a thread (the runtime has one, and
//! no work is handed to a pool), but tokio refers to the functions, and without link-time optimisation the
//! linker wants them.

use std::ffi::{c_int, c_void};

/// `ENOSYS` of WASI.
const NOT_SUPPORTED: c_int = 52;

#[unsafe(no_mangle)]
extern "C" fn pthread_create(_: *mut c_void, _: *const c_void, _: *const c_void, _: *mut c_void) -> c_int {
    NOT_SUPPORTED
}

#[unsafe(no_mangle)]
extern "C" fn pthread_join(_: *mut c_void, _: *mut c_void) -> c_int {
    NOT_SUPPORTED
}

#[unsafe(no_mangle)]
extern "C" fn pthread_detach(_: *mut c_void) -> c_int {
    NOT_SUPPORTED
}
