//! The rows of a table, each once, with what its dimensions are: the table, joined with tables that it leads to.
//!
//! Each table is a `SELECT` of its own in the join, so that an expression of it sees its columns and no others, and its
//! security is applied wherever it is read.

use crate::dialect::Dialect;
use crate::error::QueryError;
use crate::model::{Dimension, Model};
use crate::paths::{Path, Reach, paths, reach};
use crate::probe::{place, scalar};
use crate::problem::list;
use crate::security::Attributes;

/// Rows that are aggregated.
pub(super) struct Rows<'m> {
    model: &'m Model,
    dialect: Dialect,
    nodes: Vec<Node<'m>>,
    conditions: Vec<String>,
}

struct Node<'m> {
    table: &'m str,
    alias: String,
    /// How it is come to: the node before, the relationship.
    from: Option<(usize, usize)>,
    /// SQL of values that others name, each with its name.
    columns: Vec<(String, String)>,
}

impl<'m> Rows<'m> {
    /// The rows of a table that somebody sees.
    pub(super) fn new(model: &'m Model, table: &'m str, dialect: Dialect) -> Self {
        let node = Node { table, alias: dialect.name(table), from: None, columns: Vec::new() };
        let mut rows = Self { model, dialect, nodes: vec![node], conditions: Vec::new() };
        rows.hide();
        rows
    }

    /// A row that leads to a row that is hidden is hidden too: its total would tell of what is hidden.
    fn hide(&mut self) {
        let Some(base) = self.nodes.first().map(|node| node.table) else { return };
        for (name, table) in &self.model.tables {
            if table.security.is_none() || name == base {
                continue;
            }
            for path in paths(&self.model.relationships, base, name) {
                let node = self.node(&path);
                let Some((parent, relationship)) = self.nodes.get(node).and_then(|node| node.from) else { continue };
                let Some(relationship) = self.model.relationships.get(relationship) else { continue };
                let mut visible = Vec::new();
                for (from, to) in &relationship.keys {
                    // Of a row that leads nowhere nothing is hidden.
                    visible.push(format!("{} IS NULL", self.key(parent, from)));
                    visible.push(format!("{} IS NOT NULL", self.key(node, to)));
                }
                visible.dedup();
                self.conditions.push(format!("({})", visible.join(" OR ")));
            }
        }
    }

    /// The SQL of a dimension of these rows.
    pub(super) fn dimension(&mut self, name: &str, dimension: &Dimension) -> Result<String, QueryError> {
        let base = self.nodes.first().map(|node| node.table).unwrap_or_default();
        let (source, path) = match reach(&self.model.relationships, base, dimension) {
            Reach::One(source, path) => (source, path),
            Reach::None => return Err(unreachable(self.model, base, name, dimension)),
            Reach::Several(ways) => {
                return Err(QueryError::Ambiguous { table: base.to_owned(), dimension: name.to_owned(), ways });
            }
        };
        let node = self.node(&path);
        let sql = scalar(&source.value, self.dialect);
        Ok(self.column(node, name, sql))
    }

    /// The SQL of a value of the table itself, named.
    pub(super) fn value(&mut self, name: &str, sql: String) -> String {
        self.column(0, name, sql)
    }

    /// Leaves only rows that meet this.
    pub(super) fn filter(&mut self, condition: String) {
        self.conditions.push(condition);
    }

