//! From a text to a statement that only reads.

use std::ops::ControlFlow;

use deltalake_core::datafusion::sql::parser::{DFParserBuilder, Statement};
use deltalake_core::datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, ObjectNamePart, Statement as Sql, TableAlias, TableFactor, VisitMut, VisitorMut,
};
use deltalake_core::datafusion::sql::sqlparser::dialect::GenericDialect;
use deltalake_core::datafusion::sql::sqlparser::tokenizer::{Tokenizer, TokenizerError};

use super::QueryError;
use super::travel::{self, Moment};

/// The one statement of a text.
pub fn parse_one(sql: &str) -> Result<Statement, QueryError> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
    let tokens = travel::rewrite(tokens.map_err(|err| QueryError::Syntax(unread(&err)))?)?;
    let syntax = |err: deltalake_core::datafusion::error::DataFusionError| {
        let text = err.strip_backtrace();
        let text = text.trim_start_matches("SQL error: ParserError(\"").trim_end_matches("\")");
        QueryError::Syntax(text.replace("\\\"", "\""))
    };
    let statements = DFParserBuilder::new(tokens).build().and_then(|mut parser| parser.parse_statements());
    let mut statements = statements.map_err(syntax)?;
    match (statements.pop_front(), statements.len()) {
        (Some(mut statement), 0) => {
            if !reads(&statement) {
                return Err(QueryError::Writes);
            }
            name_versions(&mut statement);
            Ok(statement)
        }
        (first, more) => Err(QueryError::Several { count: usize::from(first.is_some()) + more }),
    }
}

/// Why a text is no tokens.
fn unread(err: &TokenizerError) -> String {
    // `data/*.csv` begins a comment.
    let hint = if err.message.contains("comment") {
        "\nhint: files and folders are named in quotes, 'data/*.csv'"
    } else {
        ""
    };
    format!("{err}{hint}")
}

fn reads(statement: &Statement) -> bool {
    match statement {
        Statement::Explain(explain) => reads(&explain.statement),
        Statement::Statement(sql) => matches!(
            **sql,
            Sql::Query(_)
                | Sql::Explain { .. }
                | Sql::ExplainTable { .. }
                | Sql::ShowTables { .. }
                | Sql::ShowColumns { .. }
                | Sql::ShowFunctions { .. }
                | Sql::ShowVariable { .. }
        ),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    }
}

/// Has `flights@v12`, if it is called nothing else, be called `flights` in the rest of the query.
fn name_versions(statement: &mut Statement) {
    match statement {
        Statement::Explain(explain) => name_versions(&mut explain.statement),
        Statement::Statement(sql) => {
            let _ = sql.visit(&mut Aliases);
        }
        _ => {}
    }
}

struct Aliases;

impl VisitorMut for Aliases {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name: ObjectName(parts), alias: alias @ None, .. } = table
            && let Some(ObjectNamePart::Identifier(Ident { value, .. })) = parts.last()
            && let Some((name, _)) = Moment::split(value)
            && !name.contains('/')
        {
            let name = Ident::with_quote('"', name);
            *alias = Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None });
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_something_is_refused() {
        for sql in [
            "SELECT 1",
            "WITH a AS (SELECT 1) SELECT * FROM a;",
            "EXPLAIN ANALYZE SELECT 1",
            "DESCRIBE a",
            "SHOW TABLES",
            "VALUES (1)",
        ] {
            assert!(parse_one(sql).is_ok(), "{sql}");
        }
        for sql in [
            "DROP TABLE a",
            "CREATE TABLE a AS SELECT 1",
            "CREATE EXTERNAL TABLE a STORED AS CSV LOCATION '/tmp/a.csv'",
            "COPY (SELECT 1) TO '/tmp/a.csv'",
            "EXPLAIN COPY (SELECT 1) TO '/tmp/a.csv'",
            "INSERT INTO a VALUES (1)",
            "UPDATE a SET b = 1",
            "DELETE FROM a",
            "SET datafusion.execution.batch_size = 1",
        ] {
            assert!(matches!(parse_one(sql), Err(QueryError::Writes)), "{sql}: {:?}", parse_one(sql));
        }
        for (sql, count) in [("", 0), ("SELECT 1; SELECT 2", 2)] {
            assert!(matches!(parse_one(sql), Err(QueryError::Several { count: found }) if found == count), "{sql}");
        }
    }

    #[test]
    fn a_table_at_a_version_is_called_by_its_name() {
        for (sql, expect) in [
            ("SELECT * FROM a@v1", "SELECT * FROM a@v1 AS \"a\""),
            ("SELECT * FROM a@v1 AS b", "SELECT * FROM a@v1 AS b"),
            ("SELECT * FROM A VERSION AS OF 1 JOIN b ON 1 = 1", "SELECT * FROM \"a@v1\" AS \"a\" JOIN b ON 1 = 1"),
            ("SELECT * FROM 'l/a' VERSION AS OF 1", "SELECT * FROM 'l/a@v1'"),
        ] {
            assert_eq!(parse_one(sql).unwrap().to_string(), expect);
        }
    }
}
