//! Tables of databases and of Delta Lake that transforms join with. `make test-full` runs this, with the feature `warehouse`.
#![cfg(feature = "warehouse")]

mod common;
#[path = "common/lake.rs"]
mod lake;
#[path = "common/mariadb.rs"]
mod mariadb;
#[path = "../../journal/tests/common/postgres.rs"]
mod postgres;
#[path = "common/up.rs"]
mod up_folder;

use std::path::Path;

use common::wasmill;
use lake::python;
use mariadb::MariaDb;
use postgres::Postgres;
use up_folder::{Up, drain, land};

const MANIFEST: &str = r#"
version = 1
name = "joined"

[stores.landing]
url = "file:landing"

[documents]
url = "sqlite:.wasmill/documents.db"

[[trigger]]
type = "object"
store = "landing"
pattern = "*.csv"
settle_seconds = 0

[tables.names]
TABLE

[[step]]
id = "read"
component = "ingest"
config = { format = "csv", columns = [{ name = "id", type = "int64" }] }

[[step]]
id = "join"
component = "transform"
tables = ["names"]
config = { sql = "SELECT input.id, names.name FROM input LEFT JOIN names ON names.id = input.id" }

[[step]]
id = "publish"
component = "publish"
grants = { documents = ["joined"] }
config = { collection = "joined", id = "{id}" }
"#;

/// A folder with a pipeline that joins with a table.
fn pipeline(table: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("landing")).unwrap();
    write(folder.path(), table);
    land(folder.path(), "a.csv", "id\n1\n2\n3\n");
    folder
}

fn write(folder: &Path, table: &str) {
    std::fs::write(folder.join("pipeline.toml"), MANIFEST.replace("TABLE", table)).unwrap();
}

/// The names that 1, 2 and 3 were joined with.
fn names(folder: &Path) -> Vec<Option<String>> {
    let name = |id: u32| {
        let (_, stdout, stderr) = wasmill(folder, &["documents", "get", ".", &id.to_string()]);
        let document: serde_json::Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
        document["name"].as_str().map(str::to_owned)
    };
    (1..=3).map(name).collect()
}

fn some(names: &[&str]) -> Vec<Option<String>> {
    names.iter().map(|name| (!name.is_empty()).then(|| (*name).to_owned())).collect()
}