    /// `FROM …` and, if there are conditions, `WHERE …`.
    pub(super) fn sql(&self, attributes: &Attributes) -> Result<String, QueryError> {
        let mut sql = String::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let select = self.select(node, attributes)?;
            match node.from {
                None => sql.push_str(&format!("FROM ({select}) AS {}", node.alias)),
                Some((parent, relationship)) => {
                    let keys = self.model.relationships.get(relationship).map(|it| it.keys.as_slice());
                    let on: Vec<String> = keys
                        .unwrap_or_default()
                        .iter()
                        .map(|(from, to)| format!("{} = {}", self.key_name(parent, from), self.key_name(index, to)))
                        .collect();
                    sql.push_str(&format!("\nLEFT JOIN ({select}) AS {} ON {}", node.alias, on.join(" AND ")));
                }
            }
        }
        if !self.conditions.is_empty() {
            sql.push_str(&format!("\nWHERE {}", self.conditions.join(" AND ")));
        }
        Ok(sql)
    }

    fn select(&self, node: &Node<'m>, attributes: &Attributes) -> Result<String, QueryError> {
        let mut columns: Vec<String> =
            node.columns.iter().map(|(name, sql)| format!("{sql} AS {}", self.dialect.name(name))).collect();
        if columns.is_empty() {
            columns.push("1 AS \"row\"".to_owned());
        }
        let Some(table) = self.model.tables.get(node.table) else { return Ok(String::new()) };
        let place = place(node.table, &table.rows, self.dialect);
        let mut sql = format!("SELECT {} FROM {place}", columns.join(", "));
        if let Some(security) = &table.security {
            let filter = security.sql(attributes).map_err(|source| QueryError::Security {
                table: node.table.to_owned(),
                needs: list(security.attributes()),
                source,
            })?;
            sql.push_str(&format!(" WHERE ({filter})"));
        }
        Ok(sql)
    }

    /// The node at the end of a path, joined if it is not yet.
    fn node(&mut self, path: &Path) -> usize {
        let mut here = 0;
        for step in path {
            let from = Some((here, *step));
            if let Some(found) = self.nodes.iter().position(|node| node.from == from) {
                here = found;
                continue;
            }
            let Some(relationship) = self.model.relationships.get(*step) else { return here };
            let same = self.nodes.iter().filter(|node| node.table == relationship.to).count();
            let alias = if same == 0 { relationship.to.clone() } else { format!("{} {}", relationship.to, same + 1) };
            let alias = self.dialect.name(&alias);
            self.nodes.push(Node { table: &relationship.to, alias, from, columns: Vec::new() });
            let node = self.nodes.len() - 1;
            for (from, to) in &relationship.keys {
                self.key(here, from);
                self.key(node, to);
            }
            here = node;
        }
        here
    }

    /// The SQL of a column that is joined by.
    fn key(&mut self, node: usize, column: &str) -> String {
        let sql = self.dialect.name(column);
        self.column(node, &key(column), sql)
    }

    fn key_name(&self, node: usize, column: &str) -> String {
        self.nodes
            .get(node)
            .map(|node| format!("{}.{}", node.alias, self.dialect.name(&key(column))))
            .unwrap_or_default()
    }

    fn column(&mut self, node: usize, name: &str, sql: String) -> String {
        let Some(node) = self.nodes.get_mut(node) else { return String::new() };
        if !node.columns.iter().any(|(known, _)| known == name) {
            node.columns.push((name.to_owned(), sql));
        }
        format!("{}.{}", node.alias, self.dialect.name(name))
    }
}

/// No dimension or measure has a name with a space.
fn key(column: &str) -> String {
    format!("key {column}")
}

fn unreachable(model: &Model, table: &str, name: &str, dimension: &Dimension) -> QueryError {
    let measures = model.measures.iter().filter(|(_, measure)| measure.computation.table() == Some(table));
    let is_reachable = |dimension: &Dimension| matches!(reach(&model.relationships, table, dimension), Reach::One(..));
    let reachable = model.dimensions.iter().filter(|(_, dimension)| is_reachable(dimension));
    QueryError::Unreachable {
        table: table.to_owned(),
        measures: list(measures.map(|(name, _)| name.as_str())),
        dimension: name.to_owned(),
        sources: list(dimension.sources.iter().map(|source| source.table.as_str())),
        reachable: list(reachable.map(|(name, _)| name.as_str())),
    }
}
