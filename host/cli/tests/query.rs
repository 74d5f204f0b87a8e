//! Queries in SQL. `make test-full` runs this, with the feature `warehouse`.
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

use common::{command, wasmill};
use lake::{pipeline, rows, tables};
use mariadb::MariaDb;
use postgres::Postgres;
use up_folder::land;

/// What a query prints, a line each; it must be well.
fn query(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let (code, stdout, stderr) = wasmill(folder, &[&["query"], arguments].concat());
    assert_eq!(code, 0, "{arguments:?}: {stderr}");
    stdout.lines().map(str::to_owned).collect()
}

/// What it says when it is not well.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = wasmill(folder, &[&["query"], arguments].concat());
    assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
    stderr
}

/// The one line of JSON that a query prints.
fn json(folder: &Path, arguments: &[&str]) -> serde_json::Value {
    let lines = query(folder, &[arguments, &["--format", "json"]].concat());
    assert_eq!(lines.len(), 1, "{lines:?}");
    serde_json::from_str(&lines[0]).unwrap()
}

/// A folder with files of every kind, which hold the numbers from 0 to 9.
fn files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for part in 0..2 {
        let numbers = part * 5..part * 5 + 5;
        let sql = format!("SELECT value AS id, 'day-' || value AS day FROM range({}, {})", numbers.start, numbers.end);
        let year = path.join(format!("parts/year={}", 2012 + part));
        std::fs::create_dir_all(&year).unwrap();
        query(path, &[&sql, "--output", year.join("a.parquet").to_str().unwrap()]);
        query(path, &[&sql, "--output", &format!("{part}.csv")]);
        query(path, &[&sql, "--output", &format!("{part}.jsonl")]);
        query(path, &[&sql, "--output", &format!("{part}.arrow")]);
    }
    folder
}

#[test]
fn files_and_folders_are_asked_by_their_paths() {
    let folder = files();
    let folder = folder.path();
    for (from, expect) in [
        ("'0.csv'", (5, 10)),
        ("'*.csv'", (10, 45)),
        ("'?.jsonl'", (10, 45)),
        ("'1.arrow'", (5, 35)),
        ("'parts'", (10, 45)),
        ("'parts/'", (10, 45)),
        ("'parts/year=2013'", (5, 35)),
        ("'parts/*/a.parquet'", (10, 45)),
        ("'parts' WHERE year = '2013'", (5, 35)),
    ] {
        let found = json(folder, &[&format!("SELECT count(*) AS n, sum(id) AS s FROM {from}")]);
        assert_eq!((found["n"].as_u64(), found["s"].as_u64()), (Some(expect.0), Some(expect.1)), "{from}");
    }
    // Whole paths are as good.
    let whole = format!("SELECT count(*) AS n FROM '{}/parts'", folder.display());
    assert_eq!(json(folder, &[&whole])["n"], 10);

    let said = refused(folder, &["SELECT * FROM 'none.csv'"]);
    assert!(said.contains("table `none.csv`: "), "{said}");
    let said = refused(folder, &["SELECT * FROM '*.*'"]);
    assert!(said.contains("files of several kinds") && said.contains("hint: choose some"), "{said}");
    std::fs::write(folder.join("x.txt"), "x").unwrap();
    let said = refused(folder, &["SELECT * FROM 'x.txt'"]);
    assert!(said.contains("does not show by its name\nhint: names end with `.parquet`"), "{said}");
    let said = refused(folder, &["SELECT * FROM nobody"]);
    assert!(
        said.contains(
            "error: there is no table `nobody`\nhint: files and folders are named in quotes, 'data/*.parquet'"
        ),
        "{said}"
    );
}

