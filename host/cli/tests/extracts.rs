//! Rows of tables that become objects and events. `make test-full` runs this, with the feature `warehouse`.
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
use std::time::{Duration, Instant};

use common::wasmill;
use lake::{each_once, python, read};
use mariadb::MariaDb;
use postgres::Postgres;
use up_folder::Up;

const MANIFEST: &str = r#"
version = 1
name = "extracted"

[stores.landing]
url = "file:landing"

[stores.lake]
url = "file:lake"

[[trigger]]
type = "extract"
id = "numbers"
every_seconds = 0.2
to = { store = "landing", path = "numbers" }
FROM

[[step]]
id = "read"
component = "ingest"
[step.config]
format = "parquet"
columns = [
    { name = "id", type = "int64" },
    { name = "value", type = "float64" },
]

[[sink]]
id = "numbers"
type = "delta"
store = "lake"
path = "numbers"
commit_seconds = 0.1
"#;

/// A folder with a pipeline that extracts a table.
fn pipeline(from: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), from);
    folder
}

fn write(folder: &Path, from: &str) {
    std::fs::write(folder.join("pipeline.toml"), MANIFEST.replace("FROM", from)).unwrap();
}

fn run(folder: &Path) -> String {
    let (code, stdout, stderr) = wasmill(folder, &["run", "."]);
    assert_eq!(code, 0, "{stderr}");
    stdout
}

fn refused(folder: &Path) -> String {
    let (code, _, stderr) = wasmill(folder, &["run", "."]);
    assert_eq!(code, 2, "{stderr}");
    stderr
}

/// How many objects there are, of which none is half. Of a reader that was killed one may be left that is none.
fn objects(folder: &Path) -> usize {
    let names = std::fs::read_dir(folder.join("landing/numbers")).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let objects = names.filter(|name| !name.starts_with(".wasmill-"));
    objects.inspect(|name| assert!(name.ends_with(".parquet"), "{name} is left over")).count()
}

