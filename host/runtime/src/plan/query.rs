//! What can be asked about a pipeline in SQL, as it is planned.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{ForeignTable, SinkTable, TablePlace};
use crate::manifest::{Id, TableName};
use crate::store::Location;

/// What a pipeline has that can be asked in SQL.
#[derive(Debug, Default)]
pub struct QueryPlan {
    /// The stores, whose objects are named by paths that begin with the store's name.
    pub stores: BTreeMap<Id, Location>,
    /// The tables of sinks, by the sinks' names.
    pub sinks: BTreeMap<Id, SinkTable>,
    /// The reference tables.
    pub tables: BTreeMap<TableName, QueryTable>,
    /// The views.
    pub views: BTreeMap<TableName, ViewPlan>,
    /// The databases.
    pub databases: BTreeMap<TableName, DatabasePlace>,
    /// The file of the semantic model.
    pub semantic_model: Option<PathBuf>,
    /// The files of reports on it.
    pub reports: Vec<PathBuf>,
}

/// A reference table that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryTable {
    /// It is read by a function, as the pipeline does.
    Object,
    /// Of a lake or a database.
    Foreign(ForeignTable),
}

/// A view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewPlan {
    /// What it is for.
    pub description: Option<String>,
    /// The query.
    pub sql: String,
    /// The file that it is in, if it is in one.
    pub file: Option<PathBuf>,
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabasePlace {
    /// Of PostgreSQL, without a password.
    Postgres(String),
    /// Of MySQL or MariaDB, without a password.
    Mysql(String),
    /// A file of SQLite.
    Sqlite(PathBuf),
}

impl DatabasePlace {
    /// Of a database's URL; a file is relative to `base`. An error tells what to write.
    pub fn of(url: &str, base: &Path) -> Result<Self, String> {
        let server = |schemes: [&str; 2]| schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
        if let Some(file) = url.strip_prefix("sqlite:").filter(|file| !file.is_empty()) {
            let path = base.join(file);
            return if path.is_file() { Ok(Self::Sqlite(path)) } else { Err(format!("there is no file `{file}`")) };
        }
        let (rest, place, variable) = match (
            server(["postgres://", "postgresql://"]),
            server(["mysql://", "mariadb://"]),
        ) {
            (Some(rest), _) => (rest, Self::Postgres(url.to_owned()), "PGPASSWORD"),
            (_, Some(rest)) => (rest, Self::Mysql(url.to_owned()), "MYSQL_PWD"),
            _ => {
                // The rest may be a secret.
                let shown = url.split_once(':').map_or("", |(scheme, _)| scheme);
                return Err(format!(
                    "the url `{shown}:…` is not of a known kind\nhint: databases are `postgres://USER@HOST/DATABASE`, \
                     `mysql://USER@HOST/DATABASE` and `sqlite:FILE`"
                ));
            }
        };
        let user = rest.split_once('@').map_or("", |(user, _)| user);
        if user.contains(':') || rest.contains("password=") {
            return Err(format!(
                "the url has a password, and whoever reads it could read that\nhint: remove it, and set {variable} in the environment"
            ));
        }
        Ok(place)
    }

    /// A table or view there, `NAME` or `SCHEMA.NAME`.
    pub fn table(&self, table: &str) -> TablePlace {
        let table = table.to_owned();
        match self.clone() {
            Self::Postgres(url) => TablePlace::Postgres { url, table },
            Self::Mysql(url) => TablePlace::Mysql { url, table },
            Self::Sqlite(file) => TablePlace::Sqlite { file, table },
        }
    }
}

impl fmt::Display for DatabasePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(url) | Self::Mysql(url) => url.split('?').next().unwrap_or(url).fmt(f),
            Self::Sqlite(file) => file.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_what_a_database_is() {
        let of = |url| DatabasePlace::of(url, Path::new("/pipelines"));
        assert!(matches!(of("postgres://reader@db/shop?sslmode=require"), Ok(DatabasePlace::Postgres(_))));
        assert!(matches!(of("mariadb://reader@db/shop"), Ok(DatabasePlace::Mysql(_))));
        for (url, expect) in [
            ("postgres://reader:secret@db/shop", "set PGPASSWORD"),
            ("mysql://db/shop?password=secret", "set MYSQL_PWD"),
            ("sqlite:none.db", "there is no file `none.db`"),
            ("oracle://secret", "the url `oracle:…` is not of a known kind"),
            ("shop", "not of a known kind"),
        ] {
            let why = of(url).unwrap_err();
            assert!(why.contains(expect) && !why.contains("secret@"), "{why}");
        }
    }
}
