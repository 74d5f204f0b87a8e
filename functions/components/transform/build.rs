//! Gives the component a deeper stack than the linker's 1 MiB: planning recurses over expressions, and a
//! `WHERE` of a thousand conditions would not fit. Only what is used is touched.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size=4194304");
    }
}