#[test]
fn rows_are_told_in_the_form_that_is_asked_for() {
    let folder = files();
    let folder = folder.path();
    let sql = "SELECT id, day, CASE WHEN id > 0 THEN 0.5 END AS half FROM '0.csv' ORDER BY id LIMIT 2";
    assert_eq!(query(folder, &[sql]), ["id  day    half", "--  -----  ----", " 0  day-0  NULL", " 1  day-1   0.5"]);
    assert_eq!(query(folder, &[sql, "--format", "csv"]), ["id,day,half", "0,day-0,", "1,day-1,0.5"]);
    assert_eq!(
        query(folder, &[sql, "--format", "json"]),
        [r#"{"id":0,"day":"day-0","half":null}"#, r#"{"id":1,"day":"day-1","half":0.5}"#]
    );
    // What goes into a file is there when it is whole.
    query(folder, &[sql, "-o", "out.parquet"]);
    query(folder, &[sql, "-o", "out.data", "--format", "arrow"]);
    assert_eq!(json(folder, &["SELECT count(half) AS n FROM 'out.parquet'"])["n"], 1);
    assert!(std::fs::read(folder.join("out.data")).unwrap().len() > 100);
    refused(folder, &["SELECT id / (id - 9) FROM '1.csv'", "-o", "never.csv"]);
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("never")), "{names:?}");
    assert!(!names.iter().any(|name| name.to_string_lossy().contains(".tmp")), "{names:?}");

    // As many as are asked for; and without rows the names are there.
    let (code, stdout, stderr) = wasmill(folder, &["query", "SELECT id FROM '*.csv' ORDER BY id", "--rows", "3"]);
    assert_eq!((code, stdout.lines().count()), (0, 5), "{stderr}");
    assert_eq!(stderr, "there are more than 3 rows\nhint: --rows 0 is all of them\n");
    assert_eq!(query(folder, &["SELECT id FROM '0.csv' WHERE id > 9", "--format", "csv"]), ["id"]);

    // A query may come by standard input, and whoever reads may have seen enough.
    let shell = "echo 'SELECT value FROM range(0, 10000000)' | $WASMILL query --format csv | head -2";
    let mut command = std::process::Command::new("bash");
    let output = command.args(["-c", shell]).env("WASMILL", env!("CARGO_BIN_EXE_wasmill")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "value\n0\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn nothing_is_changed_by_a_query() {
    let folder = files();
    let folder = folder.path();
    for sql in [
        "COPY (SELECT 1) TO 'copied.csv'",
        "CREATE TABLE a AS SELECT 1",
        "INSERT INTO '0.csv' VALUES (1, 'x')",
        "EXPLAIN ANALYZE INSERT INTO '0.csv' VALUES (1, 'x')",
        "DROP TABLE a",
        "SET datafusion.execution.batch_size = 1",
    ] {
        let said = refused(folder, &[sql]);
        assert!(said.contains("would change something, and only reading is possible"), "{sql}: {said}");
    }
    assert!(!folder.join("copied.csv").exists());
    let said = refused(folder, &["SELECT 1; SELECT 2"]);
    assert!(said.contains("one query is asked at a time, and there are 2"), "{said}");
    let said = refused(folder, &["SELEC 1"]);
    assert!(said.contains("error: cannot read the query: "), "{said}");
    let said = refused(folder, &["SELECT nam FROM '0.csv'"]);
    assert!(said.contains("error: cannot plan the query: No field named nam"), "{said}");
}

/// A number that `EXPLAIN ANALYZE` tells, in all places together.
fn metric(plan: &[String], name: &str) -> u64 {
    let key = format!("{name}=");
    let number = |text: &str| {
        let digits: String = text.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
        let unit = match text[digits.len()..].trim_start().chars().next() {
            Some('K') => 1e3,
            Some('M') => 1e6,
            Some('G') => 1e9,
            _ => 1.0,
        };
        (digits.parse::<f64>().unwrap_or_default() * unit) as u64
    };
    plan.iter().flat_map(|line| line.split(&key).skip(1)).map(number).sum()
}

#[test]
fn what_cannot_hold_what_is_asked_for_is_not_read() {
    let folder = pipeline("partition_by = [\"day\"]");
    let folder = folder.path();
    for (object, day) in ["mon", "tue", "wed", "thu"].iter().enumerate() {
        land(folder, &format!("{object}.csv"), &rows(object * 1000, 1000, day));
        assert_eq!(wasmill(folder, &["run", "."]).0, 0);
    }
    assert!(tables(folder, &["show", "lake/numbers"])[0]["files"].as_u64().unwrap() >= 4);
    // By partition, and by what the log says of each file.
    for (condition, expect) in
        [("value >= 0", 4), ("day = 'tue'", 1), ("id = 1500", 1), ("id < 1500 AND day > 'mon'", 1)]
    {
        let plan = query(folder, &[".", &format!("EXPLAIN ANALYZE SELECT sum(value) FROM numbers WHERE {condition}")]);
        assert_eq!(metric(&plan, "count_files_scanned"), expect, "{condition}: {plan:#?}");
    }

    // Of files of Parquet, by their statistics.
    let sql = "SELECT value AS id, value % 7 AS rest FROM range(0, 300000) ORDER BY id";
    query(folder, &[sql, "-o", "range.parquet"]);
    let plan = query(folder, &["EXPLAIN ANALYZE SELECT sum(rest) FROM 'range.parquet' WHERE id > 400000"]);
    let pruned =
        plan.iter().any(|line| line.contains("pruned") && (line.contains("1 pruned") || line.contains("0 matched")));
    assert!(pruned, "{plan:#?}");
}

