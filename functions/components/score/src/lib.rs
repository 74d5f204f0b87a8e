//! The component `score`: rows through an ONNX model; see the crate `wasmill-score`.

wasmill_sdk::export_score!(wasmill_score::Scorer);
