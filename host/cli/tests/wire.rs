//! Statements that clients of PostgreSQL's protocol prepare: asked again, they are of the tables, the rules and the model of then.
//! tests/wire has everything else that such clients ask. `make test-full` runs this, with the feature `warehouse`.
#![cfg(feature = "warehouse")]

mod common;
#[path = "common/up.rs"]
mod up_folder;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{command, wasmill};
use postgres::{Client, NoTls, SimpleQueryMessage};
use up_folder::Up;

const MANIFEST: &str = r#"
version = 1
name = "notes"
semantic_model = "model.toml"

[stores.files]
url = "file:."

[[trigger]]
type = "http"

[[step]]
id = "read"
component = "ingest"
config = { format = "csv", columns = [{ name = "id", type = "int64" }] }

[views.notes]
sql = "SELECT * FROM 'files/notes/*.csv'"

# It reads nothing.
[views.rates]
sql = "SELECT 7 AS rate"

[views.drafts]
sql = "SELECT * FROM 'files/notes/*.csv'"
"#;

const MODEL: &str = r#"
version = 1
name = "book"

[tables.notes]

[measures.notes_count]
aggregate = "count"
table = "notes"
"#;

const RULES: &str = r#"
[[access.sql]]
tables = ["notes", "drafts", "rates", "book"]
"#;

const NARROWER: &str = r#"
[[access.sql]]
tables = ["notes"]
rows = "id = 1"
"#;

fn note(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join("notes").join(name), text).unwrap();
}

