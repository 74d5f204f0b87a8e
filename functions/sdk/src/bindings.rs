//! Generated from `wit/`: what functions import, and one module a kind for what they export.

/// What functions import.
pub mod imports {
    wit_bindgen::generate!({
        inline: "
            package wasmill:sdk;
            world imports {
                import wasmill:pipeline/types@0.1.0;
                import wasmill:pipeline/settings@0.1.0;
                import wasmill:pipeline/objects@0.1.0;
                import wasmill:pipeline/documents@0.1.0;
            }
        ",
        path: "../../wit",
        generate_all,
    });
}

/// The world `outbound`.
#[cfg(feature = "http")]
pub mod outbound {
    wit_bindgen::generate!({ world: "outbound", path: "../../wit", generate_all });
}

/// The world `ingest-function`.
pub mod ingest {
    wit_bindgen::generate!({
        world: "ingest-function",
        path: "../../wit",
        with: {
            "wasmill:pipeline/types@0.1.0": super::imports::wasmill::pipeline::types,
            "wasmill:pipeline/settings@0.1.0": super::imports::wasmill::pipeline::settings,
            "wasmill:pipeline/objects@0.1.0": super::imports::wasmill::pipeline::objects,
        },
        pub_export_macro: true,
        export_macro_name: "export_ingest_world",
        default_bindings_module: "wasmill_sdk::bindings::ingest",
    });
}

/// The world `transform-function`.
pub mod transform {
    wit_bindgen::generate!({
        world: "transform-function",
        path: "../../wit",
        with: {
            "wasmill:pipeline/types@0.1.0": super::imports::wasmill::pipeline::types,
            "wasmill:pipeline/settings@0.1.0": super::imports::wasmill::pipeline::settings,
        },
        pub_export_macro: true,
        export_macro_name: "export_transform_world",
        default_bindings_module: "wasmill_sdk::bindings::transform",
    });
}

/// The world `score-function`.
pub mod score {
    wit_bindgen::generate!({
        world: "score-function",
        path: "../../wit",
        with: {
            "wasmill:pipeline/types@0.1.0": super::imports::wasmill::pipeline::types,
            "wasmill:pipeline/settings@0.1.0": super::imports::wasmill::pipeline::settings,
        },
        pub_export_macro: true,
        export_macro_name: "export_score_world",
        default_bindings_module: "wasmill_sdk::bindings::score",
    });
}

/// The world `publish-function`.
pub mod publish {
    wit_bindgen::generate!({
        world: "publish-function",
        path: "../../wit",
        with: {
            "wasmill:pipeline/types@0.1.0": super::imports::wasmill::pipeline::types,
            "wasmill:pipeline/settings@0.1.0": super::imports::wasmill::pipeline::settings,
            "wasmill:pipeline/documents@0.1.0": super::imports::wasmill::pipeline::documents,
        },
        pub_export_macro: true,
        export_macro_name: "export_publish_world",
        default_bindings_module: "wasmill_sdk::bindings::publish",
    });
}

/// The world `documents-function`.
#[cfg(feature = "http")]
pub mod documents {
    wit_bindgen::generate!({
        world: "documents-function",
        path: "../../wit",
        with: {
            "wasmill:pipeline/types@0.1.0": super::imports::wasmill::pipeline::types,
            "wasmill:pipeline/settings@0.1.0": super::imports::wasmill::pipeline::settings,
            "wasi:http/outgoing-handler@0.2.0": super::outbound::wasi::http0_2_0::outgoing_handler,
            "wasi:http/types@0.2.0": super::outbound::wasi::http0_2_0::types,
            "wasi:clocks/monotonic-clock@0.2.0": super::outbound::wasi::clocks0_2_0::monotonic_clock,
            "wasi:io/poll@0.2.0": super::outbound::wasi::io::poll,
            "wasi:io/streams@0.2.0": super::outbound::wasi::io::streams,
            "wasi:io/error@0.2.0": super::outbound::wasi::io::error,
        },
        pub_export_macro: true,
        export_macro_name: "export_documents_world",
        default_bindings_module: "wasmill_sdk::bindings::documents",
    });
}
