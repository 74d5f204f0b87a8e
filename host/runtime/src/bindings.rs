//! Generated from `wit/`: what the host gives to functions (`imports`), and one module a kind of function
//! for what it calls.

/// What the host gives to functions.
pub mod imports {
    wasmtime::component::bindgen!({
        inline: "
            package wasmill:host;
            world imports {
                import wasmill:pipeline/types@0.1.0;
                import wasmill:pipeline/settings@0.1.0;
                import wasmill:pipeline/objects@0.1.0;
                import wasmill:pipeline/documents@0.1.0;
            }
        ",
        path: "../../wit",
        imports: { default: trappable },
        with: { "wasmill:pipeline/objects.source": crate::capability::objects::OpenObject },
    });
}

/// Functions of kind `ingest`.
pub mod ingest {
    wasmtime::component::bindgen!({
        world: "ingest-function",
        path: "../../wit",
        with: {
            "wasmill:pipeline/types@0.1.0": crate::bindings::imports::wasmill::pipeline::types,
            "wasmill:pipeline/settings@0.1.0": crate::bindings::imports::wasmill::pipeline::settings,
            "wasmill:pipeline/objects@0.1.0": crate::bindings::imports::wasmill::pipeline::objects,
        },
    });
}

/// Functions of kind `transform`.
pub mod transform {
    wasmtime::component::bindgen!({
        world: "transform-function",
        path: "../../wit",
        with: {
            "wasmill:pipeline/types@0.1.0": crate::bindings::imports::wasmill::pipeline::types,
            "wasmill:pipeline/settings@0.1.0": crate::bindings::imports::wasmill::pipeline::settings,
        },
    });
}

/// Functions of kind `score`.
pub mod score {
    wasmtime::component::bindgen!({
        world: "score-function",
        path: "../../wit",
        with: {
            "wasmill:pipeline/types@0.1.0": crate::bindings::imports::wasmill::pipeline::types,
            "wasmill:pipeline/settings@0.1.0": crate::bindings::imports::wasmill::pipeline::settings,
        },
    });
}

/// Gateways, before they are composed.
pub mod gateway {
    wasmtime::component::bindgen!({
        world: "gateway-function",
        path: "../../wit",
        with: {
            "wasmill:pipeline/types@0.1.0": crate::bindings::imports::wasmill::pipeline::types,
        },
    });
}

/// Parts of compositions that are no functions, before they are composed.
pub mod part {
    wasmtime::component::bindgen!({ world: "composed-part", path: "../../wit" });
}

/// Adapters of document databases. What they import is what every function does, but for the clock.
pub mod adapter {
    wasmtime::component::bindgen!({
        inline: "
            package wasmill:host;
            world documents-adapter {
                import wasmill:pipeline/types@0.1.0;
                export wasmill:pipeline/document-adapter@0.1.0;
                export wasmill:pipeline/documents@0.1.0;
            }
        ",
        path: "../../wit",
        with: {
            "wasmill:pipeline/types@0.1.0": crate::bindings::imports::wasmill::pipeline::types,
        },
    });
}

/// Functions of kind `publish`.
pub mod publish {
    wasmtime::component::bindgen!({
        world: "publish-function",
        path: "../../wit",
        with: {
            "wasmill:pipeline/types@0.1.0": crate::bindings::imports::wasmill::pipeline::types,
            "wasmill:pipeline/settings@0.1.0": crate::bindings::imports::wasmill::pipeline::settings,
            "wasmill:pipeline/documents@0.1.0": crate::bindings::imports::wasmill::pipeline::documents,
        },
    });
}