fn wait_for(folder: &Path, rows: u64) {
    let started = Instant::now();
    let wanted = format!("\"rows\":{rows},");
    loop {
        let (_, stdout, stderr) = wasmill(folder, &["tables", "show", "lake/numbers", "--format", "json"]);
        if stdout.replace(' ', "").contains(&wanted) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{stdout}{stderr}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn rows_above_a_watermark_are_read_once() {
    let server = Postgres::start();
    server.sql(
        "ALTER DATABASE postgres SET timezone TO 'America/New_York';
        CREATE TABLE numbers (id bigint, value double precision, at timestamptz, hidden text);
        INSERT INTO numbers SELECT n, n, now() - interval '1 hour' + n * interval '1 microsecond', 'x'
            FROM generate_series(0, 19999) n;
        INSERT INTO numbers VALUES (-1, -1, NULL, 'no time'), (-2, -2, now() + interval '1 hour', 'not yet');",
    );
    let from = format!(
        "mode = \"watermark\"\nwatermark = \"at\"\nlag_seconds = 0\n\
        from = {{ type = \"postgres\", url = \"{}\", table = \"numbers\", columns = [\"id\", \"value\", \"at\"] }}",
        server.url()
    );
    let folder = pipeline(&from);
    let folder = folder.path();
    assert!(run(folder).contains("table of numbers: 20,000 rows"));
    assert_eq!(read(folder), each_once(20_000));
    // Nothing is new, also of the row that was the last, whose microseconds count.
    run(folder);
    assert_eq!((read(folder), objects(folder)), (each_once(20_000), 1));
    server.sql(
        "INSERT INTO numbers VALUES (20000, 20000, now(), ''), (20001, 20001, now() + interval '1 microsecond', '')",
    );
    std::thread::sleep(Duration::from_millis(10));
    assert!(run(folder).contains("2 rows"));
    assert_eq!((read(folder), objects(folder)), (each_once(20_002), 2));

    // The same, of a worker that stays, and is killed and goes on.
    let up = Up::start(folder, &[]);
    up.wait_ready();
    server.sql("INSERT INTO numbers VALUES (20002, 20002, now(), '')");
    wait_for(folder, 20_003);
    drop(up);
    server.sql("INSERT INTO numbers VALUES (20003, 20003, now(), '')");
    let up = Up::start(folder, &[]);
    wait_for(folder, 20_004);
    assert_eq!(up.stop(), Some(0));
    assert_eq!((read(folder), objects(folder)), (each_once(20_004), 4));
}

#[test]
fn rows_of_mariadb_above_a_watermark_are_read_once() {
    let server = MariaDb::start();
    server.sql(
        "CREATE TABLE shop.numbers (id bigint, value double, at datetime(6));
        INSERT INTO shop.numbers SELECT seq, seq, utc_timestamp(6) - INTERVAL 1 HOUR + INTERVAL seq MICROSECOND
            FROM shop.seq_0_to_9999",
    );
    let folder = pipeline(&format!(
        "mode = \"watermark\"\nwatermark = \"at\"\nlag_seconds = 0\n\
        from = {{ type = \"mysql\", url = \"{}\", table = \"numbers\" }}",
        server.url()
    ));
    let folder = folder.path();
    run(folder);
    run(folder);
    server.sql("INSERT INTO shop.numbers VALUES (10000, 10000, utc_timestamp(6))");
    run(folder);
    run(folder);
    assert_eq!((read(folder), objects(folder)), (each_once(10_001), 2));
}

#[test]
fn a_watermark_is_of_any_type_that_has_an_order() {
    let folder = pipeline(
        "mode = \"watermark\"\nwatermark = \"mark\"\nfrom = { type = \"sqlite\", url = \"sqlite:numbers.db\", table = \"numbers\" }",
    );
    let folder = folder.path();
    let database = rusqlite::Connection::open(folder.join("numbers.db")).unwrap();
    for (of, marks) in [("INTEGER", ["7", "9", "10"]), ("TEXT", ["'a'", "'b'", "'c'"])] {
        let _ = std::fs::remove_dir_all(folder.join(".wasmill"));
        let _ = std::fs::remove_dir_all(folder.join("lake"));
        let [one, two, three] = marks;
        database
            .execute_batch(&format!(
                "DROP TABLE IF EXISTS numbers; CREATE TABLE numbers (id INTEGER, value REAL, mark {of});
                INSERT INTO numbers VALUES (0, 0, {one}), (1, 1, {two})"
            ))
            .unwrap();
        run(folder);
        assert_eq!(read(folder), each_once(2));
        database.execute_batch(&format!("INSERT INTO numbers VALUES (2, 2, {three})")).unwrap();
        run(folder);
        run(folder);
        assert_eq!(read(folder), each_once(3));
    }
}

#[test]
fn texts_are_greater_by_their_bytes_whatever_the_database_thinks() {
    let server = Postgres::start();
    server.sql(
        "CREATE TABLE numbers (id bigint, value double precision, mark text COLLATE \"und-x-icu\");
        INSERT INTO numbers VALUES (0, 0, 'B8'), (1, 1, 'B9')",
    );
    let folder = pipeline(&format!(
        "mode = \"watermark\"\nwatermark = \"mark\"\nfrom = {{ type = \"postgres\", url = \"{}\", table = \"numbers\" }}",
        server.url()
    ));
    let folder = folder.path();
    run(folder);
    // Before `B9` in a dictionary, after it by bytes.
    server.sql("INSERT INTO numbers VALUES (2, 2, 'a1')");
    run(folder);
    run(folder);
    assert_eq!(read(folder), each_once(3));
}

#[test]
fn a_table_that_cannot_be_read_holds_up_no_other() {
    let from = "from = { type = \"postgres\", url = \"postgres://nobody@127.0.0.1:1/db\", table = \"numbers\" }";
    let folder = pipeline(from);
    let folder = folder.path();
    let manifest = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let second = "[[trigger]]\ntype = \"extract\"\nid = \"others\"\nto = { store = \"landing\" }\n\
        from = { type = \"sqlite\", url = \"sqlite:numbers.db\", table = \"numbers\" }\n\n[[step]]";
    std::fs::write(folder.join("pipeline.toml"), manifest.replacen("[[step]]", second, 1)).unwrap();
    let database = rusqlite::Connection::open(folder.join("numbers.db")).unwrap();
    database
        .execute_batch("CREATE TABLE numbers (id INTEGER, value REAL); INSERT INTO numbers VALUES (0, 0), (1, 1)")
        .unwrap();
    assert!(refused(folder).contains("extract `numbers`: `numbers` at `postgres://"));
    assert_eq!(read(folder), each_once(2));
}

#[test]
fn a_table_is_read_in_full_each_time_that_it_is_another() {
    let server = Postgres::start();
    server.sql("CREATE TABLE numbers (id integer, value real); INSERT INTO numbers VALUES (0, 0), (1, 1)");
    let from = format!("from = {{ type = \"postgres\", url = \"{}\", table = \"numbers\" }}", server.url());
    let folder = pipeline(&from);
    let folder = folder.path();
    let manifest = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let merge = manifest.replace("commit_seconds", "mode = \"merge\"\nkey = [\"id\"]\ncommit_seconds");
    std::fs::write(folder.join("pipeline.toml"), merge).unwrap();
    run(folder);
    run(folder);
    assert_eq!((read(folder), objects(folder)), ((2, 1.0, 2), 1));
    server.sql("UPDATE numbers SET value = 5 WHERE id = 1; INSERT INTO numbers VALUES (2, 2)");
    run(folder);
    assert_eq!((read(folder), objects(folder)), ((3, 7.0, 3), 2));
    // A server that is away is an error, and what was read before stays.
    drop(server);
    assert!(refused(folder).contains("extract `numbers`: `numbers` at `postgres://"));
}

#[test]
fn versions_of_a_table_of_delta_lake_are_read_once_each() {
    let from = "mode = \"versions\"\nfrom = { type = \"delta\", store = \"landing\", path = \"source\" }";
    let folder = pipeline(from);
    let folder = folder.path();
    let source = folder.join("landing/source");
    let append = |first: u32, count: u32| {
        let ids = format!("list(range({first}, {}))", first + count);
        let rows = format!("pa.table({{'id': pa.array({ids}, pa.int64()), 'value': pa.array({ids}, pa.float64())}})");
        python(&source, &format!("deltalake.write_deltalake(sys.argv[1], {rows}, mode='append')"));
    };
    assert!(refused(folder).contains("there is no table of Delta Lake at"));
    append(0, 3);
    append(3, 3);
    run(folder);
    assert_eq!(read(folder), each_once(6));
    append(6, 1);
    append(7, 2);
    // Puts files together, and changes no row.
    python(&source, "deltalake.DeltaTable(sys.argv[1]).optimize.compact()");
    run(folder);
    run(folder);
    assert_eq!((read(folder), objects(folder)), (each_once(9), 2));

    python(&source, "deltalake.DeltaTable(sys.argv[1]).delete('id = 0')");
    append(9, 1);
    let said = refused(folder);
    assert!(said.contains("its version 5 changes or deletes rows") && said.contains("rewrites = \"skip\""), "{said}");
    write(folder, &format!("{from}\nrewrites = \"skip\""));
    run(folder);
    assert_eq!(read(folder), each_once(10));

    // All of it, each time that there is a version that was not read.
    let full = "from = { type = \"delta\", store = \"landing\", path = \"source\", filter = \"id > 5\" }";
    write(folder, &full.replace("numbers", "all"));
    let manifest = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let manifest = manifest.replace("id = \"numbers\"", "id = \"all\"").replace("path = \"numbers\"", "path = \"all\"");
    std::fs::write(folder.join("pipeline.toml"), manifest).unwrap();
    assert!(run(folder).contains("table of all: 4 rows"));
    let (_, stdout, _) = wasmill(folder, &["run", ".", "--format", "json"]);
    assert!(!stdout.contains("all-2"), "{stdout}");

    // Another table in its place is none that was read.
    std::fs::remove_dir_all(&source).unwrap();
    append(0, 1);
    write(folder, from);
    assert!(refused(folder).contains("it was made anew"));
}

#[test]
fn changes_of_a_table_of_delta_lake_are_read() {
    let from = "mode = \"changes\"\nfrom = { type = \"delta\", store = \"landing\", path = \"source\" }";
    let folder = pipeline(from);
    let folder = folder.path();
    let manifest = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let manifest = manifest.replace(
        "    { name = \"value\", type = \"float64\" },\n",
        "    { name = \"value\", type = \"float64\" },\n    { name = \"_change_type\", type = \"utf8\" },\n    { name = \"_commit_version\", type = \"int64\" },\n",
    );
    std::fs::write(folder.join("pipeline.toml"), manifest).unwrap();
    let source = folder.join("landing/source");
    let table = "pa.table({'id': pa.array([0, 1, 2], pa.int64()), 'value': pa.array([0.0, 1.0, 2.0])})";
    python(
        &source,
        &format!(
            "deltalake.write_deltalake(sys.argv[1], {table}, configuration={{'delta.enableChangeDataFeed': 'true'}})"
        ),
    );
    run(folder);
    assert_eq!(read(folder), (3, 3.0, 3));
    python(
        &source,
        "t = deltalake.DeltaTable(sys.argv[1]); t.update(predicate='id = 1', updates={'value': '10.0'}); t.delete('id = 2'); t.optimize.compact()",
    );
    run(folder);
    run(folder);
    // Before and after the change of 1, and 2 once more, which was deleted.
    assert_eq!((read(folder), objects(folder)), ((6, 3.0 + 1.0 + 10.0 + 2.0, 3), 2));
    let check = "rows = deltalake.DeltaTable(sys.argv[1]).to_pyarrow_table().to_pylist()
kinds = sorted((row['_change_type'], row['id'], row['_commit_version']) for row in rows)
assert kinds == [('delete', 2, 2), ('insert', 0, 0), ('insert', 1, 0), ('insert', 2, 0),
    ('update_postimage', 1, 1), ('update_preimage', 1, 1)], kinds";
    python(&folder.join("lake/numbers"), check);

    // Of a key that changed several times the last change comes last.
    let updates = "t = deltalake.DeltaTable(sys.argv[1])
for value in range(20, 26): t.update(predicate='id = 1', updates={'value': f'{value}.0'})";
    python(&source, updates);
    run(folder);
    let check = "import glob, pyarrow.parquet as pq
rows = pq.read_table(sorted(glob.glob(sys.argv[1] + '/*'))[-1]).to_pylist()
kinds = [(row['_commit_version'], row['_change_type'][7:], row['value']) for row in rows]
assert kinds == [step for n in range(6) for step in [(3 + n, 'preimage', [10.0, 20.0, 21.0, 22.0, 23.0, 24.0][n]),
    (3 + n, 'postimage', 20.0 + n)]], kinds";
    python(&folder.join("landing/numbers"), check);
}

#[test]
fn what_an_extract_lacks_is_said() {
    let database = "from = { type = \"postgres\", url = \"postgres://localhost/db\", table = \"t\" }";
    for (from, expect) in [
        (format!("mode = \"watermark\"\n{database}"), "reads what is new by no column"),
        (format!("watermark = \"at\"\n{database}"), "has no use for `watermark`"),
        (format!("mode = \"versions\"\n{database}"), "only tables of Delta Lake have versions"),
        (
            "from = { type = \"mysql\", url = \"mysql://u:secret@h/db\", table = \"t\" }".into(),
            "its url has a password",
        ),
        ("from = { type = \"delta\", store = \"nowhere\", path = \"t\" }".into(), "there is no store `nowhere`"),
        ("from = { type = \"delta\", store = \"lake\" }".into(), "has no `path`"),
        (
            "from = { type = \"sqlite\", url = \"sqlite:no.db\", table = \"t\", path = \"x\" }".into(),
            "has no use for `path`",
        ),
    ] {
        let folder = pipeline(&from);
        let (code, _, stderr) = wasmill(folder.path(), &["validate", "."]);
        assert!(code == 2 && stderr.contains("extract `numbers`") || stderr.contains(expect), "{stderr}");
        assert!(stderr.contains(expect) && !stderr.contains("secret"), "{stderr}");
    }
}
