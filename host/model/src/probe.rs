//! What only an engine can say of a model: whether its tables and expressions are there, and its keys are keys.

use crate::dialect::Dialect;
use crate::model::{Computation, Model, Rows, Scalar};
use crate::security::{Attributes, SecurityError};

/// A statement that tells whether something of a model is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What it is about: ``dimension `country` ``.
    pub what: String,
    /// The statement. An engine that refuses it says what is wrong.
    pub sql: String,
    /// What is wrong if it has a row.
    pub refutes: Option<String>,
}

impl Model {
    /// Statements that an engine runs for whoever checks a model; none reads more than it has to. Expressions are tried
    /// on no rows; a key is counted, since one that is none makes rows count several times.
    pub fn probes(&self, dialect: Dialect) -> Vec<Probe> {
        let mut probes = Vec::new();
        for (name, table) in &self.tables {
            let place = place(name, &table.rows, dialect);
            let names = table.columns.iter().chain(&table.primary_key).map(|column| dialect.name(column));
            let names: Vec<String> = names.chain(["1".to_owned()]).collect();
            let sql = format!("SELECT {} FROM {place} LIMIT 0", names.join(", "));
            probes.push(Probe { what: format!("table `{name}`"), sql, refutes: None });
            if !table.primary_key.is_empty() {
                let keys: Vec<String> = table.primary_key.iter().map(|column| dialect.name(column)).collect();
                let keys = keys.join(", ");
                let sql = format!("SELECT {keys} FROM {place} GROUP BY {keys} HAVING COUNT(*) > 1 LIMIT 1");
                let refutes = Some("rows have the same primary key, and would count several times".to_owned());
                probes.push(Probe { what: format!("table `{name}`"), sql, refutes });
            }
        }
        for (name, dimension) in &self.dimensions {
            for source in &dimension.sources {
                let value = scalar(&source.value, dialect);
                probes.extend(self.probe(format!("dimension `{name}`"), &source.table, &value, dialect));
            }
        }
        for (name, measure) in &self.measures {
            let Computation::Aggregate { table, value, filter, .. } = &measure.computation else { continue };
            let value = value.iter().map(|value| scalar(value, dialect));
            let filter = filter.iter().map(|filter| format!("CASE WHEN ({filter}) THEN 1 END"));
            for sql in value.chain(filter) {
                probes.extend(self.probe(format!("measure `{name}`"), table, &sql, dialect));
            }
        }
        probes
    }

    /// The same of what tables show somebody.
    pub fn security_probes(&self, attributes: &Attributes, dialect: Dialect) -> Result<Vec<Probe>, SecurityError> {
        let mut probes = Vec::new();
        for (name, table) in &self.tables {
            let Some(security) = &table.security else { continue };
            let place = place(name, &table.rows, dialect);
            let sql = format!("SELECT 1 FROM {place} WHERE ({}) LIMIT 0", security.sql(attributes)?);
            probes.push(Probe { what: format!("security of table `{name}`"), sql, refutes: None });
        }
        Ok(probes)
    }

    fn probe(&self, what: String, table: &str, value: &str, dialect: Dialect) -> Option<Probe> {
        let place = place(table, &self.tables.get(table)?.rows, dialect);
        Some(Probe { what, sql: format!("SELECT {value} AS \"value\" FROM {place} LIMIT 0"), refutes: None })
    }
}

/// A table's rows, as they stand after `FROM`.
pub(crate) fn place(name: &str, rows: &Rows, dialect: Dialect) -> String {
    match rows {
        Rows::Table(path) => path.split('.').map(|part| dialect.name(part)).collect::<Vec<_>>().join("."),
        Rows::Query(query) => format!("({query}) AS {}", dialect.name(name)),
    }
}

/// A value of a row, as SQL over its table's columns.
pub(crate) fn scalar(value: &Scalar, dialect: Dialect) -> String {
    match value {
        Scalar::Column(column) => dialect.name(column),
        Scalar::Sql(sql) => format!("({sql})"),
    }
}
