//! The component `publish`: rows to documents; see the crate `wasmill-publish`.

wasmill_sdk::export_publish!(wasmill_publish::Publisher);