#[test]
fn what_does_not_fit_into_memory_goes_into_files() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let spill = folder.join("spill");
    std::fs::create_dir(&spill).unwrap();
    let numbers = "SELECT value AS id, md5(CAST(value AS varchar)) AS text FROM range(0, 1000000)";
    query(folder, &[numbers, "-o", "numbers.parquet"]);
    let asked = |sql: &str| {
        let mut command = command(folder, &["query", sql, "--memory", "64", "--format", "json"]);
        let output = command.env("TMPDIR", &spill).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let sql = "SELECT * FROM 'numbers.parquet' ORDER BY text";
    let plan = asked(&format!("EXPLAIN ANALYZE {sql}"));
    let plan: Vec<String> = plan.split("\\n").map(str::to_owned).collect();
    assert!(metric(&plan, "spilled_bytes") > 1_000_000, "{plan:#?}");
    // Groups as well.
    let groups = "SELECT count(*) AS n FROM (SELECT text, count(*) FROM 'numbers.parquet' GROUP BY text)";
    let plan = asked(&format!("EXPLAIN ANALYZE {groups}"));
    let plan: Vec<String> = plan.split("\\n").map(str::to_owned).collect();
    assert!(metric(&plan, "spilled_bytes") > 1_000_000, "{plan:#?}");
    assert_eq!(asked(groups), "{\"n\":1000000}\n");
    assert_eq!(std::fs::read_dir(&spill).unwrap().count(), 0, "files are left");
    let said = refused(folder, &["SELECT 1", "--memory", "1"]);
    assert!(said.contains("--memory is less than a query needs"), "{said}");
}

#[test]
fn a_query_is_ended_by_ctrl_c_and_by_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let spill = folder.join("spill");
    std::fs::create_dir(&spill).unwrap();
    // It sorts in files for a long time.
    let sql = "SELECT md5(CAST(value AS varchar)) AS text FROM range(0, 2000000000) ORDER BY text";
    let arguments = ["query", sql, "--memory", "64", "-o", "out.csv"];
    let child = command(folder, &arguments).env("TMPDIR", &spill).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while std::fs::read_dir(&spill).unwrap().count() == 0 {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing is put into files");
        std::thread::sleep(Duration::from_millis(50));
    }
    let asked = Instant::now();
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "the query was ended\n");
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["spill"], "{left:?}");
    assert_eq!(std::fs::read_dir(&spill).unwrap().count(), 0, "files are left");

    let said = refused(folder, &[sql, "--timeout", "0.5"]);
    assert_eq!(said, "error: the query took longer than 0.50 s\nhint: more time is --timeout SECONDS\n");
}