/// The one value of a statement that is not prepared by the protocol.
fn value(client: &mut Client, sql: &str) -> Result<i64, String> {
    let messages = client.simple_query(sql).map_err(code)?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(row.unwrap().parse().unwrap())
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn code(err: postgres::Error) -> String {
    err.code().unwrap_or_else(|| panic!("{err}")).code().to_owned()
}

#[test]
fn what_was_prepared_is_of_the_tables_and_the_rules_of_when_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("notes")).unwrap();
    note(folder.path(), "one.csv", "id,text\n1,a\n");
    let (_, key, rule) = wasmill(folder.path(), &["access", "new-key", "--principal", "analyst"]);
    let access = |rules: &str, key: &str| {
        let file = folder.path().join("access.toml");
        std::fs::write(file.with_extension("new"), format!("{rules}\n{key}")).unwrap();
        std::fs::rename(file.with_extension("new"), file).unwrap();
    };
    access(RULES, &rule);
    for (name, text) in [("pipeline.toml", MANIFEST), ("model.toml", MODEL)] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let arguments = ["up", ".", "--addr", "127.0.0.1:0", "--sql", "127.0.0.1:0", "--access", "access.toml"];
    let mut up = Up::spawn(folder.path(), command(folder.path(), &arguments));
    let mut url: postgres::Config = up.line().parse().unwrap();
    let mut client = url.user("analyst").password(key.trim()).connect(NoTls).unwrap();

    let above = client.prepare("SELECT count(*) FROM notes WHERE id > $1").unwrap();
    let whole = client.prepare("SELECT * FROM notes").unwrap();
    let drafts = client.prepare("SELECT count(*) FROM drafts").unwrap();
    let measure = client.prepare("SELECT CAST(notes_count AS bigint) FROM book.measures").unwrap();
    let rates = client.prepare("SELECT CAST(rate AS bigint) FROM rates").unwrap();
    client.batch_execute("PREPARE counted AS SELECT count(*) FROM notes").unwrap();
    client.batch_execute("PREPARE \"a.Ä\" AS SELECT count(*) FROM notes").unwrap();
    assert_eq!(value(&mut client, "EXECUTE a.\"Ä\""), Ok(1));
    assert_eq!(client.batch_execute("PREPARE Counted AS SELECT 1").map_err(code).unwrap_err(), "42P05");
    let count = |client: &mut Client, statement: &postgres::Statement| {
        client.query_one(statement, &[]).map(|row| row.get::<_, i64>(0)).map_err(code)
    };
    assert_eq!(client.query_one(&above, &[&0_i64]).unwrap().get::<_, i64>(0), 1);
    assert_eq!(value(&mut client, "EXECUTE counted"), Ok(1));
    assert_eq!((count(&mut client, &drafts), count(&mut client, &measure)), (Ok(1), Ok(1)));
    assert_eq!(count(&mut client, &rates), Ok(7));

    // Rows came.
    note(folder.path(), "two.csv", "id,text\n2,b\n3,c\n");
    assert_eq!(client.query_one(&above, &[&0_i64]).unwrap().get::<_, i64>(0), 3);
    assert_eq!(value(&mut client, "EXECUTE counted"), Ok(3));
    assert_eq!(client.query(&whole, &[]).unwrap().len(), 3);
    assert_eq!((count(&mut client, &drafts), count(&mut client, &measure)), (Ok(3), Ok(3)));

    // The rules are others: fewer rows, no drafts, no model. They are read again every ten seconds.
    access(NARROWER, &rule);
    let began = Instant::now();
    while value(&mut client, "SELECT count(*) FROM notes") != Ok(1) {
        assert!(began.elapsed() < Duration::from_secs(60), "rules are not read again");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(client.query_one(&above, &[&0_i64]).unwrap().get::<_, i64>(0), 1);
    for statement in ["counted", "\"a.Ä\"", "a.\"Ä\""] {
        assert_eq!(value(&mut client, &format!("EXECUTE {statement}")), Ok(1), "{statement}");
    }
    let absent = || Err("42P01".to_owned());
    assert_eq!((count(&mut client, &drafts), count(&mut client, &measure)), (absent(), absent()));
    assert_eq!(value(&mut client, "SELECT notes_count FROM book.measures"), absent());
    assert_eq!(count(&mut client, &rates), absent());

    // The columns are others: what a client was told does not hold any more.
    note(folder.path(), "one.csv", "id,written\n1,2026-01-01\n");
    std::fs::remove_file(folder.path().join("notes/two.csv")).unwrap();
    let err = client.query(&whole, &[]).unwrap_err();
    let err = err.as_db_error().unwrap();
    // By which drivers know to prepare it again.
    assert_eq!((err.code().code(), err.routine()), ("0A000", Some("RevalidateCachedQuery")));
    let again = client.prepare("SELECT * FROM notes").unwrap();
    assert_eq!(client.query(&again, &[]).unwrap().len(), 1);

    // Names that are forgotten may be given again.
    client.batch_execute("DEALLOCATE counted; PREPARE counted AS SELECT 7").unwrap();
    assert_eq!(value(&mut client, "EXECUTE Counted"), Ok(7));
    client.batch_execute("DISCARD ALL").unwrap();
    assert_eq!(value(&mut client, "EXECUTE counted"), Err("26000".to_owned()));
    client.batch_execute("PREPARE counted AS SELECT 8; DEALLOCATE ALL").unwrap();
    assert_eq!(client.batch_execute("DEALLOCATE counted").map_err(code).unwrap_err(), "26000");

    // The key is gone: what a portal has left is for nobody.
    note(folder.path(), "one.csv", "id,text\n1,a\n1,b\n1,c\n");
    let mut transaction = client.transaction().unwrap();
    let portal = transaction.bind("SELECT * FROM notes", &[]).unwrap();
    assert_eq!(transaction.query_portal(&portal, 1).unwrap().len(), 1);
    let (_, _, another) = wasmill(folder.path(), &["access", "new-key", "--principal", "analyst"]);
    access(NARROWER, &another);
    let began = Instant::now();
    while url.connect(NoTls).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(60), "rules are not read again");
        std::thread::sleep(Duration::from_millis(100));
    }
    // Told so, the connection ends.
    let err = transaction.query_portal(&portal, 1).unwrap_err();
    assert!(err.is_closed() || code(err) == "28000");
}
