//! The component `documents-cosmos`: Azure Cosmos DB for NoSQL; see the crate `wasmill-documents`.

wasmill_sdk::export_documents!(wasmill_documents::cosmos::Cosmos);