#[test]
fn a_table_of_delta_lake_is_read_as_it_was() {
    let folder = pipeline("");
    let folder = folder.path();
    let mut versions = Vec::new();
    for object in 0..3 {
        land(folder, &format!("{object}.csv"), &rows(object * 10, 10, "mon"));
        assert_eq!(wasmill(folder, &["run", "."]).0, 0);
        versions.push(tables(folder, &["history", "lake/numbers"])[0].clone());
    }
    let count = |from: &str| json(folder, &[".", &format!("SELECT count(*) AS n FROM {from}")])["n"].as_u64().unwrap();
    assert_eq!(count("numbers"), 30);
    for (index, version) in versions.iter().enumerate() {
        let expect = 10 * (index as u64 + 1);
        let number = &version["version"];
        for from in [
            format!("numbers VERSION AS OF {number}"),
            format!("numbers FOR VERSION AS OF {number} AS n WHERE n.id >= 0"),
            format!("numbers@v{number} WHERE numbers.id >= 0"),
            format!("'lake/numbers' VERSION AS OF {number}"),
            format!("'lake/numbers@v{number}'"),
        ] {
            assert_eq!(count(&from), expect, "{from}");
        }
        let time = version["time"].as_i64().unwrap();
        let sql = format!("SELECT CAST(to_timestamp_millis({time}) AS varchar) AS t");
        let time = json(folder, &[&sql])["t"].as_str().unwrap().to_owned();
        for from in [format!("numbers TIMESTAMP AS OF '{time}'"), format!("numbers FOR SYSTEM_TIME AS OF '{time}Z'")] {
            assert_eq!(count(&from), expect, "{from}");
        }
    }
    // Both together: what came since.
    let first = &versions[0]["version"];
    let sql = format!(
        "SELECT count(*) AS n FROM (SELECT id FROM numbers EXCEPT SELECT id FROM numbers VERSION AS OF {first})"
    );
    assert_eq!(json(folder, &[".", &sql])["n"], 20);

    let said = refused(folder, &[".", "SELECT * FROM numbers VERSION AS OF 99"]);
    assert!(said.contains("table `numbers`: it has no version 99\nhint: the last one is "), "{said}");
    let said = refused(folder, &[".", "SELECT * FROM numbers TIMESTAMP AS OF '2001-01-01'"]);
    assert!(
        said.contains("table `numbers`: it was not there by then\nhint: the first version that is left is of 20"),
        "{said}"
    );
    let said = refused(folder, &[".", "SELECT * FROM 'landing/0.csv' VERSION AS OF 1"]);
    assert!(said.contains("has no versions"), "{said}");
    let said = refused(folder, &[".", "SELECT * FROM numbers TIMESTAMP AS OF 'yesterday'"]);
    assert!(said.contains("after TIMESTAMP AS OF comes a time"), "{said}");
}