fn run(folder: &Path) {
    let (code, _, stderr) = wasmill(folder, &["run", "."]);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn a_table_of_postgresql_is_joined_with_and_read_anew_when_it_is_another() {
    let server = Postgres::start();
    server.sql(
        "CREATE TABLE people (id bigint PRIMARY KEY, name text, secret text);
        INSERT INTO people VALUES (1, 'one', 'x'), (2, 'two', 'x'), (3, 'three', 'y');
        CREATE SCHEMA ops; CREATE VIEW ops.some AS SELECT id, name FROM people WHERE id < 3;",
    );
    let url = server.url();
    let table = |rest: &str| format!("type = \"postgres\"\nurl = \"{url}\"\nrefresh_seconds = 0.2\n{rest}");
    let folder = pipeline(&table("table = \"people\"\ncolumns = [\"id\", \"name\"]\nfilter = \"secret = 'x'\""));
    let folder = folder.path();
    run(folder);
    assert_eq!(names(folder), some(&["one", "two", ""]));

    write(folder, &table("table = \"ops.some\""));
    run(folder);
    assert_eq!(names(folder), some(&["one", "two", ""]));

    write(folder, &table("table = \"people\""));
    let up = Up::start(folder, &[]);
    up.wait_ready();
    server.sql("UPDATE people SET name = 'drei' WHERE id = 3");
    up.wait_said("table `names` changed, and the pipeline is taken up as it is now");
    land(folder, "b.csv", "id\n3\n");
    let started = std::time::Instant::now();
    while names(folder)[2].as_deref() != Some("drei") {
        assert!(started.elapsed().as_secs() < 30, "{:?}", names(folder));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(up.stop(), Some(0));

    // What cannot be read is named, with where it should be.
    for (rest, expect) in [
        ("table = \"nobody\"", "nobody"),
        ("table = \"people\"\ncolumns = [\"nam\"]", "nam"),
        ("table = \"people\"\nfilter = \"id >\"", "filter"),
    ] {
        write(folder, &table(rest));
        let (code, _, stderr) = wasmill(folder, &["run", "."]);
        assert!(code == 2 && stderr.contains("table `names`: `") && stderr.contains(expect), "{stderr}");
    }
}

#[test]
fn a_table_that_no_step_joins_is_not_read() {
    let folder = pipeline("type = \"sqlite\"\nurl = \"sqlite:nothing.db\"\ntable = \"people\"");
    let folder = folder.path();
    rusqlite::Connection::open(folder.join("nothing.db"))
        .unwrap()
        .execute_batch("CREATE TABLE other (id INTEGER)")
        .unwrap();
    let manifest = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let (code, _, said) = wasmill(folder, &["run", "."]);
    assert!(code == 2 && said.contains("table `names`"), "{said}");
    let without = manifest.replace("tables = [\"names\"]\n", "").replace(
        "SELECT input.id, names.name FROM input LEFT JOIN names ON names.id = input.id",
        "SELECT id, 'none' AS name FROM input",
    );
    std::fs::write(folder.join("pipeline.toml"), without).unwrap();
    run(folder);
    assert_eq!(names(folder), some(&["none", "none", "none"]));
}

#[test]
fn a_table_of_sqlite_is_joined_with() {
    let folder = pipeline("type = \"sqlite\"\nurl = \"sqlite:people.db\"\ntable = \"people\"\nfilter = \"id <> 2\"");
    let folder = folder.path();
    let database = rusqlite::Connection::open(folder.join("people.db")).unwrap();
    let people =
        "CREATE TABLE people (id INTEGER, name TEXT); INSERT INTO people VALUES (1, 'one'), (2, 'two'), (3, NULL)";
    database.execute_batch(people).unwrap();
    run(folder);
    assert_eq!(names(folder), some(&["one", "", ""]));
}

#[test]
fn a_table_of_mariadb_is_joined_with() {
    let server = MariaDb::start();
    server.sql(
        "CREATE TABLE shop.people (id bigint PRIMARY KEY, name varchar(20), secret text);
        INSERT INTO shop.people VALUES (1, 'one', 'x'), (2, 'zwöi', 'x'), (3, 'three', 'y')",
    );
    let url = server.url();
    let rest = "table = \"people\"\ncolumns = [\"id\", \"name\"]\nfilter = \"secret = 'x'\"";
    let folder = pipeline(&format!("type = \"mysql\"\nurl = \"{url}\"\n{rest}"));
    run(folder.path());
    assert_eq!(names(folder.path()), some(&["one", "zwöi", ""]));
}

#[test]
fn a_table_of_delta_lake_that_another_tool_wrote_is_joined_with() {
    let folder = pipeline(
        "type = \"delta\"\nstore = \"landing\"\npath = \"people\"\ncolumns = [\"id\", \"name\"]\nfilter = \"part = 'b'\"",
    );
    let folder = folder.path();
    let append = "for part in 'ab':
    deltalake.write_deltalake(sys.argv[1], pa.table({'id': [1, 2], 'name': ['one', 'two'], 'part': [part, part]}),
        mode='append', partition_by=['part'])
deltalake.DeltaTable(sys.argv[1]).delete(\"part = 'b' AND id = 2\")
deltalake.DeltaTable(sys.argv[1]).optimize.compact()
deltalake.write_deltalake(sys.argv[1], pa.table({'id': [3], 'name': ['three'], 'part': ['b']}), mode='append')";
    python(&folder.join("landing/people"), append);
    assert_eq!(drain(folder).0, 0);
    assert_eq!(names(folder), some(&["one", "", "three"]));
}
