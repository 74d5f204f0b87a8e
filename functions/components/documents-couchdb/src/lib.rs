//! The component `documents-couchdb`: Apache CouchDB; see the crate `wasmill-documents`.

wasmill_sdk::export_documents!(wasmill_documents::couch::Couch);