/// The lake's pipeline with views, and a reference table that a function reads.
fn with_views(more: &str) -> tempfile::TempDir {
    let folder = pipeline("");
    let path = folder.path();
    let manifest = std::fs::read_to_string(path.join("pipeline.toml")).unwrap();
    let views = "
[tables.days]
store = \"landing\"
path = \"days.txt\"
component = \"ingest\"
config = { format = \"csv\", delimiter = \";\", columns = [{ name = \"day\", type = \"utf8\" }, { name = \"number\", type = \"int64\" }] }

[views.by_day]
description = \"What came each day.\"
sql = \"SELECT day, count(*) AS rows, sum(value) AS value FROM numbers GROUP BY day\"

[views.busy]
sql = { file = \"busy.sql\" }
";
    std::fs::write(path.join("pipeline.toml"), format!("{manifest}{views}{more}")).unwrap();
    std::fs::write(path.join("busy.sql"), "-- The busy ones.\nSELECT day FROM by_day WHERE rows > 5;\n").unwrap();
    land(path, "days.txt", "day;number\nmon;1\ntue;2\n");
    folder
}

#[test]
fn views_and_reference_tables_are_known_by_their_names() {
    let folder = with_views("");
    let folder = folder.path();
    // A view of a table that is not there yet is well.
    let (code, _, stderr) = wasmill(folder, &["validate", "."]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    land(folder, "a.csv", &rows(0, 10, "mon"));
    land(folder, "b.csv", &rows(10, 2, "tue"));
    assert_eq!(wasmill(folder, &["run", "."]).0, 0);
    assert_eq!(
        query(folder, &[".", "SELECT * FROM by_day ORDER BY day", "--format", "csv"]),
        ["day,rows,value", "mon,10,45.0", "tue,2,21.0"]
    );
    let joined = "SELECT number FROM busy JOIN days USING (day)";
    assert_eq!(json(folder, &[".", joined])["number"], 1);
    // From elsewhere it is the same pipeline.
    let elsewhere = tempfile::tempdir().unwrap();
    let path = folder.to_str().unwrap();
    assert_eq!(json(elsewhere.path(), &[path, joined])["number"], 1);
    assert_eq!(json(elsewhere.path(), &[path, "SELECT count(*) AS n FROM 'landing/*.csv'"])["n"], 12);

    let said = refused(folder, &[".", "SELECT * FROM nobody"]);
    assert!(
        said.contains("there is no table `nobody`\nhint: the tables are `numbers`, `days`, `busy`, `by_day`; files and folders are \
                       named in quotes, 'data/*.parquet', or in stores, 'lake/…', 'landing/…'"),
        "{said}"
    );
    let shown = query(
        folder,
        &[
            ".",
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
            "--format",
            "csv",
        ],
    );
    assert_eq!(shown, ["table_name", "busy", "by_day", "days", "numbers"]);
    assert!(query(folder, &[".", "DESCRIBE by_day"]).iter().any(|line| line.starts_with("rows")));
}

#[test]
fn a_view_that_cannot_be_read_is_told_when_the_pipeline_is_checked() {
    for (more, expect) in [
        ("[views.bad]\nsql = \"SELECT FROM\"\n", "view `bad`: cannot read the query: "),
        ("[views.bad]\nsql = \"DROP TABLE numbers\"\n", "view `bad`: the query would change something"),
        (
            "[views.bad]\nsql = \"SELECT * FROM nobody\"\n",
            "view `bad`: there is no table `nobody`\n    hint: the tables are ",
        ),
        (
            "[views.bad]\nsql = \"SELECT * FROM worse\"\n[views.worse]\nsql = \"SELECT * FROM bad\"\n",
            "view `bad` reads itself, by way of `bad`, `worse`",
        ),
        ("[views.bad]\nsql = \"SELECT nam FROM days\"\n", "view `bad`: cannot plan the query: No field named nam"),
        ("[views.bad]\nsql = \"SELECT * FROM 'x.csv'\"\n", "a view names files by stores, or by whole paths"),
        ("[views.days]\nsql = \"SELECT 1\"\n", "view `days` has the name of a table"),
        ("[views.numbers]\nsql = \"SELECT 1\"\n", "view `numbers` has the name of a sink"),
        ("[views.bad]\nsql = { file = \"none.sql\" }\n", "view `bad`: cannot read the file `none.sql`"),
    ] {
        let folder = with_views(more);
        let (code, _, stderr) = wasmill(folder.path(), &["validate", "."]);
        assert!(code == 2 && stderr.contains(expect), "{more}: {code} {stderr}");
    }
}

#[test]
fn databases_are_schemas_beside_the_rest() {
    let server = Postgres::start();
    server.sql(
        "CREATE TABLE people (id bigint PRIMARY KEY, name text, born date);
        INSERT INTO people SELECT i, 'name ' || i, date '2000-01-01' + i FROM generate_series(1, 1000) AS i;
        CREATE SCHEMA ops; CREATE VIEW ops.some AS SELECT id FROM people WHERE id < 4;",
    );
    let folder = with_views(&format!("[databases.shop]\nurl = \"{}\"\n", server.url()));
    let folder = folder.path();
    let people = rusqlite::Connection::open(folder.join("people.db")).unwrap();
    people
        .execute_batch("CREATE TABLE ages (id INTEGER, age INTEGER); INSERT INTO ages VALUES (1, 10), (2, 20)")
        .unwrap();
    land(folder, "a.csv", &rows(0, 10, "mon"));
    assert_eq!(wasmill(folder, &["run", "."]).0, 0);

    let sql = "SELECT count(*) AS n, min(p.name) AS first, CAST(max(born) AS varchar) AS born
        FROM numbers JOIN shop.people AS p ON p.id = numbers.id JOIN shop.ops.some AS s ON s.id = p.id LEFT JOIN local.ages AS a ON a.id = p.id
        WHERE age IS NOT NULL";
    let found = json(folder, &[".", sql, "--attach", "local=sqlite:people.db"]);
    assert_eq!(found, serde_json::json!({ "n": 2, "first": "name 1", "born": "2000-01-03" }));
    // A table twice in one query.
    let twice = "SELECT count(*) AS n FROM shop.people AS a JOIN shop.people AS b ON a.id = b.id + 1";
    assert_eq!(json(folder, &[".", twice])["n"], 999);
    let maria = MariaDb::start();
    maria.sql("CREATE TABLE shop.people (id bigint PRIMARY KEY, name varchar(20)); INSERT INTO shop.people VALUES (1, 'zwöi')");
    let sql =
        "SELECT m.name, (SELECT count(*) FROM maria.people) AS n FROM maria.people AS m JOIN shop.people USING (id)";
    let found = json(folder, &[".", sql, "--attach", &format!("maria={}", maria.url())]);
    assert_eq!(found, serde_json::json!({ "name": "zwöi", "n": 1 }));
    // Rows are left to the database.
    let plan = query(folder, &[".", "EXPLAIN SELECT name FROM shop.people WHERE id = 7"]).join("\n");
    assert!(plan.contains("SELECT \"people\".\"name\" FROM \"people\" WHERE"), "{plan}");
    let without = ["--attach", &format!("shop={}", server.url())];
    assert_eq!(json(folder, &[&["SELECT count(*) AS n FROM shop.people"], without.as_slice()].concat())["n"], 1000);

    let said = refused(folder, &[".", "SELECT * FROM shop.nobody"]);
    assert!(said.contains("table `shop.nobody`: "), "{said}");
    let said = refused(folder, &[".", "SELECT * FROM shops.people"]);
    assert!(said.contains("there is no table `shops.people`") && said.contains("`shop.TABLE`"), "{said}");
    let said = refused(folder, &["SELECT 1", "--attach", "shop=postgres://me:secret@db/shop"]);
    assert!(said.contains("--attach shop: the url has a password") && !said.contains("secret"), "{said}");
}

/// What a prompt says, on a terminal that Python makes, to lines that are typed one after the other, each when the prompt is there;
/// after one that begins with `LONG ` Ctrl-C is.
fn typed(folder: &Path, lines: &[&str]) -> String {
    const TERMINAL: &str = "
import os, pty, select, sys, time
program, cache, lines = sys.argv[1], sys.argv[2], sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM='xterm', WASMILL_CACHE=cache)
    os.execv(program, [program, 'query', '.'])
said, end = b'', time.time() + 120
def read():
    global said
    if select.select([terminal], [], [], 0.2)[0]:
        try:
            said += os.read(terminal, 65536)
        except OSError:
            return False
    return time.time() < end
# What editors tell terminals when they begin to read a line.
prompts = lambda: said.count(b'\\x1b[?2004h')
for index, line in enumerate(lines):
    while prompts() <= index and read():
        pass
    os.write(terminal, line.removeprefix('LONG ').encode() + b'\\r')
    if line.startswith('LONG '):
        while said.count(b'\\x1b[?2004l') <= index and read():
            pass
        # What comes before the query begins is nobody's.
        asked = 0
        while b'was ended' not in said and read():
            if time.time() > asked + 3:
                os.write(terminal, b'\\x03')
                asked = time.time()
while read():
    pass
_, status = os.waitpid(pid, 0)
sys.stdout.write(said.decode())
sys.exit(os.waitstatus_to_exitcode(status))
";
    let mut command = std::process::Command::new("python3");
    command.args(["-c", TERMINAL, env!("CARGO_BIN_EXE_wasmill")]).arg(folder.join("cache")).args(lines);
    let output = command.current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said} {}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn a_prompt_answers_completes_and_remembers() {
    let folder = with_views("");
    let folder = folder.path();
    land(folder, "a.csv", &rows(0, 10, "mon"));
    assert_eq!(wasmill(folder, &["run", "."]).0, 0);
    let said = typed(
        folder,
        &[
            "SELECT sum(value) AS total\rFROM numbers;",
            "\\d",
            "\\d by_day",
            "SELECT nam FROM numbers;",
            "LONG SELECT count(*) FROM range(0, 1000000) AS a, range(0, 1000000) AS b WHERE a.value % 7 = b.value % 11;",
            "SELECT count(*) AS many FROM numb\t WHERE valu\t >= 5;",
            "\\q",
        ],
    );
    for expect in [
        "45.0",
        "1 row in ",
        "by_day ",
        "view  ",
        "rows   Int64",
        "error: cannot plan the query: No field named nam",
        "the query was ended",
        "WHERE value",
    ] {
        assert!(said.contains(expect), "{expect}: {said}");
    }
    let history = std::fs::read_to_string(folder.join("cache/query-history")).unwrap();
    assert!(history.contains("SELECT nam FROM numbers;"), "{history}");
}
