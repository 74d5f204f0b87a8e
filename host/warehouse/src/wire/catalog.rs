//! PostgreSQL's catalog as `datafusion-postgres` makes it, of what somebody sees.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::context::{PgCatalogContextProvider, Role};
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::{
    PgCatalogSchemaProvider, PgCatalogStaticTables, setup_pg_catalog,
};
use deltalake_core::datafusion::catalog::{CatalogProviderList, SchemaProvider, TableProvider};
use deltalake_core::datafusion::common::Result;
use deltalake_core::datafusion::prelude::SessionContext;

use crate::query::names::{CATALOG, INFORMATION};

mod information;
mod tables;

use information::Information;
use tables::Tables;

pub use tables::{FUNCTIONS, MADE, NONE, NUMBER};

/// The catalog's schema.
const SCHEMA: &str = "pg_catalog";

/// Tables that say how people log in, and those of whoever recorded the catalog.
const HIDDEN: [&str; 5] = ["pg_authid", "pg_shadow", "pg_user_mapping", "pg_hba_file_rules", "pg_stat_ssl"];

/// Has a context know the catalog, of what there is in a list of catalogs, with what is said of tables.
pub fn register(
    context: &SessionContext,
    listing: &Arc<dyn CatalogProviderList>,
    user: &str,
    descriptions: Vec<(String, String)>,
) -> Result<()> {
    let roles = Roles(user.to_owned());
    setup_pg_catalog(context, CATALOG, roles.clone()).map_err(|err| *err)?;
    // Its functions are taken as they are; its tables list what can be listed.
    let tables = PgCatalogSchemaProvider::try_new(listing.clone(), fixed()?, roles)?;
    let tables = Arc::new(Catalog(Tables::new(Arc::new(tables), listing.clone(), user, descriptions)?));
    for catalog in [listing.catalog(CATALOG), context.catalog(CATALOG)].into_iter().flatten() {
        catalog.register_schema(SCHEMA, tables.clone())?;
        if let Some(information) = catalog.schema(INFORMATION) {
            catalog.register_schema(INFORMATION, Arc::new(Information::new(information, listing.clone())))?;
        }
    }
    Ok(())
}

/// The tables that are the same for everybody.
fn fixed() -> Result<Arc<PgCatalogStaticTables>> {
    static FIXED: OnceLock<Arc<PgCatalogStaticTables>> = OnceLock::new();
    if let Some(fixed) = FIXED.get() {
        return Ok(fixed.clone());
    }
    let made = Arc::new(PgCatalogStaticTables::try_new()?);
    Ok(FIXED.get_or_init(|| made).clone())
}

/// Whether nobody is to see a table. The catalog takes its names in any letters.
fn is_hidden(name: &str) -> bool {
    HIDDEN.iter().any(|hidden| hidden.eq_ignore_ascii_case(name))
}

/// The catalog without what nobody is to see.
#[derive(Debug)]
struct Catalog(Tables);

#[async_trait]
impl SchemaProvider for Catalog {
    fn table_names(&self) -> Vec<String> {
        self.0.table_names().into_iter().filter(|name| !is_hidden(name)).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if is_hidden(name) { Ok(None) } else { self.0.table(name).await }
    }

    fn table_exist(&self, name: &str) -> bool {
        !is_hidden(name) && self.0.table_exist(name)
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
