//! Rows that go into tables of PostgreSQL. `make test-full` runs this, with the feature `warehouse`.
#![cfg(feature = "warehouse")]

mod common;
#[path = "common/lake.rs"]
mod lake;
#[path = "../../journal/tests/common/postgres.rs"]
mod postgres;
#[path = "common/up.rs"]
mod up_folder;

use std::path::Path;

use common::wasmill;
use lake::rows;
use postgres::Postgres;
use up_folder::{Up, drain, land};

/// A folder with the pipeline of the lake, whose rows go into a table of PostgreSQL.
fn pipeline(server: &Postgres, sink: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), server, sink);
    std::fs::create_dir(folder.path().join("landing")).unwrap();
    folder
}

fn write(folder: &Path, server: &Postgres, sink: &str) {
    let manifest = lake::postgres_manifest(&server.url(), &format!("table = \"numbers\"\n{sink}"));
    std::fs::write(folder.join("pipeline.toml"), manifest).unwrap();
}

fn run(folder: &Path) -> String {
    let (code, stdout, stderr) = wasmill(folder, &["run", "."]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    stdout
}

fn refused(folder: &Path) -> String {
    let (code, _, stderr) = wasmill(folder, &["run", "."]);
    assert_eq!(code, 2, "{stderr}");
    stderr
}

/// Rows, the sum of `value`, and different values of `id`.
fn read(server: &Postgres) -> (i64, f64, i64) {
    let row = server.ask("SELECT count(*), coalesce(sum(value), 0), count(DISTINCT id) FROM numbers").unwrap();
    let cells: Vec<&str> = row.split('|').collect();
    (cells[0].parse().unwrap(), cells[1].parse().unwrap(), cells[2].parse().unwrap())
}

fn each_once(count: i64) -> (i64, f64, i64) {
    (count, (count * (count - 1) / 2) as f64, count)
}

#[test]
fn rows_are_in_the_table_once_however_often_their_object_is_run() {
    let server = Postgres::start();
    let folder = pipeline(&server, "commit_rows = 10000");
    let folder = folder.path();
    land(folder, "a.csv", &rows(0, 30_000, "mon"));
    land(folder, "b.csv", &rows(30_000, 10, "tue"));
    assert!(run(folder).contains("table of numbers: 30,000 rows"));
    assert_eq!(read(&server), each_once(30_010));
    run(folder);
    assert_eq!(drain(folder).0, 0);
    land(folder, "c.csv", &rows(30_010, 5, "tue"));
    assert_eq!(drain(folder).0, 0);
    let (code, _, stderr) = wasmill(folder, &["backfill", "start", "."]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(drain(folder).0, 0);
    assert_eq!(read(&server), each_once(30_015));
    // The table knows its batches.
    let numbered = server.ask("SELECT max(number) FROM wasmill_batches").unwrap();
    assert!(numbered.parse::<u32>().unwrap() >= 4, "{numbered}");
}

#[test]
fn a_merge_keeps_the_newest_row_of_each_key() {
    let server = Postgres::start();
    let folder = pipeline(&server, "mode = \"merge\"\nkey = [\"id\"]\nversion = \"value\"");
    let folder = folder.path();
    land(folder, "a.csv", "id,value,day\n1,1,mon\n2,5,mon\n2,4,tue\n,9,mon\n");
    let (code, _, _) = wasmill(folder, &["run", "."]);
    assert_eq!((code, read(&server)), (1, (2, 6.0, 2)), "a row without a key is rejected");
    land(folder, "b.csv", "id,value,day\n1,3,tue\n2,2,tue\n3,1,tue\n");
    let _ = wasmill(folder, &["run", "."]);
    assert_eq!(read(&server), (3, 3.0 + 5.0 + 1.0, 3));

    // Of an index that holds more columns than are unique, the others are no part of the key.
    server.sql("DROP TABLE numbers; CREATE TABLE numbers (id bigint, value double precision, day text, UNIQUE (id) INCLUDE (value))");
    let _ = wasmill(folder, &["run", "."]);
    assert_eq!(read(&server).0, 3);
    server.sql(
        "DROP TABLE numbers; CREATE TABLE numbers (id bigint UNIQUE DEFERRABLE, value double precision, day text)",
    );
    assert!(refused(folder).contains("CREATE UNIQUE INDEX"));

    // A table that is there needs an index of the key, and then takes rows.
    server.sql("DROP TABLE numbers; CREATE TABLE numbers (id bigint NOT NULL, value double precision, day text, more text DEFAULT 'x')");
    assert!(refused(folder).contains("CREATE UNIQUE INDEX ON … (\"id\")"));
    server.sql("CREATE UNIQUE INDEX ON numbers (id)");
    land(folder, "c.csv", "id,value,day\n7,7,wed\n");
    let _ = wasmill(folder, &["run", "."]);
    assert_eq!(read(&server).0, 4, "all objects are run, and their rows merged");
}

#[test]
fn other_columns_are_refused_with_what_differs_or_added() {
    let server = Postgres::start();
    server.sql("CREATE TABLE numbers (id integer, value double precision NOT NULL, own text NOT NULL)");
    let folder = pipeline(&server, "");
    let folder = folder.path();
    land(folder, "a.csv", &rows(0, 3, "mon"));
    let said = refused(folder);
    for expect in [
        "the table `numbers` at `postgres://",
        "~ `id` is bigint, in the table integer",
        "~ `value` may be null, in the table not",
        "+ `day` text is not in the table",
        "- `own` is only in the table, where it may not be null",
    ] {
        assert!(said.contains(expect), "{said}");
    }
    server.sql("DROP TABLE numbers; CREATE TABLE numbers (id numeric, value double precision, serial bigserial)");
    assert!(refused(folder).contains("with `columns = \"evolve\"`"));
    write(folder, &server, "columns = \"evolve\"");
    run(folder);
    assert_eq!(read(&server), each_once(3));
    for (sink, expect) in [
        ("mode = \"overwrite\"", "overwrites partitions, which a table of PostgreSQL has not"),
        ("mode = \"merge\"", "merges rows by no key"),
        ("key = [\"id\"]", "has no use for `key`"),
        ("path = \"x\"", "unknown field `path`"),
    ] {
        write(folder, &server, sink);
        let said = refused(folder);
        assert!(said.contains(expect), "{said}");
    }
}

#[test]
fn values_are_what_they_were() {
    let server = Postgres::start();
    server.sql("CREATE SCHEMA \"My Own\"");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("landing")).unwrap();
    let manifest = format!(
        r#"
version = 1
name = "values"

[stores.landing]
url = "file:landing"

[[trigger]]
type = "object"
store = "landing"
pattern = "*.json"
settle_seconds = 0

[[step]]
id = "read"
component = "ingest"
[step.config]
format = "json"
columns = [
    {{ name = "Id", type = "int16" }},
    {{ name = "text", type = "utf8" }},
    {{ name = "yes", type = "bool" }},
    {{ name = "real", type = "float32" }},
    {{ name = "double", type = "float64" }},
    {{ name = "price", type = "decimal", precision = 10, scale = 2 }},
    {{ name = "day", type = "date" }},
    {{ name = "at", type = "timestamp", timezone = "UTC" }},
]

[[step]]
id = "more"
component = "transform"
[step.config]
sql = "SELECT *, make_array(\"Id\", NULL, 2) AS list, named_struct('a', text, 'b', 1) AS pair, arrow_cast('ab', 'Binary') AS bytes FROM input"

[[sink]]
id = "values"
type = "postgres"
url = "{}"
table = "My Own.values"
"#,
        server.url()
    );
    std::fs::write(folder.join("pipeline.toml"), manifest).unwrap();
    let odd = r#"{"Id":1,"text":"tab\tquote\"back\\slash\nnew\rline \\N","yes":true,"real":0.1,"double":0.1,"price":12345678.90,"day":"2013-01-31","at":"2013-01-31T05:06:07.123456Z"}
{"Id":-2,"text":"\\N","yes":false,"real":-1.5e30,"double":1e-300,"price":-0.01,"day":"1969-12-31","at":"1969-12-31T23:59:59.999999Z"}
{"Id":3,"text":"","yes":null,"real":null,"double":null,"price":null,"day":null,"at":null}
{"Id":4,"text":null}
"#;
    land(folder, "a.json", odd);
    let (code, stdout, _) = wasmill(folder, &["run", ".", "--format", "json"]);
    assert_eq!(code, 0, "{stdout}{:?}", std::fs::read_to_string(folder.join(".wasmill/rejects.jsonl")));
    let shown = server.ask(
        "SELECT json_agg(concat_ws('|', \"Id\", coalesce(text, 'NULL'), yes, real, double, price, day,
                at AT TIME ZONE 'UTC', list, pair, encode(bytes, 'hex')) ORDER BY abs(\"Id\"))
            FROM \"My Own\".values",
    );
    let shown: Vec<String> = serde_json::from_str(&shown.unwrap()).unwrap();
    assert_eq!(
        shown,
        [
            "1|tab\tquote\"back\\slash\nnew\rline \\N|t|0.1|0.1|12345678.90|2013-01-31|2013-01-31 05:06:07.123456|[1, null, 2]|{\"a\": \"tab\\tquote\\\"back\\\\slash\\nnew\\rline \\\\N\", \"b\": 1}|6162",
            "-2|\\N|f|-1.5e+30|1e-300|-0.01|1969-12-31|1969-12-31 23:59:59.999999|[-2, null, 2]|{\"a\": \"\\\\N\", \"b\": 1}|6162",
            "3||[3, null, 2]|{\"a\": \"\", \"b\": 1}|6162",
            "4|NULL|[4, null, 2]|{\"a\": null, \"b\": 1}|6162",
        ]
    );
}

#[test]
fn a_server_that_goes_away_is_waited_for() {
    let mut server = Postgres::start();
    let folder = pipeline(&server, "");
    let folder = folder.path();
    land(folder, "a.csv", &rows(0, 10, "mon"));
    let up = Up::start(folder, &[]);
    up.wait_ready();
    let wait_for = |server: &Postgres, count: i64| {
        let started = std::time::Instant::now();
        while server.ask("SELECT count(*) FROM numbers").map_or(0, |count| count.parse().unwrap()) < count {
            assert!(started.elapsed().as_secs() < 60, "the rows do not come");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    };
    wait_for(&server, 10);
    server.stop();
    land(folder, "b.csv", &rows(10, 10, "mon"));
    up.wait_said("cannot write the table `numbers` at `postgres://");
    server.restart();
    wait_for(&server, 20);
    assert_eq!(read(&server), each_once(20));
    assert_eq!(up.stop(), Some(0));
}
