//! The component `ingest`: objects to typed rows; see the crate `wasmill-ingest`.

wasmill_sdk::export_ingest!(wasmill_ingest::Function);
