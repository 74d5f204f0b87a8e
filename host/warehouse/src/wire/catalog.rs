//! PostgreSQL's catalog as `datafusion-postgres` makes it, of what somebody sees.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::context::{PgCatalogContextProvider, Role};
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::{
    PgCatalogSchemaProvider, PgCatalogStaticTables, setup_pg_catalog,
};
use deltalake_core::datafusion::catalog::{CatalogProviderList, SchemaProvider, TableProvider};
use deltalake_core::datafusion::common::Result;
use deltalake_core::datafusion::prelude::SessionContext;

use crate::query::names::CATALOG;

/// The catalog's schema.
const SCHEMA: &str = "pg_catalog";

/// Tables that say how people log in, and those of whoever recorded the catalog.
const HIDDEN: [&str; 5] = ["pg_authid", "pg_shadow", "pg_user_mapping", "pg_hba_file_rules", "pg_stat_ssl"];

/// Has a context know the catalog, of what there is in a list of catalogs.
pub fn register(context: &SessionContext, listing: &Arc<dyn CatalogProviderList>, user: &str) -> Result<()> {
    let roles = Roles(user.to_owned());
    setup_pg_catalog(context, CATALOG, roles.clone()).map_err(|err| *err)?;
    // Its functions are taken as they are; its tables list what can be listed.
    let fixed = Arc::new(PgCatalogStaticTables::try_new()?);
    let tables = PgCatalogSchemaProvider::try_new(listing.clone(), fixed, roles)?;
    let tables = Arc::new(Catalog(Arc::new(tables)));
    for catalog in [listing.catalog(CATALOG), context.catalog(CATALOG)].into_iter().flatten() {
        catalog.register_schema(SCHEMA, tables.clone())?;
    }
    Ok(())
}

/// The catalog without what nobody is to see.
#[derive(Debug)]
struct Catalog(Arc<dyn SchemaProvider>);

#[async_trait]
impl SchemaProvider for Catalog {
    fn table_names(&self) -> Vec<String> {
        self.0.table_names().into_iter().filter(|name| !HIDDEN.contains(&name.as_str())).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if HIDDEN.contains(&name) { Ok(None) } else { self.0.table(name).await }
    }

    fn table_exist(&self, name: &str) -> bool {
        !HIDDEN.contains(&name) && self.0.table_exist(name)
    }
}

/// Whoever asks is the only one there is.
#[derive(Debug, Clone)]
struct Roles(String);

#[async_trait]
impl PgCatalogContextProvider for Roles {
    async fn roles(&self) -> Vec<String> {
        vec![self.0.clone()]
    }

    async fn role(&self, name: &str) -> Option<Role> {
        (name == self.0).then(|| Role {
            name: self.0.clone(),
            is_superuser: false,
            can_login: true,
            can_create_db: false,
            can_create_role: false,
            can_create_user: false,
            can_replication: false,
            grants: Vec::new(),
            inherited_roles: Vec::new(),
        })
    }
}
