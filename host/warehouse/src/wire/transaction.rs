//! What drivers send of transactions and cursors that nobody else answers. Nothing is changed, so that there is nothing to be undone;
//! what is left is the state that the client is told of.

use std::sync::{LazyLock, Mutex, PoisonError};

use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::api::results::{Response, Tag};
use datafusion_postgres::pgwire::error::PgWireResult;
use datafusion_postgres::pgwire::messages::response::TransactionStatus;
use deltalake_core::datafusion::sql::sqlparser::ast::Statement;
use futures_util::StreamExt;
use regex::Regex;

use super::failure::error;
use super::kept;

/// Going back to a savepoint.
#[expect(clippy::expect_used, reason = "it is written here")]
static BACK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)^\s*ROLLBACK\s+(WORK\s+|TRANSACTION\s+)?TO\s").expect("a regex"));

/// Going on in a cursor: by how much, and which. `FROM` may be left out.
#[expect(clippy::expect_used, reason = "it is written here")]
static GO_ON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)^\s*(MOVE|FETCH)\s+(?:(.*?)\s+)??(?:(?:FROM|IN)\s+)?("[^"]+"|[a-z_][a-z0-9_]*)\s*;?\s*$"#)
        .expect("a regex")
});

/// Whether a statement goes back to a savepoint.
pub fn goes_back(sql: &str) -> bool {
    BACK.is_match(sql)
}

/// Has a transaction that failed go on, as after it.
pub fn resume<C: ClientInfo>(client: &mut C) {
    if client.transaction_status() == TransactionStatus::Error {
        client.set_transaction_status(TransactionStatus::Transaction);
    }
}

/// So many savepoints a transaction may have.
const MOST: usize = 1000;

/// The savepoints of a transaction, the last one last.
#[derive(Default)]
struct Savepoints(Mutex<Vec<String>>);

/// Knows which savepoints there are.
pub fn keep_savepoints(statement: &Statement, client: &mut dyn HookClient) -> PgWireResult<()> {
    let is_open = client.transaction_status() != TransactionStatus::Idle;
    let kept = kept::<Savepoints, _>(client);
    let mut names = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    let outside = |what: &str| error("25P01", &format!("{what} can only be used in transaction blocks"));
    match statement {
        Statement::Savepoint { .. } if !is_open => return Err(outside("SAVEPOINT")),
        Statement::Savepoint { .. } if names.len() == MOST => {
            return Err(error("54000", &format!("a transaction has at most {MOST} savepoints")));
        }
        Statement::Savepoint { name } => names.push(name.value.clone()),
        Statement::Rollback { savepoint: Some(name), .. } | Statement::ReleaseSavepoint { name } => {
            if !is_open {
                return Err(outside("savepoints"));
            }
            let Some(place) = names.iter().rposition(|known| *known == name.value) else {
                return Err(error("3B001", &format!("savepoint \"{}\" does not exist", name.value)));
            };
            // Going back to one keeps it.
            names.truncate(if matches!(statement, Statement::Rollback { .. }) { place + 1 } else { place });
        }
        Statement::StartTransaction { .. } | Statement::Commit { .. } | Statement::Rollback { .. } => names.clear(),
        _ => {}
    }
    Ok(())
}

/// What goes on in a cursor, as a whole `FETCH`, and whether its rows are left out, as by `MOVE`.
pub fn goes_on(sql: &str) -> Option<(String, bool)> {
    let parts = GO_ON.captures(sql)?;
    let (what, cursor) = (parts.get(1)?.as_str(), parts.get(3)?.as_str());
    let by = parts.get(2).map_or("NEXT", |by| by.as_str());
    Some((format!("FETCH {by} FROM {cursor}"), what.eq_ignore_ascii_case("MOVE")))
}

/// The answer to a statement by the statement's name, which drivers look at.
pub fn told(response: Response, sql: &str) -> Response {
    let word = sql.split_whitespace().next().unwrap_or_default().to_uppercase();
    let mut query = match response {
        Response::Query(query) => query,
        Response::TransactionStart(_) if word == "START" => {
            return Response::TransactionStart(Tag::new("START TRANSACTION"));
        }
        _ => return response,
    };
    match word.as_str() {
        "PREPARE" | "DEALLOCATE" if query.row_schema.is_empty() => return Response::Execution(Tag::new(&word)),
        "FETCH" => query.set_command_tag(&word),
        _ => {}
    }
    Response::Query(query)
}

/// The answer to a `MOVE`, of that to its `FETCH`.
pub async fn counted(responses: Vec<Response>) -> PgWireResult<Vec<Response>> {
    let mut answers = Vec::new();
    for response in responses {
        let Response::Query(mut query) = response else {
            answers.push(response);
            continue;
        };
        let mut rows = 0;
        while let Some(row) = query.data_rows.next().await {
            row?;
            rows += 1;
        }
        answers.push(Response::Execution(Tag::new("MOVE").with_rows(rows)));
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drivers_send_is_told_apart() {
        for sql in ["ROLLBACK TO SAVEPOINT a", "rollback to a", " ROLLBACK WORK TO a"] {
            assert!(goes_back(sql), "{sql}");
        }
        for sql in ["ROLLBACK", "ROLLBACK;", "SELECT 'ROLLBACK TO a'"] {
            assert!(!goes_back(sql), "{sql}");
        }
        let check = |sql: &str, expect: Option<(&str, bool)>| {
            assert_eq!(goes_on(sql), expect.map(|(sql, is_move)| (sql.to_owned(), is_move)), "{sql}");
        };
        check("MOVE FORWARD 2 \"c\"", Some(("FETCH FORWARD 2 FROM \"c\"", true)));
        check("fetch 100 in \"SQL_CUR0x1\"", Some(("FETCH 100 FROM \"SQL_CUR0x1\"", false)));
        check("FETCH c", Some(("FETCH NEXT FROM c", false)));
        check("FETCH FORWARD ALL FROM c;", Some(("FETCH FORWARD ALL FROM c", false)));
        check("SELECT 1", None);
    }
}
