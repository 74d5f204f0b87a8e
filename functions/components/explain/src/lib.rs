//! The component `explain`: why a measure moved; see the crate `wasmill-explain`.

wasmill_sdk::export_transform!(wasmill_explain::function::Explain);
